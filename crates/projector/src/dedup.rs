//! Distinguishing originals from duplicates, on logs that may hold an event more than once.

use std::path::{Path, PathBuf};

use tollgate_domain::position::Sequence;
use tollgate_log::contract::Found;
use tollgate_log::index::{IdIndex, Occurrence};
use tollgate_log::key::Key;
use tollgate_log::record::StoredRecord;
use uuid::Uuid;

use crate::checkpoint::{Checkpoint, Place};
use crate::rows::RowError;

/// The id index of a view, advanced to each record before the record is folded.
#[derive(Debug)]
pub(crate) struct Dedup {
    index: IdIndex,
    /// The index contains every record up to here.
    through: Sequence,
    pending: Option<Sequence>,
}

/// Where the index of a view is: next to its rows.
pub(crate) fn index_dir(view_dir: &Path) -> PathBuf {
    let name = view_dir.file_name().unwrap_or_default().to_string_lossy();
    view_dir.with_file_name(format!("{name}.ids"))
}

impl Dedup {
    /// Opens the index of a view. It may be behind the view or ahead of it.
    pub(crate) fn open(view_dir: &Path, epoch: Uuid, tail: Sequence) -> Result<Self, RowError> {
        let index = IdIndex::open(&index_dir(view_dir), epoch, tail).map_err(|error| failed(&error))?;
        Ok(Self { through: index.checkpoint(), pending: None, index })
    }

    pub(crate) const fn of(index: IdIndex) -> Self {
        Self { index, through: Sequence::ZERO, pending: None }
    }

    /// The last record whose ids need not be read again.
    pub(crate) fn checkpoint(&self) -> Sequence {
        self.index.checkpoint()
    }

    /// Adds a record that the view already contains.
    pub(crate) fn learn(&mut self, stored: &StoredRecord) -> Result<(), RowError> {
        if stored.sequence > self.through {
            self.take(stored)?;
        }
        Ok(())
    }

    /// Adds a record, and classifies each of its events.
    pub(crate) fn take(&mut self, stored: &StoredRecord) -> Result<Vec<Occurrence>, RowError> {
        let occurrences = self.index.take(stored).map_err(|error| failed(&error))?;
        self.through = self.through.max(stored.sequence);
        Ok(occurrences)
    }

    /// Writes a full table to disk, once the view contains it. Returns the place to begin at once it is
    /// written.
    pub(crate) fn tend(&mut self, checkpoint: &Checkpoint) -> Option<Place> {
        let through = checkpoint.read_through;
        self.index.tend(through, through);
        let before = std::mem::replace(&mut self.pending, self.index.pending());
        let sealed = self.pending.filter(|pending| *pending == through && before != self.pending);
        sealed.map(|_| checkpoint.place())
    }

    /// What the log has for a key.
    pub(crate) fn find(&self, key: &Key) -> Result<Option<Found>, RowError> {
        self.index.get(key).map_err(|error| failed(&error))
    }
}

fn failed(error: &std::io::Error) -> RowError {
    RowError::Ids(error.to_string())
}
