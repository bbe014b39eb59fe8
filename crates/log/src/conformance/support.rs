//! Batches for the suite, and how it reads a whole log.

use std::sync::Arc;

use tollgate_domain::ids::{EventId, ProducerId, TaskId, TenantId};
use tollgate_domain::position::{PartitionId, Sequence};

use crate::contract::{AppendOutcome, Batch, EventLog, EventName, Expected, NewEvent, Partitions, Receipt};
use crate::key::ContentHash;
use crate::record::StoredRecord;

/// The name of an event of the default tenant and producer `ci`.
///
/// # Panics
///
/// If the texts are not valid names.
#[must_use]
pub fn named(task: &str, id: &str) -> EventName {
    EventName {
        tenant: TenantId::default_tenant(),
        task: TaskId::new(task).expect("a task id"),
        producer: ProducerId::new("ci").expect("a producer"),
        id: EventId::new(id).expect("an event id"),
    }
}

/// An event of the default tenant and producer `ci` whose content is the payload.
#[must_use]
pub fn event(task: &str, id: &str, payload: &str) -> NewEvent {
    let name = named(task, id);
    NewEvent {
        task: name.task,
        producer: name.producer,
        id: name.id,
        content_hash: ContentHash::of_hash(blake3::hash(payload.as_bytes()).into()),
        payload: payload.as_bytes().to_vec(),
    }
}

/// A batch of facts, in the partition of its first event.
#[must_use]
pub fn batch(events: Vec<NewEvent>) -> Batch {
    let task = events.first().map_or("none", |event| event.task.as_str());
    let partition = PartitionId::of("default", task);
    Batch { tenant: TenantId::default_tenant(), partition, events, decision: None, recorded_at: None }
}

/// A batch that holds a decision about its first event's task.
#[must_use]
pub fn decision(last: u64, events: Vec<NewEvent>) -> Batch {
    let subject = events.first().map_or_else(String::new, |event| event.task.as_str().to_owned());
    Batch { decision: Some(Expected { subject, last: Sequence(last) }), ..batch(events) }
}

/// Another task in the same partition.
#[must_use]
pub fn other_task_of_the_same_partition(task: &str) -> String {
    let home = PartitionId::of("default", task);
    let mut names = (0_u32..).map(|number| format!("{task}-{number}"));
    names.find(|name| PartitionId::of("default", name) == home).unwrap_or_default()
}

pub(super) async fn append(log: &Arc<dyn EventLog>, batch: Batch) -> Receipt {
    log.append(batch).await.expect("the batch is appended")
}

pub(super) async fn read_all(log: &Arc<dyn EventLog>) -> Vec<StoredRecord> {
    let mut reader = log.read_from(Partitions::ALL, Sequence::ZERO).await.expect("a reader");
    let mut records = Vec::new();
    loop {
        let more = reader.try_next().await.expect("readable");
        if more.is_empty() {
            return records;
        }
        records.extend(more);
    }
}

/// All events as `task/id=payload`, in log order.
pub(super) async fn contents(log: &Arc<dyn EventLog>) -> Vec<String> {
    let shown = |stored: &StoredRecord| {
        let one = |event: crate::record::EventFrame<'_>| {
            format!("{}/{}={}", event.task, event.id, String::from_utf8_lossy(event.payload))
        };
        stored.record.events().map(one).collect::<Vec<_>>()
    };
    read_all(log).await.iter().flat_map(shown).collect()
}

pub(super) const fn appended(sequence: u64) -> AppendOutcome {
    AppendOutcome::Appended(Sequence(sequence))
}

pub(super) const fn duplicate(sequence: u64) -> AppendOutcome {
    AppendOutcome::Duplicate(Sequence(sequence))
}

pub(super) const fn conflict(sequence: u64) -> AppendOutcome {
    AppendOutcome::Conflict(Sequence(sequence))
}
