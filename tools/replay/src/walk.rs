//! Takes every record of a history once: partitions by themselves, spread over threads, each up to its end.

use std::ops::ControlFlow;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use tokio::runtime::Handle;
use tollgate_domain::event::RecordedEvent;
use tollgate_domain::position::{PartitionId, Position, Sequence};
use tollgate_log::contract::{Partitions, ReadError};
use tollgate_log::index::IdIndex;
use tollgate_log::record::{EventFrame, StoredRecord};
use tollgate_wire::{DecodedEvent, Decoder};

use crate::error::ReplayError;
use crate::source::{History, originals};

/// What a thread writes over with every event, so that nothing is allocated for it.
#[derive(Debug, Default)]
pub(crate) struct Scratch {
    /// The key of the event's task.
    pub(crate) key: Vec<u8>,
    pub(crate) decoder: Decoder,
}

/// How far a run is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// Records that were worked, those of an interrupted run included.
    pub records: u64,
    /// All of them.
    pub of_records: u64,
    /// Events that this run worked.
    pub events: u64,
}

/// Who is told how far a run is, from any thread, and may stop it.
pub type Watcher<'a> = &'a (dyn Fn(Progress) -> ControlFlow<()> + Sync);

/// What one thread makes of records.
pub(crate) trait Worker {
    /// What is known of a partition up to a record.
    type Part: Part + Send;

    /// What is known of a partition before this run.
    fn begin(&self, partition: PartitionId) -> Result<Self::Part, ReplayError>;

    /// Takes the next record of a partition. `originals`: which of its events are counted; `None`: all of them.
    fn take(
        &mut self,
        part: &mut Self::Part,
        stored: &StoredRecord,
        originals: Option<&[bool]>,
    ) -> Result<(), ReplayError>;

    /// Keeps what is known, so that another run can go on from there.
    fn save(&self, parts: &mut [(PartitionId, Self::Part)]) -> Result<(), ReplayError>;
}

/// How far a partition is.
pub(crate) trait Part {
    /// The last record that was taken.
    fn done(&self) -> Sequence;

    /// How many were, those of an interrupted run included.
    fn records(&self) -> u64;
}

/// A run over a history, as its threads share it.
pub(crate) struct Walk<'a> {
    history: &'a dyn History,
    end: &'a Position,
    /// After how many events of a thread what is known is saved.
    save_after: u64,
    watcher: Watcher<'a>,
    records: AtomicU64,
    events: AtomicU64,
    stop: AtomicBool,
}

/// An event of a record, with what the record says of it.
#[must_use]
pub fn recorded<'a>(
    stored: &'a StoredRecord,
    frame: &EventFrame<'a>,
    decoded: &'a DecodedEvent,
) -> RecordedEvent<'a> {
    let recorded_at = stored.record.recorded_at();
    RecordedEvent {
        sequence: stored.sequence,
        partition: stored.record.partition(),
        recorded_at,
        tenant: stored.record.tenant(),
        task: frame.task,
        producer: frame.producer,
        id: frame.id,
        occurred_at: decoded.occurred_at.unwrap_or(recorded_at),
        body: &decoded.body,
    }
}

impl<'a> Walk<'a> {
    pub(crate) fn new(
        history: &'a dyn History,
        end: &'a Position,
        save_after: u64,
        watcher: Watcher<'a>,
    ) -> Self {
        let (records, events, stop) = (AtomicU64::new(0), AtomicU64::new(0), AtomicBool::new(false));
        Self { history, end, save_after, watcher, records, events, stop }
    }

