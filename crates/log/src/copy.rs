//! Copies a ledger into another log: every record in order, with its time, its decision subject and its
//! events as they were stored, ids and content hashes included.
//!
//! Views of two logs are equal when each task's events are equal (see [`crate::digests`]), and equal byte for
//! byte when each record also has the same sequence. Sequences are kept when the target is empty, nothing
//! else appends to it, and no record of the source consists of repetitions only: a log whose outcomes are
//! final only within a window may hold an event twice, and the second one is not copied.
//! [`Copied::sequences_kept`] reports whether they were kept.
//!
//! A copy learns what the target has by reading it, so a second run appends nothing, and a run after an
//! interruption continues.

use std::fmt;

use tollgate_domain::ids::{EventId, LEDGER_TENANT, ProducerId, TaskId, TenantId};
use tollgate_domain::position::Sequence;

use crate::contract::{
    AppendError, AppendOutcome, Batch, EventLog, Expected, Found, InOrder, NewEvent, Partitions, ReadError,
    Receipt,
};
use crate::digests::{Difference, Digests, Originals, digests};
use crate::index::{IdIndex, subject_entry};
use crate::key::{IdScope, Key};
use crate::record::{EventFrame, StoredRecord};

/// The number of records appended together.
const CHUNK_RECORDS: usize = 256;

/// The approximate number of payload bytes appended together.
const CHUNK_BYTES: usize = 4 << 20;

/// What a copy did, and what both logs contain after it.
#[derive(Clone, Debug)]
pub struct Copied {
    /// Records that were appended.
    pub records: u64,
    /// Events that were appended.
    pub events: u64,
    /// Events that the target already had.
    pub present: u64,
    /// Events that occur in the source more than once, counted without their originals. They are not copied.
    pub repeated: u64,
    /// Whether every event has the same sequence in both logs.
    pub sequences_kept: bool,
    /// The digests of the source.
    pub source: Digests,
    /// The digests of the target, which was read again for this.
    pub target: Digests,
}

/// How far a copy has got.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// Everything of the source up to here is in the target.
    pub through: Sequence,
    /// The end of the source when the copy began.
    pub end: Sequence,
    /// Events that were appended.
    pub events: u64,
}

/// Which log of a copy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// The log that is copied from.
    Source,
    /// The log that is copied into.
    Target,
}

impl fmt::Display for Side {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Source => "source",
            Self::Target => "target",
        })
    }
}

/// Why a copy stopped. What is already in the target stays there; the copy can be run again.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CopyError {
    /// A log cannot be read.
    #[error("copy: the {side}: {error}")]
    Read {
        /// Which of the two.
        side: Side,
        /// Why.
        error: ReadError,
    },
    /// The target does not accept a record.
    #[error(
        "copy: record {sequence} of the source: {error}; what came before it is copied, run the copy again"
    )]
    Append {
        /// The record in the source.
        sequence: Sequence,
        /// Why.
        error: AppendError,
    },
    /// The target has a different event under this id.
    #[error(
        "copy: event {id} of producer {producer}, task {task}, tenant {tenant}, has another content in the target (record \
         {target}) than in the source (record {source_record}): these are two histories; copy into an empty log"
    )]
    Conflict {
        /// The tenant.
        tenant: String,
        /// The task.
        task: String,
        /// The producer.
        producer: String,
        /// The event's id.
        id: String,
        /// The record in the source.
        source_record: Sequence,
        /// The record in the target.
        target: Sequence,
    },
    /// Something else appends to the target.
    #[error(
        "copy: record {sequence} of the source was written at {found} of the target, but {expected} was next: somebody else \
         appends to it; stop them, then run the copy again"
    )]
    NotAlone {
        /// The record in the source.
        sequence: Sequence,
        /// The sequence it should have in the target.
        expected: Sequence,
        /// The sequence it has there.
        found: Sequence,
    },
    /// A record of the source contains something that cannot be a name.
    #[error("copy: record {sequence} of the source: {reason}; verify the source")]
    Unreadable {
        /// The record in the source.
        sequence: Sequence,
        /// What is wrong.
        reason: String,
    },
}

impl Copied {
    /// Whether both logs agree on every task of the source.
    #[must_use]
    pub fn is_equal(&self) -> bool {
        self.difference().is_none()
    }

