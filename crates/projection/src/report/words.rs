//! Numbers in readable form: thousands separated, units named, nouns agreeing with their counts.

use std::collections::BTreeMap;

use tollgate_domain::breach::Utilization;
use tollgate_domain::gate::grouped;
use tollgate_domain::units;
use tollgate_wire::api::{ExecutionReport, ReportTotals, UsageOutside};

/// `1 token`, `1,234 tokens`.
pub(super) fn counted(number: u128, noun: &str) -> String {
    format!("{} {noun}{}", grouped(number), if number == 1 { "" } else { "s" })
}

/// Like [`counted`], for a number that corrections may have made negative.
pub(super) fn counted_signed(number: i128, noun: &str) -> String {
    let sign = if number < 0 { "-" } else { "" };
    format!("{sign}{}", counted(number.unsigned_abs(), noun))
}

/// `1 token is`, `1,234 tokens are`.
pub(super) fn tokens_are(number: u128) -> String {
    format!("{} {}", counted(number, "token"), if number == 1 { "is" } else { "are" })
}

/// `-1,234`.
pub(super) fn signed(number: i128) -> String {
    let sign = if number < 0 { "-" } else { "" };
    format!("{sign}{}", grouped(number.unsigned_abs()))
}

/// Milliseconds as seconds with one decimal, rounded half up; the unit is in a column's head or follows.
pub(super) fn seconds(ms: u128) -> String {
    let tenths = ms.saturating_add(50).div_euclid(100);
    format!("{}.{}", grouped(tenths.div_euclid(10)), tenths.rem_euclid(10))
}

/// `15,234 / 12,000 (127%)`.
pub(super) fn tokens_of_limit(tokens: &Utilization) -> String {
    format!("{} / {}{}", grouped(tokens.used), grouped(tokens.limit), percent(tokens))
}

/// `15,234 / 12,000 tokens (127%)`, for the middle of a sentence.
pub(super) fn used_of_limit(tokens: &Utilization) -> String {
    format!("{} / {} tokens{}", grouped(tokens.used), grouped(tokens.limit), percent(tokens))
}

/// `449,000 / 762,400 ms (59%)`, as the gate writes it.
pub(super) fn latency_of_limit(latency: &Utilization) -> String {
    format!("{} / {} ms{}", grouped(latency.used), grouped(latency.limit), percent(latency))
}

/// `449.0s / 762.4s (59%)`, next to tables in seconds.
pub(super) fn seconds_of_limit(latency: &Utilization) -> String {
    format!("{}s / {}s{}", seconds(latency.used), seconds(latency.limit), percent(latency))
}

fn percent(utilization: &Utilization) -> String {
    utilization.shown_percent().map(|percent| format!(" ({percent}%)")).unwrap_or_default()
}

/// What is missing from a cost, as text following it: `, and 1,234 unpriced tokens`.
pub(super) fn beside_cost(unpriced_tokens: i128, unpriced_units: &BTreeMap<String, i64>) -> String {
    let tokens = counted(unpriced_tokens.unsigned_abs(), "unpriced token");
    let tokens = match unpriced_tokens {
        0 => String::new(),
        1.. => format!(", and {tokens}"),
        // A correction of usage that was not found has no price to refund.
        _ => format!(", less {tokens}"),
    };
    if unpriced_units.is_empty() {
        return tokens;
    }
    format!("{tokens}, and {} without a price", units::in_words(unpriced_units))
}

/// What an execution cost, in US dollars, and how many of its tokens have no price.
pub(super) fn cost_of(execution: &ExecutionReport) -> String {
    let unpriced = beside_cost(execution.unpriced_tokens.into(), &execution.unpriced_units);
    format!("{}{unpriced}", execution.cost_usd)
}

/// What belongs to no execution, by name and with the reason, so that the rows of a report add up to its totals.
pub(super) fn outside(
    totals: &ReportTotals,
) -> impl Iterator<Item = (&'static str, &UsageOutside, &'static str)> {
    let parts = [
        ("unphased", &totals.unphased, "no phase named"),
        ("unmatched", &totals.unmatched, "phase not started"),
    ];
    parts.into_iter().filter_map(|(name, used, why)| Some((name, used.as_ref()?, why)))
}

/// What it cost, in US dollars, and what of it has no price.
pub(super) fn cost_outside(used: &UsageOutside) -> String {
    format!("{}{}", used.cost_usd, beside_cost(used.unpriced_tokens.into(), &used.unpriced_units))
}

/// One of the ledger's own sentences with the thousands of its bare numbers separated.
pub(super) fn with_thousands(sentence: &str) -> String {
    let word = |word: &str| match word.parse::<u128>() {
        Ok(number) => grouped(number),
        Err(_) => word.to_owned(),
    };
    sentence.split(' ').map(word).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nouns_and_verbs_follow_their_counts() {
        assert_eq!([0, 1, 1031].map(|count| counted(count, "file")), ["0 files", "1 file", "1,031 files"]);
        assert_eq!([1, -1_031].map(|count| counted_signed(count, "token")), ["1 token", "-1,031 tokens"]);
        assert_eq!([1, 2].map(tokens_are), ["1 token is", "2 tokens are"]);
        let none = BTreeMap::new();
        let beside = [0, 1, -2].map(|tokens| beside_cost(tokens, &none));
        assert_eq!(beside, ["", ", and 1 unpriced token", ", less 2 unpriced tokens"]);
        let images = BTreeMap::from([("output_images".to_owned(), 2)]);
        assert_eq!(beside_cost(0, &images), ", and 2 output images without a price");
    }

    #[test]
    fn numbers_have_their_thousands_apart_and_their_units() {
        assert_eq!([0, 49, 50, 59_950, 1_234_567].map(seconds), ["0.0", "0.0", "0.1", "60.0", "1,234.6"]);
        assert_eq!([0, -1234].map(signed), ["0", "-1,234"]);
        assert_eq!(tokens_of_limit(&Utilization::new(15_234_u64, 12_000_u64)), "15,234 / 12,000 (127%)");
        assert_eq!(tokens_of_limit(&Utilization::new(5_u64, 0_u64)), "5 / 0");
        assert_eq!(used_of_limit(&Utilization::new(5_u64, 0_u64)), "5 / 0 tokens");
        let latency = Utilization::new(449_000_u64, 762_400_u64);
        assert_eq!(latency_of_limit(&latency), "449,000 / 762,400 ms (59%)");
        assert_eq!(seconds_of_limit(&latency), "449.0s / 762.4s (59%)");
        let sentence = "limit of P2024 set to 16000 tokens and 400000 ms";
        assert_eq!(with_thousands(sentence), "limit of P2024 set to 16,000 tokens and 400,000 ms");
    }
}
