//! Figures of a replay in words.

use tollgate_domain::units::in_words;
use tollgate_replay::what_if::result::{Amounts, ShareView};

use super::{grouped, grouped_u64};

/// Differing tasks that are shown; all of them are in the result's files.
pub(super) const SHOWN_TASKS: usize = 50;

/// A share with its interval.
pub(super) fn share(share: &ShareView) -> String {
    match (&share.percent, &share.interval) {
        (Some(percent), Some([low, high])) => {
            format!("{} of {}: {percent} % ({low} to {high})", share.part, share.of)
        }
        (_, _) => "not enough data: none is known".to_owned(),
    }
}

/// How much of a limit was used; absent: the limit is 0.
pub(super) fn of_limit(percent: Option<u64>) -> String {
    percent.map_or_else(|| "limit 0".to_owned(), |percent| format!("{} %", grouped_u64(percent)))
}

/// Money for people, with what has no price.
pub(super) fn money(amounts: &Amounts) -> String {
    match unpriced(amounts) {
        none if none.is_empty() => amounts.cost_usd.clone(),
        some => format!("{} + {some} unpriced", amounts.cost_usd),
    }
}

/// Tokens and money for people.
pub(super) fn amounts(amounts: &Amounts) -> String {
    let unpriced = match unpriced(amounts) {
        none if none.is_empty() => none,
        some => format!("; {some} have no price"),
    };
    format!("{} tokens, {} USD{unpriced}", grouped(amounts.tokens), amounts.cost_usd)
}

/// What has no price: tokens and other units.
fn unpriced(amounts: &Amounts) -> String {
    let tokens =
        (amounts.unpriced_tokens != 0).then(|| format!("{} tokens", grouped(amounts.unpriced_tokens)));
    let units = Some(in_words(&amounts.unpriced_units)).filter(|units| !units.is_empty());
    tokens.into_iter().chain(units).collect::<Vec<_>>().join(" and ")
}
