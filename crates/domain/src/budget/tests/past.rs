//! Windows that are over.

use super::super::testing::{begin, policy};
use super::super::{BudgetState, Policy, Window, decide, past_window};
use super::*;
use crate::zone::Span;

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn state(versions: &[Policy]) -> BudgetState {
    let mut state = BudgetState::default();
    for version in versions {
        let event = decide::set_policy(&state, version.clone(), None, None, None).unwrap();
        state.apply(&event);
    }
    state
}

#[test]
fn a_window_that_is_over_is_judged_by_its_end() {
    let from = |from: &str| Policy { from: at(from), ..policy("p") };
    let daily = policy("p");
    let ended = Policy { to: Some(at("2026-11-10T12:00:00Z")), ..daily.clone() };
    let again = Policy { from: at("2026-11-12T00:00:00Z"), ..daily.clone() };
    let monthly = Policy { window: Window::Monthly, ..from("2026-11-10T06:00:00Z") };
    let off = Policy { enabled: false, ..from("2026-11-12T00:00:00Z") };
    let now = "2026-11-20T08:00:00Z";
    for (versions, moment, expected) in [
        (vec![daily.clone()], "2026-11-10T03:00:00Z", Some(("2026-11-10T23:59:59.999Z", 1, true))),
        // Today is not over.
        (vec![daily.clone()], "2026-11-20T03:00:00Z", None),
        // Before the policy began it ruled nothing, and what had been spent can be seen: by its first version.
        (vec![daily.clone()], "2026-11-01T03:00:00Z", Some(("2026-11-01T23:59:59.999Z", 1, false))),
        (
            vec![again.clone(), daily.clone()],
            "2026-11-01T03:00:00Z",
            Some(("2026-11-01T23:59:59.999Z", 2, false)),
        ),
        (
            vec![daily.clone(), daily.clone()],
            "2026-11-01T03:00:00Z",
            Some(("2026-11-01T23:59:59.999Z", 2, false)),
        ),
        (
            vec![off.clone(), again.clone()],
            "2026-11-01T03:00:00Z",
            Some(("2026-11-01T23:59:59.999Z", 2, false)),
        ),
        (vec![off], "2026-11-01T03:00:00Z", None),
        // It was made on that day, or ended on it.
        (
            vec![from("2026-11-10T12:00:00Z")],
            "2026-11-10T03:00:00Z",
            Some(("2026-11-10T23:59:59.999Z", 1, true)),
        ),
        (vec![ended.clone()], "2026-11-10T03:00:00Z", Some(("2026-11-10T03:00:00Z", 1, true))),
        (vec![ended.clone()], "2026-11-10T13:00:00Z", None),
        // Somebody had it end: what was spent until it began again is not told by the version that came later.
        (vec![ended, again], "2026-11-11T03:00:00Z", None),
        // By then it counted months, and this one is not over.
        (vec![daily, monthly.clone()], "2026-11-10T03:00:00Z", None),
        (vec![Policy { window: Window::PerTask, ..policy("p") }], "2026-11-10T03:00:00Z", None),
    ] {
        let state = state(&versions);
        let found = past_window(&state, "p", at(moment), at(now));
        let found = found.map(|past| (past.at, past.version, past.ruled));
        let expected = expected.map(|(end, version, ruled)| (at(end), version, ruled));
        assert_eq!(found, expected, "{versions:?} at {moment}");
    }
    assert_eq!(past_window(&state(&[monthly]), "q", begin(), at(now)), None);
}

#[test]
fn a_fixed_window_that_was_over_before_its_policy_was_made_shows_what_had_been_spent() {
    let fixed = |from, to| Window::Fixed(Span { from: at(from), to: at(to) });
    let made = |window, from| Policy { window, from: at(from), ..policy("p") };
    let october = fixed("2026-10-01T00:00:00Z", "2026-10-08T00:00:00Z");
    let mistaken = fixed("2025-10-01T00:00:00Z", "2025-10-08T00:00:00Z");
    let (first, now) = ("2026-11-02T00:00:00Z", at("2026-11-20T08:00:00Z"));
    let end = "2026-10-07T23:59:59.999Z";
    for (versions, moment, expected) in [
        (vec![made(october, first)], "2026-10-05T12:00:00Z", Some((end, 1))),
        // Also for who asks about now.
        (vec![made(october, first)], "2026-11-20T08:00:00Z", Some((end, 1))),
        (
            vec![made(mistaken, first), made(october, "2026-11-03T00:00:00Z")],
            "2026-10-05T12:00:00Z",
            Some((end, 2)),
        ),
        (vec![made(october, first)], "2026-10-09T12:00:00Z", None),
    ] {
        let state = state(&versions);
        let past = past_window(&state, "p", at(moment), now);
        assert_eq!(
            past.map(|past| (past.at, past.version)),
            expected.map(|(end, version)| (at(end), version)),
            "{moment}"
        );
        let Some(past) = past else { continue };
        let sums = past.needed(&state);
        assert_eq!(sums.iter().filter_map(|sum| sum.span).collect::<Vec<_>>(), [past.span]);
        let spent = sums
            .into_iter()
            .map(|sum| (sum, (Spent { tokens: 700, ..Spent::default() }, Usd::ZERO)))
            .collect();
        let figures = Figures { spent, ..Figures::default() };
        let stood = past.stood(&state, &figures).unwrap();
        assert_eq!((stood.booked.tokens, stood.window), (700, Some(past.span)));
    }
}

#[test]
fn what_is_given_back_of_an_earlier_window_adds_nothing_to_a_limit() {
    let at = begin().plus_millis(HOUR_MS);
    let rolls = Policy { rollover: Rollover::All, ..policy("rolls") };
    let mut tenant = Tenant::of(vec![policy("p"), rolls]);
    tenant.uses(&[], at, tokens(-500), None);
    says(&tenant, &request("a", 1000), at, &[("p", Ruling::Warns), ("rolls", Ruling::Warns)]);
    says(&tenant, &request("a", 1001), at, &[("p", Ruling::Refused), ("rolls", Ruling::Refused)]);
    // Nor does it roll over: a day's limit is all that a day can leave.
    let next = at.plus_millis(24 * HOUR_MS);
    says(&tenant, &request("a", 2000), next, &[("p", Ruling::Refused), ("rolls", Ruling::Warns)]);
    says(&tenant, &request("a", 2001), next, &[("p", Ruling::Refused), ("rolls", Ruling::Refused)]);
}
