//! Exact money: whole units of 10⁻¹⁸ US dollars in a checked `i128`.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::decimal::{self, Decimal, DecimalError};

/// Decimal places that are kept. A price of 0.000000075 USD per token needs 9; the rest is headroom for finer ones.
pub const USD_PLACES: u32 = 18;

/// An amount in 10⁻¹⁸ USD; negative in adjustments. `i128` holds ± 1.7 · 10²⁰ USD.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Usd(i128);

/// Why an amount was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MoneyError {
    /// The text is not a decimal number.
    #[error("must be a decimal number of US dollars, for example 2.50")]
    NotANumber,
    /// Finer than 10⁻¹⁸ USD: it would have to be rounded.
    #[error("must have at most 18 decimal places, finer amounts would be rounded")]
    TooFine,
    /// Larger than what can be kept exactly.
    #[error("must lie within ±170,000,000,000,000,000,000 USD")]
    TooLarge,
}

impl Usd {
    /// Nothing.
    pub const ZERO: Self = Self(0);

    /// The largest amount that can be kept; as what something costs at most: nothing bounds it.
    pub const MAX: Self = Self(i128::MAX);

    /// From units of 10⁻¹⁸ USD.
    #[must_use]
    pub const fn from_units(units: i128) -> Self {
        Self(units)
    }

    /// In units of 10⁻¹⁸ USD.
    #[must_use]
    pub const fn units(self) -> i128 {
        self.0
    }

    /// The sum, or `None` if it is out of range.
    #[must_use]
    pub fn checked_add(self, other: Self) -> Option<Self> {
        self.0.checked_add(other.0).map(Self)
    }

    /// The difference, or `None` if it is out of range.
    #[must_use]
    pub fn checked_sub(self, other: Self) -> Option<Self> {
        self.0.checked_sub(other.0).map(Self)
    }

    /// This price times a count, or `None` if it is out of range.
    #[must_use]
    pub fn checked_times(self, count: i128) -> Option<Self> {
        self.0.checked_mul(count).map(Self)
    }

    /// The sum, clamped to the range: a fold is total and must handle every recorded event. Sums of checked
    /// amounts (10²⁰ USD) never reach the limit in practice.
    #[must_use]
    pub fn saturating_add(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }
}

impl TryFrom<Decimal> for Usd {
    type Error = MoneyError;

    fn try_from(value: Decimal) -> Result<Self, MoneyError> {
        let places = USD_PLACES.checked_sub(u32::from(value.scale())).ok_or(MoneyError::TooFine)?;
        let ten = 10_i128.checked_pow(places).ok_or(MoneyError::TooLarge)?;
        i128::from(value.mantissa()).checked_mul(ten).map(Self).ok_or(MoneyError::TooLarge)
    }
}

impl FromStr for Usd {
    type Err = MoneyError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (negative, mantissa, places) = decimal::parts(text).map_err(|error| match error {
            DecimalError::NotANumber | DecimalError::Negative => MoneyError::NotANumber,
            DecimalError::TooManyDigits => MoneyError::TooLarge,
        })?;
        let mut units = i128::try_from(mantissa).map_err(|_| MoneyError::TooLarge)?;
        let mut missing = i64::from(USD_PLACES).saturating_sub(i64::from(places));
        while missing < 0 {
            if units.checked_rem(10) != Some(0) {
                return Err(MoneyError::TooFine);
            }
            units = units.checked_div(10).unwrap_or_default();
            missing = missing.saturating_add(1);
        }
        while missing > 0 && units != 0 {
            units = units.checked_mul(10).ok_or(MoneyError::TooLarge)?;
            missing = missing.saturating_sub(1);
        }
        Ok(Self(if negative { units.saturating_neg() } else { units }))
    }
}

impl fmt::Display for Usd {
    /// A plain decimal without trailing zeros: `11.96418725`, `0`, `-0.5`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        decimal::write_scaled(f, self.0 < 0, self.0.unsigned_abs(), USD_PLACES)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_round_trips_without_trailing_zeros() {
        for (text, written) in [
            ("11.96418725", "11.96418725"),
            ("0.000000075", "0.000000075"),
            ("2.50", "2.5"),
            ("-0.5", "-0.5"),
            ("0", "0"),
            ("-0", "0"),
            ("1e-18", "0.000000000000000001"),
            ("100", "100"),
        ] {
            assert_eq!(text.parse::<Usd>().unwrap().to_string(), written, "{text}");
        }
    }

    #[test]
    fn what_would_be_rounded_is_refused() {
        assert_eq!("1e-19".parse::<Usd>(), Err(MoneyError::TooFine));
        assert_eq!("0.1234567890123456789".parse::<Usd>(), Err(MoneyError::TooFine));
        assert_eq!("1e30".parse::<Usd>(), Err(MoneyError::TooLarge));
        assert_eq!("two".parse::<Usd>(), Err(MoneyError::NotANumber));
        assert!("0.1234567890123456780".parse::<Usd>().is_ok(), "a trailing zero rounds nothing");
    }

    #[test]
    fn failure_16_a_price_times_a_trillion_tokens_is_exact() {
        let price: Usd = "0.000000075".parse().unwrap();
        assert_eq!(price.checked_times(1_000_000_000_000).unwrap().to_string(), "75000");
        let mut sum = Usd::ZERO;
        for _ in 0..1_000_000 {
            sum = sum.checked_add(price).unwrap();
        }
        assert_eq!(sum.to_string(), "0.075");
    }
}
