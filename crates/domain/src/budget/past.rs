//! How policies stood in windows that are over.

use super::{Amount, BudgetState, Figures, Policy, standing};
use crate::event::PolicyFigures;
use crate::time::Timestamp;
use crate::zone::Span;

/// The moment by which a policy is judged in the window that contains another one, if that window is over: its last
/// moment, if the policy ruled then. With the window. `None`: it is not over, or the policy ruled in none of it.
#[must_use]
pub fn end_of_window(
    state: &BudgetState,
    policy: &str,
    at: Timestamp,
    now: Timestamp,
) -> Option<(Timestamp, Span)> {
    let history = state.policy(policy)?;
    let window_of = |(_, version): (u32, &Policy), at| version.window.span_at(&version.zone, at);
    // Of a policy that was made in the middle of the window, a later version says which window that is.
    let known = history.ruling_at(at).or_else(|| history.ruling_at(now))?;
    let span = window_of(known, at).filter(|span| span.to <= now)?;
    let end = span.to.plus_millis(-1);
    match history.ruling_at(end) {
        Some(last) => window_of(last, end).filter(|span| span.to <= now).map(|span| (end, span)),
        None => history.ruling_at(at).map(|_| (at, span)),
    }
}

/// How a policy stood at such a moment. What is reserved may be used from now on: in a window that is over, nothing is.
#[must_use]
pub fn stood(state: &BudgetState, policy: &str, figures: &Figures, at: Timestamp) -> Option<PolicyFigures> {
    let found = standing(state, policy, None, figures, at)?;
    Some(PolicyFigures { reserved: Amount::NOTHING, ..found })
}
