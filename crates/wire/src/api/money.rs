//! What usage cost, by period and chosen dimensions.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{ReportPeriod, Totals};

/// Lines of usage and money.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct MoneyExport {
    /// The position that this answer covers.
    pub as_of: String,
    /// The time range and the periods; `by` is `none` for lines without periods.
    pub period: ReportPeriod,
    /// What lines are told apart by, in the order in which they sort.
    pub dimensions: Vec<String>,
    /// The sum of all lines.
    #[serde(flatten)]
    pub totals: Totals,
    /// The lines, in order of their periods.
    pub lines: Vec<MoneyLineView>,
    /// Tasks with events that could not be read; the numbers leave those events out.
    pub degraded_tasks: u64,
}

/// Usage that shares a period and the values of all dimensions.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct MoneyLineView {
    /// Its period: `2026-03-29T03:00+02:00`, `2026-03-29`, `2026-W13` or `2026-03`; absent for lines without periods.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub period: Option<String>,
    /// The value of each dimension; empty where it was not stated.
    pub dimensions: BTreeMap<String, String>,
    /// The sums.
    #[serde(flatten)]
    pub totals: Totals,
}
