//! How policies stand in their current windows, and how fast they are used up.

use std::collections::BTreeMap;
use std::time::Duration;

use tollgate_domain::budget::{
    Amount, BudgetState, Burn, Figures, Measure, PastWindow, Policy, SpentIn, Threshold, Window, burn, level,
    needed_by, past_window, standing,
};
use tollgate_domain::event::PolicyFigures;
use tollgate_domain::ids::TenantId;
use tollgate_domain::money::Usd;
use tollgate_domain::printable::grouped;
use tollgate_domain::time::Timestamp;
use tollgate_domain::zone::{Grain, Span, Zone};
use tollgate_projection::report::unit_totals;
use tollgate_wire::api::{BurnView, PolicyLevel, PolicyStatus};

use super::answer;
use super::figures::sums;
use crate::ledger::ask::Queries;
use crate::problem::Answer;

/// The most policies whose burn is looked at in one answer.
const BURNS: usize = 50;

/// Of which moment's windows: those of now, or earlier ones.
#[derive(Clone, Copy, Debug)]
pub(super) struct When {
    pub(super) now: Timestamp,
    /// In the window of this moment, which may be over.
    pub(super) at: Timestamp,
}

/// How a policy is judged.
enum Judged<'a> {
    /// In its current window, or as it ruled at an earlier moment.
    Open { version: u32, policy: &'a Policy, at: Timestamp },
    /// In a window that is over.
    Past(PastWindow<'a>),
}

impl When {
    /// The version by which a policy is judged; `None`: none ruled then.
    pub(super) fn version(self, state: &BudgetState, policy: &str) -> Option<u32> {
        Some(match self.judged(state, policy)? {
            Judged::Open { version, .. } => version,
            Judged::Past(past) => past.version,
        })
    }

    fn judged<'a>(self, state: &'a BudgetState, name: &'a str) -> Option<Judged<'a>> {
        if let Some(past) = past_window(state, name, self.at, self.now) {
            return Some(Judged::Past(past));
        }
        let history = state.policy(name)?;
        // Nothing to see in a window in which it did not rule: a moment in it says so.
        let is_earlier = || {
            let span = history
                .ruling_at(self.now)
                .and_then(|(_, policy)| policy.window.span_at(&policy.zone, self.now));
            span.is_some_and(|span| self.at < span.from)
        };
        let at = if is_earlier() { self.at } else { self.now };
        history.ruling_at(at).map(|(version, policy)| Judged::Open { version, policy, at })
    }
}

impl<'a> Judged<'a> {
    fn needed(&self, state: &BudgetState, name: &str) -> Vec<SpentIn> {
        match self {
            Self::Open { at, .. } => needed_by(state, name, None, *at),
            Self::Past(past) => past.needed(state),
        }
    }

    /// The current window, which goes on.
    const fn open(&self) -> Option<(&'a Policy, Timestamp)> {
        match self {
            Self::Open { policy, at, .. } => Some((policy, *at)),
            Self::Past(_) => None,
        }
    }

    fn status(
        &self,
        state: &BudgetState,
        name: &str,
        periods: &[Span],
        figures: &Figures,
    ) -> Option<PolicyStatus> {
        Some(match self {
            Self::Open { policy, at, .. } => {
                let found = standing(state, name, None, figures, *at)?;
                let burn =
                    found.window.and_then(|window| burn_of(policy, &found, window, periods, figures, *at));
                PolicyStatus { burn, ..status(policy, &found) }
            }
            Self::Past(past) => {
                let found = status(past.policy, &past.stood(state, figures)?);
                PolicyStatus { is_over: true, made_later: !past.ruled, ..found }
            }
        })
    }
}

/// How these policies stand, and the position for which that is true. Those that do not rule then, or look at tasks or
/// sessions one by one, are left out; of windows before a policy, it says what had been spent.
pub(super) async fn of(
    ask: &Queries,
    tenant: &TenantId,
    state: &BudgetState,
    whens: &BTreeMap<&str, When>,
    up_to: Duration,
) -> Answer<(BTreeMap<String, PolicyStatus>, String)> {
    let (mut asked, mut wanted) = (Vec::new(), Vec::new());
    for (&name, when) in whens {
        let Some(judged) = when.judged(state, name) else { continue };
        let sums = judged.needed(state, name);
        if sums.is_empty() {
            continue;
        }
        asked.extend(sums);
        let burning = judged.open().filter(|_| wanted.len() < BURNS);
        let periods = burning.map(|(policy, at)| periods(policy, at)).unwrap_or_default();
        let scope = burning.map(|(policy, _)| policy.scope.clone()).unwrap_or_default();
        asked.extend(periods.iter().map(|&span| SpentIn { scope: scope.clone(), span: Some(span) }));
        wanted.push((name, judged, periods));
    }
    let open: Vec<&str> =
        whens.keys().flat_map(|name| state.open_under(name).map(|(allocation, _)| allocation)).collect();
    let figures = sums(ask, tenant, asked, open, up_to).await?;
    let found = wanted.into_iter().filter_map(|(name, judged, periods)| {
        Some((name.to_owned(), judged.status(state, name, &periods, &figures)?))
    });
    Ok((found.collect(), figures.as_of.clone()))
}

/// The whole periods of the current window that are over, for the burn.
fn periods(policy: &Policy, now: Timestamp) -> Vec<Span> {
    let Some(grain) = period_of(policy.window) else { return Vec::new() };
    let Some(window) = policy.window.span_at(&policy.zone, now) else { return Vec::new() };
    let mut spans = Vec::new();
    let mut at = window.from;
    while let Some(span) = policy.zone.span_of(grain, at) {
        if span.to > now || span.to > window.to || spans.len() >= 400 {
            break;
        }
        spans.push(Span { from: span.from.max(window.from), to: span.to });
        at = span.to;
    }
    spans
}

/// By which periods a window's burn is looked at.
const fn period_of(window: Window) -> Option<Grain> {
    match window {
        Window::Daily => Some(Grain::Hour),
        Window::Weekly | Window::Monthly | Window::Fixed(_) => Some(Grain::Day),
        Window::Hourly | Window::PerSession | Window::PerTask => None,
    }
}

/// Without the burn.
fn status(policy: &Policy, found: &PolicyFigures) -> PolicyStatus {
    let counted = found.booked.plus(found.reserved);
    let worst = counted.plus(Amount { tokens: 0, usd: found.unpriced.usd });
    PolicyStatus {
        is_over: false,
        made_later: false,
        window_from: found.window.map(|span| span.from.to_string()),
        window_to: found.window.map(|span| span.to.to_string()),
        limit: answer::limit(found.limit),
        booked: answer::amount(found.booked),
        reserved: answer::amount(found.reserved),
        unpriced: answer::unpriced(found.unpriced),
        unpriced_units: unit_totals(&found.unpriced_units),
        remaining_least: answer::remaining(found.limit, worst),
        remaining_most: answer::remaining(found.limit, found.booked),
        level: reached(policy, found),
        burn: None,
    }
}

/// The level that is reached, by what the policy compares with its thresholds.
pub(super) fn reached(policy: &Policy, found: &PolicyFigures) -> PolicyLevel {
    let counted = found.booked.plus(found.reserved);
    let measured = match policy.measure {
        Measure::Booked => found.booked,
        Measure::Reserved => counted,
        Measure::Worst => counted.plus(Amount { tokens: 0, usd: found.unpriced.usd }),
    };
    match level(policy, measured, found.limit) {
        None => PolicyLevel::Within,
        Some(reached) if reached == Threshold::LIMIT => PolicyLevel::Exhausted,
        Some(reached) if reached == policy.act_at => PolicyLevel::Action,
        Some(_) => PolicyLevel::Warning,
    }
}

fn burn_of(
    policy: &Policy,
    found: &PolicyFigures,
    window: Span,
    periods: &[Span],
    figures: &Figures,
    now: Timestamp,
) -> Option<BurnView> {
    let grain = period_of(policy.window)?;
    let (period, period_ms) = if grain == Grain::Hour { ("hour", 3_600_000) } else { ("day", 86_400_000) };
    let spent = |span: &Span| {
        let sum = SpentIn { scope: policy.scope.clone(), span: Some(*span) };
        figures.spent.get(&sum).map(|(spent, _)| Amount::from(spent)).unwrap_or_default()
    };
    let whole: Vec<Amount> = periods.iter().map(spent).collect();
    let burned = burn(window, period_ms, &whole, found.booked, found.limit, now)?;
    // A rate of money that leaves out what nobody knows the cost of says so.
    let is_partial = policy.limit.usd.is_some() && found.unpriced.usd > Usd::ZERO;
    let without = if is_partial { ", without what has no price" } else { "" };
    Some(BurnView {
        per_period: answer::amount(burned.per_period),
        period: period.to_owned(),
        periods: u32::try_from(whole.len()).unwrap_or(u32::MAX),
        by_end: answer::amount(burned.by_end),
        exhausted_at: burned.exhausted_at.map(|at| at.to_string()),
        exhausted_earliest: burned.earliest.map(|at| at.to_string()),
        exhausted_latest: burned.latest.map(|at| at.to_string()),
        sentence: format!("{}{without}", sentence(policy, &burned, period, found.booked, now)),
    })
}

/// `at 5 USD a day the limit is reached on 2026-11-19 (2026-11-18 to 2026-11-21)`.
fn sentence(policy: &Policy, burned: &Burn, period: &str, booked: Amount, now: Timestamp) -> String {
    let article = if period == "hour" { "an" } else { "a" };
    let rate = if policy.limit.usd.is_some() {
        format!("{} USD {article} {period}", cents(burned.per_period.usd))
    } else {
        format!("{} tokens {article} {period}", tokens(burned.per_period.tokens))
    };
    let day = |at: Timestamp| shown(&policy.zone, at, period);
    match (burned.exhausted_at, burned.earliest, burned.latest) {
        (Some(at), ..) if at <= now => "the limit is reached".to_owned(),
        (Some(at), Some(earliest), Some(latest)) => {
            format!("at {rate} the limit is reached on {} ({} to {})", day(at), day(earliest), day(latest))
        }
        (Some(at), Some(earliest), None) => {
            format!("at {rate} the limit is reached on {} ({} at the earliest)", day(at), day(earliest))
        }
        (Some(at), None, _) => format!("at {rate} the limit is reached on {}", day(at)),
        (None, Some(earliest), _) => {
            format!(
                "at {rate} the limit lasts to the window's end; with only its dearest {period}s, to {}",
                day(earliest)
            )
        }
        (None, None, _) => {
            let by_end = if policy.limit.usd.is_some() {
                format!("{} USD", cents(burned.by_end.usd))
            } else {
                format!("{} tokens", tokens(burned.by_end.tokens.max(booked.tokens)))
            };
            format!("at {rate} the limit lasts to the window's end: {by_end} by then")
        }
    }
}

/// A forecast to the nearest cent, or to two digits if it is less: it is none that has eighteen places. Where
/// corrections gave back more than was spent, nothing.
fn cents(usd: Usd) -> Usd {
    const CENT: i128 = 10_000_000_000_000_000;
    let units = usd.units().max(0);
    let mut step = CENT;
    while step > 1 && units < step.saturating_mul(10) && units < CENT {
        step = step.div_euclid(10);
    }
    let nearest = units.saturating_add(step.div_euclid(2)).div_euclid(step);
    Usd::from_units(nearest.saturating_mul(step))
}

/// Tokens in groups of three.
fn tokens(count: i128) -> String {
    grouped(count.max(0).unsigned_abs())
}

/// A day of the zone, or a moment where hours count.
fn shown(zone: &Zone, at: Timestamp, period: &str) -> String {
    const MINUTE: i64 = 60_000_000;
    if period != "hour" {
        return zone.day_of(at).to_string();
    }
    let minute = at.micros().div_euclid(MINUTE).saturating_mul(MINUTE);
    Timestamp::from_micros(minute).unwrap_or(at).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_has_cents_or_two_digits() {
        for (usd, shown) in [
            ("12.345678", "12.35"),
            ("12.344999", "12.34"),
            ("0.01999", "0.02"),
            ("0.0095", "0.0095"),
            ("0.00012345", "0.00012"),
            ("0.00012951", "0.00013"),
            ("-0.034122793410761263", "0"),
            ("0.000000000000000001", "0.000000000000000001"),
            ("0", "0"),
        ] {
            assert_eq!(cents(usd.parse().unwrap()).to_string(), shown, "{usd}");
        }
        let at = "2026-11-20T16:24:59.123456Z".parse().unwrap();
        assert_eq!(self::shown(&Zone::utc(), at, "hour"), "2026-11-20T16:24:00Z");
    }
}
