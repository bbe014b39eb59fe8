//! Who read which report when.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Reads of reports, the latest first.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AccessList {
    /// The reads.
    pub accesses: Vec<AccessView>,
    /// Whether there are earlier ones that are not listed.
    pub more: bool,
    /// The position up to which this is true.
    pub as_of: String,
}

/// One read of a report.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AccessView {
    /// Its record in the log.
    pub sequence: u64,
    /// When.
    pub at: String,
    /// Owner of the task.
    pub tenant: String,
    /// `task`: a budget report; `story`.
    pub report: String,
    /// The task that it is about.
    pub task: String,
    /// Who, as the reader said; `anonymous` where nobody said.
    pub reader: String,
    /// The address of the machine that asked, or `local`.
    pub address: String,
    /// `json`, `md`, `html`, `csv` or `text`.
    pub format: String,
    /// Whether names stood as pseudonyms.
    pub redacted: bool,
}
