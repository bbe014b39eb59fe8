//! What usage adds up to.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::money::Usd;
use crate::units::UnitSums;
use crate::usage::Cost;

/// What some usage adds up to, corrections included.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Spent {
    /// Usage events.
    pub events: u64,
    /// Tokens, priced or not.
    pub tokens: i128,
    /// What it cost, as far as prices are known.
    pub usd: Usd,
    /// Tokens without a price, by model; the empty name: no model was given. Not zero money: unknown.
    pub unpriced: BTreeMap<String, i128>,
    /// What else was used, priced or not.
    pub units: UnitSums,
    /// The part of that without a price, by model.
    pub unpriced_units: BTreeMap<String, UnitSums>,
}

impl Spent {
    /// What one usage, or one correction, adds.
    #[must_use]
    pub fn of(events: u64, tokens: i128, model: Option<&str>, cost: &Cost) -> Self {
        let mut spent = Self { events, tokens, ..Self::default() };
        match cost {
            Cost::Priced { usd, .. } => spent.usd = *usd,
            Cost::Unpriced if tokens == 0 => {}
            Cost::Unpriced => {
                spent.unpriced.insert(model.unwrap_or_default().to_owned(), tokens);
            }
        }
        spent
    }

    /// With other units that the same usage, or correction, adds.
    #[must_use]
    pub fn with_units(mut self, units: UnitSums, model: Option<&str>, cost: &Cost) -> Self {
        if *cost == Cost::Unpriced && !units.is_empty() {
            self.unpriced_units.insert(model.unwrap_or_default().to_owned(), units.clone());
        }
        self.units = units;
        self
    }

    /// Adds another sum. The order of additions does not matter.
    pub fn add(&mut self, other: &Self) {
        self.events = self.events.saturating_add(other.events);
        self.tokens = self.tokens.saturating_add(other.tokens);
        self.usd = self.usd.saturating_add(other.usd);
        for (model, tokens) in &other.unpriced {
            let sum = self.unpriced.get(model).copied().unwrap_or_default().saturating_add(*tokens);
            if sum == 0 {
                self.unpriced.remove(model);
            } else {
                self.unpriced.insert(model.clone(), sum);
            }
        }
        self.units.add(&other.units);
        for (model, units) in &other.unpriced_units {
            let sum = self.unpriced_units.entry(model.clone()).or_default();
            sum.add(units);
            if sum.is_empty() {
                self.unpriced_units.remove(model);
            }
        }
    }

    /// What else has no price, of all models.
    #[must_use]
    pub fn all_unpriced_units(&self) -> UnitSums {
        self.unpriced_units.values().fold(UnitSums::default(), |mut sum, units| {
            sum.add(units);
            sum
        })
    }

    /// Tokens without a price.
    #[must_use]
    pub fn unpriced_tokens(&self) -> i128 {
        self.unpriced.values().fold(0, |sum, tokens| sum.saturating_add(*tokens))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_unpriced_and_then_priced_leaves_nothing_behind() {
        let priced = Cost::Priced { usd: "0.5".parse().unwrap(), price_version: "v".to_owned() };
        let mut sum = Spent::of(1, 100, Some("m"), &Cost::Unpriced);
        sum.add(&Spent::of(1, 50, Some("n"), &priced));
        assert_eq!((sum.events, sum.tokens, sum.unpriced_tokens()), (2, 150, 100));
        sum.add(&Spent::of(0, -100, Some("m"), &Cost::Unpriced));
        assert_eq!((sum.tokens, sum.unpriced_tokens(), sum.usd.to_string().as_str()), (50, 0, "0.5"));
        assert_eq!(sum.unpriced, BTreeMap::new());
    }
}
