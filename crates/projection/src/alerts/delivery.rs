//! Which changes were delivered, and which are due: the outbox's memory.
//!
//! Nothing here knows which endpoints exist or what they want: that is configuration. So the rows record what
//! was tried for an endpoint ([`EndpointState`]), and the deliverer works through the changes after that, in
//! log order:
//!
//! * **fresh** is every change that was neither tried nor covered by a digest: [`EndpointProgress::is_fresh`];
//! * **pending** is everything that was tried, failed, and has another attempt due: [`EndpointProgress::due`].
//!
//! Both are quick to find: an endpoint has one row per partition. This requires that first attempts at the
//! changes of one partition are recorded in the order of their records; changes that the endpoint does not
//! want are skipped, and are no longer fresh once something after them was tried.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use tollgate_domain::event::{Change, DeliveryAttempted, DeliveryOutcome, DeliveryRequested, RecordedEvent};
use tollgate_domain::position::{PARTITIONS, PartitionId, Sequence};
use tollgate_domain::time::Timestamp;

use super::row::{AlertChange, AlertsRow, Resend, alert_key, change_key};
use crate::fold::Rows;

/// Attempts kept per delivery, latest only. Earlier ones are counted, and are in the log.
pub const KEPT_ATTEMPTS: usize = 20;

/// Prefix of the keys of deliveries: all of them, by alert.
pub const DELIVERIES: &[u8] = b"d";
/// Prefix of the keys of endpoints: all of them, by name and partition.
pub const ENDPOINTS: &[u8] = b"e";

/// The attempts to deliver one change to one endpoint. Key: [`delivery_key`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Delivery {
    /// Which alert; a digest has its own id.
    pub alert: String,
    /// Owner of the alert's task; `_ledger` for a digest.
    pub tenant: String,
    /// The change that is reported.
    pub change: Change,
    /// The endpoint's name.
    pub endpoint: String,
    /// The record of the change, or of the latest request to deliver it again that was processed; for a
    /// digest, of the last change it covers.
    pub through: Sequence,
    /// How the latest attempt ended. Once the delivery is settled, a late report of a failure does not reopen it.
    pub outcome: DeliveryOutcome,
    /// When the next attempt is due; `None`: the delivery is settled.
    pub next_attempt_at: Option<Timestamp>,
    /// When the receiver accepted it.
    pub delivered_at: Option<Timestamp>,
    /// How many attempts were made.
    pub attempts: u32,
    /// The latest attempts, oldest first.
    pub history: Vec<Attempt>,
}

/// One attempt.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attempt {
    /// The number of the attempt, from 1; 0: nothing was sent.
    pub number: u32,
    /// When.
    pub at: Timestamp,
    /// How it ended.
    pub outcome: DeliveryOutcome,
    /// The receiver's status code, if it answered.
    pub status_code: Option<u32>,
    /// Why it failed.
    pub error: Option<String>,
}

/// The delivery state of an endpoint, according to the events of one partition. Key: [`endpoint_key`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EndpointState {
    /// Its name.
    pub endpoint: String,
    /// The partition.
    pub partition: PartitionId,
    /// The record of the last change of this partition that was tried. The changes of earlier records were
    /// tried too, or are not wanted; those of the record itself have a [`Delivery`] if they were tried.
    pub tried: Sequence,
    /// The last change of any partition that a digest covers.
    pub covered: Sequence,
    /// Messages that failed and have another attempt due.
    #[serde(with = "crate::pairs")]
    pub pending: BTreeMap<PendingDelivery, Due>,
    /// Messages that it accepted.
    pub delivered: u64,
    /// Attempts that failed.
    pub failed: u64,
    /// Messages that were given up.
    pub gave_up: u64,
    /// When it last accepted a message.
    pub delivered_at: Option<Timestamp>,
    /// When it last said that it wants no more messages.
    pub disabled_at: Option<Timestamp>,
}

impl EndpointState {
    /// An endpoint without any deliveries yet.
    #[must_use]
    pub fn new(endpoint: &str, partition: PartitionId) -> Self {
        Self {
            endpoint: endpoint.to_owned(),
            partition,
            tried: Sequence::ZERO,
            covered: Sequence::ZERO,
            pending: BTreeMap::new(),
            delivered: 0,
            failed: 0,
            gave_up: 0,
            delivered_at: None,
            disabled_at: None,
        }
    }
}

/// A message that has another attempt due, in log order.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct PendingDelivery {
    /// Same as [`Delivery::through`].
    pub through: Sequence,
    /// Which alert.
    pub alert: String,
    /// The change that is reported.
    pub change: Change,
}

