//! A run: rows in ascending order of their keys in a file that is written once.
//!
//! ```text
//! blocks   entries of about 8 KiB together: key, content or "removed"
//! tail     number of blocks; for each its first key, where it begins, its length and its check; then the filter
//! ```
//!
//! Whoever knows the tail's check knows that of each block: a run is what the store's state says it is, or damaged.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use tollgate_files::disk::Disk;
use tollgate_files::filter::Filter;

use crate::bytes::{Bytes, Check, check, put_entry, put_number, read_entries};
use crate::change::Entry;

/// A block ends with the entry that makes it this long.
const BLOCK_BYTES: usize = 8 << 10;

/// How many bytes are handed to the disk at once.
const WRITE_BYTES: usize = 256 << 10;

/// What a store's state holds of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct RunState {
    /// Its number, which is its file's name.
    pub(crate) number: u64,
    /// The number of its entries.
    pub(crate) entries: u64,
    /// Where its tail begins.
    pub(crate) tail_at: u64,
    /// The check of its tail.
    pub(crate) check: Check,
}

/// An open run.
#[derive(Debug)]
pub(crate) struct Run {
    path: PathBuf,
    file: File,
    state: RunState,
    fences: Vec<Fence>,
    filter: Filter,
}

#[derive(Debug)]
struct Fence {
    first: Box<[u8]>,
    offset: u64,
    length: usize,
    check: Check,
}

/// Halves of the hash of a key, for filters.
pub(crate) type KeyHash = (u64, u64);

/// The hash of a key.
pub(crate) fn hash(key: &[u8]) -> KeyHash {
    let hash = blake3::hash(key);
    let mut bytes = Bytes(hash.as_bytes());
    let mut half = || bytes.array().map(u64::from_le_bytes).unwrap_or_default();
    (half(), half())
}

/// The file of a run.
pub(crate) fn path(dir: &Path, number: u64) -> PathBuf {
    dir.join(format!("{number:020}.rows"))
}

impl Run {
    /// Writes a run of at most so many entries, which are added in ascending order of their keys. It is durable when
    /// this returns; after an error, nothing of it is left if the disk allows that.
    pub(crate) fn write(
        disk: &dyn Disk,
        dir: &Path,
        number: u64,
        most: usize,
        add_all: impl FnOnce(&mut Writer<'_>) -> io::Result<()>,
    ) -> io::Result<Self> {
        let path = path(dir, number);
        let file = match disk.create(&path) {
            // Left by a try that failed, and could not be removed then: no state knows it.
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                disk.remove(&path)?;
                disk.create(&path)?
            }
            created => created?,
        };
        let mut writer = Writer::new(disk, &file, most);
        let written = add_all(&mut writer).and_then(|()| writer.end()).and_then(|written| {
            disk.sync_data(&file)?;
            disk.sync_dir(dir)?;
            Ok(written)
        });
        match written {
            Ok(Written { entries, tail_at, check, fences, filter }) => {
                let state = RunState { number, entries, tail_at, check };
                Ok(Self { path, file, state, fences, filter })
            }
            Err(error) => {
                if let Err(error) = disk.remove(&path) {
                    tracing::warn!(path = %path.display(), %error, "an unfinished file of rows was left");
                }
                Err(error)
            }
        }
    }

    /// Opens a run and checks its tail. Blocks are checked as they are read.
    pub(crate) fn open(dir: &Path, state: RunState) -> io::Result<Self> {
        let path = path(dir, state.number);
        let file = File::open(&path)?;
        let length =
            file.metadata()?.len().checked_sub(state.tail_at).ok_or_else(|| damaged(&path, "length"))?;
        let mut tail = vec![0; usize::try_from(length).map_err(|_| damaged(&path, "length"))?];
        file.read_exact_at(&mut tail, state.tail_at)?;
        if check(&tail) != state.check {
            return Err(damaged(&path, "tail"));
        }
        let (fences, filter) = read_tail(&tail).ok_or_else(|| damaged(&path, "tail"))?;
        Ok(Self { path, file, state, fences, filter })
    }

