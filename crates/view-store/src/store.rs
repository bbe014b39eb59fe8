//! The store of one view: in a directory of its own, or in memory while that is not possible.

use std::collections::BTreeMap;
use std::io;
use std::panic::AssertUnwindSafe;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tollgate_files::disk::{Disk, RealDisk};

use crate::change::{Change, Entry, Was};
use crate::digest::Digest;
use crate::dir::{remove_dir, set_aside};
use crate::failure::{StoreError, damaged, failed, of_rows, room_beside};
use crate::journal::State;
use crate::runs::{newest, newest_of_two};
use crate::settled::{Committed, OpenedDir, Settled};
use crate::sizes::Sizes;

/// The most bytes of rows that a store in memory may hold.
const MEMORY_BYTES: usize = 512 << 20;

/// Rows of a view and their checkpoint.
#[derive(Debug)]
pub struct ViewStore {
    dir: PathBuf,
    digest: Digest,
    rows: u64,
    /// Rows that are not in a run: those of recent commits, or all of a store in memory.
    recent: BTreeMap<Vec<u8>, Option<Vec<u8>>>,
    recent_bytes: usize,
    sizes: Sizes,
    place: Place,
}

/// Where the rows are kept.
#[derive(Debug)]
enum Place {
    Disk(Box<Settled>),
    /// In memory, for this reason.
    Memory(String),
}

/// A commit that is in the store but not yet settled.
#[derive(Debug)]
#[must_use]
pub struct Written {
    digest: Digest,
    rows: u64,
    /// What is committed under each key after it.
    now: Vec<Was>,
    /// The rows that become recent.
    changes: Vec<Entry>,
    committed: Option<Committed>,
}

impl Written {
    /// What is committed under each key after it, in the order in which the changes were given.
    #[must_use]
    pub fn now(&self) -> &[Was] {
        &self.now
    }
}

/// An open store, and how it was opened.
#[derive(Debug)]
pub struct Opened {
    /// The store.
    pub store: ViewStore,
    /// The checkpoint of its rows; `None` if it is empty.
    pub checkpoint: Option<Vec<u8>>,
    /// What was wrong with the store that was found, and where it was moved.
    pub set_aside: Option<String>,
}

impl ViewStore {
    /// Opens the store in a directory and checks it. One that is damaged is renamed to
    /// `{dir}.damaged-{n}`, and an empty one takes its place. If the system refuses because of missing space,
    /// file descriptors or permission, nothing is touched: an empty store in memory takes its place.
    ///
    /// # Errors
    ///
    /// [`StoreError::Failed`] if a damaged store cannot be set aside.
    pub fn open_or_set_aside(dir: &Path) -> Result<Opened, StoreError> {
        let in_memory = |reason: String| {
            tracing::warn!(reason, "the view is kept in memory");
            Ok(Opened { store: Self::in_memory(dir, reason), checkpoint: None, set_aside: None })
        };
        let reason = match Self::open(dir) {
            Ok((store, checkpoint)) => return Ok(Opened { store, checkpoint, set_aside: None }),
            Err(StoreError::Failed { message, .. }) => return in_memory(message),
            Err(error @ StoreError::Damaged { .. }) => error.to_string(),
        };
        // A store may look damaged merely because nothing can be written.
        if let Err(error) = room_beside(dir) {
            return in_memory(error.to_string());
        }
        let aside = Self::set_aside(dir).map_err(|error| failed(dir, error))?;
        let note = format!("{reason}; set aside as {}", aside.display());
        tracing::warn!(reason, aside = %aside.display(), "view store set aside, its view is built again from the log");
        match Self::open(dir) {
            Ok((store, checkpoint)) => Ok(Opened { store, checkpoint, set_aside: Some(note) }),
            Err(error) => in_memory(error.to_string()),
        }
    }

    /// An empty store in memory, in place of the one in a directory.
    #[must_use]
    pub fn in_memory(dir: &Path, reason: String) -> Self {
        Self::of(dir, Place::Memory(reason))
    }

    fn of(dir: &Path, place: Place) -> Self {
        let (dir, recent) = (dir.to_owned(), BTreeMap::new());
        Self {
            dir,
            digest: Digest::default(),
            rows: 0,
            recent,
            recent_bytes: 0,
            sizes: Sizes::default(),
            place,
        }
    }

    /// Why it is in memory and not in its directory, if it is.
    #[must_use]
    pub fn memory_reason(&self) -> Option<&str> {
        match &self.place {
            Place::Disk(_) => None,
            Place::Memory(reason) => Some(reason),
        }
    }

    /// Whether the disk has room to open a store in a directory.
    ///
    /// # Errors
    ///
    /// The operating system's error.
    pub fn room(dir: &Path) -> io::Result<()> {
        room_beside(dir)
    }

