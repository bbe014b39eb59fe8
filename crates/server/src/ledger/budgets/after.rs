//! What was recorded is answered as recorded, also while the view `spending` does not say how it stands: then the
//! answer is made of the decisions alone, and says which figures it leaves out.

use tollgate_domain::budget::BudgetState;
use tollgate_domain::event::{BudgetEvent, EventBody};
use tollgate_domain::ids::{ProducerId, TaskId, TenantId};
use tollgate_domain::position::Sequence;
use tollgate_log::contract::EventName;
use tollgate_projection::budgets::{AllocationRow, AllocationState};
use tollgate_wire::DecodedEvent;
use tollgate_wire::api::{AllocationView, BudgetView, PolicyView, Problem};

use super::command::{RELEASE, Recorded};
use super::request::id;
use super::standing::When;
use super::{BudgetDecisions, answer, is_behind};
use crate::ledger::OWN_PRODUCER;
use crate::ledger::ask::Read;
use crate::ledger::own::ALLOCATE;
use crate::problem::{Answer, INTERNAL};

impl BudgetDecisions {
    /// A budget after a decision about it that is in the log at this position.
    pub(super) async fn budget_after(
        &self,
        tenant: &TenantId,
        name: &str,
        position: String,
    ) -> Answer<BudgetView> {
        let read = Read { at_least: Some(position.clone()), ..Read::default() };
        let problem = match self.budget(tenant.as_str(), name, &read).await {
            Ok(found) => return Ok(found),
            Err(problem) => problem,
        };
        let found = match self.state_decided(tenant).await {
            Ok((state, as_of)) => state.budget(name).map(|set| {
                answer::budget(set, tenant.as_str(), answer::policies_of(&state, name, self.ask.now()), as_of)
            }),
            Err(_) => None,
        };
        found.ok_or_else(|| recorded_anyway(&format!("budget `{name}` is set"), &position, problem))
    }

    /// A policy after a decision about it that is in the log at this position, or was before: without its status, if
    /// that is not known.
    pub(super) async fn policy_after(
        &self,
        tenant: &TenantId,
        name: &str,
        (done, position): (&str, String),
    ) -> Answer<PolicyView> {
        let read = Read { at_least: Some(position.clone()), ..Read::default() };
        let problem = match self.shown(tenant.as_str(), name, None, &read).await {
            Ok(found) => return Ok(found),
            Err(problem) => problem,
        };
        let now = self.ask.now();
        if let Ok((state, as_of)) = self.state_decided(tenant).await
            && let Some(history) = state.policy(name)
        {
            let version = When { now, at: now }.version(&state, name);
            let figures =
                version.is_some().then(|| format!("what was spent is not known yet: {}", problem.detail));
            let view = answer::policy((name, history), tenant.as_str(), version, now);
            return Ok(PolicyView { figures, as_of, ..view });
        }
        Err(recorded_anyway(&format!("policy `{name}` is {done}"), &position, problem))
    }

    /// An allocation after a decision about it, as of the log's end, so that no use is left out that was acknowledged
    /// before: without what was used of it, if that is not known.
    pub(super) async fn allocation_after(
        &self,
        tenant: &TenantId,
        name: &str,
        (done, recorded): (&str, &Recorded),
    ) -> Answer<AllocationView> {
        let shown = self.allocation_now(tenant, name, recorded.position.clone()).await;
        let view = match shown {
            Ok(found) => Ok(found),
            Err(problem) => match self.row_decided(tenant, name, recorded).await {
                Ok(Some((row, as_of))) => {
                    let now = self.ask.now();
                    let view = answer::allocation(&row, None, tenant.as_str(), now, false, as_of);
                    let figures = Some(format!("what was used is not known yet: {}", problem.detail));
                    Ok(AllocationView { figures, ..view })
                }
                Ok(None) | Err(_) => {
                    let done = format!("allocation `{name}` is {done}");
                    Err(recorded_anyway(&done, &recorded.position, problem))
                }
            },
        };
        Ok(AllocationView { repeated: recorded.repeated, ..view? })
    }

    /// What was decided about a tenant by now and the last decision's position: as the view has it or, where it does
    /// not say, as what decides knows it.
    pub(super) async fn state_by_now(&self, tenant: &TenantId) -> Answer<(BudgetState, String)> {
        let read = Read { at_least: Some("tail".to_owned()), ..Read::default() };
        match self.ask.tenant_state(tenant, &read).await {
            Err(problem) if is_behind(&problem) => self.state_decided(tenant).await,
            found => found.map(|(found, as_of)| (found.state, as_of)),
        }
    }

    /// The same as what decides knows it.
    async fn state_decided(&self, tenant: &TenantId) -> Answer<(BudgetState, String)> {
        let decider = self.decider(tenant);
        let mut decider = decider.lock().await;
        decider.state().await
    }

    /// An allocation as its decisions left it; `None`: there is none. By how much one was extended that is not open any
    /// more is known to the decision that closed it alone.
    async fn row_decided(
        &self,
        tenant: &TenantId,
        name: &str,
        recorded: &Recorded,
    ) -> Answer<Option<(AllocationRow, String)>> {
        let made = self.decision(tenant, ALLOCATE, name).await?;
        let Some(mut row) = made.and_then(|(sequence, event)| AllocationRow::of(&event, sequence)) else {
            return Ok(None);
        };
        let (state, as_of) = self.state_decided(tenant).await?;
        if let Some(open) = state.open(name) {
            (row.amount, row.expires_at) = (open.amount, open.expires_at);
        } else if row.state != AllocationState::Refused {
            row.amount = recorded.closed.unwrap_or(row.amount);
            row.state = match self.decision(tenant, RELEASE, name).await? {
                Some((_, BudgetEvent::AllocationReleased(released))) => {
                    AllocationState::Released { at: released.decided_at, author: released.author }
                }
                Some(_) | None => AllocationState::Expired,
            };
        }
        Ok(Some((row, as_of)))
    }

    /// A decision about an allocation, out of the log.
    async fn decision(
        &self,
        tenant: &TenantId,
        what: &str,
        name: &str,
    ) -> Answer<Option<(Sequence, BudgetEvent)>> {
        let producer = ProducerId::new(OWN_PRODUCER).map_err(|error| INTERNAL.with(error.to_string()))?;
        let id = id(what, "allocation", name)?;
        let event = EventName { tenant: tenant.clone(), task: TaskId::budget(), producer, id };
        Ok(match self.ask.recorded(event).await? {
            Some((sequence, DecodedEvent { body: EventBody::Budget(event), .. })) => Some((sequence, event)),
            Some(_) | None => None,
        })
    }
}

/// Why something cannot be shown, with what became of it all the same.
fn recorded_anyway(done: &str, position: &str, mut problem: Box<Problem>) -> Box<Problem> {
    problem.detail = format!(
        "{done}, and that is recorded at {position}: it need not be asked for again. It cannot be shown: {}",
        problem.detail
    );
    problem
}
