//! What a price that is set by hand consists of: what is named, and what the entry had before.

use std::collections::{BTreeMap, BTreeSet};

use tollgate_domain::gate::grouped;
use tollgate_domain::money::{MoneyError, Usd};
use tollgate_domain::nearest;
use tollgate_domain::price::{EntryRates, PriceEntry, PricedKind, RateTier, too_dear};
use tollgate_domain::units::Unit;
use tollgate_wire::api::{PriceSetRequest, PriceTier};

use crate::problem::{Answer, INVALID};

/// Rates in the form of the price book, and where they are from.
#[derive(Debug, Default)]
pub(super) struct SetRates {
    /// A JSON object.
    pub(super) text: String,
    /// What was not named and stays: US dollars for one, by kind of tokens or unit.
    pub(super) kept: BTreeMap<String, String>,
    /// The same of prices that apply to large requests or in service tiers.
    pub(super) kept_tiers: Vec<PriceTier>,
    /// What stays besides that, in words.
    pub(super) kept_else: Vec<String>,
    /// What the price before has and this one does not, in words.
    pub(super) dropped: Vec<String>,
}

/// Prices of a token by what they are for.
type Named = BTreeMap<(RateTier, PricedKind), Usd>;

/// What stands for the prices of certain hours among what can be taken away.
const HOURS: &str = "hours";
/// What the word for a size of the input begins with; the size follows.
const ABOVE: &str = "above_";

/// Rates from a price by kind of tokens and by unit, with what the entry in force has and the request does not name.
pub(super) fn rates(request: &PriceSetRequest, before: Option<&PriceEntry<'_>>) -> Answer<SetRates> {
    let (tokens, units) = (named_tokens(request)?, named_units(request)?);
    if tokens.is_empty() && units.is_empty() && request.without.is_empty() {
        return Err(INVALID.of_field(
            "usd_per_token",
            "",
            "must have a price of at least one kind of tokens, or usd_per_unit one of another unit, or tiers",
        ));
    }
    let mut rates = before.map(EntryRates::of).unwrap_or_default();
    let mut dropped = without(request, &tokens, &units, &mut rates, before)?;
    // In a list of ranges every size has a price: one that is not of a range would have no effect.
    if tokens.keys().any(|(tier, _)| tier.service_tier.is_none()) && rates.remove_list() {
        dropped.push("prices by ranges of input".to_owned());
    }
    // A service tier that has prices of its own has no factor.
    if let Some((tier, factor)) = rates.factor()
        && tokens.keys().any(|(of, _)| of.service_tier == tier.service_tier)
    {
        rates.remove_factor();
        dropped.push(by_a_factor(&tier, &factor));
    }
    for ((tier, kind), usd) in &tokens {
        rates.set(*kind, tier, *usd);
    }
    for (unit, usd) in &units {
        rates.set_unit(*unit, *usd);
    }
    if let Some(provider) = request.provider.as_deref().or(before.and_then(|entry| entry.provider())) {
        rates.set_provider(provider);
    }
    let is_without = |word: &str| request.without.iter().any(|without| without == word);
    let had = before.map(amounts_of).unwrap_or_default().into_iter();
    let is_named = |word: &str| {
        PricedKind::from_word(word).is_some_and(|kind| tokens.contains_key(&(RateTier::default(), kind)))
            || Unit::from_word(word).is_some_and(|unit| units.contains_key(&unit))
    };
    let kept = had.filter(|(word, _)| !is_named(word) && !is_without(word));
    Ok(SetRates {
        text: rates.to_text(),
        kept: kept.map(|(word, usd)| (word, usd.to_string())).collect(),
        kept_tiers: kept_tiers(&rates, &tokens),
        kept_else: kept_else(&rates),
        dropped,
    })
}

/// The tokens that a request names a price of.
fn named_tokens(request: &PriceSetRequest) -> Answer<Named> {
    let mut named = Named::new();
    for (word, usd) in &request.usd_per_token {
        named.insert((RateTier::default(), kind("usd_per_token", word)?), amount(word, usd)?);
    }
    for (nth, tier) in request.tiers.iter().enumerate() {
        let field = |name: &str| format!("tiers[{nth}].{name}");
        let of = RateTier {
            above_input: tier.above_input,
            service_tier: tier
                .service_tier
                .as_deref()
                .map(|word| service_tier(&field("service_tier"), word))
                .transpose()?,
        };
        if of == RateTier::default() || of.above_input == Some(0) {
            let rule = "must be a number of input tokens from 1 on, or service_tier must be given";
            let given = tier.above_input.map(|above| above.to_string()).unwrap_or_default();
            return Err(INVALID.of_field(&field("above_input"), &given, rule));
        }
        if tier.usd_per_token.is_empty() {
            return Err(INVALID.of_field(
                &field("usd_per_token"),
                "",
                "must have a price of at least one kind of tokens",
            ));
        }
        for (word, usd) in &tier.usd_per_token {
            let kind = kind(&field("usd_per_token"), word)?;
            let amount = amount(&field(&format!("usd_per_token.{word}")), usd)?;
            if named.insert((of.clone(), kind), amount).is_some() {
                return Err(INVALID.of_field(
                    &field("usd_per_token"),
                    word,
                    "is given twice for the same tier",
                ));
            }
        }
    }
    Ok(named)
}

