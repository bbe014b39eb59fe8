//! Many tasks at once: what they cost each other, and that failures midway leave one truth.

use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

use serde_json::{Value, json};
use tollgate_client::{Tracker, TrackerBuilder, Usage};
use tollgate_clock::Stopwatch;
use tollgate_domain::gate::Verdict;
use tollgate_domain::metadata::TaskMetadata;
use tollgate_domain::tokens::TokenCounts;
use tollgate_tests::request;

use crate::ground::{EVIDENCE, Ground, over_each_log};

over_each_log!(
    pm3_fifty_tasks_at_once_report_without_waiting_and_are_all_decided,
    pm4_ten_tasks_advancing_at_once_survive_failed_writes_and_kills,
);

const PHASES: [&str; 9] =
    ["STRATEGIZE", "SPEC", "PLAN", "THINK", "IMPLEMENT", "VERIFY", "REVIEW", "PR", "MONITOR"];

/// Phases of each task in PM3.
const WORKED: usize = 2;

fn pm3_fifty_tasks_at_once_report_without_waiting_and_are_all_decided(ground: &mut Ground) {
    // How much time they pay is measured, not tested: `tollgate-bench transitions`,
    // `fifty_tasks_…_with_vs_without`. What is tested: reports cost no round trip, the gate decides each step
    // of each task, and nothing is skipped for that.
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(async {
        let tracker = TrackerBuilder::to_server(ground.url(), "bot").gate_patience(Duration::from_secs(60));
        let tracker = Arc::new(tracker.start().unwrap());
        for task in 0..50 {
            tracker.open_task(&name(task), TaskMetadata::default()).unwrap();
        }
        tracker.flush().await.unwrap();
        let all: Vec<_> =
            (0..50).map(|task| tokio::spawn(phases(Arc::clone(&tracker), name(task)))).collect();
        for one in all {
            one.await.unwrap();
        }
        tracker.flush().await.unwrap();
    });
    for task in 0..50 {
        let shown = ground.json(&format!("task show {}", name(task)));
        assert_eq!(shown["tokens_used"], 200, "{shown}");
    }
    assert_eq!(ground.recorded("phase_started").len(), 50 * WORKED);
    assert_eq!(ground.recorded("gate_decided").len(), 50 * WORKED);
}

fn name(task: usize) -> String {
    format!("T-{task}")
}

/// The first phases of a task, each with its transition to the next.
async fn phases(tracker: Arc<Tracker>, task: String) {
    for pair in PHASES.windows(2).take(WORKED) {
        // None of these waits for an answer: the gate does, for all of them.
        tracker.start_phase(&task, pair[0]).unwrap();
        let tokens = TokenCounts { output: 100, ..TokenCounts::default() };
        tracker.report_usage(&task, Usage::of(pair[0], "gpt-5", tokens)).unwrap();
        tracker.end_phase(&task, pair[0], None).unwrap();
        let answer = tracker.gate(&task, pair[1]).await.unwrap();
        assert_eq!(answer.verdict, Verdict::Allow, "{answer:?}");
        assert!(answer.response.is_some(), "the ledger decided: {answer:?}");
    }
}

/// What orchestrators share with those that break things.
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

struct State {
    url: String,
    acknowledged: usize,
}

impl Shared {
    /// Sends one request until it is answered, always the same bytes; `None`: the sender dies with the first
    /// failure.
    fn send(&self, path: &str, body: &Value, mortal: bool) -> Option<(u16, Value)> {
        let body = body.to_string();
        let begun = Stopwatch::start();
        loop {
            let url = self.state.lock().unwrap().url.clone();
            if let Some((status @ (200 | 201 | 422), text)) = request(&url, "POST", path, &body) {
                self.state.lock().unwrap().acknowledged += 1;
                self.changed.notify_all();
                return Some((status, serde_json::from_str(&text).unwrap()));
            }
            if mortal {
                return None;
            }
            assert!(begun.elapsed() < Duration::from_secs(90), "nobody answers {path}");
            let state = self.state.lock().unwrap();
            drop(self.changed.wait_timeout(state, Duration::from_millis(100)).unwrap());
        }
    }

    /// Waits until this many requests have been acknowledged.
    fn wait_for(&self, acknowledged: usize) {
        let begun = Stopwatch::start();
        let mut state = self.state.lock().unwrap();
        while state.acknowledged < acknowledged {
            assert!(begun.elapsed() < Duration::from_secs(90), "only {} went through", state.acknowledged);
            state = self.changed.wait_timeout(state, Duration::from_millis(100)).unwrap().0;
        }
    }

