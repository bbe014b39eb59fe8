//! The store of one view: a sled database in its own directory, or memory while that is not possible.

mod failure;
mod rows;

use std::io;
use std::panic::AssertUnwindSafe;
use std::path::{Path, PathBuf};

use tollgate_clock::sleep_blocking;
use tollgate_files::make_private_dirs;

use self::failure::{damaged, failed, of_sled, room_beside};
use self::rows::{Change, Rows};
use crate::digest::Digest;

/// How often opening a store that is locked is retried, and after how long.
const LOCK_TRIES: usize = 100;
const LOCK_PAUSE: std::time::Duration = std::time::Duration::from_millis(20);

/// How many bytes of memory sled may use for pages. Rows in use are cached by the projector.
const CACHE_BYTES: u64 = 16 << 20;

/// The key of the digest, the number of rows and the checkpoint. Rows are under [`ROW`] plus their key.
const STATE: &[u8] = b"s";
const ROW: u8 = b'r';

/// Rows of a view and their checkpoint.
#[derive(Debug)]
pub struct ViewStore {
    dir: PathBuf,
    stored: Rows,
    digest: Digest,
    rows: u64,
}

/// A commit that is in the store but not yet settled.
#[derive(Debug)]
#[must_use]
pub struct Written {
    digest: Digest,
    rows: u64,
    /// What a store in memory applies when the commit is settled.
    changes: Vec<Change>,
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

/// Why a store failed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// The operating system or sled returned an error.
    #[error("view store {dir}: {message}")]
    Failed {
        /// The store's directory.
        dir: String,
        /// What went wrong.
        message: String,
    },
    /// What is there differs from what was written.
    #[error("view store {dir}: damaged: {message}")]
    Damaged {
        /// The store's directory.
        dir: String,
        /// What is wrong.
        message: String,
    },
}

impl StoreError {
    /// The system's error about a store's directory.
    #[must_use]
    pub fn of(dir: &Path, error: &io::Error) -> Self {
        failed(dir, error)
    }
}

