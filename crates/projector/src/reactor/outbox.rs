//! The outbox of alerts: what is undelivered is a fold of the log, in the view `alerts`; what was done is an event.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tollgate_clock::{Clock, sleep};
use tollgate_deliver::BoxFuture;
use tollgate_deliver::config::Endpoint;
use tollgate_deliver::digest::{Summary, digest_id};
use tollgate_deliver::message::{Content, Message};
use tollgate_deliver::outbox::{DeliveryAttempt, Limits, Outbox, OutboxError, QueuedMessage, Work};
use tollgate_domain::event::Change;
use tollgate_domain::position::{PartitionId, Position, Sequence};
use tollgate_log::contract::{Batch, EventLog};
use tollgate_projection::alerts::{Alerts, EndpointProgress, PendingDelivery};

use super::delivery_events::{AttemptToRecord, Key, digest_after, happened_in, message, notice};
use crate::queries::{
    ChangeToDeliver, ChangesFor, ChangesToDeliver, DeliveriesOf, EndpointOf, RecordedDelivery,
};
use crate::query::{Query, Wait};
use crate::source::Source;

/// How long to wait for the view.
const WAIT: Duration = Duration::from_secs(10);

/// How long to pause after something moved: usage moves the log all the time.
const PAUSE: Duration = Duration::from_millis(100);

/// How long to wait for the log to move before looking again.
const LOOK_EVERY: Duration = Duration::from_secs(30);

/// The number of changes requested at once.
const PAGE: usize = 500;

/// The outbox of a ledger.
///
/// It keeps nothing that must not be lost: it queries the view, and the log is the source of truth. A view
/// that is rebuilt, or read by another process, gives the same answers.
pub struct LogOutbox {
    alerts: Arc<Source<Alerts>>,
    log: Arc<dyn EventLog>,
    clock: Arc<dyn Clock>,
    /// What was appended here; the view must contain it before its answers are used.
    written: Mutex<Position>,
    /// Up to where there is nothing to send to an endpoint: only saves looking again.
    looked_at: Mutex<HashMap<String, Sequence>>,
}

/// The state of an endpoint, and the position it is valid for.
struct Now {
    progress: EndpointProgress,
    as_of: Position,
}

impl LogOutbox {
    /// Creates the outbox of a log and its view.
    #[must_use]
    pub fn new(alerts: Arc<Source<Alerts>>, log: Arc<dyn EventLog>, clock: Arc<dyn Clock>) -> Self {
        let written = Mutex::new(Position::start(log.epoch().id));
        Self { alerts, log, clock, written, looked_at: Mutex::default() }
    }

    async fn ask<Q: Query<Alerts>>(
        &self,
        query: &Q,
        at_least: &Position,
    ) -> Result<(Vec<Q::Answer>, Position), OutboxError> {
        let wait = Wait { at_least: Some(at_least), up_to: WAIT };
        self.alerts.ask_all(wait, query).await.map_err(|error| OutboxError(error.to_string()))
    }

    /// The position up to which everything is known: for a view in several parts, that is the end of the log.
    async fn complete(&self) -> Result<Position, OutboxError> {
        let mut position = self.written.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let Source::Remote(_) = *self.alerts {
            position.merge(&self.tail().await?);
        }
        Ok(position)
    }

    async fn tail(&self) -> Result<Position, OutboxError> {
        self.log.tail().await.map_err(|error| OutboxError(error.to_string()))
    }

