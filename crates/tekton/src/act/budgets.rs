//! Budgets and policies are made and changed.

use std::collections::BTreeMap;
use std::sync::Arc;

use tokio::task::JoinSet;
use tollgate_domain::budget::{BudgetEnforcement, defaults};
use tollgate_wire::api::{BudgetRequest, BudgetView, PolicyRequest, PolicyRule, PolicyView};

use crate::app::Tekton;
use crate::ask::times::zone_of;
use crate::fault::{Fault, Handled};
use crate::names::named;
use crate::views::policy::rule;

/// How often a change is tried again if somebody else changed the same meanwhile.
const TRIES: usize = 5;

/// Who sets what is set here.
const AUTHOR: &str = "tekton";

/// What changes about a policy; what is absent stays.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct PolicyChange {
    pub(crate) enforcement: Option<BudgetEnforcement>,
    pub(crate) token_limit: Option<u64>,
    pub(crate) cost_limit: Option<String>,
    pub(crate) warn_at: Option<String>,
    pub(crate) act_at: Option<String>,
    pub(crate) enabled: Option<bool>,
    pub(crate) budget: Option<String>,
}

impl PolicyChange {
    fn apply(&self, before: PolicyRule) -> PolicyRule {
        PolicyRule {
            enforcement: self.enforcement.or(before.enforcement),
            limit_tokens: self.token_limit.or(before.limit_tokens),
            limit_usd: self.cost_limit.clone().or(before.limit_usd),
            warn_at: self.warn_at.clone().or(before.warn_at),
            act_at: self.act_at.clone().or(before.act_at),
            enabled: self.enabled.or(before.enabled),
            budget: self.budget.clone().or(before.budget),
            // A version begins when it is made.
            from: None,
            // What only another enforcement means.
            passes_from: before.passes_from.filter(|_| self.enforcement.is_none()),
            degrade_to: if self.enforcement.is_none() { before.degrade_to } else { Vec::new() },
            throttle_per_minute: before.throttle_per_minute.filter(|_| self.enforcement.is_none()),
            on_stale: before.on_stale.filter(|_| self.enforcement.is_none()),
            ..before
        }
    }
}

impl Tekton {
    /// Makes a budget with the policies that Tekton gives each. The same id makes the same budget again.
    pub(crate) async fn make_budget(
        self: &Arc<Self>,
        id: &str,
        request: BudgetRequest,
    ) -> Handled<BudgetView> {
        let request = BudgetRequest { author: Some(AUTHOR.to_owned()), ..request };
        self.ledger.set_budget(id, &request).await?;
        let mut set = JoinSet::new();
        for policy in defaults::policies(self.now()) {
            let is_cost = policy.limit.usd.is_some() && policy.window.as_str() != "hourly";
            let enforcement = if is_cost { self.options.cost_limits } else { BudgetEnforcement::Warn };
            let scope =
                policy.scope.iter().map(|(dimension, value)| (dimension.to_string(), value.to_owned()));
            let rule = PolicyRule {
                budget: Some(id.to_owned()),
                scope: scope.collect(),
                window: policy.window.as_str().to_owned(),
                zone: zone_of(policy.window.as_str(), &self.options.zone),
                limit_tokens: policy.limit.tokens,
                limit_usd: policy.limit.usd.map(|usd| usd.to_string()),
                enforcement: Some(enforcement),
                ..PolicyRule::default()
            };
            let (app, name) = (Arc::clone(self), named(&[id, &policy.id]));
            set.spawn(async move { app.make_policy(&name, rule).await });
        }
        while let Some(made) = set.join_next().await {
            made.map_err(|error| {
                Fault::of(axum::http::StatusCode::INTERNAL_SERVER_ERROR, error.to_string())
            })??;
        }
        self.budget(id).await
    }

    /// Makes a policy; the same name makes the same one again.
    pub(crate) async fn make_policy(&self, id: &str, rule: PolicyRule) -> Handled<PolicyView> {
        let request = PolicyRequest {
            id: Some(id.to_owned()),
            rule,
            author: Some(AUTHOR.to_owned()),
            ..PolicyRequest::default()
        };
        Ok(self.ledger.set_policy(id, &request).await?)
    }

    /// Changes a policy: its next version.
    pub(crate) async fn change_policy(&self, id: &str, change: &PolicyChange) -> Handled<PolicyView> {
        let mut tries = 0;
        loop {
            let before = self.policy(id).await?;
            let request = PolicyRequest {
                rule: change.apply(rule(&before)),
                if_version: u32::try_from(before.versions.len()).ok(),
                author: Some(AUTHOR.to_owned()),
                ..PolicyRequest::default()
            };
            tries += 1;
            match self.ledger.set_policy(id, &request).await {
                Ok(policy) => return Ok(policy),
                // Somebody was faster.
                Err(error) if error.code() == Some("conflict") && tries < TRIES => {}
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// Changes a budget.
    pub(crate) async fn change_budget(&self, id: &str, request: BudgetRequest) -> Handled<BudgetView> {
        self.budget(id).await?;
        let request = BudgetRequest { author: Some(AUTHOR.to_owned()), ..request };
        Ok(self.ledger.set_budget(id, &request).await?)
    }
}

/// A label, if there is something to keep.
pub(crate) fn label(name: &str, value: Option<String>) -> BTreeMap<String, String> {
    value.map(|value| (name.to_owned(), value)).into_iter().collect()
}
