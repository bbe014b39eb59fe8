//! The price book in force, and what a call costs under it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use tollgate_domain::price::PricedKind;
use tollgate_domain::units::Unit;
use utoipa::ToSchema;

use super::price_decisions::PriceTier;
use super::word::{self, list};

/// Entries of the price book in force, ordered by name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PriceList {
    /// The entries of this page.
    pub prices: Vec<PriceRow>,
    /// Pass this as `after` to get the next page; absent on the last page.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub next: Option<String>,
    /// Version of the price book, as recorded with each cost.
    pub price_version: String,
    /// The file that it was read from, or `shipped`.
    pub source: String,
}

/// One entry of a price book.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PriceRow {
    /// Name of the entry: a model, or `provider/model`.
    pub entry: String,
    /// Who serves the model.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub provider: Option<String>,
    /// What the model does, such as `chat` or `embedding`.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub mode: Option<String>,
    /// Whether it has a price. Usage of a model without one is unpriced, never free.
    pub priced: bool,
    /// US dollars per token by kind, for a small request without a service tier; a kind whose price is not
    /// known is absent.
    pub usd_per_token: BTreeMap<String, String>,
    /// US dollars for one of each other unit, such as `output_images`; for a second of a time.
    #[serde(skip_serializing_if = "BTreeMap::is_empty", default)]
    pub usd_per_unit: BTreeMap<String, String>,
    /// Sizes of a request's input, in tokens, above which other prices apply.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub other_prices_above: Vec<u64>,
    /// Service tiers that have prices of their own.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub service_tiers: Vec<String>,
    /// Whether other prices apply at certain hours.
    pub off_peak: bool,
    /// The day on which the entry was last compared with its sources.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub compared_on: Option<String>,
    /// The version of the change by which the price came into force; absent: it is as the price book has it.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub changed_by: Option<String>,
    /// The other name of the model under which that change was decided: a model has one price, whatever its names.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub decided_as: Option<String>,
}

/// What a call costs under the price book in force, and why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PriceQuote {
    /// The model, as asked for.
    pub model: String,
    /// The provider, as asked for.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub provider: Option<String>,
    /// The time that the prices are for.
    pub at: String,
    /// The entry of the price book that prices the call, after the config's aliases; absent if none does.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub entry: Option<PriceRow>,
    /// The service tier whose prices apply; absent for the standard one.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub service_tier: Option<String>,
    /// The prices apply to requests with more input tokens than this; absent if they are those of small requests.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub prices_above: Option<u64>,
    /// Whether the prices are those of certain hours.
    pub off_peak: bool,
    /// Tokens, price and amount by kind.
    pub lines: Vec<PriceQuoteLine>,
    /// The same of what else the call is billed for.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub units: Vec<PriceQuoteUnit>,
    /// The sum in US dollars; absent if the call is unpriced.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub cost_usd: Option<String>,
    /// Why the call is unpriced.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub unpriced_because: Option<String>,
    /// The prices of the entry for large requests and in service tiers; a kind whose price is not known is absent.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub tiers: Vec<PriceTier>,
    /// Version of the price book, as recorded with each cost.
    pub price_version: String,
}

/// One unit of a call that is billed besides its plain tokens.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PriceQuoteUnit {
    /// The unit.
    #[serde(with = "word")]
    #[schema(value_type = list::Unit)]
    pub unit: Unit,
    /// How many; times are in milliseconds.
    pub count: u64,
    /// US dollars for one, of a time for one second; absent if not known.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub usd_per_unit: Option<String>,
    /// The amount in US dollars; absent if not known.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub cost_usd: Option<String>,
}

/// One kind of tokens of a call.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PriceQuoteLine {
    /// The kind. Unlike in usage, no kind includes another: `cache_write` is without the writes for an hour,
    /// `output` without reasoning.
    #[serde(with = "word")]
    #[schema(value_type = list::PricedKind)]
    pub kind: PricedKind,
    /// Number of tokens.
    pub tokens: u64,
    /// US dollars per token; absent if not known.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub usd_per_token: Option<String>,
    /// The amount in US dollars; absent if not known.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub cost_usd: Option<String>,
}
