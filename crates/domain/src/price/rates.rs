//! The rates of an entry, with all the rules for substituting those that are not given.

use super::fields::Kind;
use super::percent::{Percent, percent_of};
use crate::decimal::Decimal;
use crate::money::Usd;
use crate::words::words;

words!(
    /// The kinds of tokens that have a price of their own. Unlike in [`TokenCounts`], none is a part of another.
    PricedKind {
        /// Input that was neither read from nor written to a cache.
        Input = "input_uncached",
        /// Input read from a cache.
        CachedInput = "cached_input",
        /// Input that a cache keeps for minutes.
        CacheWrite = "cache_write",
        /// Input that a cache keeps for an hour.
        CacheWrite1h = "cache_write_1h",
        /// Output without reasoning.
        Output = "output",
        /// Reasoning.
        Reasoning = "reasoning"
    }
);

/// USD per token of each kind. As read, `None` is not given. As [resolved](Rates::resolved), `None` is not
/// known, and usage with such tokens stays unpriced.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Rates {
    pub(super) input: Option<Usd>,
    pub(super) cached_input: Option<Usd>,
    /// For writes that the cache keeps for minutes.
    pub(super) cache_write: Option<Usd>,
    pub(super) cache_write_1h: Option<Usd>,
    pub(super) output: Option<Usd>,
    pub(super) reasoning: Option<Usd>,
}

impl Rates {
    /// The rate of a kind.
    pub(super) fn of(&mut self, kind: Kind) -> &mut Option<Usd> {
        match kind {
            Kind::Input => &mut self.input,
            Kind::CachedInput => &mut self.cached_input,
            Kind::CacheWrite => &mut self.cache_write,
            Kind::CacheWrite1h => &mut self.cache_write_1h,
            Kind::Output => &mut self.output,
            Kind::Reasoning => &mut self.reasoning,
        }
    }

    /// The rates in the order of their kinds.
    const fn all(&self) -> [Option<Usd>; 6] {
        [self.input, self.cached_input, self.cache_write, self.cache_write_1h, self.output, self.reasoning]
    }

    /// The rates with their kinds.
    pub(super) const fn named(&self) -> [(PricedKind, Option<Usd>); 6] {
        [
            (PricedKind::Input, self.input),
            (PricedKind::CachedInput, self.cached_input),
            (PricedKind::CacheWrite, self.cache_write),
            (PricedKind::CacheWrite1h, self.cache_write_1h),
            (PricedKind::Output, self.output),
            (PricedKind::Reasoning, self.reasoning),
        ]
    }

    /// The largest change of a rate that both give, in percent.
    pub(super) fn largest_change(&self, to: &Self) -> Option<Percent> {
        let pairs = self.all().into_iter().zip(to.all());
        pairs.filter_map(|(old, new)| Some(percent_of(old?, new?))).max()
    }

    /// Whether a rate is given here and not there.
    pub(super) fn has_more_than(&self, other: &Self) -> bool {
        self.all().into_iter().zip(other.all()).any(|(own, theirs)| own.is_some() && theirs.is_none())
    }

    /// Whether none is given.
    pub(super) fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// With substitutes for rates that are not given. A source without a rate for a cache or for reasoning
    /// bills those tokens like plain ones of the same side. A source with a price for writes but none for an
    /// hour has not said what an hour costs.
    pub(super) fn resolved(self) -> Self {
        Self {
            cached_input: self.cached_input.or(self.input),
            cache_write: self.cache_write.or(self.input),
            cache_write_1h: self.cache_write_1h.or(if self.cache_write.is_some() {
                None
            } else {
                self.input
            }),
            reasoning: self.reasoning.or(self.output),
            ..self
        }
    }

