//! The work of each path, on events of a generated history: the same in every run.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::fmt;
use std::ops::ControlFlow;
use std::path::Path;

use clap::ValueEnum;
use tollgate_domain::config::BudgetConfig;
use tollgate_domain::gate::{PhaseFigures, Switches, TaskFigures, decide};
use tollgate_domain::limits::task_limits;
use tollgate_domain::metadata::TaskMetadata;
use tollgate_domain::phase::{Advance, ExecutionId, Phase};
use tollgate_domain::position::Sequence;
use tollgate_log::contract::{Durability, Partitions};
use tollgate_log::embedded::{EmbeddedLog, Options};
use tollgate_log::index::IdIndex;
use tollgate_log::record::StoredRecord;
use tollgate_projection::alerts::Alerts;
use tollgate_projection::fold::{Projection, Rows};
use tollgate_projection::reports::Reports;
use tollgate_projection::savings::Stated;
use tollgate_projection::spending::Spending;
use tollgate_projection::status::Status;
use tollgate_replay::generate::{Spec, append};
use tollgate_replay::recorded;
use tollgate_replay::source::LedgerHistory;
use tollgate_replay::what_if::{Candidate, Question, Unopened, what_if};
use tollgate_wire::{Submitted, decode_stored};

/// Decisions for each task.
const DECISIONS: u64 = 50;

/// What is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub(crate) enum HotPath {
    /// Events are made: no path of the ledger, but before all others
    Make,
    /// An event is checked, hashed and encoded
    Encode,
    /// It is appended to an embedded log
    Append,
    /// It is read from the log
    Read,
    /// It is decoded
    Decode,
    /// Its id is looked up and noted
    Ids,
    /// It is folded into `status`, in memory
    Status,
    /// Into `reports`
    Reports,
    /// Into `spending`
    Spending,
    /// Into `alerts`
    Alerts,
    /// It is replayed through three configs
    Replay,
    /// The gate decides
    Gate,
}

impl HotPath {
    /// All of them, in the order of the flow.
    pub(crate) const ALL: [Self; 12] = [
        Self::Make,
        Self::Encode,
        Self::Append,
        Self::Read,
        Self::Decode,
        Self::Ids,
        Self::Status,
        Self::Reports,
        Self::Spending,
        Self::Alerts,
        Self::Replay,
        Self::Gate,
    ];

    /// The path that is a part of this one, and is not counted again.
    pub(crate) const fn after(self) -> Option<Self> {
        match self {
            Self::Make | Self::Gate => None,
            Self::Encode => Some(Self::Make),
            Self::Append => Some(Self::Encode),
            Self::Read => Some(Self::Append),
            Self::Decode | Self::Ids | Self::Replay => Some(Self::Read),
            Self::Status | Self::Reports | Self::Spending | Self::Alerts => Some(Self::Decode),
        }
    }

    /// Does the work of so many tasks, and returns how many items it was.
    pub(crate) fn work(self, tasks: u64) -> Result<u64, String> {
        if self == Self::Gate {
            return decided(tasks.saturating_mul(DECISIONS));
        }
        let dir = tempfile::tempdir().map_err(|error| format!("making a directory: {error}"))?;
        let dir = dir.path();
        match self {
            Self::Make | Self::Gate => Ok(Spec::new(1, tasks).events().map_err(said)?.count() as u64),
            Self::Encode => encoded(tasks),
            Self::Append => written(dir, tasks).map(|(_, events)| events),
            Self::Read => read(dir, tasks, |_| Ok(())),
            Self::Decode => read(dir, tasks, |stored| {
                stored.record.events().try_for_each(|frame| {
                    std::hint::black_box(decode_stored(frame.payload).map_err(said)?);
                    Ok(())
                })
            }),
            Self::Ids => {
                let mut index = IdIndex::in_memory();
                read(dir, tasks, |stored| index.take(stored).map(|_| ()).map_err(said))
            }
            Self::Status => folded(dir, tasks, Status),
            Self::Reports => folded(dir, tasks, Reports),
            Self::Spending => folded(dir, tasks, Spending),
            Self::Alerts => folded(dir, tasks, Alerts),
            Self::Replay => replayed(dir, tasks),
        }
    }
}

impl fmt::Display for HotPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&format!("{self:?}").to_lowercase())
    }
}

fn said(error: impl fmt::Display) -> String {
    error.to_string()
}

/// Checks, hashes and encodes events.
fn encoded(tasks: u64) -> Result<u64, String> {
    let mut encoded = 0;
    for event in Spec::new(1, tasks).events().map_err(said)? {
        let submitted = Submitted::from_event(event).map_err(said)?;
        let payload = submitted.encode_stored(&submitted.event.body).map_err(said)?;
        std::hint::black_box((submitted.content_hash(), payload));
        encoded += 1;
    }
    Ok(encoded)
}

