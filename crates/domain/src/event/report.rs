//! Who read what.

use crate::words::words;

/// Someone read a report. Written by the ledger itself, under the tenant of the report and the task `_ledger`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReportRead {
    /// What was read.
    pub report: ReportKind,
    /// The task that it is about.
    pub task: String,
    /// Who read it, as stated by the reader.
    pub reader: String,
    /// From where: the address of the requesting machine, or `local`.
    pub address: String,
    /// In which format: `json`, `md`, `html`, `csv`, `text`.
    pub format: String,
    /// Whether names were replaced by pseudonyms.
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
