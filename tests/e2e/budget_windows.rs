//! Windows of policies on the command line: those that are over, and those that were over before their policy was made.

use tollgate_tests::Place;

use crate::budgets::{lines, used};

#[test]
fn a_window_that_was_over_before_its_policy_was_made_shows_what_had_been_spent() {
    let place = Place::new();
    used(&place, "--output 150000");
    let sprint = "--window-from 2026-11-16T00:00:00Z --window-to 2026-11-23T00:00:00Z";
    // Made at a moment of the past, so that the day on which this runs does not matter: after the window.
    let _ = place.ok(&format!(
        "--data d policy set sprint --window fixed {sprint} --limit-usd 1 --from 2026-11-24T00:00:00Z"
    ));
    for at in ["", " --at 2026-11-20T12:00:00Z"] {
        let shown = place.ok(&format!("--data d policy show sprint{at}"));
        assert_eq!(lines(&shown, "over"), ["over 2026-11-16 00:00:00Z to 2026-11-23 00:00:00Z"], "{shown}");
        assert_eq!(lines(&shown, "spent"), ["spent 1.5 of 1 USD"], "{shown}");
        assert!(lines(&shown, "policy made after this window").len() == 1, "{shown}");
        let list = place.ok(&format!("--data d policy list{at}"));
        assert_eq!(
            lines(&list, "sprint"),
            ["sprint fixed warn 1 USD 1.5 USD 0 USD 0 USD exhausted"],
            "{list}"
        );
        assert_eq!(lines(&list, "! sprint: made after this window").len(), 1, "{list}");
    }
    let outside = place.ok("--data d policy list --at 2026-11-23T12:00:00Z");
    let row = lines(&outside, "sprint").concat();
    assert!(row.contains("counts nothing at 2026-11-23 12:00:00Z"), "{outside}");
    let csv = place.ok("--data d policy list --format csv");
    assert!(csv.contains("is_over") && csv.contains("made_later"), "{csv}");
}

#[test]
fn a_budget_that_is_not_there_is_said_and_a_date_is_a_time() {
    let place = Place::new();
    let _ = place.ok("--data d budget set search");
    let said = place.fails(3, "--data d policy list --budget serach");
    assert!(said.contains("budget `serach` of tenant `default`: there is none"), "{said}");
    assert!(said.contains("did you mean `search`?"), "{said}");
    assert!(place.ok("--data d policy list --budget search").contains("no policies"));
    let _ = place
        .ok("--data d policy set day --window daily --limit-usd 1 --zone Europe/Berlin --from 2026-11-01");
    let shown = place.ok("--data d policy show day --at 2026-11-20");
    assert_eq!(lines(&shown, "over"), ["over 2026-11-19 23:00:00Z to 2026-11-20 23:00:00Z"], "{shown}");
    let raise = "--data d policy raise day --usd 1 --until 2220-01-01 --author a --reason r";
    assert!(place.fails(3, &format!("{raise} --from 2026-11-01")).contains("must not begin in the past"));
    let next = "--data d policy set day --window daily --limit-usd 2 --zone Europe/Berlin --from 2026-11-02";
    assert!(place.fails(3, next).contains("a further version must not begin in the past"));
    let _ = place.ok("--data d usage record T-1 --model gpt-5 --output 100 --at 2026-11-03");
    assert!(place.ok("--data d usage list").contains("2026-11-03 00:00:00Z  T-1"));
    assert!(place.fails(3, "--data d usage record T-1 --output 100 --at 2026-11-31").contains("occurred_at"));
    assert!(place.ok(raise).contains("until 2219-12-31 23:00:00Z, by a: r"));
    assert!(
        place.ok("--data d prices history gpt-5 --known-on 2026-11-01").contains("no"),
        "nothing was decided"
    );
}

#[test]
fn what_is_about_the_future_or_about_a_model_that_nobody_knows_is_said() {
    let place = Place::new();
    let set = place.run_line(
        "--data d policy set p --window daily --limit-usd 1 --enforcement degrade --degrade-to gpt-5-mni",
    );
    assert_eq!(set.code, 0, "{}", set.err);
    assert!(set.err.contains("! degrade_to `gpt-5-mni`: the price book does not have it"), "{}", set.err);
    let scoped = |scope: &str| {
        place.run_line(&format!("--data d policy set q --window daily --limit-usd 1 --scope {scope}")).err
    };
    assert!(
        scoped("model=gtp-5").contains("! scope model `gtp-5`: the price book does not have it"),
        "{}",
        scoped("model=gtp-5")
    );
    let phase = scoped("phase=IMPLMENT");
    assert!(
        phase.contains("! scope phase `IMPLMENT`: must be one of") && phase.contains("IMPLEMENT"),
        "{phase}"
    );
    assert_eq!(scoped("model=gpt-5 --scope phase=IMPLEMENT"), "");
    let used = place.run_line("--data d usage record T-1 --model gpt-5 --output 5 --at 2220-01-01T00:00:00Z");
    assert_eq!(used.code, 0, "{}", used.err);
    assert!(used.err.contains("is more than a day after the ledger's time"), "{}", used.err);
    assert!(place.fails(3, "--data d report --known-on 2220-01-01").contains("must not be after today"));
    let by_task = place.fails(3, "--data d report export --by task");
    assert!(by_task.contains("usage summary --group-by task --format csv"), "{by_task}");
    let csv = place.ok("--data d usage summary --group-by task --format csv");
    assert!(csv.contains("T-1"), "{csv}");
}
