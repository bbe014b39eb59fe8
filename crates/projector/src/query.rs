//! Questions to a view: what they wait for, what they are answered with, why they are not.

use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;
use tollgate_domain::position::{PartitionId, Position};
use tollgate_log::contract::{Partitions, ReadError};
use tollgate_projection::fold::Projection;

use crate::pool::Busy;
use crate::rows::RowError;
use crate::seen::Seen;

/// A question that a view of one projection answers, in this process or in another one.
pub trait Query<P: Projection>: Clone + Serialize + DeserializeOwned + Send + Sync + 'static {
    /// Its name on the way to another process.
    const VERB: &'static str;

    /// Whether it looks at many rows. Such answers are made a page of rows at a time, on threads of their
    /// own, few at once: neither who appends nor the gate waits for them. Others are made at once where they
    /// are asked, and must be quick: the view does not move on meanwhile.
    const OVER_MANY: bool = false;

    /// What it is answered with.
    type Answer: Serialize + DeserializeOwned + Send + 'static;

    /// Whether the ledger itself asks, not a reader: readers cannot keep it from its turn.
    fn is_own(&self) -> bool {
        false
    }

    /// Answers it.
    ///
    /// # Errors
    ///
    /// What reading rows gives.
    fn answer(&self, view: &Seen<'_, P>) -> Result<Self::Answer, RowError>;
}

/// An answer, and up to where it is true.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answered<A> {
    /// The answer.
    pub answer: A,
    /// The position up to which it is true.
    pub as_of: Position,
    /// The partitions that it speaks for.
    pub partitions: Partitions,
}

/// What a query waits for.
#[derive(Clone, Copy, Debug)]
pub struct Wait<'a> {
    /// The position that the view must contain.
    pub at_least: Option<&'a Position>,
    /// For how long at most.
    pub up_to: Duration,
}

/// Why a query was not answered.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum QueryError {
    /// The view did not reach the position in time.
    #[error("view {view}: it {}, waited {waited_ms} ms{}; ask again", .as_of.behind(.wanted), note(.failed))]
    Stale {
        /// Which view.
        view: &'static str,
        /// What it contains.
        as_of: Box<Position>,
        /// What was asked.
        wanted: Box<Position>,
        /// For how long was waited.
        waited_ms: u64,
        /// Why its projector has stopped, if it has.
        failed: Option<String>,
    },
    /// The position is of another log.
    #[error(
        "position {}: it is of another log, this one is {epoch}; leave it out, or ask the ledger it came from", .wanted.in_words()
    )]
    OtherLog {
        /// What was asked.
        wanted: Box<Position>,
        /// This log.
        epoch: String,
    },
    /// The log's end could not be read.
    #[error(transparent)]
    Log(#[from] ReadError),
    /// Its rows cannot be read.
    #[error(transparent)]
    Rows(#[from] RowError),
    /// No projector answers for a partition.
    #[error(
        "view {view}: no projector answers for partition {partition}, waited {waited_ms} ms ({reason}); start one: \
         `tollgate projector {view} --log URL`"
    )]
    Missing {
        /// Which view.
        view: &'static str,
        /// Which partition.
        partition: PartitionId,
        /// For how long was waited.
        waited_ms: u64,
        /// What happened.
        reason: String,
    },
    /// Two projectors with different partitions answer for the same one: their answers cannot be added.
    #[error(
        "view {view}: projectors of partitions {first} and of {second} overlap, so their answers cannot be added; give \
         each projector partitions of its own, or all of them the same"
    )]
    Overlap {
        /// Which view.
        view: &'static str,
        /// What the one speaks for.
        first: Partitions,
        /// What the other speaks for.
        second: Partitions,
    },
    /// Too many questions over many rows wait already.
    #[error("view {view}: {busy}")]
    Busy {
        /// Which view.
        view: &'static str,
        /// How many.
        busy: Busy,
    },
    /// Its projector, in another process, could not answer.
    #[error("view {view}: its projector could not answer: {reason}")]
    Failed {
        /// Which view.
        view: &'static str,
        /// What it said.
        reason: String,
    },
}

fn note(failed: &Option<String>) -> String {
    failed.as_ref().map(|why| format!("; its projector has stopped: {why}")).unwrap_or_default()
}

/// The part of a position that concerns some partitions.
#[must_use]
pub fn restricted(position: &Position, partitions: Partitions) -> Position {
    let mut part = Position::start(position.epoch());
    for partition in PartitionId::all().filter(|partition| partitions.contains(*partition)) {
        part.advance(partition, position.get(partition));
    }
    part
}
