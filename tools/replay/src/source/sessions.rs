//! The session files of coding agents as a history: each call once, priced as a ledger would price it.
//!
//! The files are read into memory: a call takes about half a kilobyte. What an import would correct afterwards, because
//! a later file reports a call better, is counted right at once.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tollgate_clock::SystemClock;
use tollgate_domain::event::Event;
use tollgate_domain::ids::InvalidId;
use tollgate_domain::position::PartitionId;
use tollgate_import::reader::Format;
use tollgate_import::sources::sources;
use tollgate_log::contract::{AppendError, Batch, EventLog, NewEvent, ReadError};
use tollgate_log::key::ContentHash;
use tollgate_log::memory::MemoryLog;
use tollgate_wire::{FieldError, Submitted};

use super::LogHistory;
pub use super::books::Completion;
use super::books::Reading;
use crate::session_phases::{PhaseCoverage, Rules, Sorting};

/// Events of one record.
const RECORD_EVENTS: usize = 100;

/// How much of a first line is looked at.
const FIRST_LINE_BYTES: u64 = 64 * 1024;

/// A history made of session files.
pub struct Sessions {
    /// What was read.
    pub history: LogHistory,
    /// Files that were read.
    pub files: u64,
    /// Calls, each counted once.
    pub calls: u64,
    /// What the phases of calls came from, if rules gave them any.
    pub phases: Option<PhaseCoverage>,
    /// What could not be read, or what people should know, a sentence each.
    pub remarks: Vec<String>,
}

/// Why session files make no history.
#[derive(Debug, thiserror::Error)]
pub enum SessionsError {
    /// There is nothing to read.
    #[error("reading sessions of {path}: {problem}")]
    Nothing {
        /// Where they should be.
        path: String,
        /// What was found instead.
        problem: String,
    },
    /// A call breaks a rule of events.
    #[error("reading sessions: {0}; import them to see which ones are refused")]
    Refused(#[from] FieldError),
    /// An event of a phase could not be named.
    #[error("reading sessions: {0}")]
    Name(#[from] InvalidId),
    /// The history could not be made of them.
    #[error(transparent)]
    Append(#[from] AppendError),
    /// The history could not be read back.
    #[error(transparent)]
    Read(#[from] ReadError),
}

/// Reads the sessions below a path. `rules` give their calls phases; without them, no call has one.
///
/// # Errors
///
/// [`SessionsError`]. Files and lines that cannot be read are remarks: the others count.
pub async fn read(
    path: &Path,
    format: Format,
    completion: &Completion,
    rules: Option<&Rules>,
) -> Result<Sessions, SessionsError> {
    let mut found = sources(&[PathBuf::from(path)]);
    let order = format.arrange(&mut found);
    let mut remarks: Vec<String> = found.problems.iter().map(ToString::to_string).collect();
    if found.files.is_empty() {
        let problem = if remarks.is_empty() { "there are none".to_owned() } else { remarks.join("; ") };
        return Err(SessionsError::Nothing { path: path.display().to_string(), problem });
    }
    let read = Reading { format, tenant: &completion.tenant, activity: rules.is_some() };
    let (books, files) = read.books(&found, &order, &mut remarks);
    let calls = books.calls();
    let counted = books.counted(Some(completion));
    let (events, phases) = match rules {
        Some(rules) => {
            let mut sorting = Sorting::new(rules, format.word());
            counted.into_iter().for_each(|(event, activity)| sorting.add(event, activity));
            let (events, coverage) = sorting.into_events()?;
            (events, Some(coverage))
        }
        None => (counted.into_iter().map(|(event, _)| event).collect(), None),
    };
    let log = log_of(events).await?;
    let history = LogHistory::passing(format!("sessions {}", path.display()), log).await?;
    Ok(Sessions { history, files, calls, phases, remarks })
}

/// Which agent wrote the sessions below a path, by the name and the first line of the first file.
#[must_use]
pub fn format_of(path: &Path) -> Option<Format> {
    let found = sources(&[PathBuf::from(path)]);
    let first = found.files.first()?;
    let name = first.path.file_name()?.to_str()?;
    let mut line = Vec::new();
    let file = File::open(&first.path).ok()?;
    BufReader::new(file).take(FIRST_LINE_BYTES).read_until(b'\n', &mut line).ok()?;
    // Codex names its files so, and begins them with who the session is; Claude Code names them by the session's id.
    let is_codex =
        name.starts_with("rollout-") || String::from_utf8_lossy(&line).contains("\"session_meta\"");
    Some(if is_codex { Format::Codex } else { Format::Claude })
}

/// A log of events in their order. Each record was made when the last of its events happened.
async fn log_of(events: Vec<Event>) -> Result<Arc<dyn EventLog>, SessionsError> {
    // Files are no log: the same files are at the same position in every run.
    let log = MemoryLog::without_identity(Arc::new(SystemClock));
    let mut waiting: BTreeMap<PartitionId, Batch> = BTreeMap::new();
    for event in events {
        let partition = PartitionId::of(event.tenant.as_str(), event.task.as_str());
        let batch = waiting.entry(partition).or_insert_with(|| Batch {
            tenant: event.tenant.clone(),
            partition,
            events: Vec::new(),
            decision: None,
            recorded_at: None,
        });
        batch.recorded_at = batch.recorded_at.max(event.occurred_at);
        batch.events.push(stored(event)?);
        if batch.events.len() >= RECORD_EVENTS
            && let Some(batch) = waiting.remove(&partition)
        {
            log.append(batch).await?;
        }
    }
    for batch in waiting.into_values() {
        log.append(batch).await?;
    }
    Ok(Arc::new(log))
}

fn stored(event: Event) -> Result<NewEvent, FieldError> {
    let submitted = Submitted::from_event(event)?;
    let event = &submitted.event;
    Ok(NewEvent {
        task: event.task.clone(),
        producer: event.producer.clone(),
        id: event.id.clone(),
        content_hash: ContentHash::of_hash(submitted.content_hash()),
        payload: submitted.encode_stored(&event.body)?,
    })
}