    /// The rates given from a larger context on: those of the tier, with the tier below for any that it does
    /// not name.
    pub(super) fn under(self, tier: Self) -> Self {
        Self {
            input: tier.input.or(self.input),
            cached_input: tier.cached_input.or(self.cached_input),
            cache_write: tier.cache_write.or(self.cache_write),
            // A more expensive write that lives for minutes leaves the price of the longer one unknown.
            cache_write_1h: tier.cache_write_1h.or(if tier.cache_write.is_some() {
                None
            } else {
                self.cache_write_1h
            }),
            output: tier.output.or(self.output),
            // Reasoning is output: omitting its rate does not make it cheaper.
            reasoning: tier.reasoning.or(match (tier.output, self.reasoning) {
                (Some(output), Some(reasoning)) => Some(output.max(reasoning)),
                (_, reasoning) => reasoning,
            }),
        }
    }

    /// The rates of one of the listed ranges: only the output rate can come from outside of it.
    pub(super) fn listed(self, base: &Self) -> Self {
        let output = self.output.or(base.output);
        let reasoning = self.reasoning.or(if self.output.is_none() { base.reasoning } else { None });
        let mut all = Self { output, reasoning, ..self }.resolved();
        if self.cache_write_1h.is_none() && base.cache_write_1h.is_some() {
            all.cache_write_1h = None;
        }
        all
    }

    /// The rates of a service tier: a price that the standard tier has but this one lacks is not known.
    pub(super) fn in_service_tier(self, standard: &Self) -> Self {
        let plain = |own: Option<Usd>, theirs: Option<Usd>, plain| {
            own.or(if theirs.is_some() { None } else { plain })
        };
        let same_reasoning = standard.reasoning.is_none() || standard.reasoning == standard.output;
        let cache_write = plain(self.cache_write, standard.cache_write, self.input);
        let one_hour = standard.cache_write_1h.or(self.cache_write);
        Self {
            input: self.input,
            cached_input: plain(self.cached_input, standard.cached_input, self.input),
            cache_write,
            cache_write_1h: plain(self.cache_write_1h, one_hour, cache_write),
            output: self.output,
            reasoning: self.reasoning.or(if same_reasoning { self.output } else { None }),
        }
    }

    /// These rates where the standard schedule has different ones from a context size on: only those that
    /// this tier also has there.
    pub(super) fn only_where(self, own: &Self, standard: &Self) -> Self {
        let known = |rate: Option<Usd>, own: Option<Usd>, theirs: Option<Usd>| {
            if own.is_none() && theirs.is_some() { None } else { rate }
        };
        Self {
            input: known(self.input, own.input, standard.input),
            cached_input: known(self.cached_input, own.cached_input, standard.cached_input),
            cache_write: known(self.cache_write, own.cache_write, standard.cache_write),
            cache_write_1h: known(self.cache_write_1h, own.cache_write_1h, standard.cache_write_1h),
            output: known(self.output, own.output, standard.output),
            reasoning: self.reasoning,
        }
    }

    /// All rates times a factor; a result that would have to be rounded is not known.
    pub(super) fn times(self, factor: Decimal) -> Self {
        let times = |rate: Option<Usd>| {
            let product = rate?.units().checked_mul(i128::from(factor.mantissa()))?;
            let ten = 10_i128.checked_pow(u32::from(factor.scale()))?;
            (product.checked_rem(ten)? == 0).then(|| product.checked_div(ten).map(Usd::from_units))?
        };
        Self {
            input: times(self.input),
            cached_input: times(self.cached_input),
            cache_write: times(self.cache_write),
            cache_write_1h: times(self.cache_write_1h),
            output: times(self.output),
            reasoning: times(self.reasoning),
        }
    }

    /// These resolved rates while cheaper or more expensive ones for the hour apply.
    pub(super) fn replaced_by(self, now: &Self) -> Self {
        let reasoning = if self.reasoning == self.output { now.output } else { None };
        Self {
            input: now.input.or(self.input),
            cached_input: now.cached_input.or(self.cached_input),
            cache_write: now.cache_write.or(self.cache_write),
            cache_write_1h: now.cache_write_1h.or(self.cache_write_1h),
            output: now.output.or(self.output),
            reasoning: now.reasoning.or(reasoning).or(self.reasoning),
        }
    }
}
