//! The contract of every event log. One suite ([`crate::conformance`]) holds all backends to it.

mod hints;

pub use hints::Hints;

pub use futures_util::future::BoxFuture;
pub use tollgate_domain::event::MAX_EVENT_BYTES;
use tollgate_domain::position::{Epoch, Position, Sequence};

pub use crate::batch::{Batch, EventName, Expected, NewEvent};
pub use crate::durability::{DedupScope, Durability, LogServer};
use crate::hash::ContentHash;
pub use crate::partitions::{InvalidPartitions, Partitions};
use crate::record::StoredRecord;
pub use crate::record::{MAX_RECORD_BYTES, MAX_RECORD_EVENTS};

/// The durable, ordered, append-only record of events; the only truth of a ledger.
///
/// * Records have one strictly increasing sequence, from 1. Order is promised within a partition.
/// * A record is atomic: after any crash all of its events are there or none.
/// * An acknowledged record is there for as long as the [durability class](Self::durability) says.
/// * An event id is taken once: see [`AppendOutcome`].
pub trait EventLog: Send + Sync + 'static {
    /// Identity and creation time of this log.
    fn epoch(&self) -> Epoch;

    /// What an acknowledgement is worth.
    fn durability(&self) -> Durability;

    /// For how long an outcome is final.
    fn dedup(&self) -> DedupScope;

    /// Why it takes no appends any more, if so. Reads go on.
    fn failed(&self) -> Option<String> {
        None
    }

    /// What is wrong with it though it goes on: appends that are refused for now, older records that cannot be read.
    fn degraded(&self) -> Option<String> {
        None
    }

    /// Appends a batch as one record, without the events it already has.
    ///
    /// When the future returns `Ok`, every event answered `Appended` or `Duplicate` is durable by the class of
    /// [`Self::durability`]. A future that is dropped leaves the outcome open: ask again with the same ids.
    ///
    /// # Errors
    ///
    /// [`AppendError`]; nothing of the batch is in the log, except after [`AppendError::Unknown`].
    fn append(&self, batch: Batch) -> BoxFuture<'_, Result<Receipt, AppendError>>;

    /// Appends batches one behind the other, as if each was appended once the one before it was durable: a
    /// batch is in the log only if those before it are, in this order. Faster where a log can have several on
    /// their way and keep that. Nobody else should append meanwhile: what others append may come between
    /// them.
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

    /// What the log knows of these event ids, in their order: the answer an append would give without appending.
    fn find(&self, keys: Vec<EventName>) -> BoxFuture<'_, Result<Vec<Option<Found>>, ReadError>>;

    /// The position of the last durable record of every partition.
    fn tail(&self) -> BoxFuture<'_, Result<Position, ReadError>>;

    /// Reads durable records of some partitions in order, from the first one after `after`.
    fn read_from(
        &self,
        partitions: Partitions,
        after: Sequence,
    ) -> BoxFuture<'_, Result<Box<dyn RecordReader>, ReadError>>;

    /// What this log can tell or do beyond that, being on another machine. `None`: it is in this process.
    fn hints(&self) -> Option<&dyn Hints> {
        None
    }
}

/// A reader of records in order. It holds no lock and slows no append.
pub trait RecordReader: Send {
    /// The next records, at least one: waits until there are some. A future that is dropped loses none.
    fn next(&mut self) -> BoxFuture<'_, Result<Vec<StoredRecord>, ReadError>>;

    /// The next records that are there now; none when it has caught up with the tail.
    fn try_next(&mut self) -> BoxFuture<'_, Result<Vec<StoredRecord>, ReadError>>;

    /// From now on [`Self::next`] may bring a single record though others follow it at once: its reader takes those by
    /// [`crate::groups::Groups`]. Where each record that comes costs something by itself, that is saved.
    fn in_groups(&mut self) {}
}

/// What became of each event of a batch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Receipt {
    /// One outcome per event, in the order of the batch.
    pub outcomes: Vec<AppendOutcome>,
    /// Covers every event that is in the log, appended now or before.
    pub position: Position,
    /// What this acknowledgement is worth.
    pub durability: Durability,
}

/// What became of batches that were appended in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InOrder {
    /// Of the batches that were appended, from the first one on.
    pub receipts: Vec<Receipt>,
    /// Why the next one was not, if not all were. Nothing of the rest is in the log, except after
    /// [`AppendError::Unknown`]: then some of it may come yet.
    pub stopped: Option<AppendError>,
}

/// What became of one event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AppendOutcome {
    /// It is new and in this record.
    Appended(Sequence),
    /// Same id, same content: success, nothing new; this is the original's record.
    Duplicate(Sequence),
    /// Same id, other content: refused, and with it every new event of its task in the batch.
    Conflict(Sequence),
    /// Refused because another event of its task, at this place of the batch, is in conflict.
    Refused {
        /// The place of the event in conflict.
        because: usize,
    },
}

/// What the log has under an event's name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Found {
    /// Its record.
    pub sequence: Sequence,
    /// Its content's hash.
    pub content: ContentHash,
}

/// Why a batch was not appended.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AppendError {
    /// The batch breaks a limit.
    #[error("append of {events} events: {what} is {value}, the limit is {limit}")]
    TooLarge {
        /// Events in the batch.
        events: usize,
        /// Which limit.
        what: &'static str,
        /// The value.
        value: usize,
        /// The limit.
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
        /// What the decider saw.
        expected: Sequence,
        /// What is there.
        actual: Sequence,
    },
    /// The disk is full. Nothing was written; appends succeed again once there is space.
    #[error("append: the disk of {path} is full; free some space, appends then go on without a restart")]
    DiskFull {
        /// The log's directory.
        path: String,
    },
    /// More is waiting than may wait.
    #[error("append: {waiting_bytes} bytes wait for the disk already, the limit is {limit}; try again")]
    Overloaded {
        /// Bytes that wait.
        waiting_bytes: usize,
        /// The limit.
        limit: usize,
    },
    /// Something that the log needs cannot be had now. Nothing was written.
    #[error("append: {reason}; nothing was written, try again once that is mended: no restart is needed")]
    Unavailable {
        /// What failed, and why.
        reason: String,
    },
    /// The writer has stopped for good, after a write or sync that failed.
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
    /// The operating system refused.
    #[error("reading {path}: {message}")]
    Io {
        /// The file.
        path: String,
        /// The system's message.
        message: String,
    },
    /// What is there is not what was written.
    #[error("reading {path}: damaged at byte {offset}, record {sequence}: {what}; restore it from a backup")]
    Damaged {
        /// The file.
        path: String,
        /// Where in it.
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
    /// The log is not the one that was followed, or lacks what was seen in it.
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
