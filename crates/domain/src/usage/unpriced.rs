//! The part of what was used that has no price.

use serde::{Deserialize, Serialize};

use super::{Cost, UsageAdjusted, UsageRecorded, UsageRepriced, UsedChange};
use crate::time::Timestamp;
use crate::units::UnitSums;

/// What has no price: its cost is unknown, not zero. Also a change of that.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unpriced {
    /// Tokens of all kinds.
    pub tokens: i128,
    /// Everything else.
    pub units: UnitSums,
}

/// What of a usage has no price, before and after one of its corrections.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UnpricedPart {
    /// Before it.
    pub before: Unpriced,
    /// After it.
    pub after: Unpriced,
}

impl Unpriced {
    /// Whether everything has a price.
    #[must_use]
    pub fn is_nothing(&self) -> bool {
        self.tokens == 0 && self.units.is_empty()
    }

    /// Adds another.
    pub fn add(&mut self, other: &Self) {
        self.tokens = self.tokens.saturating_add(other.tokens);
        self.units.add(&other.units);
    }

    /// With all signs turned.
    #[must_use]
    pub fn negated(&self) -> Self {
        Self { tokens: self.tokens.saturating_neg(), units: self.units.negated() }
    }

    /// What has no price after a correction without one: what it adds has none either, and what it takes away is taken
    /// from this first. The rest of that had a price, and keeps its cost.
    #[must_use]
    pub fn corrected(&self, change: &UsedChange) -> Self {
        let after = |before: i128, change: i128| before.saturating_add(change).max(before.min(0));
        let units = change.units.iter().map(|(unit, change)| {
            let before = self.units.get(unit);
            (unit, after(before, change).saturating_sub(before))
        });
        let mut units = UnitSums::from_pairs(units);
        units.add(&self.units);
        Self { tokens: after(self.tokens, change.tokens.total()), units }
    }

    fn of(change: UsedChange, cost: &Cost) -> Self {
        match cost {
            Cost::Priced { .. } => Self::default(),
            Cost::Unpriced => Self { tokens: change.tokens.total(), units: change.units },
        }
    }
}

impl UnpricedPart {
    /// What the correction changes.
    #[must_use]
    pub fn change(&self) -> Unpriced {
        let mut change = self.before.negated();
        change.add(&self.after);
        change
    }
}

impl UsageRecorded {
    /// What of it has no price.
    #[must_use]
    pub fn unpriced(&self) -> Unpriced {
        match &self.cost {
            Cost::Priced { .. } => Unpriced::default(),
            Cost::Unpriced => {
                Unpriced { tokens: self.tokens.total().into(), units: UnitSums::from(&self.units) }
            }
        }
    }
}

impl UsageAdjusted {
    /// What it adds to what has no price. Where its appender did not look at that, that is all that it counts, if it
    /// has no price. If its usage was not found, nothing says that what it takes away had none.
    #[must_use]
    pub fn unpriced(&self) -> Unpriced {
        match &self.resolved {
            None => Unpriced::default().corrected(&self.counted()),
            Some(resolved) => match &resolved.unpriced {
                Some(part) => part.change(),
                None => Unpriced::of(self.counted(), &resolved.cost),
            },
        }
    }

    /// When the usage happened, if that is known: what has no price is said of that time, whenever it is said.
    #[must_use]
    pub fn used_at(&self) -> Option<Timestamp> {
        self.resolved.as_ref()?.occurred_at
    }
}

impl UsageRepriced {
    /// What had no price until now. Where its appender did not look at that, that is all of the usage, if it had no
    /// cost.
    #[must_use]
    pub fn newly_priced(&self) -> Unpriced {
        match (&self.unpriced, &self.old) {
            (Some(unpriced), _) => unpriced.clone(),
            (None, Cost::Priced { .. }) => Unpriced::default(),
            (None, Cost::Unpriced) => {
                Unpriced { tokens: self.tokens.into(), units: UnitSums::from(&self.units) }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tokens::TokenSums;
    use crate::units::Unit;

    #[test]
    fn what_is_taken_away_had_no_price_as_far_as_anything_had_none() {
        let unpriced =
            |tokens, pages| Unpriced { tokens, units: UnitSums::from_pairs([(Unit::Pages, pages)]) };
        for (before, change, after) in [
            ((0, 0), (5, 2), (5, 2)),
            ((5, 2), (5, 2), (10, 4)),
            ((5, 2), (-3, -1), (2, 1)),
            ((5, 2), (-8, -3), (0, 0)),
            ((0, 0), (-8, -3), (0, 0)),
            ((5, 0), (0, -3), (5, 0)),
            // Sums of older corrections may be negative: nothing makes them less so by itself.
            ((-5, -2), (-3, -1), (-5, -2)),
            ((-5, -2), (3, 1), (-2, -1)),
        ] {
            let change = UsedChange {
                tokens: TokenSums { output: change.0, ..TokenSums::default() },
                units: UnitSums::from_pairs([(Unit::Pages, change.1)]),
            };
            let found = unpriced(before.0, before.1).corrected(&change);
            assert_eq!(found, unpriced(after.0, after.1), "{before:?} {change:?}");
        }
    }
}
