//! Percentiles of samples, and their intervals.
#![expect(
    clippy::float_arithmetic,
    reason = "logarithms of percentiles are fitted; what is proposed is an integer"
)]

use super::binomial;
use super::options::Confidence;

/// The percentiles that are reported.
pub(super) const PERCENTS: [u64; 5] = [50, 75, 90, 95, 99];

/// A percentile of samples: a value that occurred.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Estimate {
    pub(super) value: u64,
    /// What the percentile is not below, and not above, with the confidence asked for. `None`: too few samples.
    pub(super) low: Option<u64>,
    pub(super) high: Option<u64>,
}

/// The smallest value that this percentage of the samples do not exceed, counted from 1: `ceil(n · p / 100)`,
/// the nearest rank.
pub(super) fn rank(samples: usize, percent: u64) -> usize {
    let rank = (samples as u128 * u128::from(percent)).div_ceil(100).max(1);
    // At most `samples`, which is a `usize`.
    rank as usize
}

/// A percentile of sorted samples with its interval; `None` without samples.
pub(super) fn estimate(sorted: &[u64], percent: u64, confidence: Confidence) -> Option<Estimate> {
    let at = |rank: u64| sorted.get(usize::try_from(rank).ok()?.checked_sub(1)?).copied();
    let (low, high) = binomial::ranks(sorted.len() as u64, percent * 10, confidence.tail());
    let value = at(rank(sorted.len(), percent) as u64)?;
    Some(Estimate { value, low: low.and_then(at), high: high.and_then(at) })
}

/// The logarithm of a percentile, between two samples where its place is, at `(n + 1/3) · p + 1/3`: nearly unbiased
/// also for few samples, whatever their distribution (Hyndman and Fan, The American Statistician 50, 1996, type 8).
/// Values below 1 count as 1. `None` without samples.
pub(super) fn log_percentile(
    mut ascending: impl Iterator<Item = u64>,
    samples: usize,
    percent: u64,
) -> Option<f64> {
    if samples == 0 {
        return None;
    }
    // In 300ths, so that it stays an integer.
    let place = (3 * samples as u128 + 1) * u128::from(percent) + 100;
    let (below, rest) = ((place / 300).clamp(1, samples as u128) as usize, (place % 300) as f64 / 300.0);
    let log = |value: u64| libm::log(value.max(1) as f64);
    let low = log(ascending.nth(below - 1)?);
    let inside = place >= 300 && below < samples;
    let high = if inside { ascending.next().map_or(low, log) } else { low };
    Some(low + rest * (high - low))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_percentile_is_a_value_that_occurred() {
        let hundred: Vec<u64> = (1..=100).collect();
        for (samples, percent, value) in [
            (&hundred[..], 75, 75),
            (&hundred, 99, 99),
            (&hundred[..1], 50, 1),
            (&hundred[..4], 75, 3),
            (&hundred[..5], 75, 4),
        ] {
            let found = estimate(samples, percent, Confidence::NinetyFive).unwrap();
            assert_eq!(found.value, value, "p{percent} of {}", samples.len());
        }
        assert_eq!(estimate(&[], 50, Confidence::NinetyFive), None);
    }

    #[test]
    fn bounds_are_samples_or_there_is_none() {
        let hundred: Vec<u64> = (1..=100).collect();
        let p75 = estimate(&hundred, 75, Confidence::NinetyFive).unwrap();
        assert_eq!((p75.low, p75.high), (Some(66), Some(84)));
        let p99 = estimate(&hundred, 99, Confidence::NinetyFive).unwrap();
        assert_eq!((p99.low, p99.high), (Some(97), None), "nothing bounds it from above before 368 samples");
    }

    #[test]
    fn between_samples_it_is_interpolated_in_logarithms() {
        // Four samples: (4 + 1/3) · 0.75 + 1/3 = 3.5833.
        let log = log_percentile([1, 10, 100, 1000].into_iter(), 4, 75).unwrap();
        let expected = libm::log(100.0) + 0.583_333_333 * libm::log(10.0);
        assert!((log - expected).abs() < 1e-6, "{log}");
        for (samples, percent, value) in [(vec![7], 75, 7.0), (vec![0, 5], 1, 1.0), (vec![5, 9], 99, 9.0)] {
            let log = log_percentile(samples.iter().copied(), samples.len(), percent).unwrap();
            assert!((log - libm::log(value)).abs() < 1e-12, "p{percent} of {samples:?}: {log}");
        }
        assert_eq!(log_percentile(std::iter::empty(), 0, 75), None);
    }
}
