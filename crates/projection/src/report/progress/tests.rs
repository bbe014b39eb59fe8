//! Golden files of what is said about progress, and where nothing is.

use crate::report::{Named, Similar, explain, markdown, task_report};
use crate::testing::story;

const BLOCKED: &str = "config progress: { spinning_action: block; carry_forward: 0.5 }, in T-7, open, start SPEC, \
    signal SPEC criteria_defined 2, use SPEC out=500, +5s, end SPEC, start PLAN, signal PLAN planner_iterations 5, \
    use PLAN out=2600, +5s, end PLAN, start THINK, signal THINK edge_cases_found 0, use THINK out=2000, use THINK out=1500, \
    +5s, gate THINK";

#[test]
fn a_stopped_task_says_what_each_phase_achieved_and_why_it_was_stopped() {
    let story = story(BLOCKED);
    let named = Named { tenant: "default", task: "T-7", row: story.row().unwrap(), degraded: false };
    insta::assert_snapshot!("explained", explain(named, Some(story.now)));
    let report = task_report(named, &Similar::NoClass, Some(story.now), "9f3c@3:9".to_owned());
    let said = "THINK is spinning: no progress for 3,500 / 6,000 tokens";
    assert!(report.anomalies.iter().any(|anomaly| anomaly.starts_with(said)), "{:?}", report.anomalies);
    let text = markdown(&report);
    assert!(text.contains(said), "{text}");
    assert!(text.contains("\n## Progress\n\n- SPEC  productive: "), "{text}");
}

#[test]
fn a_phase_that_did_the_same_too_often_says_so_also_when_it_has_ended() {
    let spinning = "config progress: { spinning_repeats: 3 }, in T-7, open, start PLAN, signal PLAN file_read 1 a.rs, \
        signal PLAN file_read 1 a.rs, signal PLAN file_read 1 a.rs";
    for (rest, said) in [("", "PLAN is spinning: "), (", end PLAN, start THINK", "PLAN was spinning: ")] {
        let story = story(&format!("{spinning}{rest}"));
        let named = Named { tenant: "default", task: "T-7", row: story.row().unwrap(), degraded: false };
        let report = task_report(named, &Similar::NoClass, Some(story.now), String::new());
        let said = format!("{said}the same call or file 3 times in a row, 3 are too many");
        assert!(report.anomalies.contains(&said), "{rest}: {:?}", report.anomalies);
        // Nothing was spent on THINK so far: nobody knows whether it is slow.
        assert!(report.progress.iter().all(|line| !line.contains("slow")), "{:?}", report.progress);
    }
}

#[test]
fn a_phase_is_judged_by_the_limit_that_holds() {
    let story = story(
        "config progress: { carry_forward: 0.5 }, in T-7, open, start PLAN, use PLAN out=1000, end PLAN, \
         start THINK, use THINK out=6500, end THINK",
    );
    let row = story.row().unwrap();
    let named = Named { tenant: "default", task: "T-7", row, degraded: false };
    let report = task_report(named, &Similar::NoClass, Some(story.now), String::new());
    let think = report.executions.iter().find(|found| found.phase == "THINK").unwrap();
    let (own, holds) = (think.factors.as_ref().unwrap().tokens, think.tokens_limit.unwrap());
    assert!(own < 6500 && 6500 <= holds, "{own} {holds}");
    assert_eq!(think.breach_status.as_str(), "within");
    assert!(report.breaches.is_empty(), "{:?}", report.breaches);
    assert!(!explain(named, Some(story.now)).contains(&format!("of {own} tokens")));
}

#[test]
fn a_phase_that_spun_and_went_on_is_remembered() {
    let story = story(&format!(
        "{BLOCKED}, use THINK out=1000, signal THINK edge_cases_found 9, end THINK, gate completion"
    ));
    let named = Named { tenant: "default", task: "T-7", row: story.row().unwrap(), degraded: false };
    let report = task_report(named, &Similar::NoClass, Some(story.now), String::new());
    let said: Vec<&String> = report.anomalies.iter().filter(|said| said.contains("spinning")).collect();
    assert_eq!(said, ["THINK was spinning at 75% of its limit"]);
}

#[test]
fn nothing_is_said_of_tasks_whose_budget_does_not_follow_progress() {
    let story = story(
        &BLOCKED.replace("progress: { spinning_action: block; carry_forward: 0.5 }", "rollout: enforce"),
    );
    let named = Named { tenant: "default", task: "T-7", row: story.row().unwrap(), degraded: false };
    let text = explain(named, Some(story.now));
    assert!(
        !text.contains("Progress:") && !text.contains("spinning") && text.contains("gate: allow"),
        "{text}"
    );
}
