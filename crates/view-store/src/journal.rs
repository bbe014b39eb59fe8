//! The part of a store that is in sled: what makes a commit atomic.
//!
//! Under [`STATE`] stands the state of the last commit: digest and number of rows, which runs there are, and the
//! caller's checkpoint. Commits since the last run stand beside it in parts, in order.

use std::path::Path;

use tollgate_clock::sleep_blocking;
use tollgate_files::make_private_dirs;

use crate::bytes::{Bytes, Check, check, put_entry, put_number, read_entries};
use crate::change::Entry;
use crate::digest::Digest;
use crate::dir::remove_dir;
use crate::failure::{StoreError, damaged, failed, of_sled};
use crate::run::RunState;

/// How often opening a store that is locked is retried, and after how long.
const LOCK_TRIES: usize = 100;
const LOCK_PAUSE: std::time::Duration = std::time::Duration::from_millis(20);

/// How many bytes of memory sled may use for pages: it is read only when a store is opened.
const CACHE_BYTES: u64 = 4 << 20;

const STATE: &[u8] = b"state";

const PART: u8 = b'd';

/// The bytes of a commit are cut into parts of at most this length.
const PART_BYTES: usize = 8 << 10;

/// The length of sled's segments. sled keeps up to 17 values together, and writes what is longer than a quarter of a
/// segment as a file of its own. Where such a file cannot be written, sled 0.34 waits for it for ever, and every store
/// of the process with it: so nothing may be that long. (17 parts and a state are at most 160 KiB.)
const SEGMENT_BYTES: usize = 1 << 20;

/// What a commit leaves.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct State {
    pub(crate) digest: Digest,
    pub(crate) rows: u64,
    /// The parts that stand beside it, and the check over them in order.
    pub(crate) first_part: u64,
    pub(crate) end_part: u64,
    pub(crate) parts: Check,
    /// The number of the next run.
    pub(crate) next_run: u64,
    pub(crate) runs: Vec<RunState>,
}

/// An open journal.
#[derive(Debug)]
pub(crate) struct Journal {
    db: sled::Db,
}

/// What a journal holds.
#[derive(Debug)]
pub(crate) struct Found {
    pub(crate) state: State,
    pub(crate) checkpoint: Vec<u8>,
    /// The entries of the commits since the last run, oldest first.
    pub(crate) entries: Vec<Entry>,
}

impl Journal {
    /// Opens the journal in a directory; `None` if nothing was committed to it. One of an earlier version is removed:
    /// its view is built again from the log.
    pub(crate) fn open(dir: &Path) -> Result<(Self, Option<Found>), StoreError> {
        let config = sled::Config::new().path(dir).cache_capacity(CACHE_BYTES);
        let open = |segment| {
            let opened = open_free(&config.clone().segment_size(segment));
            opened.map_err(|error| of_sled(dir, &error))
        };
        if let Some(earlier) = other_segment(dir) {
            // Opened first: another process may have it.
            drop(open(earlier)?);
            tracing::info!(dir = %dir.display(), "the rows of an earlier version are removed and made again");
            remove_dir(dir).and_then(|()| make_private_dirs(dir)).map_err(|error| failed(dir, error))?;
        }
        let journal = Self { db: open(SEGMENT_BYTES)? };
        let found = journal.read(dir)?;
        Ok((journal, found))
    }

    fn read(&self, dir: &Path) -> Result<Option<Found>, StoreError> {
        let Some(state) = self.db.get(STATE).map_err(|error| of_sled(dir, &error))? else {
            let is_empty = self.db.is_empty();
            return if is_empty { Ok(None) } else { Err(damaged(dir, "rows without a checkpoint")) };
        };
        let (state, checkpoint) = State::read(&state).ok_or_else(|| damaged(dir, "state"))?;
        let mut bytes = Vec::new();
        let mut parts = Check::default();
        for number in state.first_part..state.end_part {
            let part = self.db.get(part_key(number)).map_err(|error| of_sled(dir, &error))?;
            let part =
                part.ok_or_else(|| damaged(dir, &format!("part {number} of its latest rows is missing")))?;
            parts = parts_check(parts, &part);
            bytes.extend_from_slice(&part);
        }
        if parts != state.parts {
            return Err(damaged(dir, "its latest rows do not match their check"));
        }
        let entries = read_entries(&bytes).ok_or_else(|| damaged(dir, "its latest rows are not whole"))?;
        Ok(Some(Found { state, checkpoint, entries }))
    }

