//! Why a command was refused.

use crate::config::UnknownPhase;
use crate::phase::{Advance, ExecutionId, Phase};
use crate::tier::Importance;

/// A command refused by a rule. Part of the public API: each variant has one stable code.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Rejection {
    /// The task was never opened.
    #[error("the task is not open: open it first")]
    TaskNotOpen,
    /// The task was already opened by another event.
    #[error("the task is already open: close it first, or use another task id")]
    TaskAlreadyOpen,
    /// The task is closed.
    #[error("the task is closed ({0}): open another one")]
    TaskClosed(&'static str),
    /// Rules conclude phases only for tasks that nobody opened.
    #[error(
        "the task was opened: its phases are those that are reported, none that rules conclude from a session"
    )]
    PhasesAreReported,
    /// Only one phase of a task can be active at a time.
    #[error("phase already active: {0} has not ended; end it before another starts")]
    PhaseAlreadyActive(ExecutionId),
    /// The phase to end is not the active one.
    #[error("phase mismatch: {asked} is not active, {}", active_text(.active.as_ref()))]
    PhaseNotActive {
        /// The phase in the command.
        asked: Phase,
        /// The ledger's active execution: the log is the truth.
        active: Option<ExecutionId>,
    },
    /// The attempt to end is not the active one.
    #[error("attempt mismatch: attempt {asked} is not active, {active} is")]
    AttemptNotActive {
        /// The attempt in the command.
        asked: u32,
        /// The ledger's active execution.
        active: ExecutionId,
    },
    /// The importance that the command starts from is not the task's importance.
    #[error(
        "importance mismatch: the task is of {current} importance, not {asked}: look at it again, or leave `from` out"
    )]
    ImportanceMismatch {
        /// The importance in the command.
        asked: Importance,
        /// The ledger's importance.
        current: Importance,
    },
    /// The task already has that importance.
    #[error("the task is of {0} importance already: nothing to change")]
    ImportanceUnchanged(Importance),
    /// The ledger has no event of the task: there is nothing to judge.
    #[error("the ledger has no event of this task: mark one that it knows (`tollgate status` lists them)")]
    TaskUnknown,
    /// The gate blocks the task, and the config says to refuse such commands.
    #[error(
        "the gate blocks the task before {0}, and `stop_loss.on_bypass` is `refuse`: ask it again once there is a reason to, or have a person set the block aside"
    )]
    Blocked(Advance),
    /// The phase is not one of the task's.
    #[error(transparent)]
    UnknownPhase(#[from] UnknownPhase),
}

impl Rejection {
    /// The stable code.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::TaskNotOpen => "task_not_open",
            Self::TaskAlreadyOpen => "task_already_open",
            Self::TaskClosed(_) => "task_closed",
            Self::PhasesAreReported => "phases_are_reported",
            Self::PhaseAlreadyActive(_) => "phase_already_active",
            Self::PhaseNotActive { .. } => "phase_mismatch",
            Self::AttemptNotActive { .. } => "attempt_mismatch",
            Self::ImportanceMismatch { .. } => "importance_mismatch",
            Self::ImportanceUnchanged(_) => "importance_unchanged",
            Self::TaskUnknown => "task_unknown",
            Self::Blocked(_) => "blocked",
            Self::UnknownPhase(_) => "unknown_phase",
        }
    }
}

fn active_text(active: Option<&ExecutionId>) -> String {
    active.map_or_else(|| "no phase is".to_owned(), |active| format!("the ledger's active phase is {active}"))
}
