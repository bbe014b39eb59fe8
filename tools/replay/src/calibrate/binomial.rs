//! The binomial distribution, for intervals that assume nothing about how samples are distributed.
//!
//! Only the four basic operations are used, which give the same bits on every machine.
#![expect(
    clippy::float_arithmetic,
    reason = "probabilities decide which sample bounds an interval; no money"
)]

/// Weights this far below the mode's are left out: together they are far below any tail that is asked for.
const NEGLIGIBLE: f64 = 1e-25;

/// Above this many samples nobody is told to collect more.
const MOST: u64 = 10_000_000;

/// Parts of a whole in which rates are expressed.
pub(super) const MILLION: u64 = 1_000_000;

/// How many of `trials` succeed if each does with the same probability.
struct Binomial {
    trials: u64,
    /// The first count whose weight is not negligible.
    first: u64,
    /// The probability of each count from there on.
    weights: Vec<f64>,
}

impl Binomial {
    /// `0 < probability < 1`. The weights follow from the mode outwards by the quotient of neighbours,
    /// `w(k+1) / w(k) = (n − k) / (k + 1) · p / (1 − p)`, and are divided by their sum.
    fn new(trials: u64, probability: f64) -> Self {
        let odds = probability / (1.0 - probability);
        let mode = (((trials + 1) as f64 * probability) as u64).min(trials);
        let mut below = Vec::new();
        let (mut weight, mut count) = (1.0, mode);
        while count > 0 {
            weight *= count as f64 / (trials - count + 1) as f64 / odds;
            if weight < NEGLIGIBLE {
                break;
            }
            count -= 1;
            below.push(weight);
        }
        let first = count;
        let mut weights: Vec<f64> = below.into_iter().rev().collect();
        weights.push(1.0);
        (weight, count) = (1.0, mode);
        while count < trials {
            weight *= (trials - count) as f64 / (count + 1) as f64 * odds;
            if weight < NEGLIGIBLE {
                break;
            }
            count += 1;
            weights.push(weight);
        }
        let sum: f64 = weights.iter().sum();
        for weight in &mut weights {
            *weight /= sum;
        }
        Self { trials, first, weights }
    }

    /// The largest count that at most this share of outcomes do not exceed; `None`: already 0 is more frequent.
    fn largest_at_most(&self, share: f64) -> Option<u64> {
        let (mut sum, mut next) = (0.0, self.first);
        for weight in &self.weights {
            sum += weight;
            if sum > share {
                break;
            }
            next += 1;
        }
        next.checked_sub(1)
    }

    /// The smallest count that at most this share of outcomes reach; `None`: `trials` is more frequent.
    fn smallest_at_least(&self, share: f64) -> Option<u64> {
        let mut sum = 0.0;
        let mut lowest = self.first + self.weights.len() as u64;
        for weight in self.weights.iter().rev() {
            sum += weight;
            if sum > share {
                break;
            }
            lowest -= 1;
        }
        (lowest <= self.trials).then_some(lowest)
    }

    /// The probability of at most this count.
    fn at_most(&self, count: u64) -> f64 {
        let Some(end) = (count + 1).checked_sub(self.first) else { return 0.0 };
        self.weights.iter().take(end as usize).sum()
    }

    /// The probability of at least this count.
    fn at_least(&self, count: u64) -> f64 {
        let skipped = count.saturating_sub(self.first);
        self.weights.iter().skip(skipped as usize).rev().sum()
    }
}

/// The ranks, from 1, of the samples that bound a quantile of what they were drawn from: it is below the one
/// and above the other with at most the probability `tail` each. `None`: so few samples have no such bound.
///
/// With `B` binomial, the `l`-th smallest of `n` samples exceeds the quantile with `P(B ≤ l − 1)`, and the
/// `u`-th is below it with `P(B ≥ u)` (David and Nagaraja, Order Statistics, 3rd edition, section 7.1).
pub(super) fn ranks(samples: u64, permille: u64, tail: f64) -> (Option<u64>, Option<u64>) {
    if samples == 0 || permille == 0 || permille >= 1000 {
        return (None, None);
    }
    let binomial = Binomial::new(samples, permille as f64 / 1000.0);
    (binomial.largest_at_most(tail).map(|count| count + 1), binomial.smallest_at_least(tail))
}

/// The interval of a probability of which `of` trials had `count` successes, in parts per million, rounded
/// outwards (Clopper and Pearson, Biometrika 26, 1934).
pub(super) fn rate_interval(count: u64, of: u64, tail: f64) -> (u64, u64) {
    let search = |fits: &dyn Fn(f64) -> bool| {
        // `fits` holds up to some rate and not above it.
        let (mut fitting, mut not) = (0, MILLION);
        while not - fitting > 1 {
            let middle = u64::midpoint(fitting, not);
            if fits(middle as f64 / MILLION as f64) { fitting = middle } else { not = middle }
        }
        (fitting, not)
    };
    let low = if count == 0 { 0 } else { search(&|rate| Binomial::new(of, rate).at_least(count) <= tail).0 };
    let high =
        if count >= of { MILLION } else { search(&|rate| Binomial::new(of, rate).at_most(count) > tail).1 };
    (low, high)
}

