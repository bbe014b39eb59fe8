//! Where the rows of a store are: in sled, or in memory.

use std::collections::BTreeMap;
use std::path::Path;

use super::StoreError;
use super::failure::{failed, of_sled};

/// The most bytes of rows that a store in memory may hold.
const MEMORY_BYTES: usize = 512 << 20;

type Pair = (Vec<u8>, Vec<u8>);

/// A key and its new value; `None` to remove it.
pub(super) type Change = (Vec<u8>, Option<Vec<u8>>);

#[derive(Debug)]
pub(super) enum Rows {
    Disk(sled::Db),
    Memory {
        rows: BTreeMap<Vec<u8>, Vec<u8>>,
        bytes: usize,
        /// Why the store is not on the disk.
        reason: String,
    },
}

impl Rows {
    pub(super) const fn in_memory(reason: String) -> Self {
        Self::Memory { rows: BTreeMap::new(), bytes: 0, reason }
    }

    pub(super) fn memory_reason(&self) -> Option<&str> {
        match self {
            Self::Disk(_) => None,
            Self::Memory { reason, .. } => Some(reason),
        }
    }

    pub(super) fn get(&self, key: &[u8], dir: &Path) -> Result<Option<Vec<u8>>, StoreError> {
        match self {
            Self::Disk(db) => {
                let found = db.get(key).map_err(|error| of_sled(dir, &error))?;
                Ok(found.map(|value| value.to_vec()))
            }
            Self::Memory { rows, .. } => Ok(rows.get(key).cloned()),
        }
    }

    /// All keys from this one on with their values, in order.
    pub(super) fn from<'a>(
        &'a self,
        start: Vec<u8>,
        dir: &'a Path,
    ) -> Box<dyn Iterator<Item = Result<Pair, StoreError>> + 'a> {
        match self {
            Self::Disk(db) => Box::new(db.range(start..).map(move |row| {
                let (key, value) = row.map_err(|error| of_sled(dir, &error))?;
                Ok((key.to_vec(), value.to_vec()))
            })),
            Self::Memory { rows, .. } => {
                Box::new(rows.range(start..).map(|(key, value)| Ok((key.clone(), value.clone()))))
            }
        }
    }

    /// Applies changes atomically; in memory, returns them for [`Self::put`].
    pub(super) fn apply(&self, changes: Vec<Change>, dir: &Path) -> Result<Vec<Change>, StoreError> {
        let Self::Disk(db) = self else { return Ok(changes) };
        let mut batch = sled::Batch::default();
        for (key, value) in changes {
            match value {
                Some(value) => batch.insert(key, value),
                None => batch.remove(key),
            }
        }
        db.apply_batch(batch).map_err(|error| of_sled(dir, &error))?;
        Ok(Vec::new())
    }

    /// Applies one change to a store in memory.
    pub(super) fn put(&mut self, key: Vec<u8>, value: Option<Vec<u8>>) {
        let Self::Memory { rows, bytes, .. } = self else { return };
        let length = key.len();
        let (added, old) = match value {
            Some(value) => (length + value.len(), rows.insert(key, value)),
            None => (0, rows.remove(&key)),
        };
        *bytes = (*bytes + added).saturating_sub(old.map_or(0, |old| length + old.len()));
    }

    pub(super) fn check_bound(&self, dir: &Path) -> Result<(), StoreError> {
        match self {
            Self::Memory { bytes, reason, .. } if *bytes > MEMORY_BYTES => Err(failed(
                dir,
                format!(
                    "{reason}; in memory its rows may take {} MiB, which they do: mend the disk to have the view go on",
                    MEMORY_BYTES >> 20
                ),
            )),
            Self::Memory { .. } | Self::Disk(_) => Ok(()),
        }
    }

    pub(super) fn flush(&self, dir: &Path) -> Result<(), StoreError> {
        match self {
            Self::Disk(db) => db.flush().map(|_| ()).map_err(|error| of_sled(dir, &error)),
            Self::Memory { .. } => Ok(()),
        }
    }
}
