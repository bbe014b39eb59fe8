//! Edge cases of reports, metrics and the hot path.

use serde_json::json;
use tollgate_clock::Stopwatch;
use tollgate_domain::config::BudgetConfig;
use tollgate_domain::limits::task_limits;
use tollgate_domain::metadata::TaskMetadata;

use crate::ground::{CONFIG, ENFORCE, EVIDENCE, Ground, codes, over_each_log, through, verdict};

over_each_log!(
    ec14_a_report_of_an_unfinished_task_says_so,
    ec15_what_is_missing_or_unreadable_never_fails_a_report,
    ec19_no_metric_carries_a_task,
    ec20_limits_are_computed_once_and_looked_up_after,
    ec21_a_report_that_fails_blocks_nothing,
    days_are_those_of_the_zone_that_is_asked_for,
);

fn days_are_those_of_the_zone_that_is_asked_for(ground: &mut Ground) {
    // Usage around midnight in Shanghai and Berlin, and around Berlin's change to daylight saving time.
    for (id, at, tokens) in [
        ("a", "2025-01-01T23:30:00Z", 1_100),
        ("b", "2025-01-02T03:00:00Z", 2_200),
        ("c", "2025-01-02T16:30:00Z", 4_400),
        ("d", "2026-03-29T00:30:00Z", 1),
        ("e", "2026-03-28T22:30:00Z", 2),
        ("f", "2026-03-29T21:59:59Z", 4),
        // The last quarter of an hour of a 23-hour Berlin day has passed: the next day.
        ("g", "2026-03-29T22:00:00Z", 8),
    ] {
        let _ = ground.ok(&format!("usage record T-tz --id {id} --at {at} --output {tokens}"));
    }
    let days = |flags: &str| -> String {
        let report = ground.json(&format!("report --by day {flags}"));
        let groups = report["by_day"].as_array().unwrap_or_else(|| panic!("{report}")).iter();
        let days =
            groups.map(|group| format!("{} {}", group["key"].as_str().unwrap(), group["tokens"]["total"]));
        let mut days: Vec<String> = days.collect();
        days.sort();
        format!("{} = {}", days.join(", "), report["tokens"]["total"])
    };
    assert_eq!(
        days("--time-zone Asia/Shanghai"),
        "2025-01-02 3300, 2025-01-03 4400, 2026-03-29 3, 2026-03-30 12 = 7715"
    );
    assert_eq!(
        days("--time-zone Europe/Berlin"),
        "2025-01-02 7700, 2026-03-28 2, 2026-03-29 5, 2026-03-30 8 = 7715"
    );
    assert_eq!(days("--time-zone Europe/Berlin --since 2026-03-29 --until 2026-03-30"), "2026-03-29 5 = 5");
    let said = ground.fails(3, "report --by day --time-zone Europe/Berlln");
    assert!(said.contains("Europe/Berlin"), "{said}");
}

fn ec14_a_report_of_an_unfinished_task_says_so(ground: &mut Ground) {
    // Rule: phases not begun are shown with their limits, and a banner names the current phase.
    let _ = ground.ok("task open T-1");
    through(ground, "T-1", "SPEC", 100);
    let _ = ground.ok("phase start T-1 PLAN");
    let report = ground.ok("report T-1");
    assert!(report.contains("**Task in progress**: the current phase is PLAN"), "{report}");
    assert_eq!(report.matches("Not Started").count(), 7, "{report}");
    for row in ["| THINK ", "| MONITOR ", "✅ within, running"] {
        assert!(report.contains(row), "{row}: {report}");
    }
    let json = ground.json("report T-1");
    let states: Vec<_> =
        json["executions"].as_array().unwrap().iter().map(|row| row["state"].as_str().unwrap()).collect();
    assert_eq!(states[..4], ["not_started", "ended", "running", "not_started"], "in the order of the phases");
    assert_eq!(json["executions"][3]["tokens_limit"], 6000);
    // Between two phases no phase is current, and the banner says so.
    let _ = ground.ok("phase end T-1 PLAN");
    assert!(ground.ok("report T-1").contains("**Task in progress**: no phase is active"));
    let _ = ground.ok("task close T-1");
    assert!(!ground.ok("report T-1").contains("in progress"), "a closed task is not");
}

fn ec15_what_is_missing_or_unreadable_never_fails_a_report(ground: &mut Ground) {
    // Rule: missing data is shown as `Data unavailable`, with a warning; the report is made all the same.
    let unreadable =
        "Data unavailable: some events could not be read, the numbers do not include them or any later ones";
    let _ = ground.ok("task open T-1");
    through(ground, "T-1", "SPEC", 1_234);
    let _ = ground.ok("usage record T-2 --output 5");
    let report = ground.ok("report T-1");
    assert!(!report.contains("Data unavailable"), "{report}");
    let read = ground.ok("report accesses");
    assert!(read.contains("report of T-1"), "each read is recorded: {read}");
    // A task about which only a sum is known: there is no row to show.
    assert!(ground.ok("report T-2").contains("unphased"), "what it used");
    let _ = ground.ok("usage adjust T-2 nothing --input=1 --reason x");
    ground.append(&[json!({"id": "w", "task": "T-3", "wait_recorded": {"kind": "queue", "wait_ms": 5}})]);
    let report = ground.ok("report T-3");
    assert!(report.contains("| Data unavailable |"), "{report}");
    ground.stop();
    ground.append_unreadable("T-1");
    ground.start(EVIDENCE);
    let _ = ground.ok("usage record T-1 --output 1000");
    let report = ground.ok("report T-1");
    assert!(report.contains(unreadable) && report.contains("1,234"), "{report}");
    assert_eq!(ground.json("report T-1")["totals"]["tokens"]["total"], 1_234, "later events wait with it");
    let answer = ground.gate("T-1", "PLAN");
    assert_eq!((verdict(&answer), codes(&answer)), ("warn", vec!["degraded"]), "{answer}");
    assert!(!ground.ok("report T-2").contains(unreadable), "other tasks go on");
    assert_eq!(ground.json("report")["degraded_tasks"], 1, "totals say what they lack");
}

