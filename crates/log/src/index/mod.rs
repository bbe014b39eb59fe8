//! The id index: which event ids the log has, and in which record. A fold of the log with its own checkpoint.
//!
//! Recent ids are in a table in memory. A full table is written as an immutable sorted run with a filter;
//! runs of similar size are merged in the background, so that a look-up reads few of them however long the
//! log is. Runs never hold the only copy of anything: a missing or damaged one is rebuilt from the log.

mod block;
mod merge;
mod run;
mod runs;

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::JoinHandle;

use tollgate_domain::position::Sequence;
use tollgate_files::disk::{Disk, RealDisk};
use uuid::Uuid;

pub use runs::drop_damaged;
pub(crate) use runs::{RunSet, furthest_run};

use crate::contract::Found;
use crate::key::{ContentMark, IdScope, Key};
use crate::record::StoredRecord;

/// The number of ids in memory before they are written as a run: about 25 MB, and at most this many records
/// are reread on opening.
const TABLE_IDS: usize = 512 * 1024;

/// Which part of a full table is worth a run when a log is closed: 32,768 ids. Reading more of them from the log
/// again takes longer than a command should.
const WORTH_A_RUN: usize = 16;

type Table = HashMap<Key, Found, foldhash::fast::RandomState>;

/// The id index of one log.
#[derive(Debug)]
pub struct IdIndex {
    home: Option<Home>,
    /// Ids since the last seal.
    active: Table,
    /// A full table waiting for its records to become durable.
    sealed: Option<Sealed>,
    /// A full table being written as a run.
    writing: Option<Writing>,
    /// An empty table with room for as many ids as the last one had: new memory would have to be cleared by the system
    /// first, page by page, while appends wait.
    spare: Option<Table>,
    runs: Arc<RunSet>,
    table_ids: usize,
    /// What was found damaged when runs were merged.
    damaged: Option<String>,
}

/// How an event of a record relates to the events before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Occurrence {
    /// The first one with its id: it counts.
    Original,
    /// The same event was there before: it does not count.
    Duplicate,
    /// Its id was there before with different content, in this record: it does not count, and should be
    /// reported.
    Conflict(Sequence),
}

/// The entry of a decision subject: its last decision.
pub(crate) const fn subject_entry(last: Sequence) -> Found {
    Found { sequence: last, content: ContentMark(0) }
}

#[derive(Debug)]
struct Home {
    disk: Arc<dyn Disk>,
    dir: PathBuf,
    epoch: Uuid,
}

#[derive(Debug)]
struct Sealed {
    table: Table,
    through: Sequence,
}

#[derive(Debug)]
struct Writing {
    table: Arc<Table>,
    through: Sequence,
    thread: JoinHandle<io::Result<Arc<RunSet>>>,
}

impl IdIndex {
    /// An index that exists in memory only.
    #[must_use]
    pub fn in_memory() -> Self {
        Self::with(None, Arc::new(RunSet::default()), usize::MAX)
    }

    /// Opens the runs in a directory. They hold every id up to [`Self::checkpoint`]; the log's later records
    /// must be [added](Self::originals) before the index is queried.
    ///
    /// Runs that are damaged, of another epoch, or ahead of the log's `tail` are deleted, along with all
    /// later ones: the index is then behind and catches up from the log.
    ///
    /// # Errors
    ///
    /// If the directory cannot be created or listed.
    pub fn open(dir: &Path, epoch: Uuid, tail: Sequence) -> io::Result<Self> {
        Self::open_on(Arc::new(RealDisk), dir, epoch, tail, TABLE_IDS)
    }

    /// Like [`Self::open`], on another disk and with another size of the table in memory: for tests of disks that fail
    /// and of many runs.
    ///
    /// # Errors
    ///
    /// Those of [`Self::open`].
    pub fn open_on(
        disk: Arc<dyn Disk>,
        dir: &Path,
        epoch: Uuid,
        tail: Sequence,
        table_ids: usize,
    ) -> io::Result<Self> {
        let runs = RunSet::open(&*disk, dir, epoch, tail)?;
        let home = Home { disk, dir: dir.to_owned(), epoch };
        Ok(Self::with(Some(home), Arc::new(runs), table_ids))
    }