/// The fewest samples with which both bounds of a quantile exist.
pub(super) fn fewest_for_bounds(permille: u64, tail: f64) -> u64 {
    let rarer = permille.max(1000 - permille.min(1000)) as f64 / 1000.0;
    let (mut samples, mut all) = (1, rarer);
    while all > tail && samples < MOST {
        all *= rarer;
        samples += 1;
    }
    samples
}

/// The fewest samples, found by halving, with which both bounds exist and are at most this many percentage points
/// of the samples away from the quantile.
pub(super) fn fewest_for_precision(permille: u64, tail: f64, points: u64) -> u64 {
    let (from, to) = (permille.saturating_sub(points * 10), permille + points * 10);
    let precise = |samples: u64| match ranks(samples, permille, tail) {
        (Some(low), Some(high)) => low * 1000 >= from * samples && high * 1000 <= to * samples,
        (None, _) | (_, None) => false,
    };
    let mut not = fewest_for_bounds(permille, tail) - 1;
    let mut enough = not + 1;
    while !precise(enough) && enough < MOST {
        not = enough;
        enough *= 2;
    }
    while enough - not > 1 {
        let middle = u64::midpoint(not, enough);
        if precise(middle) { enough = middle } else { not = middle }
    }
    enough
}

#[cfg(test)]
mod tests {
    use num_bigint::BigUint;

    use super::*;

    const TAIL: f64 = 0.025;

    /// `P(from ≤ B ≤ to)` as an exact fraction of `100ⁿ`.
    fn exact(trials: u64, percent: u64, from: u64, to: u64) -> BigUint {
        let mut sum = BigUint::ZERO;
        let mut choose = BigUint::from(1_u8);
        for count in 0..=trials {
            if (from..=to).contains(&count) {
                let hits = BigUint::from(percent).pow(count as u32);
                sum += &choose * hits * BigUint::from(100 - percent).pow((trials - count) as u32);
            }
            choose = choose * (trials - count) / (count + 1);
        }
        sum
    }

    /// Whether an exact fraction of `100ⁿ` is at most 2.5 %.
    fn within_tail(part: &BigUint, trials: u64) -> bool {
        part * 1000_u32 <= BigUint::from(100_u8).pow(trials as u32) * 25_u32
    }

    #[test]
    fn ranks_are_those_of_exact_integers() {
        for trials in [1, 5, 6, 12, 13, 40, 72, 73, 150] {
            for percent in [1, 50, 75, 90, 95, 99] {
                let low = (1..=trials).rev().find(|l| within_tail(&exact(trials, percent, 0, l - 1), trials));
                let high = (1..=trials).find(|u| within_tail(&exact(trials, percent, *u, trials), trials));
                assert_eq!(ranks(trials, percent * 10, TAIL), (low, high), "{trials} samples, p{percent}");
            }
        }
        assert_eq!(ranks(0, 500, TAIL), (None, None));
    }

    #[test]
    fn many_samples_are_bounded_as_the_normal_distribution_says() {
        // n p ± 1.95996 · sqrt(n p (1 − p)) = 7,500,000 ± 2,683.8.
        let (low, high) = ranks(10_000_000, 750, TAIL);
        assert!(low.unwrap().abs_diff(7_497_316) <= 2, "{low:?}");
        assert!(high.unwrap().abs_diff(7_502_685) <= 2, "{high:?}");
    }

    #[test]
    fn rates_have_the_interval_of_clopper_and_pearson() {
        // Table values: 0 of 10 is at most 30.85 %; 10 of 100 is 4.90 to 17.62 %; 1 of 20 is 0.13 to 24.87 %.
        for (count, of, low, high) in [
            (0, 10, 0, 308_500),
            (10, 100, 49_005, 176_223),
            (1, 20, 1_265, 248_733),
            (10, 10, 691_500, MILLION),
        ] {
            let found = rate_interval(count, of, TAIL);
            assert!(found.0.abs_diff(low) <= 5 && found.1.abs_diff(high) <= 5, "{count} of {of}: {found:?}");
        }
    }

    #[test]
    fn what_is_enough_is_enough_and_one_less_is_not() {
        // 0.75^13 = 0.0238, 0.95^72 = 0.0249, 0.99^368 = 0.0248, 0.5^6 = 0.0156.
        for (permille, fewest) in [(500, 6), (750, 13), (950, 72), (990, 368)] {
            assert_eq!(fewest_for_bounds(permille, TAIL), fewest, "{permille}");
            assert!(matches!(ranks(fewest, permille, TAIL), (Some(_), Some(_))));
            let fewer = ranks(fewest - 1, permille, TAIL);
            assert!(fewer.0.is_none() || fewer.1.is_none(), "{permille}");
        }
        // (1.96 / 0.05)² · 0.75 · 0.25 = 288.
        let precise = fewest_for_precision(750, TAIL, 5);
        assert!((288..=330).contains(&precise), "{precise}");
    }
}