fn kind(field: &str, word: &str) -> Answer<PricedKind> {
    PricedKind::from_word(word).ok_or_else(|| {
        let hint = nearest::hint(word, PricedKind::NAMES);
        let rule = format!("must be one of {}{hint}", PricedKind::NAMES.join(", "));
        INVALID.of_field(field, word, &rule)
    })
}

fn service_tier(field: &str, word: &str) -> Answer<&'static str> {
    RateTier::service_tier(word).ok_or_else(|| {
        let known = RateTier::service_tiers();
        let hint = nearest::hint(word, &known);
        INVALID.of_field(field, word, &format!("must be one of {}{hint}", known.join(", ")))
    })
}

fn named_units(request: &PriceSetRequest) -> Answer<BTreeMap<Unit, Usd>> {
    let mut named = BTreeMap::new();
    for (word, usd) in &request.usd_per_unit {
        let unit = Unit::from_word(word).ok_or_else(|| {
            let hint = nearest::hint(word, Unit::NAMES);
            let rule = format!("must be one of {}{hint}", Unit::NAMES.join(", "));
            INVALID.of_field("usd_per_unit", word, &rule)
        })?;
        let amount = amount(word, usd)?;
        if amount <= Usd::ZERO {
            return Err(INVALID.of_field(word, usd, "must be above 0: a price of nothing is none"));
        }
        if amount > too_dear(unit) {
            let rule = format!("must be at most {} USD: it is the price of one", too_dear(unit));
            return Err(INVALID.of_field(word, usd, &rule));
        }
        named.insert(unit, amount);
    }
    Ok(named)
}

fn amount(field: &str, usd: &str) -> Answer<Usd> {
    usd.parse().map_err(|error: MoneyError| INVALID.of_field(field, usd, &error.to_string()))
}

/// What an entry gives a price for, whatever the size of a call, its tier and its hour.
fn amounts_of(entry: &PriceEntry<'_>) -> BTreeMap<String, Usd> {
    let tokens = entry.given_rates().into_iter().map(|(kind, usd)| (kind.as_str().to_owned(), usd));
    let units = entry.unit_rates().into_iter();
    let units = units.filter_map(|(unit, usd)| Some((unit.as_str().to_owned(), usd?)));
    tokens.chain(units).collect()
}

/// The prices in tiers that are not named.
fn kept_tiers(rates: &EntryRates, named: &Named) -> Vec<PriceTier> {
    let each = rates.tiers().into_iter().filter_map(|(tier, kinds)| {
        let kept = kinds.into_iter().filter(|(kind, _)| !named.contains_key(&(tier.clone(), *kind)));
        let usd_per_token: BTreeMap<String, String> =
            kept.map(|(kind, usd)| (kind.as_str().to_owned(), usd)).collect();
        (!usd_per_token.is_empty()).then(|| PriceTier {
            above_input: tier.above_input,
            service_tier: tier.service_tier.map(str::to_owned),
            usd_per_token,
        })
    });
    each.collect()
}

/// What is kept besides rates of tokens, in words.
fn kept_else(rates: &EntryRates) -> Vec<String> {
    let hours = rates.has_hours().then(|| "prices of certain hours".to_owned());
    let list = rates.has_list().then(|| "prices by ranges of input".to_owned());
    let factor = rates.factor().map(|(tier, factor)| by_a_factor(&tier, &factor));
    let units = rates.tiers_of_units().into_iter().map(|(tier, units)| {
        let units: Vec<&str> = units.iter().map(|unit| unit.as_str()).collect();
        format!("prices of {} in service tier {tier}", units.join(", "))
    });
    hours.into_iter().chain(list).chain(factor).chain(units).collect()
}

fn by_a_factor(tier: &RateTier, factor: &str) -> String {
    format!(
        "prices of service tier {}: {factor} times the standard ones",
        tier.service_tier.unwrap_or_default()
    )
}

