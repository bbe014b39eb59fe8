//! How policies stand, in Tekton's summaries.

use std::collections::BTreeMap;

use tollgate_client::{AllocationSearch, SummaryQuery};
use tollgate_domain::money::Usd;
use tollgate_wire::api::{PolicyRule, PolicyView, UsageTotals};

use super::times::window;
use crate::app::Tekton;
use crate::fault::Handled;
use crate::json::{Json, object};
use crate::number::{Share, share, share_of_money};
use crate::views::policy::rule;

/// Which policies are summed up.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Wanted {
    pub(crate) period: String,
    /// The budget, and what people call it.
    pub(crate) budget: Option<(String, String)>,
    /// Values by dimension: `tier`, `provider`, `component`.
    pub(crate) scope: BTreeMap<String, String>,
}

/// How one policy stands, or usage without a policy.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Summary {
    pub(crate) name: String,
    pub(crate) rule: PolicyRule,
    pub(crate) used: i64,
    pub(crate) input: i64,
    pub(crate) output: i64,
    pub(crate) cost: Usd,
    pub(crate) cost_limit: Option<Usd>,
    pub(crate) token_limit: Option<u64>,
    pub(crate) allocated: i64,
    pub(crate) active: usize,
    pub(crate) from: String,
    pub(crate) to: String,
}

impl Summary {
    /// The share of tokens that is used, where they are limited.
    pub(crate) fn token_share(&self, as_read: Share) -> Option<Json> {
        self.token_limit.map(|limit| share(self.used.into(), limit.into(), as_read))
    }

    /// The share of money.
    pub(crate) fn cost_share(&self, as_read: Share) -> Option<Json> {
        self.cost_limit.map(|limit| share_of_money(self.cost, limit, as_read))
    }

    /// What is left of the tokens.
    pub(crate) fn tokens_left(&self) -> Option<i64> {
        let limit = self.token_limit.map(|limit| i64::try_from(limit).unwrap_or(i64::MAX));
        limit.map(|limit| limit.saturating_sub(self.used).max(0))
    }

    /// What is left of the money.
    pub(crate) fn cost_left(&self) -> Option<Usd> {
        self.cost_limit.map(|limit| limit.checked_sub(self.cost).unwrap_or_default().max(Usd::ZERO))
    }

    /// Whether more tokens are used than the limit.
    pub(crate) fn exceeds_tokens(&self) -> bool {
        self.token_limit.is_some_and(|limit| i128::from(self.used) > i128::from(limit))
    }

    /// Whether more money is spent than the limit.
    pub(crate) fn exceeds_cost(&self) -> bool {
        self.cost_limit.is_some_and(|limit| self.cost > limit)
    }

    /// The summary, with shares as its reader takes them.
    pub(crate) fn json(&self, as_read: Share) -> Json {
        let scope = |dimension: &str| self.rule.scope.get(dimension);
        object! {
            "budget_id" => self.rule.budget.as_ref(),
            "period" => &self.rule.window,
            "tier" => scope("tier"),
            "provider" => scope("provider"),
            "component" => scope("component"),
            "task_type" => scope("task_type"),
            "total_tokens_allocated" => self.allocated,
            "total_tokens_used" => self.used,
            "token_limit" => self.token_limit,
            "token_usage_percentage" => self.token_share(as_read),
            "total_cost" => self.cost,
            "cost_limit" => self.cost_limit,
            "cost_usage_percentage" => self.cost_share(as_read),
            "active_allocations" => self.active,
            "start_time" => &self.from,
            "end_time" => &self.to,
            "remaining_tokens" => self.tokens_left(),
            "remaining_cost" => self.cost_left(),
            "token_limit_exceeded" => self.exceeds_tokens(),
            "cost_limit_exceeded" => self.exceeds_cost(),
            "name" => &self.name,
            "input_tokens" => self.input,
            "output_tokens" => self.output,
            "spent" => self.cost,
            "limit" => self.cost_limit,
        }
    }
}

