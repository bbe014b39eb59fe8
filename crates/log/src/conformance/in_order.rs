//! Cases: many batches in order.

use tollgate_domain::position::Sequence;

use super::Backend;
use super::support::{append, appended, batch, contents, decision, duplicate, event, read_all};
use crate::contract::{AppendError, Batch};

/// Facts of many partitions; every third batch is a decision about one task that refers to the previous
/// decision.
fn chain(count: u64) -> Vec<Batch> {
    let mut last = 0;
    let one = |number: u64| {
        let id = format!("e{number:04}");
        if !number.is_multiple_of(3) {
            return batch(vec![event(&format!("T-{}", number % 7), &id, "fact")]);
        }
        let expected = std::mem::replace(&mut last, number);
        decision(expected, vec![event("T-D", &id, "decision"), event("T-D", &format!("f{number}"), "fact")])
    };
    (1..=count).map(one).collect()
}

pub(super) async fn batches_in_order_stand_one_behind_the_other(backend: &dyn Backend) {
    let log = backend.fresh().await;
    let batches = chain(700);
    let done = log.append_in_order(batches.clone()).await;
    assert_eq!(done.stopped, None);
    for (number, receipt) in (1..).zip(&done.receipts) {
        assert_eq!(receipt.outcomes[0], appended(number));
        assert_eq!(receipt.durability, log.durability());
    }
    let records = read_all(&log).await;
    assert_eq!(records.len(), 700);
    for ((number, stored), batch) in (1..).zip(&records).zip(&batches) {
        let event = stored.record.event(0).expect("an event");
        assert_eq!((stored.sequence, event.id), (Sequence(number), batch.events[0].id.as_str()));
    }
    assert!(log.tail().await.expect("a tail").highest() == Sequence(700));
    let again = log.append_in_order(batches[..300].to_vec()).await;
    assert_eq!(again.stopped, None);
    for (number, receipt) in (1..).zip(&again.receipts) {
        assert!(receipt.outcomes.iter().all(|outcome| *outcome == duplicate(number)), "{receipt:?}");
    }
    assert_eq!(read_all(&log).await.len(), 700);
}

pub(super) async fn batches_in_order_end_at_the_first_that_is_refused(backend: &dyn Backend) {
    let log = backend.fresh().await;
    append(&log, batch(vec![event("T-0", "e0", "there before")])).await;
    let is_wrong: fn(&AppendError) -> bool = |error| matches!(error, AppendError::WrongExpected { .. });
    let is_malformed: fn(&AppendError) -> bool = |error| matches!(error, AppendError::Malformed(_));
    let refused =
        [(decision(9, vec![event("T-D", "never", "x")]), is_wrong), (batch(Vec::new()), is_malformed)];
    for (nth, (wrong, as_expected)) in refused.into_iter().enumerate() {
        let id = |name: &str| format!("{name}-{nth}");
        let batches = vec![
            batch(vec![event("T-1", &id("a"), "x")]),
            batch(vec![event("T-0", "e0", "there before"), event("T-0", &id("b"), "x")]),
            wrong,
            batch(vec![event("T-2", &id("c"), "x")]),
        ];
        let done = log.append_in_order(batches).await;
        let stopped = done.stopped.expect("it is refused");
        assert!(as_expected(&stopped), "{stopped}");
        assert_eq!(done.receipts.len(), 2);
        let last = 2 + 2 * nth as u64;
        assert_eq!(done.receipts[1].outcomes, [duplicate(1), appended(last + 1)]);
    }
    let ids = contents(&log).await;
    assert_eq!(ids, ["T-0/e0=there before", "T-1/a-0=x", "T-0/b-0=x", "T-1/a-1=x", "T-0/b-1=x"]);
}

pub(super) async fn batches_in_order_may_share_events(backend: &dyn Backend) {
    let log = backend.fresh().await;
    let batches = vec![
        batch(vec![event("T-1", "a", "x")]),
        batch(vec![event("T-1", "a", "x"), event("T-1", "b", "x")]),
        batch(vec![event("T-1", "b", "x")]),
        batch(vec![event("T-1", "c", "x")]),
    ];
    let done = log.append_in_order(batches).await;
    let outcomes: Vec<_> = done.receipts.into_iter().map(|receipt| receipt.outcomes).collect();
    let expected =
        [vec![appended(1)], vec![duplicate(1), appended(2)], vec![duplicate(2)], vec![appended(3)]];
    assert_eq!((outcomes, done.stopped), (expected.to_vec(), None));
}
