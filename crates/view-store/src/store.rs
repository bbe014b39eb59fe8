//! The store of one view: a sled database in a directory of its own.

use std::io;
use std::panic::AssertUnwindSafe;
use std::path::{Path, PathBuf};

use crate::digest::Digest;

/// How often a store that is held is tried again, and after how long.
const LOCK_TRIES: usize = 100;
const LOCK_PAUSE: std::time::Duration = std::time::Duration::from_millis(20);

/// Memory that sled may keep for pages. Rows in use are cached by the projector.
const CACHE_BYTES: u64 = 64 << 20;

/// The key of digest, number of rows and checkpoint. Rows stand under [`ROW`] and their key.
const STATE: &[u8] = b"s";
const ROW: u8 = b'r';

/// Rows of a view and their checkpoint.
#[derive(Debug)]
pub struct ViewStore {
    dir: PathBuf,
    db: sled::Db,
    digest: Digest,
    rows: u64,
}

/// A commit that is in the store and not yet settled.
#[derive(Debug)]
#[must_use]
pub struct Written {
    digest: Digest,
    rows: u64,
}

/// An open store, and how it came about.
#[derive(Debug)]
pub struct Opened {
    /// The store.
    pub store: ViewStore,
    /// The checkpoint of its rows; `None`: it is empty.
    pub checkpoint: Option<Vec<u8>>,
    /// What was wrong with the store that was found, and where it was put.
    pub set_aside: Option<String>,
}

/// Why a store failed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// The operating system or sled refused.
    #[error("view store {dir}: {message}")]
    Failed {
        /// The store's directory.
        dir: String,
        /// What went wrong.
        message: String,
    },
    /// What is there is not what was written.
    #[error("view store {dir}: damaged: {message}")]
    Damaged {
        /// The store's directory.
        dir: String,
        /// What is wrong.
        message: String,
    },
}

impl ViewStore {
    /// Opens the store in a directory and checks it against its digest. One that cannot be opened or does not match is
    /// renamed to `{dir}.damaged-{n}`, and an empty one takes its place.
    ///
    /// # Errors
    ///
    /// [`StoreError::Failed`] when not even an empty store can be made.
    pub fn open_or_set_aside(dir: &Path) -> Result<Opened, StoreError> {
        let reason = match Self::open(dir) {
            Ok((store, checkpoint)) => return Ok(Opened { store, checkpoint, set_aside: None }),
            Err(error) => error.to_string(),
        };
        let aside = Self::set_aside(dir).map_err(|error| failed(dir, error))?;
        let note = format!("{reason}; set aside as {}", aside.display());
        tracing::warn!(reason, aside = %aside.display(), "view store set aside, its view is built again from the log");
        let (store, checkpoint) = Self::open(dir)?;
        Ok(Opened { store, checkpoint, set_aside: Some(note) })
    }

    /// Opens the store in a directory, making an empty one where there is none, and checks it against its digest.
    ///
    /// # Errors
    ///
    /// [`StoreError`].
    pub fn open(dir: &Path) -> Result<(Self, Option<Vec<u8>>), StoreError> {
        // Damaged files make sled panic as well as fail. Nothing outlives a panic here but the files.
        let opened = std::panic::catch_unwind(AssertUnwindSafe(|| Self::open_checked(dir)));
        opened.unwrap_or_else(|_| Err(damaged(dir, "sled panicked on it")))
    }

