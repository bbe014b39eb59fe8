//! What was decided about a tenant's money, as the view has it.

use std::collections::BTreeMap;
use std::time::Duration;

use tollgate_domain::alert::Condition;
use tollgate_domain::ids::{BUDGET_TASK, TaskId, TenantId};
use tollgate_domain::position::{PartitionId, Position, Sequence};
use tollgate_domain::time::Timestamp;
use tollgate_domain::zone::Span;
use tollgate_projection::budgets::{AllocationRow, TenantBudgets};
use tollgate_projection::spending::{Spending, UsageKind};
use tollgate_projector::queries::{
    AllocationPage, AllocationsMoved, AllocationsNamed, ClosedPage, ClosedTasks, ExpiredBy, HasPolicies,
    ListAllocations, MovedAllocations, ObservedOfBudgets, OpenOfContext, Raised, RaisedBefore, RecordedLate,
    RecordedLateIn, TenantBudgetsOf, TenantsWithBudgets, TouchedLately, TouchedSince, UsageKindsOf,
};
use tollgate_projector::{Query, Wait};

use super::{Queries, Read, VIEW_WAIT};
use crate::problem::{Answer, of_query, of_read};

impl Queries {
    /// The log's end.
    ///
    /// # Errors
    ///
    /// The problem to answer with, as for all queries here.
    pub(in crate::ledger) async fn end(&self) -> Answer<Position> {
        self.log.tail().await.map_err(|error| of_read(&error))
    }

    /// What decisions about a tenant's money depend on, as of a position at least.
    pub(in crate::ledger) async fn tenant_budgets(
        &self,
        tenant: &TenantId,
        at_least: &Position,
        up_to: Duration,
    ) -> Answer<TenantBudgets> {
        let query = TenantBudgetsOf { tenant: tenant.as_str().to_owned() };
        let wait = Wait { at_least: Some(at_least), up_to };
        Ok(self.of_budgets(tenant, wait, &query).await?.0)
    }

    /// The same for a reader, and the position for which it is true.
    pub(in crate::ledger) async fn tenant_state(
        &self,
        tenant: &TenantId,
        read: &Read,
    ) -> Answer<(TenantBudgets, String)> {
        let query = TenantBudgetsOf { tenant: tenant.as_str().to_owned() };
        self.read_budgets(tenant, read, &query).await
    }

    /// Whether a tenant has policies.
    pub(in crate::ledger) async fn has_policies(&self, tenant: &TenantId, up_to: Duration) -> Answer<bool> {
        let query = HasPolicies { tenant: tenant.as_str().to_owned() };
        let wait = Wait { at_least: None, up_to };
        Ok(self.of_budgets(tenant, wait, &query).await?.0)
    }

    /// The kinds of usage that a task had, the latest first.
    pub(in crate::ledger) async fn usage_kinds(
        &self,
        tenant: &TenantId,
        task: &TaskId,
        most: usize,
        at_least: &Position,
        up_to: Duration,
    ) -> Answer<Vec<UsageKind>> {
        let partition = PartitionId::of(tenant.as_str(), task.as_str());
        let (tenant, task) = (tenant.as_str().to_owned(), task.as_str().to_owned());
        let query = UsageKindsOf { tenant, task, now: self.now(), most };
        let answered = self.spending.ask(partition, Wait { at_least: Some(at_least), up_to }, &query).await;
        Ok(answered.map_err(|error| of_query(&error))?.answer)
    }

    /// The tenants that have made a decision about money.
    pub(in crate::ledger) async fn tenants_with_budgets(&self, at_least: &Position) -> Answer<Vec<String>> {
        let wait = Wait { at_least: Some(at_least), up_to: VIEW_WAIT };
        let asked = self.spending.ask_all(wait, &TenantsWithBudgets {}).await;
        Ok(asked.map_err(|error| of_query(&error))?.0.into_iter().flatten().collect())
    }

    /// The levels of a tenant's policies that were observed and hold, as the alerts have it.
    pub(in crate::ledger) async fn observed_of_budgets(
        &self,
        tenant: &TenantId,
        at_least: &Position,
    ) -> Answer<Vec<Condition>> {
        let partition = PartitionId::of(tenant.as_str(), BUDGET_TASK);
        let at_least = at_least.only(partition);
        let wait = Wait { at_least: Some(&at_least), up_to: VIEW_WAIT };
        let query = ObservedOfBudgets { tenant: tenant.as_str().to_owned() };
        let answered = self.alerts.ask(partition, wait, &query).await;
        Ok(answered.map_err(|error| of_query(&error))?.answer)
    }

    /// Which of these conditions of a tenant's money have raised an alert before.
    pub(in crate::ledger) async fn raised_before(
        &self,
        tenant: &TenantId,
        conditions: Vec<Condition>,
        at_least: &Position,
    ) -> Answer<Vec<Raised>> {
        let partition = PartitionId::of(tenant.as_str(), BUDGET_TASK);
        let at_least = at_least.only(partition);
        let wait = Wait { at_least: Some(&at_least), up_to: VIEW_WAIT };
        let query = RaisedBefore { tenant: tenant.as_str().to_owned(), conditions };
        let answered = self.alerts.ask(partition, wait, &query).await;
        Ok(answered.map_err(|error| of_query(&error))?.answer)
    }

