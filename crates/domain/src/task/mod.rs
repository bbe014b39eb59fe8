//! The life of a task: opened, its phases one at a time, closed. `decide` and `evolve` are pure.

mod decide;
mod evolve;
mod rejection;

use std::collections::BTreeMap;
use std::fmt;

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
use crate::words::Word;

/// What decisions about a task depend on: the fold of its decisions and of the gate's verdicts.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TaskState {
    /// Its stage of life.
    pub stage: TaskStage,
    /// Its limits since it was opened, with overrides applied.
    pub limits: Option<Box<TaskLimits>>,
    /// Its current importance. The limits follow from the importance at opening, which they record.
    pub importance: Option<Importance>,
    /// Whether the gate may block it.
    pub enforcement: Enforcement,
    /// The running execution.
    pub active: Option<ExecutionId>,
    /// The latest attempt of each phase that has started.
    pub attempts: BTreeMap<Phase, u32>,
    /// Phases with an ended execution, in the order of their first end.
    pub completed: Vec<Phase>,
    /// Advances for which a person set the block aside.
    pub passes: Vec<Advance>,
    /// The most severe ruling of the gate so far, before rollout; `None`: the gate was never asked.
    pub judged: Option<Verdict>,
}

/// A task's stage of life.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum TaskStage {
    /// Created by usage or an import, not opened: no limits, never blocked.
    #[default]
    Implicit,
    /// Opened.
    Open,
    /// Closed; late usage still counts.
    Closed(TaskOutcome),
}

impl TaskStage {
    /// The names, in order.
    pub const NAMES: &[&'static str] = &["implicit", "open", "completed", "cancelled", "abandoned"];

    /// The word used in answers.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Implicit => "implicit",
            Self::Open => "open",
            Self::Closed(outcome) => outcome.as_str(),
        }
    }
}

impl fmt::Display for TaskStage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl Word for TaskStage {
    const NAMES: &'static [&'static str] = Self::NAMES;

    fn as_str(self) -> &'static str {
        Self::as_str(self)
    }

    fn from_word(word: &str) -> Option<Self> {
        match word {
            "implicit" => Some(Self::Implicit),
            "open" => Some(Self::Open),
            _ => TaskOutcome::from_word(word).map(Self::Closed),
        }
    }
}

#[cfg(test)]
mod tests;
