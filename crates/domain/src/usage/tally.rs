//! Sums of what was used besides tokens, and the part of it without a price.

use serde::{Deserialize, Serialize};

use crate::units::{Unit, UnitSums};

/// Sums of what was used, and the part of it without a price.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct UnitTally {
    /// All of it.
    pub used: UnitSums,
    /// The part without a price: its cost is unknown, not zero.
    pub unpriced: UnitSums,
}

impl UnitTally {
    /// Adds another.
    pub fn add(&mut self, other: &Self) {
        self.used.add(&other.used);
        self.unpriced.add(&other.unpriced);
    }

    /// Each unit that either has, with all of it and the part without a price.
    pub fn iter(&self) -> impl Iterator<Item = (Unit, i128, i128)> {
        let of = |unit: Unit| (unit, self.used.get(unit), self.unpriced.get(unit));
        Unit::all().map(of).filter(|(_, used, unpriced)| (*used, *unpriced) != (0, 0))
    }

    /// Whether nothing is counted.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.used.is_empty() && self.unpriced.is_empty()
    }
}
