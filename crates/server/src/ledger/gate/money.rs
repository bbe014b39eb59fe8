//! What policies of money say about going on.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tollgate_clock::Stopwatch;
use tollgate_domain::gate::GateDecided;
use tollgate_domain::ids::{TaskId, TenantId};
use tollgate_domain::phase::{Advance, Phase};

use super::Question;
use crate::ledger::budgets::BudgetDecisions;
use crate::problem::NO_PROJECTOR;

/// How long the gate waits for what policies say.
const WITHIN: Duration = Duration::from_millis(50);

/// How long they are not asked where no projector serves their view: no transition is slow for long because of them.
const PAUSE: Duration = Duration::from_secs(10);

/// How much longer it waits for a view that says why it does not answer.
const MOMENT: Duration = Duration::from_millis(20);

/// What the gate asks about money.
pub(super) struct Money {
    budgets: BudgetDecisions,
    /// Since when there is a pause.
    paused: Mutex<Option<Stopwatch>>,
}

impl Money {
    pub(super) const fn new(budgets: BudgetDecisions) -> Self {
        Self { budgets, paused: Mutex::new(None) }
    }

    /// Adds the policies by which nothing more may be spent where a task wants to go, with what each says; or that this
    /// is not known: in 50 ms, or in what is left of the time that the asker waits.
    pub(super) async fn add_exhausted(
        &self,
        question: &Question,
        up_to: Option<Duration>,
        decided: &mut GateDecided,
    ) {
        let Question { tenant, task, advance: Advance::Phase(phase), .. } = question else { return };
        if decided.stale {
            return;
        }
        match self.exhausted(tenant, task, phase, up_to.unwrap_or(WITHIN)).await {
            Some(policies) => {
                policies.into_iter().for_each(|(policy, says)| decided.add_policy(policy, says))
            }
            None => decided.policies_unknown = true,
        }
    }

    async fn exhausted(
        &self,
        tenant: &TenantId,
        task: &TaskId,
        phase: &Phase,
        up_to: Duration,
    ) -> Option<BTreeMap<String, String>> {
        if self.is_paused() {
            return None;
        }
        let asking = self.budgets.exhausted(tenant, task, phase, up_to);
        match tokio::time::timeout(up_to.saturating_add(MOMENT), asking).await {
            Ok(Ok(exhausted)) => Some(exhausted),
            Ok(Err(problem)) => {
                tracing::warn!(%task, problem = problem.detail, "the gate does not know what policies of money say");
                if problem.code == NO_PROJECTOR.code {
                    *self.paused.lock().unwrap_or_else(PoisonError::into_inner) = Some(Stopwatch::start());
                }
                None
            }
            Err(_) => None,
        }
    }

    fn is_paused(&self) -> bool {
        // Every change under the lock is complete in itself.
        let paused = self.paused.lock().unwrap_or_else(PoisonError::into_inner);
        paused.as_ref().is_some_and(|since| since.elapsed() < PAUSE)
    }
}
