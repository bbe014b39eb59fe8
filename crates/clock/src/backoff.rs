//! How long to wait between tries: doubling up to a longest wait, with or without jitter.

use std::time::Duration;

/// How waits between tries grow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Backoff {
    /// The longest wait after the first failure.
    pub first: Duration,
    /// The longest wait after any.
    pub longest: Duration,
}

impl Default for Backoff {
    /// 100 ms, doubling up to 10 s: a ledger that restarts is found again within seconds.
    fn default() -> Self {
        Self { first: Duration::from_millis(100), longest: Duration::from_secs(10) }
    }
}

impl Backoff {
    /// How long to wait after `failures` failures in a row, counted from 1, without jitter: `first`, doubled
    /// with each further failure, up to `longest`.
    #[must_use]
    pub fn doubled(&self, failures: u32) -> Duration {
        let doublings = failures.saturating_sub(1).min(20);
        self.first.saturating_mul(1 << doublings).min(self.longest)
    }

    /// The same with full jitter: any time up to [`Self::doubled`]. `random` is any number; `asked` is the
    /// wait that the other side requested with `Retry-After`, to which the jitter is added.
    #[must_use]
    pub fn delay(&self, failures: u32, random: u64, asked: Option<Duration>) -> Duration {
        let longest = u64::try_from(self.doubled(failures).as_micros()).unwrap_or(u64::MAX);
        let jitter = Duration::from_micros(random % longest.saturating_add(1));
        asked.unwrap_or_default().saturating_add(jitter)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_the_longest_with_full_jitter_after_what_was_asked() {
        let backoff = Backoff { first: Duration::from_millis(100), longest: Duration::from_secs(1) };
        for (failures, random, asked_s, expected_ms) in [
            (1, 0, 0, 0),
            (1, 100_000, 0, 100),
            (1, 100_001, 0, 0),
            (2, 200_000, 0, 200),
            (4, 800_000, 0, 800),
            (5, 1_000_000, 0, 1000),
            (u32::MAX, 999_999, 0, 999),
            (1, 50_000, 7, 7050),
        ] {
            let delay = backoff.delay(failures, random, (asked_s > 0).then(|| Duration::from_secs(asked_s)));
            assert_eq!(delay.as_millis(), expected_ms, "{failures} {random} {asked_s}");
        }
        assert_eq!(Backoff { first: Duration::ZERO, ..backoff }.delay(3, 77, None), Duration::ZERO);
    }

    #[test]
    fn without_jitter_waits_double_from_the_first_to_the_longest() {
        let backoff = Backoff { first: Duration::from_secs(1), longest: Duration::from_secs(300) };
        for (failures, seconds) in
            [(0, 1), (1, 1), (2, 2), (3, 4), (9, 256), (10, 300), (21, 300), (u32::MAX, 300)]
        {
            assert_eq!(backoff.doubled(failures), Duration::from_secs(seconds), "{failures}");
        }
        let endless = Backoff { first: Duration::from_secs(3), longest: Duration::MAX };
        assert_eq!(endless.doubled(3), Duration::from_secs(12));
    }
}