impl ViewStore {
    /// Opens the store in a directory and checks it against its digest. One that is damaged is renamed to
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
        let stored = Rows::in_memory(reason);
        Self { dir: dir.to_owned(), stored, digest: Digest::default(), rows: 0 }
    }

    /// Why it is in memory and not in its directory, if it is.
    #[must_use]
    pub fn memory_reason(&self) -> Option<&str> {
        self.stored.memory_reason()
    }

    /// Whether the disk has room to open a store in a directory.
    ///
    /// # Errors
    ///
    /// The operating system's error.
    pub fn room(dir: &Path) -> io::Result<()> {
        room_beside(dir)
    }

    /// Moves everything it holds into memory and releases its directory, because that cannot be written to.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if it cannot be read, or holds more than may be in memory: it is then unchanged.
    pub fn move_to_memory(&mut self, reason: String) -> Result<(), StoreError> {
        let mut memory = Rows::in_memory(reason);
        let (mut digest, mut rows) = (Digest::default(), 0);
        for row in self.scan(&[], None) {
            let (key, value) = row?;
            digest.add(&key, &value);
            rows += 1;
            memory.put(row_key(&key), Some(value));
            memory.check_bound(&self.dir)?;
        }
        (self.stored, self.digest, self.rows) = (memory, digest, rows);
        Ok(())
    }

    /// Whether it may accept more: one in memory has a size limit.
    ///
    /// # Errors
    ///
    /// [`StoreError::Failed`] says how much it holds and what to do.
    pub fn check_bound(&self) -> Result<(), StoreError> {
        self.stored.check_bound(&self.dir)
    }

    /// Opens the store in a directory, creating an empty one if there is none, and checks it against its
    /// digest.
    ///
    /// # Errors
    ///
    /// [`StoreError`].
    pub fn open(dir: &Path) -> Result<(Self, Option<Vec<u8>>), StoreError> {
        // Damaged files can make sled panic as well as fail. Only the files outlive a panic here.
        let opened = std::panic::catch_unwind(AssertUnwindSafe(|| Self::open_checked(dir)));
        opened.unwrap_or_else(|_| Err(damaged(dir, "sled panicked on it")))
    }

    /// Removes a store that is not open.
    ///
    /// # Errors
    ///
    /// The operating system's error; removing a store that does not exist succeeds.
    pub fn remove(dir: &Path) -> io::Result<()> {
        let mut tries = LOCK_TRIES;
        loop {
            match std::fs::remove_dir_all(dir) {
                // sled releases a store on a thread of its own, which may write one last file meanwhile.
                Err(error) if error.kind() == io::ErrorKind::DirectoryNotEmpty && tries > 0 => {
                    tries -= 1;
                    sleep_blocking(LOCK_PAUSE);
                }
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                Ok(()) | Err(_) => return Ok(()),
            }
        }
    }

    /// Renames the directory of a store that is not open to the first free `{dir}.damaged-{n}`, and returns
    /// that path.
    ///
    /// # Errors
    ///
    /// The operating system's error.
    pub fn set_aside(dir: &Path) -> io::Result<PathBuf> {
        let name = dir.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let mut number: u32 = 1;
        loop {
            let aside = dir.with_file_name(format!("{name}.damaged-{number}"));
            if !aside.exists() {
                std::fs::rename(dir, &aside)?;
                return Ok(aside);
            }
            number += 1;
        }
    }

    fn open_checked(dir: &Path) -> Result<(Self, Option<Vec<u8>>), StoreError> {
        // sled creates its files readable by everyone: the directory keeps them private.
        make_private_dirs(dir).map_err(|error| failed(dir, error))?;
        let config = sled::Config::new().path(dir).cache_capacity(CACHE_BYTES);
        let db = open_free(&config).map_err(|error| of_sled(dir, &error))?;
        let stored = Rows::Disk(db);
        let mut store = Self { dir: dir.to_owned(), stored, digest: Digest::default(), rows: 0 };
        let mut digest = Digest::default();
        let mut rows: u64 = 0;
        for row in store.scan(&[], None) {
            let (key, value) = row?;
            digest.add(&key, &value);
            rows += 1;
        }
        let state = store.stored.get(STATE, dir)?;
        let Some(state) = state else {
            return if rows == 0 {
                Ok((store, None))
            } else {
                Err(damaged(dir, "rows without a checkpoint"))
            };
        };
        let (stored_digest, stored_rows, checkpoint) =
            read_state(&state).ok_or_else(|| damaged(dir, "checkpoint"))?;
        if (stored_digest, stored_rows) != (digest, rows) {
            return Err(damaged(dir, &format!("its {rows} rows do not match the digest of {stored_rows}")));
        }
        (store.digest, store.rows) = (digest, rows);
        Ok((store, Some(checkpoint)))
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
        self.stored.get(&row_key(key), &self.dir)
    }

    /// The committed rows whose keys begin with a prefix, in order, starting after `after`.
    pub fn scan<'a>(
        &'a self,
        prefix: &[u8],
        after: Option<&[u8]>,
    ) -> impl Iterator<Item = Result<(Vec<u8>, Vec<u8>), StoreError>> + use<'a> {
        let prefix = row_key(prefix);
        let start = match after {
            // The first key after it: the same with a zero byte appended.
            Some(after) => [&row_key(after)[..], &[0]].concat().max(prefix.clone()),
            None => prefix.clone(),
        };
        self.stored
            .from(start, &self.dir)
            .take_while(move |row| row.as_ref().map_or(true, |(key, _)| key.starts_with(&prefix)))
            .map(|row| row.map(|(key, value)| (key[1..].to_vec(), value)))
    }

    /// Writes rows (`None` removes one) and the checkpoint they are valid for, atomically.
    ///
    /// # Errors
    ///
    /// [`StoreError`]; nothing of the commit is stored in that case.
    pub fn commit(
        &mut self,
        changes: &[(&[u8], Option<Vec<u8>>)],
        checkpoint: &[u8],
    ) -> Result<(), StoreError> {
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
    pub fn write(
        &self,
        changes: &[(&[u8], Option<Vec<u8>>)],
        checkpoint: &[u8],
    ) -> Result<Written, StoreError> {
        let (mut digest, mut rows) = (self.digest, self.rows);
        let mut batch = Vec::with_capacity(changes.len() + 1);
        for (key, value) in changes {
            if let Some(old) = self.get(key)? {
                digest.remove(key, &old);
                rows -= 1;
            }
            if let Some(value) = value {
                digest.add(key, value);
                rows += 1;
            }
            batch.push((row_key(key), value.clone()));
        }
        batch.push((STATE.to_vec(), Some(write_state(digest, rows, checkpoint))));
        let changes = self.stored.apply(batch, &self.dir)?;
        Ok(Written { digest, rows, changes })
    }

    /// The second half of a commit: applies what [`Self::write`] wrote.
    pub fn settle(&mut self, written: Written) {
        (self.digest, self.rows) = (written.digest, written.rows);
        for (key, value) in written.changes {
            self.stored.put(key, value);
        }
    }

    /// Hands what was committed to the operating system.
    ///
    /// # Errors
    ///
    /// [`StoreError`].
    pub fn flush(&self) -> Result<(), StoreError> {
        self.stored.flush(&self.dir)
    }
}

fn row_key(key: &[u8]) -> Vec<u8> {
    let mut stored = Vec::with_capacity(key.len() + 1);
    stored.push(ROW);
    stored.extend_from_slice(key);
    stored
}

fn write_state(digest: Digest, rows: u64, checkpoint: &[u8]) -> Vec<u8> {
    let mut bytes = digest.to_bytes().to_vec();
    bytes.extend_from_slice(&rows.to_le_bytes());
    bytes.extend_from_slice(checkpoint);
    bytes
}

fn read_state(bytes: &[u8]) -> Option<(Digest, u64, Vec<u8>)> {
    let (digest, rest) = bytes.split_first_chunk::<32>()?;
    let (rows, checkpoint) = rest.split_first_chunk::<8>()?;
    Some((Digest::from_bytes(digest), u64::from_le_bytes(*rows), checkpoint.to_vec()))
}

/// Opens a store. One that has just been closed may still be locked: sled releases it on a thread of its own.
fn open_free(config: &sled::Config) -> sled::Result<sled::Db> {
    for _ in 0..LOCK_TRIES {
        match config.open() {
            Err(sled::Error::Io(error)) if error.to_string().contains("could not acquire lock") => {
                sleep_blocking(LOCK_PAUSE);
            }
            opened => return opened,
        }
    }
    config.open()
}

#[cfg(test)]
mod tests;
