//! The contract of every event log. One suite ([`crate::conformance`]) holds all backends to it.

mod hints;

pub use hints::Hints;

pub use futures_util::future::BoxFuture;
pub use tollgate_domain::event::MAX_EVENT_BYTES;
use tollgate_domain::position::{Epoch, Position, Sequence};

pub use crate::batch::{Batch, EventName, Expected, NewEvent};
pub use crate::durability::{DedupScope, Durability, LogServer};
use crate::hash::ContentMark;
pub use crate::partitions::{InvalidPartitions, Partitions};
use crate::record::StoredRecord;
pub use crate::record::{MAX_RECORD_BYTES, MAX_RECORD_EVENTS};

/// The durable, ordered, append-only record of events: the only source of truth of a ledger.
///
/// * Records have one strictly increasing sequence, from 1. Order is guaranteed within a partition.
/// * A record is atomic: after any crash either all of its events are there or none.
/// * An acknowledged record survives whatever its [durability class](Self::durability) says it does.
/// * An event id is taken once: see [`AppendOutcome`].
pub trait EventLog: Send + Sync + 'static {
    /// Identity and creation time of this log.
    fn epoch(&self) -> Epoch;

    /// What an acknowledgement guarantees.
    fn durability(&self) -> Durability;

    /// How long an outcome stays final.
    fn dedup(&self) -> DedupScope;

    /// Why it no longer accepts appends, if that is so. Reads still work.
    fn failed(&self) -> Option<String> {
        None
    }

    /// What is wrong with it although it still works: appends that are refused for now, older records that
    /// cannot be read.
    fn degraded(&self) -> Option<String> {
        None
    }

    /// Appends a batch as one record, leaving out the events the log already has.
    ///
    /// When the future returns `Ok`, every event answered `Appended` or `Duplicate` is durable to the class
    /// of [`Self::durability`]. Dropping the future leaves the outcome unknown: append again with the same
    /// ids.
    ///
    /// # Errors
    ///
    /// [`AppendError`]. Nothing of the batch is in the log, except possibly after [`AppendError::Unknown`].
    fn append(&self, batch: Batch) -> BoxFuture<'_, Result<Receipt, AppendError>>;

    /// Appends batches in sequence, as if each one was appended only after the one before it was durable: a
    /// batch is in the log only if all those before it are, in this order. Faster if a log can keep several
    /// in flight and still guarantee that. There should be no other appender meanwhile: its records may end
    /// up between these.
    fn append_in_order(&self, batches: Vec<Batch>) -> BoxFuture<'_, InOrder> {
        Box::pin(async move {
            let mut receipts = Vec::with_capacity(batches.len());
            for batch in batches {
                match self.append(batch).await {
                    Ok(receipt) => receipts.push(receipt),
                    Err(error) => return InOrder { receipts, stopped: Some(error) },
                }
            }
            InOrder { receipts, stopped: None }
        })
    }

    /// What the log knows of these event ids, in their order: what an append would answer, without appending.
    fn find(&self, keys: Vec<EventName>) -> BoxFuture<'_, Result<Vec<Option<Found>>, ReadError>>;

    /// The position of the last durable record of every partition.
    fn tail(&self) -> BoxFuture<'_, Result<Position, ReadError>>;

    /// Reads durable records of some partitions in order, from the first one after `after`.
    fn read_from(
        &self,
        partitions: Partitions,
        after: Sequence,
    ) -> BoxFuture<'_, Result<Box<dyn RecordReader>, ReadError>>;

    /// What this log can report or do beyond the contract because it is on another machine. `None` if it is
    /// in this process.
    fn hints(&self) -> Option<&dyn Hints> {
        None
    }
}

/// A reader of records in order. It holds no lock and does not slow appends down.
pub trait RecordReader: Send {
    /// The next records, at least one: waits until there are some. Dropping the future loses none.
    fn next(&mut self) -> BoxFuture<'_, Result<Vec<StoredRecord>, ReadError>>;

    /// The records available now; empty when the reader has caught up with the tail.
    fn try_next(&mut self) -> BoxFuture<'_, Result<Vec<StoredRecord>, ReadError>>;

    /// From now on [`Self::next`] may return a single record even if others follow immediately: the caller
    /// collects those with [`crate::groups::Groups`]. This saves work where each delivered record has a cost
    /// of its own.
    fn in_groups(&mut self) {}
}

/// What happened to each event of a batch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Receipt {
    /// One outcome per event, in the order of the batch.
    pub outcomes: Vec<AppendOutcome>,
    /// Covers every event that is in the log, whether appended now or before.
    pub position: Position,
    /// What this acknowledgement guarantees.
    pub durability: Durability,
}