    fn with(home: Option<Home>, runs: Arc<RunSet>, table_ids: usize) -> Self {
        Self {
            home,
            active: Table::default(),
            sealed: None,
            writing: None,
            spare: None,
            runs,
            table_ids,
            damaged: None,
        }
    }

    /// The last record whose ids are all in runs.
    #[must_use]
    pub fn checkpoint(&self) -> Sequence {
        self.runs.through()
    }

    /// The number of ids in each run.
    #[must_use]
    pub fn run_sizes(&self) -> Vec<u64> {
        self.runs.sizes()
    }

    /// The last record of a table that is about to be written as a run, if one is.
    #[must_use]
    pub fn pending(&self) -> Option<Sequence> {
        let sealed = self.sealed.as_ref().map(|sealed| sealed.through);
        sealed.or_else(|| self.writing.as_ref().map(|writing| writing.through))
    }

    /// What the log has under a key.
    ///
    /// # Errors
    ///
    /// If a run cannot be read.
    pub fn get(&self, key: &Key) -> io::Result<Option<Found>> {
        match self.get_recent(key) {
            Some(found) => Ok(Some(found)),
            None => self.runs.get(key),
        }
    }

    /// Adds the ids of a record, and classifies each of its events. An id that is there under this record's
    /// own sequence is the original: the index may have been ahead of what it decides for.
    ///
    /// # Errors
    ///
    /// If a run cannot be read.
    pub fn take(&mut self, stored: &StoredRecord) -> io::Result<Vec<Occurrence>> {
        let record = &stored.record;
        let (tenant, sequence) = (record.tenant(), stored.sequence);
        let mut scope: Option<(&str, &str, IdScope)> = None;
        let mut keys = Vec::with_capacity(record.len());
        for event in record.events() {
            let known =
                scope.filter(|(task, producer, _)| (*task, *producer) == (event.task, event.producer));
            let make = || (event.task, event.producer, IdScope::of(tenant, event.task, event.producer));
            let (.., of_event) = *scope.insert(known.unwrap_or_else(make));
            keys.push(of_event.key(event.id));
        }
        let older = self.runs.get_all(&keys)?;
        let mut occurrences = Vec::with_capacity(keys.len());
        for (nth, (event, older)) in record.events().zip(older).enumerate() {
            let found = Found { sequence, content: event.content_hash.mark() };
            occurrences.push(match self.claim(keys[nth], found, older) {
                None => Occurrence::Original,
                Some(taken) if taken.sequence == sequence && !keys[..nth].contains(&keys[nth]) => {
                    Occurrence::Original
                }
                Some(taken) if taken.content == found.content => Occurrence::Duplicate,
                Some(taken) => Occurrence::Conflict(taken.sequence),
            });
        }
        if let Some(subject) = record.decision_subject() {
            self.insert(Key::of_subject(tenant, subject), subject_entry(sequence));
        }
        Ok(occurrences)
    }

    /// Writes full tables as runs in the background, once their records are durable. Call it after each group.
    pub fn tend(&mut self, assigned: Sequence, durable: Sequence) {
        if self.active.len() >= self.table_ids && self.sealed.is_none() {
            // The next one will be as large: growing it step by step would move each id once more.
            let (room, hasher) = (self.active.len(), self.active.hasher());
            let fresh = || Table::with_capacity_and_hasher(room, hasher.clone());
            let next = self.spare.take().unwrap_or_else(fresh);
            let table = std::mem::replace(&mut self.active, next);
            self.sealed = Some(Sealed { table, through: assigned });
        }
        if self.writing.as_ref().is_some_and(|writing| writing.thread.is_finished()) {
            self.finish_writing();
        }
        let ready =
            self.writing.is_none() && self.sealed.as_ref().is_some_and(|sealed| sealed.through <= durable);
        if ready && let Some(Sealed { table, through }) = self.sealed.take() {
            self.start_writing(Arc::new(table), through);
        }
    }

    /// Waits for the run that is being written, if any.
    pub fn settle(&mut self) {
        if self.writing.is_some() {
            self.finish_writing();
        }
    }

    /// Writes many ids in memory as a run before the index is closed, so that whoever opens it next need not read
    /// them from the log. All of them are of durable records; `last` is the last of these.
    pub(crate) fn put_away(&mut self, last: Sequence) {
        self.settle();
        if self.active.len() > self.table_ids / WORTH_A_RUN && self.sealed.is_none() {
            let table = Arc::new(std::mem::take(&mut self.active));
            self.start_writing(table, last);
            self.settle();
        }
    }

