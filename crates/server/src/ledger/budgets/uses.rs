//! What was used of a tenant's open allocations, as far as its decisions have seen it: all of it is read once, and then
//! only what came since.

use std::collections::{BTreeSet, HashMap};
use std::time::Duration;

use tollgate_clock::Stopwatch;
use tollgate_domain::budget::{Amount, BudgetState, Figures, SpentIn};
use tollgate_domain::event::BudgetEvent;
use tollgate_domain::ids::TenantId;
use tollgate_domain::position::Position;
use tollgate_projector::Wait;
use tollgate_projector::queries::{SpentOf, SpentSince};

use super::figures::{asks, with_exposure};
use crate::ledger::ask::Queries;
use crate::problem::Answer;

/// What was used of open allocations.
#[derive(Debug, Default)]
pub(super) struct Uses {
    /// Up to which position; `None`: nothing was read yet.
    as_of: Option<Position>,
    of: HashMap<String, Amount>,
    /// Open allocations whose use was not read yet.
    unread: BTreeSet<String>,
}

impl Uses {
    /// A state was read: it knows decisions, and is told what was used.
    pub(super) fn loaded(&mut self, state: &mut BudgetState) {
        self.of.retain(|name, _| state.open(name).is_some());
        let unread = state.all_open().keys().filter(|name| !self.of.contains_key(*name));
        self.unread = unread.cloned().collect();
        state.note_used(self.of.iter().map(|(name, used)| (name.as_str(), *used)));
    }

    /// A decision was folded into the state.
    pub(super) fn decided(&mut self, event: &BudgetEvent) {
        match event {
            BudgetEvent::Allocated(made) => {
                self.unread.insert(made.request.allocation.clone());
            }
            BudgetEvent::AllocationReleased(released) => self.closed(&released.allocation),
            BudgetEvent::AllocationExpired(expired) => self.closed(&expired.allocation),
            BudgetEvent::BudgetSet(_)
            | BudgetEvent::PolicySet(_)
            | BudgetEvent::LimitRaised(_)
            | BudgetEvent::AllocationExtended(_)
            | BudgetEvent::AllocationRefused(_)
            | BudgetEvent::PoolGiven(_)
            | BudgetEvent::PoolDrawn(_) => {}
        }
    }

    fn closed(&mut self, name: &str) {
        self.of.remove(name);
        self.unread.remove(name);
    }

    /// These sums as of a position that contains the log's end; the state is told what was used of its open
    /// allocations, as of the same one.
    ///
    /// # Errors
    ///
    /// The problem to answer with. Nothing was told then.
    pub(super) async fn figures(
        &mut self,
        ask: &Queries,
        tenant: &TenantId,
        state: &mut BudgetState,
        sums: Vec<SpentIn>,
        up_to: Duration,
    ) -> Answer<Figures> {
        let sums: BTreeSet<SpentIn> = sums.into_iter().collect();
        let (end, waited) = (ask.end().await?, Stopwatch::start());
        let of = |allocations: Vec<String>| SpentOf {
            tenant: tenant.as_str().to_owned(),
            asks: asks(&sums),
            allocations,
        };
        if let Some(since) = self.as_of.clone() {
            let query = SpentSince { of: of(self.unread.iter().cloned().collect()), since };
            let wait = Wait { at_least: Some(&end), up_to };
            if let Some((found, as_of)) = ask.spent_since(&query, wait).await? {
                let read = query
                    .of
                    .allocations
                    .iter()
                    .map(String::as_str)
                    .zip(found.sums.used.iter().map(Amount::from));
                let known = &self.of;
                let later = found.used.iter().filter_map(|(name, more)| {
                    // Of those that were just read, all is known already.
                    Some((name.as_str(), known.get(name)?.plus(*more)))
                });
                let changed: Vec<(&str, Amount)> = later.chain(read).collect();
                state.note_used(changed.iter().copied());
                let changed: Vec<(String, Amount)> =
                    changed.into_iter().map(|(name, used)| (name.to_owned(), used)).collect();
                self.of.extend(changed);
                return Ok(self.read(ask, sums, found.sums.spent, as_of));
            }
        }
        let query = of(state.all_open().keys().cloned().collect());
        let names = query.allocations.clone();
        let (found, as_of) = ask.spent(query, Some(&end), up_to.saturating_sub(waited.elapsed())).await?;
        self.of = names.into_iter().zip(found.used.iter().map(Amount::from)).collect();
        state.note_used(self.of.iter().map(|(name, used)| (name.as_str(), *used)));
        Ok(self.read(ask, sums, found.spent, as_of))
    }

    fn read(
        &mut self,
        ask: &Queries,
        sums: BTreeSet<SpentIn>,
        spent: Vec<tollgate_domain::budget::Spent>,
        as_of: Position,
    ) -> Figures {
        self.unread.clear();
        let figures = Figures {
            spent: with_exposure(ask, sums, spent),
            as_of: as_of.to_string(),
            ..Figures::default()
        };
        self.as_of = Some(as_of);
        figures
    }
}
