//! Which stream this is, and whether it is still the same one.
//!
//! A stream has no identity of its own that every server keeps: 2.9 drops metadata. All of them keep the time
//! of creation, in nanoseconds. The epoch is derived from the stream's name and that time: a stream that was
//! deleted and created again has a different one. An older copy of the same stream has the same epoch; it is
//! recognized by its last sequence, which is lower than one already seen.

use std::sync::Mutex;
use std::sync::PoisonError;

use async_nats::jetstream::stream::Info;
use tollgate_domain::position::{Epoch, Sequence};
use tollgate_domain::time::Timestamp;
use uuid::Uuid;

/// The epoch of a stream.
#[must_use]
pub fn epoch_of(info: &Info) -> Epoch {
    let nanos = info.created.unix_timestamp_nanos();
    let mut hasher = blake3::Hasher::new();
    hasher.update(b"tollgate epoch of a stream\0");
    hasher.update(info.config.name.as_bytes());
    hasher.update(&nanos.to_le_bytes());
    let mut id = [0; 16];
    id.copy_from_slice(hasher.finalize().as_bytes().split_at(16).0);
    let micros = i64::try_from(nanos / 1_000).unwrap_or_default();
    let created_at = Timestamp::from_micros(micros).unwrap_or_default();
    Epoch { id: uuid::Builder::from_custom_bytes(id).into_uuid(), created_at }
}

/// Why a stream is not the one that was being followed, or lacks what was seen in it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Regression {
    /// A different stream has this name.
    #[error(
        "the stream was replaced: its epoch is {}, before it was {}; point to the old stream, or start anew with empty views",
        found.simple(), expected.simple()
    )]
    Replaced {
        /// The epoch that was being followed.
        expected: Uuid,
        /// The epoch that is there.
        found: Uuid,
    },
    /// Its end is before a record that was seen.
    #[error(
        "the stream went back: it ends at record {last}, record {seen} was seen before; its server lost acknowledged \
         records or serves an older copy; restore it from a backup"
    )]
    WentBack {
        /// The highest sequence that was seen.
        seen: Sequence,
        /// The end of the stream.
        last: Sequence,
    },
    /// Its first records are gone.
    #[error(
        "the stream was purged: it begins at record {first}, it must begin at 1; restore it from a backup"
    )]
    Purged {
        /// The first record that remains.
        first: Sequence,
    },
}

/// Remembers a stream and the highest sequence seen in it, and compares it with later states.
#[derive(Debug)]
pub struct Identity {
    epoch: Epoch,
    seen: Mutex<Sequence>,
}

impl Identity {
    /// The identity of the stream in its current state.
    #[must_use]
    pub fn of(info: &Info) -> Self {
        Self { epoch: epoch_of(info), seen: Mutex::new(Sequence(info.state.last_sequence)) }
    }

    /// The stream's epoch.
    #[must_use]
    pub const fn epoch(&self) -> Epoch {
        self.epoch
    }

    /// The highest sequence that was seen.
    #[must_use]
    pub fn seen(&self) -> Sequence {
        *self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Records that a record was seen or acknowledged.
    pub fn note(&self, sequence: Sequence) {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        *seen = (*seen).max(sequence);
    }

    /// Compares the stream with what is known, given the highest sequence that was seen **before** the server
    /// was queried.
    ///
    /// # Errors
    ///
    /// [`Regression`].
    pub fn compare(&self, info: &Info, seen: Sequence) -> Result<(), Regression> {
        let found = epoch_of(info).id;
        if found != self.epoch.id {
            return Err(Regression::Replaced { expected: self.epoch.id, found });
        }
        let last = Sequence(info.state.last_sequence);
        if last < seen {
            return Err(Regression::WentBack { seen, last });
        }
        check_first(info)?;
        self.note(last);
        Ok(())
    }
}

/// Checks that the stream begins at its first record.
///
/// # Errors
///
/// [`Regression::Purged`].
pub fn check_first(info: &Info) -> Result<(), Regression> {
    // An empty stream reports 0 or 1; a purged one reports the sequence after the last.
    if info.state.first_sequence > 1 {
        return Err(Regression::Purged { first: Sequence(info.state.first_sequence) });
    }
    Ok(())
}
