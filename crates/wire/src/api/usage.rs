//! Usage: one record each, and sums by group and period.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{ReportPeriod, TokenTotals};

/// Usage as it was recorded, the latest record first.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct UsageList {
    /// The end of the log at this answer. Usage is listed as of this position, on every page that follows, too:
    /// what is recorded later comes before the first page.
    pub as_of: String,
    /// Usage and corrections of this page. A page may have fewer than `limit`, or none, and be followed by others.
    pub records: Vec<UsageRecord>,
    /// Pass this as `before` to get the next page; absent on the last page.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub next: Option<String>,
    /// Number of events of this part of the log that could not be read.
    pub unreadable: u64,
}

/// One usage, or one correction of usage.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct UsageRecord {
    /// Sequence of its record in the log.
    pub sequence: u64,
    /// When it happened.
    pub occurred_at: String,
    /// When the ledger recorded it.
    pub recorded_at: String,
    /// The task.
    pub task: String,
    /// Who reported it.
    pub producer: String,
    /// Its id.
    pub id: String,
    /// Only on a correction: the id of the usage that it corrects.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub adjusts: Option<String>,
    /// The phase that it belongs to; absent for unphased usage.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub phase: Option<String>,
    /// The attempt of that phase, if given.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub attempt: Option<u32>,
    /// The part of the producer that made the call.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub component: Option<String>,
    /// Who served the model.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub provider: Option<String>,
    /// The model.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub model: Option<String>,
    /// The allocation that it uses.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub allocation: Option<String>,
    /// The context that it names.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub context: Option<String>,
    /// The provider's id of the call.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub request_id: Option<String>,
    /// Its labels.
    #[serde(skip_serializing_if = "BTreeMap::is_empty", default)]
    pub labels: BTreeMap<String, String>,
    /// Tokens by kind; negative where a correction takes away.
    pub tokens: TokenTotals,
    /// What else was used, by unit; negative where a correction takes away. Times are in milliseconds.
    #[serde(skip_serializing_if = "BTreeMap::is_empty", default)]
    pub units: BTreeMap<String, i64>,
    /// Whether the tokens are estimated.
    pub estimated: bool,
    /// Cost in US dollars; absent if it is unpriced, which is not zero.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub cost_usd: Option<String>,
    /// Version of the price book that it was computed with.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub price_version: Option<String>,
}

/// Usage by groups and periods.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct UsageSummary {
    /// The position that this answer covers.
    pub as_of: String,
    /// The time range and the periods; `by` is empty if there are none.
    pub period: ReportPeriod,
    /// What the usage of a group has in common.
    pub group_by: Vec<String>,
    /// The groups of this page, ordered by period and then by their values.
    pub groups: Vec<UsageGroup>,
    /// Pass this as `after` to get the next page; absent on the last page.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub next: Option<String>,
    /// Sums over all groups, including those on other pages.
    pub totals: UsageTotals,
    /// Tasks with events that could not be read; the sums leave those events out.
    pub degraded_tasks: u64,
}

/// One group.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct UsageGroup {
    /// Its period, in the time zone: `2026-03-29T03:00+02:00`, `2026-03-29`, `2026-W13` or `2026-03`.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub period: Option<String>,
    /// Its values, by dimension; a dimension that its usage does not state is absent.
    pub values: BTreeMap<String, String>,
    /// Its sums.
    #[serde(flatten)]
    pub totals: UsageTotals,
}

/// Sums over usage and its corrections.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct UsageTotals {
    /// Number of usage events.
    pub usage_events: u64,
    /// Tokens by kind.
    pub tokens: TokenTotals,
    /// Cost in US dollars of the usage whose price is known, as an exact decimal.
    pub cost_usd: String,
    /// Tokens without a known price. Their cost is unknown, not zero.
    pub unpriced_tokens: i64,
    /// Tokens of this period that got their price at another time: that money counts when it was recorded, not here.
    #[serde(skip_serializing_if = "is_zero", default)]
    pub priced_later_tokens: i64,
    /// What else was used, by unit, such as `output_images`; times are in milliseconds.
    #[serde(skip_serializing_if = "BTreeMap::is_empty", default)]
    pub units: BTreeMap<String, i64>,
    /// The part of it without a known price, by unit.
    #[serde(skip_serializing_if = "BTreeMap::is_empty", default)]
    pub unpriced_units: BTreeMap<String, i64>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
const fn is_zero(count: &i64) -> bool {
    *count == 0
}
