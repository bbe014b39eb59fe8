//! Numbers as clients write them, and shares as they read them.

use tollgate_domain::money::Usd;

use crate::json::Json;

/// The most places that money has.
const PLACES: usize = 18;

/// Digits of shares behind the point.
const SHARE_PLACES: u32 = 6;

/// How a client reads the share of a limit that is used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Share {
    /// 0.5 for half.
    Fraction,
    /// 50 for half.
    Percent,
}

/// A JSON number without an exponent, cut behind what money has places for; `None`: it is none, or of a size that no
/// amount has.
pub(crate) fn plain(literal: &str) -> Option<String> {
    let (negative, digits) = match literal.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, literal),
    };
    let (mantissa, exponent) = match digits.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, exponent.parse::<i32>().ok()?),
        None => (digits, 0),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let all: String = [whole, fraction].concat();
    if all.is_empty() || !all.bytes().all(|byte| byte.is_ascii_digit()) || exponent.unsigned_abs() > 40 {
        return None;
    }
    let point = i32::try_from(whole.len()).ok()?.checked_add(exponent)?;
    let (whole, fraction) = match usize::try_from(point) {
        Ok(point) if point >= all.len() => (format!("{all}{}", "0".repeat(point - all.len())), String::new()),
        Ok(point) => (all[..point].to_owned(), all[point..].to_owned()),
        Err(_) => (String::new(), format!("{}{all}", "0".repeat(usize::try_from(-point).ok()?))),
    };
    let fraction: String = fraction.chars().take(PLACES).collect();
    let (whole, fraction) = (whole.trim_start_matches('0'), fraction.trim_end_matches('0'));
    let whole = if whole.is_empty() { "0" } else { whole };
    let sign = if negative && !(whole == "0" && fraction.is_empty()) { "-" } else { "" };
    Some(if fraction.is_empty() { format!("{sign}{whole}") } else { format!("{sign}{whole}.{fraction}") })
}

/// The share that a part has of a whole, rounded down at six places. Of nothing it is 0.
pub(crate) fn share(part: i128, whole: i128, as_read: Share) -> Json {
    let scale = match as_read {
        Share::Fraction => 1,
        Share::Percent => 100,
    };
    // Amounts of money have up to 38 digits; the last ones say nothing about six places.
    let (mut part, mut whole) = (part.max(0), whole);
    while part > 1_000_000_000_000_000_000_000_000_000 || whole > 1_000_000_000_000_000_000_000_000_000 {
        (part, whole) = (part / 10, whole / 10);
    }
    if whole <= 0 {
        return Json::from(0);
    }
    let power = 10_i128.pow(SHARE_PLACES);
    let parts = part * scale * power / whole;
    let text = format!("{}.{:06}", parts / power, parts % power);
    Json::Number(plain(&text).unwrap_or(text))
}

/// The same of money.
pub(crate) fn share_of_money(part: Usd, whole: Usd, as_read: Share) -> Json {
    share(part.units(), whole.units(), as_read)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exponents_become_places() {
        for (literal, written) in [
            ("10", Some("10")),
            ("-2.50", Some("-2.5")),
            ("1e-7", Some("0.0000001")),
            ("7.5E-8", Some("0.000000075")),
            ("1.5e3", Some("1500")),
            ("12e+2", Some("1200")),
            ("0.10", Some("0.1")),
            ("1e-20", Some("0")),
            ("-0.0", Some("0")),
            ("0.30000000000000004", Some("0.30000000000000004")),
            ("1e400", None),
            ("abc", None),
            ("", None),
        ] {
            assert_eq!(plain(literal).as_deref(), written, "{literal}");
        }
    }

    #[test]
    fn shares_are_rounded_down_at_six_places() {
        for (part, whole, as_read, written) in [
            (1, 2, Share::Fraction, "0.5"),
            (1, 2, Share::Percent, "50"),
            (1, 3, Share::Percent, "33.333333"),
            (3, 2, Share::Fraction, "1.5"),
            (1, 0, Share::Fraction, "0"),
            (-1, 2, Share::Percent, "0"),
        ] {
            assert_eq!(share(part, whole, as_read), Json::Number(written.to_owned()), "{part}/{whole}");
        }
        let (used, limit) = ("2.5".parse().expect("usd"), "100".parse().expect("usd"));
        assert_eq!(share_of_money(used, limit, Share::Percent), Json::Number("2.5".to_owned()));
    }
}
