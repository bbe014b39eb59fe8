//! From decisions about money to rows.

use tollgate_domain::event::{BudgetEvent, RecordedEvent};
use tollgate_domain::ids::BUDGET_TASK;
use tollgate_domain::position::Sequence;

use super::row::{
    AllocationRow, AllocationState, BudgetsRow, HoldsBudgets, allocation_key, listed_key, moved_key,
    tenant_key,
};
use crate::fold::Rows;

/// Folds a decision about money into the rows.
///
/// # Errors
///
/// Only the row keeper's error when a row cannot be loaded.
pub fn apply<Row: HoldsBudgets, R: Rows<Row>>(
    rows: &mut R,
    event: &RecordedEvent<'_>,
    decided: &BudgetEvent,
) -> Result<(), R::Error> {
    if let Some(BudgetsRow::Tenant(tenant)) = tenant_row(rows, event.tenant)?.budgets_mut() {
        tenant.state.apply(decided);
        tenant.last_decision = event.sequence;
    }
    if let Some(row) = AllocationRow::of(decided, event.sequence) {
        note_moved(rows, event, &row.request.allocation)?;
        return keep(rows, event.tenant, row);
    }
    match decided {
        BudgetEvent::AllocationExtended(extended) => change(rows, event, &extended.allocation, |row| {
            row.amount = row.amount.plus(extended.by);
            row.expires_at = extended.expires_at;
        }),
        BudgetEvent::AllocationReleased(released) => change(rows, event, &released.allocation, |row| {
            let (at, author) = (released.decided_at, released.author.clone());
            row.state = AllocationState::Released { at, author };
        }),
        BudgetEvent::AllocationExpired(expired) => {
            change(rows, event, &expired.allocation, |row| row.state = AllocationState::Expired)
        }
        BudgetEvent::BudgetSet(_)
        | BudgetEvent::PolicySet(_)
        | BudgetEvent::LimitRaised(_)
        | BudgetEvent::Allocated(_)
        | BudgetEvent::AllocationRefused(_)
        | BudgetEvent::PoolGiven(_)
        | BudgetEvent::PoolDrawn(_) => Ok(()),
    }
}

/// Notes that an allocation was decided or used: who looks at all of them looks at these next.
///
/// # Errors
///
/// Same as [`apply`].
pub fn note_moved<Row: HoldsBudgets, R: Rows<Row>>(
    rows: &mut R,
    event: &RecordedEvent<'_>,
    allocation: &str,
) -> Result<(), R::Error> {
    let key = moved_key(event.tenant, event.partition, event.sequence, allocation);
    if rows.get(&key)?.is_none() {
        rows.change(&key, || BudgetsRow::Listed(allocation.to_owned()).into())?;
    }
    Ok(())
}

/// Keeps a record that is the last one about a tenant's money although its events are not counted.
///
/// # Errors
///
/// Same as [`apply`].
pub fn last_decision<Row: HoldsBudgets, R: Rows<Row>>(
    tenant: &str,
    subject: &str,
    record: Sequence,
    rows: &mut R,
) -> Result<(), R::Error> {
    if subject != BUDGET_TASK {
        return Ok(());
    }
    if let Some(BudgetsRow::Tenant(tenant)) = tenant_row(rows, tenant)?.budgets_mut() {
        tenant.last_decision = tenant.last_decision.max(record);
    }
    Ok(())
}

fn tenant_row<'a, Row: HoldsBudgets + 'a, R: Rows<Row>>(
    rows: &'a mut R,
    tenant: &str,
) -> Result<&'a mut Row, R::Error> {
    rows.change(&tenant_key(tenant), || BudgetsRow::Tenant(Box::default()).into())
}

fn keep<Row: HoldsBudgets, R: Rows<Row>>(
    rows: &mut R,
    tenant: &str,
    row: AllocationRow,
) -> Result<(), R::Error> {
    let (name, sequence) = (row.request.allocation.clone(), row.sequence);
    let key = allocation_key(tenant, &name);
    *rows.change(&key, || BudgetsRow::Listed(String::new()).into())? =
        BudgetsRow::Allocation(Box::new(row)).into();
    rows.change(&listed_key(tenant, sequence, &name), || BudgetsRow::Listed(name).into())?;
    Ok(())
}

fn change<Row: HoldsBudgets, R: Rows<Row>>(
    rows: &mut R,
    event: &RecordedEvent<'_>,
    allocation: &str,
    change: impl FnOnce(&mut AllocationRow),
) -> Result<(), R::Error> {
    let key = allocation_key(event.tenant, allocation);
    if rows.get(&key)?.is_none() {
        return Ok(());
    }
    let row = rows.change(&key, || BudgetsRow::Listed(String::new()).into())?;
    if let Some(BudgetsRow::Allocation(row)) = row.budgets_mut() {
        change(row);
    }
    Ok(())
}