/// Takes away what is to be taken away, and says it in words. What is not there, or is given a price at once, is a
/// mistake.
fn without(
    request: &PriceSetRequest,
    tokens: &Named,
    units: &BTreeMap<Unit, Usd>,
    rates: &mut EntryRates,
    before: Option<&PriceEntry<'_>>,
) -> Answer<Vec<String>> {
    let had = before.map(amounts_of).unwrap_or_default();
    let known = can_be_taken_away(&had, rates);
    for word in &request.without {
        let given_twice = match what(word) {
            Some(What::Kind(kind)) => tokens.contains_key(&(RateTier::default(), kind)),
            Some(What::Unit(unit)) => units.contains_key(&unit),
            Some(What::Above(above)) => tokens.keys().any(|(tier, _)| tier.above_input == Some(above)),
            Some(What::ServiceTier(of)) => tokens.keys().any(|(tier, _)| tier.service_tier == Some(of)),
            Some(What::Hours) | None => false,
        };
        let rule = if given_twice {
            "is given a price as well: leave one of them out".to_owned()
        } else if known.contains(word) {
            continue;
        } else {
            let known: Vec<&str> = known.iter().map(String::as_str).collect();
            let hint = nearest::hint(word, &known);
            format!("is nothing that the price in force has; it has {}{hint}", known.join(", "))
        };
        return Err(INVALID.of_field("without", word, &rule));
    }
    let words: BTreeSet<&String> = request.without.iter().collect();
    let mut dropped = Vec::new();
    for word in words {
        let Some(what) = what(word) else { continue };
        match what {
            What::Kind(kind) => rates.remove(kind, &RateTier::default()),
            What::Unit(unit) => rates.remove_unit(unit),
            What::Above(above) => rates.remove_tiers(|tier| tier.above_input == Some(above)),
            What::ServiceTier(of) => {
                rates.remove_tiers(|tier| tier.service_tier == Some(of));
                if rates.factor().is_some_and(|(tier, _)| tier.service_tier == Some(of)) {
                    rates.remove_factor();
                }
            }
            What::Hours => rates.remove_hours(),
        }
        dropped.push(what.in_words());
    }
    Ok(dropped)
}

/// What a word for something to be taken away means.
enum What {
    Kind(PricedKind),
    Unit(Unit),
    Above(u64),
    ServiceTier(&'static str),
    Hours,
}

impl What {
    fn in_words(&self) -> String {
        match self {
            Self::Kind(kind) => kind.as_str().to_owned(),
            Self::Unit(unit) => unit.as_str().to_owned(),
            Self::Above(above) => format!("prices above {} tokens of input", grouped((*above).into())),
            Self::ServiceTier(of) => format!("prices of service tier {of}"),
            Self::Hours => "prices of certain hours".to_owned(),
        }
    }
}

/// What a price has and one that follows it does not, in words.
pub(super) fn lost(before: &PriceEntry<'_>, now: &PriceEntry<'_>) -> Vec<String> {
    let (old, new) = (EntryRates::of(before), EntryRates::of(now));
    let mut words = can_be_taken_away(&amounts_of(before), &old);
    for word in can_be_taken_away(&amounts_of(now), &new) {
        words.remove(&word);
    }
    let lost = words.iter().filter_map(|word| what(word)).map(|what| what.in_words());
    let list = (old.has_list() && !new.has_list()).then(|| "prices by ranges of input".to_owned());
    lost.chain(list).collect()
}

fn what(word: &str) -> Option<What> {
    let above = || word.strip_prefix(ABOVE)?.parse().ok();
    PricedKind::from_word(word)
        .map(What::Kind)
        .or_else(|| Unit::from_word(word).map(What::Unit))
        .or_else(|| above().map(What::Above))
        .or_else(|| (word == HOURS).then_some(What::Hours))
        .or_else(|| RateTier::service_tier(word).map(What::ServiceTier))
}

/// The words for what an entry has.
fn can_be_taken_away(had: &BTreeMap<String, Usd>, rates: &EntryRates) -> BTreeSet<String> {
    let tiers = rates.tiers();
    let tiers = tiers.keys().flat_map(|tier| {
        let above = tier.above_input.map(|above| format!("{ABOVE}{above}"));
        above.into_iter().chain(tier.service_tier.map(str::to_owned))
    });
    let others = rates.factor().and_then(|(tier, _)| tier.service_tier);
    let others = others.into_iter().chain(rates.tiers_of_units().into_keys()).map(str::to_owned);
    had.keys()
        .cloned()
        .chain(tiers)
        .chain(others)
        .chain(rates.has_hours().then(|| HOURS.to_owned()))
        .collect()
}
