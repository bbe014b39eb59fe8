//! Usage, and statements about it: facts, accepted whatever state the task is in.

pub use crate::usage::{UsageAdjusted, UsageRecorded, UsageRepriced};

use super::UsageEvent;
use crate::usage::NamedExecution;

/// An execution waited: for a queue, a rate limit, a person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WaitRecorded {
    /// Which execution; `None`: the task as a whole.
    pub execution: Option<NamedExecution>,
    /// For what: `queue`, `rate_limit`, `human` or another word.
    pub kind: String,
    /// How long, in milliseconds.
    pub wait_ms: u64,
}

/// An execution showed a sign of progress or trouble: files read, model calls repeated, tests passing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignalRecorded {
    /// Which execution; `None`: the task as a whole.
    pub execution: Option<NamedExecution>,
    /// What was counted or measured.
    pub name: String,
    /// By how much it grew.
    pub value: i64,
    /// What it is about: a tool call or a file, as an opaque word such as a hash. The same key again is a repetition.
    /// `None`: nothing that can be repeated.
    pub key: Option<String>,
}

/// Someone explained what a phase used: its report shows it. A fact: an explanation may be given at any time,
/// more than once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PhaseExplained {
    /// Which phase; without an attempt, all of them.
    pub execution: NamedExecution,
    /// Who explains.
    pub author: String,
    /// Why the phase used what it used.
    pub explanation: String,
}

impl UsageEvent {
    /// What it is, in a word, and the execution that it names.
    #[must_use]
    pub fn names_execution(&self) -> Option<(&'static str, &NamedExecution)> {
        match self {
            Self::UsageRecorded(usage) => usage.execution.as_ref().map(|named| ("usage", named)),
            Self::WaitRecorded(wait) => wait.execution.as_ref().map(|named| ("wait", named)),
            Self::SignalRecorded(signal) => signal.execution.as_ref().map(|named| ("signal", named)),
            Self::PhaseExplained(explained) => Some(("explanation", &explained.execution)),
            Self::UsageAdjusted(_) | Self::UsageRepriced(_) => None,
        }
    }
}
