//! What a call costs, with everything that the amount follows from.

use std::fmt;

use super::by_name::Sought;
use super::dated::{InForceAt, Version};
use super::find::{self, Missing};
use super::rate_tier::RateTier;
use super::rates::{PricedKind, Rates};
use super::unit_rates::{self, UnitLine};
use super::{Call, ModelPrice, PriceBook, cost, provider};
use crate::money::Usd;
use crate::nearest;
use crate::time::{Day, Timestamp};
use crate::tokens::TokenCounts;
use crate::units::Unit;
use crate::usage::Used;

/// What a call costs, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Quote<'a> {
    /// The entry of the price book that prices it.
    pub entry: PriceEntry<'a>,
    /// The service tier whose rates apply; `None`: the standard one.
    pub service_tier: Option<&'static str>,
    /// The rates apply to requests with more input tokens than this; `None`: to all that no larger tier is for.
    pub above_input: Option<u64>,
    /// Whether the rates are those of certain hours.
    pub off_peak: bool,
    /// Rates, tokens and amounts by kind.
    pub lines: [QuoteLine; 6],
    /// The same of what is billed besides plain tokens.
    pub units: Vec<UnitLine>,
    /// The version of the prices that the rates are of, as referenced by costs.
    pub price_version: &'a str,
    /// The sum; `None` if the rate of a kind that was used is not known, or the sum is outside the exact range.
    pub usd: Option<Usd>,
}

/// One kind of tokens of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct QuoteLine {
    /// Which kind.
    pub kind: PricedKind,
    /// How many tokens.
    pub tokens: u64,
    /// USD per token; `None`: not known.
    pub rate: Option<Usd>,
    /// Rate × tokens; `None`: not known.
    pub usd: Option<Usd>,
}

/// An entry of a price book.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PriceEntry<'a> {
    /// Its name: a model, or `provider/model`.
    pub name: &'a str,
    price: Option<&'a ModelPrice>,
}

/// Why a call has no price.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NoPrice<'a> {
    /// The call names no model.
    NoModel,
    /// The book has no entry for it.
    NoEntry,
    /// The book names the model and has no price for it.
    LeftOut {
        /// The entry.
        entry: &'a str,
    },
    /// The provider's name can mean two providers, whose prices differ.
    Ambiguous {
        /// One entry.
        one: &'a str,
        /// The other one.
        other: &'a str,
    },
    /// The entry has no price for the call's service tier.
    ServiceTier {
        /// The entry.
        entry: &'a str,
        /// The tier, as prices name it.
        tier: String,
    },
}

impl fmt::Display for NoPrice<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoModel => f.write_str("the call names no model"),
            Self::NoEntry => f.write_str(
                "the price book has no entry for this model and provider: map them to names of the book (`prices` in the \
                 config), or use a larger book (--prices)",
            ),
            Self::LeftOut { entry } => {
                write!(f, "the entry `{entry}` was left out of the price book or has no usable price")
            }
            Self::Ambiguous { one, other } => {
                write!(f, "the provider's name can mean `{one}` or `{other}`, and their prices differ")
            }
            Self::ServiceTier { entry, tier } => {
                write!(f, "the entry `{entry}` has no price for the service tier `{tier}`")
            }
        }
    }
}

