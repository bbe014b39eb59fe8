//! The last record of every partition, as far as this process has seen the stream.

use tollgate_domain::position::{PartitionId, Position, Sequence};
use uuid::Uuid;

/// The last record of every partition at one sequence of the stream, once known.
#[derive(Debug)]
pub(crate) struct Frontier {
    /// The position contains every record up to here; `None` if not known yet.
    through: Option<Sequence>,
    position: Position,
}

impl Frontier {
    pub(crate) fn new(epoch: Uuid, empty: bool) -> Self {
        Self { through: empty.then_some(Sequence::ZERO), position: Position::start(epoch) }
    }

    /// Adds a record, if it is the next one.
    pub(crate) fn advance(&mut self, partition: PartitionId, sequence: Sequence) {
        if self.through.is_some_and(|through| through.next() == sequence) {
            self.through = Some(sequence);
            self.position.advance(partition, sequence);
        }
    }

    /// Skips a message that is in no partition, if it is the next one.
    pub(crate) fn pass(&mut self, sequence: Sequence) {
        if self.through.is_some_and(|through| through.next() == sequence) {
            self.through = Some(sequence);
        }
    }

    /// The position of a stream end that contains this record, if it is known.
    pub(crate) fn at(&self, last: Sequence) -> Option<&Position> {
        self.through.is_some_and(|through| through >= last).then_some(&self.position)
    }

    pub(crate) fn learn(&mut self, through: Sequence, position: &Position) {
        if self.through.is_none_or(|known| known < through) {
            *self = Self { through: Some(through), position: position.clone() };
        }
    }
}
