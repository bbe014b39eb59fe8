//! The view `budgets`: what was decided about a tenant's money, and every allocation with what became of it.

mod fold;
mod row;

pub use row::{
    AllocationRow, AllocationState, BudgetsRow, TenantBudgets, allocation_key, listing, tenant_key,
};

/// The fold of the view `budgets`.
#[derive(Clone, Copy, Debug, Default)]
pub struct Budgets;

#[cfg(test)]
mod tests;
