//! given | then tables of progress in the rows of tasks. PLAN has 2,400 tokens, SPEC 1,500.

use super::super::{Status, TaskRow, task_figures};
use crate::testing::{Story, folded, folds_alike_over_a_store, story};

const RULES: &str = "config progress: { spinning_action: block; extension: 0.5 }, ";

fn shown(story: &Story) -> String {
    let none = TaskRow::default();
    let row = story.row().unwrap_or(&none);
    let figures = task_figures("T-1", row, Some(story.now));
    let Some(progress) = figures.progress else { return "none".to_owned() };
    let Some(now) = progress.figures(figures.limits.unwrap()) else { return "no phase".to_owned() };
    let verdicts: Vec<&str> = row.decisions.iter().map(|decision| decision.verdict.as_str()).collect();
    let (phase, pace, limit) = (&now.phase, now.pace, now.effective_limit());
    format!("{phase} {pace} {}/{limit} {}p {}", now.tokens, now.points, verdicts.join(","))
}

#[track_caller]
fn check(table: &str) {
    for line in table.lines().map(str::trim).filter(|line| !line.is_empty()) {
        let (given, then) = line.split_once('|').expect("2 columns");
        let story = story(&format!("{RULES}{}", given.trim()));
        folds_alike_over_a_store(&Status, &story.events, |_| true);
        assert_eq!(shown(&story).trim_end(), then.trim(), "{line}");
    }
}

#[test]
fn progress_is_kept_of_tasks_that_were_opened_under_such_rules() {
    check(
        "
        use PLAN out=10                                                                  | none
        open                                                                             | no phase
        config rollout: enforce, open, start PLAN                                        | none
        open, start PLAN, use PLAN out=100                                               | PLAN unknown 100/2400 0p
        open, config rollout: enforce, start PLAN, signal PLAN planner_iterations 2, use PLAN out=100 | PLAN productive 100/2400 6p
        open, start PLAN, use PLAN/1 in=300 out=100, adjust PLAN/1 out=-50, use - out=9  | PLAN unknown 350/2400 0p
        open, start PLAN, end PLAN, start PLAN, use PLAN/1 out=3, use PLAN/2 out=4       | PLAN unknown 7/2400 0p
        use PLAN out=70, signal PLAN planner_iterations 1, use - out=2, open, start PLAN  | PLAN unknown 70/2400 0p
        open, start PLAN, raise PLAN 100, signal PLAN planner_iterations 1, use PLAN out=120 | PLAN productive 120/150 3p
        ",
    );
}

#[test]
fn the_gate_decides_by_it_and_what_is_not_reported_stops_nobody() {
    check(
        "
        open, start PLAN, use PLAN out=700, use PLAN out=700, gate PLAN                  | PLAN unknown 1400/2400 0p allow
        open, start PLAN, signal PLAN planner_iterations 0, use PLAN out=700, use PLAN out=700, gate PLAN | PLAN spinning 1400/2400 0p block
        open, start PLAN, signal PLAN tool_call 7 k1, gate PLAN, signal PLAN tool_call 1 k1, gate PLAN | PLAN spinning 0/2400 0p allow,block
        open, start PLAN, signal PLAN tool_call 7 k1, signal PLAN tool_call 1 k2, gate PLAN | PLAN unknown 0/2400 0p allow
        open, start PLAN, signal PLAN planner_iterations 0, use PLAN out=700, use PLAN out=700, config rollout: observe, gate PLAN | PLAN spinning 1400/2400 0p warn
        ",
    );
}

#[test]
fn what_was_used_before_the_opening_counts_towards_the_forecast() {
    let story = story(&format!("{RULES}use PLAN out=1200, use - out=5, open, start PLAN, end PLAN"));
    let row = story.row().unwrap();
    let forecast =
        task_figures("T-1", row, None).progress.unwrap().figures(row.state.limits.as_deref().unwrap());
    // PLAN used half of its 2,400. THINK to MONITOR have 15,000 after it: 1,200 + 7,500 + 5.
    assert_eq!(forecast.unwrap().forecast_task_tokens, Some(8_705));
    let again = folded(&Status, &story.events);
    assert_eq!(again.values().next(), Some(row));
}
