//! The lives of an outbox: a log, its view, receivers that keep what they are sent, and a clock that the test
//! moves.

use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinHandle;
use tollgate_clock::Clock;
use tollgate_clock::Timer;
use tollgate_deliver::BoxFuture;
use tollgate_deliver::channel::Channel;
use tollgate_deliver::config::{Endpoint, Filter, Way};
use tollgate_deliver::digest::DigestPolicy;
use tollgate_deliver::message::{Content, Message};
use tollgate_deliver::outbox::{DeliveryAttempt, Limits, Outbox, OutboxError, Work};
use tollgate_deliver::runner::deliver;
use tollgate_deliver::schedule::Answer;
use tollgate_domain::alert::{AlertScope, Condition, alert_id};
use tollgate_domain::event::{AlertEvent, Change, DeliveryRequested, Event, EventBody};
use tollgate_domain::ids::{EventId, ProducerId, TaskId, TenantId};
use tollgate_domain::position::Position;
use tollgate_domain::time::Timestamp;
use tollgate_log::contract::{EventLog, NewEvent};
use tollgate_log::key::ContentHash;
use tollgate_projection::alerts::{Alerts, Delivery, watch as watching};
use tollgate_wire::Submitted;

use super::super::LogOutbox;
use crate::projector::Projector;
use crate::queries::ListDeliveries;
use crate::query::Wait;
use crate::source::Source;
use crate::testing::append;

const PATIENCE: Duration = Duration::from_secs(30);
pub(super) const SINGLY: DigestPolicy = DigestPolicy { after: 1000, window_s: 60 };

pub(super) fn start() -> Timestamp {
    "2026-11-21T10:00:00Z".parse().unwrap()
}

/// A clock that stands still until a test moves it.
struct TestTimer(watch::Sender<Timestamp>);

impl Clock for TestTimer {
    fn now(&self) -> Timestamp {
        *self.0.borrow()
    }
}

impl Timer for TestTimer {
    fn now(&self) -> Timestamp {
        *self.0.borrow()
    }

    fn until(&self, at: Timestamp) -> BoxFuture<'_, ()> {
        Box::pin(async move {
            self.0.subscribe().wait_for(|now| *now >= at).await.unwrap();
        })
    }
}

/// Keeps what it is sent, and answers as instructed.
#[derive(Default)]
pub(super) struct Receiver {
    sent: watch::Sender<Vec<Message>>,
    answers: Mutex<Vec<Answer>>,
}

impl Receiver {
    /// These answers come next, in this order; after that everything is accepted.
    pub(super) fn answers(&self, answers: &[Answer]) {
        self.answers.lock().unwrap().extend(answers.iter().rev().cloned());
    }

    /// What it received, once there is this much.
    pub(super) async fn got(&self, count: usize) -> Vec<Message> {
        let mut sent = self.sent.subscribe();
        let found = tokio::time::timeout(PATIENCE, sent.wait_for(|sent| sent.len() >= count)).await;
        match found {
            Ok(found) => found.unwrap().clone(),
            Err(_) => panic!("{} of {count}: {:?}", self.sent.borrow().len(), self.words()),
        }
    }

    /// What it received, in words.
    pub(super) fn words(&self) -> Vec<String> {
        self.sent.borrow().iter().map(word).collect()
    }
}

impl Channel for Receiver {
    fn send<'a>(&'a self, message: &'a Message, _: Timestamp) -> BoxFuture<'a, Answer> {
        let answer = self.answers.lock().unwrap().pop();
        self.sent.send_modify(|sent| sent.push(message.clone()));
        Box::pin(async { answer.unwrap_or(Answer::Delivered { status: Some(204) }) })
    }
}

fn word(message: &Message) -> String {
    match &message.content {
        Content::Change(change) => format!("{} {}", change.task, change.change),
        Content::Digest(digest) => format!("digest {}", digest.changes),
        Content::Remediation(told) => format!("remediation {}", told.task),
    }
}

/// An outbox whose attempts do not reach the log while it is cut off.
struct CutOff(LogOutbox, bool);

impl Outbox for CutOff {
    fn pending<'a>(&'a self, to: &'a Endpoint, limits: Limits) -> BoxFuture<'a, Result<Work, OutboxError>> {
        self.0.pending(to, limits)
    }

    fn group<'a>(&'a self, to: &'a Endpoint) -> BoxFuture<'a, Result<(), OutboxError>> {
        self.0.group(to)
    }

    fn record<'a>(&'a self, attempt: &'a DeliveryAttempt) -> BoxFuture<'a, Result<(), OutboxError>> {
        if self.1 {
            return Box::pin(async { Err(OutboxError("cut off".to_owned())) });
        }
        self.0.record(attempt)
    }

    fn moved(&self, mark: u64) -> BoxFuture<'_, ()> {
        self.0.moved(mark)
    }
}

/// A ledger's log, its view and the deliveries of one life.
pub(super) struct Life {
    log: Arc<dyn EventLog>,
    pub(super) alerts: Arc<Source<Alerts>>,
    timer: Arc<TestTimer>,
    stop: watch::Sender<bool>,
    task: JoinHandle<()>,
}

