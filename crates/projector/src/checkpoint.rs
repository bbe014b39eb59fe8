//! How far a view has folded each partition, and which log that was.

use serde::{Deserialize, Serialize};
use tollgate_domain::position::{PARTITIONS, PartitionId, Position, Sequence};
use tollgate_log::key::ChainHash;
use tollgate_log::record::StoredRecord;
use uuid::Uuid;

/// The last record of every partition that a view contains. Stored in the same atomic write as its rows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Checkpoint {
    /// Which log.
    pub epoch: Uuid,
    /// The last record read, of any partition.
    pub read_through: Sequence,
    marks: [Option<Mark>; PARTITIONS],
}

/// The last record of a partition that a view contains.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mark {
    /// Its sequence.
    pub sequence: Sequence,
    /// The chain of the partition after it: it stands for the record and all before it.
    chain: [u8; 32],
}

impl Mark {
    /// The chain of the partition after the record.
    #[must_use]
    pub const fn chain(&self) -> ChainHash {
        ChainHash(self.chain)
    }
}

/// How a record follows a checkpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Follows {
    /// It is the next of its partition.
    Next,
    /// It is contained already: a redelivery.
    Contained,
    /// Another record stands where the checkpoint's was: this is another history.
    OtherHistory,
}

impl Checkpoint {
    /// Before the first record of a log.
    #[must_use]
    pub const fn start(epoch: Uuid) -> Self {
        Self { epoch, read_through: Sequence::ZERO, marks: [None; PARTITIONS] }
    }

    /// The last record of a partition that is contained.
    #[must_use]
    pub fn mark(&self, partition: PartitionId) -> Option<Mark> {
        self.marks[partition.index()]
    }

    /// The partition of the record that was read last, with its mark.
    #[must_use]
    pub fn latest(&self) -> Option<(PartitionId, Mark)> {
        let marks = PartitionId::all().filter_map(|partition| Some((partition, self.mark(partition)?)));
        marks.max_by_key(|(_, mark)| mark.sequence)
    }

    /// As a position.
    #[must_use]
    pub fn position(&self) -> Position {
        let mut position = Position::start(self.epoch);
        for partition in PartitionId::all() {
            position.advance(partition, self.mark(partition).map(|mark| mark.sequence).unwrap_or_default());
        }
        position
    }

    /// How a record follows. Its chain is compared with the checkpoint's when asked to: recomputing the hash of every
    /// record would be a tenth of the cost of a fold.
    pub(crate) fn follows(&self, stored: &StoredRecord, check_chain: bool) -> Follows {
        let mark = self.mark(stored.record.partition());
        if mark.is_some_and(|mark| stored.sequence <= mark.sequence) {
            return Follows::Contained;
        }
        let before = mark.map_or(ChainHash::START, |mark| mark.chain());
        if check_chain && before.then(stored.record.hash()) != stored.chain {
            return Follows::OtherHistory;
        }
        Follows::Next
    }

    /// Takes a record in.
    pub(crate) fn advance(&mut self, stored: &StoredRecord) {
        let mark = Mark { sequence: stored.sequence, chain: stored.chain.0 };
        self.marks[stored.record.partition().index()] = Some(mark);
        self.read_through = self.read_through.max(stored.sequence);
    }
}