    /// The state of an endpoint. One that has never been sent anything begins at the current end of the log.
    async fn now(&self, endpoint: &str, at_least: &Position) -> Result<Now, OutboxError> {
        let query = EndpointOf { endpoint: endpoint.to_owned() };
        let (parts, as_of) = self.ask(&query, at_least).await?;
        let states: Vec<_> = parts.into_iter().flatten().collect();
        let mut progress = EndpointProgress::default();
        states.iter().for_each(|state| progress.take(state));
        if !states.is_empty() {
            return Ok(Now { progress, as_of });
        }
        let key = Key::of_digest(Sequence::ZERO, self.tail().await?.highest());
        tracing::info!(endpoint, through = %key.through, "a new endpoint: told of alerts from here on");
        self.append(vec![AttemptToRecord::skipped(endpoint, key, self.clock.now())]).await?;
        let (parts, as_of) = self.ask(&query, &self.complete().await?).await?;
        let mut progress = EndpointProgress::default();
        parts.iter().flatten().for_each(|state| progress.take(state));
        Ok(Now { progress, as_of })
    }

    /// Appends what was done: the attempts about one task together.
    async fn append(&self, done: Vec<AttemptToRecord>) -> Result<(), OutboxError> {
        let mut batches: BTreeMap<(String, PartitionId), Vec<AttemptToRecord>> = BTreeMap::new();
        for attempt in done {
            let (tenant, task) = (attempt.key.tenant.as_str(), attempt.key.task.as_str());
            batches.entry((tenant.to_owned(), PartitionId::of(tenant, task))).or_default().push(attempt);
        }
        for ((_, partition), done) in batches {
            let Some(tenant) = done.first().map(|attempt| attempt.key.tenant.clone()) else { continue };
            let events: Result<_, String> = done.iter().map(AttemptToRecord::event).collect();
            let batch = Batch {
                tenant,
                partition,
                events: events.map_err(OutboxError)?,
                decision: None,
                recorded_at: None,
            };
            let receipt = self.log.append(batch).await.map_err(|error| OutboxError(error.to_string()))?;
            self.written.lock().unwrap_or_else(PoisonError::into_inner).merge(&receipt.position);
        }
        Ok(())
    }

    async fn find(&self, endpoint: &Endpoint, limits: Limits) -> Result<Work, OutboxError> {
        let at_least = self.complete().await?;
        let Now { progress, as_of } = self.now(&endpoint.name, &at_least).await?;
        let mut pending = Work { mark: as_of.highest().0, ..Work::default() };
        let disabled = progress.is_disabled();
        let mut fresh = self.fresh(endpoint, &progress, &as_of, limits.fresh, disabled).await?;
        if disabled && let Some(first) = fresh.first() {
            // A resend was requested: the endpoint is tried again, and what it missed while it was disabled
            // is left out.
            let before = Key::of_digest(progress.fresh_after(), first.sequence.previous());
            if before.through > progress.fresh_after() {
                self.append(vec![AttemptToRecord::skipped(&endpoint.name, before, self.clock.now())]).await?;
            }
            fresh.retain({
                let sequence = first.sequence;
                move |it| it.sequence == sequence
            });
        }
        let due: Vec<&PendingDelivery> = {
            let mut due: Vec<_> = progress.pending().iter().filter(|(_, due)| due.at <= limits.now).collect();
            due.sort_by_key(|(_, due)| due.at);
            due.into_iter().map(|(open, _)| open).collect()
        };
        pending.due = self.due(endpoint, &due, limits.due, disabled, &as_of).await?;
        pending.next_due =
            progress.pending().iter().map(|(_, due)| due.at).filter(|at| *at > limits.now).min();
        pending.disabled = disabled && fresh.is_empty() && pending.due.is_empty();
        pending.fresh = fresh.iter().filter_map(|it| waiting(&endpoint.name, it)).collect();
        Ok(pending)
    }

