//! Events about the inbox: what came in over NATS and was wrong, and what a person did with it.

use sha2::{Digest, Sha256};

use super::alerting::words;
use crate::ids::EventId;
use crate::time::Timestamp;
use serde::{Deserialize, Serialize};

/// Longest payload that a rejection keeps, in bytes: an event holds at most 16 KiB with all that stands beside it.
pub const MAX_KEPT_PAYLOAD: usize = 12 * 1024;

/// A message of the inbox was refused; it waits in quarantine. Written by the ledger under the message's tenant, where it is
/// known, and the task `_ledger`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InboxRejected {
    /// The subject it came in on.
    pub subject: String,
    /// Its sequence in the inbox stream.
    pub received_sequence: u64,
    /// What it held, cut at [`MAX_KEPT_PAYLOAD`].
    pub payload: Vec<u8>,
    /// How long it was before it was cut.
    pub payload_bytes: u64,
    /// BLAKE3 of all of it, 64 hex digits.
    pub payload_hash: String,
    /// The stable code of the rule that it breaks.
    pub code: String,
    /// What is wrong, in a sentence.
    pub reason: String,
}

impl InboxRejected {
    /// A rejection of a message. `payload_hash` is the BLAKE3 of the whole payload, as hex.
    #[must_use]
    pub fn new(
        subject: &str,
        received_sequence: u64,
        payload: &[u8],
        payload_hash: String,
        code: &str,
        reason: &str,
    ) -> Self {
        Self {
            subject: subject.to_owned(),
            received_sequence,
            payload: payload.get(..MAX_KEPT_PAYLOAD).unwrap_or(payload).to_vec(),
            payload_bytes: payload.len() as u64,
            payload_hash,
            code: code.to_owned(),
            reason: reason.to_owned(),
        }
    }

    /// Whether only the beginning of the payload is kept.
    #[must_use]
    pub fn is_cut(&self) -> bool {
        self.payload.len() as u64 != self.payload_bytes
    }

    /// The event's id, by which it is resolved: a hash of the message and its place, so that whoever drains the inbox makes the
    /// same. `arrived` is when the inbox took it.
    #[must_use]
    pub fn event_id(&self, arrived: Timestamp) -> EventId {
        let Self { subject, received_sequence, payload_hash, code, reason, .. } = self;
        let text =
            format!("{subject}\n{received_sequence}\n{}\n{payload_hash}\n{code}\n{reason}", arrived.micros());
        EventId::digest("rejected", Sha256::digest(text.as_bytes()).into())
    }
}

/// A person ended the quarantine of a message. Written by the ledger beside the rejection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InboxResolved {
    /// The id of the rejection's event.
    pub rejection: String,
    /// What was done.
    pub action: QuarantineAction,
    /// Who.
    pub by: String,
    /// Why.
    pub reason: String,
}

words!(
    /// What ends the quarantine of a message.
    QuarantineAction {
        /// It was taken in, now that it could be.
        Redriven = "redriven",
        /// It was given up.
        Dropped = "dropped"
    }
);