/// Appends events to a log.
fn written(dir: &Path, tasks: u64) -> Result<(EmbeddedLog, u64), String> {
    let options = Options { durability: Durability::PageCache, ..Options::default() };
    let log = EmbeddedLog::open_or_create(&dir.join("log"), options).map_err(said)?;
    let spec = Spec::new(1, tasks);
    let events = spec.events().map_err(said)?;
    let events = pollster::block_on(append(events, &log)).map_err(said)?;
    Ok((log, events))
}

/// Appends events and reads them again.
fn read(
    dir: &Path,
    tasks: u64,
    take: impl FnMut(&StoredRecord) -> Result<(), String>,
) -> Result<u64, String> {
    let (log, _) = written(dir, tasks)?;
    each(&log, take)
}

/// Takes every record of a log, and returns how many events they have.
fn each(log: &EmbeddedLog, mut take: impl FnMut(&StoredRecord) -> Result<(), String>) -> Result<u64, String> {
    let mut reader = log.reader(Partitions::ALL, Sequence::ZERO).map_err(said)?;
    let mut events: u64 = 0;
    loop {
        let records = reader.read_available().map_err(said)?;
        if records.is_empty() {
            return Ok(events);
        }
        for stored in &records {
            take(stored)?;
            events = events.saturating_add(stored.record.len() as u64);
        }
    }
}

/// Appends events, reads, decodes and folds them. Rows stay in memory: a store has threads that take turns by chance.
fn folded<P: Projection>(dir: &Path, tasks: u64, projection: P) -> Result<u64, String> {
    let (log, _) = written(dir, tasks)?;
    let mut rows = InMemory(BTreeMap::new());
    each(&log, |stored| {
        stored.record.events().try_for_each(|frame| {
            let decoded = decode_stored(frame.payload).map_err(said)?;
            let event = recorded(stored, &frame, &decoded);
            projection.apply(&event, &mut rows).map_err(|never| match never {})
        })
    })
}

/// The rows of a view that is not stored.
struct InMemory<Row>(BTreeMap<Vec<u8>, Row>);

impl<Row> Rows<Row> for InMemory<Row> {
    type Error = Infallible;

    fn change(&mut self, key: &[u8], make: impl FnOnce() -> Row) -> Result<&mut Row, Infallible> {
        Ok(self.0.entry(key.to_vec()).or_insert_with(make))
    }

    fn get(&mut self, key: &[u8]) -> Result<Option<&Row>, Infallible> {
        Ok(self.0.get(key))
    }
}

/// Appends events and runs them through three configs, on one thread.
fn replayed(dir: &Path, tasks: u64) -> Result<u64, String> {
    drop(written(dir, tasks)?);
    let candidate = |name: &str| {
        let config = BudgetConfig::from_yaml(&format!("rollout: enforce\nstop_loss:\n  profile: {name}\n"));
        Ok(Candidate { name: name.to_owned(), config: config.map_err(said)? })
    };
    let candidates =
        ["strict", "loose", "graduated"].map(candidate).into_iter().collect::<Result<Vec<_>, String>>()?;
    let question = Question {
        candidates: &candidates,
        policies: &[],
        pool: None,
        unopened: Unopened::LeaveOut,
        marks: None,
        session_phases: None,
        stated: Stated::default(),
        threads: 1,
        out: None,
        checkpoint_events: u64::MAX,
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(said)?;
    let history = LedgerHistory::open(&dir.join("log")).map_err(said)?;
    let replayed =
        what_if(&history, &question, runtime.handle(), &|_| ControlFlow::Continue(())).map_err(said)?;
    Ok(replayed.result.inputs.events)
}

/// Lets the gate decide about a task above its warning level.
fn decided(decisions: u64) -> Result<u64, String> {
    let (config, metadata) = (BudgetConfig::built_in(), TaskMetadata::default());
    let limits = task_limits(&config, &metadata).map_err(said)?;
    let phase: Phase = "THINK".parse().map_err(said)?;
    let active = ExecutionId { phase: phase.clone(), attempt: 1 };
    for _ in 0..decisions {
        let figures = TaskFigures {
            task: "T-1",
            limits: Some(&limits),
            enforcement: metadata.enforcement,
            tokens_used: u128::from(limits.total_tokens()).saturating_mul(6) / 5,
            latency_ms: limits.total_latency_ms().into(),
            leaving: Some(PhaseFigures { phase: phase.clone(), tokens_used: 1_000, latency_ms: 1_000 }),
            active: Some(&active),
            passes: &[],
            progress: None,
        };
        std::hint::black_box(decide(&figures, &Advance::Completion, Switches::from(&config)));
    }
    Ok(decisions)
}
