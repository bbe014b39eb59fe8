//! From the state of a task and one recorded event to its next state. Total: every recorded event is accepted.

use super::{TaskStage, TaskState};
use crate::event::{EventBody, GateEvent, OverrideScope, TaskEvent};

/// Folds one event into the state. Facts leave it unchanged, except for verdicts of the gate and what it drew from a
/// pool, which no decision about the task depends on.
pub fn evolve(state: &mut TaskState, event: &EventBody) {
    match event {
        EventBody::Task(event) => apply(state, event),
        EventBody::Gate(GateEvent::GateDecided(decided)) if !decided.stale => {
            state.judged = state.judged.max(Some(decided.ruled));
            // Altogether, so that whatever order decisions are recorded in, nothing of it is lost.
            if let Some(limits) = state.limits.as_deref_mut() {
                limits.drawn_tokens = limits.drawn_tokens.max(decided.drawn_tokens);
            }
        }
        EventBody::Gate(_)
        | EventBody::Usage(_)
        | EventBody::Ledger(_)
        | EventBody::Price(_)
        | EventBody::Alert(_)
        | EventBody::Inbox(_)
        | EventBody::Budget(_)
        | EventBody::Bill(_)
        | EventBody::Key(_)
        | EventBody::Report(_) => {}
    }
}

/// Folds one event of the task subject into the state.
pub fn apply(state: &mut TaskState, event: &TaskEvent) {
    match event {
        TaskEvent::TaskOpened(opened) => {
            state.stage = TaskStage::Open;
            state.importance = opened.limits.as_ref().map(|limits| limits.importance);
            state.limits = opened.limits.clone().map(Box::new);
            state.enforcement = opened.metadata.enforcement;
        }
        TaskEvent::TaskClosed(closed) => state.stage = TaskStage::Closed(closed.outcome),
        TaskEvent::PhaseStarted(started) => {
            if let Some(execution) = started.execution() {
                state.attempts.insert(execution.phase.clone(), execution.attempt);
                state.active = Some(execution);
            }
        }
        TaskEvent::PhaseEnded(ended) => {
            if state.active == ended.execution() {
                state.active = None;
            }
            if !state.completed.contains(&ended.phase) {
                state.completed.push(ended.phase.clone());
            }
        }
        TaskEvent::OverrideGranted(granted) => match &granted.scope {
            OverrideScope::Limit { phase, limit } => {
                if let Some(limits) = &mut state.limits {
                    limits.set_aside(phase, *limit);
                }
            }
            OverrideScope::Block { advance } => {
                if !state.passes.contains(advance) {
                    state.passes.push(advance.clone());
                }
            }
        },
        TaskEvent::ImportanceChanged(changed) => state.importance = Some(changed.to),
        TaskEvent::TaskMarked(_) => {}
    }
}
