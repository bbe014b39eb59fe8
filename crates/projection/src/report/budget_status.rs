//! Where a task or an execution stands with its budget.

use tollgate_domain::breach::BreachStatus;
use tollgate_wire::api::BudgetStatus;

use crate::status::{Figures, TaskRow};

/// Of a task: unknown where phases ended, nobody reported any usage, and no latency is above its limit.
pub(crate) fn task_budget_status(row: &TaskRow, figures: &Figures) -> BudgetStatus {
    let ended = row.executions.iter().any(|execution| execution.ended_at.is_some());
    match figures.breach {
        Some(BreachStatus::Within) if ended && figures.total.usage_events == 0 => BudgetStatus::Unknown,
        breach => budget_status(breach),
    }
}

/// Of a breach status, or of having no limits.
pub(super) const fn budget_status(breach: Option<BreachStatus>) -> BudgetStatus {
    match breach {
        Some(BreachStatus::Within) => BudgetStatus::Within,
        Some(BreachStatus::Warning) => BudgetStatus::Warning,
        Some(BreachStatus::Exceeded) => BudgetStatus::Exceeded,
        None => BudgetStatus::NoLimits,
    }
}
