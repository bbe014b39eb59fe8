//! From the state of a task and one recorded event to its next state. Total: every recorded event is accepted.

use super::{TaskStage, TaskState};
use crate::event::{EventBody, OverrideScope};
use crate::metadata::LimitOverride;
use crate::phase::Phase;

/// Folds one event into the state. Facts leave it as it is, but for the verdicts of the gate.
pub fn evolve(state: &mut TaskState, event: &EventBody) {
    match event {
        EventBody::TaskOpened(opened) => {
            state.stage = TaskStage::Open;
            state.importance = opened.limits.as_ref().map(|limits| limits.importance);
            state.limits = opened.limits.clone().map(Box::new);
            state.enforcement = opened.metadata.enforcement;
        }
        EventBody::TaskClosed(closed) => state.stage = TaskStage::Closed(closed.outcome),
        EventBody::PhaseStarted(started) => {
            if let Some(execution) = started.execution() {
                state.attempts.insert(execution.phase.clone(), execution.attempt);
                state.active = Some(execution);
            }
        }
        EventBody::PhaseEnded(ended) => {
            if state.active == ended.execution() {
                state.active = None;
            }
            if !state.completed.contains(&ended.phase) {
                state.completed.push(ended.phase.clone());
            }
        }
        EventBody::OverrideGranted(granted) => match &granted.scope {
            OverrideScope::Limit { phase, limit } => set_limit(state, phase, *limit),
            OverrideScope::Block { advance } => {
                if !state.passes.contains(advance) {
                    state.passes.push(advance.clone());
                }
            }
        },
        EventBody::ImportanceChanged(changed) => state.importance = Some(changed.to),
        // The one fact that a decision depends on. It only ever rises, so a decision that has seen it stays right.
        EventBody::GateDecided(decided) if !decided.stale => {
            state.judged = state.judged.max(Some(decided.ruled));
        }
        EventBody::GateDecided(_)
        | EventBody::TaskMarked(_)
        | EventBody::UsageRecorded(_)
        | EventBody::UsageAdjusted(_)
        | EventBody::WaitRecorded(_)
        | EventBody::SignalRecorded(_)
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
        | EventBody::ReportRead(_) => {}
    }
}

fn set_limit(state: &mut TaskState, phase: &Phase, given: LimitOverride) {
    let limits =
        state.limits.as_mut().and_then(|limits| limits.phases.iter_mut().find(|limit| limit.phase == *phase));
    let Some(limit) = limits else { return };
    if let Some(tokens) = given.tokens {
        limit.tokens = tokens;
        limit.overridden.tokens = Some(tokens);
    }
    if let Some(latency_ms) = given.latency_ms {
        limit.latency_ms = latency_ms;
        limit.overridden.latency_ms = Some(latency_ms);
    }
}
