//! How far a view has folded each partition, and of which log.

use serde::{Deserialize, Serialize};
use tollgate_domain::position::{PARTITIONS, PartitionId, Position, Sequence};
use tollgate_log::contract::Partitions;
use tollgate_log::key::ChainHash;
use tollgate_log::record::{Record, StoredRecord};
use uuid::Uuid;

/// The last record of every partition that a view contains. Stored in the same atomic write as the view's
/// rows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Checkpoint {
    /// The epoch of the log.
    pub epoch: Uuid,
    /// The last record read, of any partition.
    pub read_through: Sequence,
    marks: [Option<Mark>; PARTITIONS],
    /// Earlier places that a reader may have to begin at, in ascending order.
    places: Vec<Place>,
}

/// The last record of a partition that a view contains.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mark {
    /// Its sequence.
    pub sequence: Sequence,
    /// The chain of the partition before it.
    before: [u8; 32],
    /// The chain of the partition after it: it represents the record and all before it.
    chain: [u8; 32],
}

/// What a view remembers about an earlier place in the log, so that a reader can begin there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Place {
    /// The chains contain everything up to here.
    pub through: Sequence,
    chains: [[u8; 32]; PARTITIONS],
}

impl Place {
    /// The chains of these partitions.
    #[must_use]
    pub fn chains(&self, partitions: Partitions) -> Vec<(PartitionId, ChainHash)> {
        let wanted = PartitionId::all().filter(|partition| partitions.contains(*partition));
        wanted.map(|partition| (partition, ChainHash(self.chains[partition.index()]))).collect()
    }
}

impl Mark {
    /// The chain of the partition after the record.
    #[must_use]
    pub const fn chain(&self) -> ChainHash {
        ChainHash(self.chain)
    }

    /// Whether a record is the one at this mark.
    #[must_use]
    pub fn is_of(&self, record: &Record) -> bool {
        ChainHash(self.before).then(record.hash()) == self.chain()
    }
}

/// How a record relates to a checkpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Follows {
    /// It is the next of its partition.
    Next,
    /// It is contained already: a redelivery.
    Contained,
    /// There is another record where the checkpoint's was: this is a different history.
    OtherHistory,
}

impl Checkpoint {
    /// Before the first record of a log.
    #[must_use]
    pub const fn start(epoch: Uuid) -> Self {
        Self { epoch, read_through: Sequence::ZERO, marks: [None; PARTITIONS], places: Vec::new() }
    }

    /// The last record of a partition that the view contains.
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

    /// The chains at this checkpoint.
    #[must_use]
    pub fn place(&self) -> Place {
        let chain = |mark: Option<Mark>| mark.map_or(ChainHash::START, |mark| mark.chain()).0;
        Place { through: self.read_through, chains: self.marks.map(chain) }
    }

    /// Remembers a place.
    pub(crate) fn remember(&mut self, place: Place) {
        // The index may be at the previous place, if the latest was not written in time.
        if self.places.len() == 2 {
            self.places.remove(0);
        }
        self.places.push(place);
    }

    /// The place at a record, if it is remembered.
    pub(crate) fn remembered(&self, through: Sequence) -> Option<&Place> {
        self.places.iter().find(|place| place.through == through)
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

    /// How a record relates to the checkpoint. Its chain is compared with the checkpoint's only on request:
    /// recomputing the hash of every record would be a tenth of the cost of a fold.
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

    /// Adds a record.
    pub(crate) fn advance(&mut self, stored: &StoredRecord) {
        let mark = &mut self.marks[stored.record.partition().index()];
        let before = mark.map_or(ChainHash::START, |mark| mark.chain()).0;
        *mark = Some(Mark { sequence: stored.sequence, before, chain: stored.chain.0 });
        self.read_through = self.read_through.max(stored.sequence);
    }
}
