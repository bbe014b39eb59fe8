//! A view: rows, the checkpoint they are valid for, and what could not be folded.

pub(crate) mod error;
mod events;
mod foreign;
mod read;
#[cfg(test)]
mod testing;
mod uncommitted;

pub use self::foreign::FOREIGN;

use std::borrow::Cow;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use tollgate_domain::position::{Position, Sequence};
use tollgate_log::contract::{DedupScope, EventLog, Found, Partitions};
use tollgate_log::index::{IdIndex, Occurrence};
use tollgate_log::key::Key;
use tollgate_log::record::StoredRecord;
use tollgate_projection::fold::Projection;
use tollgate_view_store::{Digest, StoreError, ViewStore, Written};
use tollgate_wire::Decoder;

pub use self::error::ViewError;
use self::foreign::foreign_key;
use self::uncommitted::Uncommitted;
use crate::checkpoint::{Checkpoint, Follows};
use crate::compare::{Misfit, compare};
use crate::dedup::Dedup;
use crate::quarantine::{Parked, Quarantine};
use crate::rows::{CachedRows, RowError};
use crate::stored::{decode, encode};

/// A view of the log, with the store that keeps it.
pub struct View<P: Projection> {
    projection: P,
    rows: CachedRows<P::Row, P::Kept>,
    /// What is kept up to date beside them. Questions lock it; who folds has it alone.
    live: Mutex<P::Live>,
    checkpoint: Checkpoint,
    quarantine: Quarantine,
    /// Partitions whose next record was compared with the checkpoint.
    checked: [bool; tollgate_domain::position::PARTITIONS],
    /// Distinguishes originals from duplicates, on logs that hold both.
    dedup: Option<Dedup>,
    partitions: Partitions,
    /// Reads events; `None` while one is folded.
    decoder: Option<Box<Decoder>>,
    task_key: Vec<u8>,
    records: u64,
    events: u64,
    uncommitted: Uncommitted,
    note: Option<String>,
}

/// Where the store of a view of all partitions is: one directory per name and version, so that a new version
/// starts from scratch next to the old one.
#[must_use]
pub fn store_dir<P: Projection>(views_dir: &Path) -> PathBuf {
    store_dir_of::<P>(views_dir, Partitions::ALL)
}

/// Where the store of a view of some partitions is.
#[must_use]
pub fn store_dir_of<P: Projection>(views_dir: &Path, partitions: Partitions) -> PathBuf {
    let part = if partitions == Partitions::ALL { String::new() } else { format!("-p{partitions}") };
    views_dir.join(format!("{}-v{}{part}", P::NAME, P::VERSION))
}

impl<P: Projection> View<P> {
    /// Opens the view in a directory and compares it with the log. A store that is damaged or of another log
    /// is set aside, and the view starts from scratch: the caller folds the log into it. One that is ahead of
    /// this log is left unchanged, and refused.
    ///
    /// # Errors
    ///
    /// [`ViewError`] if the log cannot be read or no store can be created.
    pub async fn open(projection: P, dir: &Path, log: &dyn EventLog) -> Result<Self, ViewError> {
        Self::open_part(projection, dir, log, Partitions::ALL, false).await
    }

    /// Like [`Self::open`], for some partitions, and with a choice of whether a loss is accepted. On a log
    /// that may hold an event more than once, the view also has an id index.
    ///
    /// # Errors
    ///
    /// Those of [`Self::open`].
    pub async fn open_part(
        projection: P,
        dir: &Path,
        log: &dyn EventLog,
        partitions: Partitions,
        accept_loss: bool,
    ) -> Result<Self, ViewError> {
        let epoch = log.epoch().id;
        let opened = ViewStore::open_or_set_aside(dir)?;
        let mut note = opened.set_aside;
        let (mut store, mut stored) = (opened.store, opened.checkpoint);
        let mut checkpoint = Checkpoint::start(epoch);
        if let Some(bytes) = stored.take() {
            let compared = match decode::<Checkpoint>(&bytes) {
                Ok(found) => compare(&found, partitions, log).await?.map_or(Ok(found), Err),
                // Rows of another version.
                Err(error) => {
                    drop(store);
                    ViewStore::remove(dir).map_err(|error| StoreError::of(dir, &error))?;
                    store = ViewStore::open(dir)?.0;
                    note = Some(format!("built again: {error}"));
                    Ok(checkpoint.clone())
                }
            };
            match compared {
                Ok(found) => checkpoint = found,
                Err(Misfit::Regressed(what)) if !accept_loss => {
                    let dir = dir.display().to_string();
                    return Err(ViewError::Regressed { view: P::NAME, dir, what });
                }
                Err(Misfit::Other(reason) | Misfit::Regressed(reason)) => {
                    drop(store);
                    // Kept: it remembers what another log, or the lost end of this one, held.
                    let aside = ViewStore::set_aside(dir).map_err(|error| StoreError::of(dir, &error))?;
                    let aside = aside.display();
                    tracing::warn!(view = P::NAME, reason, %aside, "the view does not fit the log and is built again");
                    store = ViewStore::open(dir)?.0;
                    note = Some(format!("built again: {reason}; the earlier one is kept as {aside}"));
                }
            }
        }
        let quarantine = Quarantine::load(&store)?;
        let dedup = match log.dedup() {
            DedupScope::Life => None,
            DedupScope::Window => Some(Dedup::open(dir, epoch, log.tail().await?.highest())?),
        };
        let mut view = Self {
            projection,
            rows: CachedRows::new(store),
            live: Mutex::default(),
            checkpoint,
            quarantine,
            checked: [false; tollgate_domain::position::PARTITIONS],
            dedup,
            partitions,
            decoder: None,
            task_key: Vec::new(),
            records: 0,
            uncommitted: Uncommitted::default(),
            events: 0,
            note,
        };
        view.redrive(log).await?;
        Ok(view)
    }

