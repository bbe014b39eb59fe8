//! Rates by the size of a request's context.

use std::collections::BTreeMap;

use super::rates::Rates;
use crate::decimal::Decimal;

/// Resolved rates, and different ones above certain context sizes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Schedule {
    /// The rates that apply unless a tier does.
    base: Rates,
    /// Rates for large contexts, by ascending threshold.
    tiers: Vec<Tier>,
}

/// Rates for requests whose total input is above a threshold. They apply to all tokens of such a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Tier {
    /// Input tokens of the request.
    pub(super) threshold: u64,
    /// Whether the threshold itself belongs to the tier (xAI) or only what is above it (everyone else).
    pub(super) inclusive: bool,
    /// Its rates.
    pub(super) rates: Rates,
}

/// Rates as given by an entry: unconditional, and above context sizes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Given {
    pub(super) base: Rates,
    pub(super) above: BTreeMap<u64, Rates>,
}

impl Given {
    /// Whether none is given.
    pub(super) fn is_empty(&self) -> bool {
        self.base.is_empty() && self.above.values().all(Rates::is_empty)
    }
}

impl Schedule {
    /// The standard schedule: tiers by suffixes, each on top of the one below.
    pub(super) fn standard(given: &Given, inclusive: bool) -> Self {
        let mut reached = given.base;
        let tiers = given.above.iter().map(|(&threshold, rates)| {
            reached = reached.under(*rates);
            Tier { threshold, inclusive, rates: reached.resolved() }
        });
        Self { tiers: tiers.collect(), base: given.base.resolved() }
    }

    /// Tiers from a list of ranges.
    pub(super) fn listed(base: Rates, tiers: Vec<Tier>) -> Self {
        Self { base: base.resolved(), tiers }
    }

    /// The schedule of a service tier, based on the standard one.
    pub(super) fn of_service_tier(
        given: &Given,
        standard: &Given,
        thresholds: &[u64],
        inclusive: bool,
    ) -> Self {
        let mut all: Vec<u64> = given.above.keys().chain(thresholds).copied().collect();
        all.sort_unstable();
        all.dedup();
        let mut reached = given.base;
        let tiers = all.into_iter().filter(|threshold| *threshold > 0).map(|threshold| {
            let rates = match given.above.get(&threshold) {
                Some(own) => {
                    let theirs = standard.above.get(&threshold).copied().unwrap_or_default();
                    reached = reached.under(*own).only_where(own, &theirs);
                    reached.in_service_tier(&standard.base)
                }
                // The standard price changes here, and what this one becomes is not stated.
                None => Rates::default(),
            };
            Tier { threshold, inclusive, rates }
        });
        Self { tiers: tiers.collect(), base: given.base.in_service_tier(&standard.base) }
    }

    /// This schedule with all rates times a factor.
    pub(super) fn times(&self, factor: Decimal) -> Self {
        let tiers = self.tiers.iter().map(|tier| Tier { rates: tier.rates.times(factor), ..tier.clone() });
        Self { base: self.base.times(factor), tiers: tiers.collect() }
    }

    /// Its rates by the size above which they apply; `None`: those that apply unless a tier does.
    pub(super) fn each(&self) -> impl Iterator<Item = (Option<u64>, &Rates)> {
        let tiers = self.tiers.iter().map(|tier| (Some(tier.threshold), &tier.rates));
        std::iter::once((None, &self.base)).chain(tiers)
    }

    /// Where its tiers begin.
    pub(super) fn thresholds(&self) -> Vec<u64> {
        self.tiers.iter().map(|tier| tier.threshold).collect()
    }

    /// The rates of the highest tier that the input reaches.
    pub(super) fn rates(&self, input: u64) -> &Rates {
        self.reached(input).1
    }

    /// The same, with the threshold of that tier; `None`: the rates that apply unless a tier does.
    pub(super) fn reached(&self, input: u64) -> (Option<u64>, &Rates) {
        let reached = |tier: &&Tier| input > tier.threshold || (tier.inclusive && input == tier.threshold);
        let tier = self.tiers.iter().rev().find(reached);
        tier.map_or((None, &self.base), |tier| (Some(tier.threshold), &tier.rates))
    }
}
