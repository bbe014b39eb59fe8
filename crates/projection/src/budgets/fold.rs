//! From decisions about money to rows.

use tollgate_domain::event::{AllocationRequest, BudgetEvent, EventBody, PolicyFigures, RecordedEvent};
use tollgate_domain::ids::BUDGET_TASK;
use tollgate_domain::position::Sequence;
use tollgate_domain::time::Timestamp;

use super::Budgets;
use super::row::{AllocationRow, AllocationState, BudgetsRow, allocation_key, listed_key, tenant_key};
use crate::fold::{Projection, Rows};

impl Projection for Budgets {
    const NAME: &'static str = "budgets";
    const VERSION: u32 = 1;
    // Whoever asks for an allocation waits for what others were given.
    const AWAITED: bool = true;
    type Row = BudgetsRow;

    fn apply<R: Rows<BudgetsRow>>(&self, event: &RecordedEvent<'_>, rows: &mut R) -> Result<(), R::Error> {
        let EventBody::Budget(decided) = event.body else { return Ok(()) };
        let tenant = rows.change(&tenant_key(event.tenant), || BudgetsRow::Tenant(Box::default()))?;
        if let BudgetsRow::Tenant(tenant) = tenant {
            tenant.state.apply(decided);
            tenant.last_decision = event.sequence;
        }
        match decided {
            BudgetEvent::Allocated(made) => {
                let of =
                    Decided { decided_at: made.decided_at, as_of: &made.as_of, policies: &made.policies };
                keep(rows, event, &made.request, made.instead_of.as_ref(), &of, AllocationState::Open)
            }
            BudgetEvent::AllocationRefused(refused) => {
                let (decided_at, policies) = (refused.decided_at, &refused.policies);
                let of = Decided { decided_at, as_of: &refused.as_of, policies };
                keep(rows, event, &refused.request, None, &of, AllocationState::Refused)
            }
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
            BudgetEvent::BudgetSet(_) | BudgetEvent::PolicySet(_) | BudgetEvent::LimitRaised(_) => Ok(()),
        }
    }

    fn last_decision<R: Rows<BudgetsRow>>(
        &self,
        tenant: &str,
        subject: &str,
        record: Sequence,
        rows: &mut R,
    ) -> Result<(), R::Error> {
        if subject != BUDGET_TASK {
            return Ok(());
        }
        let row = rows.change(&tenant_key(tenant), || BudgetsRow::Tenant(Box::default()))?;
        if let BudgetsRow::Tenant(tenant) = row {
            tenant.last_decision = tenant.last_decision.max(record);
        }
        Ok(())
    }
}

/// What a decision about a request was made with.
struct Decided<'a> {
    decided_at: Timestamp,
    as_of: &'a str,
    policies: &'a [PolicyFigures],
}

fn keep<R: Rows<BudgetsRow>>(
    rows: &mut R,
    event: &RecordedEvent<'_>,
    request: &AllocationRequest,
    instead_of: Option<&String>,
    of: &Decided<'_>,
    state: AllocationState,
) -> Result<(), R::Error> {
    let name = request.allocation.clone();
    let row = AllocationRow {
        request: request.clone(),
        instead_of: instead_of.cloned(),
        policies: of.policies.to_vec(),
        decided_at: of.decided_at,
        as_of: of.as_of.to_owned(),
        sequence: event.sequence,
        amount: request.amount,
        expires_at: request.expires_at,
        state,
    };
    let kept = BudgetsRow::Allocation(Box::new(row));
    let key = allocation_key(event.tenant, &name);
    *rows.change(&key, || BudgetsRow::Listed(String::new()))? = kept;
    let listed = listed_key(event.tenant, event.sequence, &name);
    rows.change(&listed, || BudgetsRow::Listed(name))?;
    Ok(())
}

fn change<R: Rows<BudgetsRow>>(
    rows: &mut R,
    event: &RecordedEvent<'_>,
    allocation: &str,
    change: impl FnOnce(&mut AllocationRow),
) -> Result<(), R::Error> {
    let key = allocation_key(event.tenant, allocation);
    if rows.get(&key)?.is_none() {
        return Ok(());
    }
    let row = rows.change(&key, || BudgetsRow::Listed(String::new()))?;
    if let BudgetsRow::Allocation(row) = row {
        change(row);
    }
    Ok(())
}
