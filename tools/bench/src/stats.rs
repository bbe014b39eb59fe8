//! Medians and percentiles.

/// The middle value; of an even number the mean of the two middle ones; 0 of none.
pub(crate) fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let middle = sorted.len() / 2;
    match (sorted.len().is_multiple_of(2), sorted.get(middle)) {
        (_, None) => 0.0,
        (false, Some(value)) => *value,
        (true, Some(value)) => (value + sorted[middle - 1]) / 2.0,
    }
}

/// The smallest value that so many percent of all values do not exceed; 0 of none.
pub(crate) fn percentile(values: &[f64], percent: usize) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let rank = (sorted.len() * percent).div_ceil(100).max(1);
    sorted.get(rank - 1).copied().unwrap_or_default()
}

/// The median over rounds of one value over the other of the same round.
pub(crate) fn paired_ratio(values: &[f64], to: &[f64]) -> f64 {
    let ratios: Vec<f64> = values.iter().zip(to).map(|(value, to)| value / to).collect();
    median(&ratios)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_known_values() {
        assert_eq!(
            [median(&[]), median(&[3.0]), median(&[9.0, 1.0, 5.0]), median(&[4.0, 1.0])],
            [0.0, 3.0, 5.0, 2.5]
        );
        let hundred: Vec<f64> = (1..=100).map(f64::from).collect();
        assert_eq!([1, 50, 99, 100].map(|percent| percentile(&hundred, percent)), [1.0, 50.0, 99.0, 100.0]);
        assert_eq!(paired_ratio(&[2.0, 9.0, 6.0], &[1.0, 3.0, 3.0]), 2.0);
    }
}
