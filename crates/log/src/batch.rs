//! What is appended: events as one record, and what a decision expects.

use tollgate_domain::ids::{EventId, ProducerId, TaskId, TenantId};
use tollgate_domain::position::{PartitionId, Sequence};
use tollgate_domain::time::Timestamp;

use crate::hash::ContentHash;

/// Events to append as one record: one tenant, one partition.
#[derive(Clone, Debug)]
pub struct Batch {
    /// Owner of the tasks.
    pub tenant: TenantId,
    /// The partition of all the tasks.
    pub partition: PartitionId,
    /// At least one event, in order.
    pub events: Vec<NewEvent>,
    /// Set when the events hold a decision: the subject and its last decision as the decider saw it.
    pub decision: Option<Expected>,
    /// Set when a record is copied from another log: it keeps its time. `None`: the time of the append.
    pub recorded_at: Option<Timestamp>,
}

/// One event to append. The log knows its name and its content's hash, not what it means.
#[derive(Clone, Debug)]
pub struct NewEvent {
    /// Its task.
    pub task: TaskId,
    /// Its producer.
    pub producer: ProducerId,
    /// Its id, the producer's.
    pub id: EventId,
    /// Hash of what the producer sent.
    pub content_hash: ContentHash,
    /// The stored form.
    pub payload: Vec<u8>,
}

/// The name of an event within a tenant and a ledger: unique, for the life of the ledger.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct EventName {
    /// Owner of the task.
    pub tenant: TenantId,
    /// Its task.
    pub task: TaskId,
    /// Its producer.
    pub producer: ProducerId,
    /// Its id, the producer's.
    pub id: EventId,
}

/// The decision subject of a batch and the sequence of its last decision that the decider saw.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Expected {
    /// A task, later a budget.
    pub subject: String,
    /// Its last decision; [`Sequence::ZERO`]: none yet.
    pub last: Sequence,
}
