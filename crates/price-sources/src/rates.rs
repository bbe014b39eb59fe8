//! Rates in the form of the price book, from amounts as other lists write them.

use tollgate_domain::money::Usd;

/// How many tokens a price is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Per(pub(crate) i128);

impl Per {
    pub(crate) const MILLION: Self = Self(1_000_000);

    /// The amount for one token, as text. `None`: not a price, negative, or finer than 10⁻¹⁸ USD.
    pub(crate) fn token(self, amount: &str) -> Option<String> {
        let usd: Usd = amount.parse().ok()?;
        let (units, rest) = (usd.units().checked_div(self.0)?, usd.units().checked_rem(self.0)?);
        (usd >= Usd::ZERO && rest == 0).then(|| Usd::from_units(units).to_string())
    }

    /// The amount in what people write: `$1.25`, `1.25 USD`, `$0.15 / 1M tokens`. Exactly one number, nothing that it
    /// could be of instead of dollars, and no other number of tokens than this.
    pub(crate) fn amount(self, text: &str) -> Option<String> {
        let before_unit = text.split(['/', '(']).next().unwrap_or_default();
        let unit = text.get(before_unit.len()..).unwrap_or_default().to_lowercase().replace([',', ' '], "");
        let stated = if ["1m", "mtok", "million", "1000000"].iter().any(|word| unit.contains(word)) {
            Some(1_000_000)
        } else if ["1k", "ktok", "thousand", "1000"].iter().any(|word| unit.contains(word)) {
            Some(1000)
        } else if unit == "/token" || unit.contains("pertoken") {
            Some(1)
        } else {
            None
        };
        if stated.is_some_and(|tokens| tokens != self.0) {
            return None;
        }
        let plain = before_unit.replace("US$", "").replace("USD", "").replace('$', "");
        let plain = without_thousands_separators(plain.trim())?;
        let is_number = !plain.is_empty() && plain.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
        // JSON's own form of a number may have an exponent.
        let is_json = serde_json::from_str::<serde_json::Number>(&plain).is_ok();
        (is_number || is_json).then_some(plain)
    }
}

/// `1,250.00` as `1250.00`. `None`: a comma stands where none belongs, such as the decimal one of `0,15`.
fn without_thousands_separators(number: &str) -> Option<String> {
    let whole = number.split('.').next().unwrap_or_default();
    let mut groups = whole.split(',');
    let first = groups.next().unwrap_or_default();
    let mut others = groups.peekable();
    let is_grouped = others.peek().is_none() || (1..=3).contains(&first.len());
    let is_grouped =
        is_grouped && others.all(|group| group.len() == 3) && !number[whole.len()..].contains(',');
    is_grouped.then(|| number.replace(',', ""))
}

/// A JSON object of fields.
pub(crate) fn object(fields: &[(String, String)]) -> String {
    let one =
        |(name, value): &(String, String)| format!("{}: {value}", serde_json::Value::from(name.as_str()));
    format!("{{{}}}", fields.iter().map(one).collect::<Vec<_>>().join(", "))
}

/// A JSON text.
pub(crate) fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_people_write_is_one_amount_or_none() {
        for (text, expected) in [
            ("$1.25", Some("1.25")),
            (" 1.25 USD ", Some("1.25")),
            ("$0.15 / 1M tokens", Some("0.15")),
            ("US$1,250.00", Some("1250.00")),
            ("$1,250,000", Some("1250000")),
            ("$0,15", None),
            ("$1.250,00", None),
            ("$1250,000", None),
            ("$0.15 / 1K tokens", None),
            ("$0.15 (per 1,000 tokens)", None),
            ("$0.15 / token", None),
            ("$0.15 (input)", Some("0.15")),
            ("1.5e-7", Some("1.5e-7")),
            ("Free", None),
            ("$1.25 – $2.50", None),
            ("€1.25", None),
            ("", None),
            ("-", None),
        ] {
            assert_eq!(Per::MILLION.amount(text).as_deref(), expected, "{text}");
        }
    }

    #[test]
    fn a_rate_is_exact_or_none() {
        for (per, amount, expected) in [
            (Per::MILLION, "1.25", Some("0.00000125")),
            (Per(1000), "0.0000001", Some("0.0000000001")),
            (Per(1), "1.5e-7", Some("0.00000015")),
            (Per::MILLION, "0.0000000000001", None),
            (Per::MILLION, "-1", None),
        ] {
            assert_eq!(per.token(amount).as_deref(), expected, "{amount}");
        }
    }
}
