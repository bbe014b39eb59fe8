//! Rates × tokens.

use super::ModelPrice;
use super::rates::Rates;
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
    let rates = price.rates(service_tier, at, tokens.input())?;
    times(&rates, tokens)
}

fn times(rates: &Rates, tokens: &TokenCounts) -> Option<Usd> {
    let one_hour = tokens.cache_write_1h.min(tokens.cache_write);
    let parts = [
        (tokens.input_uncached, rates.input),
        (tokens.cached_input, rates.cached_input),
        (tokens.cache_write.saturating_sub(one_hour), rates.cache_write),
        (one_hour, rates.cache_write_1h),
        (tokens.output.saturating_sub(tokens.reasoning), rates.output),
        (tokens.reasoning, rates.reasoning),
    ];
    parts
        .into_iter()
        .filter(|&(count, _)| count > 0)
        .try_fold(Usd::ZERO, |sum, (count, rate)| sum.checked_add(rate?.checked_times(i128::from(count))?))
}
