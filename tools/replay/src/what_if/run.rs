//! Runs history through all candidates at once: partitions by themselves, on all threads.

use std::ops::ControlFlow;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use tokio::runtime::Handle;
use tollgate_domain::position::{PartitionId, Position, Sequence};
use tollgate_log::contract::{Partitions, ReadError};
use tollgate_log::index::IdIndex;
use tollgate_projection::savings::Stated;

use super::candidate::{Candidate, Rules};
use super::checkpoint::Checkpoint;
use super::error::ReplayError;
use super::inputs::Inputs;
use super::money::{Policies, PolicyRules};
use super::partition::{PartitionState, Setting};
use super::result::{Replayed, Source};
use super::summary::summary;
use super::task::Unopened;
use crate::source::{History, originals};

/// What history is run through, and how.
pub struct Question<'a> {
    /// The configs, at least one.
    pub candidates: &'a [Candidate],
    /// Policies of money and tokens, if any.
    pub policies: Option<&'a Policies>,
    /// What is done with tasks that were not opened.
    pub unopened: Unopened,
    /// What no history knows, for the return on investment.
    pub stated: Stated,
    /// How many threads work.
    pub threads: usize,
    /// The run's own directory: what it has done is kept there, so that the same run can go on after an interruption.
    pub out: Option<&'a Path>,
    /// After how many records of a thread what is done is written to the directory.
    pub checkpoint_records: u64,
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

/// What a thread shares with the others.
struct Shared<'a> {
    history: &'a dyn History,
    question: &'a Question<'a>,
    end: Position,
    checkpoint: Option<Checkpoint>,
    records: AtomicU64,
    events: AtomicU64,
    stop: AtomicBool,
    progress: &'a (dyn Fn(Progress) -> ControlFlow<()> + Sync),
}

/// What would have happened under other limits. Reads history, and writes only below the run's own directory.
/// `progress` is told how far the run is, from any thread, and may stop it.
///
/// # Errors
///
/// [`ReplayError`].
pub fn what_if(
    history: &dyn History,
    question: &Question<'_>,
    runtime: &Handle,
    progress: &(dyn Fn(Progress) -> ControlFlow<()> + Sync),
) -> Result<Replayed, ReplayError> {
    check(question)?;
    let inputs = Inputs::of(question);
    let begun = question
        .out
        .filter(|_| history.is_lasting())
        .map(|out| Checkpoint::begin(out, &inputs.setting_hash(), history.end()));
    let (checkpoint, end) = match begun.transpose()? {
        Some((checkpoint, end, _)) => (Some(checkpoint), end),
        None => (None, history.end().clone()),
    };
    let shared = Shared {
        history,
        question,
        end,
        checkpoint,
        records: AtomicU64::new(0),
        events: AtomicU64::new(0),
        stop: AtomicBool::new(false),
        progress,
    };
    let threads = question.threads.clamp(1, PartitionId::all().count());
    let states = std::thread::scope(|scope| {
        let shared = &shared;
        let workers: Vec<_> = (0..threads)
            .map(|nth| {
                let own: Vec<PartitionId> = PartitionId::all().skip(nth).step_by(threads).collect();
                scope.spawn(move || runtime.block_on(shared.work(&own)))
            })
            .collect();
        let mut states = Vec::new();
        let mut failure = None;
        for worker in workers {
            match worker.join() {
                Ok(Ok(own)) => states.extend(own),
                Ok(Err(error)) => failure = worse(failure, error),
                Err(panic) => std::panic::resume_unwind(panic),
            }
        }
        failure.map_or(Ok(states), Err)
    })?;
    let repeated_events = states.iter().map(|(_, state)| state.counts.repeated).sum();
    let source =
        Source { origin: history.origin().to_owned(), position: shared.end.to_string(), repeated_events };
    let result = summary(&inputs, question, states);
    if let Some(checkpoint) = shared.checkpoint {
        checkpoint.remove()?;
    }
    Ok(Replayed { hash: result.hash(), source, result })
}

/// That one thread was stopped says less than why another one failed.
fn worse(known: Option<ReplayError>, other: ReplayError) -> Option<ReplayError> {
    match known {
        Some(known) if !matches!(known, ReplayError::Interrupted) => Some(known),
        Some(_) | None => Some(other),
    }
}

