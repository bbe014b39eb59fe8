//! The lifecycle of a task. Each event begins as a request: a command is the event that it asks for, before
//! [`crate::task::decide`] has completed it.

use crate::limits::TaskLimits;
use crate::metadata::{LimitOverride, TaskMetadata};
use crate::phase::{Advance, ExecutionId, Phase};
use crate::tier::Importance;
use crate::words::words;

/// A task was opened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TaskOpened {
    /// The metadata given by its owner.
    pub metadata: TaskMetadata,
    /// Its limits; added by the appender. `None` only until the event is appended.
    pub limits: Option<TaskLimits>,
}

/// A task was closed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TaskClosed {
    /// How it ended.
    pub outcome: TaskOutcome,
    /// Why, if stated.
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
        /// Work on it stopped for good.
        Abandoned = "abandoned"
    }
);

/// A phase began.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PhaseStarted {
    /// Which phase.
    pub phase: Phase,
    /// Which attempt, from 1; assigned by the decision. `None` only until the event is appended.
    pub attempt: Option<u32>,
    /// The rules that concluded it from what the calls of a session did, by name and hash; `None`: it was reported.
    pub concluded_by: Option<String>,
}

/// A phase ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PhaseEnded {
    /// Which phase.
    pub phase: Phase,
    /// Which attempt; the active one if the producer does not say.
    pub attempt: Option<u32>,
}

/// A person set aside a limit or a block.
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
    /// The limit of a phase: these numbers apply from now on.
    Limit {
        /// Which phase.
        phase: Phase,
        /// The new limits.
        limit: LimitOverride,
    },
    /// Blocks of one advance: the gate lets the task proceed there, with a warning.
    Block {
        /// The advance that is allowed.
        advance: Advance,
    },
}

/// A task became more or less important. Its limits stay as they are: only an override changes those of an open task.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImportanceChanged {
    /// The previous importance; the current one if the producer does not say. `None` only until the event is
    /// appended.
    pub from: Option<Importance>,
    /// The new importance.
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

/// A person judged a task that the gate had warned about or blocked. The latest mark counts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TaskMarked {
    /// The judgement.
    pub mark: Mark,
    /// Who says so.
    pub author: String,
    /// Why.
    pub reason: String,
}

impl PhaseStarted {
    /// The command to begin a phase, as those who work on a task report it.
    #[must_use]
    pub const fn reported(phase: Phase) -> Self {
        Self { phase, attempt: None, concluded_by: None }
    }

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
