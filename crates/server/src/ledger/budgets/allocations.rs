//! Asking, reserving, extending, releasing; and what became of it.

use tollgate_domain::budget::{Amount, decide};
use tollgate_domain::event::{AllocationRequest, Ruling};
use tollgate_domain::ids::TenantId;
use tollgate_domain::money::Usd;
use tollgate_domain::time::Timestamp;
use tollgate_projection::budgets::AllocationRow;
use tollgate_projector::queries::{ListAllocations, SpentOf};
use tollgate_wire::api::{
    AllocateRequest, AllocationList, AllocationView, CheckResponse, ExtendRequest, Problem, ReleaseRequest,
};

use super::command::{Command, Done, RELEASE, Recorded, What};
use super::request::{allocation, fresh, id, tenant, ttl_ms, usd, wait};
use super::{BudgetDecisions, answer};
use crate::ledger::ask::Read;
use crate::ledger::own::ALLOCATE;
use crate::problem::{ALLOCATION_UNKNOWN, Answer, INTERNAL, INVALID, OVER_BUDGET, STALE};

impl BudgetDecisions {
    /// Whether something may be spent. Nothing is recorded or reserved. Poll the future until it is done, or drop it:
    /// the tenant's other decisions may wait for it.
    ///
    /// # Errors
    ///
    /// The problem to answer with, as for everything here.
    pub async fn check(&self, sent: &AllocateRequest) -> Answer<CheckResponse> {
        let tenant = tenant(sent.tenant.as_ref())?;
        let request = allocation(&self.ask.settings(), sent, self.ask.now())?;
        makes_sense("checking a request", &request, self.ask.now())?;
        let command = Command::new(id("check", "id", &fresh())?, What::Check(Box::new(request.clone())));
        let mut command = command;
        command.wait = wait(sent.wait_ms)?;
        match self.decided(&tenant, command).await? {
            Done::Judged(judged) => {
                let mut answer = answer::check(&request, &judged.judgement, judged.instead, judged.as_of);
                answer.similar_model = self.meant.of(&self.ask.settings(), &request, self.ask.now());
                Ok(answer)
            }
            Done::Unchanged
            | Done::Drawn(_)
            | Done::NotDrawn(_)
            | Done::Recorded(_)
            | Done::DoesNotFit { .. }
            | Done::Routed { .. }
            | Done::Exhausted(_) => Err(of_another_kind()),
        }
    }

    /// Reserves what is asked for, if every policy allows it. The decision is durable on return, whichever it is.
    pub async fn allocate(&self, sent: &AllocateRequest) -> Answer<AllocationView> {
        let tenant = tenant(sent.tenant.as_ref())?;
        let request = allocation(&self.ask.settings(), sent, self.ask.now())?;
        if sent.allocation.is_none() {
            makes_sense("allocating", &request, self.ask.now())?;
        }
        let id = id(ALLOCATE, "allocation", &request.allocation)?;
        let mut command = Command::new(id, What::Allocate(Box::new(request)));
        command.usd_given = sent.usd.is_some();
        command.ttl_given = ttl_ms(sent.ttl_s)?;
        command.wait = wait(sent.wait_ms)?;
        let recorded = self.recorded(&tenant, command).await?;
        match AllocationRow::of(&recorded.event, recorded.sequence) {
            Some(row) if !recorded.repeated => {
                let Recorded { at, position, .. } = recorded;
                Ok(answer::allocation(&row, Some(Amount::NOTHING), tenant.as_str(), at, false, position))
            }
            // A repeated answer says what became of it since.
            Some(row) => {
                let name = &row.request.allocation;
                self.allocation_after(&tenant, name, ("decided", &recorded)).await
            }
            None => Err(of_another_kind()),
        }
    }

    /// Makes an allocation larger, or lets it last longer.
    pub async fn extend(&self, name: &str, sent: &ExtendRequest) -> Answer<AllocationView> {
        let tenant = tenant(sent.tenant.as_ref())?;
        let by = Amount {
            tokens: sent.tokens.unwrap_or_default().into(),
            usd: sent.usd.as_ref().map_or(Ok(Usd::ZERO), |text| usd("usd", text))?,
        };
        let what = What::Extend {
            allocation: name.to_owned(),
            by,
            ttl_ms: ttl_ms(sent.ttl_s)?,
            priced: sent.usd.is_some(),
        };
        let key = sent.id.clone().unwrap_or_else(fresh);
        let mut command = Command::new(id("extend", "id", &key)?, what);
        command.usd_given = sent.usd.is_some();
        match self.decided(&tenant, command).await? {
            Done::Recorded(recorded) => self.allocation_after(&tenant, name, ("extended", &recorded)).await,
            Done::DoesNotFit { by, judgement } => {
                let refusing = judgement.policies.iter().filter(|found| found.ruling.refuses());
                // Money whose amount is not known is refused as such.
                let is_priced = judgement.policies.iter().all(|found| found.ruling != Ruling::Unpriced);
                let request = AllocationRequest { amount: by, is_priced, ..AllocationRequest::default() };
                let because: Vec<String> =
                    refusing.map(|found| answer::figures(found, &request).sentence).collect();
                let because = because.join("; ");
                Err(OVER_BUDGET.with(format!("extending allocation `{name}`: {because}")))
            }
            Done::Unchanged
            | Done::Drawn(_)
            | Done::NotDrawn(_)
            | Done::Judged(_)
            | Done::Routed { .. }
            | Done::Exhausted(_) => Err(of_another_kind()),
        }
    }

