//! Medians, percentiles, and the values of all rounds under their names.

use std::collections::BTreeMap;

/// The median; for an even number of values, the mean of the two in the middle.
pub(crate) fn median(values: &[f64]) -> f64 {
    assert!(!values.is_empty(), "there is no median of no values");
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let half = sorted.len() / 2;
    if sorted.len().is_multiple_of(2) { f64::midpoint(sorted[half - 1], sorted[half]) } else { sorted[half] }
}

/// The smallest value that at least this percentage of all values do not exceed (nearest rank).
pub(crate) fn percentile(values: &[u64], percent: usize) -> u64 {
    assert!(!values.is_empty() && percent <= 100, "percentile {percent} of {} values", values.len());
    let mut values = values.to_vec();
    let rank = (values.len() * percent).div_ceil(100).max(1);
    *values.select_nth_unstable(rank - 1).1
}

/// One value per round, under names.
#[derive(Debug, Default)]
pub(crate) struct Samples(BTreeMap<String, Vec<f64>>);

/// The values of all rounds in three figures.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Spread {
    pub(crate) median: f64,
    pub(crate) lowest: f64,
    pub(crate) highest: f64,
}

impl Samples {
    /// Adds the value of a round.
    pub(crate) fn add(&mut self, name: impl Into<String>, value: f64) {
        self.0.entry(name.into()).or_default().push(value);
    }

    /// The spread under each name, ordered by name.
    pub(crate) fn spreads(&self) -> impl Iterator<Item = (&str, Spread)> {
        self.0.iter().map(|(name, values)| {
            let lowest = values.iter().copied().fold(f64::INFINITY, f64::min);
            let highest = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            (name.as_str(), Spread { median: median(values), lowest, highest })
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_the_middle_whatever_the_order() {
        for (values, expected) in [
            (&[3.0][..], 3.0),
            (&[9.0, 1.0, 5.0], 5.0),
            (&[4.0, 1.0], 2.5),
            (&[100.0, 1.0, 2.0, 3.0], 2.5),
            (&[7.0, 7.0, 7.0, 1.0, 9.0], 7.0),
        ] {
            assert_eq!(median(values), expected, "{values:?}");
        }
    }

    #[test]
    fn a_percentile_is_a_value_that_was_there() {
        let hundred: Vec<u64> = (1..=100).rev().collect();
        for (values, percent, expected) in [
            (&[8][..], 50, 8),
            (&[8], 99, 8),
            (&[1, 2], 50, 1),
            (&[1, 2], 51, 2),
            (&[30, 10, 20], 50, 20),
            (&[30, 10, 20], 0, 10),
            (&hundred, 50, 50),
            (&hundred, 99, 99),
            (&hundred, 100, 100),
        ] {
            assert_eq!(percentile(values, percent), expected, "{percent} % of {values:?}");
        }
    }

    #[test]
    fn samples_keep_rounds_of_a_name_together() {
        let mut samples = Samples::default();
        for (name, value) in [("b", 1.0), ("a", 5.0), ("b", 9.0), ("b", 2.0)] {
            samples.add(name, value);
        }
        let spread = |median, lowest, highest| Spread { median, lowest, highest };
        let found: Vec<_> = samples.spreads().collect();
        assert_eq!(found, [("a", spread(5.0, 5.0, 5.0)), ("b", spread(2.0, 1.0, 9.0))]);
    }

    #[test]
    #[should_panic(expected = "no median of no values")]
    fn of_no_values_there_is_no_median() {
        median(&[]);
    }
}
