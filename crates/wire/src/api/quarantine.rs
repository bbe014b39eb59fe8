//! The quarantine of the NATS inbox: what was refused, and what a person does with it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::word::{self, QuarantineState, list};

/// Refused inbox messages, newest first.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct QuarantineList {
    /// The messages.
    pub messages: Vec<QuarantinedMessage>,
    /// Number of further matches that are not listed.
    pub more: u64,
    /// The position that this answer covers.
    pub as_of: String,
}

/// A refused inbox message.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct QuarantinedMessage {
    /// Id of the message, used to redrive or drop it.
    pub id: String,
    /// `open` (still waiting), `redriven` or `dropped`.
    #[serde(with = "word")]
    #[schema(value_type = list::QuarantineState)]
    pub state: QuarantineState,
    /// Tenant; `_ledger` if the subject names none.
    pub tenant: String,
    /// The subject it arrived on.
    pub subject: String,
    /// Sequence number in the inbox stream.
    pub received_sequence: u64,
    /// When the inbox received it.
    pub received_at: String,
    /// Sequence number of the record of its rejection.
    pub sequence: u64,
    /// The stable code of the rule that it breaks.
    pub code: String,
    /// What is wrong.
    pub reason: String,
    /// The payload, if it is text.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub payload: Option<String>,
    /// The payload as hex digits, if it is not text.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub payload_hex: Option<String>,
    /// Length of the full payload in bytes. If it is longer than what is kept, only the beginning is kept.
    pub payload_bytes: u64,
    /// BLAKE3 hash of the full payload.
    pub payload_hash: String,
    /// Whether only the beginning of the payload is kept.
    pub is_cut: bool,
    /// The headers that were kept.
    #[serde(skip_serializing_if = "BTreeMap::is_empty", default)]
    pub headers: BTreeMap<String, String>,
    /// Who ended its quarantine.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub ended_by: Option<String>,
    /// When its quarantine ended.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub ended_at: Option<String>,
    /// The reason given.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub ended_because: Option<String>,
}

/// A request to end a message's quarantine.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct QuarantineEndRequest {
    /// Who ends it.
    pub by: String,
    /// The reason.
    pub reason: String,
    /// Redrive only: events to append instead of the message's own, as one event or `{"events": […]}` in JSON.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub payload: Option<String>,
    /// Redrive only: producer for events that name none, if the headers name none either.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub producer: Option<String>,
}

/// Result of ending a message's quarantine.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct QuarantineEnded {
    /// The message as it is now.
    pub message: QuarantinedMessage,
    /// Outcomes of its events, if it was redriven.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub outcomes: Vec<super::EventOutcome>,
    /// A position that covers the appended events.
    pub position: String,
}
