//! What becomes of a task. Each is asked for first: a command is the event that it asks for, before
//! [`crate::task::decide`] has completed it.

use serde::{Deserialize, Serialize};

use crate::limits::TaskLimits;
use crate::metadata::{LimitOverride, TaskMetadata};
use crate::phase::{Advance, ExecutionId, Phase};
use crate::tier::Importance;
use crate::words::words;

/// A task was opened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TaskOpened {
    /// What it says of itself.
    pub metadata: TaskMetadata,
    /// Its limits; added by the appender. `None` only while it is on its way in.
    pub limits: Option<TaskLimits>,
}

/// A task was closed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TaskClosed {
    /// How it ended.
    pub outcome: TaskOutcome,
    /// Why, where said.
    pub reason: Option<String>,
    /// Who closed it.
    pub author: Option<String>,
}

words!(
    /// How a task ended.
    TaskOutcome {
        /// Its work is done.
        Completed = "completed",
        /// It was called off.
        Cancelled = "cancelled",
        /// Nobody goes on with it.
        Abandoned = "abandoned"
    }
);

/// A phase began.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PhaseStarted {
    /// Which phase.
    pub phase: Phase,
    /// Which attempt, from 1; assigned by the decision. `None` only while it is on its way in.
    pub attempt: Option<u32>,
}

/// A phase ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PhaseEnded {
    /// Which phase.
    pub phase: Phase,
    /// Which attempt; the active one where the producer names none.
    pub attempt: Option<u32>,
}

/// A limit or a block was set aside by a person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OverrideGranted {
    /// What was set aside.
    pub scope: OverrideScope,
    /// Who approved it.
    pub approver: String,
    /// Why.
    pub reason: String,
}

/// What an override sets aside.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OverrideScope {
    /// The limit of a phase: these numbers hold from now on.
    Limit {
        /// Which phase.
        phase: Phase,
        /// The new limits.
        limit: LimitOverride,
    },
    /// Blocks of one advance: the gate lets the task go there, with a warning.
    Block {
        /// Where to.
        advance: Advance,
    },
}

/// A task became more or less important. Its limits stay as they are: only an override moves those of an open task.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImportanceChanged {
    /// What it was; the present one where the producer names none. `None` only while it is on its way in.
    pub from: Option<Importance>,
    /// What it is from now on.
    pub to: Importance,
    /// Who says so.
    pub author: String,
    /// Why.
    pub reason: String,
}

words!(
    /// Whether the rules were right about a task.
    Mark {
        /// The task needed what it used: a false positive.
        Legitimate = "legitimate",
        /// The task wasted what it used: the rules were right.
        Runaway = "runaway"
    }
);

/// A person judged a task that the gate had warned of or blocked. The latest mark counts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TaskMarked {
    /// What it was.
    pub mark: Mark,
    /// Who says so.
    pub author: String,
    /// Why.
    pub reason: String,
}

impl PhaseStarted {
    /// Phase and attempt, if the attempt is assigned.
    #[must_use]
    pub fn execution(&self) -> Option<ExecutionId> {
        Some(ExecutionId { phase: self.phase.clone(), attempt: self.attempt? })
    }
}

impl PhaseEnded {
    /// Phase and attempt, if the attempt is assigned.
    #[must_use]
    pub fn execution(&self) -> Option<ExecutionId> {
        Some(ExecutionId { phase: self.phase.clone(), attempt: self.attempt? })
    }
}