fn check(question: &Question<'_>) -> Result<(), ReplayError> {
    if question.candidates.is_empty() {
        return Err(ReplayError::Setting(
            "no config to run history through: name one with --config".to_owned(),
        ));
    }
    let mut names: Vec<&str> = question.candidates.iter().map(|candidate| candidate.name.as_str()).collect();
    names.sort_unstable();
    if let Some(twice) = names.windows(2).find(|pair| pair.first() == pair.last()) {
        let name = twice.first().copied().unwrap_or_default();
        return Err(ReplayError::Setting(format!("config `{name}` is named twice: name each once")));
    }
    if let Some(name) = question.policies.and_then(Policies::repeated) {
        return Err(ReplayError::Setting(format!("policy `{name}` is there twice: name each once")));
    }
    Ok(())
}

impl Shared<'_> {
    /// Works some partitions up to the end, and returns what is known of them.
    async fn work(&self, own: &[PartitionId]) -> Result<Vec<(PartitionId, PartitionState)>, ReplayError> {
        let done = self.worked(own).await;
        if done.is_err() {
            self.stop.store(true, Ordering::Relaxed);
        }
        done
    }

    async fn worked(&self, own: &[PartitionId]) -> Result<Vec<(PartitionId, PartitionState)>, ReplayError> {
        let setting = Setting {
            rules: self.question.candidates.iter().map(|candidate| Rules::new(&candidate.config)).collect(),
            policies: PolicyRules::new(self.question.policies),
            unopened: self.question.unopened,
        };
        let mut states = Vec::with_capacity(own.len());
        for &partition in own {
            let known = self.checkpoint.as_ref().map(|checkpoint| checkpoint.load(partition)).transpose()?;
            states.push((partition, known.flatten().unwrap_or_else(|| PartitionState::new(&setting))));
        }
        let partitions: Partitions = own.iter().copied().collect();
        self.records.fetch_add(states.iter().map(|(_, state)| state.records).sum(), Ordering::Relaxed);
        let behind = states.iter().filter(|(partition, state)| state.done < self.end.get(*partition));
        let Some(mut after) = behind.map(|(_, state)| state.done).min() else { return Ok(states) };
        let mut index = self.history.repeats().then(IdIndex::in_memory);
        if index.is_some() {
            // Which events are repetitions follows from all before them.
            after = Sequence::ZERO;
        }
        let read = |error: ReadError| ReplayError::Read { origin: self.history.origin().to_owned(), error };
        let mut reader = self.history.read(partitions, after).await.map_err(read)?;
        let (mut key, mut since) = (Vec::new(), 0);
        while states.iter().any(|(partition, state)| state.done < self.end.get(*partition)) {
            let records = reader.try_next().await.map_err(read)?;
            if records.is_empty() {
                return Err(self.short(&states));
            }
            let (mut worked, mut events) = (0, 0);
            for stored in &records {
                let partition = stored.record.partition();
                let originals = index.as_mut().and_then(|index| originals(index, stored));
                let Some((_, state)) = states.iter_mut().find(|(own, _)| *own == partition) else { continue };
                if stored.sequence <= state.done || stored.sequence > self.end.get(partition) {
                    continue;
                }
                state.take(stored, originals.as_deref(), &setting, &mut key);
                worked += 1;
                events += stored.record.len() as u64;
            }
            since += worked;
            if since >= self.question.checkpoint_records {
                since = 0;
                self.save(&states)?;
            }
            self.tell(worked, events)?;
        }
        self.save(&states)?;
        Ok(states)
    }

    fn save(&self, states: &[(PartitionId, PartitionState)]) -> Result<(), ReplayError> {
        let Some(checkpoint) = &self.checkpoint else { return Ok(()) };
        states.iter().try_for_each(|(partition, state)| checkpoint.save(*partition, state))
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

    fn short(&self, states: &[(PartitionId, PartitionState)]) -> ReplayError {
        let behind = states.iter().find(|(partition, state)| state.done < self.end.get(*partition));
        let (reached, end) =
            behind.map_or((0, 0), |(partition, state)| (state.done.0, self.end.get(*partition).0));
        ReplayError::Short { origin: self.history.origin().to_owned(), reached, end }
    }
}
