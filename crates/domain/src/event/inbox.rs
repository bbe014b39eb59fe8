//! Events about the inbox: invalid messages that arrived over NATS, and what a person did with them.

use std::collections::BTreeMap;

use sha2::{Digest, Sha256};

use crate::ids::EventId;
use crate::time::Timestamp;
use crate::words::words;

/// Longest payload that a rejection keeps, in bytes: an event holds at most 16 KiB including all its other fields.
pub const MAX_KEPT_PAYLOAD: usize = 12 * 1024;

/// Longest reason that a rejection keeps, in bytes.
const MAX_KEPT_REASON: usize = 800;

/// Most headers that a rejection keeps; the first ones by name.
const MAX_KEPT_HEADERS: usize = 8;

/// Longest header that a rejection keeps, name plus value, in bytes. The ledger's own headers fit.
const MAX_KEPT_HEADER: usize = 256;

/// A message of the inbox was refused and waits in quarantine. Written by the ledger under the message's
/// tenant, if known, and the task `_ledger`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InboxRejected {
    /// The subject it arrived on.
    pub subject: String,
    /// Its sequence in the inbox stream.
    pub received_sequence: u64,
    /// Its payload, truncated to [`MAX_KEPT_PAYLOAD`].
    pub payload: Vec<u8>,
    /// The original length of the payload in bytes.
    pub payload_bytes: u64,
    /// BLAKE3 of the whole payload, 64 hex digits.
    pub payload_hash: String,
    /// The stable code of the rule that it violates.
    pub code: String,
    /// What is wrong, in a sentence.
    pub reason: String,
    /// Its short headers: they describe the payload and are needed to accept it later.
    pub headers: BTreeMap<String, String>,
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
            reason: cut(reason),
            headers: BTreeMap::new(),
        }
    }

    /// The same rejection with those headers that can be kept.
    #[must_use]
    pub fn with_headers(mut self, headers: impl IntoIterator<Item = (String, String)>) -> Self {
        let short = |(name, value): &(String, String)| {
            !name.is_empty() && !value.is_empty() && name.len().saturating_add(value.len()) <= MAX_KEPT_HEADER
        };
        self.headers = headers.into_iter().filter(short).collect();
        while self.headers.len() > MAX_KEPT_HEADERS {
            self.headers.pop_last();
        }
        self
    }

    /// Whether only the beginning of the payload is kept.
    #[must_use]
    pub fn is_cut(&self) -> bool {
        self.payload.len() as u64 != self.payload_bytes
    }

    /// The event's id, by which it is resolved: a hash of the message and its place, so that every process
    /// draining the inbox produces the same id. `arrived` is when the inbox received the message.
    #[must_use]
    pub fn event_id(&self, arrived: Timestamp) -> EventId {
        let Self { subject, received_sequence, payload_hash, code, reason, .. } = self;
        let text =
            format!("{subject}\n{received_sequence}\n{}\n{payload_hash}\n{code}\n{reason}", arrived.micros());
        EventId::digest("rejected", Sha256::digest(text.as_bytes()).into())
    }
}

/// The beginning of a reason, cut at a character boundary.
fn cut(reason: &str) -> String {
    let mut end = reason.len().min(MAX_KEPT_REASON);
    while !reason.is_char_boundary(end) {
        end = end.saturating_sub(1);
    }
    reason[..end].to_owned()
}

/// A person ended the quarantine of a message. Written by the ledger, next to the rejection.
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
        /// It was accepted after all, now that it could be.
        Redriven = "redriven",
        /// It was discarded.
        Dropped = "dropped"
    }
);
