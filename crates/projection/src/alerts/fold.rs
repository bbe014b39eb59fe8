//! From recorded events to alerts: the task's standing before and after, and what became true or false in between.

use std::collections::{BTreeMap, BTreeSet};

use tollgate_domain::alert::{AlertRule, AlertScope, Condition, Severity, alert_id};
use tollgate_domain::breach::{BreachStatus, Utilization};
use tollgate_domain::event::RecordedEvent;
use tollgate_domain::gate::{Verdict, grouped};
use tollgate_domain::ids::LEDGER_TENANT;
use tollgate_domain::task::TaskStage;

use super::Alerts;
use super::row::{Alert, AlertChange, AlertsRow, Resolved, Watch, alert_key, change_key, watch_key};
use crate::fold::{Projection, Rows};
use crate::status::{TaskRow, figures, fold_task};

impl Projection for Alerts {
    const NAME: &'static str = "alerts";
    const VERSION: u32 = 1;
    type Row = AlertsRow;

    fn apply<R: Rows<AlertsRow>>(&self, event: &RecordedEvent<'_>, rows: &mut R) -> Result<(), R::Error> {
        if event.tenant == LEDGER_TENANT {
            return Ok(());
        }
        let new = || {
            let task =
                TaskRow { first_at: event.occurred_at, last_at: event.occurred_at, ..TaskRow::default() };
            AlertsRow::Watch(Box::new(Watch { task, ..Watch::default() }))
        };
        let row = rows.change(&watch_key(event.tenant, event.task), new)?;
        let AlertsRow::Watch(watch) = row else { return Ok(()) };
        fold_task(&mut watch.task, event);
        let (raised, resolved) = turn(watch, event);
        for alert in raised {
            change(rows, event, &alert.id, true)?;
            let key = alert_key(&alert.id);
            rows.change(&key, || AlertsRow::Alert(Box::new(alert)))?;
        }
        for (id, end) in resolved {
            change(rows, event, &id, false)?;
            let missing = || AlertsRow::Change(AlertChange { alert: id.clone(), raised: false });
            if let AlertsRow::Alert(alert) = rows.change(&alert_key(&id), missing)? {
                alert.resolved = Some(end);
            }
        }
        Ok(())
    }
}

fn change<R: Rows<AlertsRow>>(
    rows: &mut R,
    event: &RecordedEvent<'_>,
    alert: &str,
    raised: bool,
) -> Result<(), R::Error> {
    let change = AlertChange { alert: alert.to_owned(), raised };
    rows.change(&change_key(event.sequence, &change), || AlertsRow::Change(change.clone())).map(|_| ())
}

/// Compares what is true now with what was: the alerts to raise, and those to resolve with their ends.
fn turn(watch: &mut Watch, event: &RecordedEvent<'_>) -> (Vec<Alert>, Vec<(String, Resolved)>) {
    let now = conditions(&watch.task, event.task);
    let gone: BTreeSet<Condition> =
        watch.open.keys().filter(|condition| !now.contains_key(condition)).cloned().collect();
    let why = match watch.task.state.stage {
        TaskStage::Closed(outcome) => format!("the task is {}", outcome.as_str()),
        TaskStage::Implicit | TaskStage::Open => "it is true no more".to_owned(),
    };
    let end = Resolved { by: event.sequence, at: event.occurred_at, why };
    let resolved = gone
        .iter()
        .filter_map(|condition| watch.open.remove(condition))
        .map(|id| (id, end.clone()))
        .collect();
    let mut raised = Vec::new();
    for (condition, (severity, message)) in now {
        if watch.open.contains_key(&condition) {
            continue;
        }
        let generation = watch.generations.entry(condition.clone()).or_default();
        *generation = generation.saturating_add(1);
        let generation = *generation;
        let id = alert_id(event.tenant, event.task, &condition, generation);
        watch.open.insert(condition.clone(), id.clone());
        raised.push(Alert {
            id,
            tenant: event.tenant.to_owned(),
            task: event.task.to_owned(),
            condition,
            generation,
            severity,
            message,
            raised: event.sequence,
            raised_at: event.occurred_at,
            resolved: None,
        });
    }
    (raised, resolved)
}

type Conditions = BTreeMap<Condition, (Severity, String)>;

/// Everything that is true of a task. Nothing is of one that is closed or has no limits.
fn conditions(row: &TaskRow, task: &str) -> Conditions {
    let mut found = Conditions::new();
    let Some(limits) = row.state.limits.as_deref().filter(|_| row.state.stage == TaskStage::Open) else {
        return found;
    };
    // Without a clock: what runs counts when it has ended.
    let figures = figures(row, None);
    let name = format!("Task {task}");
    for (what, unit, utilization) in [("token", "", figures.tokens), ("latency", " ms", figures.latency)] {
        let Some(utilization) = utilization else { continue };
        add(&mut found, &AlertScope::Task, &name, what, unit, &utilization, &limits.pressure_levels);
    }
    for execution in &row.executions {
        let Some(limit) = limits.phase(&execution.id.phase) else { continue };
        let scope = AlertScope::Execution(execution.id.clone());
        let name = format!("{} of task {task}", execution.id);
        let tokens = Utilization::new(execution.activity.tokens.used(), limit.tokens);
        let latency = Utilization::new(execution.latency(row.budgeted(), None).counted(), limit.latency_ms);
        for (what, unit, utilization) in [("token", "", tokens), ("latency", " ms", latency)] {
            add(&mut found, &scope, &name, what, unit, &utilization, &limits.pressure_levels);
        }
    }
    if let Some(decision) = row.decisions.last()
        && decision.verdict == Verdict::Block
        && !row.state.passes.contains(&decision.advance)
    {
        let why: Vec<&str> = decision.reasons.iter().map(|(_, _, message)| message.as_str()).collect();
        let message = format!("Task {task} is blocked before {}: {}", decision.advance, why.join("; "));
        let condition = Condition { rule: AlertRule::StopLoss, scope: AlertScope::Task, level: 0 };
        found.insert(condition, (Severity::Critical, message));
    }
    found
}

/// The levels that are reached and the breach status. Tokens and latency share them: the one that gets there first names
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
        let percent = utilization.percent().map(|percent| format!(" ({percent}%)")).unwrap_or_default();
        format!("{} / {}{unit}{percent}", grouped(utilization.used), grouped(utilization.limit))
    };
    let reached = utilization.level(levels);
    for &level in levels.iter().filter(|&&level| reached.is_some_and(|reached| level <= reached)) {
        let condition = Condition { rule: AlertRule::Pressure, scope: scope.clone(), level };
        let message = || format!("{name} reached {level}% of its {what} budget: {}", numbers());
        found.entry(condition).or_insert_with(|| (Severity::of_level(level), message()));
    }
    // Above the second bound the first is passed too.
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