    /// Sets free what an allocation has left.
    pub async fn release(&self, name: &str, sent: &ReleaseRequest) -> Answer<AllocationView> {
        let tenant = tenant(sent.tenant.as_ref())?;
        let what = What::Release { allocation: name.to_owned(), author: sent.author.clone() };
        let command = Command::new(id(RELEASE, "allocation", name)?, what);
        let recorded = self.recorded(&tenant, command).await?;
        self.allocation_after(&tenant, name, ("released", &recorded)).await
    }

    /// An allocation, and what was used of it so far.
    pub async fn allocation(&self, tenant_name: &str, name: &str, read: &Read) -> Answer<AllocationView> {
        let tenant = tenant(Some(&tenant_name.to_owned()))?;
        let (found, _) = self.ask.allocations_named(&tenant, vec![name.to_owned()], read).await?;
        let rows = found.into_values().collect();
        let (mut views, _) = self.with_use(&tenant, rows, read).await?;
        views.pop().ok_or_else(|| {
            ALLOCATION_UNKNOWN
                .with(format!("allocation `{name}` of tenant `{tenant_name}`: there is none; list them"))
        })
    }

    /// The same as of the log's end, so that no use is left out that was acknowledged before. Where the view is behind,
    /// as of a decision about it at least: the answer says up to where.
    pub(super) async fn allocation_now(
        &self,
        tenant: &TenantId,
        name: &str,
        decided: String,
    ) -> Answer<AllocationView> {
        let read = |at_least: String| Read { at_least: Some(at_least), ..Read::default() };
        match self.allocation(tenant.as_str(), name, &read("tail".to_owned())).await {
            Err(problem) if problem.code == STALE.code => {
                self.allocation(tenant.as_str(), name, &read(decided)).await
            }
            answered => answered,
        }
    }

    /// Allocations, the latest first.
    pub async fn allocations(
        &self,
        tenant_name: &str,
        wanted: ListAllocations,
        read: &Read,
    ) -> Answer<AllocationList> {
        let tenant = tenant(Some(&tenant_name.to_owned()))?;
        let wanted = ListAllocations { tenant: tenant_name.to_owned(), now: self.ask.now(), ..wanted };
        let (page, _) = self.ask.allocation_page(&tenant, &wanted, read).await?;
        let (allocations, as_of) = self.with_use(&tenant, page.allocations, read).await?;
        Ok(AllocationList { allocations, next: page.next.map(|sequence| sequence.0), as_of })
    }

    /// What was used of each, as of the log's end.
    async fn with_use(
        &self,
        tenant: &TenantId,
        rows: Vec<AllocationRow>,
        read: &Read,
    ) -> Answer<(Vec<AllocationView>, String)> {
        let query = SpentOf {
            tenant: tenant.as_str().to_owned(),
            asks: Vec::new(),
            allocations: rows.iter().map(|row| row.request.allocation.clone()).collect(),
        };
        let wanted = match self.ask.wanted(read).await? {
            Some(position) => position,
            None => self.ask.end().await?,
        };
        let (used, as_of) = self.ask.spent(query, Some(&wanted), read.wait).await?;
        let (now, as_of) = (self.ask.now(), as_of.to_string());
        let view = |(row, used): (&AllocationRow, &_)| {
            answer::allocation(row, Some(Amount::from(used)), tenant.as_str(), now, false, as_of.clone())
        };
        Ok((rows.iter().zip(&used.used).map(view).collect(), as_of))
    }

    /// Has a command decided that becomes an event.
    pub(super) async fn recorded(&self, tenant: &TenantId, command: Command) -> Answer<Recorded> {
        match self.decided(tenant, command).await? {
            Done::Recorded(recorded) => Ok(*recorded),
            Done::Unchanged
            | Done::Drawn(_)
            | Done::NotDrawn(_)
            | Done::DoesNotFit { .. }
            | Done::Judged(_)
            | Done::Routed { .. }
            | Done::Exhausted(_) => Err(of_another_kind()),
        }
    }
}

/// Refuses a request that nobody gave a name, without the name that was made up for it.
pub(super) fn makes_sense(what: &str, request: &AllocationRequest, at: Timestamp) -> Answer<()> {
    decide::check(request, at).map_err(|error| INVALID.with(format!("{what}: {error}")))
}

pub(super) fn of_another_kind() -> Box<Problem> {
    INTERNAL.with("a decision about money has an outcome of another kind; see the server's log")
}
