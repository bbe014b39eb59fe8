//! Prices, and the cost of usage. Exact: read from the text of a number, kept as integers.

mod aliases;
mod by_name;
mod change;
mod changes;
mod compare;
mod cost;
mod dated;
mod edit;
mod entries;
mod fields;
mod find;
mod history;
mod known;
mod listed;
mod litellm;
mod most;
mod names;
mod notes;
mod number;
mod off_peak;
mod percent;
mod plausible;
mod points;
mod priced_as;
mod provider;
mod quote;
mod rate_tier;
mod rates;
mod schedule;
mod source_list;
mod text;
mod unit_fields;
mod unit_rates;
mod update;

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};

use crate::hex::hex_of_sha256;
use crate::money::Usd;
use crate::time::{Day, Timestamp};
use crate::usage::{Cost, UsageRecorded, Used, UsedChange};

pub use aliases::Aliases;
pub use compare::{TOLERANCE, Trust};
pub use edit::EntryRates;
pub use find::undated;
pub use history::{EntryHistory, PriceChange, PriceHistory, PriceProposal, PriceRejection, SourceHistory};
pub use listed::{InvalidRates, Listed, ModelName, list};
pub use most::AtMost;
pub use notes::{Doubt, InvalidPriceBook, Notes, OtherUnit, PriceProblem, Stays, Taken};
pub use percent::Percent;
pub use points::{PointCosts, UsagePoint, moments_of_a_week};
pub use provider::{of_books as provider_of_books, one_name as name_of_provider};
pub use quote::{NoPrice, PriceEntry, Quote, QuoteLine};
pub use rate_tier::RateTier;
pub use rates::PricedKind;
pub use source_list::SourceList;
pub use unit_rates::{UnitLine, too_dear};
pub use update::{BY_HAND, Dispute, PriceUpdate, Unverified, UpdatePlan, UpdateRules, has_shrunk, plan};

use dated::{Changes, InForceAt, Prices};
use off_peak::OffPeak;
use rates::Rates;
use schedule::Schedule;
use unit_rates::UnitRates;

/// The small book that ships with Tollgate, for a first run without a network: `config/prices.json`.
pub const SHIPPED_PRICES: &str = include_str!("../../../../config/prices.json");

/// Prices by model name; `None`: the model is named but unpriced.
type Models = BTreeMap<String, Option<ModelPrice>>;

/// All prices as of one reading of a source, with the changes that were decided since. Clones share them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PriceBook {
    version: String,
    models: Arc<Prices>,
    changes: Arc<Changes>,
}

/// What determines the price of a call, in addition to its tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Call<'a> {
    /// Who served it, by any of the provider's names.
    pub provider: Option<&'a str>,
    /// Which model.
    pub model: Option<&'a str>,
    /// The provider's tier that served it.
    pub service_tier: Option<&'a str>,
    /// When it happened: some prices apply only at certain hours.
    pub at: Timestamp,
}

impl<'a> Call<'a> {
    /// The call described by a usage event.
    #[must_use]
    pub fn of(usage: &'a UsageRecorded, at: Timestamp) -> Self {
        let counts = usage.dimensions("");
        Self {
            provider: counts.provider,
            model: counts.model,
            service_tier: usage.service_tier.as_deref(),
            at,
        }
    }
}

/// What one model costs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ModelPrice {
    /// Who serves it.
    provider: Option<String>,
    /// What it does: chat, embedding, …
    mode: Option<String>,
    /// What makes its price, as written: an object with the fields that say something about it.
    text: Arc<str>,
    /// The unconditional rates, as given by the entry.
    given: Rates,
    /// What a call without a service tier costs.
    standard: Schedule,
    /// What calls in service tiers cost; `None`: not known.
    service_tiers: BTreeMap<&'static str, Option<Schedule>>,
    /// Rates for certain hours, replacing the standard ones.
    off_peak: Option<OffPeak>,
    /// What else a call without a service tier is billed for.
    units: UnitRates,
    /// The most input tokens of one request; `None`: not known.
    max_input: Option<u64>,
    /// The most output tokens of one request; `None`: not known.
    max_output: Option<u64>,
    /// When it was last compared with its sources.
    as_of: Option<Day>,
    /// A person has confirmed that the price is right, however unlikely it looks.
    confirmed: bool,
    /// The version of the change by which it came into force; `None`: it is as the book has it.
    version: Option<Arc<str>>,
    /// The other name of the model under which that change was decided.
    decided_as: Option<Arc<str>>,
}

