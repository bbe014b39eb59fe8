//! Cases: what an append stores and returns.

use tollgate_domain::ids::{ProducerId, TenantId};
use tollgate_domain::position::{PartitionId, Sequence};

use super::Backend;
use super::support::{
    append, appended, batch, conflict, contents, decision, duplicate, event,
    other_task_of_the_same_partition, read_all,
};
use crate::contract::{AppendError, AppendOutcome, Batch, MAX_EVENT_BYTES, MAX_RECORD_EVENTS};

pub(super) async fn a_record_reads_back_as_it_was_appended(backend: &dyn Backend) {
    let log = backend.fresh().await;
    let sent = batch(vec![event("T-1", "e1", "one"), event("T-1", "ä/2", "")]);
    let receipt = append(&log, sent.clone()).await;
    assert_eq!(receipt.durability, log.durability());
    let records = read_all(&log).await;
    assert_eq!(records.len(), 1);
    let record = &records[0].record;
    assert_eq!(records[0].sequence, Sequence(1));
    assert_eq!(record.tenant(), "default");
    assert_eq!(record.partition(), sent.partition);
    assert_eq!(record.decision_subject(), None);
    assert!(record.recorded_at().micros() > 0, "the appender's time is in the record");
    for (frame, event) in record.events().zip(&sent.events) {
        assert_eq!(frame.task, "T-1");
        assert_eq!(frame.producer, "ci");
        assert_eq!(frame.id, event.id.as_str());
        assert_eq!(frame.content_hash, event.content_hash);
        assert_eq!(frame.payload, event.payload);
    }
}

pub(super) async fn a_record_keeps_the_time_it_is_given(backend: &dyn Backend) {
    let log = backend.fresh().await;
    let given = "2024-02-29T12:00:00.000001Z".parse().expect("a time");
    let copied = Batch { recorded_at: Some(given), ..batch(vec![event("T-1", "e1", "one")]) };
    append(&log, copied.clone()).await;
    append(&log, Batch { recorded_at: Some(given), ..decision(0, vec![event("T-1", "e2", "two")]) }).await;
    append(&log, batch(vec![event("T-1", "e3", "three")])).await;
    let times: Vec<_> = read_all(&log).await.iter().map(|stored| stored.record.recorded_at()).collect();
    assert_eq!(times[..2], [given, given]);
    assert!(times[2] > given, "without one it is the time of the append");
    // The time is not part of what the producer sent: with a different time it is still the same event.
    assert_eq!(append(&log, Batch { recorded_at: None, ..copied }).await.outcomes, [duplicate(1)]);
}

pub(super) async fn sequences_ascend_from_one(backend: &dyn Backend) {
    let log = backend.fresh().await;
    for number in 1..=20 {
        let task = format!("T-{number}");
        let receipt = append(&log, batch(vec![event(&task, "e", "x"), event(&task, "f", "y")])).await;
        assert_eq!(receipt.outcomes, [appended(number), appended(number)]);
        let partition = PartitionId::of("default", &task);
        assert_eq!(receipt.position.get(partition), Sequence(number));
        assert_eq!(receipt.position.epoch(), log.epoch().id);
    }
    let sequences: Vec<u64> = read_all(&log).await.iter().map(|stored| stored.sequence.0).collect();
    assert_eq!(sequences, (1..=20).collect::<Vec<_>>());
}

pub(super) async fn the_same_batch_again_is_all_duplicates(backend: &dyn Backend) {
    let log = backend.fresh().await;
    let sent = batch(vec![event("T-1", "e1", "one"), event("T-1", "e2", "two")]);
    let first = append(&log, sent.clone()).await;
    append(&log, batch(vec![event("T-2", "e1", "other")])).await;
    for _ in 0..3 {
        let again = append(&log, sent.clone()).await;
        assert_eq!(again.outcomes, [duplicate(1), duplicate(1)]);
        assert_eq!(again.position, first.position, "a duplicate answers with the original's position");
    }
    assert_eq!(contents(&log).await, ["T-1/e1=one", "T-1/e2=two", "T-2/e1=other"]);
}

pub(super) async fn rebatched_events_are_duplicates_one_by_one(backend: &dyn Backend) {
    let log = backend.fresh().await;
    append(&log, batch(vec![event("T-1", "e1", "one"), event("T-1", "e2", "two")])).await;
    let mixed = vec![event("T-1", "e3", "three"), event("T-1", "e2", "two"), event("T-1", "e4", "four")];
    let receipt = append(&log, batch(mixed)).await;
    assert_eq!(receipt.outcomes, [appended(2), duplicate(1), appended(2)]);
    assert_eq!(contents(&log).await, ["T-1/e1=one", "T-1/e2=two", "T-1/e3=three", "T-1/e4=four"]);
}