/// When a message is tried again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Due {
    /// When.
    pub at: Timestamp,
    /// Attempts so far.
    pub attempts: u32,
}

/// The delivery state of an endpoint over all partitions: its [`EndpointState`] rows combined.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct EndpointProgress {
    tried: [Sequence; PARTITIONS],
    covered: Sequence,
    pending: Vec<(PendingDelivery, Due)>,
    /// Messages that it accepted.
    pub delivered: u64,
    /// Attempts that failed.
    pub failed: u64,
    /// Messages that were given up.
    pub gave_up: u64,
    delivered_at: Option<Timestamp>,
    disabled_at: Option<Timestamp>,
}

impl EndpointProgress {
    /// Adds the state of one partition, in any order.
    pub fn take(&mut self, state: &EndpointState) {
        let tried = &mut self.tried[state.partition.index()];
        *tried = (*tried).max(state.tried);
        self.covered = self.covered.max(state.covered);
        self.pending.extend(state.pending.iter().map(|(pending, due)| (pending.clone(), *due)));
        self.pending.sort_by(|(one, _), (other, _)| one.cmp(other));
        self.delivered = self.delivered.saturating_add(state.delivered);
        self.failed = self.failed.saturating_add(state.failed);
        self.gave_up = self.gave_up.saturating_add(state.gave_up);
        self.delivered_at = self.delivered_at.max(state.delivered_at);
        self.disabled_at = self.disabled_at.max(state.disabled_at);
    }

    /// Whether a change of this record, for a task in this partition, was neither tried nor covered by a
    /// digest. `delivery` is the row for this change and this endpoint, if there is one: a record may hold
    /// several changes.
    #[must_use]
    pub fn is_fresh(&self, partition: PartitionId, sequence: Sequence, delivery: Option<&Delivery>) -> bool {
        let untried = delivery.is_none_or(|delivery| delivery.through < sequence);
        sequence > self.covered && sequence >= self.tried[partition.index()] && untried
    }

    /// The record after which fresh changes begin: neither it nor any earlier one has any. Scan from
    /// [`super::change_after`] it.
    #[must_use]
    pub fn fresh_after(&self) -> Sequence {
        let least = self.tried.iter().min().copied().unwrap_or_default();
        Sequence(least.0.saturating_sub(1)).max(self.covered)
    }

    /// Messages to be tried again, due or not, in log order.
    #[must_use]
    pub fn pending(&self) -> &[(PendingDelivery, Due)] {
        &self.pending
    }

    /// Messages due now, in log order.
    pub fn due(&self, now: Timestamp) -> impl Iterator<Item = (&PendingDelivery, u32)> {
        self.pending
            .iter()
            .filter(move |(_, due)| due.at <= now)
            .map(|(pending, due)| (pending, due.attempts))
    }

    /// When the next attempt is due: the earliest of all.
    #[must_use]
    pub fn next_due(&self) -> Option<Timestamp> {
        self.pending.iter().map(|(_, due)| due.at).min()
    }

    /// Whether the receiver wants no more messages, and has accepted none since it said so.
    #[must_use]
    pub fn is_disabled(&self) -> bool {
        self.disabled_at.is_some() && self.disabled_at >= self.delivered_at
    }
}

/// The key of a delivery: the deliveries of one alert are adjacent.
#[must_use]
pub fn delivery_key(alert: &str, change: Change, endpoint: &str) -> Vec<u8> {
    let mut key = deliveries_of(alert);
    key.push(change as u8);
    key.extend_from_slice(endpoint.as_bytes());
    key
}

/// The prefix of the keys of an alert's deliveries.
#[must_use]
pub fn deliveries_of(alert: &str) -> Vec<u8> {
    let mut key = DELIVERIES.to_vec();
    key.extend_from_slice(alert.as_bytes());
    key.push(0);
    key
}

/// The key of an endpoint's state in one partition.
#[must_use]
pub fn endpoint_key(endpoint: &str, partition: PartitionId) -> Vec<u8> {
    let mut key = states_of(endpoint);
    key.push(partition.number());
    key
}

/// The prefix of the keys of an endpoint's states, at most one per partition.
#[must_use]
pub fn states_of(endpoint: &str) -> Vec<u8> {
    let mut key = ENDPOINTS.to_vec();
    key.extend_from_slice(endpoint.as_bytes());
    key.push(0);
    key
}

