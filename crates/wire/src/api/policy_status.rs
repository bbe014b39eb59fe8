//! How policies stand.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::amounts::{AmountView, LimitView, UnpricedView};
use super::word::{self, PolicyLevel, list};

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
    pub unpriced: UnpricedView,
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

/// A task or session that reached a threshold of the limit that each has for itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct NearLimit {
    /// The task or session.
    pub of: String,
    /// Its limit, with what was added for a time.
    pub limit: LimitView,
    /// What it spent.
    pub booked: AmountView,
    /// What is reserved for it and not used.
    pub reserved: AmountView,
    /// The level that is reached.
    #[serde(with = "word")]
    #[schema(value_type = list::PolicyLevel)]
    pub level: PolicyLevel,
}
