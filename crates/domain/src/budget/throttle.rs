//! The rate at which a policy lets requests pass beyond its limit: so many within any minute.

use serde::{Deserialize, Serialize};

use crate::time::Timestamp;

/// The highest rate: a state remembers as many requests as a rate has.
pub(super) const MOST_A_MINUTE: u32 = 1000;

const MINUTE_MS: i64 = 60_000;

/// When the latest requests passed a limit at the rate that its policy allows, the earliest first.
///
/// A rate of N lets a request pass if fewer than N passed in the minute before it. So it has to know the latest N only:
/// the earliest of them says when the next one may.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Passed(Vec<Timestamp>);

impl Passed {
    /// Notes that a request passed. `a_minute`: the highest rate that any version of the policy allows.
    pub(super) fn note(&mut self, at: Timestamp, a_minute: u32) {
        // Servers have clocks of their own: one may decide at an earlier time than another did before.
        let place = self.0.partition_point(|passed| *passed <= at);
        self.0.insert(place, at);
        let excess = self.0.len().saturating_sub(held(a_minute));
        self.0.drain(..excess);
    }

    /// From when on one more may pass at this rate; `None`: fewer than that passed so far.
    #[must_use]
    pub fn next_at(&self, a_minute: u32) -> Option<Timestamp> {
        let latest = self.0.len().checked_sub(held(a_minute))?;
        self.0.get(latest).map(|passed| passed.plus_millis(MINUTE_MS))
    }
}

fn held(a_minute: u32) -> usize {
    usize::try_from(a_minute.min(MOST_A_MINUTE)).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::super::testing::begin;
    use super::*;

    /// Asks at these moments; returns those that passed.
    fn passing(asked: &[i64], a_minute: u32) -> Vec<i64> {
        let mut passed = Passed::default();
        let at = |ms: i64| begin().plus_millis(ms);
        let may = |passed: &Passed, ms| passed.next_at(a_minute).is_none_or(|next| next <= at(ms));
        let pass = |ms: &&i64| {
            let passes = may(&passed, **ms);
            if passes {
                passed.note(at(**ms), a_minute);
            }
            passes
        };
        asked.iter().filter(pass).copied().collect()
    }

    #[test]
    fn a_rate_is_free_to_use_within_its_minute() {
        for (a_minute, asked, passed) in [
            (2, &[0, 0, 1, 59_999, 60_000, 60_000, 60_000][..], &[0, 0, 60_000, 60_000][..]),
            (2, &[0, 45_000, 60_000, 60_001, 104_999, 105_000], &[0, 45_000, 60_000, 105_000]),
            (1, &[0, 59_999, 60_000, 119_999], &[0, 60_000]),
            (3, &[0, 1, 2, 3, 60_000, 60_001, 60_001, 60_002], &[0, 1, 2, 60_000, 60_001, 60_002]),
        ] {
            assert_eq!(passing(asked, a_minute), passed, "{a_minute} a minute");
        }
    }

    #[test]
    fn a_changed_rate_counts_what_passed_before() {
        let mut passed = Passed::default();
        for ms in [0, 10_000, 20_000] {
            passed.note(begin().plus_millis(ms), 3);
        }
        for (a_minute, next) in [(1, Some(80_000)), (2, Some(70_000)), (3, Some(60_000)), (4, None)] {
            assert_eq!(
                passed.next_at(a_minute),
                next.map(|ms| begin().plus_millis(ms)),
                "{a_minute} a minute"
            );
        }
        // A clock that is behind takes part in the same minute.
        passed.note(begin().plus_millis(5_000), 3);
        assert_eq!(passed.next_at(3), Some(begin().plus_millis(65_000)));
    }

    proptest! {
        /// The law, from all that passed: one passes exactly if fewer than the rate passed in the minute before.
        #[test]
        fn exactly_those_pass_that_leave_no_minute_with_more(
            gaps in vec(0_i64..40_000, 0..60), a_minute in 1_u32..6,
        ) {
            let times = gaps.iter().scan(0, |time, gap| { *time += gap; Some(*time) });
            let asked: Vec<i64> = times.collect();
            let mut naive: Vec<i64> = Vec::new();
            for at in &asked {
                let lately = naive.iter().filter(|passed| at - **passed < MINUTE_MS).count();
                if lately < a_minute as usize {
                    naive.push(*at);
                }
            }
            prop_assert_eq!(passing(&asked, a_minute), naive);
        }
    }
}
