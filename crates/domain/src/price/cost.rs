//! Rates × tokens.

use super::ModelPrice;
use super::rates::{PricedKind, Rates};
use crate::money::Usd;
use crate::time::Timestamp;
use crate::tokens::TokenCounts;

/// What the tokens of one request cost, or `None` if a rate that is needed is not known.
pub(super) fn of(
    price: &ModelPrice,
    service_tier: Option<&str>,
    at: Timestamp,
    tokens: &TokenCounts,
) -> Option<Usd> {
    let applied = price.applied(service_tier, at, tokens.input())?;
    times(&applied.rates, tokens)
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
