//! What usage adds up to.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::money::Usd;
use crate::units::UnitSums;
use crate::usage::Unpriced;

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
    /// With what has no price, of a model.
    #[must_use]
    pub fn with_unpriced(mut self, model: Option<&str>, unpriced: Unpriced) -> Self {
        let model = model.unwrap_or_default();
        if unpriced.tokens != 0 {
            self.unpriced.insert(model.to_owned(), unpriced.tokens);
        }
        if !unpriced.units.is_empty() {
            self.unpriced_units.insert(model.to_owned(), unpriced.units);
        }
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
        let unpriced = |tokens| Unpriced { tokens, ..Unpriced::default() };
        let mut sum =
            Spent { events: 1, tokens: 100, ..Spent::default() }.with_unpriced(Some("m"), unpriced(100));
        sum.add(&Spent { events: 1, tokens: 50, usd: "0.5".parse().unwrap(), ..Spent::default() });
        assert_eq!((sum.events, sum.tokens, sum.unpriced_tokens()), (2, 150, 100));
        sum.add(&Spent { tokens: -100, ..Spent::default() }.with_unpriced(Some("m"), unpriced(-100)));
        assert_eq!((sum.tokens, sum.unpriced_tokens(), sum.usd.to_string().as_str()), (50, 0, "0.5"));
        assert_eq!(sum.unpriced, BTreeMap::new());
    }
}
