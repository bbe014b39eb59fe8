//! From a command and the state of its task to the events it causes, or the rule that refuses it.

use super::{Rejection, TaskStage, TaskState};
use crate::config::UnknownPhase;
use crate::event::{
    ImportanceChanged, OverrideScope, PhaseEnded, PhaseStarted, TaskClosed, TaskEvent, TaskOutcome,
};
use crate::phase::{Advance, ExecutionId, Phase};

/// The events that a command causes. The first carries the command's own id, the others ids derived from it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decided {
    /// The command's event, with what the decision adds (the attempt).
    pub event: TaskEvent,
    /// Events that follow from it, each with the suffix of its id.
    pub followed_by: Vec<(&'static str, TaskEvent)>,
}

impl<E: Into<TaskEvent>> From<E> for Decided {
    fn from(event: E) -> Self {
        Self { event: event.into(), followed_by: Vec::new() }
    }
}

/// Decides a command. A command is the event that it asks for, without what only the decision knows: the
/// attempt, the previous importance.
///
/// # Errors
///
/// The [`Rejection`] of the first rule that refuses it.
pub fn decide(state: &TaskState, command: TaskEvent) -> Result<Decided, Rejection> {
    match command {
        TaskEvent::TaskOpened(_) => match state.stage {
            TaskStage::Implicit => Ok(command.into()),
            TaskStage::Open => Err(Rejection::TaskAlreadyOpen),
            TaskStage::Closed(outcome) => Err(Rejection::TaskClosed(outcome.as_str())),
        },
        TaskEvent::TaskClosed(closed) => {
            must_be_open(state)?;
            Ok(close(state, closed))
        }
        TaskEvent::PhaseStarted(started) => start(state, started),
        TaskEvent::PhaseEnded(ended) => end(state, &ended),
        TaskEvent::OverrideGranted(ref granted) => {
            must_be_open(state)?;
            match &granted.scope {
                OverrideScope::Limit { phase, .. }
                | OverrideScope::Block { advance: Advance::Phase(phase) } => {
                    must_have_phase(state, phase)?;
                }
                OverrideScope::Block { advance: Advance::Completion } => {}
            }
            Ok(command.into())
        }
        TaskEvent::ImportanceChanged(changed) => change_importance(state, changed),
        // Also for a closed task: what it was often becomes clear only later. And for one that no gate judged: replay
        // learns from it. That the ledger knows the task is for the caller to say: a task of usage alone has no state.
        TaskEvent::TaskMarked(_) => Ok(command.into()),
    }
}

/// A command that names the previous importance is based on what its author saw; if it differs now, someone
/// else was faster.
fn change_importance(state: &TaskState, changed: ImportanceChanged) -> Result<Decided, Rejection> {
    must_be_open(state)?;
    let current = state.importance.unwrap_or_default();
    if let Some(asked) = changed.from
        && asked != current
    {
        return Err(Rejection::ImportanceMismatch { asked, current });
    }
    if changed.to == current {
        return Err(Rejection::ImportanceUnchanged(current));
    }
    Ok(Decided::from(ImportanceChanged { from: Some(current), ..changed }))
}

/// A phase that rules concluded from a session begins in a task that nobody opened, and only there: of a task that was
/// opened, whoever works on it says what it does.
fn start(state: &TaskState, started: PhaseStarted) -> Result<Decided, Rejection> {
    let PhaseStarted { phase, concluded_by, .. } = started;
    match (&concluded_by, state.stage) {
        (Some(_), TaskStage::Implicit) => {}
        (Some(_), TaskStage::Open | TaskStage::Closed(_)) => return Err(Rejection::PhasesAreReported),
        (None, _) => {
            must_be_open(state)?;
            must_have_phase(state, &phase)?;
        }
    }
    if let Some(active) = &state.active {
        return Err(Rejection::PhaseAlreadyActive(active.clone()));
    }
    let attempt = state.attempts.get(&phase).copied().unwrap_or_default().saturating_add(1);
    Ok(Decided::from(PhaseStarted { phase, attempt: Some(attempt), concluded_by }))
}

fn end(state: &TaskState, asked: &PhaseEnded) -> Result<Decided, Rejection> {
    // A task that was not opened has phases only if rules concluded them.
    let is_concluded = state.stage == TaskStage::Implicit && !state.attempts.is_empty();
    if !is_concluded {
        must_be_open(state)?;
    }
    let active = match &state.active {
        Some(active) if active.phase == asked.phase => active.clone(),
        other => {
            if !is_concluded {
                must_have_phase(state, &asked.phase)?;
            }
            return Err(Rejection::PhaseNotActive { asked: asked.phase.clone(), active: other.clone() });
        }
    };
    if let Some(attempt) = asked.attempt
        && attempt != active.attempt
    {
        return Err(Rejection::AttemptNotActive { asked: attempt, active });
    }
    let was_last = state.limits.as_ref().and_then(|limits| limits.last_phase()) == Some(&active.phase);
    let mut decided = Decided::from(ended(active));
    if was_last {
        let closed = TaskClosed { outcome: TaskOutcome::Completed, reason: None, author: None };
        decided.followed_by.push(("closed", closed.into()));
    }
    Ok(decided)
}

/// Closing a task mid-phase also ends that phase: no execution stays open forever.
fn close(state: &TaskState, closed: TaskClosed) -> Decided {
    let mut decided = Decided::from(closed);
    if let Some(active) = &state.active {
        decided.followed_by.push(("phase-ended", ended(active.clone()).into()));
    }
    decided
}

fn ended(active: ExecutionId) -> PhaseEnded {
    PhaseEnded { phase: active.phase, attempt: Some(active.attempt) }
}

fn must_be_open(state: &TaskState) -> Result<(), Rejection> {
    match state.stage {
        TaskStage::Open => Ok(()),
        TaskStage::Implicit => Err(Rejection::TaskNotOpen),
        TaskStage::Closed(outcome) => Err(Rejection::TaskClosed(outcome.as_str())),
    }
}

fn must_have_phase(state: &TaskState, phase: &Phase) -> Result<(), UnknownPhase> {
    let phases = state.limits.as_ref().map(|limits| limits.phases.as_slice()).unwrap_or_default();
    if phases.iter().any(|limit| limit.phase == *phase) {
        return Ok(());
    }
    Err(UnknownPhase::new(phase.as_str(), phases.iter().map(|limit| &limit.phase)))
}
