//! How much of a limit is used, and what that is called.

use std::cmp::Ordering;

use serde::{Deserialize, Serialize};

use crate::decimal::Decimal;
use crate::words::words;

/// Usage against its limit; compared exactly, never divided into a float.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Utilization {
    /// What was used.
    pub used: u128,
    /// The limit. Never a divisor when zero: any usage is then above it.
    pub limit: u128,
}

impl Utilization {
    /// Usage against its limit.
    #[must_use]
    pub fn new(used: impl Into<u128>, limit: impl Into<u128>) -> Self {
        Self { used: used.into(), limit: limit.into() }
    }

    /// Whether used / limit is above a threshold.
    #[must_use]
    pub fn above(&self, threshold: Decimal) -> bool {
        match threshold.compare_fraction(self.used, self.limit) {
            Some(order) => order == Ordering::Greater,
            None => self.used > 0,
        }
    }

    /// Whether used / limit is strictly below a threshold.
    #[must_use]
    pub fn below(&self, threshold: Decimal) -> bool {
        match threshold.compare_fraction(self.used, self.limit) {
            Some(order) => order == Ordering::Less,
            None => self.used == 0,
        }
    }

    /// Percent, rounded half up; `None` for a zero limit.
    #[must_use]
    pub fn percent(&self) -> Option<u128> {
        let half = self.limit.div_euclid(2);
        self.used.checked_mul(100)?.checked_add(half)?.checked_div(self.limit)
    }

    /// Percent for people, without the sign: a whole number, with as many decimals as needed where rounding
    /// would make it look like exactly 100 or 150 when it is not: `100.03`. `None` for a zero limit.
    #[must_use]
    pub fn shown_percent(&self) -> Option<String> {
        let whole = self.percent()?;
        let exact = self.used.checked_mul(100)? == self.limit.checked_mul(whole)?;
        if exact || (whole != 100 && whole != 150) {
            return Some(crate::printable::grouped(whole));
        }
        let mut scale: u128 = 1;
        for decimals in 1..=12_usize {
            scale = scale.checked_mul(10)?;
            let scaled = self.used.checked_mul(100)?.checked_mul(scale)?.checked_div(self.limit)?;
            if decimals >= 2 && scaled != whole.checked_mul(scale)? {
                let (before, after) = (scaled.div_euclid(scale), scaled.rem_euclid(scale));
                return Some(format!("{}.{after:0decimals$}", crate::printable::grouped(before)));
            }
        }
        Some(format!("over {whole}"))
    }

    /// What is left of the limit; zero once it is passed.
    #[must_use]
    pub fn remaining(&self) -> u128 {
        self.limit.saturating_sub(self.used)
    }

    /// Its breach status: within up to 1.0, warning up to 1.5, exceeded above.
    #[must_use]
    pub fn breach(&self) -> BreachStatus {
        if self.above(Decimal::new(15, 1)) {
            BreachStatus::Exceeded
        } else if self.above(Decimal::ONE) {
            BreachStatus::Warning
        } else {
            BreachStatus::Within
        }
    }

    /// The highest of the ascending levels (in percent) that is reached.
    #[must_use]
    pub fn level(&self, levels: &[u32]) -> Option<u32> {
        levels.iter().copied().take_while(|&level| !self.below(Decimal::new(level.into(), 2))).last()
    }
}

words!(
    /// Utilization against the limits of an execution or a task; the higher of tokens and latency decides.
    BreachStatus {
        /// u ≤ 1.0
        Within = "within",
        /// 1.0 < u ≤ 1.5
        Warning = "warning",
        /// u > 1.5
        Exceeded = "exceeded"
    }
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn breach_status_by_utilization() {
        for (used, limit, status) in [
            (0, 100, BreachStatus::Within),
            (100, 100, BreachStatus::Within),
            (101, 100, BreachStatus::Warning),
            (150, 100, BreachStatus::Warning),
            (1501, 1000, BreachStatus::Exceeded),
            (0, 0, BreachStatus::Within),
            (1, 0, BreachStatus::Exceeded),
        ] {
            assert_eq!(Utilization::new(used as u64, limit as u64).breach(), status, "{used} / {limit}");
        }
    }

    #[test]
    fn percent_rounds_half_up_and_knows_no_zero_limit() {
        assert_eq!(Utilization::new(15_234_u64, 12_000_u64).percent(), Some(127));
        assert_eq!(Utilization::new(5_u64, 1000_u64).percent(), Some(1));
        assert_eq!(Utilization::new(4_u64, 1000_u64).percent(), Some(0));
        assert_eq!(Utilization::new(4_u64, 0_u64).percent(), None);
    }

    #[test]
    fn pressure_levels_on_the_way_up() {
        let levels = [50, 80, 90, 100, 150];
        for (used, level) in
            [(0, None), (49, None), (50, Some(50)), (89, Some(80)), (100, Some(100)), (400, Some(150))]
        {
            assert_eq!(Utilization::new(used as u64, 100_u64).level(&levels), level, "{used} %");
        }
    }

    #[test]
    fn no_percentage_reads_like_a_bound_that_it_is_not() {
        for (used, limit, shown) in [
            (15_234_u128, 12_000_u128, "127"),
            (23_400, 23_400, "100"),
            (23_408, 23_400, "100.03"),
            (23_401, 23_400, "100.004"),
            (23_399, 23_400, "99.99"),
            (35_101, 23_400, "150.004"),
            (1_000_001, 1_000_000, "100.0001"),
            (1, 1_000_000, "0"),
            (5_000_000, 1_000, "500,000"),
        ] {
            assert_eq!(Utilization::new(used, limit).shown_percent().unwrap(), shown, "{used} / {limit}");
        }
        assert_eq!(Utilization::new(1_u128, 0_u128).shown_percent(), None);
        let most = Utilization::new(10_u128.pow(20) + 1, 10_u128.pow(20));
        assert_eq!(most.shown_percent().unwrap(), "over 100");
    }
}
