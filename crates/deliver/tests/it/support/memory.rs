//! An outbox in memory, and what was recorded in it.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::watch;
use tollgate_deliver::BoxFuture;
use tollgate_deliver::config::Endpoint;
use tollgate_deliver::digest::{Summary, digest_id};
use tollgate_deliver::message::{Content, Message};
use tollgate_deliver::notice::AlertNotice;
use tollgate_deliver::outbox::{DeliveryAttempt, Limits, Outbox, OutboxError, QueuedMessage, Work};
use tollgate_domain::event::DeliveryOutcome;
use tollgate_domain::time::Timestamp;

use super::PATIENCE;

#[derive(Default)]
pub(crate) struct MemoryOutbox {
    state: Mutex<State>,
    version: watch::Sender<u64>,
    /// This many records fail.
    pub(crate) failures: AtomicUsize,
}

#[derive(Default)]
struct State {
    changes: Vec<AlertNotice>,
    endpoints: BTreeMap<String, Course>,
    history: Vec<DeliveryAttempt>,
}

#[derive(Default)]
struct Course {
    /// Changes before this index were begun.
    through: usize,
    disabled: bool,
    /// By key.
    begun: BTreeMap<String, Begun>,
}

/// A message about the changes from one index up to another.
struct Begun {
    from: usize,
    to: usize,
    attempts: u32,
    due: Option<Timestamp>,
}

impl MemoryOutbox {
    pub(crate) fn add(&self, changes: impl IntoIterator<Item = AlertNotice>) {
        self.state.lock().unwrap().changes.extend(changes);
        self.version.send_modify(|version| *version += 1);
    }

    pub(crate) fn history(&self) -> Vec<DeliveryAttempt> {
        self.state.lock().unwrap().history.clone()
    }

    /// The attempts so far, once they are as wanted.
    pub(crate) async fn recorded(&self, wanted: impl Fn(&[DeliveryAttempt]) -> bool) -> Vec<DeliveryAttempt> {
        let mut version = self.version.subscribe();
        let met = tokio::time::timeout(PATIENCE, version.wait_for(|_| wanted(&self.history()))).await;
        assert!(met.is_ok(), "{:#?}", self.history());
        self.history()
    }

    /// Requests that a message be sent again.
    pub(crate) fn resend(&self, endpoint: &str, change: usize, now: Timestamp) {
        let mut state = self.state.lock().unwrap();
        let course = state.endpoints.get_mut(endpoint).unwrap();
        course.disabled = false;
        let begun = Begun { from: change, to: change + 1, attempts: 0, due: Some(now) };
        course.begun.insert(key(change, change + 1), begun);
        drop(state);
        self.version.send_modify(|version| *version += 1);
    }
}

fn key(from: usize, to: usize) -> String {
    format!("{from}-{to}")
}

fn message(endpoint: &str, changes: &[AlertNotice], from: usize, to: usize) -> Message {
    match &changes[from..to] {
        [change] => Message::of_change(endpoint, change.clone()),
        many => {
            let digest = many.iter().collect::<Summary>().digest().unwrap();
            Message { id: digest_id(endpoint, &key(from, to)), content: Content::Digest(Box::new(digest)) }
        }
    }
}

impl Outbox for MemoryOutbox {
    fn pending<'a>(
        &'a self,
        endpoint: &'a Endpoint,
        limits: Limits,
    ) -> BoxFuture<'a, Result<Work, OutboxError>> {
        let mut state = self.state.lock().unwrap();
        let State { changes, endpoints, .. } = &mut *state;
        let course = endpoints.entry(endpoint.name.clone()).or_default();
        let mut pending = Work { mark: *self.version.borrow(), disabled: course.disabled, ..Work::default() };
        let mut begun: Vec<(Timestamp, &String, &Begun)> =
            course.begun.iter().filter_map(|(key, begun)| Some((begun.due?, key, begun))).collect();
        begun.sort_by_key(|&(due, key, _)| (due, key));
        for (due, key, begun) in begun {
            if due <= limits.now && pending.due.len() < limits.due {
                let message = message(&endpoint.name, changes, begun.from, begun.to);
                pending.due.push(QueuedMessage { key: key.clone(), message, attempts: begun.attempts });
            } else if pending.next_due.is_none() {
                pending.next_due = Some(due);
            }
        }
        for at in (course.through..changes.len()).take(limits.fresh) {
            let message = message(&endpoint.name, changes, at, at + 1);
            pending.fresh.push(QueuedMessage { key: key(at, at + 1), message, attempts: 0 });
        }
        Box::pin(async { Ok(pending) })
    }

    fn group<'a>(&'a self, endpoint: &'a Endpoint) -> BoxFuture<'a, Result<(), OutboxError>> {
        let mut state = self.state.lock().unwrap();
        let State { changes, endpoints, .. } = &mut *state;
        let course = endpoints.get_mut(&endpoint.name).unwrap();
        let (from, to) = (course.through, changes.len());
        course.through = to;
        course.begun.insert(key(from, to), Begun { from, to, attempts: 0, due: Some(Timestamp::default()) });
        Box::pin(async { Ok(()) })
    }

    fn record<'a>(&'a self, attempt: &'a DeliveryAttempt) -> BoxFuture<'a, Result<(), OutboxError>> {
        let count_down = |left: usize| left.checked_sub(1);
        if self.failures.fetch_update(Ordering::SeqCst, Ordering::SeqCst, count_down).is_ok() {
            return Box::pin(async { Err(OutboxError("the log is away".to_owned())) });
        }
        let mut state = self.state.lock().unwrap();
        let course = state.endpoints.get_mut(&attempt.endpoint).unwrap();
        let (from, to) = attempt.key.split_once('-').unwrap();
        let (from, to) = (from.parse().unwrap(), to.parse().unwrap());
        course.through = course.through.max(to);
        let due = attempt.next_attempt_at;
        assert_eq!(due.is_some(), attempt.outcome == DeliveryOutcome::Failed, "{attempt:?}");
        course.disabled |= attempt.outcome == DeliveryOutcome::Disabled;
        course.begun.insert(attempt.key.clone(), Begun { from, to, attempts: attempt.attempt, due });
        state.history.push(attempt.clone());
        drop(state);
        self.version.send_modify(|version| *version += 1);
        Box::pin(async { Ok(()) })
    }

    fn moved(&self, mark: u64) -> BoxFuture<'_, ()> {
        let mut version = self.version.subscribe();
        Box::pin(async move {
            version.wait_for(|version| *version > mark).await.unwrap();
        })
    }
}
