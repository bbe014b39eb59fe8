//! Rates × tokens.

use super::{ModelPrice, Rates};
use crate::money::Usd;
use crate::tokens::TokenCounts;

/// What the tokens of one request cost, or `None` where a rate that is needed is not known.
pub(super) fn of(price: &ModelPrice, tokens: &TokenCounts) -> Option<Usd> {
    let rates = rates_for(price, tokens.input());
    let plain_output = tokens.output.saturating_sub(tokens.reasoning);
    // A source without a cache or reasoning rate bills those at the plain rate of their side.
    let parts = [
        (tokens.input_uncached, rates.input),
        (tokens.cached_input, rates.cached_input.or(rates.input)),
        (tokens.cache_write, rates.cache_write.or(rates.input)),
        (plain_output, rates.output),
        (tokens.reasoning, rates.reasoning.or(rates.output)),
    ];
    parts
        .into_iter()
        .filter(|&(count, _)| count > 0)
        .try_fold(Usd::ZERO, |sum, (count, rate)| sum.checked_add(rate?.checked_times(i128::from(count))?))
}

/// The rates of the highest tier that the input reaches; one tier holds for all tokens of the request.
fn rates_for(price: &ModelPrice, input: u64) -> Rates {
    let reached = |threshold: u64, inclusive: bool| input > threshold || (inclusive && input == threshold);
    let Some(tier) = price.tiers.iter().rev().find(|tier| reached(tier.threshold, tier.inclusive)) else {
        return price.base;
    };
    Rates {
        input: tier.rates.input.or(price.base.input),
        cached_input: tier.rates.cached_input.or(price.base.cached_input),
        cache_write: tier.rates.cache_write.or(price.base.cache_write),
        output: tier.rates.output.or(price.base.output),
        reasoning: tier.rates.reasoning.or(price.base.reasoning),
    }
}