    pub(crate) const fn state(&self) -> RunState {
        self.state
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Whether it certainly has nothing under a key.
    pub(crate) fn lacks(&self, hash: KeyHash) -> bool {
        !self.filter.may_contain(hash)
    }

    /// What it holds under a key: `None` if nothing, `Some(None)` if the row was removed.
    pub(crate) fn get(&self, key: &[u8], hash: KeyHash) -> io::Result<Option<Option<Vec<u8>>>> {
        if self.lacks(hash) {
            return Ok(None);
        }
        let after = self.fences.partition_point(|fence| *fence.first <= *key);
        let Some(fence) = after.checked_sub(1).and_then(|nth| self.fences.get(nth)) else { return Ok(None) };
        let entries = self.block(fence)?;
        Ok(entries.into_iter().find(|(other, _)| other == key).map(|(_, value)| value))
    }

    /// Its entries from a key on, in order.
    pub(crate) fn from<'a>(&'a self, start: &[u8]) -> impl Iterator<Item = io::Result<Entry>> + use<'a> {
        let first = self.fences.partition_point(|fence| *fence.first <= *start).saturating_sub(1);
        let start = start.to_vec();
        let entries = self.fences.iter().skip(first).flat_map(|fence| match self.block(fence) {
            Ok(entries) => entries.into_iter().map(Ok).collect(),
            Err(error) => vec![Err(error)],
        });
        entries.skip_while(move |entry| entry.as_ref().is_ok_and(|(key, _)| *key < start))
    }

    fn block(&self, fence: &Fence) -> io::Result<Vec<Entry>> {
        let mut bytes = vec![0; fence.length];
        self.file.read_exact_at(&mut bytes, fence.offset)?;
        if check(&bytes) != fence.check {
            return Err(damaged(&self.path, &format!("block at byte {}", fence.offset)));
        }
        read_entries(&bytes).ok_or_else(|| damaged(&self.path, "entries"))
    }
}

fn read_tail(tail: &[u8]) -> Option<(Vec<Fence>, Filter)> {
    let mut bytes = Bytes(tail);
    let count = bytes.length()?;
    let mut fences = Vec::new();
    for _ in 0..count {
        let length = bytes.length()?;
        let first = bytes.take(length)?.into();
        fences.push(Fence { first, offset: bytes.number()?, length: bytes.length()?, check: bytes.array()? });
    }
    Some((fences, Filter::from_bytes(bytes.0)?))
}

fn damaged(path: &Path, what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, format!("file of rows {}: damaged {what}", path.display()))
}

/// A run being written.
pub(crate) struct Writer<'a> {
    disk: &'a dyn Disk,
    file: &'a File,
    /// Bytes that are not yet handed to the disk, and where they begin.
    buffer: Vec<u8>,
    flushed: u64,
    block: Vec<u8>,
    first: Box<[u8]>,
    last: Vec<u8>,
    entries: u64,
    fences: Vec<Fence>,
    filter: Filter,
}

struct Written {
    entries: u64,
    tail_at: u64,
    check: Check,
    fences: Vec<Fence>,
    filter: Filter,
}

impl<'a> Writer<'a> {
    fn new(disk: &'a dyn Disk, file: &'a File, most: usize) -> Self {
        Self {
            disk,
            file,
            buffer: Vec::with_capacity(WRITE_BYTES + 2 * BLOCK_BYTES),
            flushed: 0,
            block: Vec::with_capacity(2 * BLOCK_BYTES),
            first: Box::default(),
            last: Vec::new(),
            entries: 0,
            fences: Vec::new(),
            filter: Filter::for_keys(most),
        }
    }

    /// Adds an entry, whose key is above those before.
    pub(crate) fn add(&mut self, key: &[u8], value: Option<&[u8]>) -> io::Result<()> {
        if self.block.is_empty() {
            self.first = key.into();
            self.last.clear();
        }
        put_entry(&mut self.block, &self.last, key, value);
        self.filter.insert(hash(key));
        self.entries += 1;
        self.last.clear();
        self.last.extend_from_slice(key);
        if self.block.len() >= BLOCK_BYTES { self.end_block() } else { Ok(()) }
    }