    /// The first task on which they do not agree, if any.
    #[must_use]
    pub fn difference(&self) -> Option<Difference> {
        self.source.first_not_in(&self.target)
    }
}

/// Copies every record of a log into another one, and compares both. Meanwhile the ids of all events are in
/// memory, about 60 bytes each, or twice that if the source's outcomes are final only within a window. The
/// source may be appended to; records that arrive while its end is being read may or may not be copied.
///
/// # Errors
///
/// [`CopyError`].
pub async fn copy(
    from: &dyn EventLog,
    to: &dyn EventLog,
    progress: &(dyn Fn(Progress) + Send + Sync),
) -> Result<Copied, CopyError> {
    let source = |error| CopyError::Read { side: Side::Source, error };
    let target = |error| CopyError::Read { side: Side::Target, error };
    let end = from.tail().await.map_err(source)?.highest();
    let mut work = Work::begin(from, to, end, progress).await?;
    let mut reader = from.read_unchained(Partitions::ALL, Sequence::ZERO).await.map_err(source)?;
    loop {
        let records = reader.try_next().await.map_err(source)?;
        if records.is_empty() {
            break;
        }
        for stored in &records {
            if let Err(error) = work.take(stored).await {
                // What was planned before this record is valid: it need not be planned again.
                work.flush().await?;
                return Err(error);
            }
        }
    }
    work.flush().await?;
    let mut copied = work.copied;
    copied.target = digests(to).await.map_err(target)?;
    Ok(copied)
}

/// A copy in progress.
struct Work<'a> {
    to: &'a dyn EventLog,
    progress: &'a (dyn Fn(Progress) + Send + Sync),
    end: Sequence,
    originals: Originals,
    /// What the target has, including what is planned.
    index: IdIndex,
    /// The end of the target, including what is planned.
    last: Sequence,
    planned: Vec<Planned>,
    planned_bytes: usize,
    copied: Copied,
}

/// A record to be appended.
struct Planned {
    batch: Batch,
    source: Sequence,
    target: Sequence,
}

impl<'a> Work<'a> {
    /// Reads what the target has.
    async fn begin(
        from: &dyn EventLog,
        to: &'a dyn EventLog,
        end: Sequence,
        progress: &'a (dyn Fn(Progress) + Send + Sync),
    ) -> Result<Self, CopyError> {
        let failed = |error| CopyError::Read { side: Side::Target, error };
        let mut index = IdIndex::in_memory();
        let mut last = Sequence::ZERO;
        let mut reader = to.read_unchained(Partitions::ALL, Sequence::ZERO).await.map_err(failed)?;
        loop {
            let records = reader.try_next().await.map_err(failed)?;
            let Some(end) = records.last() else { break };
            last = end.sequence;
            for stored in &records {
                index.take(stored).expect(IN_MEMORY);
            }
        }
        let copied = Copied {
            records: 0,
            events: 0,
            present: 0,
            repeated: 0,
            sequences_kept: true,
            source: Digests::default(),
            target: Digests::default(),
        };
        let (originals, planned) = (Originals::of(from), Vec::new());
        Ok(Self { to, progress, end, originals, index, last, planned, planned_bytes: 0, copied })
    }

    /// Plans the next record of the source.
    async fn take(&mut self, stored: &StoredRecord) -> Result<(), CopyError> {
        let record = &stored.record;
        let originals = self.originals.of_record(stored);
        let next = self.last.next();
        let mut new = Vec::new();
        for (nth, event) in record.events().enumerate() {
            if originals.as_ref().is_some_and(|originals| !originals[nth]) {
                self.copied.repeated += 1;
                continue;
            }
            match self.known(stored, &event)? {
                Some(sequence) => {
                    self.copied.present += 1;
                    self.copied.sequences_kept &= sequence == stored.sequence;
                }
                None => new.push(event),
            }
        }
        self.copied.source.add(stored, originals.as_deref());
        if new.is_empty() {
            return Ok(());
        }
        let batch = self.batch(stored, &new)?;
        for event in &new {
            let key = IdScope::of(record.tenant(), event.task, event.producer).key(event.id);
            self.index.claim(key, Found { sequence: next, content: event.content_hash.mark() }, None);
            self.planned_bytes += event.payload.len();
        }
        if let Some(subject) = record.decision_subject() {
            self.index.insert(Key::of_subject(record.tenant(), subject), subject_entry(next));
        }
        self.copied.sequences_kept &= next == stored.sequence;
        self.last = next;
        self.planned.push(Planned { batch, source: stored.sequence, target: next });
        if self.planned.len() >= CHUNK_RECORDS || self.planned_bytes >= CHUNK_BYTES {
            self.flush().await?;
        }
        Ok(())
    }

