//! Totals of the ledger.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::TokenTotals;

/// Totals of the ledger, overall and by group.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct LedgerReport {
    /// The position that this answer covers.
    pub as_of: String,
    /// The time range and the periods.
    #[serde(default)]
    pub period: ReportPeriod,
    /// Tasks with at least one event, regardless of the time range.
    pub tasks: u64,
    /// Overall totals.
    #[serde(flatten)]
    pub totals: Totals,
    /// By hour in the time zone, with its offset, such as `2026-03-29T03:00+02:00`. Hours, weeks and months
    /// are listed only if requested. Oldest first; periods without usage are left out. The latest 1000 are
    /// listed, preceded by one row for all earlier ones. Periods that a wrong clock dated ahead are listed up
    /// to 100, followed by one row `(ahead)` for the rest.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub by_hour: Vec<Group>,
    /// By day in the time zone, such as `2026-03-29`, in the same way. Empty if other periods were requested.
    pub by_day: Vec<Group>,
    /// By ISO 8601 week in the time zone, such as `2026-W13`, in the same way.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub by_week: Vec<Group>,
    /// By month in the time zone, such as `2026-03`, in the same way.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub by_month: Vec<Group>,
    /// By model. This and the following lists have the groups with the most tokens first, up to `top`, then
    /// one row for all others. The rows of each list add up to the total.
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
    /// By the dimension that `by` names, if it names one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub chosen: Option<ChosenGroups>,
    /// Tasks with events that could not be read; the numbers leave those events out.
    pub degraded_tasks: u64,
    /// Doubts about the prices in force: their age, and implausible prices of listed models.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub price_warnings: Vec<String>,
}

/// Usage by a dimension that was asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ChosenGroups {
    /// Which one: `component`, `team`, `label.KEY`, …
    pub dimension: String,
    /// By its values, as the other lists. Usage that does not say is `unknown`.
    pub groups: Vec<Group>,
}

/// The time range of a report, and its periods.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ReportPeriod {
    /// `hour`, `day`, `week` or `month`.
    pub by: String,
    /// Time zone of the periods, by its IANA name.
    pub time_zone: String,
    /// Version of the time zone database; lists every version if projectors differ.
    pub time_zone_database: String,
    /// Start of the range, inclusive; absent if it starts with the first usage.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<String>,
    /// End of the range, exclusive; absent if it ends with the last usage.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<String>,
    /// The UTC day by whose end all that counts was recorded; absent if everything counts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub known_on: Option<String>,
}

/// Usage that a producer's wrong clock dated ahead.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DatedAhead {
    /// Number of usage events.
    pub usage_events: u64,
    /// Tokens used.
    pub tokens: i64,
    /// The same as a sentence.
    pub note: String,
}

/// One group of a total.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Group {
    /// The value that the group shares; `unknown` if it was not reported.
    pub key: String,
    /// Only on the row that sums up unlisted groups: how many there are. An upper bound if the view is spread
    /// over several projectors.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rest_of: Option<u64>,
    /// Totals of the group.
    #[serde(flatten)]
    pub totals: Totals,
    /// Only on periods: the part reported by producers whose clock is more than five minutes ahead of the ledger's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ahead: Option<DatedAhead>,
}

/// Sums over usage and its corrections.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Totals {
    /// Number of usage events.
    pub usage_events: u64,
    /// Tokens by kind.
    pub tokens: TokenTotals,
    /// Tokens of the total that were estimated from text length.
    pub estimated_tokens: i64,
    /// Cost in US dollars of the usage whose price is known.
    pub cost_usd: String,
    /// Tokens without a known price. Their cost is unknown, not zero.
    pub unpriced_tokens: i64,
    /// What else was used, by unit, such as `output_images`; times are in milliseconds.
    #[serde(skip_serializing_if = "BTreeMap::is_empty", default)]
    pub units: BTreeMap<String, i64>,
    /// The part of it without a known price, by unit.
    #[serde(skip_serializing_if = "BTreeMap::is_empty", default)]
    pub unpriced_units: BTreeMap<String, i64>,
}
