//! Budgets and their policies.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use tollgate_domain::budget::{BudgetEnforcement, Measure, OnStale};
use utoipa::ToSchema;

use super::word::{self, PolicyLevel, list};

/// Tokens and money.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AmountView {
    /// Tokens.
    pub tokens: i64,
    /// US dollars.
    pub usd: String,
}

/// A limit of tokens, of money, or of both; what is absent is not limited.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct LimitView {
    /// The most tokens.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub tokens: Option<u64>,
    /// The most US dollars.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub usd: Option<String>,
}

/// Makes or changes a budget: a name for policies that belong together. What is absent stays as it is; an empty text
/// takes away what was there.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct BudgetRequest {
    /// Owner of the budget (default: `default`).
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub tenant: Option<String>,
    /// What people call it.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub title: Option<String>,
    /// What it is for.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub description: Option<String>,
    /// Who answers for it.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub owner: Option<String>,
    /// Whether its policies rule; those of a new one do.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub active: Option<bool>,
    /// Who sets it.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub author: Option<String>,
}

/// A budget.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct BudgetView {
    /// Its name.
    pub budget: String,
    /// Owner.
    pub tenant: String,
    /// What people call it.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub title: Option<String>,
    /// What it is for.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub description: Option<String>,
    /// Who answers for it.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub owner: Option<String>,
    /// Whether its policies rule.
    pub active: bool,
    /// Its policies.
    pub policies: Vec<String>,
    /// The position that this is true for.
    pub as_of: String,
}

/// Budgets, ordered by name.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct BudgetList {
    /// The budgets.
    pub budgets: Vec<BudgetView>,
    /// The position that this is true for.
    pub as_of: String,
}

/// Makes a policy, or its next version. What is absent has its default, not what the version before had.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PolicyRequest {
    /// Owner of the policy (default: `default`).
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub tenant: Option<String>,
    /// What it says.
    #[serde(flatten)]
    pub rule: PolicyRule,
    /// Only if this is the latest version; 0: only if there is none.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub if_version: Option<u32>,
    /// Who sets it.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub author: Option<String>,
    /// Why.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub reason: Option<String>,
}

/// What a policy says.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PolicyRule {
    /// The budget that it belongs to.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub budget: Option<String>,
    /// Which usage counts: values by dimension (`component`, `team`, `user`, `task_type`, `tier`, `provider`, `model`,
    /// `task`, `phase`, `session`, `label.KEY`). Empty: all of the tenant.
    #[serde(skip_serializing_if = "BTreeMap::is_empty", default)]
    pub scope: BTreeMap<String, String>,
    /// `hourly`, `daily`, `weekly` (from Monday), `monthly`, `per_session`, `per_task` or `fixed`.
    pub window: String,
    /// Begin of a fixed window, on a quarter of an hour.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub window_from: Option<String>,
    /// End of a fixed window, on a quarter of an hour.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub window_to: Option<String>,
    /// Where days begin: a name of the IANA database (default `UTC`).
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub zone: Option<String>,
    /// The most tokens per window.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub limit_tokens: Option<u64>,
    /// The most US dollars per window.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub limit_usd: Option<String>,
    /// What happens to what would exceed the limit (default `warn`).
    #[serde(with = "word::optional", skip_serializing_if = "Option::is_none", default)]
    #[schema(value_type = Option<list::BudgetEnforcement>)]
    pub enforcement: Option<BudgetEnforcement>,
    /// From which part of the limit on a warning is raised (default `0.8`).
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub warn_at: Option<String>,
    /// From which part of the limit on someone should act (default `0.95`).
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub act_at: Option<String>,
    /// What both are compared with (default `reserved`). With `worst` the limit is, too.
    #[serde(with = "word::optional", skip_serializing_if = "Option::is_none", default)]
    #[schema(value_type = Option<list::Measure>)]
    pub measure: Option<Measure>,
    /// What was not used of the window before: `nothing` (default), `all` or `up_to` the caps below.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub rollover: Option<String>,
    /// The most tokens that roll over.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub rollover_cap_tokens: Option<u64>,
    /// The most US dollars that roll over.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub rollover_cap_usd: Option<String>,
    /// From which priority on an allocation passes an exhausted hard limit (default: none does).
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub passes_from: Option<u8>,
    /// The models that may take over with `degrade`, in order of preference.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub degrade_to: Vec<String>,
    /// How many allocations within any minute are allowed beyond the limit with `throttle`, from 1 to 1000.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub throttle_per_minute: Option<u32>,
    /// What holds while the figures are behind (default: `refuse` where the enforcement can refuse, else `allow`).
    #[serde(with = "word::optional", skip_serializing_if = "Option::is_none", default)]
    #[schema(value_type = Option<list::OnStale>)]
    pub on_stale: Option<OnStale>,
    /// When this version begins to rule (default: now).
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub from: Option<String>,
    /// When it ends (default: never).
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub to: Option<String>,
    /// Whether it rules at all (default true).
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub enabled: Option<bool>,
}

