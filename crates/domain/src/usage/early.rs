//! Corrections that were recorded before the usage that they name.
//!
//! Until that usage is recorded they take nothing away: a mistyped id would lower totals that it has nothing to do
//! with. Then the ledger records, under an id that follows from the correction's, what they take away.

use super::{UsageAdjusted, UsedChange};
use crate::hex::hex_of_sha256;
use crate::tokens::TokenSums;
use crate::units::UnitSums;

impl UsedChange {
    /// What it adds, without what it takes away.
    #[must_use]
    pub fn added(&self) -> Self {
        self.only(|count| count.max(0))
    }

    /// What it takes away, without what it adds.
    #[must_use]
    pub fn taken(&self) -> Self {
        self.only(|count| count.min(0))
    }

    /// Whether it changes nothing.
    #[must_use]
    pub fn is_nothing(&self) -> bool {
        self.tokens == TokenSums::default() && self.units.is_empty()
    }

    fn only(&self, part: impl Fn(i128) -> i128) -> Self {
        let TokenSums { input_uncached, cached_input, cache_write, output, reasoning } = self.tokens;
        Self {
            tokens: TokenSums {
                input_uncached: part(input_uncached),
                cached_input: part(cached_input),
                cache_write: part(cache_write),
                output: part(output),
                reasoning: part(reasoning),
            },
            units: UnitSums::from_pairs(self.units.iter().map(|(unit, count)| (unit, part(count)))),
        }
    }
}

impl UsageAdjusted {
    /// What it is to take away once its usage is known; `None`: its usage was found, or it only adds.
    #[must_use]
    pub fn outstanding(&self) -> Option<UsedChange> {
        if self.resolved.is_some() {
            return None;
        }
        let taken = UsedChange { tokens: self.tokens, units: self.units.clone() }.taken();
        (!taken.is_nothing()).then_some(taken)
    }
}

/// The id of the event by which the ledger applies a correction whose usage came later.
#[must_use]
pub fn applied_id(producer: &str, correction: &str) -> String {
    format!("applied-{}", hex_of_sha256(&format!("{producer}\n{correction}"), 16))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::units::Unit;

    fn change(cached_input: i128, output: i128, pages: i128) -> UsedChange {
        UsedChange {
            tokens: TokenSums { cached_input, output, ..TokenSums::default() },
            units: UnitSums::from_pairs([(Unit::Pages, pages)]),
        }
    }

    #[test]
    fn a_correction_of_unknown_usage_adds_at_once_and_takes_later() {
        for (whole, added, taken) in [
            ((0, -5, 0), (0, 0, 0), Some((0, -5, 0))),
            ((7, -5, -1), (7, 0, 0), Some((0, -5, -1))),
            ((7, 0, 3), (7, 0, 3), None),
            ((0, 0, -2), (0, 0, 0), Some((0, 0, -2))),
        ] {
            let of = |(cached, output, pages)| change(cached, output, pages);
            let UsedChange { tokens, units } = of(whole);
            let adjusted = UsageAdjusted {
                adjusts: "u".to_owned(),
                adjusts_producer: "p".to_owned(),
                tokens,
                units,
                reason: "typo".to_owned(),
                author: None,
                resolved: None,
            };
            assert_eq!(adjusted.counted(), of(added), "{whole:?}");
            assert_eq!(adjusted.outstanding(), taken.map(of), "{whole:?}");
        }
    }
}
