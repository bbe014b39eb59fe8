//! The state of a task, as in API answers.

use tollgate_domain::time::Timestamp;
use tollgate_wire::api::{ActivePhase, TaskStatus, TaskSummary};

use super::budget_status::task_budget_status;
use super::executions::execution_reports;
use super::findings::{impossible_times, warnings};
use super::judgements::decision_view;
use super::named::Named;
use super::{narrow, task_totals, task_units, unit_totals, utilization_view};
use crate::status::figures;

/// A task in one line; `now` is the time up to which running executions count.
#[must_use]
pub fn summary(named: Named<'_>, now: Option<Timestamp>) -> TaskSummary {
    let row = named.row;
    let figures = figures(row, now);
    let limits = row.state.limits.as_ref();
    let started = |execution: &&crate::status::Execution| Some(&execution.id) == row.state.active.as_ref();
    TaskSummary {
        tenant: named.tenant.to_owned(),
        task: named.task.to_owned(),
        title: row.opened.as_ref().and_then(|opened| opened.title.clone()),
        stage: row.state.stage,
        budget_status: task_budget_status(row, &figures),
        complexity: limits.map(|limits| limits.complexity),
        importance: row.importance(),
        active: row.executions.iter().rev().find(started).map(|execution| ActivePhase {
            phase: execution.id.phase.as_str().to_owned(),
            attempt: execution.id.attempt,
            started_at: execution.started_at.to_string(),
        }),
        tokens_used: narrow(figures.total.tokens.total().max(0)),
        tokens_budget: figures.tokens.as_ref().map(utilization_view),
        latency_ms: figures.latency_ms,
        latency_budget: figures.latency.as_ref().map(utilization_view),
        pressure_level: figures.level,
        cost_usd: figures.total.cost.to_string(),
        unpriced_tokens: narrow(figures.total.unpriced_tokens),
        units: task_units(&figures.total.units.used),
        unpriced_units: unit_totals(&figures.total.units.unpriced),
        verdict: row.decisions.last().map(|decision| decision.verdict),
        first_at: row.first_at.to_string(),
        last_at: row.last_at.to_string(),
        clock_skew_ms: row.skew_ms(),
        degraded: named.degraded,
    }
}

/// The state of a task; `now` is the time up to which running executions count.
#[must_use]
pub fn task_status(named: Named<'_>, now: Option<Timestamp>, as_of: String) -> TaskStatus {
    let row = named.row;
    let figures = figures(row, now);
    let mut warnings = warnings(named, &figures);
    warnings.extend(impossible_times(row));
    TaskStatus {
        summary: summary(named, now),
        tokens: task_totals(&figures.total.tokens),
        estimated_tokens: narrow(figures.total.estimated_tokens),
        executions: execution_reports(row, now),
        unphased_tokens: narrow(row.unphased.tokens.total()),
        unmatched_tokens: narrow(figures.unmatched_tokens),
        last_decision: row.decisions.last().map(decision_view),
        warnings,
        as_of,
    }
}
