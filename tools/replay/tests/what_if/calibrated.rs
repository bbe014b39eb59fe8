//! Limits proposed from the same histories.

use std::ops::ControlFlow;

use tokio::runtime::Runtime;
use tollgate_replay::ReplayError;
use tollgate_replay::calibrate::Options;
use tollgate_replay::collect::{Asked, Calibrated, CollectError, calibrate_history};
use tollgate_replay::source::History;

use crate::doubled::Doubled;
use crate::story::{about, candidate, generated, replay, runtime, story};

fn calibrated(
    runtime: &Runtime,
    history: &dyn History,
    threads: usize,
    goes_on: ControlFlow<()>,
) -> Result<Calibrated, CollectError> {
    let current = candidate("built-in", "rollout: observe");
    let asked = Asked {
        current: &current,
        options: &Options::default(),
        marks: None,
        session_phases: None,
        threads,
        out: None,
        checkpoint_events: u64::MAX,
    };
    calibrate_history(history, &asked, runtime.handle(), &|_| goes_on)
}

#[test]
fn events_that_are_there_twice_count_once_on_any_number_of_threads() {
    let runtime = runtime();
    let story = generated(12, 60);
    let once = calibrated(&runtime, &story.history(&runtime), 1, ControlFlow::Continue(())).unwrap();
    assert!(once.result.calibration.data.fitted_samples > 20);
    for threads in [1, 3, 100] {
        let twice =
            calibrated(&runtime, &Doubled::of(&runtime, &story), threads, ControlFlow::Continue(())).unwrap();
        assert_eq!(twice.result.canonical(), once.result.canonical(), "{threads} threads");
        assert_eq!(twice.hash, once.hash);
        assert_eq!(twice.source.repeated_events, once.result.inputs.events);
    }
    assert_eq!(once.source.repeated_events, 0);
}

#[test]
fn it_stops_when_it_is_told_to() {
    let runtime = runtime();
    let history = generated(12, 20).history(&runtime);
    let stopped = calibrated(&runtime, &history, 4, ControlFlow::Break(()));
    assert!(matches!(stopped, Err(CollectError::Read(ReplayError::Interrupted))), "{stopped:?}");
}

#[test]
fn a_task_with_an_event_that_cannot_be_read_is_left_out_and_counted() {
    let runtime = runtime();
    let script = "in A, open, start PLAN, use 5, torn, use 99999, end PLAN, close completed, \
                  in B, open, start PLAN, use 7, end PLAN, close completed";
    let found =
        calibrated(&runtime, &story(script).history(&runtime), 2, ControlFlow::Continue(())).unwrap().result;
    assert_eq!((found.inputs.unreadable_tasks, found.inputs.unreadable_events), (1, 1));
    assert_eq!((found.calibration.data.tasks, found.calibration.data.fitted_samples), (1, 1));
    assert_eq!(found.calibration.groups[0].tokens.percentiles[0].value, 7);
}

/// Ten small tasks, and ten that are judged: what PLAN takes of tokens and seconds, and the phase after it.
#[test]
fn the_config_in_force_is_judged_as_a_comparison_judges_it() {
    let small = [(100, 1, "VERIFY"); 10];
    let judged = [
        (100, 1, "VERIFY"),
        (3_600, 1, "VERIFY"),
        (3_601, 1, "VERIFY"),
        (3_601, 1, "PR"),
        (100, 90, "VERIFY"),
        (100, 91, "VERIFY"),
        (100, 91, "PR"),
        (100, 700, "VERIFY"),
        (30_000, 1, "VERIFY"),
        (30_000, 1, "PR"),
    ];
    let mut script = String::new();
    for (nth, (tokens, seconds, next)) in small.into_iter().chain(judged).enumerate() {
        script += &format!(
            "in T-{nth}, +900, open, gate PLAN, start PLAN, +{seconds}, use {tokens}, end PLAN, gate {next}, start {next}, \
             use 10, end {next}, gate completion, close completed, "
        );
    }
    let (runtime, story) = (runtime(), story(&script));
    for (latency, per_phase, stopped) in
        [("warn", "warn", 2), ("block", "warn", 3), ("warn", "block", 5), ("block", "block", 5)]
    {
        let yaml = format!(
            "rollout: enforce\nstop_loss:\n  latency_action: {latency}\n  per_phase_action: {per_phase}\n"
        );
        let current = candidate("in force", &yaml);
        let asked = Asked {
            current: &current,
            options: &Options { holdout_percent: 50, ..Options::default() },
            marks: None,
            session_phases: None,
            threads: 1,
            out: None,
            checkpoint_events: u64::MAX,
        };
        let history = story.history(&runtime);
        let found =
            calibrate_history(&history, &asked, runtime.handle(), &|_| ControlFlow::Continue(())).unwrap();
        let of_proposal = found.result.calibration.judged.unwrap();
        let compared = replay(&runtime, &story.history(&runtime), &about(&[current])).unwrap().result;
        let blocked = &compared.candidates[0].false_positives;
        let judged = of_proposal.current.false_positives;
        assert_eq!((judged.count, judged.of), (stopped, 10), "latency {latency}, phases {per_phase}");
        assert_eq!((blocked.part, blocked.of), (stopped, 20), "latency {latency}, phases {per_phase}");
    }
}
