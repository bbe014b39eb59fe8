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

/// How long the gate waits for what policies say.
const WITHIN: Duration = Duration::from_millis(50);

/// How long they are not asked after they gave no answer in time: no transition is slow for long because of them.
const PAUSE: Duration = Duration::from_secs(10);

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

    /// Adds the policies by which nothing more may be spent where a task wants to go, with what each says; none if
    /// that is not known in time: in 50 ms, unless the asker says how long it waits.
    pub(super) async fn add_exhausted(
        &self,
        question: &Question,
        up_to: Option<Duration>,
        decided: &mut GateDecided,
    ) {
        let Question { tenant, task, advance: Advance::Phase(phase), .. } = question else { return };
        if decided.stale || up_to.is_none() && self.is_paused() {
            return;
        }
        for (policy, message) in self.exhausted(tenant, task, phase, up_to).await {
            decided.add_policy(policy, message);
        }
    }

    async fn exhausted(
        &self,
        tenant: &TenantId,
        task: &TaskId,
        phase: &Phase,
        up_to: Option<Duration>,
    ) -> BTreeMap<String, String> {
        let up_to = up_to.unwrap_or(WITHIN);
        let asking = self.budgets.exhausted(tenant, task, phase, up_to);
        let problem = match tokio::time::timeout(up_to, asking).await {
            Ok(Ok(exhausted)) => return exhausted,
            Ok(Err(problem)) => problem.detail,
            Err(_) => "no answer in time".to_owned(),
        };
        tracing::warn!(%task, problem, "the gate does not know what policies of money say, and asks again in 10 s");
        *self.paused.lock().unwrap_or_else(PoisonError::into_inner) = Some(Stopwatch::start());
        BTreeMap::new()
    }

    fn is_paused(&self) -> bool {
        // Every change under the lock is complete in itself.
        let paused = self.paused.lock().unwrap_or_else(PoisonError::into_inner);
        paused.as_ref().is_some_and(|since| since.elapsed() < PAUSE)
    }
}
