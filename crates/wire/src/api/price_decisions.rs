//! Decisions about prices: what sources say, what waits, what came into force.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Compare the prices in force with those of all sources.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PriceUpdateRequest {
    /// Only say what would change.
    #[serde(default)]
    pub dry_run: bool,
    /// Ask every source, also those whose list is not old yet.
    #[serde(default)]
    pub refresh: bool,
    /// Sources whose lists may have lost more than a tenth of their models.
    #[serde(default)]
    pub accept_shrink: Vec<String>,
}

/// What an update of the prices found.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PriceUpdateReport {
    /// Whether nothing was recorded.
    pub dry_run: bool,
    /// Every source.
    pub sources: Vec<PriceSourceState>,
    /// Prices that came into force, or would.
    pub applied: Vec<PriceDifference>,
    /// Prices that wait for a person, or would.
    pub waiting: Vec<PriceDifference>,
    /// Entries on whose price sources do not agree, with what each says; empty: they agree again.
    pub disputed: BTreeMap<String, Vec<String>>,
    /// How many entries stay as they are.
    pub unchanged: u64,
    /// How many models were left out because the price book has no price for them.
    pub left_out: u64,
}

/// A source of prices.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PriceSourceState {
    /// Its id.
    pub source: String,
    /// The form of its list; absent: the source is no longer named.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub kind: Option<String>,
    /// How far it is believed, in thousandths.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub trust_thousandths: Option<u16>,
    /// When it was last asked.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub checked_at: Option<String>,
    /// Why its list was not used then.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub problem: Option<String>,
    /// Something to know about the list that was used.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub note: Option<String>,
    /// How many entries its last list that was used prices.
    pub models: u64,
    /// When that list was fetched.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub fetched_at: Option<String>,
    /// The SHA-256 of its text.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub checksum: Option<String>,
}

/// One price that differs from the one in force.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PriceDifference {
    /// The entry of the price book.
    pub entry: String,
    /// Other entries of the same model, which this prices too.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub names: Vec<String>,
    /// The source.
    pub source: String,
    /// Its version: costs name it, and it is approved or rejected by it.
    pub price_version: String,
    /// Whether enough sources agree.
    pub verified: bool,
    /// How many sources agree with it.
    pub agreeing: u64,
    /// How many sources know the model.
    pub known: u64,
    /// The version in force; absent: the entry has no price.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub old_version: Option<String>,
    /// The largest change at a usage point, in percent, rounded up; absent: there is nothing to compare.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub percent: Option<u32>,
    /// What it costs now at each of the usage points, in US dollars; `null`: not known.
    pub old_costs: Vec<Option<String>>,
    /// What it would cost.
    pub new_costs: Vec<Option<String>>,
    /// Why it waits: `large_change`, `free`, `rate_missing`, `unverified`, `scraped`.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub waits: Vec<String>,
    /// Whether it waited already, or was rejected: nothing new was recorded.
    #[serde(default)]
    pub known_before: bool,
}

/// Approve or reject a price that waits.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PriceDecisionRequest {
    /// Idempotency key: a retry with the same key gets the first answer, and changes nothing.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub id: Option<String>,
    /// The version that waits.
    pub price_version: String,
    /// Who decides.
    pub by: String,
    /// Why.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub reason: Option<String>,
    /// From when on an approved price is in force (RFC 3339, default now).
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub from: Option<String>,
}

/// Put a price in force by hand.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PriceSetRequest {
    /// Idempotency key: a retry with the same key gets the first answer, and changes nothing.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub id: Option<String>,
    /// The entry of the price book: `MODEL` or `PROVIDER/MODEL`.
    pub entry: String,
    /// Who serves the model; absent: the provider in the entry's name, or of the entry in force. If the entry is of
    /// another provider's model, `PROVIDER/MODEL` is set.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub provider: Option<String>,
    /// US dollars a token by kind: `input_uncached`, `cached_input`, `cache_write`, `cache_write_1h`, `output`,
    /// `reasoning`.
    #[serde(skip_serializing_if = "BTreeMap::is_empty", default)]
    pub usd_per_token: BTreeMap<String, String>,
    /// US dollars for one of each other unit that calls are billed for, such as `output_images`; of a time, for a
    /// second.
    #[serde(skip_serializing_if = "BTreeMap::is_empty", default)]
    pub usd_per_unit: BTreeMap<String, String>,
    /// Prices that apply to large requests or in service tiers.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub tiers: Vec<PriceTier>,
    /// What is taken away: kinds of tokens, units, `above_200000` for all prices above a size of the input, a
    /// service tier such as `flex` for all of its prices, `hours` for those of certain hours. What is named nowhere
    /// stays as the entry in force has it.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub without: Vec<String>,
    /// From when on it is in force (RFC 3339, default now).
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub from: Option<String>,
    /// Who sets it.
    pub by: String,
    /// Why.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub reason: Option<String>,
}

/// Prices of tokens that apply to large requests, in a service tier, or both.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PriceTier {
    /// For requests with more input tokens than this; absent: of any size that no larger tier is for.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub above_input: Option<u64>,
    /// In this service tier, such as `flex`, `priority` or `batch`; absent: in the standard one.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub service_tier: Option<String>,
    /// US dollars a token by kind.
    pub usd_per_token: BTreeMap<String, String>,
}

