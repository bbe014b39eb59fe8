//! What is appended: events as one record, and what a decision expects.

use tollgate_domain::ids::{EventId, ProducerId, TaskId, TenantId};
use tollgate_domain::position::{PartitionId, Sequence};
use tollgate_domain::time::Timestamp;

use crate::hash::ContentHash;

/// Events to append as one record, all of one tenant and one partition.
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

/// One event to append. The log knows its name and the hash of its content, but not what it means.
#[derive(Clone, Debug)]
pub struct NewEvent {
    /// Its task.
    pub task: TaskId,
    /// The producer that sent it.
    pub producer: ProducerId,
    /// Its id, assigned by the producer.
    pub id: EventId,
    /// Hash of what the producer sent.
    pub content_hash: ContentHash,
    /// The event as stored.
    pub payload: Vec<u8>,
}

/// The name of an event within a tenant and a ledger. It is unique for the life of the ledger.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct EventName {
    /// Owner of the task.
    pub tenant: TenantId,
    /// Its task.
    pub task: TaskId,
    /// Its producer.
    pub producer: ProducerId,
    /// Its id, assigned by the producer.
    pub id: EventId,
}

/// The decision subject of a batch, and the sequence of the subject's last decision as the decider saw it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Expected {
    /// A task; later also a budget.
    pub subject: String,
    /// Its last decision; [`Sequence::ZERO`] if there is none yet.
    pub last: Sequence,
}
