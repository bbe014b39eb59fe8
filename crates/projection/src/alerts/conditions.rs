//! Conditions that are true for a task: from its own figures, and from clock-based observations.

use std::collections::BTreeMap;

use tollgate_domain::alert::{AlertRule, AlertScope, Condition, Severity};
use tollgate_domain::breach::{BreachStatus, Utilization};
use tollgate_domain::event::ConditionObserved;
use tollgate_domain::gate::grouped;
use tollgate_domain::task::TaskStage;
use tollgate_domain::tier::Importance;
use tollgate_domain::time::Timestamp;

use super::bypass::kept_block;
use super::out_of_step::stands;
use super::row::{Observed, Watch};
use crate::duration::duration;
use crate::overview::critical_for_review;
use crate::status::{Decision, Execution, TaskRow, figures};

/// Conditions that are true, each with its severity and a sentence.
pub(super) type Conditions = BTreeMap<Condition, (Severity, String)>;

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
        | AlertRule::AllocationOverrun => false,
        AlertRule::Remediation => blocking(task).is_some(),
        AlertRule::Bypass => !task.bypasses.is_empty(),
        AlertRule::PhaseAlreadyActive | AlertRule::PhaseMismatch => stands(task, &condition.scope, since),
        // For the ledger's own task, which never outdates it; observed only by the fold.
        AlertRule::Access => matches!(condition.scope, AlertScope::Reader(_)),
        AlertRule::PriceWaiting | AlertRule::PriceDisputed | AlertRule::PriceSource => {
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

/// Everything that is true for a task. For a closed task or one without limits, only findings about its records.
pub(super) fn conditions(watch: &Watch, task: &str) -> Conditions {
    let mut found = Conditions::new();
    of_task(&mut found, &watch.task, task);
    clock_skew(&mut found, &watch.task, task);
    for (condition, observed) in &watch.observed {
        let severity = Severity::of_condition(condition);
        found.insert(condition.clone(), (severity, observed.detail.clone()));
    }
    if let Some((condition, truth)) = kept_block(watch, task) {
        found.entry(condition).or_insert(truth);
    }
    if watch.rejections > 0 {
        let condition = Condition { rule: AlertRule::Quarantine, scope: AlertScope::Inbox, level: 0 };
        let message =
            format!("A message of the inbox was refused and waits in quarantine: {}", watch.rejected);
        found.insert(condition, (Severity::of_observed(AlertRule::Quarantine), message));
    }
    found
}

fn of_task(found: &mut Conditions, row: &TaskRow, task: &str) {
    let Some(limits) = row.state.limits.as_deref().filter(|_| row.state.stage == TaskStage::Open) else {
        return;
    };
    // Without a clock: a running execution counts once it has ended.
    let figures = figures(row, None);
    let name = format!("Task {task}");
    for (what, unit, utilization) in [("token", "", figures.tokens), ("latency", " ms", figures.latency)] {
        let Some(utilization) = utilization else { continue };
        add(found, &AlertScope::Task, &name, what, unit, &utilization, &limits.pressure_levels);
    }
    for execution in &row.executions {
        let Some(limit) = limits.phase(&execution.id.phase) else { continue };
        let scope = AlertScope::Execution(execution.id.clone());
        let name = format!("{} of task {task}", execution.id);
        let tokens = Utilization::new(execution.activity.tokens.used(), limit.tokens);
        let latency = Utilization::new(execution.latency(row.budgeted(), None).counted(), limit.latency_ms);
        for (what, unit, utilization) in [("token", "", tokens), ("latency", " ms", latency)] {
            add(found, &scope, &name, what, unit, &utilization, &limits.pressure_levels);
        }
    }
    if let Some(decision) = row.blocked() {
        let why: Vec<&str> = decision.reasons.iter().map(|(_, _, message)| message.as_str()).collect();
        let message = format!("Task {task} is blocked before {}: {}", decision.advance, why.join("; "));
        let condition = Condition { rule: AlertRule::StopLoss, scope: AlertScope::Task, level: 0 };
        found.insert(condition, (Severity::Critical, message));
    }
    drift(found, row, task, limits.importance);
    if let Some(why) = critical_for_review(row) {
        let condition = Condition { rule: AlertRule::Unjustified, scope: AlertScope::Task, level: 0 };
        let message = format!("Task {task} needs review: {why}");
        found.insert(condition, (Severity::of_observed(AlertRule::Unjustified), message));
    }
}

/// Producers whose clocks are far from the ledger's. Their usage still counts; for a closed task there is
/// nothing to do.
fn clock_skew(found: &mut Conditions, row: &TaskRow, task: &str) {
    if matches!(row.state.stage, TaskStage::Closed(_)) || row.skews.is_empty() {
        return;
    }
    let clocks = row.skews.iter().map(|(producer, ms)| {
        let far = duration(ms.unsigned_abs().div_euclid(60_000).saturating_mul(60_000));
        if *ms > 0 {
            format!("the clock of producer {producer} is {far} ahead of the ledger's")
        } else {
            format!("events of producer {producer} arrive {far} after they happened by its clock: the clock is behind, or the producer reports late")
        }
    });
    let clocks = clocks.collect::<Vec<_>>().join("; ");
    let condition = Condition { rule: AlertRule::ClockSkew, scope: AlertScope::Task, level: 0 };
    let message = format!("Task {task} has implausible timestamps: {clocks}");
    found.insert(condition, (Severity::of_observed(AlertRule::ClockSkew), message));
}

/// The block in force on an open task.
fn blocking(task: &TaskRow) -> Option<&Decision> {
    task.blocked().filter(|_| task.state.stage == TaskStage::Open)
}

/// Two tiers or more above the lowest importance that the task ever had: raising it step by step does not
/// evade the rule.
fn drift(found: &mut Conditions, row: &TaskRow, task: &str, opened: Importance) {
    let changes = &row.importance_changes;
    let Some(last) = changes.last() else { return };
    let lowest = changes.iter().map(|change| change.to).min().map_or(opened, |lowest| lowest.min(opened));
    let level = (last.to as u32).saturating_sub(lowest as u32);
    if level < 2 {
        return;
    }
    let severity = if level == 2 { Severity::Warning } else { Severity::Error };
    let (from, to) = (lowest.as_str(), last.to.as_str());
    let message = format!(
        "Task {task} went from {from} to {to} importance after it was opened; the last step by {}: {}",
        last.author, last.reason
    );
    let condition = Condition { rule: AlertRule::Drift, scope: AlertScope::Task, level };
    found.insert(condition, (severity, message));
}

/// The levels reached and the breach status. Tokens and latency share them: whichever gets there first names
/// the alert.
fn add(
    found: &mut Conditions,
    scope: &AlertScope,
    name: &str,
    what: &str,
    unit: &str,
    utilization: &Utilization,
    levels: &[u32],
) {
    let numbers = || {
        let percent = utilization.shown_percent().map(|percent| format!(" ({percent}%)")).unwrap_or_default();
        format!("{} / {}{unit}{percent}", grouped(utilization.used), grouped(utilization.limit))
    };
    let reached = utilization.level(levels);
    for &level in levels.iter().filter(|&&level| reached.is_some_and(|reached| level <= reached)) {
        let condition = Condition { rule: AlertRule::Pressure, scope: scope.clone(), level };
        // A phase that has nearly used up its limit can still end in time.
        let nearly = (90..100).contains(&level) && matches!(scope, AlertScope::Execution(_));
        let advice = if nearly { "; consider wrapping up" } else { "" };
        let message = || format!("{name} reached {level}% of its {what} budget: {}{advice}", numbers());
        found.entry(condition).or_insert_with(|| (Severity::of_level(level), message()));
    }
    // Above the second bound the first is exceeded too.
    let breached: &[(u32, Severity)] = match utilization.breach() {
        BreachStatus::Within => &[],
        BreachStatus::Warning => &[(100, Severity::Warning)],
        BreachStatus::Exceeded => &[(100, Severity::Warning), (150, Severity::Error)],
    };
    for &(level, severity) in breached {
        let condition = Condition { rule: AlertRule::Breach, scope: scope.clone(), level };
        let message = || format!("{name} is above {level}% of its {what} budget: {}", numbers());
        found.entry(condition).or_insert_with(|| (severity, message()));
    }
}
