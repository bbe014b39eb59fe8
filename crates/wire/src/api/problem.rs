//! Errors as problem+json (RFC 9457).

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Why a request was not carried out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Problem {
    /// Names the kind of problem: `about:tollgate/{code}`.
    #[serde(rename = "type")]
    pub kind: String,
    /// A short sentence, the same for every problem of the kind.
    pub title: String,
    /// The HTTP status.
    pub status: u16,
    /// What was attempted, on what, which value, which rule, what to do.
    pub detail: String,
    /// A stable code to program against.
    pub code: String,
    /// Whether the same request may succeed later.
    pub retryable: bool,
    /// The field that breaks a rule, where one does.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub field: Option<String>,
    /// Its value, shortened.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub value: Option<String>,
    /// The position up to which this is true, where a view was asked.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub as_of: Option<String>,
    /// Covers the events of a refused append that are in the log nevertheless: those of other tasks, and duplicates.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub position: Option<String>,
    /// One outcome per event, where an append was refused.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub outcomes: Vec<super::EventOutcome>,
}