/// What happened to batches that were appended in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InOrder {
    /// One receipt for each batch that was appended, from the first one on.
    pub receipts: Vec<Receipt>,
    /// Why the next batch was not appended, if not all were. Nothing of the rest is in the log, except after
    /// [`AppendError::Unknown`]: then some of it may still arrive.
    pub stopped: Option<AppendError>,
}

/// What happened to one event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AppendOutcome {
    /// It is new, and part of this record.
    Appended(Sequence),
    /// Same id, same content: success, nothing new. This is the record of the original.
    Duplicate(Sequence),
    /// Same id, different content: refused, along with every new event of its task in the batch.
    Conflict(Sequence),
    /// Refused because another event of its task, at this index of the batch, is in conflict.
    Refused {
        /// The index of the event in conflict.
        because: usize,
    },
}

/// What the log has under an event's name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Found {
    /// Its record.
    pub sequence: Sequence,
    /// What is known of its content's hash.
    pub content: ContentMark,
}

/// Why a batch was not appended.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AppendError {
    /// The batch breaks a limit.
    #[error("append of {events} events: {what} is {value}, the limit is {limit}")]
    TooLarge {
        /// The number of events in the batch.
        events: usize,
        /// Which limit was exceeded.
        what: &'static str,
        /// The value that exceeded it.
        value: usize,
        /// The largest allowed value.
        limit: usize,
    },
    /// A batch without events.
    #[error("append: {0}")]
    Malformed(String),
    /// Another decision about the subject came first.
    #[error("append of a decision about `{subject}`: its last decision is {actual}, expected was {expected}")]
    WrongExpected {
        /// The decision subject.
        subject: String,
        /// The last decision that the decider saw.
        expected: Sequence,
        /// The last decision in the log.
        actual: Sequence,
    },
    /// The disk is full. Nothing was written; appends succeed again once there is space.
    #[error("append: the disk of {path} is full; free some space, appends then go on without a restart")]
    DiskFull {
        /// The log's directory.
        path: String,
    },
    /// More bytes are waiting than are allowed to.
    #[error("append: {waiting_bytes} bytes wait for the disk already, the limit is {limit}; try again")]
    Overloaded {
        /// The number of bytes waiting.
        waiting_bytes: usize,
        /// The largest number of bytes that may wait.
        limit: usize,
    },
    /// Something the log needs is not available now. Nothing was written.
    #[error("append: {reason}; nothing was written, try again once that is mended: no restart is needed")]
    Unavailable {
        /// What failed, and why.
        reason: String,
    },
    /// The writer has stopped for good, after a failed write or sync.
    #[error("append: the log's writer has stopped: {reason}; check the disk, then restart")]
    Stopped {
        /// What failed.
        reason: String,
    },
    /// The outcome is not known: the batch may be in the log. Try again with the same ids.
    #[error("append: outcome unknown: {reason}; try again with the same ids")]
    Unknown {
        /// What happened.
        reason: String,
    },
}

impl AppendError {
    /// Whether the same batch may succeed later.
    #[must_use]
    pub const fn is_retryable(&self) -> bool {
        match self {
            Self::DiskFull { .. }
            | Self::Overloaded { .. }
            | Self::Unavailable { .. }
            | Self::Unknown { .. } => true,
            Self::TooLarge { .. }
            | Self::Malformed(_)
            | Self::WrongExpected { .. }
            | Self::Stopped { .. } => false,
        }
    }
}

/// Why records could not be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReadError {
    /// The operating system returned an error.
    #[error("reading {path}: {message}")]
    Io {
        /// The file.
        path: String,
        /// The system's message.
        message: String,
    },
    /// What is there differs from what was written.
    #[error("reading {path}: damaged at byte {offset}, record {sequence}: {what}; restore it from a backup")]
    Damaged {
        /// The file.
        path: String,
        /// The byte offset in the file.
        offset: u64,
        /// The record that should be there.
        sequence: Sequence,
        /// What is wrong.
        what: String,
    },
    /// A newer version wrote it.
    #[error("reading {path}: record {sequence}: {what}; nothing is damaged")]
    Newer {
        /// The file.
        path: String,
        /// The record.
        sequence: Sequence,
        /// What is newer.
        what: String,
    },
    /// The log is not the one that was being followed, or lacks records that were seen in it.
    #[error("reading {path}: {what}")]
    Regressed {
        /// The log.
        path: String,
        /// What differs, and what to do.
        what: String,
    },
    /// The log is closed.
    #[error("reading: the log is closed")]
    Closed,
}
