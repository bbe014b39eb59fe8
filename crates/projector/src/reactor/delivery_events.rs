//! From rows of the view to messages, and from attempts to events.

use serde::{Deserialize, Serialize};
use tollgate_deliver::message::Message;
use tollgate_deliver::notice::AlertNotice;
use tollgate_deliver::outbox::DeliveryAttempt;
use tollgate_deliver::signature::WebhookId;
use tollgate_domain::event::{Change, DeliveryAttempted, DeliveryOutcome, Event, EventBody};
use tollgate_domain::ids::{EventId, ProducerId, TaskId, TenantId};
use tollgate_domain::position::Sequence;
use tollgate_domain::time::Timestamp;
use tollgate_log::contract::NewEvent;
use tollgate_log::key::ContentHash;
use tollgate_projection::alerts::Alert;
use tollgate_wire::Submitted;

use crate::queries::ChangeToDeliver;

/// The producer of events that the ledger writes about itself.
const OWN_PRODUCER: &str = "tollgate";

/// The longest error text that is kept, in bytes.
const MAX_ERROR_BYTES: usize = 500;

/// The key by which the outbox identifies a message.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Key {
    pub(super) tenant: TenantId,
    pub(super) task: TaskId,
    /// For a digest, what it covers: see [`digest_name`].
    pub(super) alert: String,
    pub(super) change: Change,
    pub(super) through: Sequence,
}

impl Key {
    pub(super) fn of_change(it: &ChangeToDeliver) -> Option<Self> {
        Self::new(&it.alert, it.change.change, it.sequence)
    }

    /// `None` for names that no version writes.
    pub(super) fn new(alert: &Alert, change: Change, through: Sequence) -> Option<Self> {
        // Callers cannot use the names that the ledger uses for itself.
        let tenant = Some(TenantId::ledger()).filter(|ledger| ledger.as_str() == alert.tenant);
        let task = Some(TaskId::ledger()).filter(|ledger| ledger.as_str() == alert.task);
        Some(Self {
            tenant: tenant.or_else(|| TenantId::new(alert.tenant.as_str()).ok())?,
            task: task.or_else(|| TaskId::new(alert.task.as_str()).ok())?,
            alert: alert.id.clone(),
            change,
            through,
        })
    }

    /// The key of the digest that covers everything after one record, up to and including another.
    pub(super) fn of_digest(after: Sequence, through: Sequence) -> Self {
        Self {
            tenant: TenantId::ledger(),
            task: TaskId::ledger(),
            alert: digest_name(after, through),
            change: Change::Digest,
            through,
        }
    }

    pub(super) fn text(&self) -> String {
        serde_json::to_string(self).expect("texts and numbers under string keys are always JSON")
    }

    pub(super) fn read(text: &str) -> Result<Self, String> {
        serde_json::from_str(text).map_err(|error| format!("the key of a message is not readable: {error}"))
    }
}

/// The id of a digest encodes what it covers: from after one record up to another, as hex.
pub(super) fn digest_name(after: Sequence, through: Sequence) -> String {
    format!("{:016x}{:016x}", after.0, through.0)
}

/// The record that a digest begins after.
pub(super) fn digest_after(name: &str) -> Option<Sequence> {
    u64::from_str_radix(name.get(..16)?, 16).ok().map(Sequence)
}

/// The message about a change for an endpoint.
pub(super) fn message(endpoint: &str, alert: &Alert, change: Change) -> Option<Message> {
    notice(alert, change).map(|notice| Message::of_change(endpoint, notice))
}

/// A change in the form of a message; `None` for one that did not happen.
pub(super) fn notice(alert: &Alert, change: Change) -> Option<AlertNotice> {
    let (at, note) = match change {
        Change::Raised => (alert.raised_at, None),
        Change::Acknowledged => {
            let seen = alert.acknowledged.as_ref()?;
            let note = match &seen.note {
                Some(note) => format!("{}: {note}", seen.by),
                None => seen.by.clone(),
            };
            (seen.at, Some(note))
        }
        Change::Resolved => {
            let end = alert.resolved.as_ref()?;
            (end.at, Some(end.why.clone()))
        }
        Change::Digest => return None,
    };
    Some(AlertNotice {
        alert: alert.id.clone(),
        change,
        at,
        rule: alert.condition.rule,
        severity: alert.severity,
        tenant: alert.tenant.clone(),
        task: alert.task.clone(),
        scope: alert.condition.scope.to_string(),
        level: alert.condition.level,
        generation: alert.generation,
        message: alert.message.clone(),
        raised_at: alert.raised_at,
        note,
    })
}