    /// Removes a store that is not open.
    ///
    /// # Errors
    ///
    /// As the operating system says; a store that is not there is removed already.
    pub fn remove(dir: &Path) -> io::Result<()> {
        match std::fs::remove_dir_all(dir) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            Ok(()) | Err(_) => Ok(()),
        }
    }

    /// Renames the directory of a store that is not open to the first free `{dir}.damaged-{n}`, and says to which.
    ///
    /// # Errors
    ///
    /// As the operating system says.
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
        let config = sled::Config::new().path(dir).cache_capacity(CACHE_BYTES);
        let db = open_free(&config).map_err(|error| failed(dir, error))?;
        let mut store = Self { dir: dir.to_owned(), db, digest: Digest::default(), rows: 0 };
        let mut digest = Digest::default();
        let mut rows: u64 = 0;
        for row in store.scan(&[], None) {
            let (key, value) = row?;
            digest.add(&key, &value);
            rows += 1;
        }
        let state = store.db.get(STATE).map_err(|error| failed(dir, error))?;
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

    /// How many rows are committed.
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
        let found = self.db.get(row_key(key)).map_err(|error| failed(&self.dir, error))?;
        Ok(found.map(|value| value.to_vec()))
    }

    /// The committed rows whose keys begin with a prefix, in order, from the first one behind `after`.
    pub fn scan<'a>(
        &'a self,
        prefix: &[u8],
        after: Option<&[u8]>,
    ) -> impl Iterator<Item = Result<(Vec<u8>, Vec<u8>), StoreError>> + use<'a> {
        let prefix = row_key(prefix);
        let start = match after {
            // The first key behind it: the same with a zero byte at its end.
            Some(after) => [&row_key(after)[..], &[0]].concat().max(prefix.clone()),
            None => prefix.clone(),
        };
        self.db
            .range(start..)
            .take_while(move |row| row.as_ref().map_or(true, |(key, _)| key.starts_with(&prefix)))
            .map(|row| {
                let (key, value) = row.map_err(|error| failed(&self.dir, error))?;
                Ok((key[1..].to_vec(), value.to_vec()))
            })
    }

    /// Writes rows (`None` removes one) and the checkpoint they are true for, atomically.
    ///
    /// # Errors
    ///
    /// [`StoreError`]; nothing of the commit is there then.
    pub fn commit(
        &mut self,
        changes: &[(&[u8], Option<Vec<u8>>)],
        checkpoint: &[u8],
    ) -> Result<(), StoreError> {
        let written = self.write(changes, checkpoint)?;
        self.settle(written);
        Ok(())
    }

    /// The first half of a [commit](Self::commit), which others may read beside. Nothing else may write until
    /// [`Self::settle`] has been called with its result.
    ///
    /// # Errors
    ///
    /// [`StoreError`]; nothing of the commit is there then.
    pub fn write(
        &self,
        changes: &[(&[u8], Option<Vec<u8>>)],
        checkpoint: &[u8],
    ) -> Result<Written, StoreError> {
        let (mut digest, mut rows) = (self.digest, self.rows);
        let mut batch = sled::Batch::default();
        for (key, value) in changes {
            let stored = row_key(key);
            if let Some(old) = self.get(key)? {
                digest.remove(key, &old);
                rows -= 1;
            }
            match value {
                Some(value) => {
                    digest.add(key, value);
                    rows += 1;
                    batch.insert(stored, value.as_slice());
                }
                None => batch.remove(stored),
            }
        }
        batch.insert(STATE, write_state(digest, rows, checkpoint));
        self.db.apply_batch(batch).map_err(|error| failed(&self.dir, error))?;
        Ok(Written { digest, rows })
    }

    /// The second half of a commit: takes over what [`Self::write`] wrote.
    pub const fn settle(&mut self, written: Written) {
        (self.digest, self.rows) = (written.digest, written.rows);
    }

    /// Hands what was committed to the operating system.
    ///
    /// # Errors
    ///
    /// [`StoreError`].
    pub fn flush(&self) -> Result<(), StoreError> {
        self.db.flush().map(|_| ()).map_err(|error| failed(&self.dir, error))
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

fn failed(dir: &Path, error: impl std::fmt::Display) -> StoreError {
    StoreError::Failed { dir: dir.display().to_string(), message: error.to_string() }
}

fn damaged(dir: &Path, message: &str) -> StoreError {
    StoreError::Damaged { dir: dir.display().to_string(), message: message.to_owned() }
}

/// Opens a store. One that was closed a moment ago may be held still: sled lets go of it on a thread of its own.
fn open_free(config: &sled::Config) -> sled::Result<sled::Db> {
    for _ in 0..LOCK_TRIES {
        match config.open() {
            Err(sled::Error::Io(error)) if error.to_string().contains("could not acquire lock") => {
                std::thread::park_timeout(LOCK_PAUSE);
            }
            opened => return opened,
        }
    }
    config.open()
}

#[cfg(test)]
mod tests;
