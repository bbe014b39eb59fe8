//! Waiting between tries: exponential, with full jitter, and never shorter than the ledger asks. The only sleep there is.

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
    /// How long to wait after so many failures in a row, from 1. `random` is any number; `asked` is the ledger's
    /// `Retry-After`, to which the jitter is added.
    #[must_use]
    pub fn delay(&self, failures: u32, random: u64, asked: Option<Duration>) -> Duration {
        let doublings = failures.saturating_sub(1).min(20);
        let longest = self.first.saturating_mul(1 << doublings).min(self.longest);
        let longest = u64::try_from(longest.as_micros()).unwrap_or(u64::MAX);
        let jitter = Duration::from_micros(random % longest.saturating_add(1));
        asked.unwrap_or_default().saturating_add(jitter)
    }
}

/// Waits.
#[expect(clippy::disallowed_methods, reason = "this is the one home of sleep")]
pub(crate) async fn wait(delay: Duration) {
    tokio::time::sleep(delay).await;
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
}
