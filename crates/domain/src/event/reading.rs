//! What people do with reports: they explain what a phase used, and they read.

use crate::usage::NamedExecution;

/// Someone explained what a phase used: its report shows it. A fact: whoever is asked may answer at any time, and again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PhaseExplained {
    /// Which phase; without an attempt, all of them.
    pub execution: NamedExecution,
    /// Who explains.
    pub author: String,
    /// Why the phase used what it used.
    pub explanation: String,
}

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

/// What can be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub enum ReportKind {
    /// The budget report of a task.
    Task,
    /// The story of a task.
    Story,
}

impl ReportKind {
    /// The words, in order.
    pub const NAMES: [&'static str; 2] = ["task", "story"];

    /// The word that answers use.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Task => "task",
            Self::Story => "story",
        }
    }

    /// The kind of a word, if it is one.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        match word {
            "task" => Some(Self::Task),
            "story" => Some(Self::Story),
            _ => None,
        }
    }
}
