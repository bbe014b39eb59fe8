//! Why a replay gives no result.

use tollgate_log::contract::ReadError;

/// Why a replay gives no result.
#[derive(Debug, thiserror::Error)]
pub enum ReplayError {
    /// History cannot be read.
    #[error("replay of {origin}: {error}")]
    Read {
        /// Where it comes from.
        origin: String,
        /// Why.
        error: ReadError,
    },
    /// History has fewer records than it says.
    #[error(
        "replay of {origin}: it ended at {reached} although its end is {end}: records are missing; `tollgate log verify` says which"
    )]
    Short {
        /// Where it comes from.
        origin: String,
        /// The last record of the partition that was read.
        reached: u64,
        /// The last record that it should have.
        end: u64,
    },
    /// What history is run through is wrong.
    #[error("replay: {0}")]
    Setting(String),
    /// A file of the run's own directory cannot be read or written.
    #[error("replay: {action} {path}: {message}")]
    Files {
        /// What was attempted.
        action: &'static str,
        /// On which file.
        path: String,
        /// The system's message.
        message: String,
    },
    /// Another run works in the directory.
    #[error("replay: another run writes to {path}: wait until it ends, or name another --out")]
    Busy {
        /// Which directory.
        path: String,
    },
    /// It was told to stop. What was worked is in its directory, if it has one: the same command goes on from there.
    #[error("replay: interrupted")]
    Interrupted,
}
