//! The quarantine of the NATS inbox: what was refused, and what a person does with it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Messages that the inbox refused, the latest first.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct QuarantineList {
    /// The messages.
    pub messages: Vec<QuarantinedMessage>,
    /// How many more there are than were asked for.
    pub more: u64,
    /// The position up to which this is true.
    pub as_of: String,
}

/// A message that the inbox refused.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct QuarantinedMessage {
    /// Its id, by which it is redriven or dropped.
    pub id: String,
    /// `open`: it waits; `redriven` or `dropped`: it did.
    pub state: String,
    /// Its tenant; `_ledger` where the subject names none.
    pub tenant: String,
    /// The subject it came in on.
    pub subject: String,
    /// Its sequence in the inbox stream.
    pub received_sequence: u64,
    /// When the inbox took it.
    pub received_at: String,
    /// The record of the rejection.
    pub sequence: u64,
    /// The stable code of the rule that it breaks.
    pub code: String,
    /// What is wrong.
    pub reason: String,
    /// What it held, where that is text.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub payload: Option<String>,
    /// What it held, as hex digits, where it is no text.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub payload_hex: Option<String>,
    /// How long it was, in bytes. Where that is more than is kept, only the beginning is.
    pub payload_bytes: u64,
    /// BLAKE3 of all of it.
    pub payload_hash: String,
    /// Whether only the beginning is kept.
    pub is_cut: bool,
    /// Its headers, as far as they are kept.
    #[serde(skip_serializing_if = "BTreeMap::is_empty", default)]
    pub headers: BTreeMap<String, String>,
    /// Who ended its quarantine.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub ended_by: Option<String>,
    /// When.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub ended_at: Option<String>,
    /// Why.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub ended_because: Option<String>,
}

/// A person ends the quarantine of a message.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct QuarantineEndRequest {
    /// Who.
    pub by: String,
    /// Why.
    pub reason: String,
    /// When it is redriven: this instead of what it held, an event or `{"events": […]}` in JSON.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub payload: Option<String>,
    /// When it is redriven: the producer of events that name none, where its headers name none.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub producer: Option<String>,
}

/// How the quarantine of a message ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct QuarantineEnded {
    /// The message as it is now.
    pub message: QuarantinedMessage,
    /// What became of its events, when it was redriven.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub outcomes: Vec<super::EventOutcome>,
    /// Covers what was appended.
    pub position: String,
}
