//! Exact decimals for multipliers, thresholds and prices, read from a number's text, never through a float.

use std::cmp::Ordering;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A non-negative decimal: `mantissa / 10^scale`, without trailing zeros, so that equal numbers are equal values.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Decimal {
    mantissa: u64,
    scale: u8,
}

/// Why a text is not a [`Decimal`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DecimalError {
    /// No digits, other characters, infinity or NaN.
    #[error("must be a number")]
    NotANumber,
    /// Below zero.
    #[error("must not be negative")]
    Negative,
    /// More digits than can be kept exactly.
    #[error("must have at most 18 digits and 27 decimal places, so that it stays exact")]
    TooManyDigits,
}

impl Decimal {
    /// Zero.
    pub const ZERO: Self = Self { mantissa: 0, scale: 0 };
    /// One.
    pub const ONE: Self = Self { mantissa: 1, scale: 0 };

    /// `mantissa / 10^scale`.
    #[must_use]
    pub const fn new(mantissa: u64, scale: u8) -> Self {
        let mut value = Self { mantissa, scale };
        while value.scale > 0 && value.mantissa.is_multiple_of(10) {
            value.mantissa /= 10;
            value.scale = value.scale.saturating_sub(1);
        }
        value
    }

    /// The digits without the decimal point.
    #[must_use]
    pub const fn mantissa(self) -> u64 {
        self.mantissa
    }

    /// How many of the digits are after the decimal point.
    #[must_use]
    pub const fn scale(self) -> u8 {
        self.scale
    }

    /// Whether it is zero.
    #[must_use]
    pub const fn is_zero(self) -> bool {
        self.mantissa == 0
    }

    /// This number times a count, rounded up; the largest count if the product overflows.
    #[must_use]
    pub fn times_rounded_up(self, count: u64) -> u64 {
        let product = u128::from(self.mantissa).saturating_mul(u128::from(count));
        let divisor = 10_u128.checked_pow(u32::from(self.scale)).unwrap_or(u128::MAX);
        u64::try_from(product.div_ceil(divisor)).unwrap_or(u64::MAX)
    }

    /// This number times a count, rounded down; the largest count if the product overflows.
    #[must_use]
    pub fn times_rounded_down(self, count: u64) -> u64 {
        let product = u128::from(self.mantissa).saturating_mul(u128::from(count));
        let divisor = 10_u128.checked_pow(u32::from(self.scale)).unwrap_or(u128::MAX);
        u64::try_from(product.checked_div(divisor).unwrap_or(u128::MAX)).unwrap_or(u64::MAX)
    }

    /// Compares the fraction `numerator / denominator` with this number, exactly.
    ///
    /// Returns `None` for a zero denominator: a zero limit never divides.
    #[must_use]
    pub fn compare_fraction(self, numerator: u128, denominator: u128) -> Option<Ordering> {
        if denominator == 0 {
            return None;
        }
        // numerator / denominator ? mantissa / 10^scale  ⇔  numerator · 10^scale ? mantissa · denominator.
        // A side that overflows u128 is larger than anything the other side can reach in practice.
        let left = 10_u128.checked_pow(u32::from(self.scale)).and_then(|ten| numerator.checked_mul(ten));
        let right = u128::from(self.mantissa).checked_mul(denominator);
        Some(match (left, right) {
            (Some(left), Some(right)) => left.cmp(&right),
            (None, _) => Ordering::Greater,
            (Some(_), None) => Ordering::Less,
        })
    }
}

impl FromStr for Decimal {
    type Err = DecimalError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (negative, mantissa, scale) = parts(text)?;
        if negative && mantissa != 0 {
            return Err(DecimalError::Negative);
        }
        let mut scale = scale;
        let mut mantissa = mantissa;
        while scale > 0 && mantissa.is_multiple_of(10) {
            mantissa /= 10;
            scale = scale.saturating_sub(1);
        }
        while scale < 0 {
            mantissa = mantissa.checked_mul(10).ok_or(DecimalError::TooManyDigits)?;
            scale = scale.saturating_add(1);
        }
        if mantissa == 0 {
            return Ok(Self::ZERO);
        }
        if mantissa >= 1_000_000_000_000_000_000 || scale > 27 {
            return Err(DecimalError::TooManyDigits);
        }
        let (Ok(mantissa), Ok(scale)) = (u64::try_from(mantissa), u8::try_from(scale)) else {
            return Err(DecimalError::TooManyDigits);
        };
        Ok(Self { mantissa, scale })
    }
}

impl fmt::Display for Decimal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_scaled(f, false, u128::from(self.mantissa), u32::from(self.scale))
    }
}

