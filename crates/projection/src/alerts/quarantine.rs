//! Messages that the inbox refused, until a person redrives or drops them.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use tollgate_domain::event::{InboxRejected, InboxResolved, QuarantineAction, RecordedEvent};
use tollgate_domain::position::Sequence;
use tollgate_domain::time::Timestamp;
use tollgate_wire::api::QuarantineState;

use super::row::AlertsRow;
use crate::fold::Rows;

/// Prefix of the keys of messages in quarantine: all of them, by id.
pub const QUARANTINE: &[u8] = b"q";

/// A message that the inbox refused.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Quarantined {
    /// The id of its rejection, by which it is redriven or dropped.
    pub id: String,
    /// Its tenant; `_ledger` if unknown.
    pub tenant: String,
    /// The task that the rejection is recorded under: `_ledger`.
    pub task: String,
    /// The record of the rejection.
    pub sequence: Sequence,
    /// When the inbox received it.
    pub at: Timestamp,
    /// The subject it arrived on.
    pub subject: String,
    /// Its sequence in the inbox stream.
    pub received_sequence: u64,
    /// Its payload, or the beginning of it.
    pub payload: Vec<u8>,
    /// The original length in bytes.
    pub payload_bytes: u64,
    /// BLAKE3 of the whole payload, 64 hex digits.
    pub payload_hash: String,
    /// The stable code of the rule that it violates.
    pub code: String,
    /// What is wrong.
    pub reason: String,
    /// Those of its headers that are kept.
    pub headers: BTreeMap<String, String>,
    /// How its quarantine ended; `None`: it is waiting.
    pub ended: Option<QuarantineEnd>,
}

/// How the quarantine of a message ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct QuarantineEnd {
    /// What was done.
    pub action: QuarantineAction,
    /// The record that says so.
    pub sequence: Sequence,
    /// When.
    pub at: Timestamp,
    /// Who.
    pub by: String,
    /// Why.
    pub reason: String,
}

impl Quarantined {
    /// Whether it is waiting, or what a person did with it.
    #[must_use]
    pub fn state(&self) -> QuarantineState {
        match self.ended.as_ref().map(|end| end.action) {
            None => QuarantineState::Open,
            Some(QuarantineAction::Redriven) => QuarantineState::Redriven,
            Some(QuarantineAction::Dropped) => QuarantineState::Dropped,
        }
    }

    /// Whether only the beginning of the payload is kept: then it cannot be redriven.
    #[must_use]
    pub fn is_cut(&self) -> bool {
        self.payload.len() as u64 != self.payload_bytes
    }
}

/// The key of a message in quarantine.
#[must_use]
pub fn quarantine_key(id: &str) -> Vec<u8> {
    let mut key = QUARANTINE.to_vec();
    key.extend_from_slice(id.as_bytes());
    key
}

/// Puts a message into quarantine; returns whether it is new there.
pub(super) fn rejected<R: Rows<AlertsRow>>(
    rows: &mut R,
    event: &RecordedEvent<'_>,
    rejected: &InboxRejected,
) -> Result<bool, R::Error> {
    let mut new = false;
    rows.change(&quarantine_key(event.id), || {
        new = true;
        AlertsRow::Quarantined(Box::new(Quarantined {
            id: event.id.to_owned(),
            tenant: event.tenant.to_owned(),
            task: event.task.to_owned(),
            sequence: event.sequence,
            at: event.occurred_at,
            subject: rejected.subject.clone(),
            received_sequence: rejected.received_sequence,
            payload: rejected.payload.clone(),
            payload_bytes: rejected.payload_bytes,
            payload_hash: rejected.payload_hash.clone(),
            code: rejected.code.clone(),
            reason: rejected.reason.clone(),
            headers: rejected.headers.clone(),
            ended: None,
        }))
    })?;
    Ok(new)
}

/// Ends the quarantine of a message that was rejected under the same tenant and task; returns whether it was
/// waiting. The first end counts.
pub(super) fn resolved<R: Rows<AlertsRow>>(
    rows: &mut R,
    event: &RecordedEvent<'_>,
    resolved: &InboxResolved,
) -> Result<bool, R::Error> {
    let key = quarantine_key(&resolved.rejection);
    let Some(AlertsRow::Quarantined(waiting)) = rows.get(&key)? else { return Ok(false) };
    if waiting.tenant != event.tenant || waiting.task != event.task || waiting.ended.is_some() {
        return Ok(false);
    }
    if let AlertsRow::Quarantined(waiting) = rows.change(&key, || AlertsRow::Watch(Box::default()))? {
        waiting.ended = Some(QuarantineEnd {
            action: resolved.action,
            sequence: event.sequence,
            at: event.occurred_at,
            by: resolved.by.clone(),
            reason: resolved.reason.clone(),
        });
    }
    Ok(true)
}
