//! Where a task stands, as the API answers it.

use tollgate_domain::breach::BreachStatus;
use tollgate_domain::time::Timestamp;
use tollgate_wire::api::{ActivePhase, TaskStatus, TaskSummary};

use super::findings::{impossible_times, warnings};
use super::task_report::{decision_view, execution_reports};
use super::{narrow, task_totals, utilization_view};
use crate::status::{Figures, TaskRow, figures};

/// A row with the names it stands under.
#[derive(Clone, Copy, Debug)]
pub struct Named<'a> {
    /// Owner of the task.
    pub tenant: &'a str,
    /// The task.
    pub task: &'a str,
    /// Its row.
    pub row: &'a TaskRow,
    /// Whether some of its events could not be read.
    pub degraded: bool,
}

/// A task in a line; `now` is what a running execution counts up to.
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
        stage: row.state.stage.as_str().to_owned(),
        budget_status: task_budget_status(row, &figures),
        complexity: limits.map(|limits| limits.complexity.to_string()),
        importance: row.importance().map(|importance| importance.to_string()),
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
        verdict: row.decisions.last().map(|decision| decision.verdict.as_str().to_owned()),
        first_at: row.first_at.to_string(),
        last_at: row.last_at.to_string(),
        clock_skew_ms: row.skew_ms(),
        degraded: named.degraded,
    }
}

/// Where a task stands; `now` is what a running execution counts up to.
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

/// The words for where a task stands with its budget.
pub const BUDGET_STATUSES: [&str; 5] = ["within", "warning", "exceeded", "unknown", "no_limits"];

/// The word for usage that nobody reported: it is not known to be within anything.
pub(super) const UNKNOWN: &str = "unknown";

/// The word for a task: unknown where phases ended, nobody reported any usage, and no latency is above its limit.
pub(crate) fn task_budget_status(row: &TaskRow, figures: &Figures) -> String {
    let ended = row.executions.iter().any(|execution| execution.ended_at.is_some());
    match figures.breach {
        Some(BreachStatus::Within) if ended && figures.total.usage_events == 0 => UNKNOWN.to_owned(),
        breach => budget_status(breach),
    }
}

/// The word for a breach status, or for having no limits: one of [`BUDGET_STATUSES`].
pub(super) fn budget_status(breach: Option<BreachStatus>) -> String {
    breach.map_or("no_limits", BreachStatus::as_str).to_owned()
}
