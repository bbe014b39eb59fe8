//! How many requests a key may send to this server.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tollgate_clock::Stopwatch;
use tollgate_domain::key::Rate;

/// The pace of each key: the time at which it would have sent all that it sent, had it kept to its rate. A request is
/// taken unless that is further ahead than a burst.
pub(crate) struct Rates {
    clock: Stopwatch,
    ahead: Mutex<HashMap<String, Duration>>,
}

impl Default for Rates {
    fn default() -> Self {
        Self { clock: Stopwatch::start(), ahead: Mutex::default() }
    }
}

impl Rates {
    /// Takes a request of a key.
    ///
    /// # Errors
    ///
    /// How long until one is taken again.
    pub(crate) fn take(&self, key: &str, rate: Rate) -> Result<(), Duration> {
        let now = self.clock.elapsed();
        let mut ahead = self.ahead.lock().unwrap_or_else(PoisonError::into_inner);
        let before = ahead.get(key).copied().unwrap_or_default();
        let after = taken(before, now, rate)?;
        match ahead.get_mut(key) {
            Some(ahead) => *ahead = after,
            None => {
                ahead.insert(key.to_owned(), after);
            }
        }
        Ok(())
    }
}

/// The pace after a request that comes now.
fn taken(before: Duration, now: Duration, rate: Rate) -> Result<Duration, Duration> {
    let each = Duration::from_secs(1) / rate.per_second.max(1);
    let burst = each.saturating_mul(rate.burst.saturating_sub(1));
    let pace = before.max(now);
    let too_early = pace.saturating_sub(now).saturating_sub(burst);
    if too_early > Duration::ZERO { Err(too_early) } else { Ok(pace.saturating_add(each)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    #[test]
    fn a_burst_is_taken_at_once_and_then_one_at_a_time() {
        let rate = Rate { per_second: 10, burst: 3 };
        let mut pace = Duration::ZERO;
        for (now, taken_or_wait) in [
            (0, Ok(())),
            (0, Ok(())),
            (0, Ok(())),
            (0, Err(ms(100))),
            (40, Err(ms(60))),
            (100, Ok(())),
            (100, Err(ms(100))),
            (1_000, Ok(())),
            (1_000, Ok(())),
            (1_000, Ok(())),
            (1_000, Err(ms(100))),
        ] {
            let after = taken(pace, ms(now), rate);
            assert_eq!(after.map(|_| ()), taken_or_wait, "at {now} ms");
            pace = after.unwrap_or(pace);
        }
    }

    #[test]
    fn over_any_time_a_key_gets_its_rate_and_one_burst() {
        for rate in [
            Rate { per_second: 1, burst: 1 },
            Rate { per_second: 3, burst: 10 },
            Rate { per_second: 1_000, burst: 1 },
            Rate { per_second: u32::MAX, burst: u32::MAX },
        ] {
            let (mut pace, mut count) = (Duration::ZERO, 0_u64);
            for at in 0..5_000_u64 {
                if let Ok(after) = taken(pace, ms(at), rate) {
                    (pace, count) = (after, count + 1);
                }
            }
            let most = u64::from(rate.per_second).saturating_mul(5).saturating_add(rate.burst.into());
            assert!(count <= most, "{rate:?}: {count}");
            assert!(count >= most.min(5_000) - u64::from(rate.burst).min(5_000), "{rate:?}: {count}");
        }
    }

    #[test]
    fn one_key_does_not_slow_another() {
        let rates = Rates::default();
        let rate = Rate { per_second: 1, burst: 1 };
        assert!(rates.take("a", rate).is_ok());
        assert!(rates.take("a", rate).is_err());
        assert!(rates.take("b", rate).is_ok());
    }
}