/// Records an attempt in its delivery and in its endpoint.
pub(super) fn attempted<R: Rows<AlertsRow>>(
    rows: &mut R,
    event: &RecordedEvent<'_>,
    tried: &DeliveryAttempted,
) -> Result<(), R::Error> {
    let key = delivery_key(&tried.alert, tried.change, &tried.endpoint);
    let row = rows.change(&key, || AlertsRow::Delivery(Box::new(new_delivery(event, tried))))?;
    let AlertsRow::Delivery(delivery) = row else { return Ok(()) };
    let before = delivery.through;
    note_attempt(delivery, event, tried);
    let due = delivery.next_attempt_at.map(|at| Due { at, attempts: delivery.attempts });
    let pending =
        PendingDelivery { through: delivery.through, alert: tried.alert.clone(), change: tried.change };
    let key = endpoint_key(&tried.endpoint, event.partition);
    let row = rows.change(&key, || {
        AlertsRow::Endpoint(Box::new(EndpointState::new(&tried.endpoint, event.partition)))
    })?;
    let AlertsRow::Endpoint(state) = row else { return Ok(()) };
    state.pending.remove(&PendingDelivery { through: before, ..pending.clone() });
    if let Some(due) = due {
        state.pending.insert(pending, due);
    }
    if tried.change == Change::Digest {
        state.covered = state.covered.max(tried.through);
    } else {
        state.tried = state.tried.max(tried.through);
    }
    match tried.outcome {
        DeliveryOutcome::Delivered => {
            state.delivered = state.delivered.saturating_add(1);
            state.delivered_at = state.delivered_at.max(Some(event.occurred_at));
        }
        // The 0th is not an attempt: the message was only started.
        DeliveryOutcome::Failed => state.failed = state.failed.saturating_add(u64::from(tried.attempt > 0)),
        DeliveryOutcome::GaveUp => state.gave_up = state.gave_up.saturating_add(1),
        DeliveryOutcome::Disabled => state.disabled_at = state.disabled_at.max(Some(event.occurred_at)),
        DeliveryOutcome::Skipped => {}
    }
    Ok(())
}

/// A request is recorded as another change, so that it is where the deliverer looks for fresh changes. A
/// request for an alert that the task does not have has no effect.
pub(super) fn requested<R: Rows<AlertsRow>>(
    rows: &mut R,
    event: &RecordedEvent<'_>,
    requested: &DeliveryRequested,
) -> Result<(), R::Error> {
    let known = match rows.get(&alert_key(&requested.alert))? {
        Some(AlertsRow::Alert(alert)) => alert.tenant == event.tenant && alert.task == event.task,
        Some(_) | None => false,
    };
    if !known || requested.change == Change::Digest {
        return Ok(());
    }
    let change = AlertChange {
        alert: requested.alert.clone(),
        change: requested.change,
        resend: Some(Resend {
            endpoint: requested.endpoint.clone(),
            by: requested.by.clone(),
            reason: requested.reason.clone(),
        }),
    };
    rows.change(&change_key(event.sequence, &change), || AlertsRow::Change(change.clone())).map(|_| ())
}

fn new_delivery(event: &RecordedEvent<'_>, tried: &DeliveryAttempted) -> Delivery {
    Delivery {
        alert: tried.alert.clone(),
        tenant: event.tenant.to_owned(),
        change: tried.change,
        endpoint: tried.endpoint.clone(),
        through: tried.through,
        outcome: DeliveryOutcome::Failed,
        next_attempt_at: Some(event.occurred_at),
        delivered_at: None,
        attempts: 0,
        history: Vec::new(),
    }
}

fn note_attempt(delivery: &mut Delivery, event: &RecordedEvent<'_>, tried: &DeliveryAttempted) {
    if delivery.history.len() >= KEPT_ATTEMPTS {
        delivery.history.remove(0);
    }
    delivery.history.push(Attempt {
        number: tried.attempt,
        at: event.occurred_at,
        outcome: tried.outcome,
        status_code: tried.status_code,
        error: tried.error.clone(),
    });
    if tried.attempt > 0 {
        delivery.attempts = delivery.attempts.saturating_add(1);
    }
    if tried.outcome == DeliveryOutcome::Delivered {
        delivery.delivered_at = delivery.delivered_at.max(Some(event.occurred_at));
    }
    // Only a request to deliver it again reopens a settled delivery.
    let again = tried.through > delivery.through;
    let settled = delivery.next_attempt_at.is_none();
    let failed = tried.outcome == DeliveryOutcome::Failed;
    if !again && settled && (failed || delivery.outcome == DeliveryOutcome::Delivered) {
        return;
    }
    delivery.through = delivery.through.max(tried.through);
    delivery.outcome = tried.outcome;
    // A failed attempt that names no time is due immediately: saying nothing must not lose a message.
    delivery.next_attempt_at = failed.then(|| tried.next_attempt_at.unwrap_or(event.occurred_at));
}