    /// Decides with an id index from the caller which events are originals: for a log that does not say that
    /// it may hold events more than once.
    pub fn dedup_by(&mut self, index: IdIndex) {
        self.dedup = Some(Dedup::of(index));
    }

    /// The record after which the view must continue to read. Gives the log any known chains there.
    #[must_use]
    pub fn begin_after(&self, log: &dyn EventLog) -> Sequence {
        let read = self.checkpoint.read_through;
        let indexed = self.dedup.as_ref().map_or(read, Dedup::checkpoint);
        if indexed >= read {
            log.anchor(read, &self.checkpoint.place().chains(self.partitions));
            return read;
        }
        // The index is behind: records that the view contains are read again for their ids.
        match self.checkpoint.remembered(indexed) {
            Some(place) => {
                log.anchor(indexed, &place.chains(self.partitions));
                indexed
            }
            None => Sequence::ZERO,
        }
    }

    /// Folds a record, unless it is contained already.
    ///
    /// # Errors
    ///
    /// [`ViewError::OtherHistory`] if the log was replaced, and the errors of reading rows.
    pub fn apply(&mut self, stored: &StoredRecord) -> Result<(), ViewError> {
        let checked = self.checked[stored.record.partition().index()];
        match self.checkpoint.follows(stored, !checked) {
            Follows::Next => {}
            Follows::Contained => {
                return self
                    .dedup
                    .as_mut()
                    .map_or(Ok(()), |dedup| dedup.learn(stored))
                    .map_err(ViewError::from);
            }
            Follows::OtherHistory => {
                let partition = stored.record.partition();
                let what = format!(
                    "record {} does not follow what was folded of partition {partition}",
                    stored.sequence
                );
                return Err(ViewError::OtherHistory(what));
            }
        }
        if let Some(foreign) = stored.record.foreign() {
            self.pass_foreign(stored.sequence, foreign);
        }
        let occurrences = self.dedup.as_mut().map(|dedup| dedup.take(stored)).transpose()?;
        for (place, frame) in stored.record.events().enumerate() {
            match occurrences.as_ref().map_or(Occurrence::Original, |occurrences| occurrences[place]) {
                Occurrence::Original => self.apply_event(stored, place, &frame)?,
                Occurrence::Duplicate => {}
                Occurrence::Conflict(original) => self.apply_conflict(stored, &frame, original)?,
            }
        }
        let all_count = occurrences.iter().flatten().all(|standing| *standing == Occurrence::Original);
        if let (false, Some(subject)) = (all_count, stored.record.decision_subject()) {
            let (tenant, sequence) = (stored.record.tenant(), stored.sequence);
            self.projection.last_decision(tenant, subject, sequence, &mut self.rows)?;
        }
        self.checked[stored.record.partition().index()] = true;
        self.checkpoint.advance(stored);
        self.records += 1;
        self.uncommitted.add(&stored.record);
        if let Some(place) = self.dedup.as_mut().and_then(|dedup| dedup.tend(&self.checkpoint)) {
            self.checkpoint.remember(place);
        }
        Ok(())
    }

    /// Writes what changed since the last commit, with the checkpoint. Returns the number of rows written.
    ///
    /// # Errors
    ///
    /// The store's errors; nothing is written in that case.
    pub fn commit(&mut self) -> Result<usize, ViewError> {
        self.count(usize::MAX)?;
        let written = self.write()?;
        Ok(self.settle(written))
    }