/// A policy, and how it stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PolicyView {
    /// Its name.
    pub policy: String,
    /// Owner.
    pub tenant: String,
    /// The version that rules now, or by which a window that is over is judged; absent if there is none.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub version: Option<u32>,
    /// All its versions, the first one first, every field given.
    pub versions: Vec<PolicyRule>,
    /// What was added to its limit for a time.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub raises: Vec<RaiseView>,
    /// How it stands in the current window; absent if it does not rule, or counts tasks or sessions one by one.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub status: Option<PolicyStatus>,
    /// What its author should know about the version that was just set.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub warnings: Vec<String>,
    /// The position that this is true for.
    pub as_of: String,
}

/// How a policy stands in a window.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PolicyStatus {
    /// When the window began; absent for all time.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub window_from: Option<String>,
    /// When it ends.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub window_to: Option<String>,
    /// Whether it is over: then nothing is reserved in it. What is recorded late still counts in it.
    #[serde(skip_serializing_if = "std::ops::Not::not", default)]
    pub is_over: bool,
    /// Whether the policy was made after the window: it ruled nothing in it, and this is what its first version would
    /// have counted.
    #[serde(skip_serializing_if = "std::ops::Not::not", default)]
    pub made_later: bool,
    /// The limit, with what rolled over and what was added for a time.
    pub limit: LimitView,
    /// What was spent.
    pub booked: AmountView,
    /// What is reserved and not used.
    pub reserved: AmountView,
    /// What was spent without a price: tokens, and at most how much money.
    pub unpriced: AmountView,
    /// What else has no known price, by unit, such as `output_images`; times are in milliseconds.
    #[serde(skip_serializing_if = "BTreeMap::is_empty", default)]
    pub unpriced_units: BTreeMap<String, i64>,
    /// What is left if everything unpriced costs its most and everything reserved is used.
    pub remaining_least: LimitView,
    /// What is left if nothing of that happens.
    pub remaining_most: LimitView,
    /// The level that is reached.
    #[serde(with = "word")]
    #[schema(value_type = list::PolicyLevel)]
    pub level: PolicyLevel,
    /// How fast it is spent, and when the limit is reached at that rate.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub burn: Option<BurnView>,
}

/// How fast a limit is used up.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct BurnView {
    /// What was spent per day on average since the window began, or per hour in an hourly one.
    pub per_period: AmountView,
    /// `day` or `hour`.
    pub period: String,
    /// The number of whole periods behind the average.
    pub periods: u32,
    /// What is spent by the end of the window at that rate.
    pub by_end: AmountView,
    /// When the limit is reached at that rate; absent if that is not before the window ends.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub exhausted_at: Option<String>,
    /// When it is reached at the rate of the dearest period so far: the earliest.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub exhausted_earliest: Option<String>,
    /// When it is reached at the rate of the cheapest period so far: the latest; absent if that is not before the
    /// window ends.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub exhausted_latest: Option<String>,
    /// A sentence that says so.
    pub sentence: String,
}

/// Policies, ordered by name.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PolicyList {
    /// The policies of this page.
    pub policies: Vec<PolicyView>,
    /// Pass this as `after` to get the next page; absent on the last page.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub next: Option<String>,
    /// The position that this is true for.
    pub as_of: String,
}

/// Raises the limit of a policy for a time.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RaiseRequest {
    /// Owner of the policy (default: `default`).
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub tenant: Option<String>,
    /// By how many tokens.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub tokens: Option<u64>,
    /// By how many US dollars.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub usd: Option<String>,
    /// From when on (default: now).
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub from: Option<String>,
    /// Until when.
    pub until: String,
    /// Who allows it.
    pub author: String,
    /// Why.
    pub reason: String,
}

/// A raise of a limit for a time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RaiseView {
    /// By how much, per window.
    pub by: AmountView,
    /// From when on.
    pub from: String,
    /// Until when.
    pub until: String,
    /// Who allowed it.
    pub author: String,
    /// Why.
    pub reason: String,
}

/// The policies that ship with Tollgate, made under a budget.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct DefaultsRequest {
    /// Owner of the budget (default: `default`).
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub tenant: Option<String>,
    /// Who sets them.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub author: Option<String>,
}