/// What was decided about one price.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PriceDecisionAnswer {
    /// The entry of the price book.
    pub entry: String,
    /// Of a price that is put in force: other entries of the same model, which it prices too.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub names: Vec<String>,
    /// The version.
    pub price_version: String,
    /// Whether it is in force now.
    pub in_force: bool,
    /// From when on.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub from: Option<String>,
    /// Until when, if another price of the entry rules from a later time on.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub until: Option<String>,
    /// The version that rules then.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub then: Option<String>,
    /// Of a price set by hand: the largest change of a rate, or of what a call costs, in percent, rounded up;
    /// 4294967295: from nothing. Absent: the entry had no price.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub percent: Option<u32>,
    /// Of a price set by hand: what was not named and stays as it was, in US dollars for one, by kind of tokens or
    /// unit.
    #[serde(skip_serializing_if = "BTreeMap::is_empty", default)]
    pub kept: BTreeMap<String, String>,
    /// Of a price set by hand: the prices of large requests and of service tiers that stay as they were.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub kept_tiers: Vec<PriceTier>,
    /// Of a price set by hand: what else stays, in words.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub kept_else: Vec<String>,
    /// Of a price that is put in force: what the price before has and this one does not, in words.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub dropped: Vec<String>,
    /// Of a price set by hand: the entry of the price book that was meant, if this one is new and looks like a slip of
    /// it, or is the model alone and that entry says whose it is.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub similar: Option<String>,
    /// Whether it was decided before, under the same key: whether it is in force, until when, and for which other
    /// entries, is as of now.
    #[serde(skip_serializing_if = "std::ops::Not::not", default)]
    pub repeated: bool,
    /// The position of the decision in the log.
    pub position: String,
}

/// What was decided about prices.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PriceDecisions {
    /// The entries about which something was decided, by name.
    pub entries: Vec<PriceEntryHistory>,
    /// Pass this as `after` to get the next page; absent on the last page.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub next: Option<String>,
}

/// What was decided about one entry.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PriceEntryHistory {
    /// The entry of the price book.
    pub entry: String,
    /// What came into force, in the order of the decisions.
    pub changes: Vec<PriceChangeRow>,
    /// What waits for a person.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub waiting: Option<PriceWaiting>,
    /// What a person rejected, the latest last: at most 32 are kept.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub rejected: Vec<PriceRejected>,
    /// What the sources say, if they do not agree.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub disputed: Vec<String>,
}

/// A price that came into force.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PriceChangeRow {
    /// Its version.
    pub price_version: String,
    /// From when on.
    pub from: String,
    /// When it was decided.
    pub recorded_at: String,
    /// The source, or `manual`.
    pub source: String,
    /// Whether enough sources agreed.
    pub verified: bool,
    /// The version before it.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub old_version: Option<String>,
    /// The largest change, in percent.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub percent: Option<u32>,
    /// Who approved it.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub approved_by: Option<String>,
    /// Why.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub reason: Option<String>,
    /// The amounts before it; absent: the entry had no price, or the price book in force is another than then.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub old: Option<PriceAmounts>,
    /// Its amounts.
    pub new: PriceAmounts,
    /// Its rates: a JSON object in the form of the price book.
    pub rates: String,
}

/// A price that waits for a person.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PriceWaiting {
    /// Its version.
    pub price_version: String,
    /// Since when.
    pub since: String,
    /// The source.
    pub source: String,
    /// Whether enough sources agreed.
    pub verified: bool,
    /// The version in force when it was proposed.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub old_version: Option<String>,
    /// The largest change, in percent.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub percent: Option<u32>,
    /// Why it waits.
    pub waits: Vec<String>,
    /// The amounts before it; absent: the entry had no price, or the price book in force is another than then.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub old: Option<PriceAmounts>,
    /// Its amounts.
    pub new: PriceAmounts,
    /// Its rates: a JSON object in the form of the price book.
    pub rates: String,
}

/// A price that a person rejected.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PriceRejected {
    /// Its version.
    pub price_version: String,
    /// Who rejected it.
    pub by: String,
    /// When.
    pub at: String,
    /// Why.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub reason: Option<String>,
    /// What was proposed, and why it waited; absent: another price waited already when it was rejected.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub proposed: Option<PriceWaiting>,
}

/// Amounts of a price, for a small request without a service tier; what is not known is absent.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PriceAmounts {
    /// US dollars per token by kind.
    pub usd_per_token: BTreeMap<String, String>,
    /// US dollars for one of each other unit; for a second of a time.
    #[serde(skip_serializing_if = "BTreeMap::is_empty", default)]
    pub usd_per_unit: BTreeMap<String, String>,
    /// The kinds of tokens that the price does not name: they cost what other input, or output, does.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub without_own: Vec<String>,
}

/// The sources of prices.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PriceSourceList {
    /// Every source that is named, and those that were once.
    pub sources: Vec<PriceSourceState>,
    /// How often servers update the prices by themselves, in seconds; absent: they do not.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub update_every_s: Option<u64>,
    /// When one last began to.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub update_begun_at: Option<String>,
}