    /// Changes not yet sent to an endpoint. If it is disabled, only those with a request to resend.
    async fn fresh(
        &self,
        endpoint: &Endpoint,
        progress: &EndpointProgress,
        as_of: &Position,
        limit: usize,
        disabled: bool,
    ) -> Result<Vec<ChangeToDeliver>, OutboxError> {
        let looked_at = |outbox: &Self| {
            let seen = outbox.looked_at.lock().unwrap_or_else(PoisonError::into_inner);
            seen.get(&endpoint.name).copied().unwrap_or_default()
        };
        let mut after = progress.fresh_after().max(looked_at(self));
        let mut fresh: Vec<ChangeToDeliver> = Vec::new();
        loop {
            let page = self.page(endpoint, after, as_of.highest(), false, as_of).await?;
            fresh.extend(page.changes.into_iter().filter(|it| {
                let partition = PartitionId::of(&it.alert.tenant, &it.alert.task);
                let wanted = !disabled || it.change.resend.is_some();
                wanted && progress.is_fresh(partition, it.sequence, it.delivery.as_ref())
            }));
            let Some(cut_at) = page.cut_at else { break };
            after = cut_at;
            if fresh.is_empty() {
                let mut seen = self.looked_at.lock().unwrap_or_else(PoisonError::into_inner);
                seen.insert(endpoint.name.clone(), cut_at);
            }
            if fresh.len() >= limit {
                break;
            }
        }
        // Those of one record stay together.
        if let Some(last) = fresh.get(limit.saturating_sub(1)).map(|it| it.sequence) {
            fresh.retain(|it| it.sequence <= last);
        }
        Ok(fresh)
    }

    async fn page(
        &self,
        endpoint: &Endpoint,
        after: Sequence,
        through: Sequence,
        for_digest: bool,
        at_least: &Position,
    ) -> Result<ChangesToDeliver, OutboxError> {
        let (name, filter) = (endpoint.name.clone(), endpoint.filter.clone());
        let query = ChangesFor { endpoint: name, filter, after, through, for_digest, limit: PAGE };
        let (parts, _) = self.ask(&query, at_least).await?;
        let mut page = ChangesToDeliver::default();
        parts.into_iter().for_each(|part| page.merge(part));
        Ok(page)
    }

    /// Messages that are due, the longest overdue first.
    async fn due(
        &self,
        endpoint: &Endpoint,
        due: &[&PendingDelivery],
        limit: usize,
        disabled: bool,
        as_of: &Position,
    ) -> Result<Vec<QueuedMessage>, OutboxError> {
        // If it is disabled, those with a request to resend are few among many.
        let due = if disabled { due } else { &due[..due.len().min(limit)] };
        if due.is_empty() {
            return Ok(Vec::new());
        }
        let names = due.iter().map(|open| (open.alert.clone(), open.change)).collect();
        let query = DeliveriesOf { endpoint: endpoint.name.clone(), names };
        let (parts, _) = self.ask(&query, as_of).await?;
        let mut recorded: HashMap<(String, Change), RecordedDelivery> = HashMap::new();
        for one in parts.into_iter().flatten() {
            recorded.insert((one.delivery.alert.clone(), one.delivery.change), one);
        }
        let mut found = Vec::new();
        for open in due {
            let Some(one) = recorded.get(&(open.alert.clone(), open.change)) else { continue };
            if disabled && !was_asked_for(one) {
                continue;
            }
            let waiting = match open.change {
                Change::Digest => self.digest(endpoint, open, one, as_of).await?,
                Change::Raised | Change::Acknowledged | Change::Resolved => again(&endpoint.name, open, one),
            };
            found.extend(waiting);
            if found.len() >= limit {
                break;
            }
        }
        Ok(found)
    }

    /// A digest, recreated from what it covers. If it covers nothing, there is none.
    async fn digest(
        &self,
        endpoint: &Endpoint,
        open: &PendingDelivery,
        recorded: &RecordedDelivery,
        as_of: &Position,
    ) -> Result<Option<QueuedMessage>, OutboxError> {
        let Some(mut after) = digest_after(&open.alert) else { return Ok(None) };
        let key = Key::of_digest(after, open.through);
        let mut summary = Summary::default();
        loop {
            let page = self.page(endpoint, after, open.through, true, as_of).await?;
            let notices = page.changes.iter().filter_map(|it| notice(&it.alert, it.change.change));
            notices.for_each(|notice| summary.add(&notice));
            let Some(cut_at) = page.cut_at else { break };
            after = cut_at;
        }
        let Some(digest) = summary.digest() else {
            self.append(vec![AttemptToRecord::skipped(&endpoint.name, key, self.clock.now())]).await?;
            return Ok(None);
        };
        let message =
            Message { id: digest_id(&endpoint.name, &key.alert), content: Content::Digest(Box::new(digest)) };
        Ok(Some(QueuedMessage { key: key.text(), message, attempts: attempts_of(recorded) }))
    }