impl PartialOrd for Decimal {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Decimal {
    fn cmp(&self, other: &Self) -> Ordering {
        // Scales are at most 27 and mantissas below 10^18: a side that overflows u128 when shifted is the larger one.
        let shift = u32::from(self.scale.abs_diff(other.scale));
        let shifted =
            |value: u64| 10_u128.checked_pow(shift).and_then(|ten| ten.checked_mul(u128::from(value)));
        if self.scale >= other.scale {
            shifted(other.mantissa).map_or(Ordering::Less, |theirs| u128::from(self.mantissa).cmp(&theirs))
        } else {
            shifted(self.mantissa).map_or(Ordering::Greater, |mine| mine.cmp(&u128::from(other.mantissa)))
        }
    }
}

/// Splits the text of a JSON or YAML number into sign, digits and decimal places (negative: zeros to append).
pub(crate) fn parts(text: &str) -> Result<(bool, u128, i32), DecimalError> {
    let (negative, unsigned) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    let (digits, exponent) = match unsigned.find(['e', 'E']) {
        Some(at) => {
            let exponent = unsigned[at..].get(1..).unwrap_or_default();
            let exponent: i32 = exponent.parse().map_err(|_| DecimalError::NotANumber)?;
            (&unsigned[..at], exponent)
        }
        None => (unsigned, 0),
    };
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    if whole.is_empty() && fraction.is_empty() {
        return Err(DecimalError::NotANumber);
    }
    if !(-60..=60).contains(&exponent) {
        return Err(DecimalError::TooManyDigits);
    }
    let fraction = fraction.trim_end_matches('0');
    let mut mantissa: u128 = 0;
    for byte in whole.bytes().chain(fraction.bytes()) {
        if !byte.is_ascii_digit() {
            return Err(DecimalError::NotANumber);
        }
        let digit = u128::from(byte.wrapping_sub(b'0'));
        mantissa = mantissa
            .checked_mul(10)
            .and_then(|shifted| shifted.checked_add(digit))
            .ok_or(DecimalError::TooManyDigits)?;
    }
    let places = i32::try_from(fraction.len()).map_err(|_| DecimalError::TooManyDigits)?;
    Ok((negative, mantissa, places.saturating_sub(exponent)))
}

/// Writes `mantissa / 10^scale` without trailing zeros.
pub(crate) fn write_scaled(
    f: &mut fmt::Formatter<'_>,
    negative: bool,
    mantissa: u128,
    scale: u32,
) -> fmt::Result {
    let sign = if negative && mantissa != 0 { "-" } else { "" };
    let Some(ten) = 10_u128.checked_pow(scale) else {
        return f.write_str("?");
    };
    let whole = mantissa.checked_div(ten).unwrap_or_default();
    let rest = mantissa.checked_rem(ten).unwrap_or_default();
    if rest == 0 {
        return write!(f, "{sign}{whole}");
    }
    let width = usize::try_from(scale).unwrap_or_default();
    let digits = format!("{rest:0width$}");
    write!(f, "{sign}{whole}.{}", digits.trim_end_matches('0'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_text_exactly_and_writes_it_short() {
        for (text, written) in [
            ("1.5", "1.5"),
            ("1.50", "1.5"),
            ("0.7", "0.7"),
            ("2", "2"),
            ("+2.0", "2"),
            ("1e3", "1000"),
            ("7.5e-08", "0.000000075"),
            (".5", "0.5"),
            ("0", "0"),
            ("-0.0", "0"),
            ("1.25E-06", "0.00000125"),
        ] {
            assert_eq!(text.parse::<Decimal>().unwrap().to_string(), written, "{text}");
        }
    }

    #[test]
    fn refuses_what_it_cannot_hold() {
        for (text, error) in [
            ("", DecimalError::NotANumber),
            ("-", DecimalError::NotANumber),
            (".", DecimalError::NotANumber),
            ("1.2.3", DecimalError::NotANumber),
            ("0x10", DecimalError::NotANumber),
            (".inf", DecimalError::NotANumber),
            ("nan", DecimalError::NotANumber),
            ("1e", DecimalError::NotANumber),
            ("-1.5", DecimalError::Negative),
            ("1e400", DecimalError::TooManyDigits),
            ("1.0000000000000000000001", DecimalError::TooManyDigits),
        ] {
            assert_eq!(text.parse::<Decimal>(), Err(error), "{text}");
        }
    }

    #[test]
    fn orders_by_value() {
        let value = |text: &str| text.parse::<Decimal>().unwrap();
        let sorted = ["0", "0.0000001", "0.5", "0.75", "1", "1.000001", "10", "1e15"];
        for pair in sorted.windows(2) {
            assert!(value(pair[0]) < value(pair[1]), "{pair:?}");
        }
    }

    #[test]
    fn compares_fractions_without_dividing() {
        let limit: Decimal = "1.2".parse().unwrap();
        assert_eq!(limit.compare_fraction(12, 10), Some(Ordering::Equal));
        assert_eq!(limit.compare_fraction(12_001, 10_000), Some(Ordering::Greater));
        assert_eq!(limit.compare_fraction(11_999, 10_000), Some(Ordering::Less));
        assert_eq!(limit.compare_fraction(1, 0), None);
        assert_eq!(limit.compare_fraction(u128::MAX, 1), Some(Ordering::Greater));
    }
}
