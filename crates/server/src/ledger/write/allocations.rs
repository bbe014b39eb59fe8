//! How usage counts in budgets: what the allocation that it names, or that of its context, was made for.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tollgate_domain::event::{AllocationRequest, BudgetEvent, EventBody};
use tollgate_domain::ids::{EventId, ProducerId, TaskId, TenantId};
use tollgate_domain::usage::{CountsAs, UsageRecorded};
use tollgate_log::contract::EventName;
use tollgate_wire::DecodedEvent;

use super::Writer;
use crate::ledger::OWN_PRODUCER;
use crate::ledger::own::ALLOCATE;
use crate::problem::Answer;

/// How long the view is asked for the allocation of a context. An append waits for no view longer than that.
const BRIEFLY: Duration = Duration::from_millis(250);

/// How many requests are kept. What was asked for never changes.
const MOST_KEPT: usize = 4096;

/// What allocations were made for, by tenant and name.
#[derive(Default)]
pub(super) struct MadeFor(Mutex<HashMap<(TenantId, String), Arc<AllocationRequest>>>);

impl MadeFor {
    fn get(&self, tenant: &TenantId, name: &str) -> Option<Arc<AllocationRequest>> {
        let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.get(&(tenant.clone(), name.to_owned())).cloned()
    }

    fn keep(&self, tenant: &TenantId, made: &Arc<AllocationRequest>) {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() >= MOST_KEPT {
            kept.clear();
        }
        kept.insert((tenant.clone(), made.allocation.clone()), Arc::clone(made));
    }
}

impl Writer {
    /// Notes how usage counts in budgets. Returns what its producer should know.
    pub(super) async fn counted_as(
        &self,
        tenant: &TenantId,
        usage: &mut UsageRecorded,
    ) -> Answer<Option<String>> {
        let (name, told) = match (&usage.allocation, &usage.context) {
            (Some(name), _) => (name.clone(), format!("names allocation `{name}`")),
            (None, Some(context)) => match self.allocation_of(tenant, context).await {
                Ok(name) => (name, format!("belongs to context `{context}`")),
                Err(because) => return Ok(Some(because)),
            },
            (None, None) => return Ok(None),
        };
        let Some(made) = self.made_for(tenant, &name).await? else {
            usage.counts_as = Some(CountsAs::of_unmade());
            return Ok(Some(format!(
                "{told}, which tenant `{tenant}` has not made: counted by what the usage itself says, and against no \
                 allocation, also if that is made later; make it before its usage"
            )));
        };
        usage.counts_as = CountsAs::of(usage, &made);
        Ok(None)
    }

    /// The open allocation of a context that was made last, or why there is none.
    async fn allocation_of(&self, tenant: &TenantId, context: &str) -> Result<String, String> {
        let counted = "counted by what the usage itself says, and against no allocation";
        match self.ask.open_of_context(tenant, context, BRIEFLY).await {
            Ok(Some(name)) => Ok(name),
            Ok(None) => Err(format!(
                "belongs to context `{context}`, for which tenant `{tenant}` has no open allocation: {counted}"
            )),
            Err(problem) => Err(format!(
                "belongs to context `{context}`, whose allocation could not be looked up in time ({}): {counted}",
                problem.detail
            )),
        }
    }

    /// What an allocation was made for, or would have been: usage of one that was refused is no other usage. The log
    /// says so, and is never behind.
    async fn made_for(&self, tenant: &TenantId, name: &str) -> Answer<Option<Arc<AllocationRequest>>> {
        if let Some(made) = self.made_for.get(tenant, name) {
            return Ok(Some(made));
        }
        let (Ok(producer), Ok(id)) =
            (ProducerId::new(OWN_PRODUCER), EventId::new(format!("{ALLOCATE}/{name}")))
        else {
            return Ok(None);
        };
        let name = EventName { tenant: tenant.clone(), task: TaskId::budget(), producer, id };
        let made = match self.ask.recorded(name).await? {
            Some((_, DecodedEvent { body: EventBody::Budget(BudgetEvent::Allocated(made)), .. })) => {
                made.request
            }
            Some((
                _,
                DecodedEvent { body: EventBody::Budget(BudgetEvent::AllocationRefused(refused)), .. },
            )) => refused.request,
            Some(_) | None => return Ok(None),
        };
        let made = Arc::new(made);
        self.made_for.keep(tenant, &made);
        Ok(Some(made))
    }
}