    /// Records one message for everything that is fresh. Changes with a request to resend are not part of it.
    async fn cover(&self, endpoint: &Endpoint) -> Result<(), OutboxError> {
        let mut at_least = self.complete().await?;
        let tail = self.tail().await?;
        at_least.merge(&tail);
        let Now { progress, as_of } = self.now(&endpoint.name, &at_least).await?;
        let (after, through) = (progress.fresh_after(), tail.highest());
        let now = self.clock.now();
        let asked_for = self.fresh(endpoint, &progress, &as_of, usize::MAX, true).await?;
        let mut done: Vec<AttemptToRecord> = asked_for
            .iter()
            .filter(|it| it.sequence <= through)
            .filter_map(|it| Some(AttemptToRecord::begun(&endpoint.name, Key::of_change(it)?, now)))
            .collect();
        self.append(std::mem::take(&mut done)).await?;
        if through > after {
            self.append(vec![AttemptToRecord::begun(&endpoint.name, Key::of_digest(after, through), now)])
                .await?;
        }
        Ok(())
    }
}

impl Outbox for LogOutbox {
    fn pending<'a>(
        &'a self,
        endpoint: &'a Endpoint,
        limits: Limits,
    ) -> BoxFuture<'a, Result<Work, OutboxError>> {
        Box::pin(self.find(endpoint, limits))
    }

    fn group<'a>(&'a self, endpoint: &'a Endpoint) -> BoxFuture<'a, Result<(), OutboxError>> {
        Box::pin(self.cover(endpoint))
    }

    fn record<'a>(&'a self, attempt: &'a DeliveryAttempt) -> BoxFuture<'a, Result<(), OutboxError>> {
        Box::pin(async move {
            let key = Key::read(&attempt.key).map_err(OutboxError)?;
            self.append(vec![AttemptToRecord::of(key, attempt)]).await
        })
    }

    fn moved(&self, mark: u64) -> BoxFuture<'_, ()> {
        Box::pin(async move {
            let mut seen = Position::start(self.log.epoch().id);
            PartitionId::all().for_each(|partition| seen.advance(partition, Sequence(mark)));
            self.alerts.moved_from(&seen, LOOK_EVERY).await;
            sleep(PAUSE).await;
        })
    }
}

/// Whether it waits because a resend was requested.
fn was_asked_for(recorded: &RecordedDelivery) -> bool {
    let happened = recorded.alert.as_ref().and_then(|alert| happened_in(alert, recorded.delivery.change));
    happened.is_some_and(|happened| recorded.delivery.through > happened)
}

/// Attempts since it was begun, or since a resend was requested.
fn attempts_of(recorded: &RecordedDelivery) -> u32 {
    recorded.delivery.history.last().map_or(0, |attempt| attempt.number)
}

fn again(endpoint: &str, open: &PendingDelivery, recorded: &RecordedDelivery) -> Option<QueuedMessage> {
    let alert = recorded.alert.as_ref()?;
    let key = Key::new(alert, open.change, open.through)?;
    let message = message(endpoint, alert, open.change)?;
    Some(QueuedMessage { key: key.text(), message, attempts: attempts_of(recorded) })
}

fn waiting(endpoint: &str, it: &ChangeToDeliver) -> Option<QueuedMessage> {
    let message = message(endpoint, &it.alert, it.change.change)?;
    Some(QueuedMessage { key: Key::of_change(it)?.text(), message, attempts: 0 })
}
