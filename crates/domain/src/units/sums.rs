//! Signed counts by unit.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use super::Unit;

/// Signed counts by unit: a correction, or a sum. A sum of zero is not kept.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct UnitSums(BTreeMap<Unit, i128>);

impl UnitSums {
    /// From pairs, added up.
    #[must_use]
    pub fn from_pairs(pairs: impl IntoIterator<Item = (Unit, i128)>) -> Self {
        let mut sums = Self::default();
        for (unit, count) in pairs {
            sums.add_one(unit, count);
        }
        sums
    }

    /// Whether all sums are zero.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The sum of a unit.
    #[must_use]
    pub fn get(&self, unit: Unit) -> i128 {
        self.0.get(&unit).copied().unwrap_or_default()
    }

    /// All sums that are not zero, in the order of the units.
    pub fn iter(&self) -> impl Iterator<Item = (Unit, i128)> {
        self.0.iter().map(|(unit, count)| (*unit, *count))
    }

    /// Adds each unit. The order of additions does not matter.
    pub fn add(&mut self, other: &Self) {
        for (unit, count) in other.iter() {
            self.add_one(unit, count);
        }
    }

    /// With all signs turned.
    #[must_use]
    pub fn negated(&self) -> Self {
        Self(self.iter().map(|(unit, count)| (unit, count.saturating_neg())).collect())
    }

    fn add_one(&mut self, unit: Unit, count: i128) {
        let sum = self.get(unit).saturating_add(count);
        if sum == 0 {
            self.0.remove(&unit);
        } else {
            self.0.insert(unit, sum);
        }
    }
}

impl fmt::Display for UnitSums {
    /// In words: `2 output images, 12.5 s of input audio`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (nth, (unit, count)) in self.iter().enumerate() {
            write!(f, "{}{}", if nth == 0 { "" } else { ", " }, unit.counted(count))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sums(text: &str) -> UnitSums {
        let pair = |pair: &str| {
            let (unit, count) = pair.split_once('=').unwrap();
            (Unit::from_word(unit).unwrap(), count.parse().unwrap())
        };
        UnitSums::from_pairs(text.split_whitespace().map(pair))
    }

    #[test]
    fn sums_do_not_depend_on_order_and_forget_zeros() {
        let mut sum = sums("pages=3 input_ms=-2");
        sum.add(&sums("pages=-3 input_ms=1"));
        assert_eq!(sum, sums("input_ms=-1"));
        sum.add(&sums("input_ms=1"));
        assert!(sum.is_empty());
    }

    #[test]
    fn sums_are_told_in_words() {
        assert_eq!(sums("pages=3 input_ms=1500").to_string(), "1.5 s of input, 3 pages");
    }
}
