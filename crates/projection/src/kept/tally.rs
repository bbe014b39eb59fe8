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

    /// Adds to a figure, or takes back what was added. A sum of 2⁶⁴ tasks fits.
    pub(super) fn add(&mut self, figure: &Figure, amount: i128) {
        let sum = self.0.get(figure).copied().unwrap_or_default().wrapping_add_signed(amount);
        if sum == 0 {
            self.0.remove(figure);
        } else if let Some(before) = self.0.get_mut(figure) {
            *before = sum;
        } else {
            self.0.insert(figure.clone(), sum);
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
