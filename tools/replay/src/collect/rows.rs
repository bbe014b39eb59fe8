//! The rows of a partition's tasks up to a record. Each is kept until the history ends, because usage may be corrected
//! and a task marked long after it was closed: without what no sample is made of, and out of memory once the task is
//! closed.

use std::collections::HashMap;

use foldhash::fast::FixedState;
use serde::{Deserialize, Serialize};
use tollgate_domain::event::RecordedEvent;
use tollgate_domain::ids::{LEDGER_TENANT, TaskId, TenantId};
use tollgate_domain::position::Sequence;
use tollgate_domain::task::TaskStage;
use tollgate_log::record::{EventFrame, StoredRecord};
use tollgate_projection::fold::{read_task_key, write_task_key};
use tollgate_projection::status::{TaskRow, fold_task};

use super::error::CollectError;
use crate::calibrate::{History, samples_of};
use crate::checkpoint::Saved;
use crate::concluded::ConcludedPhases;
use crate::digest::Digest;
use crate::error::ReplayError;
use crate::estimates::Estimates;
use crate::marks::Met;
use crate::shelf::{Kept, Shelf};
use crate::walk::{Scratch, recorded};

/// What is known of a partition up to a record.
#[derive(Default, Serialize, Deserialize)]
pub(super) struct Rows {
    /// The last record that was worked.
    pub(super) done: Sequence,
    /// How many were.
    pub(super) records: u64,
    pub(super) digest: Digest,
    pub(super) counts: Counts,
    pub(super) estimates: Estimates,
    pub(super) concluded: ConcludedPhases,
    /// The tasks by owner and id.
    tasks: HashMap<Box<[u8]>, Entry, FixedState>,
    closed: Shelf,
}

/// A task.
#[derive(Serialize, Deserialize)]
enum Entry {
    Open(Box<TaskRow>),
    /// Where its row is kept.
    Closed(Kept),
    /// An event of it cannot be read: what follows is not counted.
    Unreadable,
}

/// What was met.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Counts {
    /// Events, each counted once.
    pub(super) events: u64,
    /// Events that were there already, or whose id another event had taken.
    pub(super) repeated: u64,
    /// Events that could not be read.
    pub(super) unreadable: u64,
}

/// What samples were made of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Made {
    pub(super) tasks: u64,
    /// Tasks with an event that cannot be read.
    pub(super) unreadable: u64,
    /// Samples with a phase.
    pub(super) phases: u64,
}

impl Saved for Rows {
    fn shelf(&mut self) -> &mut Shelf {
        &mut self.closed
    }
}

impl Rows {
    /// Nothing is known yet.
    pub(super) fn new(closed: Shelf) -> Self {
        Self { closed, ..Self::default() }
    }

    /// Takes the next record. `originals`: which of its events are counted; `None`: all of them.
    ///
    /// # Errors
    ///
    /// [`ReplayError::Files`].
    pub(super) fn take(
        &mut self,
        stored: &StoredRecord,
        originals: Option<&[bool]>,
        scratch: &mut Scratch,
    ) -> Result<(), ReplayError> {
        for (place, frame) in stored.record.events().enumerate() {
            if originals.is_some_and(|originals| originals.get(place) == Some(&false)) {
                self.counts.repeated = self.counts.repeated.saturating_add(1);
                continue;
            }
            self.counts.events = self.counts.events.saturating_add(1);
            self.digest.add(&stored.record, &frame);
            self.take_event(stored, &frame, scratch)?;
        }
        self.done = stored.sequence;
        self.records = self.records.saturating_add(1);
        Ok(())
    }

    fn take_event(
        &mut self,
        stored: &StoredRecord,
        frame: &EventFrame<'_>,
        scratch: &mut Scratch,
    ) -> Result<(), ReplayError> {
        let tenant = stored.record.tenant();
        let Scratch { key, decoder } = scratch;
        let Ok(decoded) = decoder.decode(frame.payload) else {
            self.counts.unreadable = self.counts.unreadable.saturating_add(1);
            if tenant != LEDGER_TENANT {
                write_task_key(tenant, frame.task, key);
                self.tasks.insert(key.as_slice().into(), Entry::Unreadable);
            }
            return Ok(());
        };
        let event = recorded(stored, frame, decoded);
        if !event.concerns_task() {
            return Ok(());
        }
        self.estimates.take(&event);
        self.concluded.take(&event);
        write_task_key(tenant, frame.task, key);
        if let Some(known) = self.tasks.get_mut(key.as_slice()) {
            return known.take(&event, &mut self.closed);
        }
        let mut entry = Entry::Open(Box::new(TaskRow::begun_by(&event)));
        entry.take(&event, &mut self.closed)?;
        self.tasks.insert(key.as_slice().into(), entry);
        Ok(())
    }

    /// Makes the samples of every task, each row's memory being freed with it.
    ///
    /// # Errors
    ///
    /// [`CollectError`]: too many tasks, or rows that cannot be read back.
    pub(super) fn into_samples(
        mut self,
        history: &mut History,
        met: &mut Met<'_>,
        origin: &str,
    ) -> Result<Made, CollectError> {
        let mut made = Made::default();
        for (key, entry) in self.tasks {
            made.tasks += 1;
            let mark = met.mark(&key);
            let row = match entry {
                Entry::Open(row) => row,
                Entry::Closed(kept) => self.closed.get(kept)?,
                Entry::Unreadable => {
                    made.unreadable += 1;
                    continue;
                }
            };
            let named = read_task_key(&key)
                .and_then(|(tenant, task)| Some((TenantId::new(tenant).ok()?, TaskId::new(task).ok()?)));
            // Every key was made of an owner and a task of the log.
            let Some((tenant, task)) = named else { continue };
            for sample in samples_of(&tenant, &task, &row, mark) {
                made.phases += u64::from(sample.phase.is_some());
                let refused = |error| CollectError::Calibrate { origin: origin.to_owned(), error };
                history.push(&sample).map_err(refused)?;
            }
        }
        Ok(made)
    }
}

impl Entry {
    fn take(&mut self, event: &RecordedEvent<'_>, closed: &mut Shelf) -> Result<(), ReplayError> {
        match self {
            Self::Open(row) => {
                fold(row, event);
                if let TaskStage::Closed(_) = row.state.stage {
                    *self = Self::Closed(closed.put(row)?);
                }
            }
            Self::Closed(kept) => {
                let mut row: Box<TaskRow> = closed.get(*kept)?;
                fold(&mut row, event);
                *kept = closed.put(&row)?;
            }
            Self::Unreadable => {}
        }
        Ok(())
    }
}

/// Folds an event into a row, and drops what no sample is made of: decisions are the largest part of a row.
fn fold(row: &mut TaskRow, event: &RecordedEvent<'_>) {
    fold_task(row, event);
    row.decisions = Vec::new();
    row.explanations = Vec::new();
    row.bypasses = Vec::new();
}
