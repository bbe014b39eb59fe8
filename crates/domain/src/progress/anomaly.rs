//! What is far from the usual: a value beside the quartiles of its class, in whole numbers.

use crate::words::words;

/// Fewer values say nothing about what is usual.
pub const FEWEST_VALUES: u64 = 20;

/// More is treated as that, so that products stay exact.
const MOST: u128 = (1 << 42) - 1;

/// The quartiles of a class.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quartiles {
    /// How many values they are of.
    pub values: u64,
    /// A quarter of the values are no larger.
    pub low: u64,
    /// A half.
    pub median: u64,
    /// Three quarters.
    pub high: u64,
}

words!(
    /// On which side a value is far away.
    Side {
        /// Far more than usual.
        Above = "above",
        /// Far less than usual.
        Below = "below"
    }
);

/// A value beside its class.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Judged {
    /// The class has fewer values than say anything.
    TooFew,
    /// As in the class.
    Usual,
    /// Far away.
    Far(Side),
}

impl Quartiles {
    /// What there is to say of a value; far is as [`Self::far`] has it.
    #[must_use]
    pub fn judge(&self, value: u64) -> Judged {
        if self.values < FEWEST_VALUES {
            return Judged::TooFew;
        }
        self.far(value).map_or(Judged::Usual, Judged::Far)
    }

    /// How many times more or less than the median a value is, in thousandths, rounded down.
    #[must_use]
    pub fn times(&self, value: u64, side: Side) -> u64 {
        let (more, less) = match side {
            Side::Above => (value, self.median),
            Side::Below => (self.median, value),
        };
        let times = u128::from(more).saturating_mul(1000).checked_div(less.into()).unwrap_or(u128::MAX);
        u64::try_from(times).unwrap_or(u64::MAX)
    }

    /// Whether a value is far away: as a multiple of the nearer quartile it is beyond the square of what both quartiles
    /// are apart, and at least twofold. Tokens are spread by factors, not by differences: of log-normal values one in
    /// 2,700 is, on each side. `None`: it is not, or there are too few values.
    #[must_use]
    pub fn far(&self, value: u64) -> Option<Side> {
        if self.values < FEWEST_VALUES {
            return None;
        }
        let of = |number: u64| u128::from(number).min(MOST);
        let (value, low, high) = (of(value), of(self.low), of(self.high));
        let twice = |number: u128| number.saturating_mul(2);
        let times = |one: u128, other: u128| one.saturating_mul(other).saturating_mul(other);
        // value / high > (high / low)², and low / value > (high / low)².
        if value >= twice(high) && times(value, low) > times(high, high) {
            Some(Side::Above)
        } else if twice(value) <= low && times(low, low) > times(value, high) {
            Some(Side::Below)
        } else {
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn far_is_beyond_the_square_of_the_spread_and_twofold() {
        let quartiles = |low, high| Quartiles { values: 20, low, median: low, high };
        for (low, high, value, expected) in [
            // 1.5² of 150 are 337.5; 100 / 1.5² are 44.4.
            (100, 150, 337, None),
            (100, 150, 338, Some(Side::Above)),
            (100, 150, 45, None),
            (100, 150, 44, Some(Side::Below)),
            // No spread: twofold, at least.
            (100, 100, 199, None),
            (100, 100, 200, Some(Side::Above)),
            (100, 100, 51, None),
            (100, 100, 50, Some(Side::Below)),
            // Nothing is usual in a quarter: no multiple of that is far.
            (0, 100, u64::MAX, None),
            (0, 0, 5, None),
            (1, u64::MAX, 0, Some(Side::Below)),
            (u64::MAX, u64::MAX, u64::MAX, None),
        ] {
            assert_eq!(quartiles(low, high).far(value), expected, "{value} beside {low} to {high}");
        }
        assert_eq!(Quartiles { values: 19, ..quartiles(1, 1) }.far(1_000), None);
        assert_eq!(Quartiles { values: 19, ..quartiles(1, 1) }.judge(1_000), Judged::TooFew);
        assert_eq!(quartiles(100, 100).judge(199), Judged::Usual);
        assert_eq!(quartiles(100, 100).judge(50), Judged::Far(Side::Below));
        assert_eq!(quartiles(100, 100).times(1_234, Side::Above), 12_340);
        assert_eq!(quartiles(100, 100).times(33, Side::Below), 3_030);
        assert_eq!(quartiles(100, 100).times(0, Side::Below), u64::MAX);
    }
}
