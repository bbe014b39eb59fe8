//! The words for where a task stands with its budget.

use tollgate_domain::breach::BreachStatus;

use crate::status::{Figures, TaskRow};

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