impl PriceBook {
    /// What a call costs, and why. The amount is that of [`PriceBook::cost`].
    ///
    /// # Errors
    ///
    /// [`NoPrice`]: no entry, or none of its rates, is for such a call.
    pub fn quote<'u>(&self, call: Call<'_>, used: impl Into<Used<'u>>) -> Result<Quote<'_>, NoPrice<'_>> {
        self.quote_of(self.at(call.at), call, used.into())
    }

    /// The same by the prices of a version, as a cost names it, whenever they were in force.
    ///
    /// # Errors
    ///
    /// [`NoPrice`]: the version has no price for such a call, or nobody knows it by now.
    pub fn quote_by<'a, 'u>(
        &'a self,
        version: &'a str,
        call: Call<'_>,
        used: impl Into<Used<'u>>,
    ) -> Result<Quote<'a>, NoPrice<'a>> {
        let version = if version == self.version { Version::Book } else { Version::Change(version) };
        self.quote_of(self.at(call.at).of_version(version), call, used.into())
    }

    fn quote_of<'a>(
        &'a self,
        models: InForceAt<'a>,
        call: Call<'_>,
        used: Used<'_>,
    ) -> Result<Quote<'a>, NoPrice<'a>> {
        let model = call.model.ok_or(NoPrice::NoModel)?;
        let (name, price) = find::find(models, call.provider, model).map_err(|missing| match missing {
            Missing::NoEntry => NoPrice::NoEntry,
            Missing::LeftOut(entry) => NoPrice::LeftOut { entry },
            Missing::Ambiguous(one, other) => NoPrice::Ambiguous { one, other },
        })?;
        let applied = price.applied(call.service_tier, call.at, used.tokens.input()).ok_or_else(|| {
            let tier = call.service_tier.and_then(super::of_its_own).unwrap_or_default();
            NoPrice::ServiceTier { entry: name, tier }
        })?;
        let (plain, units) = cost::split(price, &applied, used);
        let lines = cost::parts(&applied.rates, &plain).map(|(kind, tokens, rate)| QuoteLine {
            kind,
            tokens,
            rate,
            usd: rate.and_then(|rate| rate.checked_times(i128::from(tokens))),
        });
        Ok(Quote {
            entry: PriceEntry { name, price: Some(price) },
            service_tier: applied.service_tier,
            above_input: applied.above_input,
            off_peak: applied.off_peak,
            lines,
            price_version: self.version_of(price),
            usd: cost::sum(price, &applied, &plain, &units, used),
            units,
        })
    }

    /// The entry whose name is nearest to one that the book does not have.
    #[must_use]
    pub fn similar(&self, name: &str, at: Timestamp) -> Option<&str> {
        let names: Vec<&str> = self.entries(at).map(|entry| entry.name).collect();
        let found = nearest::find(name, &names)?;
        names.iter().find(|name| **name == found).copied()
    }

    /// The entries in force at a time, in the order of their names, including those that stay unpriced.
    pub fn entries(&self, at: Timestamp) -> impl Iterator<Item = PriceEntry<'_>> {
        self.at(at).iter().map(|(name, price)| PriceEntry { name, price })
    }

    /// Whether one request of this many tokens is within what the model of an entry takes and writes, as far as that is
    /// known. Prices that came into force since do not say it: then it is what the book itself has.
    #[must_use]
    pub fn takes(&self, entry: &PriceEntry<'_>, tokens: &TokenCounts) -> bool {
        let own = self.own_entry(entry.name);
        let most = |of: fn(&ModelPrice) -> Option<u64>| {
            let limit = |entry: PriceEntry<'_>| entry.price.and_then(of);
            limit(*entry).or_else(|| own.and_then(limit))
        };
        most(|price| price.max_input).is_none_or(|most| tokens.input() <= most)
            && most(|price| price.max_output).is_none_or(|most| tokens.output <= most)
    }

    /// An entry as the book itself has it, whatever came into force since.
    #[must_use]
    pub fn own_entry(&self, name: &str) -> Option<PriceEntry<'_>> {
        self.models.get(Sought::named(name)).map(|(name, price)| PriceEntry { name, price: price.as_ref() })
    }
}

