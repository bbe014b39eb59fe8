//! Budgets.

use tollgate_domain::time::Timestamp;
use tollgate_wire::api::BudgetView;

use super::kept;
use crate::json::{Json, object};
use crate::names::METADATA;

/// A budget. One that was made before its time was noted has the beginning of time.
pub(crate) fn budget(budget: &BudgetView) -> Json {
    let time = |at: Option<&String>| at.cloned().unwrap_or_else(|| Timestamp::default().to_string());
    object! {
        "budget_id" => &budget.budget,
        "name" => budget.title.as_ref().unwrap_or(&budget.budget),
        "description" => budget.description.as_ref(),
        "owner" => budget.owner.as_ref(),
        "policies" => budget.policies.iter().collect::<Vec<_>>(),
        "created_at" => time(budget.made_at.as_ref()),
        "updated_at" => time(budget.changed_at.as_ref()),
        "is_active" => budget.active,
        "metadata" => kept(budget.labels.get(METADATA)),
    }
}
