//! The files of a ledger, or of a backup: read without its lock, also while a server writes them.

use std::path::Path;

use tollgate_domain::position::{Position, Sequence};
use tollgate_log::contract::{BoxFuture, Partitions, ReadError, RecordReader};
use tollgate_log::embedded::{OpenError, Snapshot};

use super::History;

/// The history of a data directory or of a backup, up to the end that it had when it was opened.
#[derive(Clone, Debug)]
pub struct LedgerHistory {
    origin: String,
    snapshot: Snapshot,
    end: Position,
}

impl LedgerHistory {
    /// Opens a data directory or the directory of a backup; writes nothing there.
    ///
    /// # Errors
    ///
    /// [`OpenError`]: it is neither, or cannot be read.
    pub fn open(dir: &Path) -> Result<Self, OpenError> {
        let (what, snapshot) = if Snapshot::is_backup(dir) {
            ("backup", Snapshot::of_backup(dir)?)
        } else {
            ("ledger", Snapshot::of_ledger(dir)?)
        };
        let end = snapshot.tail();
        Ok(Self { origin: format!("{what} {}", dir.display()), snapshot, end })
    }
}

impl History for LedgerHistory {
    fn origin(&self) -> &str {
        &self.origin
    }

    fn end(&self) -> &Position {
        &self.end
    }

    fn read(
        &self,
        partitions: Partitions,
        after: Sequence,
    ) -> BoxFuture<'_, Result<Box<dyn RecordReader>, ReadError>> {
        let reader = self.snapshot.reader(partitions, after);
        Box::pin(async move { Ok(Box::new(reader?) as Box<dyn RecordReader>) })
    }
}
