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
    assert!(
        report.anomalies.iter().any(|said| said.starts_with("THINK is spinning: 3,500 tokens")),
        "{report:?}"
    );
    assert!(markdown(&report).contains("THINK is spinning: 3,500 tokens and 2 model calls without progress"));
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
