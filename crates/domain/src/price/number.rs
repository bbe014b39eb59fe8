//! Reads a price from the text of a number: exact if the text is exact, with a note if it was a binary float.

use crate::money::{MoneyError, USD_PLACES, Usd};

/// Significant digits that a double always preserves; any further ones are noise of its binary form.
const DOUBLE_DIGITS: usize = 15;

/// Significant digits that must remain of a price that 18 decimal places cannot hold in full.
const LEFT_DIGITS: usize = 10;

/// Texts with digits or exponents beyond this are not prices.
const MOST_DIGITS: usize = 2_000;

/// A price, as read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Number {
    /// The amount.
    pub(super) usd: Usd,
    /// The decimal that was used for the text, if it differs.
    pub(super) taken: Option<String>,
}

/// Reads a price. A text that fits is read digit by digit. One that does not fit, because a program wrote a
/// binary float in full, becomes the decimal of the 15 digits that a double preserves, which is the shortest
/// form of that float. If even those are too many, as for a third, they are rounded up at the 18th place.
pub(super) fn read(text: &str) -> Result<Number, String> {
    let error = match text.parse::<Usd>() {
        Ok(usd) => return Ok(Number { usd, taken: None }),
        Err(error) => error,
    };
    if error == MoneyError::NotANumber {
        return Err(error.to_string());
    }
    let noise = Digits::of(text).filter(|digits| digits.digits.len() > DOUBLE_DIGITS);
    let usd = noise.and_then(|digits| {
        let kept = digits.kept(DOUBLE_DIGITS, false)?;
        kept.usd().or_else(|| {
            let places = i64::from(USD_PLACES).checked_sub(digits.places)?;
            let left = i64::try_from(digits.digits.len()).ok()?.checked_add(places)?;
            let left = usize::try_from(left).ok().filter(|left| *left >= LEFT_DIGITS)?;
            digits.kept(left, !digits.negative)?.usd()
        })
    });
    usd.map(|usd| Number { usd, taken: Some(usd.to_string()) }).ok_or_else(|| error.to_string())
}

/// A decimal: its significant digits, and how many of them are after the decimal point.
#[derive(Clone, Debug)]
struct Digits {
    negative: bool,
    digits: String,
    places: i64,
}

impl Digits {
    fn of(text: &str) -> Option<Self> {
        let (negative, unsigned) = text.strip_prefix('-').map_or((false, text), |rest| (true, rest));
        let unsigned = unsigned.strip_prefix('+').unwrap_or(unsigned);
        let (mantissa, exponent) = unsigned.split_once(['e', 'E']).unwrap_or((unsigned, "0"));
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let all = format!("{whole}{fraction}");
        if all.len() > MOST_DIGITS || !all.bytes().all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        let exponent: i64 = exponent.parse().ok()?;
        let digits = all.trim_start_matches('0').to_owned();
        let places = i64::try_from(fraction.len()).ok()?.checked_sub(exponent)?;
        Some(Self { negative, digits, places })
    }

    /// The first digits, rounded to nearest or up.
    fn kept(&self, count: usize, up: bool) -> Option<Self> {
        let first: u64 = self.digits.get(..count)?.parse().ok()?;
        let rest = self.digits.get(count..)?;
        let more = if up {
            rest.bytes().any(|byte| byte != b'0')
        } else {
            rest.bytes().next().is_some_and(|byte| byte >= b'5')
        };
        let cut = i64::try_from(rest.len()).ok()?;
        let digits = first.checked_add(u64::from(more))?.to_string();
        Some(Self { negative: self.negative, digits, places: self.places.checked_sub(cut)? })
    }

    fn usd(&self) -> Option<Usd> {
        let sign = if self.negative { "-" } else { "" };
        format!("{sign}{}e{}", self.digits, self.places.checked_neg()?).parse().ok()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_number_is_its_text_or_the_decimal_behind_its_float() {
        for (text, usd, said) in [
            ("1.25e-06", "0.00000125", false),
            ("0.000000000000000001", "0.000000000000000001", false),
            ("0.00000012500000000000001", "0.000000125", true),
            ("1.0000000000000001e-07", "0.0000001", true),
            ("2.9999900000000002e-06", "0.00000299999", true),
            ("9.499999999999999e-07", "0.00000095", true),
            ("0.1000000000000000055511151231257827021181583404541015625", "0.1", true),
            ("1.142857142857143e-07", "0.000000114285714286", true),
            ("8.142857142857142e-08", "0.000000081428571429", true),
            ("-1.0000000000000001e-07", "-0.0000001", true),
        ] {
            let number = read(text).unwrap();
            assert_eq!((number.usd.to_string().as_str(), number.taken.is_some()), (usd, said), "{text}");
        }
        for text in [
            "1e-19", "1.5e-18", "1e400", "1e-400", "1e30", "", "NaN", "inf", "Infinity", "free", "true",
            "1e-320",
        ] {
            assert!(read(text).is_err(), "{text}: {:?}", read(text));
        }
    }

    proptest! {
        /// Digits after the 15th are dropped from a price that is written in full, whether they are below or
        /// above it.
        #[test]
        fn noise_behind_the_digits_of_a_double_is_taken_off(price in 1_u64..1_000_000, places in 9_u32..13, noise in 1_u32..40, zeros in 0_usize..30) {
            let exact: Usd = format!("{price}e-{places}").parse().unwrap();
            let padding = 16 - price.to_string().len();
            let above = format!("{price}{}{noise}{}e-{}", "0".repeat(padding), "0".repeat(zeros), places as usize + padding + zeros + noise.to_string().len());
            let below = format!("{}{}{}e-{}", price - 1, "9".repeat(padding), "7".repeat(zeros + 1), places as usize + padding + zeros + 1);
            prop_assert_eq!(read(&above).unwrap().usd, exact, "{}", above);
            prop_assert_eq!(read(&below).unwrap().usd, exact, "{}", below);
        }
    }
}