    /// Where the target has an event, if it does.
    fn known(&self, stored: &StoredRecord, event: &EventFrame<'_>) -> Result<Option<Sequence>, CopyError> {
        let tenant = stored.record.tenant();
        let key = IdScope::of(tenant, event.task, event.producer).key(event.id);
        match self.index.get(&key).expect(IN_MEMORY) {
            Some(found) if found.content != event.content_hash.mark() => Err(CopyError::Conflict {
                tenant: tenant.to_owned(),
                task: event.task.to_owned(),
                producer: event.producer.to_owned(),
                id: event.id.to_owned(),
                source_record: stored.sequence,
                target: found.sequence,
            }),
            found => Ok(found.map(|found| found.sequence)),
        }
    }

    fn batch(&self, stored: &StoredRecord, events: &[EventFrame<'_>]) -> Result<Batch, CopyError> {
        let record = &stored.record;
        let unreadable = |error: tollgate_domain::ids::InvalidId| CopyError::Unreadable {
            sequence: stored.sequence,
            reason: error.to_string(),
        };
        let event = |event: &EventFrame<'_>| {
            Ok(NewEvent {
                task: if event.task == LEDGER_TENANT { TaskId::ledger() } else { TaskId::new(event.task)? },
                producer: ProducerId::new(event.producer)?,
                id: EventId::new(event.id)?,
                content_hash: event.content_hash,
                payload: event.payload.to_vec(),
            })
        };
        let decision = record.decision_subject().map(|subject| {
            let last = self.index.get(&Key::of_subject(record.tenant(), subject)).expect(IN_MEMORY);
            Expected { subject: subject.to_owned(), last: last.map(|it| it.sequence).unwrap_or_default() }
        });
        Ok(Batch {
            tenant: match record.tenant() {
                // Written by the ledger about itself: no producer may use this name.
                LEDGER_TENANT => TenantId::ledger(),
                tenant => TenantId::new(tenant).map_err(unreadable)?,
            },
            partition: record.partition(),
            events: events.iter().map(event).collect::<Result<_, _>>().map_err(unreadable)?,
            decision,
            recorded_at: Some(record.recorded_at()),
        })
    }

    /// Appends what is planned.
    async fn flush(&mut self) -> Result<(), CopyError> {
        self.planned_bytes = 0;
        let mut planned = std::mem::take(&mut self.planned);
        while !planned.is_empty() {
            let batches = planned.iter().map(|planned| planned.batch.clone()).collect();
            let InOrder { receipts, stopped } = self.to.append_in_order(batches).await;
            let appended = receipts.len();
            for (planned, receipt) in planned.iter().zip(&receipts) {
                check_place(planned, receipt)?;
                self.copied.records += 1;
                self.copied.events += planned.batch.events.len() as u64;
            }
            let rest = planned.split_off(appended.min(planned.len()));
            if let Some(last) = planned.last() {
                (self.progress)(Progress {
                    through: last.source,
                    end: self.end.max(last.source),
                    events: self.copied.events,
                });
            }
            planned = rest;
            // What was refused for now is tried again as long as some of it was accepted.
            if let (Some(error), Some(next)) = (stopped, planned.first())
                && (appended == 0 || !error.is_retryable())
            {
                return Err(CopyError::Append { sequence: next.source, error });
            }
        }
        Ok(())
    }
}

const IN_MEMORY: &str = "an index in memory has no runs that could be unreadable";

/// The plan holds only if nothing else appends to the target.
fn check_place(planned: &Planned, receipt: &Receipt) -> Result<(), CopyError> {
    let (sequence, expected) = (planned.source, planned.target);
    for outcome in &receipt.outcomes {
        match outcome {
            AppendOutcome::Appended(found) | AppendOutcome::Duplicate(found) if *found == expected => {}
            AppendOutcome::Appended(found)
            | AppendOutcome::Duplicate(found)
            | AppendOutcome::Conflict(found) => {
                return Err(CopyError::NotAlone { sequence, expected, found: *found });
            }
            AppendOutcome::Refused { .. } => {}
        }
    }
    Ok(())
}
