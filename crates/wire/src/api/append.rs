//! Appending events.

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use utoipa::ToSchema;

use super::gate::{GateAfter, GateResponse};

/// Events to append, up to 500. Events of one task are appended together or not at all; tasks are independent.
#[derive(Debug, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AppendRequest {
    /// Stands in for events that name no tenant.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub tenant: Option<String>,
    /// Stands in for events that name no producer.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub producer: Option<String>,
    /// Events in the JSON form of `tollgate.v1.Event`, in order.
    #[schema(value_type = Vec<Object>)]
    pub events: Vec<Box<RawValue>>,
    /// Questions for the gate, asked once the events are in the log: saves who reports and then asks a request. Up to 100.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub gates: Vec<GateAfter>,
}

/// Events to look up by their names, up to 500 of one task and producer.
#[derive(Debug, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct FindRequest {
    /// Whose task; `default` where absent.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub tenant: Option<String>,
    /// Which task.
    pub task: String,
    /// Who appended them.
    pub producer: String,
    /// Their ids.
    pub ids: Vec<String>,
}

/// What the log has under the names.
#[derive(Debug, Deserialize, Serialize, ToSchema)]
pub struct FindResponse {
    /// One for each id, in their order: the recorded event in the JSON form of `tollgate.v1.Event` with what was added, or
    /// `null` where the log has none.
    #[schema(value_type = Vec<Option<Object>>)]
    pub events: Vec<Option<serde_json::Value>>,
}

/// What became of the events.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AppendResponse {
    /// One outcome per event, in their order.
    pub outcomes: Vec<EventOutcome>,
    /// Covers every event that is in the log: pass it as `at_least` to see them.
    pub position: String,
    /// What the acknowledgement is worth: `fsync`, `replicated` or `page_cache`.
    pub durability: String,
    /// For how long an outcome is final: `life` of the ledger, or a `window`.
    pub dedup: String,
    /// The gate's answers, in the order of the questions. `null`: it was not decided, nothing was recorded; ask the gate alone
    /// (with the same id, if there is one), which says why or decides.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub gates: Vec<Option<GateResponse>>,
}

/// What became of one event.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct EventOutcome {
    /// The event's id; empty where it could not be read.
    pub id: String,
    /// What became of it.
    pub outcome: Outcome,
    /// The sequence of its record; of the original's for a duplicate or a conflict.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub sequence: Option<u64>,
    /// The stable code of the rule that refused it.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub code: Option<String>,
    /// Why it was refused, and what to do.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub detail: Option<String>,
    /// The attempt that a phase start was given.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub attempt: Option<u32>,
    /// What the producer should know of an event that was taken.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub warnings: Vec<String>,
}

/// What became of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// It is new and in the log.
    Appended,
    /// It was there already, with the same content: success.
    Duplicate,
    /// Its id was there already, with other content: refused.
    Conflict,
    /// A rule refused it, or another event of its task.
    Refused,
    /// Tracking is switched off: nobody looked at it, nothing was recorded. Success, so that no work stops for it.
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