impl Tekton {
    /// How the policies of a period stand, the budget's limit of money first. Without any, what was used.
    pub(crate) async fn summaries(&self, wanted: &Wanted) -> Handled<Vec<Summary>> {
        let policies = self.policies(wanted.budget.as_ref().map(|(id, _)| id.as_str())).await?;
        let budgets = self.budgets().await?;
        let is_active = |rule: &PolicyRule| {
            let named =
                rule.budget.as_ref().and_then(|id| budgets.iter().find(|budget| budget.budget == *id));
            named.is_none_or(|budget| budget.active || wanted.budget.is_some())
        };
        let mut summaries = Vec::new();
        for policy in &policies {
            let said = rule(policy);
            let fits = wanted.scope.iter().all(|(dimension, value)| said.scope.get(dimension) == Some(value));
            if said.window == wanted.period && said.enabled != Some(false) && fits && is_active(&said) {
                let of = said.budget.as_ref();
                let budget = budgets.iter().find(|budget| Some(&budget.budget) == of);
                let title = budget.and_then(|budget| budget.title.clone()).or_else(|| of.cloned());
                summaries.push(self.summary(policy, said, title.unwrap_or_default()).await?);
            }
        }
        // The first one is what pages show as the budget: its money, whoever spends it.
        summaries.sort_by_key(|it| (it.cost_limit.is_none(), it.rule.scope.len()));
        if summaries.is_empty() {
            summaries.push(self.without_policy(wanted).await?);
        }
        Ok(summaries)
    }

    async fn summary(&self, policy: &PolicyView, said: PolicyRule, name: String) -> Handled<Summary> {
        let status = policy.status.as_ref();
        let window = status.and_then(|status| status.window_from.clone().zip(status.window_to.clone()));
        let sums = self.sums_of(&said.scope, window.clone()).await?;
        let wanted = AllocationSearch {
            policy: Some(policy.policy.clone()),
            state: Some("open".to_owned()),
            ..AllocationSearch::default()
        };
        let open = self.allocations(wanted).await?;
        let usd = |text: &str| text.parse::<Usd>().unwrap_or_default();
        // With what was added for a time.
        let limit = status.map(|status| &status.limit);
        let cost_limit = limit.map_or(said.limit_usd.as_deref(), |limit| limit.usd.as_deref()).map(usd);
        let (from, to) =
            window.unwrap_or_else(|| (said.from.clone().unwrap_or_default(), self.now().to_string()));
        Ok(Summary {
            name,
            used: status.map_or(sums.tokens.total, |status| status.booked.tokens),
            input: sums.tokens.total - sums.tokens.output,
            output: sums.tokens.output,
            cost: usd(status.map_or(sums.cost_usd.as_str(), |status| status.booked.usd.as_str())),
            cost_limit,
            token_limit: limit.map_or(said.limit_tokens, |limit| limit.tokens),
            allocated: open.iter().map(|it| it.amount.tokens).sum(),
            active: open.len(),
            from,
            to,
            rule: said,
        })
    }

    /// What was used where no policy limits it.
    async fn without_policy(&self, wanted: &Wanted) -> Handled<Summary> {
        let now = self.now();
        let span = window(&wanted.period, &self.options.zone, now);
        let window = span.map(|span| (span.from.to_string(), span.to.to_string()));
        let sums = self.sums_of(&wanted.scope, window.clone()).await?;
        let (from, to) = window.unwrap_or_else(|| (self.started.to_string(), now.to_string()));
        let (budget, name) =
            wanted.budget.clone().map_or((None, String::new()), |(id, name)| (Some(id), name));
        let rule = PolicyRule {
            budget,
            window: wanted.period.clone(),
            scope: wanted.scope.clone(),
            ..PolicyRule::default()
        };
        Ok(Summary {
            name,
            rule,
            used: sums.tokens.total,
            input: sums.tokens.total - sums.tokens.output,
            output: sums.tokens.output,
            cost: sums.cost_usd.parse().unwrap_or_default(),
            from,
            to,
            ..Summary::default()
        })
    }

    async fn sums_of(
        &self,
        scope: &BTreeMap<String, String>,
        window: Option<(String, String)>,
    ) -> Handled<UsageTotals> {
        let (since, until) = window.unzip();
        let query = SummaryQuery { scope: scope.clone(), since, until, ..SummaryQuery::default() };
        Ok(self.ledger.usage_summary(&query, &Self::latest()).await?.totals)
    }
}

impl Tekton {
    /// What a card of a period shows: the limit of money of the first budget.
    pub(crate) async fn card(&self, period: &str) -> Handled<Summary> {
        let first = self.budgets().await?.into_iter().find(|budget| budget.active);
        let budget = first.map(|budget| (budget.budget.clone(), budget.title.unwrap_or(budget.budget)));
        let wanted = Wanted { period: period.to_owned(), budget, scope: BTreeMap::new() };
        let mut summaries = self.summaries(&wanted).await?;
        // There is always one.
        let card = if summaries.is_empty() { Summary::default() } else { summaries.remove(0) };
        Ok(card)
    }
}
