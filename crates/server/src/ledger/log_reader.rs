//! The log as those see it who may only read it.

use std::sync::Arc;

use tollgate_domain::position::{Epoch, PartitionId, Position, Sequence};
use tollgate_log::contract::{DedupScope, EventLog, EventName, Found, Partitions, ReadError, RecordReader};
use tollgate_log::record::Record;

/// A log that can be read and not appended to.
#[derive(Clone)]
pub(super) struct LogReader(Arc<dyn EventLog>);

impl LogReader {
    pub(super) fn new(log: Arc<dyn EventLog>) -> Self {
        Self(log)
    }

    pub(super) fn epoch(&self) -> Epoch {
        self.0.epoch()
    }

    pub(super) fn dedup(&self) -> DedupScope {
        self.0.dedup()
    }

    pub(super) async fn tail(&self) -> Result<Position, ReadError> {
        self.0.tail().await
    }

    pub(super) async fn tail_of(&self, partition: PartitionId) -> Result<Sequence, ReadError> {
        self.0.tail_of(partition).await
    }

    pub(super) fn seen_of(&self, partition: PartitionId) -> Sequence {
        self.0.seen_of(partition)
    }

    pub(super) fn remembers_after(&self) -> Sequence {
        self.0.remembers_after()
    }

    pub(super) async fn find(&self, names: Vec<EventName>) -> Result<Vec<Option<Found>>, ReadError> {
        self.0.find(names).await
    }

    pub(super) async fn record_at(&self, sequence: Sequence) -> Result<Option<Record>, ReadError> {
        self.0.record_at(sequence).await
    }

    pub(super) async fn read_unchained(
        &self,
        partitions: Partitions,
        after: Sequence,
    ) -> Result<Box<dyn RecordReader>, ReadError> {
        self.0.read_unchained(partitions, after).await
    }
}
