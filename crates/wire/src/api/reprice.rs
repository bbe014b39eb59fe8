//! Usage that is priced again.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Price usage again.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RepriceRequest {
    /// Usage of this model, as usage names it or as it is priced by.
    pub model: String,
    /// Only of this provider, as usage names it or as it is priced by.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub provider: Option<String>,
    /// Usage that happened from this time on (RFC 3339).
    pub from: String,
    /// Only usage that happened before this time (RFC 3339).
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub to: Option<String>,
    /// Only say what would change.
    #[serde(default)]
    pub dry_run: bool,
    /// Who asks for it.
    pub by: String,
    /// Why.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub reason: Option<String>,
}

/// What pricing usage again comes to.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RepriceReport {
    /// Whether nothing was recorded.
    pub dry_run: bool,
    /// By the day of the usage, in UTC.
    pub days: Vec<RepriceDay>,
    /// How many usage events of the model were looked at.
    pub usage_events: u64,
    /// How many of them get an adjustment.
    pub adjustments: u64,
    /// How many have no price now either.
    pub still_unpriced: u64,
    /// The sum of all differences, in US dollars; it counts in the period in which it is recorded.
    pub difference_usd: String,
}

/// The usage of one day and model that is priced again.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RepriceDay {
    /// The day of the usage, in UTC.
    pub day: String,
    /// The model, as the usage counts: as it names it, else as its allocation does.
    pub model: String,
    /// How many usage events.
    pub adjustments: u64,
    /// Their tokens.
    pub tokens: u64,
    /// Those of them that had no price until now.
    pub newly_priced_tokens: u64,
    /// What else they used, by unit; times are in milliseconds.
    #[serde(skip_serializing_if = "BTreeMap::is_empty", default)]
    pub units: BTreeMap<String, u64>,
    /// What they cost until now, in US dollars.
    pub old_usd: String,
    /// What they cost.
    pub new_usd: String,
    /// The difference; negative gives back.
    pub difference_usd: String,
}
