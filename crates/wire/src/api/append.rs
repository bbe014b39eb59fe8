//! Appending events.

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use utoipa::ToSchema;

use super::gate::{GateAfter, GateResponse};

/// Events to append, up to 500. All events of one task are appended, or none are; tasks are independent of each other.
#[derive(Debug, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AppendRequest {
    /// Tenant of events that name none.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub tenant: Option<String>,
    /// Producer of events that name none.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub producer: Option<String>,
    /// Events in the JSON form of `tollgate.v1.Event`, in order.
    #[schema(value_type = Vec<Object>)]
    pub events: Vec<Box<RawValue>>,
    /// Gate checks to run once the events are in the log, up to 100. Saves a separate request.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub gates: Vec<GateAfter>,
}

/// Events to look up by id, up to 500 of one task and producer.
#[derive(Debug, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct FindRequest {
    /// Owner of the task (default: `default`).
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub tenant: Option<String>,
    /// The task.
    pub task: String,
    /// The producer that appended them.
    pub producer: String,
    /// Ids of the events.
    pub ids: Vec<String>,
}

/// The events found.
#[derive(Debug, Deserialize, Serialize, ToSchema)]
pub struct FindResponse {
    /// One entry per id, in the same order: the recorded event as the JSON form of `tollgate.v1.Event` plus
    /// the fields that the ledger adds, or `null` if the log has no such event.
    #[schema(value_type = Vec<Option<Object>>)]
    pub events: Vec<Option<serde_json::Value>>,
}

/// Outcomes of an append.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AppendResponse {
    /// One outcome per event, in the same order.
    pub outcomes: Vec<EventOutcome>,
    /// A position that covers every event that is in the log. Pass it as `at_least` to see them.
    pub position: String,
    /// Durability of the acknowledged events: `fsync`, `replicated` or `page_cache`.
    pub durability: String,
    /// How long duplicates are recognized: for the `life` of the ledger, or within a `window`.
    pub dedup: String,
    /// The gate's answers, in the order of the checks. `null` means that no decision was made or recorded:
    /// send a separate gate request (with the same id, if there is one) to get the decision or the reason.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub gates: Vec<Option<GateResponse>>,
}

/// Outcome of one event.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct EventOutcome {
    /// Id of the event; empty if it could not be read.
    pub id: String,
    /// The outcome.
    pub outcome: Outcome,
    /// Sequence number of its record; for a duplicate or a conflict, that of the original.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub sequence: Option<u64>,
    /// The stable code of the rule that refused it.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub code: Option<String>,
    /// Why it was refused, and what to do.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub detail: Option<String>,
    /// Attempt number assigned to a phase start.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub attempt: Option<u32>,
    /// Warnings for the producer about an accepted event.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub warnings: Vec<String>,
}

/// Outcome of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// The event is new and in the log.
    Appended,
    /// The event was already in the log with the same content. Counts as success.
    Duplicate,
    /// The id was already used with different content. The event is refused.
    Conflict,
    /// A rule refused the event, or another event of its task.
    Refused,
    /// Tracking is switched off: the event was neither checked nor recorded. Counts as success, so that no work stops.
    Ignored,
}

impl Outcome {
    /// The word that answers use.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Appended => "appended",
            Self::Duplicate => "duplicate",
            Self::Conflict => "conflict",
            Self::Refused => "refused",
            Self::Ignored => "ignored",
        }
    }
}
