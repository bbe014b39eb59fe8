//! Errors as problem+json (RFC 9457).

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Why a request failed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Problem {
    /// Type of the problem: `about:tollgate/{code}`.
    #[serde(rename = "type")]
    pub kind: String,
    /// A short sentence, the same for every problem of this type.
    pub title: String,
    /// The HTTP status.
    pub status: u16,
    /// What was attempted and on what, the offending value, the rule it breaks, and what to do.
    pub detail: String,
    /// A stable code for programs to rely on.
    pub code: String,
    /// Whether the same request may succeed later.
    pub retryable: bool,
    /// The invalid field, if there is one.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub field: Option<String>,
    /// The field's value, shortened.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub value: Option<String>,
    /// The position that the view had reached, if a view was asked.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub as_of: Option<String>,
    /// Covers those events of a refused append that are in the log anyway: events of other tasks, and duplicates.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub position: Option<String>,
    /// One outcome per event, if an append was refused.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub outcomes: Vec<super::EventOutcome>,
}
