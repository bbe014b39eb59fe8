//! Tasks and sessions that are near a limit that each of them has for itself.
//!
//! The view names those that spent the largest part of it, from a bounded number of rows; those for which something is
//! reserved are looked at as well. The figures of each are exact. Where others may be nearer, the answer says so.

use std::cmp::Reverse;
use std::collections::BTreeSet;

use tollgate_domain::budget::{BudgetState, Dimension, Figures, Measure, Policy, standing};
use tollgate_domain::event::PolicyFigures;
use tollgate_domain::ids::TenantId;
use tollgate_projector::queries::NearestTo;
use tollgate_wire::api::{NearLimit, PolicyLevel};

use super::BudgetDecisions;
use super::answer;
use super::standing::reached;
use crate::problem::Answer;

/// The most that are named.
const NAMED: usize = 20;

/// The most that are looked at because of what they spent, of each part of the view, and because something is reserved
/// for them.
const LOOKED_AT: usize = 200;

/// Those that are near, the nearest first.
#[derive(Default)]
pub(super) struct Near {
    pub(super) limits: Vec<NearLimit>,
    /// There may be others: not all could be looked at.
    pub(super) is_partial: bool,
}

impl BudgetDecisions {
    /// The tasks or sessions that reached a threshold of a policy that looks at each by itself; none if it looks at
    /// none, or does not rule.
    pub(super) async fn near(&self, tenant: &TenantId, state: &BudgetState, name: &str) -> Answer<Near> {
        let now = self.ask.now();
        let Some(history) = state.policy(name) else { return Ok(Near::default()) };
        let Some((_, policy)) = history.ruling_at(now) else { return Ok(Near::default()) };
        let Some(each) = policy.window.dimension().filter(|_| state.is_active(policy)) else {
            return Ok(Near::default());
        };
        let end = self.ask.end().await?;
        let query = NearestTo {
            tenant: tenant.as_str().to_owned(),
            scope: policy.scope.clone(),
            each: each.clone(),
            limit: policy.limit.plus(history.raised_at(now)),
            most: LOOKED_AT,
        };
        let nearest = self.ask.nearest_to(&query, &end).await?;
        let (mut of, too_many) = reserved_for(state, name, &each);
        of.extend(nearest.of);
        let Figures { spent, used, as_of } =
            self.figures_of_each(tenant, state, name, of.iter(), &end).await?;
        let mut state = state.clone();
        state.note_used(used.iter().map(|(allocation, used)| (allocation.as_str(), *used)));
        let figures = Figures { spent, as_of, ..Figures::default() };
        let found = of.iter().filter_map(|of| standing(&state, name, Some(of), &figures, now));
        let mut near: Vec<PolicyFigures> =
            found.filter(|found| reached(policy, found) != PolicyLevel::Within).collect();
        let is_partial =
            nearest.is_partial || too_many || (nearest.more && may_hide(policy, &each, near.len()));
        near.sort_by_cached_key(|found| {
            let counted = found.booked.plus(found.reserved);
            let left = found.limit.left_after(counted);
            // Of those that have nothing left, the one that is furthest beyond comes first.
            let beyond = Reverse((found.limit.usd.map(|_| counted.usd), counted.tokens));
            (Reverse(rank(reached(policy, found))), left.usd, left.tokens, beyond, found.of.clone())
        });
        let limits = near.iter().take(NAMED).map(|found| near_limit(policy, found)).collect();
        Ok(Near { limits, is_partial })
    }
}

/// The tasks or sessions for which something is reserved, and whether there are more than are looked at.
fn reserved_for(state: &BudgetState, name: &str, each: &Dimension) -> (BTreeSet<String>, bool) {
    let mut found = BTreeSet::new();
    for (_, open) in state.open_under(name) {
        if let Some(of) = open.request.dimensions().get(each).map(str::to_owned)
            && !found.contains(&of)
        {
            if found.len() >= LOOKED_AT {
                return (found, true);
            }
            found.insert(of);
        }
    }
    (found, false)
}

/// Whether one that was not looked at may be nearer than those that were: it spent less than each of them. But what has
/// no price is not in what it spent, and a session may have spent in several parts of the view.
fn may_hide(policy: &Policy, each: &Dimension, near: usize) -> bool {
    policy.measure == Measure::Worst || *each == Dimension::Session || near >= LOOKED_AT
}

const fn rank(level: PolicyLevel) -> u8 {
    match level {
        PolicyLevel::Within => 0,
        PolicyLevel::Warning => 1,
        PolicyLevel::Action => 2,
        PolicyLevel::Exhausted => 3,
    }
}

fn near_limit(policy: &Policy, found: &PolicyFigures) -> NearLimit {
    NearLimit {
        of: found.of.clone().unwrap_or_default(),
        limit: answer::limit(found.limit),
        booked: answer::amount(found.booked),
        reserved: answer::amount(found.reserved),
        level: reached(policy, found),
    }
}
