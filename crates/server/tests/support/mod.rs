//! A ledger in memory behind the whole router.

mod held;
mod log;
mod nats;

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use http::{Request, StatusCode};
use http_body_util::BodyExt;
use serde_json::{Value, json};
use tempfile::TempDir;
use tollgate_clock::ManualClock;
use tollgate_domain::time::Timestamp;
use tollgate_files::fault::FaultyDisk;
use tollgate_log::contract::EventLog;
use tollgate_log::embedded::{EmbeddedLog, Options};
use tollgate_log::memory::MemoryLog;
use tollgate_server::edge::ConnectionLimits;
use tollgate_server::http::{App, Hosts, router};
use tollgate_server::jwt::Jwt;
use tollgate_server::ledger::Views;
use tollgate_server::{Ledger, LedgerOptions};
use tower::ServiceExt;

pub(crate) use self::held::Held;
pub(crate) use self::log::LogWith;
pub(crate) use self::nats::Nats;

/// A ledger, its API, its clock.
pub(crate) struct Service {
    pub(crate) ledger: Arc<Ledger>,
    pub(crate) clock: Arc<ManualClock>,
    router: Router,
    dir: TempDir,
}

impl Service {
    pub(crate) async fn new() -> Self {
        Self::with_config(None).await
    }

    /// On the embedded log, over a disk that can be made to fail.
    pub(crate) async fn on_a_disk() -> (Self, Arc<FaultyDisk>) {
        Self::on_a_disk_with(None).await
    }

    /// The same with a config.
    pub(crate) async fn on_a_disk_with(config: Option<&str>) -> (Self, Arc<FaultyDisk>) {
        let dir = tempfile::tempdir().unwrap();
        let disk = Arc::new(FaultyDisk::default());
        // Small segments: what was preallocated is soon used up.
        let options = Options {
            disk: Arc::clone(&disk) as Arc<_>,
            first_segment_bytes: 8 << 10,
            max_segment_bytes: 8 << 10,
            ..Options::default()
        };
        let log = Arc::new(EmbeddedLog::open_or_create(&dir.path().join("data"), options).unwrap());
        (Self::over(log, dir, config).await, disk)
    }

    /// With a config, as a file. Log and ledger share one clock.
    pub(crate) async fn with_config(config: Option<&str>) -> Self {
        let clock = Arc::new(ManualClock::at(at("2026-11-20T10:00:00Z")));
        let log = Arc::new(MemoryLog::new(Arc::clone(&clock) as Arc<_>));
        Self::by_clock(log, tempfile::tempdir().unwrap(), config, clock).await
    }

    /// On a log that others may use too.
    pub(crate) async fn on(log: Arc<dyn EventLog>) -> Self {
        Self::over(log, tempfile::tempdir().unwrap(), None).await
    }

    async fn over(log: Arc<dyn EventLog>, dir: TempDir, config: Option<&str>) -> Self {
        let clock = Arc::new(ManualClock::at(at("2026-11-20T10:00:00Z")));
        Self::by_clock(log, dir, config, clock).await
    }

    /// On a log, with a clock that tests set.
    pub(crate) async fn by_clock(
        log: Arc<dyn EventLog>,
        dir: TempDir,
        config: Option<&str>,
        clock: Arc<ManualClock>,
    ) -> Self {
        let mut options = LedgerOptions::new(Views::below(dir.path()));
        options.clock = Arc::clone(&clock) as Arc<_>;
        if let Some(text) = config {
            let path = dir.path().join("budgets.yaml");
            std::fs::write(&path, text).unwrap();
            options.settings.config = Some(path);
        }
        let ledger = Arc::new(Ledger::open(log, options).await.unwrap());
        let hosts = Hosts::new("127.0.0.1:7070".parse().unwrap(), &[]);
        let router = router(App::new(Arc::clone(&ledger), hosts, ConnectionLimits::default()));
        Self { ledger, clock, router, dir }
    }

    /// The same with tokens beside keys.
    pub(crate) fn with_tokens(self, jwt: Arc<Jwt>) -> Self {
        let hosts = Hosts::new("127.0.0.1:7070".parse().unwrap(), &[]);
        let app = App::new(Arc::clone(&self.ledger), hosts, ConnectionLimits::default());
        Self { router: router(app.with_tokens(Some(jwt))), ..self }
    }

    /// Writes a file into its data directory.
    pub(crate) fn write(&self, name: &str, text: &str) {
        std::fs::write(self.dir.path().join(name), text).unwrap();
    }

    pub(crate) async fn send(&self, request: Request<Body>) -> (StatusCode, String) {
        let response = self.router.clone().oneshot(request).await.unwrap();
        let status = response.status();
        let body = response.into_body().collect().await.unwrap().to_bytes();
        (status, String::from_utf8(body.to_vec()).unwrap())
    }

    /// An answer whose body is still to be read.
    pub(crate) async fn answer(&self, request: Request<Body>) -> axum::response::Response {
        self.router.clone().oneshot(request).await.unwrap()
    }

    /// The headers of an answer.
    pub(crate) async fn headers(&self, request: Request<Body>) -> http::HeaderMap {
        self.router.clone().oneshot(request).await.unwrap().headers().clone()
    }

    pub(crate) async fn post(&self, path: &str, body: Value) -> (StatusCode, Value) {
        let request = Request::post(path)
            .header("host", "localhost:7070")
            .header("content-type", "application/json")
            .body(Body::from(body.to_string()))
            .unwrap();
        let (status, text) = self.send(request).await;
        (status, serde_json::from_str(&text).unwrap_or(Value::String(text)))
    }

    pub(crate) async fn get(&self, path: &str) -> (StatusCode, Value) {
        let request = Request::get(path).header("host", "localhost:7070").body(Body::empty()).unwrap();
        let (status, text) = self.send(request).await;
        (status, serde_json::from_str(&text).unwrap_or(Value::String(text)))
    }

    /// Appends events of producer `ci`; returns status and answer.
    pub(crate) async fn append(&self, events: Value) -> (StatusCode, Value) {
        self.post("/v1/events", json!({"producer": "ci", "events": events})).await
    }

    /// Opens a medium task.
    pub(crate) async fn open(&self, task: &str) {
        let opened = json!([{"id": format!("open-{task}"), "task": task, "task_opened": {}}]);
        let (status, answer) = self.append(opened).await;
        assert_eq!(status, 201, "{answer}");
    }
}

pub(crate) fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

/// A usage event of a phase, or of none.
pub(crate) fn usage(task: &str, id: &str, phase: &str, output: u64) -> Value {
    let mut usage = json!({"model": "gpt-5", "tokens": {"output": output}});
    if !phase.is_empty() {
        usage["phase"] = json!(phase);
    }
    json!({"id": id, "task": task, "usage_recorded": usage})
}

/// Outcome and code of each event of an answer, or of the problem that it is.
pub(crate) fn outcomes(answer: &Value) -> Vec<String> {
    let list = answer["outcomes"].as_array().cloned().unwrap_or_default();
    list.iter()
        .map(|outcome| {
            let code = outcome["code"].as_str().map(|code| format!(" {code}")).unwrap_or_default();
            format!("{} {}{code}", outcome["id"].as_str().unwrap(), outcome["outcome"].as_str().unwrap())
        })
        .collect()
}
