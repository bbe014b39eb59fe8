//! Events about the inbox: what came in over NATS and was wrong, and what a person did with it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::ids::EventId;
use crate::time::Timestamp;
use crate::words::words;

/// Longest payload that a rejection keeps, in bytes: an event holds at most 16 KiB with all that stands beside it.
pub const MAX_KEPT_PAYLOAD: usize = 12 * 1024;

/// Longest reason that a rejection keeps, in bytes.
const MAX_KEPT_REASON: usize = 800;

/// Most headers that a rejection keeps, the first by name.
const MAX_KEPT_HEADERS: usize = 8;

/// Longest header that a rejection keeps, name and value, in bytes. A name of the ledger's own fits.
const MAX_KEPT_HEADER: usize = 256;

/// A message of the inbox was refused; it waits in quarantine. Written by the ledger under the message's
/// tenant, where it is known, and the task `_ledger`.
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
    /// Its headers, as far as they are short: what they say of the payload is needed to take it in later.
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

    /// The same with its headers, as far as they are kept.
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

    /// The event's id, by which it is resolved: a hash of the message and its place, so that whoever drains
    /// the inbox makes the same. `arrived` is when the inbox took it.
    #[must_use]
    pub fn event_id(&self, arrived: Timestamp) -> EventId {
        let Self { subject, received_sequence, payload_hash, code, reason, .. } = self;
        let text =
            format!("{subject}\n{received_sequence}\n{}\n{payload_hash}\n{code}\n{reason}", arrived.micros());
        EventId::digest("rejected", Sha256::digest(text.as_bytes()).into())
    }
}

/// The beginning of a reason, between two characters.
fn cut(reason: &str) -> String {
    let mut end = reason.len().min(MAX_KEPT_REASON);
    while !reason.is_char_boundary(end) {
        end = end.saturating_sub(1);
    }
    reason[..end].to_owned()
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
