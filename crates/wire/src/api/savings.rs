//! What the stop-loss did for the money.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Tasks that the gate could block beside those that it could not, by class. Where a sample is too small, `lacks` says so in place of numbers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SavingsReport {
    /// The position up to which this is true.
    pub as_of: String,
    /// So many tasks are needed on a side before its figures are given.
    pub min_tasks: u64,
    /// By complexity and importance.
    pub classes: Vec<SavingsRow>,
    /// All stopped tasks together.
    pub stopped: StoppedRow,
    /// What was avoided, over the classes of which that can be said; an assumption, not a measure.
    pub avoided: AvoidedRow,
    /// What `avoided` assumes, and what the other figures do not say.
    pub assumptions: Vec<String>,
    /// Opened tasks that belong to neither side.
    pub left_out_tasks: u64,
    /// Tasks of which an event could not be read: the figures lack it.
    pub degraded_tasks: u64,
}

/// Tasks of a class.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SavingsRow {
    /// Scope tier.
    pub complexity: String,
    /// Importance tier.
    pub importance: String,
    /// Tasks that the gate could not block.
    pub baseline: SavingsSide,
    /// Tasks that it could block.
    pub enforced: SavingsSide,
    /// The enforced median of tokens in percent of the baseline's, cut to two decimals.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub median_percent: Option<String>,
    /// Why there is no comparison.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub lacks: Option<String>,
    /// Of the enforced ones, those that it blocked.
    pub stopped: StoppedRow,
    /// What was avoided; an assumption, not a measure.
    pub avoided: AvoidedRow,
}

/// One side of a class. Figures are of completed tasks; medians are kept to three digits, rounded up.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SavingsSide {
    /// How many tasks.
    pub tasks: u64,
    /// How many of them are completed.
    pub completed: u64,
    /// Half of them used at most so many tokens.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub median_tokens: Option<u64>,
    /// Their tokens on average, cut to two decimals.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub mean_tokens: Option<String>,
    /// Half of the priced ones cost at most so much.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub median_cost_usd: Option<String>,
    /// What the priced ones cost on average, cut to 18 decimals.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub mean_cost_usd: Option<String>,
    /// Completed tasks with usage that has no price: they are in no cost.
    pub unpriced_tasks: u64,
    /// Overrides that persons granted for these tasks.
    pub overrides: u64,
    /// Why figures are missing: `not enough data: 3 of at least 20 tasks`.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub lacks: Option<String>,
}

/// Tasks that the gate blocked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct StoppedRow {
    /// How many.
    pub tasks: u64,
    /// Of so many that it could block.
    pub of: u64,
    /// Their share, cut to two decimals.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub percent: Option<String>,
    /// Marked legitimate: false positives.
    pub legitimate: u64,
    /// Marked runaway: the block was right.
    pub runaway: u64,
    /// Not marked.
    pub unmarked: u64,
    /// Completed all the same.
    pub completed: u64,
    /// Not completed: closed otherwise, or blocked still.
    pub sunk_tasks: u64,
    /// Tokens spent on those.
    pub sunk_tokens: u64,
    /// What those cost, as far as everything in them is priced.
    pub sunk_cost_usd: String,
    /// Tokens spent on those for which no price is known.
    pub sunk_unpriced_tokens: u64,
}

/// What was avoided: from nothing up to this, under the assumption that is stated.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AvoidedRow {
    /// Over so many stopped tasks that were marked runaway and not completed.
    pub tasks: u64,
    /// At least so many tokens: always 0.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub tokens_from: Option<u64>,
    /// At most so many.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub tokens_up_to: Option<u64>,
    /// At most so much, to three digits.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub cost_usd_up_to: Option<String>,
    /// 9 of 10 closed tasks of the baseline used at most so many tokens.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub baseline_p90_tokens: Option<u64>,
    /// Why there is no range.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub lacks: Option<String>,
}
