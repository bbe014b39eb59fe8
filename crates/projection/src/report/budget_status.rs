//! The budget status of a task or an execution.

use tollgate_domain::breach::BreachStatus;
use tollgate_wire::api::BudgetStatus;

use crate::status::{Figures, TaskRow, TaskSums};

/// The status of a task: unknown if phases ended without any reported usage and no latency is above its limit.
pub(crate) fn task_budget_status(row: &TaskRow, figures: &Figures) -> BudgetStatus {
    status_of(row, figures.breach, figures.total.usage_events)
}

/// The same, as long as running executions take no time.
pub(crate) fn task_budget_status_of(row: &TaskRow, sums: &TaskSums) -> BudgetStatus {
    status_of(row, sums.breach(row), sums.usage_events)
}

fn status_of(row: &TaskRow, breach: Option<BreachStatus>, usage_events: u64) -> BudgetStatus {
    let ended = row.executions.iter().any(|execution| execution.ended_at.is_some());
    match breach {
        Some(BreachStatus::Within) if ended && usage_events == 0 => BudgetStatus::Unknown,
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
