//! Observations of a task, and whether they still hold.

use tollgate_domain::alert::{AlertRule, AlertScope, Condition};
use tollgate_domain::event::ConditionObserved;
use tollgate_domain::task::TaskStage;
use tollgate_domain::time::Timestamp;

use super::out_of_step::stands;
use super::row::{Observed, Watch};
use crate::status::{Decision, Execution, TaskRow};

/// Adds an observation, unless the task has already made it outdated.
pub(super) fn observe(watch: &mut Watch, seen: &ConditionObserved) {
    let known = watch.observed.get(&seen.condition).map(|known| known.since);
    if !seen.active {
        if known.is_some_and(|known| known <= seen.since) {
            watch.observed.remove(&seen.condition);
        }
    } else if known.is_none() && holds(&watch.task, &seen.condition, seen.since) {
        let observed = Observed { since: seen.since, detail: seen.detail.clone() };
        watch.observed.insert(seen.condition.clone(), observed);
    }
}

/// Drops observations that are outdated by what the task did since.
pub(super) fn forget_outdated(watch: &mut Watch) {
    if !watch.observed.is_empty() {
        let task = &watch.task;
        watch.observed.retain(|condition, observed| holds(task, condition, observed.since));
    }
}

/// Whether the observation still follows from the same moment. Observations of rules that need no clock are ignored.
fn holds(task: &TaskRow, condition: &Condition, since: Timestamp) -> bool {
    let runs_since = |moment: fn(&Execution) -> Timestamp| match &condition.scope {
        AlertScope::Execution(id) => task.running().any(|run| run.id == *id && moment(run) == since),
        AlertScope::Task
        | AlertScope::View { .. }
        | AlertScope::Inbox
        | AlertScope::Reader(_)
        | AlertScope::Policy { .. } => false,
        AlertScope::Price(_) | AlertScope::Allocation(_) => false,
    };
    match condition.rule {
        AlertRule::Silence => runs_since(Execution::silent_since),
        // The latter is what earlier versions wrote.
        AlertRule::Stuck => runs_since(Execution::running_since) || runs_since(|run| run.started_at),
        AlertRule::Conflict
        | AlertRule::OverCorrection
        | AlertRule::Quarantine
        | AlertRule::Lag
        | AlertRule::CriticalShare
        | AlertRule::StoppedShare
        | AlertRule::FalsePositives
        | AlertRule::TokenTrend
        | AlertRule::SlowTransitions
        | AlertRule::Budget
        | AlertRule::Breaker => true,
        AlertRule::Pressure
        | AlertRule::Breach
        | AlertRule::StopLoss
        | AlertRule::Drift
        | AlertRule::Completed
        | AlertRule::ClockSkew
        | AlertRule::Unjustified
        // Alerts of their own: no watch has them (`once.rs`).
        | AlertRule::TaskBudget
        | AlertRule::LateUsage
        | AlertRule::AllocationOverrun => false,
        AlertRule::Remediation => blocking(task).is_some(),
        AlertRule::Bypass => !task.bypasses.is_empty(),
        AlertRule::PhaseAlreadyActive | AlertRule::PhaseMismatch => stands(task, &condition.scope, since),
        // For the ledger's own task, which never outdates it; observed only by the fold.
        AlertRule::Access => matches!(condition.scope, AlertScope::Reader(_)),
        AlertRule::PriceWaiting
        | AlertRule::PriceDisputed
        | AlertRule::PriceSource
        | AlertRule::PriceChanged => {
            matches!(condition.scope, AlertScope::Price(_))
        }
    }
}

/// Why a condition is no longer true.
pub(super) fn why_gone(watch: &Watch, condition: &Condition) -> String {
    let task = &watch.task;
    if let AlertScope::Execution(id) = &condition.scope
        && matches!(condition.rule, AlertRule::Silence | AlertRule::Stuck)
        && task.executions.iter().any(|execution| execution.id == *id && execution.ended_at.is_some())
    {
        return format!("{id} ended");
    }
    match (condition.rule, task.state.stage) {
        (
            AlertRule::Conflict
            | AlertRule::OverCorrection
            | AlertRule::Quarantine
            | AlertRule::Lag
            | AlertRule::Access,
            _,
        ) => "the condition no longer holds".to_owned(),
        (AlertRule::StopLoss, _) if !task.bypasses.is_empty() => {
            "its bypass was acknowledged, or the gate lets the task go on".to_owned()
        }
        (AlertRule::Remediation, TaskStage::Open) if blocking(task).is_some() => "it is open".to_owned(),
        (_, TaskStage::Closed(outcome)) => format!("the task is {}", outcome.as_str()),
        (AlertRule::PhaseAlreadyActive | AlertRule::PhaseMismatch, _) => "the task went on".to_owned(),
        (AlertRule::Silence, _) => "usage was reported".to_owned(),
        (AlertRule::ClockSkew, _) => "the latest timestamps are plausible".to_owned(),
        (_, TaskStage::Implicit | TaskStage::Open) => "the condition no longer holds".to_owned(),
    }
}

/// The block in force on an open task.
fn blocking(task: &TaskRow) -> Option<&Decision> {
    task.blocked().filter(|_| task.state.stage == TaskStage::Open)
}
