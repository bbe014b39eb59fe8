//! Properties of the folds: what order changes, and that a store between any two events changes nothing.

use std::collections::BTreeMap;

use proptest::prelude::*;
use proptest::sample::Index;
use tollgate_domain::event::{EventBody, UsageEvent};

use crate::alerts::Alerts;
use crate::reports::Reports;
use crate::spending::Spending;
use crate::status::{Status, TaskRow, figures};
use crate::testing::{Stored, bytes_of, events, folded, folds_alike_over_a_store};

/// Reorders events: each gets a place, decisions keep their order within their task.
fn shuffled(events: &[Stored], places: &[Index]) -> Vec<Stored> {
    let mut order: Vec<(usize, &Stored)> =
        events.iter().zip(places).map(|(event, place)| (place.index(events.len()), event)).collect();
    order.sort_by_key(|(place, _)| *place);
    let mut decisions: BTreeMap<&str, Vec<&Stored>> = BTreeMap::new();
    for event in events.iter().rev().filter(|event| event.body.is_decision()) {
        decisions.entry(&event.task).or_default().push(event);
    }
    let next = |(_, event): (usize, &Stored)| match event.body.is_decision() {
        true => decisions.get_mut(event.task.as_str()).unwrap().pop().unwrap().clone(),
        false => event.clone(),
    };
    order.into_iter().map(next).collect()
}

fn places() -> impl Strategy<Value = Vec<Index>> {
    prop::collection::vec(any::<Index>(), 100)
}

proptest! {
    // Each case folds about 80 events a few times; 256 cases take about 2 s.
    #![proptest_config(ProptestConfig::with_cases(256))]

    /// However facts are ordered, relative to each other and to decisions and other tasks' events: the rows
    /// of the status view are the same, byte for byte.
    #[test]
    fn rows_do_not_depend_on_the_order_in_which_facts_arrive(events in events(), places in places()) {
        let expected = bytes_of(&folded(&Status, &events));
        prop_assert_eq!(&bytes_of(&folded(&Status, &shuffled(&events, &places))), &expected);
    }

    /// Rows are sent to other processes as JSON, and read back unchanged.
    #[test]
    fn rows_survive_json(events in events()) {
        for row in folded(&Status, &events).into_values() {
            let json = serde_json::to_string(&row).unwrap();
            prop_assert_eq!(serde_json::from_str::<TaskRow>(&json).unwrap(), row, "{}", json);
        }
    }

    /// Usage that leaves its attempt to the ledger may be counted in another attempt if it arrives at another
    /// time; the task's totals stay the same.
    #[test]
    fn totals_do_not_depend_on_it_even_where_no_attempt_is_named(events in events(), places in places()) {
        let mut events = events;
        for event in &mut events {
            unname_attempt(event);
        }
        let totals = |events: &[Stored]| {
            let rows: BTreeMap<Vec<u8>, TaskRow> = folded(&Status, events);
            rows.into_iter().map(|(key, row)| (key, figures(&row, None).total)).collect::<BTreeMap<_, _>>()
        };
        prop_assert_eq!(totals(&shuffled(&events, &places)), totals(&events));
    }

    /// Writing and reading back rows before any event, as a restarted projector does, changes nothing.
    #[test]
    fn a_store_between_any_two_events_changes_nothing(
        events in events(), places in places(), pauses in prop::collection::vec(any::<bool>(), 100),
    ) {
        let events = shuffled(&events, &places);
        let pause = |nth: usize| pauses[nth];
        folds_alike_over_a_store(&Status, &events, pause);
        folds_alike_over_a_store(&Reports, &events, pause);
        folds_alike_over_a_store(&Alerts, &events, pause);
        folds_alike_over_a_store(&Spending, &events, pause);
    }
}

fn unname_attempt(event: &mut Stored) {
    if let EventBody::Usage(UsageEvent::UsageRecorded(usage)) = &mut event.body
        && let Some(execution) = &mut usage.execution
    {
        execution.attempt = None;
    }
}
