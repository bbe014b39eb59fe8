//! How tests query a ledger: by commands and over HTTP.

use std::path::PathBuf;

use serde_json::Value;
use tollgate_tests::{Said, request};

use super::{EVIDENCE, Ground};

impl Ground {
    fn line(&self, line: &str) -> String {
        format!("--server {} {line}", self.url())
    }

    /// Runs a command line to its end, whatever the outcome.
    pub(crate) fn run(&self, line: &str) -> Said {
        self.place().run_line(&self.line(line))
    }

    /// Runs a command line that must succeed.
    #[track_caller]
    pub(crate) fn ok(&self, line: &str) -> String {
        self.place().ok(&self.line(line))
    }

    /// Runs a command line that must succeed; returns its answer as JSON.
    #[track_caller]
    pub(crate) fn json(&self, line: &str) -> Value {
        self.place().json(&self.line(line))
    }

    /// Runs a command line that must end with this code; returns its messages.
    #[track_caller]
    pub(crate) fn fails(&self, code: i32, line: &str) -> String {
        self.place().fails(code, &self.line(line))
    }

    /// Posts JSON; returns status and answer.
    #[track_caller]
    pub(crate) fn post(&self, path: &str, body: &Value) -> (u16, Value) {
        let (status, text) = request(self.url(), "POST", path, &body.to_string()).unwrap();
        (status, serde_json::from_str(&text).unwrap_or(Value::String(text)))
    }

    /// Appends events that must all be accepted; returns the answer.
    #[track_caller]
    pub(crate) fn append(&self, events: &[Value]) -> Value {
        let (status, answer) =
            self.post("/v1/events", &serde_json::json!({"producer": "test", "events": events}));
        assert!(matches!(status, 200 | 201), "{status} {answer}");
        answer
    }

    /// The content of a page.
    #[track_caller]
    pub(crate) fn get(&self, path: &str) -> (u16, String) {
        request(self.url(), "GET", path, "").unwrap()
    }

    /// Every event of the log, in order.
    pub(crate) fn log(&self) -> Vec<Value> {
        let text = self.ok("--format json log tail --records 0");
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    /// The bodies of all events of a kind.
    pub(crate) fn recorded(&self, kind: &str) -> Vec<Value> {
        self.log().into_iter().filter_map(|mut event| event.get_mut(kind).map(Value::take)).collect()
    }

    /// Waits for an event of a task; returns the event.
    #[track_caller]
    pub(crate) fn wait_for(&self, task: &str, kind: &str) -> Value {
        self.wait_until(task, |event| event[kind].is_object())
    }

    /// Waits for an event of a task that satisfies a condition; returns the event.
    #[track_caller]
    pub(crate) fn wait_until(&self, task: &str, is_it: impl Fn(&Value) -> bool) -> Value {
        let mut after = 0;
        loop {
            let (_, page) = self.get(&format!("/v1/log?after={after}&limit=1000&wait_ms=20000"));
            let page: Value = serde_json::from_str(&page).unwrap();
            let events = page["events"].as_array().unwrap();
            if let Some(found) = events.iter().find(|event| event["task"] == task && is_it(event)) {
                return found.clone();
            }
            assert!(!events.is_empty(), "no such event of {task}");
            after = page["last"].as_u64().unwrap();
        }
    }

    /// The gate's answer, block or not.
    #[track_caller]
    pub(crate) fn gate(&self, task: &str, advance_to: &str) -> Value {
        let path = format!("/v1/tasks/{task}/gate");
        let (status, answer) = self.post(&path, &serde_json::json!({"advance_to": advance_to}));
        assert_eq!(status, 200, "{answer}");
        answer
    }

    /// The one row of a phase in the answer to `task show`.
    #[track_caller]
    pub(crate) fn execution(&self, task: &str, phase: &str, attempt: u64) -> Value {
        let shown = self.json(&format!("task show {task}"));
        let found = shown["executions"]
            .as_array()
            .unwrap()
            .iter()
            .find(|row| row["phase"] == phase && row["attempt"] == attempt);
        found.unwrap_or_else(|| panic!("no {phase} {attempt} in {shown}")).clone()
    }

    /// Evidence of a task, written in full before the server ended.
    pub(crate) fn evidence(&self, task: &str, file: &str) -> PathBuf {
        self.place().path(EVIDENCE).join(task).join("verify").join(file)
    }
}
