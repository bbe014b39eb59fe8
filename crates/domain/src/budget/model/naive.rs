//! What the naive model says: it knows no index and looks at everything.

use std::collections::BTreeSet;

use super::super::{Amount, Figures, Policy, Spent, SpentIn, needed};
use super::{Fault, Model, Usage};
use crate::event::{AllocationRequest, Ruling};
use crate::money::Usd;

impl Model {
    pub(super) fn counts(policy: &Policy, request: &AllocationRequest) -> bool {
        policy.scope.contains(&request.dimensions())
    }

    /// The sums that a decision sees: all usage that was there when it began, and not all that arrives meanwhile,
    /// which is that of open allocations.
    pub(super) fn figures(&mut self, request: &AllocationRequest) -> Figures {
        let arrives = |usage: &&Usage| {
            let kept = usage.allocation.as_ref().and_then(|name| self.kept.get(name));
            self.fault == Fault::Behind || kept.is_some_and(|kept| self.is_open(kept))
        };
        let latest = self.usage.iter().rev().take(20).take_while(arrives).count();
        let seen = self.usage.len() - self.random.below(1 + latest as u64) as usize;
        let mut figures = Figures::default();
        for sum in needed(&self.state, request, self.now) {
            let mut spent = Spent::default();
            for usage in &self.usage[..seen] {
                let within = sum.span.is_none_or(|span| span.contains(usage.at));
                if within && sum.scope.contains(&usage.request.dimensions()) {
                    spent.tokens += usage.amount.tokens;
                    spent.usd = spent.usd.saturating_add(usage.amount.usd);
                }
            }
            figures.spent.insert(sum, (spent, Usd::ZERO));
        }
        let seen = if self.fault == Fault::TornSums { self.usage.len() } else { seen };
        for usage in &self.usage[..seen] {
            let Some(name) = &usage.allocation else { continue };
            let times = if self.fault == Fault::CountsUseTwice { 2 } else { 1 };
            for _ in 0..times {
                let sum = figures.used(name).plus(usage.amount);
                figures.used.insert(name.clone(), sum);
            }
        }
        figures
    }

    /// The same figures, with what was used noted by the state where this history does so.
    pub(super) fn noted(&mut self, mut figures: Figures) -> Figures {
        if self.notes {
            let open: Vec<String> = self.state.all_open().keys().cloned().collect();
            self.state.note_used(open.iter().map(|name| (name.as_str(), figures.used(name))));
            figures.used.clear();
        }
        figures
    }

    /// What the naive model says, from the same sums.
    pub(super) fn expected(
        &self,
        request: &AllocationRequest,
        more: Amount,
        figures: &Figures,
    ) -> BTreeSet<(String, Ruling)> {
        let ruling = |policy: &Policy| {
            let span = policy.window.span_at(&policy.zone, self.now);
            let sum = SpentIn { scope: policy.scope.clone(), span };
            let booked = Amount::from(&figures.spent.get(&sum).unwrap().0);
            let open = self.kept.iter().filter(|(_, kept)| {
                !kept.released && kept.expires_at > self.now && Self::counts(policy, &kept.request)
            });
            let reserved = open
                .fold(Amount::NOTHING, |sum, (name, kept)| sum.plus(kept.amount.beyond(figures.used(name))));
            let all = booked.plus(reserved).plus(more);
            let over = policy.limit.tokens.is_some_and(|limit| all.tokens > i128::from(limit))
                || policy.limit.usd.is_some_and(|limit| all.usd > limit);
            let warns = policy.warn_at.is_reached(all, policy.limit);
            match (over, warns) {
                (true, _) => Ruling::Refused,
                (false, true) => Ruling::Warns,
                (false, false) => Ruling::Fits,
            }
        };
        let counting = self.policies.iter().filter(|policy| Self::counts(policy, request));
        counting.map(|policy| (policy.id.clone(), ruling(policy))).collect()
    }
}
