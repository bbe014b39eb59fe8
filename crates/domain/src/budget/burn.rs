//! How fast a limit is used up, and when it is gone at that rate.

use super::{Amount, AmountLimit};
use crate::money::Usd;
use crate::time::Timestamp;
use crate::zone::Span;

/// How fast a limit is used up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Burn {
    /// What a period costs on average, over all time of the window so far.
    pub per_period: Amount,
    /// What is spent by the end of the window at that rate.
    pub by_end: Amount,
    /// When the limit is gone at that rate; `None`: not before the window ends.
    pub exhausted_at: Option<Timestamp>,
    /// When it is gone if every period is as dear as the dearest whole one so far, or as all of them with the one that
    /// runs, if that is sooner.
    pub earliest: Option<Timestamp>,
    /// When it is gone if every period is as cheap as the cheapest whole one so far, or as all of them with the one
    /// that runs, if that is later.
    pub latest: Option<Timestamp>,
}

/// The burn of a window, from what was spent in each of its whole periods so far and in all of it until now. `None`:
/// nothing was spent yet, or the window has just begun.
#[must_use]
pub fn burn(
    window: Span,
    period_ms: i64,
    whole: &[Amount],
    booked: Amount,
    limit: AmountLimit,
    now: Timestamp,
) -> Option<Burn> {
    let elapsed = now.millis_since(window.from);
    let length = window.to.millis_since(window.from);
    if booked == Amount::NOTHING || elapsed <= 0 || elapsed >= length || period_ms <= 0 {
        return None;
    }
    let over = |amount: Amount, ms: i64| {
        let part =
            |value: i128| value.saturating_mul(ms.into()).checked_div(elapsed.into()).unwrap_or_default();
        Amount { tokens: part(amount.tokens), usd: Usd::from_units(part(amount.usd.units())) }
    };
    let left = limit.left_after(booked);
    let gone = |rate: Amount, per_ms: i64| {
        let at = [
            limit.tokens.map(|_| (left.tokens, rate.tokens)),
            limit.usd.map(|_| (left.usd.units(), rate.usd.units())),
        ];
        let ms = at.into_iter().flatten().filter_map(|(left, rate)| {
            let ms = left.checked_mul(per_ms.into())?.checked_div(rate).filter(|_| rate > 0)?;
            i64::try_from(ms).ok()
        });
        let at = now.plus_millis(ms.min()?);
        (at < window.to).then_some(at)
    };
    let by = |most: bool| {
        let each = |of: fn(&Amount) -> i128| {
            let values = whole.iter().map(of);
            if most { values.max() } else { values.min() }
        };
        let rate = Amount {
            tokens: each(|amount| amount.tokens)?,
            usd: Usd::from_units(each(|amount| amount.usd.units())?),
        };
        gone(rate, period_ms)
    };
    let exhausted_at = gone(booked, elapsed);
    // The period that runs may be dearer than any whole one, or cheaper.
    let earliest = match (by(true), exhausted_at) {
        (Some(dearest), Some(at)) => Some(dearest.min(at)),
        (None, Some(at)) if !whole.is_empty() => Some(at),
        (dearest, _) => dearest,
    };
    let latest = by(false).zip(exhausted_at).map(|(cheapest, at)| cheapest.max(at));
    Some(Burn {
        per_period: over(booked, period_ms),
        by_end: over(booked, length),
        exhausted_at,
        earliest,
        latest,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY_MS: i64 = 86_400_000;

    fn usd(text: &str) -> Amount {
        Amount { tokens: 0, usd: text.parse().unwrap() }
    }

    fn november() -> Span {
        Span { from: "2026-11-01T00:00:00Z".parse().unwrap(), to: "2026-12-01T00:00:00Z".parse().unwrap() }
    }

    fn limit(text: &str) -> AmountLimit {
        AmountLimit { tokens: None, usd: Some(text.parse().unwrap()) }
    }

    #[test]
    fn at_this_rate_the_monthly_budget_is_gone_on_the_nineteenth() {
        // Ten days at 5 USD on average; 42.50 are left for another eight and a half.
        let whole: Vec<Amount> = (0..10).map(|day| usd(if day % 2 == 0 { "4" } else { "6" })).collect();
        let now = "2026-11-11T00:00:00Z".parse().unwrap();
        let burn = burn(november(), DAY_MS, &whole, usd("50"), limit("92.5"), now).unwrap();
        assert_eq!((burn.per_period, burn.by_end), (usd("5"), usd("150")));
        let at = |at: Option<Timestamp>| at.map(|at| at.to_string());
        assert_eq!(at(burn.exhausted_at).as_deref(), Some("2026-11-19T12:00:00Z"));
        assert_eq!(at(burn.earliest).as_deref(), Some("2026-11-18T02:00:00Z"));
        assert_eq!(at(burn.latest).as_deref(), Some("2026-11-21T15:00:00Z"));
    }

    #[test]
    fn the_period_that_runs_may_be_dearer_or_cheaper_than_all_whole_ones() {
        let now: Timestamp = "2026-11-03T00:00:00Z".parse().unwrap();
        for (booked, earliest, latest) in [
            // 20 of 42 USD on the day that has just begun: at 11 USD a day the other 20 last less than two days.
            ("22", Some("2026-11-04T19:38:10.909Z"), Some("2026-11-23T00:00:00Z")),
            // 1 USD in two days: neither at that rate nor at the cheapest before the window ends.
            ("1", None, None),
        ] {
            let burn = burn(november(), DAY_MS, &[usd("1")], usd(booked), limit("42"), now).unwrap();
            let at = |at: Option<Timestamp>| at.map(|at| at.to_string());
            assert_eq!(
                (at(burn.earliest).as_deref(), at(burn.latest).as_deref()),
                (earliest, latest),
                "{booked}"
            );
            assert!(burn.earliest <= burn.exhausted_at, "{booked}");
        }
    }

    #[test]
    fn what_lasts_longer_than_the_window_is_not_exhausted() {
        let now = "2026-11-11T00:00:00Z".parse().unwrap();
        let lasting = burn(november(), DAY_MS, &[], usd("10"), limit("100"), now).unwrap();
        assert_eq!((lasting.exhausted_at, lasting.earliest, lasting.by_end), (None, None, usd("30")));
        let gone = burn(november(), DAY_MS, &[], usd("110"), limit("100"), now).unwrap();
        assert_eq!(gone.exhausted_at, Some(now), "there is nothing left");
        let nothing = [(usd("0"), now), (usd("1"), november().from), (usd("1"), november().to)];
        for (booked, now) in nothing {
            assert_eq!(burn(november(), DAY_MS, &[], booked, limit("100"), now), None);
        }
    }

    #[test]
    fn of_two_limits_the_one_that_is_gone_first_counts() {
        let now = "2026-11-11T00:00:00Z".parse().unwrap();
        let both = AmountLimit { tokens: Some(2000), usd: Some("1000".parse().unwrap()) };
        let booked = Amount { tokens: 1000, usd: "1".parse().unwrap() };
        let burn = burn(november(), DAY_MS, &[], booked, both, now).unwrap();
        assert_eq!(burn.exhausted_at, Some("2026-11-21T00:00:00Z".parse().unwrap()));
    }
}
