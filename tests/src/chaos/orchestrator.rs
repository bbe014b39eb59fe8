//! An orchestrator: opens tasks, runs phases, reports usage, asks the gate. What is not acknowledged is sent
//! again under the same ids, to the other server.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tollgate_clock::Stopwatch;

use serde_json::{Value, json};

use super::Dice;
use crate::request;

/// The longest that one request may take including all its retries.
const PATIENCE: Duration = Duration::from_secs(120);

/// What was acknowledged.
#[derive(Debug, Default)]
pub(crate) struct Journal {
    /// Tokens of each usage event, by task and id.
    pub(crate) usage: BTreeMap<String, BTreeMap<String, u64>>,
    /// Ids of commands and gate questions, by task.
    pub(crate) decisions: BTreeMap<String, Vec<String>>,
    pub(crate) retries: u64,
    pub(crate) slowest: Duration,
}

struct Orchestrator<'a> {
    urls: &'a [String],
    at: usize,
    journal: &'a Mutex<Journal>,
    task: String,
    sent: u64,
}

/// Works through one task after the other until it is told to stop; the current task is finished.
pub(crate) fn orchestrate(
    number: u64,
    urls: &[String],
    mut dice: Dice,
    stop: &AtomicBool,
    journal: &Mutex<Journal>,
) {
    let at = (number % urls.len() as u64) as usize;
    let mut it = Orchestrator { urls, at, journal, task: String::new(), sent: 0 };
    for nth in 0.. {
        if stop.load(Ordering::Relaxed) {
            return;
        }
        it.task = format!("T-{number}-{nth}");
        let complexity = ["Tiny", "Small", "Medium"][dice.below(3) as usize];
        it.decide("/v1/tasks".to_owned(), json!({"task": it.task, "complexity": complexity}));
        for phase in ["STRATEGIZE", "SPEC", "PLAN"] {
            it.decide(format!("/v1/tasks/{}/phases", it.task), json!({"phase": phase}));
            for _ in 0..1 + dice.below(6) {
                it.use_tokens(phase, &mut dice);
            }
            it.decide(format!("/v1/tasks/{}/phases/{phase}/end", it.task), json!({}));
            it.decide(format!("/v1/tasks/{}/gate", it.task), json!({"advance_to": "THINK", "wait_ms": 2000}));
            if stop.load(Ordering::Relaxed) {
                break;
            }
        }
        it.decide(format!("/v1/tasks/{}/close", it.task), json!({"outcome": "completed"}));
    }
}

impl Orchestrator<'_> {
    /// A command or a question to the gate: each has a unique id.
    fn decide(&mut self, path: String, mut body: Value) {
        let id = self.next_id();
        body["id"] = json!(id);
        body["producer"] = json!("chaos");
        let answer: Value = serde_json::from_str(&self.send(&path, &body)).expect("an answer is JSON");
        let mut journal = self.journal();
        let ids = journal.decisions.entry(self.task.clone()).or_default();
        // The gate answers even if the log accepts nothing. An answer without a position says that nothing is
        // recorded.
        if !path.ends_with("/gate") || answer["position"].is_string() {
            ids.push(id);
        }
    }

    fn use_tokens(&mut self, phase: &str, dice: &mut Dice) {
        let ids: Vec<(String, u64)> =
            (0..=dice.below(8)).map(|_| (self.next_id(), dice.below(900))).collect();
        let event = |(id, tokens): &(String, u64)| {
            json!({"id": id, "task": self.task, "usage_recorded":
                {"phase": phase, "model": "gpt-5", "tokens": {"output": tokens}}})
        };
        let events: Vec<Value> = ids.iter().map(event).collect();
        let _ = self.send("/v1/events", &json!({"producer": "chaos", "events": events}));
        // Sometimes sent again although it was acknowledged: it is a duplicate, here or at the other server.
        if dice.below(10) == 0 {
            self.at += 1;
            let _ = self.send("/v1/events", &json!({"producer": "chaos", "events": events}));
        }
        self.journal().usage.entry(self.task.clone()).or_default().extend(ids);
    }

    /// Sends a request until it is acknowledged; returns the answer.
    fn send(&mut self, path: &str, body: &Value) -> String {
        let begun = Stopwatch::start();
        let text = body.to_string();
        let mut tries = 0;
        let answer = loop {
            let url = &self.urls[self.at % self.urls.len()];
            match request(url, "POST", path, &text) {
                Some((200 | 201, answer)) => break answer,
                // Not now, or unknown: the other server may know.
                Some((429 | 500..=599, _)) | None => {}
                Some((status, answer)) => panic!("{path} {text}\nwas refused: {status} {answer}"),
            }
            assert!(
                begun.elapsed() < PATIENCE,
                "{path} {text}\nwas not acknowledged in {PATIENCE:?}, {tries} tries"
            );
            tries += 1;
            self.at += 1;
            std::thread::yield_now();
        };
        let mut journal = self.journal();
        journal.retries += tries;
        journal.slowest = journal.slowest.max(begun.elapsed());
        answer
    }

    fn next_id(&mut self) -> String {
        self.sent += 1;
        format!("{}-{}", self.task, self.sent)
    }

    fn journal(&self) -> std::sync::MutexGuard<'_, Journal> {
        self.journal.lock().expect("an orchestrator saw a promise broken")
    }
}
