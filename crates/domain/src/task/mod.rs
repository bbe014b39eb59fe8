//! The life of a task: opened, its phases one at a time, closed. `decide` and `evolve` are pure.

mod decide;
mod evolve;
mod rejection;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

pub use decide::{Decided, decide};
pub use evolve::{apply, evolve};
pub use rejection::Rejection;

use crate::event::TaskOutcome;
use crate::gate::Verdict;
use crate::limits::TaskLimits;
use crate::metadata::Enforcement;
use crate::phase::{Advance, ExecutionId, Phase};
use crate::tier::Importance;

/// What decisions about a task depend on: the fold of its decisions, and of what the gate said.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TaskState {
    /// Where in its life it is.
    pub stage: TaskStage,
    /// Its limits since it was opened, overrides applied.
    pub limits: Option<Box<TaskLimits>>,
    /// Its importance now. The limits follow from the one it was opened with, which they hold.
    pub importance: Option<Importance>,
    /// Whether the gate may block it.
    pub enforcement: Enforcement,
    /// The execution that runs.
    pub active: Option<ExecutionId>,
    /// The latest attempt of each phase that began.
    pub attempts: BTreeMap<Phase, u32>,
    /// Phases of which an execution ended, in the order of their first end.
    pub completed: Vec<Phase>,
    /// Advances whose block a person set aside.
    pub passes: Vec<Advance>,
    /// The worst that the rules of the gate said of it, whatever the rollout made of that; `None`: it was never asked.
    pub judged: Option<Verdict>,
}

/// Where in its life a task is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum TaskStage {
    /// Made by usage or an import, not opened: no limits, never blocked.
    #[default]
    Implicit,
    /// Opened.
    Open,
    /// Closed; late usage still counts.
    Closed(TaskOutcome),
}

impl TaskStage {
    /// The word that answers use.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Implicit => "implicit",
            Self::Open => "open",
            Self::Closed(outcome) => outcome.as_str(),
        }
    }
}

#[cfg(test)]
mod tests;
