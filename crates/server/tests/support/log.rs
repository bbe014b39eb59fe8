//! A log whose appends go another way.

use tollgate_domain::position::{Epoch, Position, Sequence};
use tollgate_log::contract::{
    AppendError, Batch, BoxFuture, DedupScope, Durability, EventLog, EventName, Found, Hints, Partitions,
    ReadError, Receipt, RecordReader,
};
use tollgate_log::memory::MemoryLog;

type Appending<'a> = BoxFuture<'a, Result<Receipt, AppendError>>;

/// A log, in memory unless it is said which, with something between its callers and its appends.
pub(crate) struct LogWith<S, L = MemoryLog> {
    pub(crate) log: L,
    /// What that knows.
    pub(crate) state: S,
    pub(crate) append: for<'a> fn(&'a L, &'a S, Batch) -> Appending<'a>,
}

impl<S: Send + Sync + 'static, L: EventLog> EventLog for LogWith<S, L> {
    fn epoch(&self) -> Epoch {
        self.log.epoch()
    }

    fn durability(&self) -> Durability {
        self.log.durability()
    }

    fn dedup(&self) -> DedupScope {
        self.log.dedup()
    }

    fn append(&self, batch: Batch) -> Appending<'_> {
        (self.append)(&self.log, &self.state, batch)
    }

    fn find(&self, names: Vec<EventName>) -> BoxFuture<'_, Result<Vec<Option<Found>>, ReadError>> {
        self.log.find(names)
    }

    fn tail(&self) -> BoxFuture<'_, Result<Position, ReadError>> {
        self.log.tail()
    }

    fn read_from(
        &self,
        partitions: Partitions,
        after: Sequence,
    ) -> BoxFuture<'_, Result<Box<dyn RecordReader>, ReadError>> {
        self.log.read_from(partitions, after)
    }

    fn hints(&self) -> Option<&dyn Hints> {
        self.log.hints()
    }
}
