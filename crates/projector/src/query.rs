//! Queries on a view: what they wait for, what they return, why they fail.

use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;
use tollgate_domain::position::{PartitionId, Position};
use tollgate_log::contract::{Partitions, ReadError};
use tollgate_projection::fold::Projection;

use crate::pool::Busy;
use crate::rows::RowError;
use crate::seen::Seen;

/// A query that a view of one projection answers, in this process or in another one.
pub trait Query<P: Projection>: Clone + Serialize + DeserializeOwned + Send + Sync + 'static {
    /// Its name when sent to another process.
    const VERB: &'static str;

    /// Whether it reads many rows. Such answers are produced a page of rows at a time, on dedicated threads,
    /// few at once: neither appends nor the gate wait for them. Other queries are answered immediately where
    /// they are made, and must be quick: the view does not move on meanwhile.
    const OVER_MANY: bool = false;

    /// The type of its answer.
    type Answer: Serialize + DeserializeOwned + Send + 'static;

    /// Whether the ledger itself is asking, not a reader: readers cannot keep it from its turn.
    fn is_own(&self) -> bool {
        false
    }

    /// Whether it reads what is kept beside the rows, which is then brought up to date first. Only queries
    /// [over many](Self::OVER_MANY) rows may.
    fn reads_kept(&self) -> bool {
        false
    }

    /// Prepares what is kept in memory for its answer, at the moment when the rows that it will read are
    /// fixed: what is folded after that is not among them. Only queries [over many](Self::OVER_MANY) rows need
    /// that. Does nothing by default.
    fn begin(&self, live: &mut P::Live, as_of: &Position) {
        let _ = (live, as_of);
    }

    /// Answers it.
    ///
    /// # Errors
    ///
    /// The errors of reading rows.
    fn answer(&self, view: &Seen<'_, P>) -> Result<Self::Answer, RowError>;
}

/// An answer, and the position up to which it is valid.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answered<A> {
    /// The answer.
    pub answer: A,
    /// The position up to which it is valid.
    pub as_of: Position,
    /// The partitions that it covers.
    pub partitions: Partitions,
}

/// What a query waits for.
#[derive(Clone, Copy, Debug)]
pub struct Wait<'a> {
    /// The position that the view must contain.
    pub at_least: Option<&'a Position>,
    /// The longest time to wait.
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
        /// The requested position.
        wanted: Box<Position>,
        /// How long it waited, in milliseconds.
        waited_ms: u64,
        /// Why its projector has stopped, if it has.
        failed: Option<String>,
    },
    /// The position is of another log.
    #[error(
        "position {}: it is of another log, this one is {epoch}; leave it out, or ask the ledger it came from", .wanted.in_words()
    )]
    OtherLog {
        /// The requested position.
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
        /// How long it waited, in milliseconds.
        waited_ms: u64,
        /// What happened.
        reason: String,
    },
    /// Two projectors with different partitions answer for the same one: their answers cannot be combined.
    #[error(
        "view {view}: projectors of partitions {first} and of {second} overlap, so their answers cannot be added; give \
         each projector partitions of its own, or all of them the same"
    )]
    Overlap {
        /// Which view.
        view: &'static str,
        /// The partitions that one of them covers.
        first: Partitions,
        /// The partitions that the other covers.
        second: Partitions,
    },
    /// Too many queries over many rows are waiting already.
    #[error("view {view}: {busy}")]
    Busy {
        /// Which view.
        view: &'static str,
        /// How many are waiting, and how many are answered at once.
        busy: Busy,
    },
    /// Its projector, in another process, could not answer.
    #[error("view {view}: its projector could not answer: {reason}")]
    Failed {
        /// Which view.
        view: &'static str,
        /// Its message.
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
