//! A decision about keys on one server is known to another before its next answer.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::{Value, json};
use tollgate_clock::ManualClock;
use tollgate_domain::position::{Epoch, Position, Sequence};
use tollgate_log::contract::{
    AppendError, Batch, BoxFuture, DedupScope, Durability, EventLog, EventName, Found, Partitions, ReadError,
    Receipt, RecordReader,
};
use tollgate_log::memory::MemoryLog;

use crate::support::{Nats, Service, at};

fn clock() -> Arc<ManualClock> {
    Arc::new(ManualClock::at(at("2026-11-20T10:00:00Z")))
}

fn in_memory() -> Arc<dyn EventLog> {
    Arc::new(MemoryLog::new(clock()))
}

async fn two(log: Arc<dyn EventLog>) -> [Service; 2] {
    [Service::on(Arc::clone(&log)).await, Service::on(log).await]
}

/// What one server decides, the other acts by at once.
async fn is_known_elsewhere([one, other]: &[Service; 2]) {
    let tasks =
        async |at: &Service, key: &str| at.ask_with(key, "GET", "/v1/tasks", &Value::Null).await.0.as_u16();
    assert_eq!((tasks(one, "").await, tasks(other, "").await), (200, 200));
    let root = one.close().await;
    assert_eq!(tasks(other, "").await, 401, "the first key closes the other, too");
    assert_eq!(tasks(other, &root).await, 200);
    for round in 0..20 {
        let name = format!("ci-{round}");
        let key = other.make_key(&root, &json!({"key": name, "scopes": ["read"]})).await;
        assert_eq!((tasks(one, &key).await, tasks(other, &key).await), (200, 200));
        let path = format!("/v1/keys/{name}/rotate");
        let (_, rotated) = one.ask_with(&root, "POST", &path, &json!({"overlap_s": 0})).await;
        assert_eq!(tasks(other, &key).await, 401, "round {round}: rotated without overlap");
        let key = rotated["secret"].as_str().unwrap().to_owned();
        let (by, there) = if round % 2 == 0 { (one, other) } else { (other, one) };
        let (status, _) = by.ask_with(&root, "POST", &format!("/v1/keys/{name}/revoke"), &json!({})).await;
        assert_eq!((status.as_u16(), tasks(there, &key).await), (200, 401), "round {round}: revoked");
    }
}

#[tokio::test]
async fn revocation_on_one_server_is_seen_by_another_before_its_next_answer() {
    is_known_elsewhere(&two(in_memory()).await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_on_a_log_on_nats() {
    let Some(nats) = Nats::start().await else { return };
    let server = async || {
        let (clock, dir) = (clock(), tempfile::tempdir().unwrap());
        let log = Arc::new(nats.log(&clock).await);
        Service::by_clock(log, dir, None, clock).await
    };
    is_known_elsewhere(&[server().await, server().await]).await;
}

/// A log that may stop to answer where it ends.
struct Deaf {
    log: MemoryLog,
    is_deaf: AtomicBool,
}

impl EventLog for Deaf {
    fn epoch(&self) -> Epoch {
        self.log.epoch()
    }

    fn durability(&self) -> Durability {
        self.log.durability()
    }

    fn dedup(&self) -> DedupScope {
        self.log.dedup()
    }

    fn append(&self, batch: Batch) -> BoxFuture<'_, Result<Receipt, AppendError>> {
        self.log.append(batch)
    }

    fn find(&self, names: Vec<EventName>) -> BoxFuture<'_, Result<Vec<Option<Found>>, ReadError>> {
        self.log.find(names)
    }

    fn tail(&self) -> BoxFuture<'_, Result<Position, ReadError>> {
        if self.is_deaf.load(Ordering::SeqCst) {
            let error = ReadError::Io { path: "the log".to_owned(), message: "no answer".to_owned() };
            return Box::pin(async move { Err(error) });
        }
        self.log.tail()
    }

    fn read_from(
        &self,
        partitions: Partitions,
        after: Sequence,
    ) -> BoxFuture<'_, Result<Box<dyn RecordReader>, ReadError>> {
        self.log.read_from(partitions, after)
    }
}