    /// Allocations of a tenant that were decided or used after a position, or ever, as of a later one at least. Some,
    /// if there are many: the answer says up to where.
    pub(in crate::ledger) async fn allocations_moved(
        &self,
        tenant: &TenantId,
        since: Option<&Position>,
        most: usize,
        at_least: &Position,
    ) -> Answer<MovedAllocations> {
        let reached = |since: &Position| {
            let reached = PartitionId::all().map(|partition| (partition, since.get(partition)));
            reached.filter(|(_, sequence)| *sequence > Sequence::ZERO).collect()
        };
        let since = since.map(reached).unwrap_or_default();
        let query = AllocationsMoved { tenant: tenant.as_str().to_owned(), since, most };
        let asked = self.spending.ask_all(Wait { at_least: Some(at_least), up_to: VIEW_WAIT }, &query).await;
        let mut moved = MovedAllocations::default();
        asked.map_err(|error| of_query(&error))?.0.into_iter().for_each(|part| moved.merge(part));
        Ok(moved)
    }

    /// What a tenant used after a position: by which tasks and sessions, and when; and the position for which that is
    /// true; `None`: not all are known.
    pub(in crate::ledger) async fn touched_since(
        &self,
        tenant: &TenantId,
        since: Position,
        at_least: &Position,
    ) -> Answer<(Option<TouchedLately>, Position)> {
        let query = TouchedSince { tenant: tenant.as_str().to_owned(), since };
        let asked = self.spending.ask_all(Wait { at_least: Some(at_least), up_to: VIEW_WAIT }, &query).await;
        let (parts, as_of) = asked.map_err(|error| of_query(&error))?;
        let mut all = TouchedLately::default();
        for part in parts {
            let Some(part) = part else { return Ok((None, as_of)) };
            all.by.extend(part.by);
            all.quarters.extend(part.quarters);
        }
        Ok((Some(all), as_of))
    }

    /// Of which quarters of an hour a tenant's usage was recorded after them, in these spans or ever.
    pub(in crate::ledger) async fn recorded_late(
        &self,
        tenant: &TenantId,
        spans: Option<Vec<Span>>,
        at_least: &Position,
    ) -> Answer<RecordedLate> {
        let query = RecordedLateIn { tenant: tenant.as_str().to_owned(), spans };
        let asked = self.spending.ask_all(Wait { at_least: Some(at_least), up_to: VIEW_WAIT }, &query).await;
        let mut all = RecordedLate::default();
        asked.map_err(|error| of_query(&error))?.0.into_iter().for_each(|part| all.merge(part));
        Ok(all.latest())
    }

    /// Allocations of all tenants, by tenant and name, whose time is over and that are not recorded as expired.
    pub(in crate::ledger) async fn expired(&self, at: Timestamp) -> Answer<Vec<(String, String)>> {
        let wait = Wait { at_least: None, up_to: VIEW_WAIT };
        let asked = self.spending.ask_all(wait, &ExpiredBy { at }).await;
        Ok(asked.map_err(|error| of_query(&error))?.0.into_iter().flatten().collect())
    }

    /// Tasks that closed and have something to do with a pool.
    pub(in crate::ledger) async fn closed(&self, query: &ClosedTasks) -> Answer<ClosedPage> {
        let wait = Wait { at_least: None, up_to: VIEW_WAIT };
        let asked = self.status().ask_all(wait, query).await;
        let mut all = ClosedPage::default();
        asked.map_err(|error| of_query(&error))?.0.into_iter().for_each(|part| all.merge(part));
        Ok(all)
    }

    /// Allocations by name.
    pub(in crate::ledger) async fn allocations_named(
        &self,
        tenant: &TenantId,
        names: Vec<String>,
        read: &Read,
    ) -> Answer<(BTreeMap<String, AllocationRow>, String)> {
        let query = AllocationsNamed { tenant: tenant.as_str().to_owned(), names };
        self.read_budgets(tenant, read, &query).await
    }

    /// The open allocation of a context that was made last, as of what is decided by now.
    pub(in crate::ledger) async fn open_of_context(
        &self,
        tenant: &TenantId,
        context: &str,
        up_to: Duration,
    ) -> Answer<Option<String>> {
        let partition = PartitionId::of(tenant.as_str(), BUDGET_TASK);
        let end = self.log.tail_of(partition).await.map_err(|error| of_read(&error))?;
        let mut at_least = Position::start(self.log.epoch().id);
        at_least.advance(partition, end);
        let query =
            OpenOfContext { tenant: tenant.as_str().to_owned(), context: context.to_owned(), at: self.now() };
        let wait = Wait { at_least: Some(&at_least), up_to };
        Ok(self.of_budgets(tenant, wait, &query).await?.0)
    }

    /// A page of allocations.
    pub(in crate::ledger) async fn allocation_page(
        &self,
        tenant: &TenantId,
        query: &ListAllocations,
        read: &Read,
    ) -> Answer<(AllocationPage, String)> {
        self.read_budgets(tenant, read, query).await
    }

    async fn read_budgets<Q: Query<Spending>>(
        &self,
        tenant: &TenantId,
        read: &Read,
        query: &Q,
    ) -> Answer<(Q::Answer, String)> {
        let partition = PartitionId::of(tenant.as_str(), BUDGET_TASK);
        let wanted = self.wanted(read).await?.map(|position| position.only(partition));
        let wait = Wait { at_least: wanted.as_ref(), up_to: read.wait };
        let (answer, as_of) = self.of_budgets(tenant, wait, query).await?;
        Ok((answer, as_of.to_string()))
    }

    async fn of_budgets<Q: Query<Spending>>(
        &self,
        tenant: &TenantId,
        wait: Wait<'_>,
        query: &Q,
    ) -> Answer<(Q::Answer, Position)> {
        let partition = PartitionId::of(tenant.as_str(), BUDGET_TASK);
        let answered = self.spending.ask(partition, wait, query).await.map_err(|error| of_query(&error))?;
        Ok((answered.answer, answered.as_of))
    }
}
