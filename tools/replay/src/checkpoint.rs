//! How far a run got: files in its own directory, from which another run of the same goes on.
//!
//! One file says which run it is and where its history ends, one for each partition holds its state. Each is written
//! whole or not at all. Beside it is the partition's shelf. A run that is complete removes them.

use std::fs::{self, File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use tollgate_domain::position::{PartitionId, Position};
use tollgate_files::{make_private_dirs, replace};

use crate::error::ReplayError;
use crate::shelf::Shelf;

/// The version of the files: those of another one are not read.
const FORMAT: u32 = 9;

const DIR: &str = "unfinished";
const RUN: &str = "run.json";
const LOCK: &str = "lock";
const PARTITION: &str = "partition-";
const SHELF: &str = "shelf-";

/// Which run it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Run {
    pub(crate) format: u32,
    /// Over version, candidates, policies and settings.
    pub(crate) setting: String,
    /// Where its history ends, the log's identity included.
    pub(crate) end: String,
}

/// What is known of a partition.
pub(crate) trait Saved: Serialize + DeserializeOwned {
    /// What it has put aside.
    fn shelf(&mut self) -> &mut Shelf;
}

/// The directory of checkpoints, held by this run alone.
pub(crate) struct Checkpoint {
    dir: PathBuf,
    /// States that were there and of no use.
    unusable: AtomicU64,
    _lock: File,
}

/// A run that can begin.
pub(crate) struct Begun {
    pub(crate) checkpoint: Checkpoint,
    /// Where its history ends.
    pub(crate) end: Position,
    /// Whether something is known of it already.
    pub(crate) resumed: bool,
}

impl Checkpoint {
    /// Begins a run, or goes on with the one of the directory: the same setting, over the same log up to an end that
    /// the log still has.
    pub(crate) fn begin(out: &Path, setting: &str, end: &Position) -> Result<Begun, ReplayError> {
        let dir = out.join(DIR);
        make_private_dirs(&dir).map_err(|error| failed("making", &dir, &error))?;
        let path = dir.join(LOCK);
        let lock = File::create(&path).map_err(|error| failed("making", &path, &error))?;
        lock.try_lock().map_err(|error| match error {
            TryLockError::WouldBlock => ReplayError::Busy { path: out.display().to_string() },
            TryLockError::Error(error) => failed("locking", &path, &error),
        })?;
        let checkpoint = Self { dir, unusable: AtomicU64::new(0), _lock: lock };
        let path = checkpoint.dir.join(RUN);
        if let Some(earlier) = checkpoint.earlier(&path)?
            && earlier.format == FORMAT
            && earlier.setting == setting
            && let Ok(earlier_end) = earlier.end.parse::<Position>()
            && earlier_end.epoch() == end.epoch()
            && end.covers(&earlier_end)
            && PartitionId::all().any(|partition| checkpoint.file(PARTITION, partition).exists())
        {
            return Ok(Begun { checkpoint, end: earlier_end, resumed: true });
        }
        checkpoint.clear()?;
        let run = Run { format: FORMAT, setting: setting.to_owned(), end: end.to_string() };
        let text = serde_json::to_vec_pretty(&run).expect("plain fields always serialize");
        replace(&path, &text).map_err(|error| failed("writing", &path, &error))?;
        Ok(Begun { checkpoint, end: end.clone(), resumed: false })
    }

    fn earlier(&self, path: &Path) -> Result<Option<Run>, ReplayError> {
        match fs::read(path) {
            // What cannot be read is of no use: the run begins anew.
            Ok(bytes) => Ok(serde_json::from_slice(&bytes).ok()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(failed("reading", path, &error)),
        }
    }

    /// The state of a partition, if one was written whole, and so was its shelf. One that is of no use is counted.
    pub(crate) fn load<S: Saved>(&self, partition: PartitionId) -> Result<Option<S>, ReplayError> {
        let path = self.file(PARTITION, partition);
        let bytes = match fs::read(&path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(failed("reading", &path, &error)),
        };
        let state = self.decoded(partition, &bytes)?;
        if state.is_none() {
            self.unusable.fetch_add(1, Ordering::Relaxed);
        }
        Ok(state)
    }

    /// How many states were damaged, cut off or not to be decoded: their partitions are read anew.
    pub(crate) fn unusable(&self) -> u64 {
        self.unusable.load(Ordering::Relaxed)
    }

    fn decoded<S: Saved>(&self, partition: PartitionId, bytes: &[u8]) -> Result<Option<S>, ReplayError> {
        let Some((hash, bytes)) = bytes.split_first_chunk::<32>() else { return Ok(None) };
        if blake3::hash(bytes).as_bytes() != hash {
            return Ok(None);
        }
        let read = bincode::serde::decode_from_slice::<S, _>(bytes, bincode::config::standard());
        let Ok((mut state, _)) = read else { return Ok(None) };
        let is_whole = state.shelf().reopen(&self.file(SHELF, partition))?;
        Ok(is_whole.then_some(state))
    }

    /// Where a partition without a state keeps what it puts aside.
    pub(crate) fn shelf(&self, partition: PartitionId) -> Shelf {
        Shelf::at(self.file(SHELF, partition))
    }

    /// Writes the state of a partition.
    pub(crate) fn save<S: Saved>(&self, partition: PartitionId, state: &mut S) -> Result<(), ReplayError> {
        // What the state speaks of has to be there.
        state.shelf().flush()?;
        let path = self.file(PARTITION, partition);
        let state = bincode::serde::encode_to_vec(&*state, bincode::config::standard())
            .map_err(|error| failed("encoding", &path, &io::Error::other(error)))?;
        let mut bytes = blake3::hash(&state).as_bytes().to_vec();
        bytes.extend_from_slice(&state);
        replace(&path, &bytes).map_err(|error| failed("writing", &path, &error))
    }

    /// Removes all of it.
    pub(crate) fn remove(self) -> Result<(), ReplayError> {
        self.clear()?;
        let path = self.dir.join(LOCK);
        fs::remove_file(&path).map_err(|error| failed("removing", &path, &error))?;
        // What somebody else has put there stays, and with it the directory.
        match fs::remove_dir(&self.dir) {
            Err(error) if error.kind() != io::ErrorKind::DirectoryNotEmpty => {
                Err(failed("removing", &self.dir, &error))
            }
            Ok(()) | Err(_) => Ok(()),
        }
    }

    /// Removes the files of a run, also those that were not written whole.
    fn clear(&self) -> Result<(), ReplayError> {
        let failed = |error: io::Error| failed("clearing", &self.dir, &error);
        for entry in fs::read_dir(&self.dir).map_err(failed)? {
            let entry = entry.map_err(failed)?;
            let name = entry.file_name();
            let name = name.to_string_lossy();
            if [RUN, PARTITION, SHELF].iter().any(|own| name.starts_with(own)) {
                fs::remove_file(entry.path()).map_err(failed)?;
            }
        }
        Ok(())
    }

    fn file(&self, kind: &str, partition: PartitionId) -> PathBuf {
        self.dir.join(format!("{kind}{:02}", partition.index()))
    }
}

fn failed(action: &'static str, path: &Path, error: &io::Error) -> ReplayError {
    ReplayError::Files { action, path: path.display().to_string(), message: error.to_string() }
}