#[tokio::test]
async fn a_log_that_does_not_answer_lets_no_key_in_and_keeps_nobody_out_who_needs_none() {
    let log = Arc::new(Deaf { log: MemoryLog::new(clock()), is_deaf: AtomicBool::new(false) });
    let service = Service::on(Arc::clone(&log) as Arc<dyn EventLog>).await;
    let asked = async |key: &str| service.ask_with(key, "GET", "/v1/limits", &Value::Null).await.0.as_u16();
    assert_eq!(asked("").await, 200);
    log.is_deaf.store(true, Ordering::SeqCst);
    assert_eq!(asked("").await, 200, "there was no key when it was last looked");
    log.is_deaf.store(false, Ordering::SeqCst);
    let root = service.close().await;
    assert_eq!(asked(&root).await, 200);
    log.is_deaf.store(true, Ordering::SeqCst);
    assert_eq!((asked(&root).await, asked("").await), (503, 503));
    assert_ne!(service.get("/v1/health").await.0, 401);
    log.is_deaf.store(false, Ordering::SeqCst);
    assert_eq!(asked(&root).await, 200);
}

#[tokio::test]
async fn servers_that_decide_at_once_make_each_name_once() {
    let [one, other] = two(in_memory()).await;
    let root = one.close().await;
    let (one, other) = (Arc::new(one), Arc::new(other));
    let mut making = tokio::task::JoinSet::new();
    for n in 0..40 {
        let (at, root) = (Arc::clone(if n % 2 == 0 { &one } else { &other }), root.clone());
        making.spawn(async move {
            let body = json!({"key": format!("key-{}", n / 4), "scopes": ["read"]});
            at.ask_with(&root, "POST", "/v1/keys", &body).await.0.as_u16()
        });
    }
    let mut statuses = making.join_all().await;
    statuses.sort_unstable();
    assert_eq!(statuses, [[201; 10].as_slice(), &[409; 30]].concat());
    for at in [&one, &other] {
        let (_, list) = at.ask_with(&root, "GET", "/v1/keys", &Value::Null).await;
        assert_eq!(list["keys"].as_array().unwrap().len(), 11);
    }
}

#[tokio::test]
async fn a_server_that_starts_later_knows_all_keys() {
    let log = in_memory();
    let service = Service::on(Arc::clone(&log)).await;
    let root = service.close().await;
    let mut last = String::new();
    for n in 0..150 {
        last = service.make_key(&root, &json!({"key": format!("k{n}"), "scopes": ["read"]})).await;
    }
    let later = Service::on(log).await;
    assert_eq!(later.ask_with("", "GET", "/v1/tasks", &Value::Null).await.0, 401);
    assert_eq!(later.ask_with(&last, "GET", "/v1/tasks", &Value::Null).await.0, 200);
}

#[tokio::test]
async fn who_follows_alerts_is_cut_off_when_the_key_is_revoked() {
    use http_body_util::BodyExt;
    let service = Service::new().await;
    let root = service.close().await;
    let key = service.make_key(&root, &json!({"key": "wall", "scopes": ["read"]})).await;
    let mut stream = service.answer(super::request("GET", "/v1/alerts/stream", &key, &Value::Null)).await;
    assert_eq!(stream.status(), 200);
    let (status, _) = service.ask_with(&root, "POST", "/v1/keys/wall/revoke", &json!({})).await;
    assert_eq!(status, 200);
    // Something to tell: a task that is completed raises an alert of its own.
    let events = json!({"producer": "p", "events": [{"id": "1", "task": "T-1", "task_opened": {}},
        {"id": "2", "task": "T-1", "task_closed": {"outcome": "completed"}}]});
    assert_eq!(service.ask_with(&root, "POST", "/v1/events", &events).await.0, 201);
    while let Some(frame) = stream.body_mut().frame().await {
        let frame = frame.unwrap().into_data().unwrap_or_default();
        assert!(!String::from_utf8_lossy(&frame).contains("T-1"), "{frame:?}");
    }
}
