//! Decisions about money in a view: what is kept of an allocation through its life, in which order it is listed.

use std::collections::BTreeMap;

use tollgate_domain::budget::{Amount, Figures, decide};
use tollgate_domain::event::{AllocationRequest, BudgetEvent, EventBody, RecordedEvent};
use tollgate_domain::ids::BUDGET_TASK;
use tollgate_domain::money::Usd;
use tollgate_domain::position::{PartitionId, Sequence};
use tollgate_domain::time::Timestamp;

use super::{
    AllocationRow, AllocationState, BudgetsRow, TenantBudgets, allocation_key, listing, moved, moved_since,
    moved_through, tenant_key,
};
use crate::fold::Projection;
use crate::spending::{Spending, SpendingRow};

type Rows = BTreeMap<Vec<u8>, SpendingRow>;

fn at() -> Timestamp {
    "2026-11-21T08:00:00Z".parse().unwrap()
}

fn fold(rows: &mut Rows, tenant: &str, sequence: u64, event: BudgetEvent) {
    let event = RecordedEvent {
        sequence: Sequence(sequence),
        partition: PartitionId::of(tenant, BUDGET_TASK),
        recorded_at: at(),
        tenant,
        task: BUDGET_TASK,
        producer: "tollgate",
        id: "e",
        occurred_at: at(),
        body: &EventBody::from(event),
    };
    Spending.apply(&event, rows).unwrap();
}

fn tenant<'a>(rows: &'a Rows, name: &str) -> &'a TenantBudgets {
    let row = BTreeMap::get(rows, &tenant_key(name));
    let Some(BudgetsRow::Tenant(tenant)) = row.and_then(SpendingRow::budgets) else {
        panic!("no tenant {name}")
    };
    tenant
}

fn allocation<'a>(rows: &'a Rows, name: &str) -> &'a AllocationRow {
    let row = BTreeMap::get(rows, &allocation_key("acme", name));
    let Some(BudgetsRow::Allocation(row)) = row.and_then(SpendingRow::budgets) else {
        panic!("no allocation {name}")
    };
    row
}

fn allocate(rows: &mut Rows, name: &str, sequence: u64) {
    let request = AllocationRequest {
        allocation: name.to_owned(),
        priority: 5,
        amount: Amount { tokens: 100, usd: Usd::ZERO },
        expires_at: at().plus_millis(1000),
        ..AllocationRequest::default()
    };
    let empty = TenantBudgets::default();
    let state =
        BTreeMap::get(rows, &tenant_key("acme")).map_or(&empty, |_| tenant(rows, "acme")).state.clone();
    let event = decide::allocate(&state, request, &[], &Figures::default(), at()).unwrap();
    fold(rows, "acme", sequence, event);
}

#[test]
fn an_allocation_is_kept_through_its_life() {
    let mut rows = Rows::new();
    allocate(&mut rows, "a", 3);
    assert_eq!(allocation(&rows, "a").state, AllocationState::Open);
    let state = |rows: &Rows| tenant(rows, "acme").state.clone();
    let more = Amount { tokens: 50, usd: Usd::ZERO };
    let later = Some(at().plus_millis(5000));
    let extension = decide::Extension { by: more, is_priced: true, expires_at: later };
    let extended = decide::extend(&state(&rows), "a", extension, &Figures::default(), at()).unwrap().unwrap();
    fold(&mut rows, "acme", 4, extended);
    let row = allocation(&rows, "a");
    assert_eq!((row.amount.tokens, row.expires_at), (150, at().plus_millis(5000)));
    assert_eq!(row.request.amount.tokens, 100, "what was asked for stays");
    let released = decide::release(&state(&rows), "a", Some("ada".to_owned()), at()).unwrap();
    fold(&mut rows, "acme", 5, released);
    let author = Some("ada".to_owned());
    assert_eq!(allocation(&rows, "a").state, AllocationState::Released { at: at(), author });
    allocate(&mut rows, "b", 6);
    let expired = decide::expire(&state(&rows), "b", at().plus_millis(1000)).unwrap();
    fold(&mut rows, "acme", 7, expired);
    assert_eq!(allocation(&rows, "b").state, AllocationState::Expired);
    assert_eq!(tenant(&rows, "acme").last_decision, Sequence(7));
    assert!(state(&rows).all_open().is_empty());
}

#[test]
fn allocations_are_listed_with_the_latest_first_and_tenants_stay_apart() {
    let mut rows = Rows::new();
    for (sequence, name) in (1..).zip(["c", "a", "b"]) {
        allocate(&mut rows, name, sequence);
    }
    let listed = |before| {
        let from = listing("acme", before);
        let prefix = listing("acme", None);
        let lines = rows.range(from.clone()..).filter(|(key, _)| key.starts_with(&prefix));
        let names = lines.map(|(_, row)| {
            if let Some(BudgetsRow::Listed(name)) = row.budgets() { name.clone() } else { panic!() }
        });
        names.collect::<Vec<_>>()
    };
    assert_eq!(listed(None), ["b", "a", "c"]);
    assert_eq!(listed(Some(Sequence(2))), ["a", "c"]);
    assert!(!rows.contains_key(&tenant_key("acm")));
}

/// A row per block of 1,024 records: who looks again looks at the last block again, and at no earlier one.
#[test]
fn what_happened_to_an_allocation_is_found_by_record() {
    let mut rows = Rows::new();
    for (name, sequence) in [("a", 3), ("b", 1023), ("a", 1024), ("c", 1025), ("a", 1026), ("d", 5000)] {
        allocate(&mut rows, name, sequence);
    }
    let partition = PartitionId::of("acme", BUDGET_TASK);
    let since = |sequence| {
        let prefix = moved("acme", partition);
        let after = moved_since("acme", partition, Sequence(sequence));
        let found = rows.range(after..).filter(|(key, _)| key.starts_with(&prefix));
        let found = found.map(|(key, row)| {
            let through = moved_through(&key[prefix.len()..]).unwrap();
            let Some(BudgetsRow::Listed(name)) = row.budgets() else { panic!() };
            format!("{name} {through}")
        });
        found.collect::<Vec<_>>()
    };
    assert_eq!(since(0), ["a 1023", "b 1023", "a 2047", "c 2047", "d 5119"]);
    assert_eq!(since(1022), since(0));
    // A block that was read to its end is not read again: else a look would never get beyond it.
    assert_eq!(since(1023), ["a 2047", "c 2047", "d 5119"]);
    assert_eq!(since(5118), ["d 5119"]);
    assert_eq!(since(5119), [""; 0]);
}

#[test]
fn the_last_decision_counts_even_if_its_events_do_not() {
    let mut rows = Rows::new();
    allocate(&mut rows, "a", 3);
    Spending.last_decision("acme", BUDGET_TASK, Sequence(9), &mut rows).unwrap();
    Spending.last_decision("acme", "T-1", Sequence(12), &mut rows).unwrap();
    assert_eq!(tenant(&rows, "acme").last_decision, Sequence(9));
}
