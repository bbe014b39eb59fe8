//! given | then: what people say beside a history counts as if it had been said in it.

use std::ops::ControlFlow;

use tollgate_domain::ids::TenantId;
use tollgate_replay::Marks;
use tollgate_replay::calibrate::{Options, Outcome};
use tollgate_replay::collect::{Asked, Calibrated, CollectError, calibrate_history};

use crate::story::{about, candidate, generated, replay, runtime, story};

fn marks(text: &str) -> Marks {
    Marks::read("marks.csv", text, &TenantId::default_tenant()).unwrap()
}

/// Four tasks that are blocked: one that nobody finished, one that was completed, one that was marked, and one of
/// usage alone.
const BLOCKED: &str = "in A, open, use 90000, gate REVIEW, use 10, close abandoned, \
     in B, open, use 90000, gate REVIEW, use 20, close completed, \
     in C, open, use 90000, gate REVIEW, use 30, mark runaway, in D, use 5";

#[test]
fn marks_beside_a_history_say_what_its_tasks_were() {
    let (runtime, candidates) = (runtime(), [candidate("c", "rollout: enforce")]);
    let history = story(BLOCKED).history(&runtime);
    let marks = marks("task,mark\nA,runaway\nB, runaway\nC,legitimate\nD,runaway\n");
    let mut question = about(&candidates);
    let before = replay(&runtime, &history, &question).unwrap().result;
    question.marks = Some(&marks);
    let after = replay(&runtime, &history, &question).unwrap().result;
    assert_eq!((before.history.runaway, before.history.legitimate), (1, 0));
    assert_eq!(
        (after.history.runaway, after.history.legitimate),
        (3, 1),
        "C was marked otherwise in the ledger"
    );
    let parts = |of: &tollgate_replay::what_if::result::CandidateResult| {
        (of.found_runaways.part, of.false_positives.part, of.saved.tokens, of.interrupted.tokens)
    };
    assert_eq!(parts(&before.candidates[0]), (1, 1, 10 + 30, 20));
    assert_eq!(parts(&after.candidates[0]), (2, 1, 10 + 20, 30));
    assert!(before.inputs.marks_hash.is_none() && after.inputs.marks_hash.is_some());
}

#[test]
fn marks_of_tasks_that_a_history_does_not_have_are_refused() {
    let (runtime, candidates) = (runtime(), [candidate("c", "rollout: enforce")]);
    let history = story(BLOCKED).history(&runtime);
    let mut question = about(&candidates);
    let slips = marks("task,mark\nA,runaway\nE,runaway\n");
    question.marks = Some(&slips);
    let error = replay(&runtime, &history, &question).unwrap_err().to_string();
    assert!(
        error.contains("--marks marks.csv: 1 of 2 marked tasks are not in the history of the tenant"),
        "{error}"
    );
    assert!(error.contains("`default`: `E`; name tasks as the history has them"), "{error}");
    // Whose tasks they are, counts.
    let others = Marks::read("m", "task,mark\nA,runaway\n", &TenantId::new("other").unwrap()).unwrap();
    question.marks = Some(&others);
    assert!(replay(&runtime, &history, &question).is_err());
}

fn calibrated(marks: Option<&Marks>) -> Result<Calibrated, CollectError> {
    let (runtime, current) = (runtime(), candidate("built-in", "rollout: observe"));
    let asked = Asked {
        current: &current,
        options: &Options::default(),
        marks,
        session_phases: None,
        threads: 2,
        out: None,
        checkpoint_events: u64::MAX,
    };
    let history = generated(12, 120).history(&runtime);
    calibrate_history(&history, &asked, runtime.handle(), &|_| ControlFlow::Continue(()))
}

#[test]
fn a_calibration_takes_marks_and_refuses_those_of_unknown_tasks() {
    let data = |marks| calibrated(marks).unwrap().result.calibration.data;
    let runaways = marks("task,mark\nT-1,runaway\nT-2,runaway\nT-3,runaway\n");
    let (before, after) = (data(None), data(Some(&runaways)));
    let count = |outcomes: &[(Outcome, u64)], of: &[Outcome]| -> u64 {
        outcomes.iter().filter(|(outcome, _)| of.contains(outcome)).map(|(_, tasks)| tasks).sum()
    };
    let runaway = [Outcome::Runaway];
    assert_eq!(before.tasks, after.tasks);
    assert!(count(&after.outcomes, &runaway) > count(&before.outcomes, &runaway), "{before:?} {after:?}");
    let error = calibrated(Some(&marks("task,mark\nT-1000,runaway\n"))).unwrap_err().to_string();
    assert!(error.contains("`T-1000`; name tasks as the history has them"), "{error}");
}

#[test]
fn a_file_of_marks_that_is_wrong_is_refused_with_all_that_is_wrong() {
    for (text, expected) in [
        ("", "line 1: ``: the columns must be `task,mark`"),
        ("T-1,runaway\n", "line 1: `T-1,runaway`: the columns must be `task,mark`"),
        ("task,mark\n", "no task is marked"),
        (
            "task,mark\nT-1,runawy\n",
            "line 2: task `T-1`: mark `runawy` must be legitimate or runaway; did you mean `runaway`?",
        ),
        ("task,mark\n,runaway\n", "line 2: names no task"),
        ("task,mark\nT-1,runaway\nT-1,legitimate\n", "line 3: task `T-1` is both legitimate and runaway"),
        ("task,mark\nT-1\n", "found record with 1 fields"),
    ] {
        let error = Marks::read("m", text, &TenantId::default_tenant()).unwrap_err();
        assert_eq!(error.problems.len(), 1, "{text}: {error}");
        assert!(error.to_string().contains(expected), "{text}: {error}");
    }
    let all = Marks::read("m", "task,mark\nA,x\nB,y\nA,runaway\n", &TenantId::default_tenant()).unwrap_err();
    assert_eq!(all.problems.len(), 2, "{all}");
}
