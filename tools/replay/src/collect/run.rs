//! Reads a history once, its partitions on all threads, and calibrates.

use std::ops::ControlFlow;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use tokio::runtime::Handle;
use tollgate_domain::hex::hex;
use tollgate_domain::position::{PartitionId, Position, Sequence};
use tollgate_log::contract::{Partitions, ReadError};
use tollgate_log::index::IdIndex;

use super::error::CollectError;
use super::result::{Calibrated, CalibrationInputs, CalibrationResult, FORMAT};
use super::rows::{Made, Rows};
use crate::calibrate::{CalibrateError, History as Samples, Options, calibrate};
use crate::source::{History, originals};
use crate::what_if::result::{CandidateInput, PartitionInput, Source};
use crate::what_if::{Candidate, Progress, ReplayError};

/// What is calibrated against, and how.
pub struct Asked<'a> {
    /// The config in force: what nothing is known of stays as it is there.
    pub current: &'a Candidate,
    /// How.
    pub options: &'a Options,
    /// How many threads read.
    pub threads: usize,
}

/// What a thread shares with the others.
struct Shared<'a> {
    history: &'a dyn History,
    end: &'a Position,
    records: AtomicU64,
    events: AtomicU64,
    stop: AtomicBool,
    progress: &'a (dyn Fn(Progress) -> ControlFlow<()> + Sync),
}

/// Proposes limits from a history, up to the end that it had when it was opened. Writes nothing. `progress` is told how
/// far reading is, from any thread, and may stop it.
///
/// Memory is that of the rows of all tasks, which grows with their number and their phases, not with their events
/// (closed tasks are kept encoded); then, as rows are freed, that of the samples.
///
/// # Errors
///
/// [`CollectError`].
pub fn calibrate_history(
    history: &dyn History,
    asked: &Asked<'_>,
    runtime: &Handle,
    progress: &(dyn Fn(Progress) -> ControlFlow<()> + Sync),
) -> Result<Calibrated, CollectError> {
    let origin = || history.origin().to_owned();
    let refused = |error: CalibrateError| CollectError::Calibrate { origin: origin(), error };
    // Before anything is read.
    asked.options.check().map_err(refused)?;
    let shared = Shared {
        history,
        end: history.end(),
        records: AtomicU64::new(0),
        events: AtomicU64::new(0),
        stop: AtomicBool::new(false),
        progress,
    };
    let mut samples = Samples::default();
    let mut all = Made::default();
    let mut digest = blake3::Hasher::new();
    let (mut partitions, mut repeated_events, mut unreadable_events) = (Vec::new(), 0, 0);
    for (partition, rows) in shared.read(asked.threads, runtime)? {
        let counts = rows.counts;
        let input = PartitionInput {
            partition: partition.index(),
            events: counts.events,
            digest: hex(&rows.digest.value()),
        };
        digest.update(input.digest.as_bytes());
        partitions.push(input);
        repeated_events += counts.repeated;
        unreadable_events += counts.unreadable;
        let made = rows.into_samples(&mut samples).map_err(refused)?;
        all.tasks += made.tasks;
        all.unreadable += made.unreadable;
        all.phases += made.phases;
    }
    if all.phases == 0 {
        return Err(CollectError::NoPhases { origin: origin(), tasks: all.tasks });
    }
    let calibration = calibrate(&mut samples, &asked.current.config, asked.options).map_err(refused)?;
    let inputs = CalibrationInputs {
        tollgate: env!("CARGO_PKG_VERSION").to_owned(),
        events: partitions.iter().map(|partition| partition.events).sum(),
        digest: hex(digest.finalize().as_bytes()),
        partitions,
        unreadable_events,
        unreadable_tasks: all.unreadable,
        current: CandidateInput {
            name: asked.current.name.clone(),
            config_hash: asked.current.config.hash(),
        },
    };
    let result = CalibrationResult { format: FORMAT, inputs, calibration };
    let source = Source { origin: origin(), position: history.end().to_string(), repeated_events };
    Ok(Calibrated { hash: result.hash(), source, result })
}

impl Shared<'_> {
    /// The rows of all partitions, in their order.
    fn read(&self, threads: usize, runtime: &Handle) -> Result<Vec<(PartitionId, Rows)>, ReplayError> {
        let threads = threads.clamp(1, PartitionId::all().count());
        let mut all = std::thread::scope(|scope| {
            let workers: Vec<_> = (0..threads)
                .map(|nth| {
                    let own: Vec<PartitionId> = PartitionId::all().skip(nth).step_by(threads).collect();
                    scope.spawn(move || runtime.block_on(self.work(&own)))
                })
                .collect();
            let (mut all, mut failure) = (Vec::new(), None);
            for worker in workers {
                match worker.join() {
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

    async fn work(&self, own: &[PartitionId]) -> Result<Vec<(PartitionId, Rows)>, ReplayError> {
        let done = self.worked(own).await;
        if done.is_err() {
            self.stop.store(true, Ordering::Relaxed);
        }
        done
    }

    async fn worked(&self, own: &[PartitionId]) -> Result<Vec<(PartitionId, Rows)>, ReplayError> {
        let mut all: Vec<(PartitionId, Rows)> =
            own.iter().map(|&partition| (partition, Rows::default())).collect();
        let partitions: Partitions = own.iter().copied().collect();
        let mut index = self.history.repeats().then(IdIndex::in_memory);
        let failed = |error: ReadError| ReplayError::Read { origin: self.history.origin().to_owned(), error };
        let mut reader = self.history.read(partitions, Sequence::ZERO).await.map_err(failed)?;
        let mut key = Vec::new();
        while let Some((reached, end)) = self.behind(&all) {
            let records = reader.try_next().await.map_err(failed)?;
            if records.is_empty() {
                let origin = self.history.origin().to_owned();
                return Err(ReplayError::Short { origin, reached, end });
            }
            let (mut worked, mut events) = (0, 0);
            for stored in &records {
                let partition = stored.record.partition();
                let counted = index.as_mut().and_then(|index| originals(index, stored));
                let Some((_, rows)) = all.iter_mut().find(|(own, _)| *own == partition) else { continue };
                if stored.sequence > self.end.get(partition) {
                    continue;
                }
                rows.take(stored, counted.as_deref(), &mut key);
                worked += 1;
                events += stored.record.len() as u64;
            }
            self.tell(worked, events)?;
        }
        Ok(all)
    }

    /// A partition that is not read to its end: what was reached, and the end.
    fn behind(&self, all: &[(PartitionId, Rows)]) -> Option<(u64, u64)> {
        let behind = all.iter().find(|(partition, rows)| rows.done < self.end.get(*partition));
        behind.map(|(partition, rows)| (rows.done.0, self.end.get(*partition).0))
    }

    fn tell(&self, worked: u64, events: u64) -> Result<(), ReplayError> {
        let records = self.records.fetch_add(worked, Ordering::Relaxed) + worked;
        let events = self.events.fetch_add(events, Ordering::Relaxed) + events;
        let progress = Progress { records, of_records: self.end.highest().0, events };
        if self.stop.load(Ordering::Relaxed) || (self.progress)(progress).is_break() {
            return Err(ReplayError::Interrupted);
        }
        Ok(())
    }
}
