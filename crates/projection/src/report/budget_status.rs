//! The budget status of a task or an execution.

use tollgate_domain::breach::BreachStatus;
use tollgate_wire::api::BudgetStatus;

use crate::status::{Figures, TaskRow};

/// The status of a task: unknown if phases ended without any reported usage and no latency is above its limit.
pub(crate) fn task_budget_status(row: &TaskRow, figures: &Figures) -> BudgetStatus {
    let ended = row.executions.iter().any(|execution| execution.ended_at.is_some());
    match figures.breach {
        Some(BreachStatus::Within) if ended && figures.total.usage_events == 0 => BudgetStatus::Unknown,
        breach => budget_status(breach),
    }
}

/// The status for a breach status, or for having no limits.
pub(super) const fn budget_status(breach: Option<BreachStatus>) -> BudgetStatus {
    match breach {
        Some(BreachStatus::Within) => BudgetStatus::Within,
        Some(BreachStatus::Warning) => BudgetStatus::Warning,
        Some(BreachStatus::Exceeded) => BudgetStatus::Exceeded,
        None => BudgetStatus::NoLimits,
    }
}
