//! Sums by name, from which what was added can be taken back.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::overview::{Figure, WeekFigures};

/// The sums of a week. Figures that are zero are not in it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tally(#[serde(with = "crate::pairs")] BTreeMap<Figure, u128>);

impl Tally {
    /// Whether nothing is counted.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Adds to a figure. A sum of 2⁶⁴ tasks fits.
    pub(super) fn add(&mut self, figure: &Figure, amount: u64) {
        match self.0.get_mut(figure) {
            Some(sum) => *sum = sum.wrapping_add(amount.into()),
            None => {
                self.0.insert(figure.clone(), amount.into());
            }
        }
    }

    /// Takes back what was added.
    pub(super) fn take_back(&mut self, figure: &Figure, amount: u64) {
        if let Some(sum) = self.0.get_mut(figure) {
            *sum = sum.wrapping_sub(amount.into());
            if *sum == 0 {
                self.0.remove(figure);
            }
        }
    }

    /// As figures of a week.
    #[must_use]
    pub fn figures(&self) -> WeekFigures {
        let mut week = WeekFigures::default();
        self.0.iter().for_each(|(figure, amount)| week.put(figure, *amount));
        week
    }
}