    /// The first half of a [commit](Self::commit); queries may run concurrently. Nothing may be applied until
    /// [`Self::settle`]. What is kept beside the rows must be [up to date](Self::count).
    pub(crate) fn write(&self) -> Result<Written, ViewError> {
        Ok(self.rows.write(&self.quarantine.changes(), &encode(&self.checkpoint))?)
    }

    /// The second half of a commit. Returns the number of rows written.
    pub(crate) fn settle(&mut self, written: Written) -> usize {
        self.quarantine.committed();
        self.uncommitted = Uncommitted::default();
        self.rows.settle(written)
    }

    /// Hands what was committed to the operating system.
    ///
    /// # Errors
    ///
    /// The store's errors.
    pub fn flush(&self) -> Result<(), ViewError> {
        Ok(self.rows.store().flush()?)
    }

    /// What its id index has for a key: for logs that do not know it for life. `None` if it has no index.
    ///
    /// # Errors
    ///
    /// If the index cannot be read.
    pub fn find(&self, key: &Key) -> Result<Option<Found>, RowError> {
        self.dedup.as_ref().map_or(Ok(None), |dedup| dedup.find(key))
    }

    /// Why it is kept in memory only, if it is.
    #[must_use]
    pub fn memory_reason(&self) -> Option<&str> {
        self.rows.store().memory_reason()
    }

    /// Moves all rows into memory, because its store cannot be written to.
    pub(crate) fn move_to_memory(&mut self, reason: String) -> Result<(), ViewError> {
        Ok(self.rows.store_mut().move_to_memory(reason)?)
    }

    /// Whether it may accept more records: in memory its size is bounded.
    pub(crate) fn check_bound(&self) -> Result<(), ViewError> {
        Ok(self.rows.store().check_bound()?)
    }

    /// Whether it has an id index.
    pub(crate) const fn has_index(&self) -> bool {
        self.dedup.is_some()
    }

    /// The partitions it folds.
    #[must_use]
    pub const fn partitions(&self) -> Partitions {
        self.partitions
    }

    /// The row under a key.
    ///
    /// # Errors
    ///
    /// The errors of reading rows.
    pub fn get(&self, key: &[u8]) -> Result<Option<Cow<'_, P::Row>>, RowError> {
        self.rows.look_up(key)
    }

    /// Rows whose keys begin with a prefix, in order, starting after `after`.
    pub fn scan<'a>(
        &'a self,
        prefix: &'a [u8],
        after: Option<&'a [u8]>,
    ) -> impl Iterator<Item = Result<(Vec<u8>, Cow<'a, P::Row>), RowError>> + 'a {
        self.rows.scan(prefix, after)
    }

    /// The position up to which it is valid.
    #[must_use]
    pub fn position(&self) -> Position {
        self.checkpoint.position()
    }

    /// Where its store is.
    pub(crate) fn dir(&self) -> &Path {
        self.rows.store().dir()
    }

    /// What it has folded, committed or not.
    #[must_use]
    pub const fn checkpoint(&self) -> &Checkpoint {
        &self.checkpoint
    }

    /// Whether events of a task are waiting, by the task's key.
    #[must_use]
    pub fn is_degraded(&self, task_key: &[u8]) -> bool {
        self.quarantine.holds(task_key)
    }

    /// The tasks with waiting events, by key.
    pub fn quarantined(&self) -> impl ExactSizeIterator<Item = (&Vec<u8>, &Parked)> {
        self.quarantine.tasks().iter()
    }

    /// The number of tasks with waiting events.
    #[must_use]
    pub fn degraded_tasks(&self) -> u64 {
        self.quarantined().filter(|(key, _)| **key != foreign_key()).count() as u64
    }

    /// The digest over all committed rows.
    #[must_use]
    pub const fn digest(&self) -> Digest {
        self.rows.store().digest()
    }

    /// The number of committed rows.
    #[must_use]
    pub const fn rows(&self) -> u64 {
        self.rows.store().rows()
    }

    /// Whether so much was folded since the last commit that memory should not hold more.
    #[must_use]
    pub fn commit_is_due(&self) -> bool {
        self.uncommitted.is_full(self.rows.dirty())
    }

    /// Records and events folded since it was opened.
    #[must_use]
    pub const fn folded(&self) -> (u64, u64) {
        (self.records, self.events)
    }

    /// Anything out of the ordinary when it was opened.
    #[must_use]
    pub fn note(&self) -> Option<&str> {
        self.note.as_deref()
    }
}
