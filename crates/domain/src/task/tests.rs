//! given | when | then tables for the life of a task.

use super::*;
use crate::config::BudgetConfig;
use crate::event::{
    GateDecided, ImportanceChanged, Mark, OverrideGranted, OverrideScope, PhaseEnded, PhaseStarted,
    TaskClosed, TaskEvent, TaskMarked, TaskOpened, TaskOutcome,
};
use crate::gate::{self, Switches, TaskFigures, Verdict};
use crate::limits::task_limits;
use crate::metadata::{Enforcement, LimitOverride, TaskMetadata};

/// One line per case: `given | when | then`. Steps: `open`, `close`, `start PHASE`, `end PHASE [ATTEMPT]`.
#[track_caller]
fn check(table: &str) {
    for line in table.lines().map(str::trim).filter(|line| !line.is_empty()) {
        let [given, when, then]: [&str; 3] =
            line.split('|').map(str::trim).collect::<Vec<_>>().try_into().expect("3 columns");
        let mut state = TaskState::default();
        for step in given.split(',').map(str::trim).filter(|step| !step.is_empty()) {
            take(&mut state, step);
        }
        let got = match decide(&state, command(when)) {
            Ok(decided) => shown(&decided),
            Err(rejection) => rejection.code().to_owned(),
        };
        assert_eq!(got, then, "case: {line}");
    }
}

fn follow(state: &mut TaskState, decided: &Decided) {
    apply(state, &decided.event);
    for (_, event) in &decided.followed_by {
        apply(state, event);
    }
}

/// Applies an earlier step: `gate VERDICT [stale]`, or a command that is accepted.
fn take(state: &mut TaskState, step: &str) {
    let words: Vec<&str> = step.split_whitespace().collect();
    if let ["gate", ruled, ref how @ ..] = words[..] {
        evolve(state, &judged(ruled, how).into());
    } else {
        let decided = decide(state, command(step)).expect("given steps are accepted");
        follow(state, &decided);
    }
}

fn judged(ruled: &str, how: &[&str]) -> GateDecided {
    let standing = TaskFigures {
        task: "T",
        limits: None,
        enforcement: Enforcement::On,
        tokens_used: 0,
        latency_ms: 0,
        leaving: None,
        active: None,
        passes: &[],
        progress: None,
    };
    let switches = Switches::from(&BudgetConfig::built_in());
    let mut decided = gate::decide(&standing, &Advance::Completion, switches);
    (decided.ruled, decided.stale) = (Verdict::from_word(ruled).unwrap(), how == ["stale"]);
    decided
}

fn command(step: &str) -> TaskEvent {
    let words: Vec<&str> = step.split_whitespace().collect();
    match words[..] {
        ["open"] => {
            let metadata = TaskMetadata::default();
            let limits = task_limits(&BudgetConfig::built_in(), &metadata).ok();
            TaskEvent::TaskOpened(Box::new(TaskOpened { metadata, limits }))
        }
        ["close"] => {
            TaskEvent::TaskClosed(TaskClosed { outcome: TaskOutcome::Cancelled, reason: None, author: None })
        }
        ["start", phase] => TaskEvent::PhaseStarted(PhaseStarted::reported(phase.parse().unwrap())),
        ["conclude", phase] => TaskEvent::PhaseStarted(PhaseStarted {
            concluded_by: Some("shipped".to_owned()),
            ..PhaseStarted::reported(phase.parse().unwrap())
        }),
        ["end", phase] => TaskEvent::PhaseEnded(PhaseEnded { phase: phase.parse().unwrap(), attempt: None }),
        ["end", phase, attempt] => TaskEvent::PhaseEnded(PhaseEnded {
            phase: phase.parse().unwrap(),
            attempt: Some(attempt.parse().unwrap()),
        }),
        ["raise", phase, tokens] => TaskEvent::OverrideGranted(OverrideGranted {
            scope: OverrideScope::Limit {
                phase: phase.parse().unwrap(),
                limit: LimitOverride { tokens: Some(tokens.parse().unwrap()), latency_ms: None },
            },
            approver: "ada".to_owned(),
            reason: "known to be large".to_owned(),
        }),
        ["pass", advance] => TaskEvent::OverrideGranted(OverrideGranted {
            scope: OverrideScope::Block { advance: advance.parse().unwrap() },
            approver: "ada".to_owned(),
            reason: "legitimate".to_owned(),
        }),
        ["importance", ref tiers @ ..] => TaskEvent::ImportanceChanged(ImportanceChanged {
            from: (tiers.len() > 1).then(|| tiers[0].parse().unwrap()),
            to: tiers[tiers.len() - 1].parse().unwrap(),
            author: "ada".to_owned(),
            reason: "the customer waits".to_owned(),
        }),
        ["mark", word] => TaskEvent::TaskMarked(TaskMarked {
            mark: Mark::from_word(word).unwrap(),
            author: "ada".to_owned(),
            reason: "the migration needed it".to_owned(),
        }),
        _ => panic!("unknown step: {step}"),
    }
}

fn shown(decided: &Decided) -> String {
    let one = |event: &TaskEvent| {
        if let TaskEvent::PhaseStarted(started) = event {
            format!("started {}", started.execution().unwrap())
        } else if let TaskEvent::PhaseEnded(ended) = event {
            format!("ended {}", ended.execution().unwrap())
        } else {
            event.kind().to_owned()
        }
    };
    let followed = decided.followed_by.iter().map(|(_, event)| one(event));
    std::iter::once(one(&decided.event)).chain(followed).collect::<Vec<_>>().join(" + ")
}