    /// What was found damaged when runs were merged, if anything: the runs have to be rebuilt.
    pub(crate) fn damaged(&self) -> Option<&str> {
        self.damaged.as_deref()
    }

    /// The current runs, which can be queried without holding the index.
    pub(crate) fn runs(&self) -> Arc<RunSet> {
        Arc::clone(&self.runs)
    }

    /// What the tables in memory hold for a key.
    pub(crate) fn get_recent(&self, key: &Key) -> Option<Found> {
        if let Some(found) = self.active.get(key) {
            return Some(*found);
        }
        if let Some(found) = self.sealed.as_ref().and_then(|sealed| sealed.table.get(key)) {
            return Some(*found);
        }
        self.writing.as_ref().and_then(|writing| writing.table.get(key)).copied()
    }

    /// Claims a key for a record unless it is already taken. Returns the existing holder, from a table or
    /// from `older`, which is what the caller found in a run.
    pub fn claim(&mut self, key: Key, found: Found, older: Option<Found>) -> Option<Found> {
        match self.active.entry(key) {
            Entry::Occupied(taken) => Some(*taken.get()),
            Entry::Vacant(free) => {
                let sealed = self.sealed.as_ref().and_then(|sealed| sealed.table.get(&key));
                let writing = || self.writing.as_ref().and_then(|writing| writing.table.get(&key));
                if let Some(taken) = sealed.or_else(writing).copied().or(older) {
                    return Some(taken);
                }
                free.insert(found);
                None
            }
        }
    }

    /// Inserts a key. Returns what the table in memory had for it.
    pub(crate) fn insert(&mut self, key: Key, found: Found) -> Option<Found> {
        self.active.insert(key, found)
    }

    /// Undoes an insert whose record did not become durable.
    pub(crate) fn undo(&mut self, key: &Key, previous: Option<Found>) {
        let sealed = self.sealed.as_mut().map(|sealed| &mut sealed.table);
        for table in std::iter::once(&mut self.active).chain(sealed) {
            if let Some(slot) = table.get_mut(key) {
                match previous {
                    Some(previous) => *slot = previous,
                    None => {
                        table.remove(key);
                    }
                }
                return;
            }
        }
    }

    fn start_writing(&mut self, table: Arc<Table>, through: Sequence) {
        let Some(home) = &self.home else { return };
        let (disk, dir, epoch) = (Arc::clone(&home.disk), home.dir.clone(), home.epoch);
        let (runs, shared) = (Arc::clone(&self.runs), Arc::clone(&table));
        let work = move || runs.with_run_of(&shared, through, &*disk, (&dir, epoch)).map(Arc::new);
        match std::thread::Builder::new().name("tollgate-ids".to_owned()).spawn(work) {
            Ok(thread) => self.writing = Some(Writing { table, through, thread }),
            Err(error) => {
                tracing::warn!(%error, "could not start writing an id run, the ids stay in memory");
                self.keep(table, through);
            }
        }
    }

    fn finish_writing(&mut self) {
        let Some(Writing { table, through, thread }) = self.writing.take() else { return };
        match thread.join() {
            Ok(Ok(runs)) => {
                self.runs = runs;
                self.spare = Arc::try_unwrap(table).ok().map(|mut table| {
                    table.clear();
                    table
                });
            }
            Ok(Err(error)) => {
                self.damaged = (error.kind() == io::ErrorKind::InvalidData).then(|| error.to_string());
                tracing::warn!(%error, "could not write an id run, the ids stay in memory and it is tried again");
                self.keep(table, through);
            }
            Err(_) => {
                tracing::error!("writing an id run panicked, the ids stay in memory");
                self.keep(table, through);
            }
        }
    }

    /// Puts the table back in the queue: the next call of [`Self::tend`] writes it again.
    fn keep(&mut self, table: Arc<Table>, through: Sequence) {
        let table = Arc::try_unwrap(table).unwrap_or_else(|shared| (*shared).clone());
        match &mut self.sealed {
            None => self.sealed = Some(Sealed { table, through }),
            Some(newer) => {
                // A decision subject may be in both: the newer table's entry is the later one.
                for (key, found) in table {
                    newer.table.entry(key).or_insert(found);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests;
