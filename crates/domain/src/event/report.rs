//! Who read what.

use serde::{Deserialize, Serialize};

use crate::words::words;

/// Someone read a report. Written by the ledger itself, under the tenant of what was read and the task `_ledger`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReportRead {
    /// What was read.
    pub report: ReportKind,
    /// The task that it is about.
    pub task: String,
    /// Who read it, as the reader says.
    pub reader: String,
    /// From where: the address of the machine that asked, or `local`.
    pub address: String,
    /// In which form: `json`, `md`, `html`, `csv`, `text`.
    pub format: String,
    /// Whether names stood as pseudonyms.
    pub redacted: bool,
}

words!(
    /// What can be read.
    ReportKind {
        /// The budget report of a task.
        Task = "task",
        /// The story of a task.
        Story = "story"
    }
);
