//! How policies stood in windows that are over.

use super::judge::{figures_in, needed_in};
use super::{Amount, BudgetState, Figures, Policy, PolicyHistory, SpentIn};
use crate::event::PolicyFigures;
use crate::time::Timestamp;
use crate::zone::Span;

/// A policy in a window that is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PastWindow<'a> {
    /// The policy.
    pub name: &'a str,
    /// By which version it is judged, from 1.
    pub version: u32,
    /// What that version says.
    pub policy: &'a Policy,
    /// The moment by which it is judged: the window's last one, if the policy ruled then.
    pub at: Timestamp,
    /// The window.
    pub span: Span,
    /// Whether the policy ruled in it. One that was made later shows what had been spent, and decided nothing.
    pub ruled: bool,
}

impl PastWindow<'_> {
    /// The sums that [`stood`](Self::stood) needs.
    #[must_use]
    pub fn needed(&self, state: &BudgetState) -> Vec<SpentIn> {
        needed_in(state, (self.name, self.version, self.policy), self.at)
    }

    /// How the policy stood. What is reserved may be used from now on: in a window that is over, nothing is. `None`:
    /// its budget is not active.
    #[must_use]
    pub fn stood(&self, state: &BudgetState, figures: &Figures) -> Option<PolicyFigures> {
        let found = figures_in(state, (self.name, self.version, self.policy), figures, self.at)?;
        Some(PolicyFigures { reserved: Amount::NOTHING, ..found })
    }
}

/// The window of a policy that contains a moment, if it is over: by the version that ruled at its end, else at the
/// moment. One that is before every version is judged by the first version whose window it is. `None`: it is not over,
/// or the policy has versions from before its end on and none of them ruled.
#[must_use]
pub fn past_window<'a>(
    state: &'a BudgetState,
    policy: &'a str,
    at: Timestamp,
    now: Timestamp,
) -> Option<PastWindow<'a>> {
    let history = state.policy(policy)?;
    let window_of = |(_, version): (u32, &Policy), at| version.window.span_at(&version.zone, at);
    // Of a policy that was made in the middle of the window, a later version says which window that is.
    let known = history.ruling_at(at).or_else(|| first_after(history, at))?;
    let span = window_of(known, at).filter(|span| span.to <= now)?;
    let end = span.to.plus_millis(-1);
    let past = |(version, ruling), at, span, ruled| PastWindow {
        name: policy,
        version,
        policy: ruling,
        at,
        span,
        ruled,
    };
    if let Some(last) = history.ruling_at(end) {
        let span = window_of(last, end).filter(|span| span.to <= now)?;
        return Some(past(last, end, span, true));
    }
    if history.versions.iter().all(|version| end < version.from) {
        return Some(past(known, end, span, false));
    }
    history.ruling_at(at).map(|ruling| past(ruling, at, span, true))
}

/// The first version that begins after a moment and counts what was used then.
fn first_after(history: &PolicyHistory, at: Timestamp) -> Option<(u32, &Policy)> {
    let later = (1_u32..).zip(&history.versions).filter(|(_, policy)| at < policy.from);
    let mut counting: Vec<_> =
        later.filter(|(_, policy)| policy.rules_at(policy.from) && policy.window.is_open_at(at)).collect();
    // Of two that begin together, the later one rules.
    counting.sort_by_key(|(version, policy)| (policy.from, std::cmp::Reverse(*version)));
    counting.first().copied()
}