/// An age in days, in words.
#[must_use]
pub fn days_ago(days: i32) -> String {
    match days {
        0 => "today".to_owned(),
        1 => "1 day ago".to_owned(),
        days => format!("{days} days ago"),
    }
}

impl PriceBook {
    /// The name of the book that ships with Tollgate.
    pub const SHIPPED: &str = "shipped";

    /// The number of days after which a book is too old to be used without a warning.
    pub const OLD_AFTER_DAYS: i32 = 60;

    /// The book that ships with Tollgate. It is read once per process.
    #[must_use]
    pub fn shipped() -> Self {
        static BOOK: LazyLock<PriceBook> = LazyLock::new(|| {
            let (book, _) = PriceBook::from_litellm(SHIPPED_PRICES, PriceBook::SHIPPED)
                .expect("the shipped book is valid: a test reads it");
            book
        });
        BOOK.clone()
    }

    /// Reads LiteLLM's `model_prices_and_context_window.json`.
    ///
    /// An entry whose price is negative, not a number, more precise than can be kept, or conditional in an
    /// unknown way is left unpriced. That, and everything else noteworthy about the text, is returned along
    /// with the book.
    ///
    /// # Errors
    ///
    /// [`InvalidPriceBook`] if the text is not a JSON object of objects.
    pub fn from_litellm(text: &str, source_name: &str) -> Result<(Self, Notes), InvalidPriceBook> {
        let (mut models, mut notes) = litellm::read(text)
            .map_err(|message| InvalidPriceBook { source_name: source_name.to_owned(), message })?;
        names::unite(&mut models, &mut notes.doubts);
        Ok((
            Self {
                version: format!("{source_name}@{}", hex_of_sha256(text, 6)),
                models: Arc::new(models.into_iter().collect()),
                changes: Arc::default(),
            },
            notes,
        ))
    }

    /// This book with the changes that were decided, each from its time on.
    #[must_use]
    pub fn with(&self, history: &PriceHistory) -> Self {
        Self { changes: Arc::new(changes::changes(history, &self.models)), ..self.clone() }
    }

    /// Its version, as referenced by costs: the source and the first 12 hex digits of the SHA-256 of its text.
    #[must_use]
    pub fn version(&self) -> &str {
        &self.version
    }

    /// The last day on which one of its entries was compared with its sources, if entries say so (`as_of`).
    #[must_use]
    pub fn as_of(&self) -> Option<Day> {
        self.models.values().flatten().filter_map(|price| price.as_of).max()
    }

    /// How many days ago that was.
    #[must_use]
    pub fn age_in_days(&self, now: Timestamp) -> Option<i32> {
        Some(now.day().0.saturating_sub(self.as_of()?.0).max(0))
    }

    /// A warning about a book that has not been compared with its sources for too long.
    #[must_use]
    pub fn too_old(&self, now: Timestamp) -> Option<String> {
        let _ = self.age_in_days(now).filter(|age| *age > Self::OLD_AFTER_DAYS)?;
        let (version, day, days) = (&self.version, self.as_of()?, Self::OLD_AFTER_DAYS);
        // Reports show this too, so the text must not change every midnight.
        Some(format!(
            "the prices {version} were last compared with their sources on {day}, more than {days} days ago: prices change, name a newer book with --prices"
        ))
    }

    /// How many models it prices.
    #[must_use]
    pub fn len(&self) -> usize {
        self.models.values().flatten().count()
    }

