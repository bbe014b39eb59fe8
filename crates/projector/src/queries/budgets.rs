//! What was decided about a tenant's money.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use tollgate_domain::budget::Dimension;
use tollgate_domain::position::Sequence;
use tollgate_domain::time::Timestamp;
use tollgate_projection::budgets::{
    AllocationRow, BudgetsRow, TENANTS, TenantBudgets, allocation_key, listing, tenant_key,
};
use tollgate_projection::spending::{Spending, SpendingRow};
use tollgate_wire::api::AllocationStateWord;

use crate::query::Query;
use crate::rows::RowError;
use crate::seen::Seen;

/// The most rows that one page of a filtered list looks at.
const LOOKED_AT: usize = 10_000;

/// What decisions about a tenant's money depend on.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct TenantBudgetsOf {
    /// Whose.
    pub tenant: String,
}

impl Query<Spending> for TenantBudgetsOf {
    const VERB: &'static str = "tenant";
    type Answer = TenantBudgets;

    fn is_own(&self) -> bool {
        true
    }

    fn answer(&self, view: &Seen<'_, Spending>) -> Result<TenantBudgets, RowError> {
        let row = view.get(&tenant_key(&self.tenant))?;
        Ok(match row.as_deref().and_then(SpendingRow::budgets) {
            Some(BudgetsRow::Tenant(tenant)) => (**tenant).clone(),
            Some(BudgetsRow::Allocation(_) | BudgetsRow::Listed(_)) | None => TenantBudgets::default(),
        })
    }
}

/// Whether a tenant has policies at all, whether they rule or not.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct HasPolicies {
    /// Which.
    pub tenant: String,
}

impl Query<Spending> for HasPolicies {
    const VERB: &'static str = "has_policies";
    type Answer = bool;

    fn is_own(&self) -> bool {
        true
    }

    fn answer(&self, view: &Seen<'_, Spending>) -> Result<bool, RowError> {
        let row = view.get(&tenant_key(&self.tenant))?;
        Ok(match row.as_deref().and_then(SpendingRow::budgets) {
            Some(BudgetsRow::Tenant(tenant)) => !tenant.state.policies().is_empty(),
            Some(BudgetsRow::Allocation(_) | BudgetsRow::Listed(_)) | None => false,
        })
    }
}

/// The tenants that have made a decision about money.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct TenantsWithBudgets {}

impl Query<Spending> for TenantsWithBudgets {
    const VERB: &'static str = "tenants";
    const OVER_MANY: bool = true;
    type Answer = Vec<String>;

    fn is_own(&self) -> bool {
        true
    }

    fn answer(&self, view: &Seen<'_, Spending>) -> Result<Self::Answer, RowError> {
        let names = view.scan(TENANTS, None).map(|row| {
            let (key, _) = row?;
            let name = key.strip_prefix(TENANTS).and_then(|name| std::str::from_utf8(name).ok());
            Ok(name.map(str::to_owned))
        });
        names.filter_map(Result::transpose).collect()
    }
}

/// Allocations of all tenants whose time is over and that are not recorded as expired.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ExpiredBy {
    /// By when.
    pub at: Timestamp,
}

impl Query<Spending> for ExpiredBy {
    const VERB: &'static str = "expired";
    const OVER_MANY: bool = true;
    type Answer = Vec<(String, String)>;

    fn is_own(&self) -> bool {
        true
    }

    fn answer(&self, view: &Seen<'_, Spending>) -> Result<Self::Answer, RowError> {
        let mut found = Vec::new();
        for row in view.scan(TENANTS, None) {
            let (key, row) = row?;
            let Some(BudgetsRow::Tenant(tenant)) = row.budgets() else { continue };
            let Some(name) = key.strip_prefix(TENANTS).and_then(|name| std::str::from_utf8(name).ok()) else {
                continue;
            };
            let open = tenant.state.all_open().iter();
            let expired = open.filter(|(_, open)| open.expires_at <= self.at);
            found.extend(expired.map(|(allocation, _)| (name.to_owned(), allocation.clone())));
        }
        Ok(found)
    }
}

/// Allocations by name.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct AllocationsNamed {
    /// Whose.
    pub tenant: String,
    /// Which.
    pub names: Vec<String>,
}

impl Query<Spending> for AllocationsNamed {
    const VERB: &'static str = "allocations";
    type Answer = BTreeMap<String, AllocationRow>;

    fn answer(&self, view: &Seen<'_, Spending>) -> Result<Self::Answer, RowError> {
        let mut found = BTreeMap::new();
        for name in &self.names {
            found.extend(named(view, &self.tenant, name)?.map(|row| (name.clone(), row)));
        }
        Ok(found)
    }
}

