//! A part of a limit.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::{Amount, AmountLimit};
use crate::decimal;

/// A part of a limit, in ten thousandths: 0.8 is 8000.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Threshold(u32);

/// A text that is no part of a limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must be a part of the limit from 0.0001 to 10, with at most 4 decimal places, such as 0.8")]
pub struct InvalidThreshold;

/// What a whole has.
const WHOLE: u32 = 10_000;

impl Threshold {
    /// Eight tenths: where a warning is raised unless a policy says otherwise.
    pub const WARN: Self = Self(8000);
    /// 95 hundredths: where someone should act unless a policy says otherwise.
    pub const ACT: Self = Self(9500);
    /// The limit itself.
    pub const LIMIT: Self = Self(WHOLE);

    /// From ten thousandths.
    #[must_use]
    pub const fn from_ten_thousandths(parts: u32) -> Option<Self> {
        if parts == 0 || parts > 10 * WHOLE { None } else { Some(Self(parts)) }
    }

    /// In ten thousandths.
    #[must_use]
    pub const fn ten_thousandths(self) -> u32 {
        self.0
    }

    /// Whether an amount has reached this part of a limit, in tokens or in money. A limit of nothing is
    /// reached by anything above nothing.
    #[must_use]
    pub fn is_reached(self, amount: Amount, limit: AmountLimit) -> bool {
        let reached = |used: i128, limit: i128| {
            let (whole, part) = (i128::from(WHOLE), i128::from(self.0));
            used > 0 && used.saturating_mul(whole) >= limit.saturating_mul(part)
        };
        // Amounts of more than 10^16 USD do not fit when multiplied: they are divided first.
        let money = |used: i128, limit: i128| match limit.checked_mul(i128::from(self.0)) {
            Some(limit) => used > 0 && used.checked_mul(i128::from(WHOLE)).is_none_or(|used| used >= limit),
            None => used > 0 && used.div_euclid(i128::from(self.0)) >= limit.div_euclid(i128::from(WHOLE)),
        };
        limit.tokens.is_some_and(|limit| reached(amount.tokens, limit.into()))
            || limit.usd.is_some_and(|limit| money(amount.usd.units(), limit.units()))
    }
}

impl FromStr for Threshold {
    type Err = InvalidThreshold;

    fn from_str(text: &str) -> Result<Self, InvalidThreshold> {
        let (negative, mantissa, places) = decimal::parts(text).map_err(|_| InvalidThreshold)?;
        let power = 4_i64.checked_sub(i64::from(places)).ok_or(InvalidThreshold)?;
        let power = u32::try_from(power).map_err(|_| InvalidThreshold)?;
        let scale = 10_u128.checked_pow(power).ok_or(InvalidThreshold)?;
        let parts = u32::try_from(mantissa.checked_mul(scale).ok_or(InvalidThreshold)?);
        match parts {
            Ok(parts) if !negative => Self::from_ten_thousandths(parts).ok_or(InvalidThreshold),
            Ok(_) | Err(_) => Err(InvalidThreshold),
        }
    }
}

impl fmt::Display for Threshold {
    /// `0.8`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        decimal::write_scaled(f, false, self.0.into(), 4)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::money::Usd;

    #[test]
    fn parts_are_read_and_written() {
        for (text, written) in [("0.8", "0.8"), ("0.95", "0.95"), ("1", "1"), ("1.5000", "1.5"), ("10", "10")]
        {
            assert_eq!(text.parse::<Threshold>().unwrap().to_string(), written);
        }
        for bad in ["0", "-0.5", "0.00001", "10.1", "x", "", "1e99"] {
            assert_eq!(bad.parse::<Threshold>(), Err(InvalidThreshold), "{bad}");
        }
    }

    #[test]
    fn a_part_is_reached_exactly() {
        let tokens = |tokens| AmountLimit { tokens: Some(tokens), usd: None };
        let used = |tokens| Amount { tokens, usd: Usd::ZERO };
        assert!(!Threshold::WARN.is_reached(used(799), tokens(1000)));
        assert!(Threshold::WARN.is_reached(used(800), tokens(1000)));
        assert!(!Threshold::LIMIT.is_reached(used(0), tokens(0)));
        assert!(Threshold::LIMIT.is_reached(used(1), tokens(0)));
        let usd = |text: &str| text.parse::<Usd>().unwrap();
        let money = |limit: &str| AmountLimit { tokens: None, usd: Some(usd(limit)) };
        let spent = |text: &str| Amount { tokens: 0, usd: usd(text) };
        assert!(Threshold::LIMIT.is_reached(spent("5"), money("5")));
        assert!(!Threshold::LIMIT.is_reached(spent("4.999999999999999999"), money("5")));
        assert!(!Threshold::WARN.is_reached(spent("0"), money("5")));
        assert!(Threshold::WARN.is_reached(spent("100000000000000000000"), money("125000000000000000000")));
    }
}
