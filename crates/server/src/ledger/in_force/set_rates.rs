//! What a price that is set by hand consists of: what is named, and what the entry had before.

use std::collections::{BTreeMap, BTreeSet};

use tollgate_domain::gate::grouped;
use tollgate_domain::money::{MoneyError, Usd};
use tollgate_domain::nearest;
use tollgate_domain::price::{PriceEntry, PricedKind, too_dear, unit_field};
use tollgate_domain::units::Unit;
use tollgate_wire::api::PriceSetRequest;

use crate::problem::{Answer, INVALID};

/// Rates in the form of the price book, and where they are from.
pub(super) struct SetRates {
    /// A JSON object.
    pub(super) text: String,
    /// What was not named and stays: US dollars for one, by kind of tokens or unit.
    pub(super) kept: BTreeMap<String, String>,
    /// What the price before has and this one does not, in words.
    pub(super) dropped: Vec<String>,
}

/// Rates from a price by kind of tokens and by unit, with what the entry in force has and the request does not name.
pub(super) fn rates(request: &PriceSetRequest, before: Option<&PriceEntry<'_>>) -> Answer<SetRates> {
    if request.usd_per_token.is_empty() && request.usd_per_unit.is_empty() && request.without.is_empty() {
        return Err(INVALID.of_field(
            "usd_per_token",
            "",
            "must have a price of at least one kind of tokens, or usd_per_unit one of another unit",
        ));
    }
    let mut amounts = named(request)?;
    let had = before.map(amounts_of).unwrap_or_default();
    let without = without(request, &amounts, &had)?;
    let mut kept = BTreeMap::new();
    for (word, (field, amount)) in had {
        if !amounts.contains_key(&word) && !without.contains(word.as_str()) {
            kept.insert(word.clone(), amount.to_string());
            amounts.insert(word, (field, amount));
        }
    }
    let texts = [
        ("litellm_provider", request.provider.as_deref().or(before.and_then(|entry| entry.provider()))),
        ("mode", before.and_then(|entry| entry.mode())),
    ];
    let texts = texts
        .into_iter()
        .filter_map(|(field, text)| Some(format!("\"{field}\": {}", serde_json::Value::from(text?))));
    let amounts = amounts.values().map(|(field, amount)| format!("\"{field}\": {amount}"));
    let text = format!("{{{}}}", texts.chain(amounts).collect::<Vec<_>>().join(", "));
    let mut dropped: Vec<String> = without.into_iter().map(str::to_owned).collect();
    dropped.extend(before.map(conditions).unwrap_or_default());
    Ok(SetRates { text, kept, dropped })
}

/// Field of the price book and amount, by kind of tokens or unit.
type Amounts = BTreeMap<String, (&'static str, Usd)>;

const fn token_field(kind: PricedKind) -> &'static str {
    match kind {
        PricedKind::Input => "input_cost_per_token",
        PricedKind::CachedInput => "cache_read_input_token_cost",
        PricedKind::CacheWrite => "cache_creation_input_token_cost",
        PricedKind::CacheWrite1h => "cache_creation_input_token_cost_above_1hr",
        PricedKind::Output => "output_cost_per_token",
        PricedKind::Reasoning => "output_cost_per_reasoning_token",
    }
}

/// What a request names.
fn named(request: &PriceSetRequest) -> Answer<Amounts> {
    let mut amounts = Amounts::new();
    for (word, usd) in &request.usd_per_token {
        let kind = PricedKind::from_word(word).ok_or_else(|| {
            let hint = nearest::hint(word, PricedKind::NAMES);
            let rule = format!("must be one of {}{hint}", PricedKind::NAMES.join(", "));
            INVALID.of_field("usd_per_token", word, &rule)
        })?;
        amounts.insert(word.clone(), (token_field(kind), amount(word, usd)?));
    }
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
        amounts.insert(word.clone(), (unit_field(unit), amount));
    }
    Ok(amounts)
}

fn amount(field: &str, usd: &str) -> Answer<Usd> {
    usd.parse().map_err(|error: MoneyError| INVALID.of_field(field, usd, &error.to_string()))
}

/// What an entry gives a price for, whatever the size of a call, its tier and its hour.
fn amounts_of(entry: &PriceEntry<'_>) -> Amounts {
    let tokens = entry.given_rates().into_iter();
    let tokens = tokens.map(|(kind, usd)| (kind.as_str().to_owned(), (token_field(kind), usd)));
    let units = entry.unit_rates().into_iter();
    let units = units.filter_map(|(unit, usd)| Some((unit.as_str().to_owned(), (unit_field(unit), usd?))));
    tokens.chain(units).collect()
}

/// What is to be taken away. What is not there, or is given a price at once, is a mistake.
fn without<'a>(request: &'a PriceSetRequest, named: &Amounts, had: &Amounts) -> Answer<BTreeSet<&'a str>> {
    for word in &request.without {
        let rule = if named.contains_key(word) {
            "is given a price as well: leave one of them out".to_owned()
        } else if had.contains_key(word) {
            continue;
        } else {
            let known: Vec<&str> = had.keys().map(String::as_str).collect();
            let hint = nearest::hint(word, &known);
            format!("is nothing that the price in force has; it has {}{hint}", known.join(", "))
        };
        return Err(INVALID.of_field("without", word, &rule));
    }
    Ok(request.without.iter().map(String::as_str).collect())
}

/// What an entry has besides that: it is not kept, since nothing says how it follows from another price.
fn conditions(entry: &PriceEntry<'_>) -> Vec<String> {
    let above = entry.thresholds().into_iter();
    let above = above.map(|tokens| format!("prices above {} tokens of input", grouped(tokens.into())));
    let tiers = entry.service_tiers().into_iter().map(|tier| format!("prices of service tier {tier}"));
    let hours = entry.has_off_peak_rates().then(|| "prices of certain hours".to_owned());
    above.chain(tiers).chain(hours).collect()
}
