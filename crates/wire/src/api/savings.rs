//! What the stop-loss did for the money.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use tollgate_domain::tier::Complexity;
use tollgate_domain::tier::Importance;
use utoipa::ToSchema;

use super::word::{self, EnforcementAdvice, ReturnVerdict, list};

/// Tasks that the gate could block compared with those that it could not, by class. If a sample is too small,
/// `lacks` says so instead of giving numbers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SavingsReport {
    /// The position that this answer covers.
    pub as_of: String,
    /// Minimum number of tasks on a side for its figures to be given.
    pub min_tasks: u64,
    /// By complexity and importance.
    pub classes: Vec<SavingsRow>,
    /// All stopped tasks together.
    pub stopped: StoppedRow,
    /// What was avoided, summed over the classes that have an estimate; an assumption, not a measurement.
    pub avoided: AvoidedRow,
    /// What it returned for what it cost.
    pub return_on_investment: ReturnView,
    /// What `avoided` assumes, and what the other figures leave out.
    pub assumptions: Vec<String>,
    /// Opened tasks that are on neither side.
    pub left_out_tasks: u64,
    /// Tasks with an event that could not be read; the figures leave that event out.
    pub degraded_tasks: u64,
}

/// Tasks of one class.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SavingsRow {
    /// Complexity tier.
    #[serde(with = "word")]
    #[schema(value_type = list::Complexity)]
    pub complexity: Complexity,
    /// Importance tier.
    #[serde(with = "word")]
    #[schema(value_type = list::Importance)]
    pub importance: Importance,
    /// Tasks that the gate could not block.
    pub baseline: SavingsSide,
    /// Tasks that the gate could block.
    pub enforced: SavingsSide,
    /// Median tokens of the enforced side in percent of the baseline's, truncated to two decimals.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub median_percent: Option<String>,
    /// Why there is no comparison.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub lacks: Option<String>,
    /// Tasks of the enforced side that the gate blocked.
    pub stopped: StoppedRow,
    /// What was avoided; an assumption, not a measurement.
    pub avoided: AvoidedRow,
}

/// One side of a class. Figures cover completed tasks; medians are rounded up to three digits.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SavingsSide {
    /// Number of tasks.
    pub tasks: u64,
    /// Number of completed tasks.
    pub completed: u64,
    /// Median tokens.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub median_tokens: Option<u64>,
    /// Mean tokens, truncated to two decimals.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub mean_tokens: Option<String>,
    /// Median cost of the priced tasks in US dollars.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub median_cost_usd: Option<String>,
    /// Mean cost of the priced tasks in US dollars, truncated to 18 decimals.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub mean_cost_usd: Option<String>,
    /// Completed tasks with unpriced usage; costs leave them out.
    pub unpriced_tasks: u64,
    /// Overrides granted for these tasks.
    pub overrides: u64,
    /// Why figures are missing: `not enough data: 3 of at least 20 tasks`.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub lacks: Option<String>,
}

/// Tasks that the gate blocked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct StoppedRow {
    /// Number of blocked tasks.
    pub tasks: u64,
    /// Number of tasks that the gate could block.
    pub of: u64,
    /// Blocked tasks in percent of those, truncated to two decimals.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub percent: Option<String>,
    /// Blocked tasks marked legitimate: false positives.
    pub legitimate: u64,
    /// Blocked tasks marked runaway: the block was right.
    pub runaway: u64,
    /// Blocked tasks that are not marked.
    pub unmarked: u64,
    /// Blocked tasks that were completed anyway.
    pub completed: u64,
    /// Blocked tasks that were not completed: closed with another outcome, or still blocked.
    pub sunk_tasks: u64,
    /// Tokens spent on those tasks.
    pub sunk_tokens: u64,
    /// Cost in US dollars of those tasks whose usage is fully priced.
    pub sunk_cost_usd: String,
    /// Tokens of those tasks that have no known price.
    pub sunk_unpriced_tokens: u64,
    /// What else has no known price, by unit, such as `output_images`; times are in milliseconds.
    #[serde(skip_serializing_if = "BTreeMap::is_empty", default)]
    pub sunk_unpriced_units: BTreeMap<String, i64>,
}

/// What was avoided: between nothing and this, under the stated assumption.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AvoidedRow {
    /// Number of stopped tasks that were marked runaway and not completed.
    pub tasks: u64,
    /// Lower bound in tokens: always 0.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub tokens_from: Option<u64>,
    /// Upper bound in tokens.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub tokens_up_to: Option<u64>,
    /// Upper bound in US dollars, to three digits.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub cost_usd_up_to: Option<String>,
    /// 90th percentile of the tokens that the baseline's closed tasks used.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub baseline_p90_tokens: Option<u64>,
    /// Why there is no range.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub lacks: Option<String>,
}

/// (saved − overhead) / cost, as a range, with what it assumes; and what the share of runaways advises.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ReturnView {
    /// What was saved at least, in US dollars.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub saved_usd_from: Option<String>,
    /// What was saved at most.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub saved_usd_up_to: Option<String>,
    /// What was spent because of it at least, in US dollars.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub overhead_usd_from: Option<String>,
    /// What was spent because of it at most.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub overhead_usd_up_to: Option<String>,
    /// What it cost to build in and run, in US dollars, as stated by who asks.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub cost_usd: Option<String>,
    /// The return at least, rounded down to two decimals.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub times_from: Option<String>,
    /// The return at most, rounded up to two decimals.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub times_up_to: Option<String>,
    /// What that means: the goal is three times, below twice is the floor.
    #[serde(with = "word")]
    #[schema(value_type = list::ReturnVerdict)]
    pub verdict: ReturnVerdict,
    /// Why there is no return, or no upper end of it.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub lacks: Option<String>,
    /// The share of tasks that are runaways.
    pub runaways: RunawayShare,
    /// What the range assumes.
    pub assumptions: Vec<String>,
}

/// The share of tasks that are runaways, and what it advises.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RunawayShare {
    /// Tasks that are known to be runaways.
    pub tasks_from: u64,
    /// These, and those of which it is not known.
    pub tasks_up_to: u64,
    /// Of all tasks.
    pub of: u64,
    /// The share at least, in percent: 95 % interval of the lower count.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub percent_from: Option<String>,
    /// The share at most: 95 % interval of the upper count.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub percent_up_to: Option<String>,
    /// Enforce above 10 %, alert only below 5 %.
    #[serde(with = "word")]
    #[schema(value_type = list::EnforcementAdvice)]
    pub advice: EnforcementAdvice,
}