impl<'a> PriceEntry<'a> {
    pub(super) const fn price(&self) -> Option<&'a ModelPrice> {
        self.price
    }

    pub(super) const fn new(name: &'a str, price: Option<&'a ModelPrice>) -> Self {
        Self { name, price }
    }

    /// Whether it has a price.
    #[must_use]
    pub const fn is_priced(&self) -> bool {
        self.price.is_some()
    }

    /// Who serves the model, if the entry says so.
    #[must_use]
    pub fn provider(&self) -> Option<&'a str> {
        self.price?.provider.as_deref()
    }

    /// Whether this provider, by any of its names, serves the model.
    #[must_use]
    pub fn is_of(&self, name: &str) -> bool {
        let theirs = self.provider().or_else(|| self.name.split_once('/').map(|(provider, _)| provider));
        theirs.is_some_and(|theirs| provider::of_call(name).iter().any(|one| provider::is_of(theirs, one)))
    }

    /// What the model does: `chat`, `embedding`, …
    #[must_use]
    pub fn mode(&self) -> Option<&'a str> {
        self.price?.mode.as_deref()
    }

    /// When it was last compared with its sources.
    #[must_use]
    pub fn as_of(&self) -> Option<Day> {
        self.price?.as_of
    }

    /// The version of the change by which it came into force; `None`: it is the book's own.
    #[must_use]
    pub fn changed_by(&self) -> Option<&'a str> {
        self.price?.version.as_deref()
    }

    /// The other name of the model under which that change was decided.
    #[must_use]
    pub fn decided_as(&self) -> Option<&'a str> {
        self.price?.decided_as.as_deref()
    }

    /// USD per token of each kind, for a small request without a service tier at any hour; `None`: not known.
    #[must_use]
    pub fn rates(&self) -> [(PricedKind, Option<Usd>); 6] {
        let rates = self.price.map_or_else(Rates::default, |price| *price.standard.rates(0));
        cost::parts(&rates, &TokenCounts::default()).map(|(kind, _, rate)| (kind, rate))
    }

    /// USD per token of the kinds that the entry itself names, with no substitute for any other.
    #[must_use]
    pub fn given_rates(&self) -> Vec<(PricedKind, Usd)> {
        let rates = self.price.map(|price| price.given).unwrap_or_default();
        rates.named().into_iter().filter_map(|(kind, rate)| Some((kind, rate?))).collect()
    }

    /// USD for one of each unit that is billed besides plain tokens, of a time for one second; `None`: it depends on
    /// what usage does not tell.
    #[must_use]
    pub fn unit_rates(&self) -> Vec<(Unit, Option<Usd>)> {
        let rates = self.price.map(|price| &price.units).into_iter().flatten();
        rates.map(|(unit, rate)| (*unit, *rate)).collect()
    }

    /// USD for one of a unit, as calls without a service tier are billed for it; `None`: not known.
    pub(super) fn unit_rate(&self, unit: Unit) -> Option<Usd> {
        unit_rates::rate(&self.price?.units, unit)
    }

    /// The sizes of a request's input above which other rates apply.
    #[must_use]
    pub fn thresholds(&self) -> Vec<u64> {
        self.price.map(|price| price.standard.thresholds()).unwrap_or_default()
    }

    /// The service tiers that have a price.
    #[must_use]
    pub fn service_tiers(&self) -> Vec<&'static str> {
        let tiers = self.price.map(|price| &price.service_tiers).into_iter().flatten();
        tiers.filter(|(_, schedule)| schedule.is_some()).map(|(tier, _)| *tier).collect()
    }

    /// USD per token of each kind for large requests and in service tiers, as calls are priced; first those of the
    /// standard tier. A kind whose price is not known is absent.
    #[must_use]
    pub fn tiers(&self) -> Vec<(RateTier, Vec<(PricedKind, Usd)>)> {
        let Some(price) = self.price else { return Vec::new() };
        let of_tiers =
            price.service_tiers.iter().filter_map(|(tier, schedule)| Some((*tier, schedule.as_ref()?)));
        let of_tiers =
            of_tiers.flat_map(|(tier, schedule)| schedule.each().map(move |each| (Some(tier), each)));
        let standard = price.standard.each().skip(1).map(|each| (None, each));
        let each = standard.chain(of_tiers).map(|(service_tier, (above_input, rates))| {
            let rates = cost::parts(rates, &TokenCounts::default()).into_iter();
            let known = rates.filter_map(|(kind, _, rate)| Some((kind, rate?)));
            (RateTier { above_input, service_tier }, known.collect())
        });
        each.collect()
    }

    /// Whether other rates apply at certain hours.
    #[must_use]
    pub fn has_off_peak_rates(&self) -> bool {
        self.price.is_some_and(|price| price.off_peak.is_some())
    }
}
