//! Reports of money as known on a day, and by labels, as people ask for them.

use std::time::{Duration, UNIX_EPOCH};

use tollgate_domain::time::Day;
use tollgate_tests::Place;

/// A day before anything was recorded, and that of the process's present: what was recorded until now was recorded by
/// its end.
fn days() -> [String; 2] {
    let now = tollgate_test_process::now().duration_since(UNIX_EPOCH).unwrap();
    let day = |seconds: Duration| Day(i32::try_from(seconds.as_secs() / 86_400).unwrap());
    let today = day(now);
    // A record may have been made just before midnight.
    [Day(today.0 - 2), today].map(|day| day.to_string())
}

#[test]
fn what_was_recorded_after_a_day_is_in_no_report_as_known_on_it() {
    let place = Place::new();
    let record = |rest: &str| {
        let _ = place.ok(&format!("--data d usage record T-1 --provider openai --model gpt-5 {rest}"));
    };
    record("--at 2026-10-30T08:00:00Z --input 1000 --label team=search --component planner");
    record("--at 2026-10-31T08:00:00Z --input 200 --label team=ads");
    place.write("bill.csv", "day,model,tokens,amount_usd\n2026-10-30,gpt-5,1000,0.5\n");
    let _ = place.ok("--data d bill import bill.csv --provider openai");
    let [before, today] = days();
    let compare = "bill compare --provider openai --from 2026-10-30 --to 2026-10-31";
    for (known, events, lines, charges, billed) in
        [("", 2, 2, 3, "0.5"), (today.as_str(), 2, 2, 3, "0.5"), (before.as_str(), 0, 0, 1, "0")]
    {
        let known_on = if known.is_empty() { String::new() } else { format!("--known-on {known}") };
        let json = |command: &str| place.json(&format!("--data d {command} {known_on}"));
        let report = json("report --by month,team");
        assert_eq!(
            (&report["usage_events"], &report["tasks"]),
            (&events.into(), &u64::from(events > 0).into())
        );
        assert_eq!(report["chosen"]["groups"].as_array().unwrap().len(), events, "{report}");
        let export = json("report export --by label:team,component --only model=gpt-5");
        assert_eq!(export["lines"].as_array().unwrap().len(), lines, "{export}");
        assert_eq!(json(compare)["total"]["billed_usd"], billed);
        let focus = place.ok(&format!("--data d report focus {known_on}"));
        assert_eq!(focus.lines().count(), charges, "{focus}");
        let csv = place.ok(&format!("--data d report --by team --format csv {known_on}"));
        assert_eq!(csv.lines().filter(|line| line.starts_with("team,")).count(), events, "{csv}");
        assert!(csv.lines().nth(1).unwrap().contains(&format!(",{known},")), "{csv}");
    }
    let table = place.ok(&format!("--data d report --by team --known-on {before}"));
    assert!(table.starts_with(&format!("0 tasks, 0 usage events, as known on {before}\n")), "{table}");
    let table = place.ok("--data d report --by team");
    assert!(table.contains("\nteam    tokens") && table.contains("\nsearch"), "{table}");
}