    /// What is known of every partition at its end, in their order. Each thread has a worker of its own.
    pub(crate) fn run<W: Worker>(
        &self,
        threads: usize,
        runtime: &Handle,
        worker: impl Fn() -> W + Sync,
    ) -> Result<Vec<(PartitionId, W::Part)>, ReplayError> {
        let threads = threads.clamp(1, PartitionId::all().count());
        let mut all = std::thread::scope(|scope| {
            let worker = &worker;
            let threads: Vec<_> = (0..threads)
                .map(|nth| {
                    let own: Vec<PartitionId> = PartitionId::all().skip(nth).step_by(threads).collect();
                    scope.spawn(move || runtime.block_on(self.work(worker(), &own)))
                })
                .collect();
            let (mut all, mut failure) = (Vec::new(), None);
            for thread in threads {
                match thread.join() {
                    Ok(Ok(own)) => all.extend(own),
                    // That one thread was stopped says less than why another one failed.
                    Ok(Err(ReplayError::Interrupted)) => {
                        failure = failure.or(Some(ReplayError::Interrupted));
                    }
                    Ok(Err(error)) => failure = Some(error),
                    Err(panic) => std::panic::resume_unwind(panic),
                }
            }
            failure.map_or(Ok(all), Err)
        })?;
        all.sort_by_key(|(partition, _)| *partition);
        Ok(all)
    }

    async fn work<W: Worker>(
        &self,
        worker: W,
        own: &[PartitionId],
    ) -> Result<Vec<(PartitionId, W::Part)>, ReplayError> {
        let done = self.worked(worker, own).await;
        if done.is_err() {
            self.stop.store(true, Ordering::Relaxed);
        }
        done
    }

    async fn worked<W: Worker>(
        &self,
        mut worker: W,
        own: &[PartitionId],
    ) -> Result<Vec<(PartitionId, W::Part)>, ReplayError> {
        let begun = own.iter().map(|&partition| Ok((partition, worker.begin(partition)?)));
        let mut parts: Vec<(PartitionId, W::Part)> = begun.collect::<Result<_, ReplayError>>()?;
        let before = parts.iter().map(|(_, part)| part.records()).sum();
        self.records.fetch_add(before, Ordering::Relaxed);
        let behind = parts.iter().filter(|(partition, part)| part.done() < self.end.get(*partition));
        let Some(mut after) = behind.map(|(_, part)| part.done()).min() else { return Ok(parts) };
        let mut index = self.history.repeats().then(IdIndex::in_memory);
        if index.is_some() {
            // Which events are repetitions follows from all before them.
            after = Sequence::ZERO;
        }
        let failed = |error: ReadError| ReplayError::Read { origin: self.history.origin().to_owned(), error };
        let partitions: Partitions = own.iter().copied().collect();
        let mut reader = self.history.read(partitions, after).await.map_err(failed)?;
        let mut since = 0;
        while let Some((reached, end)) = self.behind(&parts) {
            let records = reader.try_next().await.map_err(failed)?;
            if records.is_empty() {
                let origin = self.history.origin().to_owned();
                return Err(ReplayError::Short { origin, reached, end });
            }
            let (mut worked, mut events) = (0, 0);
            for stored in &records {
                let partition = stored.record.partition();
                let counted = index.as_mut().and_then(|index| originals(index, stored));
                let Some((_, part)) = parts.iter_mut().find(|(own, _)| *own == partition) else { continue };
                if stored.sequence <= part.done() || stored.sequence > self.end.get(partition) {
                    continue;
                }
                worker.take(part, stored, counted.as_deref())?;
                worked += 1;
                events += stored.record.len() as u64;
                since += stored.record.len() as u64;
                if since >= self.save_after {
                    since = 0;
                    worker.save(&mut parts)?;
                }
            }
            if let Err(stopped) = self.tell(worked, events) {
                worker.save(&mut parts)?;
                return Err(stopped);
            }
        }
        worker.save(&mut parts)?;
        Ok(parts)
    }

    /// A partition that is not at its end: what was reached, and the end.
    fn behind<P: Part>(&self, parts: &[(PartitionId, P)]) -> Option<(u64, u64)> {
        let behind = parts.iter().find(|(partition, part)| part.done() < self.end.get(*partition));
        behind.map(|(partition, part)| (part.done().0, self.end.get(*partition).0))
    }

    fn tell(&self, worked: u64, events: u64) -> Result<(), ReplayError> {
        let records = self.records.fetch_add(worked, Ordering::Relaxed) + worked;
        let events = self.events.fetch_add(events, Ordering::Relaxed) + events;
        let progress = Progress { records, of_records: self.end.highest().0, events };
        if self.stop.load(Ordering::Relaxed) || (self.watcher)(progress).is_break() {
            return Err(ReplayError::Interrupted);
        }
        Ok(())
    }
}
