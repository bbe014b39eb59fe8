//! Rates × tokens.

use super::rates::{PricedKind, Rates};
use super::unit_rates::{self, UnitLine};
use super::{Applied, ModelPrice};
use crate::money::Usd;
use crate::time::Timestamp;
use crate::tokens::TokenCounts;
use crate::units::Unit;
use crate::usage::Used;

/// What one request costs, or `None` if a rate that is needed is not known.
pub(super) fn of(
    price: &ModelPrice,
    service_tier: Option<&str>,
    at: Timestamp,
    used: Used<'_>,
) -> Option<Usd> {
    let applied = price.applied(service_tier, at, used.tokens.input())?;
    if price.units.is_empty() && used.units.is_empty() {
        return times(&applied.rates, used.tokens);
    }
    let (plain, lines) = split(price, &applied, used);
    sum(price, &applied, &plain, &lines, used)
}

/// The plain tokens of a request, and everything else that it is billed for.
pub(super) fn split(price: &ModelPrice, applied: &Applied, used: Used<'_>) -> (TokenCounts, Vec<UnitLine>) {
    unit_rates::split(&price.units, applied.service_tier.is_some(), used)
}

/// What these come to together, or `None` if a rate that is needed is not known.
pub(super) fn sum(
    price: &ModelPrice,
    applied: &Applied,
    plain: &TokenCounts,
    lines: &[UnitLine],
    used: Used<'_>,
) -> Option<Usd> {
    let units = lines.iter().try_fold(Usd::ZERO, |sum, line| sum.checked_add(line.usd?))?;
    let usd = times(&applied.rates, plain)?.checked_add(units)?;
    (!is_unsaid(price, applied, used, usd)).then_some(usd)
}

/// Whether a call does not tell what it is billed for: it reports no unit, and its entry has none but prices of units,
/// or takes nothing for tokens, as lists write it where they are not billed.
fn is_unsaid(price: &ModelPrice, applied: &Applied, used: Used<'_>, usd: Usd) -> bool {
    let bills_units = price.units.keys().any(|unit| unit.part_of().is_none() && *unit != Unit::Requests);
    let free = usd == Usd::ZERO && bills_units && !price.confirmed;
    used.units.is_empty() && (applied.rates.is_empty() || free)
}

/// The tokens of each kind that has a price of its own, with its rate.
pub(super) fn parts(rates: &Rates, tokens: &TokenCounts) -> [(PricedKind, u64, Option<Usd>); 6] {
    let one_hour = tokens.cache_write_1h.min(tokens.cache_write);
    [
        (PricedKind::Input, tokens.input_uncached, rates.input),
        (PricedKind::CachedInput, tokens.cached_input, rates.cached_input),
        (PricedKind::CacheWrite, tokens.cache_write.saturating_sub(one_hour), rates.cache_write),
        (PricedKind::CacheWrite1h, one_hour, rates.cache_write_1h),
        (PricedKind::Output, tokens.output.saturating_sub(tokens.reasoning), rates.output),
        (PricedKind::Reasoning, tokens.reasoning, rates.reasoning),
    ]
}

/// Their sum, or `None` if a rate that is needed is not known.
pub(super) fn times(rates: &Rates, tokens: &TokenCounts) -> Option<Usd> {
    parts(rates, tokens)
        .into_iter()
        .filter(|&(_, count, _)| count > 0)
        .try_fold(Usd::ZERO, |sum, (_, count, rate)| sum.checked_add(rate?.checked_times(i128::from(count))?))
}
