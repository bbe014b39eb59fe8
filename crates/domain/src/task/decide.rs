//! From a command and the state of its task to the events it causes, or to the rule that refuses it.

use super::{Rejection, TaskStage, TaskState};
use crate::config::UnknownPhase;
use crate::event::{
    EventBody, ImportanceChanged, OverrideScope, PhaseEnded, PhaseStarted, TaskClosed, TaskOutcome,
};
use crate::gate::Verdict;
use crate::phase::{Advance, ExecutionId, Phase};

/// The events that a command causes. The first carries the command's own id, the others ids derived from it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decided {
    /// The command's event, with what the decision adds (the attempt).
    pub event: EventBody,
    /// Events that follow from it, each with the suffix of its id.
    pub followed_by: Vec<(&'static str, EventBody)>,
}

impl From<EventBody> for Decided {
    fn from(event: EventBody) -> Self {
        Self { event, followed_by: Vec::new() }
    }
}

/// Decides a command. A command is sent as the event it asks for; facts are taken as they are.
///
/// # Errors
///
/// The [`Rejection`] of the first rule that refuses it.
pub fn decide(state: &TaskState, command: EventBody) -> Result<Decided, Rejection> {
    match command {
        EventBody::TaskOpened(_) => match state.stage {
            TaskStage::Implicit => Ok(command.into()),
            TaskStage::Open => Err(Rejection::TaskAlreadyOpen),
            TaskStage::Closed(outcome) => Err(Rejection::TaskClosed(outcome.as_str())),
        },
        EventBody::TaskClosed(closed) => {
            must_be_open(state)?;
            Ok(close(state, closed))
        }
        EventBody::PhaseStarted(started) => start(state, started.phase),
        EventBody::PhaseEnded(ended) => end(state, &ended),
        EventBody::OverrideGranted(ref granted) => {
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
        EventBody::ImportanceChanged(changed) => change_importance(state, changed),
        // Also of a closed task: whether the rules were right is often seen late.
        EventBody::TaskMarked(_) if state.judged < Some(Verdict::Warn) => Err(Rejection::TaskNotStopped),
        EventBody::TaskMarked(_) => Ok(command.into()),
        EventBody::UsageRecorded(_)
        | EventBody::UsageAdjusted(_)
        | EventBody::WaitRecorded(_)
        | EventBody::SignalRecorded(_)
        | EventBody::GateDecided(_)
        | EventBody::ConfigLoaded(_)
        | EventBody::ConfigRejected(_)
        | EventBody::PriceBookLoaded(_)
        | EventBody::TransitionsMeasured(_)
        | EventBody::AlertAcknowledged(_)
        | EventBody::ConditionObserved(_)
        | EventBody::DeliveryAttempted(_)
        | EventBody::DeliveryRequested(_)
        | EventBody::InboxRejected(_)
        | EventBody::InboxResolved(_)
        | EventBody::PhaseExplained(_)
        | EventBody::ReportRead(_) => Ok(command.into()),
    }
}

/// Whoever names what it was has seen the task; if that is not what it is, someone else was faster.
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
    Ok(EventBody::ImportanceChanged(ImportanceChanged { from: Some(current), ..changed }).into())
}

fn start(state: &TaskState, phase: Phase) -> Result<Decided, Rejection> {
    must_be_open(state)?;
    must_have_phase(state, &phase)?;
    if let Some(active) = &state.active {
        return Err(Rejection::PhaseAlreadyActive(active.clone()));
    }
    let attempt = state.attempts.get(&phase).copied().unwrap_or_default().saturating_add(1);
    Ok(EventBody::PhaseStarted(PhaseStarted { phase, attempt: Some(attempt) }).into())
}

fn end(state: &TaskState, asked: &PhaseEnded) -> Result<Decided, Rejection> {
    must_be_open(state)?;
    let active = match &state.active {
        Some(active) if active.phase == asked.phase => active.clone(),
        other => {
            must_have_phase(state, &asked.phase)?;
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
        decided.followed_by.push(("closed", EventBody::TaskClosed(closed)));
    }
    Ok(decided)
}

/// Closing a task in mid-phase ends that phase too: no execution stays open for ever.
fn close(state: &TaskState, closed: TaskClosed) -> Decided {
    let mut decided = Decided::from(EventBody::TaskClosed(closed));
    if let Some(active) = &state.active {
        decided.followed_by.push(("phase-ended", ended(active.clone())));
    }
    decided
}

fn ended(active: ExecutionId) -> EventBody {
    EventBody::PhaseEnded(PhaseEnded { phase: active.phase, attempt: Some(active.attempt) })
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
