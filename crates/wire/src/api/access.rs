//! Who read which report when.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Reads of reports, newest first.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AccessList {
    /// The reads.
    pub accesses: Vec<AccessView>,
    /// Whether there are earlier reads that are not listed.
    pub more: bool,
    /// The position that this answer covers.
    pub as_of: String,
}

/// One read of a report.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AccessView {
    /// Sequence number of its record in the log.
    pub sequence: u64,
    /// When it was read.
    pub at: String,
    /// Owner of the task.
    pub tenant: String,
    /// What was read: `task` (a budget report) or `story`.
    pub report: String,
    /// The task that was read about.
    pub task: String,
    /// The reader as given in the request; `anonymous` if none was given.
    pub reader: String,
    /// Address of the requesting machine, or `local`.
    pub address: String,
    /// Format: `json`, `md`, `html`, `csv` or `text`.
    pub format: String,
    /// Whether names were replaced by pseudonyms.
    pub redacted: bool,
}