fn named(view: &Seen<'_, Spending>, tenant: &str, name: &str) -> Result<Option<AllocationRow>, RowError> {
    let row = view.get(&allocation_key(tenant, name))?;
    Ok(match row.as_deref().and_then(SpendingRow::budgets) {
        Some(BudgetsRow::Allocation(row)) => Some((**row).clone()),
        Some(BudgetsRow::Tenant(_) | BudgetsRow::Listed(_)) | None => None,
    })
}

/// Allocations, the latest first.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct ListAllocations {
    /// Whose.
    pub tenant: String,
    /// Only those decided before this record.
    pub before: Option<Sequence>,
    /// Only those of this context.
    pub context: Option<String>,
    /// Only those of this task.
    pub task: Option<String>,
    /// Only those of this model, by its own name or the one by which it is priced.
    pub model: Option<String>,
    /// Only those that this policy was asked about.
    pub policy: Option<String>,
    /// Only those with all these labels.
    pub labels: BTreeMap<String, String>,
    /// Only those in this state.
    pub state: Option<AllocationStateWord>,
    /// When: what is open then has not expired.
    pub now: Timestamp,
    /// How many at most.
    pub limit: usize,
}

/// The open allocation of a context that was made last.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct OpenOfContext {
    /// Whose.
    pub tenant: String,
    /// Which context.
    pub context: String,
    /// When: what has expired by then is not open.
    pub at: Timestamp,
}

impl Query<Spending> for OpenOfContext {
    const VERB: &'static str = "open_of_context";
    type Answer = Option<String>;

    fn is_own(&self) -> bool {
        true
    }

    fn answer(&self, view: &Seen<'_, Spending>) -> Result<Self::Answer, RowError> {
        let row = view.get(&tenant_key(&self.tenant))?;
        let Some(BudgetsRow::Tenant(tenant)) = row.as_deref().and_then(SpendingRow::budgets) else {
            return Ok(None);
        };
        let open = tenant.state.all_open().iter().filter(|(_, open)| {
            open.request.context.as_ref() == Some(&self.context) && self.at < open.expires_at
        });
        let mut last: Option<AllocationRow> = None;
        for (name, _) in open {
            let Some(row) = named(view, &self.tenant, name)? else { continue };
            if last.as_ref().is_none_or(|last| last.sequence < row.sequence) {
                last = Some(row);
            }
        }
        Ok(last.map(|row| row.request.allocation))
    }
}

/// A page of allocations.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AllocationPage {
    /// The allocations.
    pub allocations: Vec<AllocationRow>,
    /// The record before which the next page begins; `None`: this is the last page.
    pub next: Option<Sequence>,
}

impl ListAllocations {
    fn wants(&self, row: &AllocationRow) -> bool {
        self.context.as_ref().is_none_or(|context| row.request.context.as_ref() == Some(context))
            && self.task.as_ref().is_none_or(|task| row.request.task.as_ref() == Some(task))
            && self.model.as_ref().is_none_or(|model| row.request.dimensions().has(&Dimension::Model, model))
            && self.policy.as_ref().is_none_or(|name| row.policies.iter().any(|found| found.policy == *name))
            && self.labels.iter().all(|(key, value)| row.request.labels.get(key) == Some(value))
            && self.state.is_none_or(|state| row.state_at(self.now) == state)
    }
}

impl Query<Spending> for ListAllocations {
    const VERB: &'static str = "list_allocations";
    const OVER_MANY: bool = true;
    type Answer = AllocationPage;

    fn answer(&self, view: &Seen<'_, Spending>) -> Result<AllocationPage, RowError> {
        let prefix = listing(&self.tenant, None);
        // What was decided in one record has one sequence: a page ends between records.
        let after = self.before.map(|before| listing(&self.tenant, Some(before.previous())));
        let mut page = AllocationPage::default();
        let mut last: Option<Sequence> = None;
        for (looked_at, row) in view.scan(&prefix, after.as_deref()).enumerate() {
            let (_, row) = row?;
            let Some(BudgetsRow::Listed(name)) = row.budgets() else { continue };
            let Some(row) = named(view, &self.tenant, name)? else { continue };
            let full = page.allocations.len() >= self.limit || looked_at >= LOOKED_AT;
            if full && last.is_some_and(|last| row.sequence < last) {
                page.next = last;
                break;
            }
            last = Some(row.sequence);
            if self.wants(&row) {
                page.allocations.push(row);
            }
        }
        Ok(page)
    }
}
