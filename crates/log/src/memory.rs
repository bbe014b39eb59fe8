//! The log in memory: the contract without a disk, for tests and the simulator.

use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::watch;
use tollgate_domain::position::{Epoch, PARTITIONS, Position, Sequence};
use uuid::Uuid;

use crate::admission::{self, Checked};
use crate::contract::{
    AppendError, AppendOutcome, Batch, BoxFuture, DedupScope, Durability, EventLog, EventName, Found,
    Partitions, ReadError, Receipt, RecordReader,
};
use crate::index::IdIndex;
use crate::key::{ChainHash, Key};
use crate::record::StoredRecord;
use tollgate_clock::Clock;

/// An event log that ends with its process.
pub struct MemoryLog {
    epoch: Epoch,
    clock: Arc<dyn Clock>,
    state: Arc<Mutex<State>>,
    tail: watch::Sender<Sequence>,
}

struct State {
    index: IdIndex,
    records: Vec<StoredRecord>,
    chains: [ChainHash; PARTITIONS],
    position: Position,
}

impl MemoryLog {
    /// An empty log.
    #[must_use]
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self::of_epoch(Uuid::now_v7(), clock)
    }

    /// An empty log without an identity of its own: what is appended in the same order is at the same position in each.
    #[must_use]
    pub fn without_identity(clock: Arc<dyn Clock>) -> Self {
        Self::of_epoch(Uuid::nil(), clock)
    }

    fn of_epoch(id: Uuid, clock: Arc<dyn Clock>) -> Self {
        let epoch = Epoch { id, created_at: clock.now() };
        let state = State {
            index: IdIndex::in_memory(),
            records: Vec::new(),
            chains: [ChainHash::START; PARTITIONS],
            position: Position::start(epoch.id),
        };
        Self { epoch, clock, state: Arc::new(Mutex::new(state)), tail: watch::Sender::new(Sequence::ZERO) }
    }

    fn append_now(&self, batch: Batch) -> Result<Receipt, AppendError> {
        let checked = Checked::new(batch)?;
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let state = &mut *state;
        let next = Sequence(state.records.len() as u64).next();
        let admitted = admission::admit(&checked, next, &mut state.index, &[])?;
        let mut position = Position::start(self.epoch.id);
        let partition = checked.batch.partition;
        for outcome in &admitted.outcomes {
            if let AppendOutcome::Appended(sequence) | AppendOutcome::Duplicate(sequence) = outcome {
                position.advance(partition, *sequence);
            }
        }
        if admitted.has_new() {
            let record = admission::record_of(&checked.batch, &admitted.outcomes, self.clock.now());
            let chain = &mut state.chains[partition.index()];
            *chain = chain.then(record.hash());
            state.records.push(StoredRecord { sequence: next, chain: *chain, record });
            state.position.advance(partition, next);
            self.tail.send_replace(next);
        }
        Ok(Receipt { outcomes: admitted.outcomes, position, durability: Durability::PageCache })
    }
}

impl EventLog for MemoryLog {
    fn epoch(&self) -> Epoch {
        self.epoch
    }

    fn durability(&self) -> Durability {
        Durability::PageCache
    }

    fn dedup(&self) -> DedupScope {
        DedupScope::Life
    }

    fn append(&self, batch: Batch) -> BoxFuture<'_, Result<Receipt, AppendError>> {
        Box::pin(async move { self.append_now(batch) })
    }

    fn find(&self, names: Vec<EventName>) -> BoxFuture<'_, Result<Vec<Option<Found>>, ReadError>> {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let found = names.iter().map(|name| state.index.get_recent(&Key::of_event(name))).collect();
        Box::pin(async move { Ok(found) })
    }

    fn tail(&self) -> BoxFuture<'_, Result<Position, ReadError>> {
        let position = self.state.lock().unwrap_or_else(PoisonError::into_inner).position.clone();
        Box::pin(async move { Ok(position) })
    }

    fn read_from(
        &self,
        partitions: Partitions,
        after: Sequence,
    ) -> BoxFuture<'_, Result<Box<dyn RecordReader>, ReadError>> {
        let reader =
            MemoryReader { state: Arc::clone(&self.state), tail: self.tail.subscribe(), partitions, after };
        Box::pin(async move { Ok(Box::new(reader) as Box<dyn RecordReader>) })
    }
}

struct MemoryReader {
    state: Arc<Mutex<State>>,
    tail: watch::Receiver<Sequence>,
    partitions: Partitions,
    after: Sequence,
}

impl MemoryReader {
    fn read(&mut self) -> Vec<StoredRecord> {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let start = usize::try_from(self.after.0).unwrap_or(usize::MAX);
        let records = state.records.get(start..).unwrap_or_default();
        self.after = self.after.max(Sequence(state.records.len() as u64));
        let wanted = |stored: &&StoredRecord| self.partitions.contains(stored.record.partition());
        records.iter().filter(wanted).cloned().collect()
    }
}

impl RecordReader for MemoryReader {
    fn next(&mut self) -> BoxFuture<'_, Result<Vec<StoredRecord>, ReadError>> {
        Box::pin(async move {
            loop {
                self.tail.mark_unchanged();
                let records = self.read();
                if !records.is_empty() {
                    return Ok(records);
                }
                self.tail.changed().await.map_err(|_| ReadError::Closed)?;
            }
        })
    }

    fn try_next(&mut self) -> BoxFuture<'_, Result<Vec<StoredRecord>, ReadError>> {
        Box::pin(async move { Ok(self.read()) })
    }
}