    /// Removes a store that is not open.
    ///
    /// # Errors
    ///
    /// The operating system's error; removing a store that does not exist succeeds.
    pub fn remove(dir: &Path) -> io::Result<()> {
        remove_dir(dir)
    }

    /// Renames the directory of a store that is not open to the first free `{dir}.damaged-{n}`, and returns
    /// that path.
    ///
    /// # Errors
    ///
    /// The operating system's error.
    pub fn set_aside(dir: &Path) -> io::Result<PathBuf> {
        set_aside(dir)
    }

    /// Moves everything it holds into memory and releases its directory, because that cannot be written to.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if it cannot be read, or holds more than may be in memory: it is then unchanged.
    pub fn move_to_memory(&mut self, reason: String) -> Result<(), StoreError> {
        let mut memory = Self::in_memory(&self.dir, reason);
        for row in self.scan(&[], None) {
            let (key, value) = row?;
            memory.digest.add(Digest::of_row(&key, &value));
            memory.rows += 1;
            memory.put((key, Some(value)));
            memory.check_bound()?;
        }
        *self = memory;
        Ok(())
    }

    /// Whether it may accept more: one in memory has a size limit.
    ///
    /// # Errors
    ///
    /// [`StoreError::Failed`] says how much it holds and what to do.
    pub fn check_bound(&self) -> Result<(), StoreError> {
        match &self.place {
            Place::Memory(reason) if self.recent_bytes > MEMORY_BYTES => Err(failed(
                &self.dir,
                format!(
                    "{reason}; in memory its rows may take {} MiB, which they do: mend the disk to have the view go on",
                    MEMORY_BYTES >> 20
                ),
            )),
            Place::Memory(_) | Place::Disk(_) => Ok(()),
        }
    }

    /// Opens the store in a directory, creating an empty one if there is none. Everything that is read, now or later,
    /// is checked.
    ///
    /// # Errors
    ///
    /// [`StoreError`].
    pub fn open(dir: &Path) -> Result<(Self, Option<Vec<u8>>), StoreError> {
        Self::open_on(dir, Arc::new(RealDisk), Sizes::default())
    }

    /// Like [`Self::open`], on another disk and with other sizes: for tests of disks that fail and of many runs.
    ///
    /// # Errors
    ///
    /// [`StoreError`].
    pub fn open_on(
        dir: &Path,
        disk: Arc<dyn Disk>,
        sizes: Sizes,
    ) -> Result<(Self, Option<Vec<u8>>), StoreError> {
        // Damaged files can make sled panic as well as fail. Only the files outlive a panic here.
        let opened = std::panic::catch_unwind(AssertUnwindSafe(|| Settled::open(dir, disk)));
        let OpenedDir { settled, checkpoint, recent } =
            opened.unwrap_or_else(|_| Err(damaged(dir, "sled panicked on it")))?;
        let state = settled.state();
        let (digest, rows) = (state.digest, state.rows);
        let mut store = Self { digest, rows, sizes, ..Self::of(dir, Place::Disk(Box::new(settled))) };
        recent.into_iter().for_each(|entry| store.put(entry));
        Ok((store, checkpoint))
    }

    /// The store's directory.
    #[must_use]
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// The digest over all committed rows.
    #[must_use]
    pub const fn digest(&self) -> Digest {
        self.digest
    }

    /// The number of committed rows.
    #[must_use]
    pub const fn rows(&self) -> u64 {
        self.rows
    }