    /// Commits entries in ascending order of their keys, after which the state is this one: its parts are added here.
    pub(crate) fn commit<'a>(
        &self,
        dir: &Path,
        mut state: State,
        checkpoint: &[u8],
        entries: impl Iterator<Item = (&'a [u8], Option<&'a [u8]>)>,
    ) -> Result<State, StoreError> {
        let mut batch = sled::Batch::default();
        let mut bytes: Vec<u8> = Vec::new();
        // The first entry of a commit has its whole key: the entries of all commits are read one after the other.
        let mut before: &[u8] = &[];
        for (key, value) in entries {
            put_entry(&mut bytes, before, key, value);
            before = key;
        }
        for part in bytes.chunks(PART_BYTES) {
            state.parts = parts_check(state.parts, part);
            batch.insert(&part_key(state.end_part), part);
            state.end_part += 1;
        }
        batch.insert(STATE, state.to_bytes(checkpoint));
        self.db.apply_batch(batch).map_err(|error| of_sled(dir, &error))?;
        Ok(state)
    }

    /// Commits a state whose rows are all in runs; the parts that stood beside the last one are dropped.
    pub(crate) fn commit_runs(
        &self,
        dir: &Path,
        mut state: State,
        checkpoint: &[u8],
    ) -> Result<State, StoreError> {
        let mut batch = sled::Batch::default();
        for number in state.first_part..state.end_part {
            batch.remove(&part_key(number));
        }
        (state.first_part, state.parts) = (state.end_part, Check::default());
        batch.insert(STATE, state.to_bytes(checkpoint));
        self.db.apply_batch(batch).map_err(|error| of_sled(dir, &error))?;
        Ok(state)
    }

    pub(crate) fn flush(&self, dir: &Path) -> Result<(), StoreError> {
        self.db.flush().map(|_| ()).map_err(|error| of_sled(dir, &error))
    }

    /// Changes what stands there behind the store's back.
    #[cfg(test)]
    pub(crate) fn put(&self, number: u64, part: &[u8]) {
        self.db.insert(part_key(number), part).unwrap();
    }
}

impl State {
    fn to_bytes(&self, checkpoint: &[u8]) -> Vec<u8> {
        let mut bytes = self.digest.to_bytes().to_vec();
        for number in [self.rows, self.first_part, self.end_part, self.next_run, self.runs.len() as u64] {
            put_number(&mut bytes, number);
        }
        bytes.extend_from_slice(&self.parts);
        for run in &self.runs {
            for number in [run.number, run.entries, run.tail_at] {
                put_number(&mut bytes, number);
            }
            bytes.extend_from_slice(&run.check);
        }
        bytes.extend_from_slice(checkpoint);
        bytes.extend_from_slice(&check(&bytes));
        bytes
    }

    fn read(bytes: &[u8]) -> Option<(Self, Vec<u8>)> {
        let (whole, stored) = bytes.split_last_chunk::<8>()?;
        if check(whole) != *stored {
            return None;
        }
        let mut bytes = Bytes(whole);
        let digest = Digest::from_bytes(&bytes.array()?);
        let [rows, first_part, end_part, next_run] =
            [bytes.number()?, bytes.number()?, bytes.number()?, bytes.number()?];
        let count = bytes.length()?;
        let parts = bytes.array()?;
        let mut runs = Vec::new();
        for _ in 0..count {
            let (number, entries, tail_at) = (bytes.number()?, bytes.number()?, bytes.number()?);
            runs.push(RunState { number, entries, tail_at, check: bytes.array()? });
        }
        let state = Self { digest, rows, first_part, end_part, parts, next_run, runs };
        Some((state, bytes.0.to_vec()))
    }
}

fn part_key(number: u64) -> [u8; 9] {
    let mut key = [PART; 9];
    key[1..].copy_from_slice(&number.to_be_bytes());
    key
}

fn parts_check(before: Check, part: &[u8]) -> Check {
    check(&[&before, part].concat())
}

/// The length of the segments of sled's files there, if they are of an earlier version, which had another one.
fn other_segment(dir: &Path) -> Option<usize> {
    let settings = std::fs::read(dir.join("conf")).ok()?;
    let settings = String::from_utf8_lossy(&settings);
    let length = settings.lines().find_map(|line| line.strip_prefix("segment_size: "))?.parse().ok()?;
    (length != SEGMENT_BYTES).then_some(length)
}

/// Opens sled. A store that has just been closed may still be locked: sled releases it on a thread of its own.
fn open_free(config: &sled::Config) -> sled::Result<sled::Db> {
    for _ in 0..LOCK_TRIES {
        match config.open() {
            Err(sled::Error::Io(error)) if error.to_string().contains("could not acquire lock") => {
                sleep_blocking(LOCK_PAUSE);
            }
            opened => return opened,
        }
    }
    config.open()
}