impl Life {
    pub(super) async fn begin(
        log: &Arc<dyn EventLog>,
        dir: &Path,
        to: Vec<(Endpoint, Arc<Receiver>)>,
    ) -> Self {
        Self::begin_cut_off(log, dir, to, false).await
    }

    /// A life whose attempts may not reach the log.
    pub(super) async fn begin_cut_off(
        log: &Arc<dyn EventLog>,
        dir: &Path,
        to: Vec<(Endpoint, Arc<Receiver>)>,
        cut_off: bool,
    ) -> Self {
        let projector = Projector::start(Alerts, dir, Arc::clone(log)).await.unwrap();
        let alerts = Arc::new(Source::Local(projector));
        let timer = Arc::new(TestTimer(watch::Sender::new(start())));
        let outbox = LogOutbox::new(Arc::clone(&alerts), Arc::clone(log), timer.clone());
        let outbox = Arc::new(CutOff(outbox, cut_off));
        let stop = watch::Sender::new(false);
        let endpoints = to.into_iter().map(|(endpoint, it)| (endpoint, it as Arc<dyn Channel>)).collect();
        let task = tokio::spawn(deliver(endpoints, outbox, timer.clone(), stop.subscribe()));
        Self { log: Arc::clone(log), alerts, timer, stop, task }
    }

    pub(super) fn pass(&self, seconds: i64) {
        self.timer.0.send_modify(|now| *now = now.plus_millis(seconds * 1000));
    }

    /// Deliveries to an endpoint as recorded, once they are as wanted.
    pub(super) async fn recorded(
        &self,
        endpoint: &str,
        wanted: impl Fn(&[Delivery]) -> bool,
    ) -> Vec<Delivery> {
        let found = tokio::time::timeout(PATIENCE, async {
            let mut seen = Position::start(self.log.epoch().id);
            loop {
                let endpoint = Some(endpoint.to_owned());
                let query = ListDeliveries { endpoint, all: true, limit: 10_000, ..Default::default() };
                let wait = Wait { at_least: None, up_to: PATIENCE };
                let (pages, as_of) = self.alerts.ask_all(wait, &query).await.unwrap();
                if wanted(&pages[0].deliveries) {
                    return pages[0].deliveries.clone();
                }
                self.alerts.moved_from(&seen, PATIENCE).await;
                seen = as_of;
            }
        });
        found.await.unwrap()
    }

    /// Waits until an endpoint is known: alerts raised from now on are sent.
    pub(super) async fn known(&self, endpoint: &str) {
        self.recorded(endpoint, |deliveries| !deliveries.is_empty()).await;
    }

    pub(super) async fn end(self) {
        self.stop.send_replace(true);
        tokio::time::timeout(PATIENCE, self.task).await.unwrap().unwrap();
        self.alerts.stop().await;
    }

    /// Neither ends nor commits anything.
    pub(super) async fn kill(self) {
        self.task.abort();
        assert!(self.task.await.unwrap_err().is_cancelled());
    }
}

pub(super) fn endpoint(name: &str, digest: DigestPolicy) -> Endpoint {
    Endpoint { name: name.to_owned(), way: Way::Bus, filter: Filter::default(), digest }
}

pub(super) fn event(task: &str, id: &str, body: &EventBody) -> NewEvent {
    let event = Event {
        tenant: TenantId::default_tenant(),
        task: TaskId::new(task).unwrap(),
        producer: ProducerId::new("test").unwrap(),
        id: EventId::new(id).unwrap(),
        occurred_at: Some(start()),
        trace_parent: None,
        body: body.clone(),
    };
    let submitted = Submitted::from_event(event.clone()).unwrap();
    NewEvent {
        task: event.task,
        producer: event.producer,
        id: event.id,
        content_hash: ContentHash::of_hash(submitted.content_hash()),
        payload: submitted.encode_stored(body).unwrap(),
    }
}

/// An event that raises an alert about a task.
pub(super) fn raised(task: &str) -> NewEvent {
    let observed = watching::conflict(task, "agent", "e1", 7, start());
    event(task, "raise", &EventBody::Alert(AlertEvent::ConditionObserved(Box::new(observed))))
}

pub(super) fn alert_of(task: &str) -> String {
    let observed = watching::conflict(task, "agent", "e1", 7, start());
    let Condition { rule, scope, level } = observed.condition;
    assert_eq!(scope, AlertScope::Task);
    alert_id("default", task, &Condition { rule, scope, level }, 1)
}

pub(super) async fn raise(log: &Arc<dyn EventLog>, tasks: impl IntoIterator<Item = u32>) {
    for n in tasks {
        append(&**log, vec![raised(&format!("T-{n}"))]).await;
    }
}

pub(super) async fn resend(log: &Arc<dyn EventLog>, task: &str, to: &str, id: &str) {
    let requested = DeliveryRequested {
        alert: alert_of(task),
        change: Change::Raised,
        endpoint: Some(to.to_owned()),
        by: "grace".to_owned(),
        reason: "lost".to_owned(),
    };
    append(
        &**log,
        vec![event(task, id, &EventBody::Alert(AlertEvent::DeliveryRequested(Box::new(requested))))],
    )
    .await;
}

pub(super) fn failed() -> Answer {
    Answer::Failed { status: Some(500), error: "status 500".to_owned() }
}
