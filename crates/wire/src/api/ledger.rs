//! Totals of the ledger.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::TokenTotals;

/// Totals of the ledger, in all and in groups.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct LedgerReport {
    /// The position up to which this is true.
    pub as_of: String,
    /// Tasks with at least one event.
    pub tasks: u64,
    /// In all.
    #[serde(flatten)]
    pub totals: Totals,
    /// By day in UTC, oldest first: the latest 1000, before them a row for the earlier ones.
    pub by_day: Vec<Group>,
    /// By model, most tokens first, as all the following: as many as were asked for (`top`), then a row for all others. The rows of a
    /// list add up to the total.
    pub by_model: Vec<Group>,
    /// By provider.
    pub by_provider: Vec<Group>,
    /// By producer.
    pub by_producer: Vec<Group>,
    /// By phase; usage without one is `unphased`.
    pub by_phase: Vec<Group>,
    /// By complexity; usage of implicit tasks is `implicit`.
    pub by_complexity: Vec<Group>,
    /// By importance; usage of implicit tasks is `implicit`.
    pub by_importance: Vec<Group>,
    /// Tasks whose events could not all be read: the numbers lack them.
    pub degraded_tasks: u64,
}

/// One group of a total.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Group {
    /// What they have in common; `unknown` where it was not said.
    pub key: String,
    /// Only of the row that stands for groups that are not listed: how many they are. With projectors of several parts, at most.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rest_of: Option<u64>,
    /// Its totals.
    #[serde(flatten)]
    pub totals: Totals,
}

/// Sums over usage and its corrections.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Totals {
    /// Usage events.
    pub usage_events: u64,
    /// Tokens by kind.
    pub tokens: TokenTotals,
    /// Tokens of the total that were estimated from text lengths.
    pub estimated_tokens: i64,
    /// What it cost, as far as prices were known.
    pub cost_usd: String,
    /// Tokens for which no price was known; not zero dollars.
    pub unpriced_tokens: i64,
}
