//! Which tasks or sessions spent the largest part of a limit that each of them has for itself.

use std::cmp::Reverse;

use tollgate_domain::budget::{Amount, AmountLimit};

use super::Summary;

/// The groups of a summary by one dimension that spent the largest part of a limit, the largest first, at most so many.
#[must_use]
pub fn nearest_to(summary: &Summary, limit: AmountLimit, most: usize) -> Vec<String> {
    let named = summary.groups.iter().filter_map(|(key, sums)| {
        let of = key.values.first()?.as_ref()?;
        Some((of, part(Amount::from(&sums.spent), limit)))
    });
    let mut named: Vec<(&String, i128)> = named.collect();
    named.sort_by_key(|(of, part)| (Reverse(*part), *of));
    named.into_iter().take(most).map(|(of, _)| of.clone()).collect()
}

/// The larger of both parts, in millionths.
fn part(spent: Amount, limit: AmountLimit) -> i128 {
    const MILLION: i128 = 1_000_000;
    let of = |spent: i128, limit: i128| {
        let part = spent.max(0).saturating_mul(MILLION).checked_div(limit);
        // Of nothing, anything is too much.
        part.unwrap_or(if spent > 0 { i128::MAX } else { 0 })
    };
    let tokens = limit.tokens.map_or(0, |limit| of(spent.tokens, i128::from(limit)));
    tokens.max(limit.usd.map_or(0, |limit| of(spent.usd.units(), limit.units())))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spending::{GroupKey, UsageSums};
    use tollgate_domain::budget::Spent;

    #[test]
    fn the_larger_part_of_tokens_and_money_counts() {
        let mut summary = Summary::default();
        for (of, tokens, usd) in [
            (Some("a"), 10, "0.5"),
            (Some("b"), 90, "0"),
            (Some("c"), 10, "0.95"),
            (None, 100, "9"),
            (Some("d"), -5, "-1"),
        ] {
            let spent = Spent { tokens, usd: usd.parse().unwrap(), ..Spent::default() };
            let key = GroupKey { period: None, values: vec![of.map(str::to_owned)] };
            summary.groups.insert(key, UsageSums { spent, ..UsageSums::default() });
        }
        let usd = |text: &str| Some(text.parse().unwrap());
        for (limit, most, expected) in [
            (AmountLimit { tokens: Some(100), usd: usd("1") }, 9, "c b a d"),
            (AmountLimit { tokens: Some(100), usd: None }, 9, "b a c d"),
            (AmountLimit { tokens: None, usd: usd("1") }, 2, "c a"),
            (AmountLimit { tokens: Some(0), usd: usd("1") }, 3, "a b c"),
        ] {
            assert_eq!(nearest_to(&summary, limit, most).join(" "), expected, "{limit:?}");
        }
    }
}
