//! Fifty concurrent tasks, from phase to phase, with the ledger and without.

use std::sync::Arc;
use std::time::Duration;

use tollgate_client::{Tracker, TrackerBuilder, Usage};
use tollgate_clock::Stopwatch;
use tollgate_domain::metadata::TaskMetadata;
use tollgate_domain::tokens::TokenCounts;

use crate::driver::nanoseconds;
use crate::plain::Plain;

/// Number of concurrent tasks.
const TASKS: usize = 50;

/// How long a phase works: half of the shortest latency limit in a shipped config. A longer one would make
/// the ledger's share smaller.
const WORK: Duration = Duration::from_secs(3);

/// Phases of each task, and the one after them.
const PHASES: [&str; 5] = ["STRATEGIZE", "SPEC", "PLAN", "THINK", "IMPLEMENT"];

/// What fifty concurrent tasks observed.
pub(crate) struct Fifty {
    /// How much longer the median phase takes with the ledger than without: 1.05 is 5 % longer.
    pub(crate) longer: f64,
    /// From asking the gate after the task's own usage to its answer, in nanoseconds.
    pub(crate) gates: Vec<u64>,
    /// The plain hops of fifty others running concurrently, in nanoseconds.
    pub(crate) plain: Vec<u64>,
}

/// One phase of one task.
struct Phase {
    took: Duration,
    /// The gate, or the plain hops in its place, in nanoseconds.
    asked: Option<u64>,
}

/// What a task does at the end of a phase.
#[derive(Clone)]
enum End {
    Nothing,
    Ledger(Arc<Tracker>),
    Plain(Arc<Plain>),
}

/// With and without concurrently, so that whatever else the machine does affects both.
pub(crate) async fn with_vs_without(url: &str, plain: &Arc<Plain>) -> Fifty {
    let tracker = Arc::new(TrackerBuilder::to_server(url, "fifty").start().expect("a tracker"));
    for task in 0..TASKS {
        tracker.open_task(&name(task), TaskMetadata::default()).expect("a task");
    }
    tracker.flush().await.expect("they are open");
    let (with, plain) = (End::Ledger(Arc::clone(&tracker)), End::Plain(Arc::clone(plain)));
    let (without, with, plain) = tokio::join!(fifty(&End::Nothing), fifty(&with), fifty(&plain));
    tracker.flush().await.expect("everything is there");
    Fifty {
        longer: median(&with).as_secs_f64() / median(&without).as_secs_f64(),
        gates: with.iter().filter_map(|phase| phase.asked).collect(),
        plain: plain.iter().filter_map(|phase| phase.asked).collect(),
    }
}

/// Each phase of each task.
async fn fifty(end: &End) -> Vec<Phase> {
    let mut all = Vec::with_capacity(TASKS);
    for task in 0..TASKS {
        all.push(tokio::spawn(phases(end.clone(), name(task))));
        // Tasks do not march in step.
        work(WORK / TASKS as u32).await;
    }
    let mut took = Vec::with_capacity(TASKS * PHASES.len());
    for one in all {
        took.extend(one.await.expect("a task does not panic"));
    }
    took
}

async fn phases(end: End, task: String) -> Vec<Phase> {
    let mut took = Vec::with_capacity(PHASES.len());
    for pair in PHASES.windows(2) {
        let begun = Stopwatch::start();
        if let End::Ledger(tracker) = &end {
            tracker.start_phase(&task, pair[0]).expect("a phase");
        }
        work(WORK).await;
        let asked = match &end {
            End::Nothing => None,
            End::Plain(plain) => Some(plain.once().await),
            End::Ledger(tracker) => Some(gate(tracker, &task, pair).await),
        };
        took.push(Phase { took: begun.elapsed(), asked });
    }
    took
}

/// Reports what a phase used, ends it and asks for the next one; returns how long the gate took, in
/// nanoseconds.
async fn gate(tracker: &Tracker, task: &str, phases: &[&str]) -> u64 {
    let tokens = TokenCounts { output: 100, ..TokenCounts::default() };
    tracker.report_usage(task, Usage::of(phases[0], "gpt-5", tokens)).expect("usage");
    let ended = tracker.end_phase(task, phases[0], None).expect("an end");
    let asked = Stopwatch::start();
    let answer = tracker.gate(task, phases[1]).await.expect("an answer");
    assert!(answer.response.is_some(), "the ledger decided: {answer:?}");
    let took = nanoseconds(asked.elapsed());
    ended.await.expect("the phase is ended");
    took
}

#[expect(clippy::disallowed_methods, reason = "an agent works for some time")]
async fn work(time: Duration) {
    tokio::time::sleep(time).await;
}

fn name(task: usize) -> String {
    format!("F-{task}")
}

fn median(phases: &[Phase]) -> Duration {
    let mut all: Vec<Duration> = phases.iter().map(|phase| phase.took).collect();
    all.sort();
    all[all.len() / 2]
}