/// The record in which a change happened; if it is at any other record, a delivery was requested.
pub(super) fn happened_in(alert: &Alert, change: Change) -> Option<Sequence> {
    match change {
        Change::Raised => Some(alert.raised),
        Change::Acknowledged => alert.acknowledged.as_ref().map(|seen| seen.sequence),
        Change::Resolved => alert.resolved.as_ref().map(|end| end.by),
        Change::Digest => None,
    }
}

/// A delivery attempt to be written to the log.
#[derive(Clone, Debug)]
pub(super) struct AttemptToRecord {
    pub(super) key: Key,
    pub(super) endpoint: String,
    pub(super) number: u32,
    pub(super) at: Timestamp,
    pub(super) outcome: DeliveryOutcome,
    pub(super) status: Option<u16>,
    pub(super) error: Option<String>,
    pub(super) next_attempt_at: Option<Timestamp>,
}

impl AttemptToRecord {
    /// A runner's report about a message that the outbox knows by this key.
    pub(super) fn of(key: Key, attempt: &DeliveryAttempt) -> Self {
        Self {
            key,
            endpoint: attempt.endpoint.clone(),
            number: attempt.attempt,
            at: attempt.at,
            outcome: attempt.outcome,
            status: attempt.status,
            error: attempt.error.as_deref().map(shortened),
            next_attempt_at: attempt.next_attempt_at,
        }
    }

    /// Nothing was sent yet; the message is due at once.
    pub(super) fn begun(endpoint: &str, key: Key, at: Timestamp) -> Self {
        let next_attempt_at = Some(at);
        Self { outcome: DeliveryOutcome::Failed, next_attempt_at, ..Self::skipped(endpoint, key, at) }
    }

    /// Nothing was sent, and nothing will be.
    pub(super) fn skipped(endpoint: &str, key: Key, at: Timestamp) -> Self {
        Self {
            key,
            endpoint: endpoint.to_owned(),
            number: 0,
            at,
            outcome: DeliveryOutcome::Skipped,
            status: None,
            error: None,
            next_attempt_at: None,
        }
    }

    /// The event. Its id is derived from its content: recorded twice, it is in the log once.
    pub(super) fn event(&self) -> Result<NewEvent, String> {
        let Self { key, endpoint, number, at, outcome, .. } = self;
        let change = key.change.as_str();
        let parts = [&key.alert, &key.through.to_string(), &number.to_string(), &at.micros().to_string()];
        let name =
            WebhookId::of(&[endpoint, change, outcome.as_str(), parts[0], parts[1], parts[2], parts[3]]);
        let body = EventBody::from(DeliveryAttempted {
            alert: key.alert.clone(),
            change: key.change,
            through: key.through,
            endpoint: endpoint.clone(),
            attempt: *number,
            outcome: *outcome,
            status_code: self.status.map(u32::from),
            error: self.error.clone(),
            next_attempt_at: self.next_attempt_at,
        });
        let event = Event {
            tenant: key.tenant.clone(),
            task: key.task.clone(),
            producer: ProducerId::new(OWN_PRODUCER).map_err(|error| error.to_string())?,
            id: EventId::new(format!("delivery-{name}")).map_err(|error| error.to_string())?,
            occurred_at: Some(*at),
            trace_parent: None,
            body: body.clone(),
        };
        let submitted = Submitted::from_event(event.clone()).map_err(|error| error.to_string())?;
        Ok(NewEvent {
            task: event.task,
            producer: event.producer,
            id: event.id,
            content_hash: ContentHash::of_hash(submitted.content_hash()),
            payload: submitted.encode_stored(&body).map_err(|error| error.to_string())?,
        })
    }
}

fn shortened(error: &str) -> String {
    let end = (0..=MAX_ERROR_BYTES.min(error.len())).rev().find(|&at| error.is_char_boundary(at));
    error[..end.unwrap_or(0)].to_owned()
}
