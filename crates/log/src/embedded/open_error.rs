//! Why a data directory could not be opened.

use std::io;
use std::path::Path;

use tollgate_domain::position::Sequence;

use crate::contract::{Durability, ReadError};

/// Why a data directory could not be opened.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OpenError {
    /// The operating system returned an error.
    #[error("opening {path}: {message}")]
    Io {
        /// The file or directory.
        path: String,
        /// The system's message.
        message: String,
    },
    /// Another process is writing to it.
    #[error("opening {dir}: another process holds it ({}); ask that one, or stop it first", named(.holder))]
    Locked {
        /// The data directory.
        dir: String,
        /// The holder's note.
        holder: String,
    },
    /// There is no ledger here.
    #[error("opening {dir}: no ledger here; a command that writes makes one")]
    NoLedger {
        /// The data directory.
        dir: String,
    },
    /// The directory holds something else.
    #[error("opening {dir}: not a Tollgate data directory: {what}; choose another directory")]
    NotADataDirectory {
        /// The directory.
        dir: String,
        /// What is wrong with it.
        what: String,
    },
    /// The directory names its log, but the log is gone.
    #[error(
        "opening {dir}: its folder `log` is gone, and with it all records; put it back, or make a ledger from a backup with `tollgate --data NEW-DIR restore BACKUP`"
    )]
    LogIsGone {
        /// The directory.
        dir: String,
    },
    /// A newer version wrote it.
    #[error("opening {dir}: its format is {found}, this version knows {known}; upgrade tollgate to open it")]
    NewerFormat {
        /// The directory or file.
        dir: String,
        /// Its format.
        found: u32,
        /// The newest format that this version knows.
        known: u32,
    },
    /// An acknowledged record cannot be read.
    #[error(transparent)]
    Damaged(ReadError),
    /// An older segment is damaged or missing, and it is needed to know which events are already there.
    #[error(
        "opening {dir}: {what}; without it nobody knows which events are there already, so the log is not opened ({cause}). Put the segment back, or make a ledger from a backup with `tollgate --data NEW-DIR restore BACKUP`"
    )]
    NotWhole {
        /// The data directory.
        dir: String,
        /// Which segment.
        what: String,
        /// The error from reading it.
        cause: String,
    },
    /// Acknowledged records are gone: the log was replaced by an older copy, or lost its end.
    #[error(
        "opening the log: it ends at record {last}, but {witness} remembers record {acknowledged}: it is an older copy, or its \
         end is lost. Put the newer segments back, or restore the whole data directory from a backup with `tollgate --data NEW-DIR restore BACKUP`; to \
         go on without records {} to {acknowledged}: --accept-loss", .last.next()
    )]
    Regressed {
        /// The last record found.
        last: Sequence,
        /// The last one that was acknowledged.
        acknowledged: Sequence,
        /// What remembers that one.
        witness: String,
    },
    /// A durability class that a single machine cannot provide.
    #[error(
        "opening {dir}: durability `{asked}` needs a replicated log; the embedded one offers fsync and page_cache"
    )]
    Durability {
        /// The data directory.
        dir: String,
        /// The class that was requested.
        asked: Durability,
    },
}

fn named(holder: &str) -> &str {
    if holder.is_empty() { "its lock file names none" } else { holder }
}

impl OpenError {
    pub(super) fn io(path: &Path, error: &io::Error) -> Self {
        Self::Io { path: path.display().to_string(), message: error.to_string() }
    }
}
