//! Windows that are over.

use super::super::testing::{begin, policy};
use super::super::{BudgetState, Policy, Window, decide, end_of_window};
use super::*;

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
    let monthly = Policy { window: Window::Monthly, ..from("2026-11-10T06:00:00Z") };
    let now = "2026-11-20T08:00:00Z";
    for (versions, moment, expected) in [
        (vec![daily.clone()], "2026-11-10T03:00:00Z", Some("2026-11-10T23:59:59.999Z")),
        // Today is not over, and before the policy began there is nothing to see.
        (vec![daily.clone()], "2026-11-20T03:00:00Z", None),
        (vec![daily.clone()], "2026-11-01T03:00:00Z", None),
        // It was made on that day, or ended on it.
        (vec![from("2026-11-10T12:00:00Z")], "2026-11-10T03:00:00Z", Some("2026-11-10T23:59:59.999Z")),
        (vec![ended.clone()], "2026-11-10T03:00:00Z", Some("2026-11-10T03:00:00Z")),
        (vec![ended], "2026-11-10T13:00:00Z", None),
        // By then it counted months, and this one is not over.
        (vec![daily, monthly.clone()], "2026-11-10T03:00:00Z", None),
        (vec![Policy { window: Window::PerTask, ..policy("p") }], "2026-11-10T03:00:00Z", None),
    ] {
        let found = end_of_window(&state(&versions), "p", at(moment), at(now));
        let found = found.map(|(end, _)| end);
        assert_eq!(found, expected.map(at), "{versions:?} at {moment}");
    }
    assert_eq!(end_of_window(&state(&[monthly]), "q", begin(), at(now)), None);
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
