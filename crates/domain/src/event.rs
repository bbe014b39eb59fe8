//! Events: facts of the domain, in the past tense. Stored: never rename, only add.
//!
//! Each kind belongs to a subject: a file here, a file of the same name in `wire/src/kind`, and a file of
//! `proto/`. [`kinds`] lists them.

mod alert;
mod bill;
mod budget;
mod inbox;
mod key;
mod kinds;
mod ledger;
mod price;
mod report;
mod task;
mod usage;

pub use alert::*;
pub use bill::*;
pub use budget::*;
pub use inbox::*;
pub use key::*;
pub use kinds::*;
pub use ledger::*;
pub use price::*;
pub use report::*;
pub use task::*;
pub use usage::*;

pub use crate::gate::GateDecided;

use crate::ids::{EventId, LEDGER_TENANT, ProducerId, TaskId, TenantId};
use crate::position::{PartitionId, Sequence};
use crate::time::Timestamp;

/// Largest stored form of one event, in bytes, including what the ledger adds.
pub const MAX_EVENT_BYTES: usize = 16 * 1024;

/// An event on its way into the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// Owner of the task.
    pub tenant: TenantId,
    /// Which task.
    pub task: TaskId,
    /// Who appends it.
    pub producer: ProducerId,
    /// The idempotency key, chosen by the producer.
    pub id: EventId,
    /// When it happened, by the producer's clock. `None`: the producer did not say, so the time of the append
    /// is used; that time is not part of the content, so a retry without one is still a duplicate.
    pub occurred_at: Option<Timestamp>,
    /// W3C trace context, if the producer has one.
    pub trace_parent: Option<String>,
    /// What happened.
    pub body: EventBody,
}

/// An event as folds see it, including its place in the log.
#[derive(Clone, Copy, Debug)]
pub struct RecordedEvent<'a> {
    /// The sequence of its record.
    pub sequence: Sequence,
    /// The partition of its record.
    pub partition: PartitionId,
    /// When it was appended.
    pub recorded_at: Timestamp,
    /// Owner of the task.
    pub tenant: &'a str,
    /// Which task.
    pub task: &'a str,
    /// Who appended it.
    pub producer: &'a str,
    /// Its id.
    pub id: &'a str,
    /// When it happened: by the producer's clock if given, otherwise [`Self::recorded_at`].
    pub occurred_at: Timestamp,
    /// What happened.
    pub body: &'a EventBody,
}

impl RecordedEvent<'_> {
    /// Whether it is part of its task's history. Facts of the whole ledger are not, nor are signals that a
    /// producer keeps under the task of such facts, [`TaskId::ledger`]: they are found by their ids, and no
    /// view treats that as a task.
    ///
    /// [`TaskId::ledger`]: crate::ids::TaskId::ledger
    #[must_use]
    pub fn concerns_task(&self) -> bool {
        let is_note = self.task == LEDGER_TENANT
            && matches!(self.body, EventBody::Usage(UsageEvent::SignalRecorded(_)));
        self.tenant != LEDGER_TENANT && self.body.concerns_task() && !is_note
    }
}
