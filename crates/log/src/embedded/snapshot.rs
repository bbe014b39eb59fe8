//! A log as it is at one moment, for readers that never write: that of a data directory, even while another process
//! appends to it, or that of a backup.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use tollgate_domain::position::{Epoch, Position, Sequence};

use super::OpenError;
use super::backup::{Backup, MANIFEST};
use super::format::KNOWN;
use super::frontier::{self, Frontier};
use super::ledger::{self, LedgerFile};
use super::reader::{SegmentReader, Source};
use crate::contract::{Partitions, ReadError};

/// The records that a log has at one moment. Opening one takes no lock and writes nothing.
#[derive(Clone, Debug)]
pub struct Snapshot {
    log_dir: PathBuf,
    epoch: Epoch,
    frontier: Frontier,
}

impl Snapshot {
    /// The log of a data directory, up to its durable frontier.
    ///
    /// # Errors
    ///
    /// [`OpenError`]: there is no ledger, a newer version wrote it, or its files cannot be read.
    pub fn of_ledger(dir: &Path) -> Result<Self, OpenError> {
        let Some(file) = LedgerFile::read(dir)? else {
            return Err(OpenError::NoLedger { dir: dir.display().to_string() });
        };
        let log_dir = ledger::log_dir(dir);
        let found = frontier::read(&log_dir).map_err(|error| OpenError::io(&log_dir, &error))?;
        let Some((_, _, frontier)) = found else {
            let what = "the log has no durable frontier; open it once, with `log tail`".to_owned();
            return Err(OpenError::NotADataDirectory { dir: dir.display().to_string(), what });
        };
        Ok(Self { log_dir, epoch: file.epoch(), frontier })
    }

    /// The log of a backup, whose files are not compared with its manifest: their records have checksums of their own.
    ///
    /// # Errors
    ///
    /// [`OpenError`]: there is no manifest, a newer version wrote it, or it cannot be read.
    pub fn of_backup(dir: &Path) -> Result<Self, OpenError> {
        let path = dir.join(MANIFEST);
        let text = fs::read_to_string(&path).map_err(|error| OpenError::io(&path, &error))?;
        let backup: Backup = serde_json::from_str(&text).map_err(|error| {
            OpenError::io(&path, &io::Error::new(io::ErrorKind::InvalidData, error.to_string()))
        })?;
        if backup.format > KNOWN {
            let dir = dir.display().to_string();
            return Err(OpenError::NewerFormat { dir, found: backup.format, known: KNOWN });
        }
        let epoch = Epoch { id: backup.epoch, created_at: backup.created_at.parse().unwrap_or_default() };
        let frontier = backup.frontier();
        Ok(Self { log_dir: dir.to_owned(), epoch, frontier })
    }

    /// Whether a directory holds a backup.
    #[must_use]
    pub fn is_backup(dir: &Path) -> bool {
        dir.join(MANIFEST).is_file()
    }

    /// Identity and creation time of the log.
    #[must_use]
    pub const fn epoch(&self) -> Epoch {
        self.epoch
    }

    /// The position of the last record of every partition.
    #[must_use]
    pub fn tail(&self) -> Position {
        self.frontier.position(self.epoch.id)
    }

    /// A reader of some partitions, which ends where the log ended when the snapshot was taken.
    ///
    /// # Errors
    ///
    /// [`ReadError`]: segments are missing or cannot be read.
    pub fn reader(&self, partitions: Partitions, after: Sequence) -> Result<SegmentReader, ReadError> {
        SegmentReader::open(&self.log_dir, Source::Fixed(self.frontier.clone()), partitions, after)
    }
}