    fn end(mut self) -> io::Result<Written> {
        if !self.block.is_empty() {
            self.end_block()?;
        }
        let tail_at = self.flushed + self.buffer.len() as u64;
        let mut tail = Vec::new();
        put_number(&mut tail, self.fences.len() as u64);
        for fence in &self.fences {
            put_number(&mut tail, fence.first.len() as u64);
            tail.extend_from_slice(&fence.first);
            put_number(&mut tail, fence.offset);
            put_number(&mut tail, fence.length as u64);
            tail.extend_from_slice(&fence.check);
        }
        self.filter.blocks().for_each(|block| tail.extend(block));
        self.buffer.extend_from_slice(&tail);
        self.hand_over()?;
        let Self { entries, fences, filter, .. } = self;
        Ok(Written { entries, tail_at, check: check(&tail), fences, filter })
    }

    fn end_block(&mut self) -> io::Result<()> {
        let offset = self.flushed + self.buffer.len() as u64;
        let first = std::mem::take(&mut self.first);
        self.fences.push(Fence { first, offset, length: self.block.len(), check: check(&self.block) });
        self.buffer.append(&mut self.block);
        if self.buffer.len() >= WRITE_BYTES {
            self.hand_over()?;
        }
        Ok(())
    }

    fn hand_over(&mut self) -> io::Result<()> {
        self.disk.write_all_at(self.file, &self.buffer, self.flushed)?;
        self.flushed += self.buffer.len() as u64;
        self.buffer.clear();
        Ok(())
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use tollgate_files::disk::RealDisk;

    use super::*;

    /// A run of these entries.
    pub(crate) fn written(disk: &dyn Disk, dir: &Path, number: u64, entries: Vec<Entry>) -> Run {
        let add =
            |out: &mut Writer<'_>| entries.iter().try_for_each(|(key, value)| out.add(key, value.as_deref()));
        Run::write(disk, dir, number, entries.len(), add).unwrap()
    }

    fn numbered(range: std::ops::Range<u32>) -> Vec<Entry> {
        range.map(|nth| (format!("key {nth:05}").into_bytes(), (nth % 7 != 0).then(|| vec![7; 90]))).collect()
    }

    fn all(run: &Run, start: &str) -> Vec<Entry> {
        run.from(start.as_bytes()).map(Result::unwrap).collect()
    }

    #[test]
    fn what_is_written_is_found_again_after_opening() {
        let dir = tempfile::tempdir().unwrap();
        let entries = numbered(0..1000);
        let written = written(&RealDisk, dir.path(), 7, entries.clone());
        let run = Run::open(dir.path(), written.state()).unwrap();
        assert!(run.fences.len() > 5, "{} blocks", run.fences.len());
        assert_eq!(all(&run, ""), entries);
        assert_eq!(all(&run, "key 00500"), entries[500..]);
        assert_eq!(all(&run, "key 00500x"), entries[501..]);
        assert_eq!(all(&run, "z"), []);
        for (key, value) in &entries {
            assert_eq!(run.get(key, hash(key)).unwrap().as_ref(), Some(value));
        }
        assert_eq!(run.get(b"a", hash(b"a")).unwrap(), None);
        assert_eq!(run.get(b"key 00500x", hash(b"key 00500x")).unwrap(), None);
    }

    #[test]
    fn a_changed_byte_anywhere_is_found() {
        let dir = tempfile::tempdir().unwrap();
        let state = written(&RealDisk, dir.path(), 1, numbered(0..100)).state();
        let path = path(dir.path(), 1);
        let whole = std::fs::read(&path).unwrap();
        for at in (0..whole.len()).step_by(61).chain([whole.len() - 1]) {
            let mut bytes = whole.clone();
            bytes[at] ^= 1;
            std::fs::write(&path, &bytes).unwrap();
            let read = Run::open(dir.path(), state)
                .and_then(|run| run.from(b"").try_for_each(|entry| entry.map(drop)));
            assert_eq!(read.unwrap_err().kind(), io::ErrorKind::InvalidData, "byte {at}");
        }
        std::fs::write(&path, &whole[..whole.len() - 1]).unwrap();
        assert!(Run::open(dir.path(), state).is_err(), "one byte too few");
    }
}
