//! What happens to events, and how their owner learns of it.

use tollgate_domain::position::Position;
use tollgate_wire::FieldError;

use crate::spool::SetAside;

/// Why an event was not accepted. Nothing was queued.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TrackError {
    /// It breaks one of the ledger's input rules.
    #[error(transparent)]
    Invalid(#[from] FieldError),
    /// As many events are waiting as may.
    #[error(
        "queueing event `{id}` of task `{task}`: {events} events with {bytes} bytes wait already, and at most {max_events} \
         events or {max_bytes} bytes may; {because}"
    )]
    Full {
        /// The event's id.
        id: String,
        /// Its task.
        task: String,
        /// The number of waiting events.
        events: usize,
        /// The size of the waiting events, in bytes.
        bytes: usize,
        /// The most events that may wait.
        max_events: usize,
        /// The most bytes that may wait.
        max_bytes: usize,
        /// Why they wait, and what to do.
        because: String,
    },
    /// The tracker was closed.
    #[error("queueing event `{id}` of task `{task}`: the tracker is closed; report before closing it")]
    Closed {
        /// The event's id.
        id: String,
        /// Its task.
        task: String,
    },
}

/// What happened to an event that was awaited.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Delivery {
    /// It is in the log.
    Recorded(Recorded),
    /// The ledger is away: the event is kept and will be delivered. If it is refused then, the tracker
    /// reports it as [`Trouble`].
    Kept,
}

/// An event that is in the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recorded {
    /// The sequence of its record.
    pub sequence: Option<u64>,
    /// The attempt number assigned to a phase start.
    pub attempt: Option<u32>,
    /// Whether it was already there, from an earlier try.
    pub duplicate: bool,
    /// What its producer should know.
    pub warnings: Vec<String>,
}

impl Delivery {
    /// The attempt number assigned to a phase start, if the ledger answered.
    #[must_use]
    pub const fn attempt(&self) -> Option<u32> {
        match self {
            Self::Recorded(recorded) => recorded.attempt,
            Self::Kept => None,
        }
    }
}

/// Why an event will not get into the log.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DeliveryError {
    /// The ledger refused it for good.
    #[error(transparent)]
    Rejected(#[from] Rejected),
    /// The tracker ended before it could be delivered, and has no spool.
    #[error(
        "delivering event `{id}`: the tracker ended while the ledger was away, and it has no spool; give it one"
    )]
    Undelivered {
        /// The event's id.
        id: String,
    },
}

/// An event that the ledger refused for good.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("event `{id}` of task `{task}` is not in the log: {code}: {detail}")]
pub struct Rejected {
    /// The event's id.
    pub id: String,
    /// Its task.
    pub task: String,
    /// Which kind of refusal it is.
    pub kind: RejectedKind,
    /// The stable code of the rule.
    pub code: String,
    /// Why, and what to do.
    pub detail: String,
}

/// How an event was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RejectedKind {
    /// Its id is already used for different content.
    Conflict,
    /// A rule refused it.
    Refused,
}

/// What went wrong with events that no caller awaits. Each is also logged as an ERROR through `tracing`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// The ledger refused an event for good.
    Rejected(Rejected),
    /// A line of the spool could not be read.
    SetAside(SetAside),
    /// The tracker ended without a spool while the ledger was away.
    Undelivered {
        /// The event's id.
        id: String,
        /// Its task.
        task: String,
        /// The event as JSON, for a person to append manually.
        json: String,
    },
}

/// Why not everything is in the log after a flush.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FlushError {
    /// The ledger is away.
    #[error(
        "flushing: {queued} events in memory and {spool_bytes} bytes in the spool wait for the ledger: {reason}"
    )]
    Away {
        /// The number of events waiting in memory.
        queued: usize,
        /// The number of bytes waiting in the spool.
        spool_bytes: u64,
        /// Why the last try failed.
        reason: String,
    },
    /// The tracker has ended.
    #[error("flushing: the tracker is closed")]
    Closed,
}

/// How a tracker ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ended {
    /// Everything is in the log, or was refused and reported.
    Delivered {
        /// Covers everything acknowledged.
        position: Option<Position>,
    },
    /// The ledger is away; the next tracker on the same spool delivers what is waiting there.
    Kept {
        /// Bytes in the spool.
        spool_bytes: u64,
    },
}

/// Events were lost at the end; each was reported as [`Trouble::Undelivered`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "closing the tracker: {events} events were not delivered and could not be kept: {reason}; give it a spool with room"
)]
pub struct CloseError {
    /// The number of lost events.
    pub events: usize,
    /// Why the last try failed.
    pub reason: String,
}

/// What a tracker did so far, and what is waiting.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// Events accepted into the queue.
    pub queued: u64,
    /// Events not accepted because too many were waiting.
    pub overflowed: u64,
    /// Events acknowledged as new.
    pub appended: u64,
    /// Events acknowledged as already there.
    pub duplicates: u64,
    /// Events refused because their id is already used for different content.
    pub conflicts: u64,
    /// Events refused by a rule.
    pub refused: u64,
    /// Events written to the spool.
    pub spooled: u64,
    /// Lines of the spool that could not be read.
    pub set_aside: u64,
    /// Append requests sent.
    pub requests: u64,
    /// How many of these left events to be sent again because the ledger was away.
    pub failed_requests: u64,
    /// Gate answers given by the policy.
    pub gates_by_policy: u64,
    /// Events in memory now.
    pub waiting: usize,
    /// Bytes in the spool now.
    pub spool_bytes: u64,
}
