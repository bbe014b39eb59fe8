//! What was decided about a tenant's money, and every allocation with what became of it. These rows are part of the
//! view `spending` ([`crate::spending`]).

mod fold;
mod row;

pub use fold::{apply, last_decision, note_moved};
pub use row::{
    AllocationRow, AllocationState, BudgetsRow, HoldsBudgets, TENANTS, TenantBudgets, allocation_key,
    listing, moved, moved_since, moved_through, tenant_key,
};

#[cfg(test)]
mod tests;
