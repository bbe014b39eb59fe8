//! What the gate says of progress, as tables. PLAN, BUILD and TEST have 1,000, 2,000 and 1,000 tokens.

use super::*;
use crate::config::{BreachAction, Rollout};
use crate::gate::{GateDecided, PhaseFigures, Switches, decide};
use crate::metadata::Enforcement;
use crate::phase::ExecutionId;
use crate::progress::tests::{happen, limits};

/// The decision about a task with these rules, after these steps, `latency_ms` aside.
fn case(progress: &str, steps: &str, advance: &str, rollout: Rollout) -> GateDecided {
    let limits = limits(progress);
    let task = happen(&limits, steps);
    let of_phases = task.phases.iter().map(|phase| u128::from(phase.used())).sum::<u128>();
    let current = task.current.as_ref().and_then(|phase| task.phase(phase)).unwrap();
    let active = ExecutionId { phase: current.phase.clone(), attempt: 1 };
    let leaving =
        PhaseFigures { phase: current.phase.clone(), tokens_used: current.used().into(), latency_ms: 0 };
    let standing = TaskFigures {
        task: "T-1",
        limits: Some(&limits),
        enforcement: Enforcement::On,
        tokens_used: of_phases,
        latency_ms: 0,
        leaving: Some(leaving),
        active: Some(&active),
        passes: &[],
        progress: Some(&task),
    };
    let switches = Switches {
        breaker: false,
        enabled: true,
        rollout,
        latency_action: BreachAction::Warn,
        per_phase_action: BreachAction::Block,
    };
    decide(&standing, &advance.parse().unwrap(), switches)
}

fn shown(decided: &GateDecided) -> String {
    let codes: Vec<&str> = decided.reasons.iter().map(|reason| reason.code.as_str()).collect();
    format!("{}: {}", decided.verdict.as_str(), codes.join(" "))
}

#[track_caller]
fn check(progress: &str, cases: &str) {
    for line in cases.lines().map(str::trim).filter(|line| !line.is_empty()) {
        let [steps, advance, then]: [&str; 3] =
            line.split('|').map(str::trim).collect::<Vec<_>>().try_into().expect("3 columns");
        let decided = case(progress, steps, advance, Rollout::Enforce);
        assert_eq!(shown(&decided).trim_end(), then, "{line}");
    }
}

#[test]
fn a_spinning_phase_is_stopped_while_it_runs_and_where_the_rules_say_so() {
    let spins = "start PLAN, done PLAN 0, +400 PLAN, +200 PLAN";
    check(
        ", spinning_action: block",
        "
        start PLAN, done PLAN 0, +400 PLAN, +100 PLAN           | PLAN  | allow:
        start PLAN, done PLAN 0, +400 PLAN, +200 PLAN           | PLAN  | block: spinning
        start PLAN, done PLAN 0, +400 PLAN, +200 PLAN           | BUILD | block: spinning
        start PLAN, done PLAN 0, +400 PLAN, +200 PLAN, end PLAN | BUILD | allow:
        start PLAN, tool PLAN 8 a                               | PLAN  | block: spinning
        start PLAN, +400 PLAN, +200 PLAN                        | PLAN  | allow:
        ",
    );
    check("", &format!("{spins} | PLAN | warn: spinning"));
    let observed = case(", spinning_action: block", spins, "PLAN", Rollout::Observe);
    assert_eq!(shown(&observed), "warn: spinning observe_only");
    assert_eq!((observed.ruled, &observed.requirements[..]), (Verdict::Block, &[Requirement::Review][..]));
}

#[test]
fn what_a_phase_earned_holds_for_it_and_for_the_task_only_where_the_rules_say_so() {
    let cases = "
        start PLAN, done PLAN 9, +1600 PLAN                     | BUILD | allow: extended
        start PLAN, done PLAN 5, +1600 PLAN                     | BUILD | block: phase_budget_exceeded
        start PLAN, done PLAN 30, +1600 PLAN, end PLAN, start BUILD, done BUILD 99, +2900 BUILD | TEST | ";
    check(", spinning_share: 0, forecast_warn: 0", &format!("{cases} warn: token_budget_warning extended"));
    check(
        ", spinning_share: 0, forecast_warn: 0, extension_raises_total: true",
        &format!("{cases} allow: extended"),
    );
    check(
        ", carry_forward: 0.5, spinning_share: 0",
        "
        start PLAN, end PLAN, start BUILD, +3700 BUILD          | TEST  | allow: carried_forward
        start BUILD, +3700 BUILD                                | TEST  | block: phase_budget_exceeded
        ",
    );
    let decided = case(
        ", carry_forward: 0.5",
        "start PLAN, end PLAN, start BUILD, +100 BUILD",
        "TEST",
        Rollout::Enforce,
    );
    assert_eq!(decided.remaining_tokens, Some(2_400));
}

#[test]
fn a_forecast_far_above_the_limit_is_warned_of_before_it_comes_true() {
    check(
        ", forecast_warn: 1.2",
        "
        start PLAN, +1200 PLAN, end PLAN                        | BUILD | allow:
        start PLAN, +1201 PLAN, end PLAN                        | BUILD | warn: forecast_exceeded
        start PLAN, +1201 PLAN                                  | BUILD | allow:
        ",
    );
    check(", forecast_warn: 0", "start PLAN, +1400 PLAN, end PLAN | BUILD | allow:");
}

#[test]
fn every_reason_has_its_numbers_and_the_figures_are_in_the_decision() {
    let mut said = Vec::new();
    for (progress, steps) in [
        ("", "start PLAN, done PLAN 0, +400 PLAN, +1200 PLAN"),
        ("", "start PLAN, tool PLAN 1200 a"),
        (", spinning_share: 0", "start PLAN, done PLAN 9, +1600 PLAN"),
        (", carry_forward: 0.5", "start PLAN, end PLAN, start BUILD"),
        ("", "start PLAN, +9000 PLAN, end PLAN"),
    ] {
        let decided = case(progress, steps, "completion", Rollout::Enforce);
        let of_progress = decided.reasons.iter().filter(|reason| {
            matches!(
                reason.code,
                ReasonCode::Spinning
                    | ReasonCode::Extended
                    | ReasonCode::CarriedForward
                    | ReasonCode::ForecastExceeded
            )
        });
        said.extend(of_progress.map(|reason| reason.message.clone()));
        assert_eq!(
            decided.progress.unwrap().effective_limit(),
            if steps.contains("BUILD") {
                2_500
            } else if steps.contains("done PLAN 9") {
                1_750
            } else {
                1_000
            }
        );
    }
    insta::assert_snapshot!(said.join("\n"));
}