fn ec19_no_metric_carries_a_task(ground: &mut Ground) {
    // Rule: the task id is not a metric label: a hundred tasks make no more series than one.
    let series = |ground: &Ground| {
        let (status, text) = ground.get("/metrics");
        assert_eq!(status, 200);
        let names = text
            .lines()
            .filter(|line| !line.starts_with('#'))
            .map(|line| line.rsplit_once(' ').unwrap().0.to_owned());
        // Which route was requested first does not matter.
        let mut names: Vec<String> = names.filter(|name| !name.contains("_http_")).collect();
        names.sort();
        (names, text)
    };
    let usage = |number: usize| {
        let task = format!("CARDINAL-{number}");
        json!({"id": "u", "task": task, "usage_recorded": {"phase": "PLAN", "model": "gpt-5", "tokens": {"output": 7}}})
    };
    ground.append(&[usage(0)]);
    let _ = ground.ok("task open CARDINAL-0");
    let _ = ground.gate("CARDINAL-0", "PLAN");
    let one = series(ground).0;
    assert!(one.len() > 5, "there are metrics: {one:?}");
    ground.append(&(1..100).map(usage).collect::<Vec<_>>());
    for number in 1..4 {
        let _ = ground.gate(&format!("CARDINAL-{number}"), "PLAN");
    }
    let (hundred, text) = series(ground);
    assert_eq!(one, hundred, "the same series");
    assert!(!text.contains("CARDINAL"), "{text}");
}

fn ec20_limits_are_computed_once_and_looked_up_after(ground: &mut Ground) {
    // Rule: limits are computed when the task opens and stored in that event; the gate looks them up.
    let _ = ground.ok("task open T-1");
    let opened = ground.recorded("task_opened");
    let stored = &opened[0]["limits"];
    assert_eq!(stored["phases"].as_array().map(Vec::len), Some(9), "{stored}");
    // The config that they come from is gone, and the one in force has no such phases at all.
    ground.serve("rollout: enforce\nphases: [ONLY]\nbase_budgets: { ONLY: { tokens: 1, latency_ms: 1 } }\nphase_weights: { ONLY: 1 }\n");
    let answer = ground.gate("T-1", "VERIFY");
    assert_eq!((verdict(&answer), answer["tokens"]["limit"].as_u64()), ("allow", Some(23_400)), "{answer}");
    // The floor of the computation itself: all limits of a task in less than 5 ms, here on one core of a
    // debug build.
    let (config, metadata) = (BudgetConfig::built_in(), TaskMetadata::default());
    let took = (0..10).map(|_| {
        let begun = Stopwatch::start();
        assert_eq!(task_limits(&config, &metadata).unwrap().total_tokens(), 23_400);
        begun.elapsed()
    });
    let best = took.min().unwrap();
    assert!(best.as_millis() < 5, "{best:?}");
}

fn ec21_a_report_that_fails_blocks_nothing(ground: &mut Ground) {
    // Rule: reports are made off the caller's path; if they cannot be written, nothing else fails.
    ground.place().write("no-directory", "a file stands where the evidence should be");
    ground.stop();
    ground.start("no-directory");
    let _ = ground.ok("task open T-1");
    through(ground, "T-1", "VERIFY", 60_000);
    assert_eq!(
        verdict(&ground.gate("T-1", "REVIEW")),
        "block",
        "the block itself is an occasion of a report"
    );
    let _ = ground.ok("task close T-1");
    assert!(ground.ok("report T-1").contains("# Budget Report: T-1"), "asked for, it is answered");
    // What could not be written is written once it can be.
    ground.serve(ENFORCE);
    ground.stop();
    let report = std::fs::read_to_string(ground.evidence("T-1", "budget_report.md")).unwrap();
    assert!(report.contains("❌ EXCEEDED"), "{report}");
}

/// The same if the command itself is the ledger: its answer and its exit code are those of the command.
#[test]
fn ec21_a_report_that_fails_leaves_a_command_its_answer() {
    let ground = Ground::embedded();
    let place = ground.place();
    place.write("no-directory", "a file stands where the evidence should be");
    let to = format!("--data own --config {CONFIG} --evidence-dir no-directory");
    let run = |line: &str| place.run_line(&format!("{to} {line}"));
    assert_eq!(run("task open T-1").code, 0);
    assert_eq!(run("usage record T-1 --output 60000").code, 0);
    let said = run("gate T-1 REVIEW");
    assert_eq!(said.code, 5, "the gate's answer, not the report's: {said:?}");
    assert!(said.out.starts_with("BLOCK: T-1 to REVIEW"), "{said:?}");
    assert!(said.err.contains("evidence"), "the report's failure is told: {said:?}");
    let said = run("task close T-1");
    assert_eq!((said.code, said.out.as_str()), (0, "T-1: completed\n"), "{said:?}");
    // What could not be written is written by a later command that can.
    let _ = place.ok(&format!("--data own --config {CONFIG} --evidence-dir {EVIDENCE} status"));
    assert!(ground.evidence("T-1", "budget_report.md").is_file());
}
