//! Totals of the ledger.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::TokenTotals;

/// Totals of the ledger, in all and in groups.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct LedgerReport {
    /// The position up to which this is true.
    pub as_of: String,
    /// Of which time, and by which periods.
    #[serde(default)]
    pub period: ReportPeriod,
    /// Tasks with at least one event, at whatever time.
    pub tasks: u64,
    /// In all.
    #[serde(flatten)]
    pub totals: Totals,
    /// By the hour of the zone's clock with its offset, such as `2026-03-29T03:00+02:00`: where it was asked for, as the lists of weeks and
    /// months. Oldest first, and only those with usage: the latest 1000, before them a row for the earlier ones. What a wrong clock dated
    /// ahead is listed for 100 of them at most, behind them one row `(ahead)` has the rest.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub by_hour: Vec<Group>,
    /// By day in the time zone, such as `2026-03-29`, likewise. Empty where other periods were asked for.
    pub by_day: Vec<Group>,
    /// By the week of ISO 8601 in the time zone, such as `2026-W13`, likewise.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub by_week: Vec<Group>,
    /// By month in the time zone, such as `2026-03`, likewise.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub by_month: Vec<Group>,
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
    /// What is doubtful about the prices in force: their age, and prices of listed models that are hard to believe.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub price_warnings: Vec<String>,
}

/// Of which time a report is, and by which periods.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ReportPeriod {
    /// `hour`, `day`, `week` or `month`.
    pub by: String,
    /// The zone in which they begin, by its name in the IANA database.
    pub time_zone: String,
    /// The version of that database; with projectors of several versions, all of them.
    pub time_zone_database: String,
    /// From this time on; absent: from the first usage on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<String>,
    /// Before this time; absent: up to the last usage.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<String>,
}

/// What a producer's wrong clock dated ahead.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DatedAhead {
    /// Usage events.
    pub usage_events: u64,
    /// Their tokens.
    pub tokens: i64,
    /// That in a sentence.
    pub note: String,
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
    /// Only of periods: the part of it whose producer's clock is more than five minutes ahead of the ledger's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ahead: Option<DatedAhead>,
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