pub(super) async fn the_same_event_twice_in_a_batch_is_stored_once(backend: &dyn Backend) {
    let log = backend.fresh().await;
    let receipt = append(&log, batch(vec![event("T-1", "e1", "one"), event("T-1", "e1", "one")])).await;
    assert_eq!(receipt.outcomes, [appended(1), duplicate(1)]);
    let receipt = append(&log, batch(vec![event("T-1", "e2", "two"), event("T-1", "e2", "other")])).await;
    assert_eq!(receipt.outcomes, [AppendOutcome::Refused { because: 1 }, conflict(2)]);
    assert_eq!(contents(&log).await, ["T-1/e1=one"]);
}

pub(super) async fn other_content_under_an_id_is_a_conflict_and_refuses_its_task_only(backend: &dyn Backend) {
    let log = backend.fresh().await;
    let other = other_task_of_the_same_partition("T-1");
    append(&log, batch(vec![event("T-1", "e1", "one"), event("T-1", "e2", "two")])).await;
    let mixed = vec![
        event("T-1", "new", "x"),
        event(&other, "new", "y"),
        event("T-1", "e1", "not one"),
        event("T-1", "e2", "two"),
    ];
    let receipt = append(&log, batch(mixed)).await;
    assert_eq!(
        receipt.outcomes,
        [AppendOutcome::Refused { because: 2 }, appended(2), conflict(1), duplicate(1)]
    );
    assert_eq!(contents(&log).await, ["T-1/e1=one", "T-1/e2=two", &format!("{other}/new=y")]);
    // A refused event's id was not taken: it can be appended once the conflict is gone.
    let receipt = append(&log, batch(vec![event("T-1", "new", "x")])).await;
    assert_eq!(receipt.outcomes, [appended(3)]);
}

pub(super) async fn an_id_belongs_to_tenant_task_and_producer(backend: &dyn Backend) {
    let log = backend.fresh().await;
    let first = event("T-1", "e1", "one");
    append(&log, batch(vec![first.clone()])).await;
    let mut producer = first.clone();
    producer.producer = ProducerId::new("another").expect("a producer");
    let receipt = append(&log, batch(vec![producer, event("T-1", "e2", "two")])).await;
    assert_eq!(receipt.outcomes, [appended(2), appended(2)]);
    let task = other_task_of_the_same_partition("T-1");
    assert_eq!(append(&log, batch(vec![event(&task, "e1", "one")])).await.outcomes, [appended(3)]);
    let tenant = TenantId::new("acme").expect("a tenant");
    let partition = PartitionId::of("acme", "T-1");
    let foreign = Batch { tenant, partition, events: vec![first], decision: None, recorded_at: None };
    assert_eq!(append(&log, foreign).await.outcomes, [appended(4)]);
}

pub(super) async fn what_breaks_a_limit_is_refused_whole(backend: &dyn Backend) {
    let log = backend.fresh().await;
    let many = (0..=MAX_RECORD_EVENTS).map(|number| event("T-1", &format!("e{number}"), "x")).collect();
    let big = "x".repeat(MAX_EVENT_BYTES + 1);
    let large = "x".repeat(MAX_EVENT_BYTES);
    let heavy = (0..17).map(|number| event("T-1", &format!("h{number}"), &large)).collect();
    for refused in
        [batch(many), batch(vec![event("T-1", "ok", "x"), event("T-1", "big", &big)]), batch(heavy)]
    {
        let error = log.append(refused).await.expect_err("must be refused");
        assert!(matches!(error, AppendError::TooLarge { .. }), "{error}");
        assert!(!error.is_retryable());
    }
    let error = log.append(batch(Vec::new())).await.expect_err("must be refused");
    assert!(matches!(error, AppendError::Malformed(_)), "{error}");
    assert!(contents(&log).await.is_empty(), "nothing of a refused batch is stored");
    let most = (0..MAX_RECORD_EVENTS).map(|number| event("T-1", &format!("e{number}"), "x")).collect();
    assert_eq!(append(&log, batch(most)).await.outcomes.len(), MAX_RECORD_EVENTS);
    assert_eq!(append(&log, batch(vec![event("T-1", "large", &large)])).await.outcomes, [appended(2)]);
}

pub(super) async fn a_reopened_log_goes_on_where_it_was(backend: &dyn Backend) {
    let log = backend.fresh().await;
    let epoch = log.epoch();
    append(&log, batch(vec![event("T-1", "e1", "one")])).await;
    append(&log, batch(vec![event("T-2", "e1", "two")])).await;
    let tail = log.tail().await.expect("a tail");
    let Some(log) = backend.reopen(log).await else { return };
    assert_eq!(log.epoch(), epoch);
    assert_eq!(log.tail().await.expect("a tail"), tail);
    let receipt = append(&log, batch(vec![event("T-1", "e1", "one"), event("T-1", "e2", "new")])).await;
    assert_eq!(receipt.outcomes, [duplicate(1), appended(3)]);
    let receipt = append(&log, batch(vec![event("T-2", "e1", "not two")])).await;
    assert_eq!(receipt.outcomes, [conflict(2)]);
    assert_eq!(contents(&log).await, ["T-1/e1=one", "T-2/e1=two", "T-1/e2=new"]);
}
