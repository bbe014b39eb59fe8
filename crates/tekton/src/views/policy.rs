//! Policies.

use tollgate_domain::budget::BudgetEnforcement;
use tollgate_wire::api::{PolicyRule, PolicyView};

use crate::json::{Json, object};
use crate::names::type_of;

/// What a policy says: its latest version.
pub(crate) fn rule(policy: &PolicyView) -> PolicyRule {
    policy.versions.last().cloned().unwrap_or_default()
}

/// A policy.
pub(crate) fn policy(policy: &PolicyView) -> Json {
    let rule = rule(policy);
    let begins = policy.versions.first().and_then(|first| first.from.clone());
    let scope = |dimension: &str| rule.scope.get(dimension);
    object! {
        "policy_id" => &policy.policy,
        "budget_id" => rule.budget.as_ref(),
        "type" => type_of(rule.enforcement.unwrap_or(BudgetEnforcement::Warn)),
        "period" => &rule.window,
        "tier" => scope("tier"),
        "provider" => scope("provider"),
        "component" => scope("component"),
        "task_type" => scope("task_type"),
        "token_limit" => rule.limit_tokens,
        "cost_limit" => rule.limit_usd.as_deref().map(Json::money),
        "warning_threshold" => Json::Number(rule.warn_at.clone().unwrap_or_else(|| "0.8".to_owned())),
        "action_threshold" => Json::Number(rule.act_at.clone().unwrap_or_else(|| "0.95".to_owned())),
        "start_date" => begins,
        "end_date" => rule.to.as_ref(),
        "enabled" => rule.enabled.unwrap_or(true),
        "metadata" => Json::Object(Vec::new()),
    }
}
