//! Why the spool could not be used.

use std::io;
use std::path::Path;

/// Why the spool could not be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SpoolError {
    /// Another process has opened it.
    #[error(
        "opening spool {dir}: another process has it ({holder}); give each process a spool directory of its own, or end the \
         other one"
    )]
    Locked {
        /// The directory.
        dir: String,
        /// The note that the holder left.
        holder: String,
    },
    /// It holds as many bytes as it may.
    #[error(
        "writing {bytes} bytes to spool {dir}: {held} of its {limit} bytes are taken; the events stay in memory; bring the \
         ledger back, or give the spool more"
    )]
    Full {
        /// The directory.
        dir: String,
        /// The number of bytes to be written.
        bytes: u64,
        /// The number of bytes it holds.
        held: u64,
        /// The most bytes it may hold.
        limit: u64,
    },
    /// It does not say which ledger its events are for.
    #[error(
        "opening spool: {path} must hold the epoch of the ledger that the spool's events are for, hexadecimal digits; write it \
         there (`epoch` of GET /v1/position), or delete the file to deliver the events to the ledger that answers"
    )]
    Ledger {
        /// The file.
        path: String,
    },
    /// The work on it was interrupted.
    #[error("working on the spool: {reason}; its events are safe, the next tracker delivers them")]
    Stopped {
        /// What interrupted it.
        reason: String,
    },
    /// The file system returned an error.
    #[error("{attempted} {path}: {reason}")]
    Io {
        /// What was attempted.
        attempted: &'static str,
        /// On which file or directory.
        path: String,
        /// The system's message.
        reason: String,
    },
}

impl SpoolError {
    pub(crate) fn io(attempted: &'static str, path: &Path, error: &io::Error) -> Self {
        Self::Io { attempted, path: path.display().to_string(), reason: error.to_string() }
    }
}