    fn serves_at(&self, url: &str) {
        url.clone_into(&mut self.state.lock().unwrap().url);
        self.changed.notify_all();
    }
}

/// Takes a task through the phases, starting with a given one; `Err`: the phase in which its orchestrator
/// died.
fn advance(shared: &Shared, task: &str, from: usize, mortal: bool, life: &str) -> Result<(), usize> {
    for (nth, phase) in PHASES.iter().enumerate().skip(from) {
        let id = |what: &str| json!(format!("{life}-{phase}-{what}"));
        let tell = |path: String, mut body: Value, what: &str| {
            body["id"] = id(what);
            body["producer"] = json!("race");
            shared.send(&path, &body, mortal).ok_or(nth)
        };
        // An orchestrator that takes over a task finds its phase active.
        if life == "first" || nth > from {
            let (status, answer) =
                tell(format!("/v1/tasks/{task}/phases"), json!({"phase": phase}), "start")?;
            assert_ne!(status, 422, "{task} {phase}: {answer}");
        }
        let usage = json!({"phase": phase, "model": "gpt-5", "tokens": {"output": 10}});
        let event = json!({"id": id("usage"), "task": task, "usage_recorded": usage});
        shared.send("/v1/events", &json!({"producer": "race", "events": [event]}), mortal).ok_or(nth)?;
        let (status, answer) = tell(format!("/v1/tasks/{task}/phases/{phase}/end"), json!({}), "end")?;
        assert_ne!(status, 422, "{task} {phase}: {answer}");
        let next = PHASES.get(nth + 1).unwrap_or(&"completion");
        let (_, answer) = tell(format!("/v1/tasks/{task}/gate"), json!({"advance_to": next}), "gate")?;
        assert_eq!(answer["verdict"], "allow", "{answer}");
    }
    Ok(())
}

fn pm4_ten_tasks_advancing_at_once_survive_failed_writes_and_kills(ground: &mut Ground) {
    // Rule: 10 tasks advance at once, writes fail and processes are killed mid-transition; afterwards the log
    // has each transition once, and an orchestrator that died is brought back to where its work is.
    for task in 0..10 {
        let _ = ground.ok(&format!("task open {}", name(task)));
    }
    let state = Mutex::new(State { url: ground.url().to_owned(), acknowledged: 0 });
    let shared = Shared { state, changed: Condvar::new() };
    let died = std::thread::scope(|scope| {
        let shared = &shared;
        let one = |task: usize| scope.spawn(move || advance(shared, &name(task), 0, task == 0, "first"));
        let all: Vec<_> = (0..10).map(one).collect();
        for acknowledged in [60, 130, 200] {
            shared.wait_for(acknowledged);
            if acknowledged == 130 {
                ground.break_log();
            } else {
                ground.kill();
                ground.start(EVIDENCE);
            }
            shared.serves_at(ground.url());
        }
        let ends: Vec<_> = all.into_iter().map(|one| one.join().unwrap()).collect();
        assert!(ends[1..].iter().all(Result::is_ok), "{ends:?}");
        ends[0].expect_err("its orchestrator died with the first server")
    });
    // The first orchestrator's successor knows what it was working on, but not what the ledger accepted.
    let shown = ground.ok("task recover T-0");
    assert!(shown.starts_with("T-0 is open; "), "{shown}");
    let repaired = ground.ok(&format!("task recover T-0 --to {} --id recovered", PHASES[died]));
    assert!(repaired.contains(PHASES[died]), "{repaired}");
    advance(&shared, "T-0", died, false, "second").unwrap();
    for task in 0..10 {
        let shown = ground.json(&format!("task show {}", name(task)));
        let runs: Vec<_> = shown["executions"].as_array().unwrap().iter().collect();
        let phases: Vec<_> = runs.iter().map(|run| run["phase"].as_str().unwrap()).collect();
        assert_eq!(shown["stage"], "completed", "{shown}");
        if task > 0 {
            assert_eq!(phases, PHASES, "each phase ran once: {shown}");
            assert_eq!(shown["tokens_used"], 90, "each usage counts once: {shown}");
            assert!(runs.iter().all(|run| run["state"] == "ended" && run["tokens_used"] == 10), "{shown}");
        } else {
            assert!(PHASES.iter().all(|phase| phases.contains(phase)), "{shown}");
        }
    }
    let started = ground.recorded("phase_started").len();
    assert!((90..=91).contains(&started), "{started} starts");
    ground.stop();
    let verify = format!("{} log verify", ground.log_flags().join(" "));
    assert!(ground.place().ok(&verify).starts_with("passed: "));
}