    /// The committed row under a key.
    ///
    /// # Errors
    ///
    /// [`StoreError`].
    pub fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        if self.rows == 0 {
            return Ok(None);
        }
        match (self.recent.get(key), &self.place) {
            (Some(value), _) => Ok(value.clone()),
            (None, Place::Disk(settled)) => settled.runs.get(key).map_err(|error| of_rows(&self.dir, &error)),
            (None, Place::Memory(_)) => Ok(None),
        }
    }

    /// The committed rows whose keys begin with a prefix, in order, starting after `after`.
    pub fn scan<'a>(
        &'a self,
        prefix: &[u8],
        after: Option<&[u8]>,
    ) -> impl Iterator<Item = Result<(Vec<u8>, Vec<u8>), StoreError>> + use<'a> {
        let prefix = prefix.to_vec();
        let start = match after {
            // The first key after it: the same with a zero byte appended.
            Some(after) => [after, &[0]].concat().max(prefix.clone()),
            None => prefix.clone(),
        };
        let recent = self.recent.range(start.clone()..).map(|(key, value)| Ok((key.clone(), value.clone())));
        let mut sources: Vec<Box<dyn Iterator<Item = io::Result<Entry>> + 'a>> = vec![Box::new(recent)];
        if let Place::Disk(settled) = &self.place {
            for run in settled.runs.0.iter().rev() {
                sources.push(Box::new(run.from(&start)));
            }
        }
        newest(sources)
            .take_while(move |entry| entry.as_ref().map_or(true, |(key, _)| key.starts_with(&prefix)))
            .filter_map(|entry| match entry {
                Ok((key, value)) => value.map(|value| Ok((key, value))),
                Err(error) => Some(Err(of_rows(&self.dir, &error))),
            })
    }

    /// Writes rows and the checkpoint they are valid for, atomically.
    ///
    /// # Errors
    ///
    /// [`StoreError`]; nothing of the commit is stored in that case.
    pub fn commit(&mut self, changes: Vec<Change<'_>>, checkpoint: &[u8]) -> Result<(), StoreError> {
        let written = self.write(changes, checkpoint)?;
        self.settle(written);
        Ok(())
    }

    /// The first half of a [commit](Self::commit); others may read concurrently. Nothing else may write until
    /// [`Self::settle`] has been called with its result.
    ///
    /// # Errors
    ///
    /// [`StoreError`]; nothing of the commit is stored in that case.
    pub fn write(&self, mut changes: Vec<Change<'_>>, checkpoint: &[u8]) -> Result<Written, StoreError> {
        let (mut digest, mut rows, mut bytes) = (self.digest, self.rows, 0);
        let mut now = Vec::with_capacity(changes.len());
        for Change { key, value, was } in &changes {
            let was = match was {
                Was::Unknown => self.get(key)?.map(|old| Digest::of_row(key, &old)),
                Was::Absent => None,
                Was::Row(digest) => Some(*digest),
            };
            if let Some(old) = was {
                digest.remove(old);
                rows -= 1;
            }
            let new = value.as_ref().map(|value| Digest::of_row(key, value));
            if let Some(new) = new {
                digest.add(new);
                rows += 1;
            }
            now.push(new.map_or(Was::Absent, Was::Row));
            bytes += key.len() + value.as_ref().map_or(0, Vec::len);
        }
        changes.sort_by(|one, other| one.key.cmp(other.key));
        let Place::Disk(settled) = &self.place else {
            let changes = changes.into_iter().map(|change| (change.key.to_vec(), change.value)).collect();
            return Ok(Written { digest, rows, now, changes, committed: None });
        };
        let state = State { digest, rows, ..State::default() };
        let entries = changes.iter().map(|change| (change.key, change.value.as_deref()));
        if bytes <= self.sizes.commit && self.recent_bytes + bytes <= self.sizes.recent {
            let committed = Some(settled.commit(&state, checkpoint, entries)?);
            let changes = changes.into_iter().map(|change| (change.key.to_vec(), change.value)).collect();
            return Ok(Written { digest, rows, now, changes, committed });
        }
        let recent = self.recent.iter().map(|(key, value)| (key.as_slice(), value.as_deref()));
        let most = self.recent.len() + changes.len();
        let committed = Some(settled.commit_run(&state, checkpoint, most, newest_of_two(entries, recent))?);
        Ok(Written { digest, rows, now, changes: Vec::new(), committed })
    }

    /// The second half of a commit: applies what [`Self::write`] wrote.
    pub fn settle(&mut self, written: Written) {
        (self.digest, self.rows) = (written.digest, written.rows);
        if let (Place::Disk(settled), Some(committed)) = (&mut self.place, written.committed)
            && settled.settle(committed)
        {
            self.recent = BTreeMap::new();
            self.recent_bytes = 0;
        }
        written.changes.into_iter().for_each(|entry| self.put(entry));
    }

    /// Hands what was committed to the operating system.
    ///
    /// # Errors
    ///
    /// [`StoreError`].
    pub fn flush(&self) -> Result<(), StoreError> {
        match &self.place {
            Place::Disk(settled) => settled.flush(),
            Place::Memory(_) => Ok(()),
        }
    }

    /// Takes over a recent row. A removed one hides what runs have; in memory there is nothing to hide.
    fn put(&mut self, (key, value): Entry) {
        let length = key.len();
        let hides = matches!(self.place, Place::Disk(_));
        let added = value.as_ref().map(|value| length + value.len());
        let old = match (&value, hides) {
            (None, false) => self.recent.remove(&key),
            (Some(_), _) | (None, true) => self.recent.insert(key, value),
        };
        let removed = old.map_or(0, |old| length + old.map_or(0, |old| old.len()));
        self.recent_bytes += added.unwrap_or(if hides { length } else { 0 });
        self.recent_bytes -= removed.min(self.recent_bytes);
    }
}

#[cfg(test)]
mod tests;