#[test]
fn phases_that_rules_conclude() {
    check(
        "
                                                | conclude THINK    | started THINK
                                                | conclude GUESS    | started GUESS
        conclude THINK                          | conclude PLAN     | phase_already_active
        conclude THINK                          | end THINK         | ended THINK
        conclude THINK                          | end PLAN          | phase_mismatch
        conclude THINK                          | end THINK 2       | attempt_mismatch
        conclude THINK, end THINK               | end THINK         | phase_mismatch
        conclude THINK, end THINK               | conclude THINK    | started THINK attempt 2
        conclude THINK, end THINK               | start PLAN        | task_not_open
        conclude MONITOR                        | end MONITOR       | ended MONITOR
        conclude THINK, end THINK               | open              | task_opened
        conclude THINK, end THINK, open         | start THINK       | started THINK attempt 2
        open                                    | conclude THINK    | phases_are_reported
        open, close                             | conclude THINK    | phases_are_reported
                                                | end THINK         | task_not_open
        ",
    );
}

#[test]
fn opening_and_closing() {
    check(
        "
                                                | open              | task_opened
        open                                    | open              | task_already_open
        open, close                             | open              | task_closed
                                                | close             | task_not_open
        open                                    | close             | task_closed
        open, start THINK                       | close             | task_closed + ended THINK
        open, close                             | close             | task_closed
        open, start MONITOR                     | end MONITOR       | ended MONITOR + task_closed
        open, start MONITOR, end MONITOR        | start THINK       | task_closed
        ",
    );
}

#[test]
fn one_phase_at_a_time_and_attempts_count_up() {
    check(
        "
                                                | start THINK       | task_not_open
        open                                    | start think       | started THINK
        open                                    | start THINKK      | unknown_phase
        open, start THINK                       | start THINK       | phase_already_active
        open, start THINK                       | start PLAN        | phase_already_active
        open, start THINK                       | end THINK         | ended THINK
        open, start THINK                       | end THINK 1       | ended THINK
        open, start THINK                       | end THINK 2       | attempt_mismatch
        open, start THINK                       | end PLAN          | phase_mismatch
        open                                    | end THINK         | phase_mismatch
        open                                    | end THINKK        | unknown_phase
        open, start THINK, end THINK            | start THINK       | started THINK attempt 2
        open, start THINK, end THINK, start THINK | end THINK       | ended THINK attempt 2
        open, start IMPLEMENT, end IMPLEMENT    | start PLAN        | started PLAN
        ",
    );
}

#[test]
fn overrides_name_a_phase_of_the_task() {
    check(
        "
                                                | raise THINK 9000  | task_not_open
        open                                    | raise THINK 9000  | override_granted
        open                                    | raise THIMK 9000  | unknown_phase
        open                                    | pass REVIEW       | override_granted
        open                                    | pass completion   | override_granted
        open, close                             | pass completion   | task_closed
        ",
    );
}

#[test]
fn whatever_the_gate_said_a_person_may_judge() {
    check(
        "
                                          | mark legitimate | task_marked
        open                              | mark runaway    | task_marked
        open, close                       | mark legitimate | task_marked
        open, gate allow                  | mark legitimate | task_marked
        open, gate block stale            | mark legitimate | task_marked
        open, gate warn                   | mark legitimate | task_marked
        open, gate block, gate allow      | mark runaway    | task_marked
        open, gate block, close           | mark runaway    | task_marked
        open, gate block, mark runaway    | mark legitimate | task_marked
        ",
    );
}

#[test]
fn importance_changes_from_what_it_is() {
    check(
        "
                                                | importance high           | task_not_open
        open                                    | importance high           | importance_changed
        open                                    | importance medium high    | importance_changed
        open                                    | importance low high       | importance_mismatch
        open                                    | importance medium         | importance_unchanged
        open, importance high                   | importance medium low     | importance_mismatch
        open, importance high                   | importance high low       | importance_changed
        open, close                             | importance high           | task_closed
        ",
    );
    let mut state = TaskState::default();
    for step in ["open", "importance critical"] {
        take(&mut state, step);
    }
    let limits = state.limits.as_ref().unwrap();
    assert_eq!((state.importance, limits.importance), (Some(Importance::Critical), Importance::Medium));
    assert_eq!(limits.total_tokens(), 23_400, "limits stay as they are");
    let TaskEvent::ImportanceChanged(changed) = decide(&state, command("importance low")).unwrap().event
    else {
        panic!("the command's event")
    };
    assert_eq!(changed.from, Some(Importance::Critical), "filled in by the decision");
}

#[test]
fn a_raised_limit_moves_that_phase_only() {
    let mut state = TaskState::default();
    for step in ["open", "raise THINK 9000", "pass REVIEW", "pass REVIEW"] {
        take(&mut state, step);
    }
    let limits = state.limits.unwrap();
    let think = limits.phase(&"THINK".parse().unwrap()).unwrap();
    assert_eq!((think.tokens, think.latency_ms, think.overridden.tokens), (9000, 135_000, Some(9000)));
    assert_eq!(limits.total_tokens(), 23_400 - 6000 + 9000);
    assert_eq!(state.passes, ["REVIEW".parse().unwrap()]);
}

#[test]
fn a_mismatch_carries_the_ledgers_phase() {
    let mut state = TaskState::default();
    for step in ["open", "start THINK"] {
        take(&mut state, step);
    }
    let rejection = decide(&state, command("end PLAN")).unwrap_err();
    assert_eq!(
        rejection.to_string(),
        "phase mismatch: PLAN is not active, the ledger's active phase is THINK"
    );
}
