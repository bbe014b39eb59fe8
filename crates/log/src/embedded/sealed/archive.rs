//! Moving packed segments to an archive, where they are read as before.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use tollgate_domain::position::Sequence;
use tollgate_domain::time::Timestamp;
use tollgate_files::{make_private_dirs, private_file, sync_dir};

use super::manifest::{self, ArchivedSegment, Place};
use super::packed::{self, PackedFile};
use super::place::{self, SegmentFile};
use super::walk::walk;
use crate::embedded::OpenError;
use crate::embedded::ledger::{self, LedgerFile};
use crate::embedded::segment;

/// Held by whoever moves segments.
const LOCK: &str = "archive.lock";

/// Where segments go.
#[derive(Clone, Debug)]
pub enum Target {
    /// A directory that the ledger's process can read.
    Dir(PathBuf),
    /// What two commands reach, such as an object store. Each finds the segment's name in `$TOLLGATE_SEGMENT` and a
    /// file in
    /// `$TOLLGATE_FILE`: `put` stores that file, `get` writes it.
    Commands {
        /// Stores a segment.
        put: String,
        /// Brings it back.
        get: String,
    },
}

/// What archiving did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Moved {
    /// Segments moved.
    pub segments: u64,
    /// Their bytes.
    pub bytes: u64,
    /// The last record that is in the archive now, with what was moved earlier.
    pub through: Sequence,
    /// Full segments that stay because they are not packed yet.
    pub not_packed: u64,
}

/// Why a segment was not moved. It stays where it was.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ArchiveError {
    /// The data directory cannot be read.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// Something else is moving segments.
    #[error("archiving {dir}: another command is moving its segments; wait for it")]
    Busy {
        /// The data directory.
        dir: String,
    },
    /// The archive did not take a segment, or does not give it back as it was.
    #[error("archiving {segment} to {to}: {what}; it stays where it was")]
    NotMoved {
        /// The segment.
        segment: String,
        /// The archive.
        to: String,
        /// What happened.
        what: String,
    },
}

/// Moves packed segments to an archive, the oldest first, even while a server runs: each is stored there, read back and
/// compared, noted durably, and only then removed from the directory of the log. With `before`, only those whose
/// last record was recorded before that time.
///
/// # Errors
///
/// [`ArchiveError`]; what was moved until then is in the archive and stays readable.
pub fn archive(dir: &Path, target: &Target, before: Option<Timestamp>) -> Result<Moved, ArchiveError> {
    let Some(ledger) = LedgerFile::read(dir)? else {
        return Err(OpenError::NoLedger { dir: dir.display().to_string() }.into());
    };
    let log_dir = ledger::log_dir(dir);
    let open = |error: io::Error| OpenError::io(&log_dir, &error);
    let lock =
        private_file().write(true).create(true).truncate(false).open(log_dir.join(LOCK)).map_err(open)?;
    if lock.try_lock().is_err() {
        return Err(ArchiveError::Busy { dir: dir.display().to_string() });
    }
    let mut archived = manifest::read(&log_dir).map_err(open)?;
    let mut moved = Moved::default();
    for ordinal in place::ordinals(&log_dir).map_err(open)? {
        let path = packed::path(&log_dir, ordinal);
        if segment::path(&log_dir, ordinal).exists() {
            moved.not_packed += 1;
            continue;
        }
        if !path.exists() {
            // It is in the archive.
            continue;
        }
        let name = format!("{}-{ordinal:010}.packed", ledger.epoch.simple());
        let not_moved = |error: io::Error| ArchiveError::NotMoved {
            segment: path.display().to_string(),
            to: target.in_words(),
            what: error.to_string(),
        };
        let mut file = SegmentFile::Packed(PackedFile::open(&path).map_err(not_moved)?);
        let walked = walk(&mut file).map_err(not_moved)?;
        if before.is_some_and(|before| walked.recorded_at.is_none_or(|at| at >= before)) {
            break;
        }
        let (file, _) = file.raw();
        let found = ArchivedSegment {
            ordinal,
            after: walked.header.before.last,
            epoch: walked.header.epoch,
            name,
            bytes: file.metadata().map_err(not_moved)?.len(),
            blake3: manifest::digest(file).map_err(not_moved)?,
            place: target.place(),
        };
        target.put(&path, &found).map_err(not_moved)?;
        let back = found.open().map_err(not_moved)?;
        found.check(&back).map_err(not_moved)?;
        moved.segments += 1;
        moved.bytes += found.bytes;
        moved.through = walked.after.last;
        archived.segments.retain(|segment| segment.ordinal != ordinal);
        archived.segments.push(found);
        archived.segments.sort_unstable_by_key(|segment| segment.ordinal);
        manifest::write(&log_dir, &archived).map_err(not_moved)?;
        std::fs::remove_file(&path).and_then(|()| sync_dir(&log_dir)).map_err(not_moved)?;
    }
    // The active one and the one before it are never packed.
    moved.not_packed = moved.not_packed.saturating_sub(2);
    Ok(moved)
}

impl Target {
    fn in_words(&self) -> String {
        match self {
            Self::Dir(dir) => dir.display().to_string(),
            Self::Commands { put, .. } => format!("`{put}`"),
        }
    }

    fn place(&self) -> Place {
        match self {
            Self::Dir(dir) => Place::Dir(std::path::absolute(dir).unwrap_or_else(|_| dir.clone())),
            Self::Commands { get, .. } => Place::Get(get.clone()),
        }
    }

    /// Stores a segment. One that is there already, from a try that was interrupted, may stay.
    fn put(&self, from: &Path, segment: &ArchivedSegment) -> io::Result<()> {
        match self {
            Self::Dir(dir) => {
                make_private_dirs(dir)?;
                let to = dir.join(&segment.name);
                if to.exists() {
                    return segment.check(&File::open(&to)?);
                }
                let unfinished = to.with_extension("tmp");
                let mut file = private_file().write(true).create(true).truncate(true).open(&unfinished)?;
                io::copy(&mut File::open(from)?, &mut file)?;
                file.sync_all()?;
                std::fs::rename(&unfinished, &to)?;
                sync_dir(dir)
            }
            Self::Commands { put, .. } => manifest::run(put, &segment.name, from),
        }
    }
}