    /// Whether it prices nothing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// What a call that used this costs: [`Cost::Unpriced`] if the model, its service tier or a rate for anything
    /// that was used is not known, or if the amount is outside the exact range.
    #[must_use]
    pub fn cost<'a>(&self, call: Call<'_>, used: impl Into<Used<'a>>) -> Cost {
        let priced = self.find(call).and_then(|price| {
            let usd = cost::of(price, call.service_tier, call.at, used.into())?;
            Some(Cost::Priced { usd, price_version: self.version_of(price).to_owned() })
        });
        priced.unwrap_or(Cost::Unpriced)
    }

    /// What a correction costs or refunds: the cost of the corrected usage minus the cost of what was left of
    /// it before, so that a correction across a tier's threshold reprices the whole request. It never refunds
    /// more than everything.
    #[must_use]
    pub fn adjustment_cost(&self, call: Call<'_>, original: Used<'_>, correction: &UsedChange) -> Cost {
        let usd = self.find(call).and_then(|price| {
            let (corrected, _) = original.changed(correction);
            corrected.tokens.check().ok()?;
            corrected.units.check(&corrected.tokens).ok()?;
            // A call of which nothing is left was none.
            let of = |used: Used<'_>| {
                if used.is_nothing() {
                    Some(Usd::ZERO)
                } else {
                    cost::of(price, call.service_tier, call.at, used)
                }
            };
            let usd = of((&corrected).into())?.checked_sub(of(original)?)?;
            Some(Cost::Priced { usd, price_version: self.version_of(price).to_owned() })
        });
        usd.unwrap_or(Cost::Unpriced)
    }

    fn find(&self, call: Call<'_>) -> Option<&ModelPrice> {
        find::find(self.at(call.at), call.provider, call.model?).ok().map(|(_, price)| price)
    }

    /// The entries in force at a time.
    fn at(&self, at: Timestamp) -> InForceAt<'_> {
        InForceAt::new(&self.models, &self.changes, at)
    }

    /// The version that a cost by this price names.
    fn version_of<'a>(&'a self, price: &'a ModelPrice) -> &'a str {
        price.version.as_deref().unwrap_or(&self.version)
    }
}

/// The rates that apply to a call, and by which of its conditions.
struct Applied {
    rates: Rates,
    service_tier: Option<&'static str>,
    /// They are those of a larger context: above so many input tokens.
    above_input: Option<u64>,
    /// They are those of certain hours.
    off_peak: bool,
}

impl ModelPrice {
    /// The rates of a call. `None`: the price of its service tier is not known.
    fn applied(&self, service_tier: Option<&str>, at: Timestamp, input: u64) -> Option<Applied> {
        let Some(tier) = service_tier.and_then(of_its_own) else {
            let (above_input, rates) = self.standard.reached(input);
            let now = self.off_peak.as_ref().filter(|off_peak| off_peak.holds(at));
            let off_peak = now.is_some();
            let rates = now.map_or(*rates, |now| rates.replaced_by(&now.rates));
            return Some(Applied { rates, service_tier: None, above_input, off_peak });
        };
        let find = |tier: &str| self.service_tiers.get_key_value(tier);
        // If nothing has a price for `fast`, it is another word for priority.
        let (tier, schedule) =
            find(&tier).or_else(|| if tier == "fast" { find("priority") } else { None })?;
        let (above_input, rates) = schedule.as_ref()?.reached(input);
        Some(Applied { rates: *rates, service_tier: Some(tier), above_input, off_peak: false })
    }

    /// Whether both cost the same, whoever the provider is.
    fn costs_like(&self, other: &Self) -> bool {
        self.standard == other.standard
            && self.service_tiers == other.service_tiers
            && self.off_peak == other.off_peak
            && self.units == other.units
    }

    /// Its most expensive plain rate, with the field's name.
    fn dearest(&self) -> Option<(&'static str, Usd)> {
        let Rates { input, cached_input, cache_write, output, reasoning, .. } = self.given;
        let rates = [input, cached_input, cache_write, output, reasoning];
        let named = litellm::PLAIN.into_iter().zip(rates).filter_map(|(name, rate)| Some((name, rate?)));
        named.max_by_key(|(_, rate)| *rate)
    }
}

/// The tier's name as used in prices, unless it is the standard one.
fn of_its_own(service_tier: &str) -> Option<String> {
    let plain = service_tier.trim().to_ascii_lowercase().replace(['-', ' '], "_");
    let tier = plain.strip_prefix("on_demand_").unwrap_or(&plain);
    match tier {
        "" | "default" | "standard" | "standard_only" | "auto" | "on_demand" => None,
        "batches" => Some("batch".to_owned()),
        tier => Some(tier.to_owned()),
    }
}

#[cfg(test)]
mod tests;
