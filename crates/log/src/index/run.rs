//! One immutable sorted run of ids in a file.
//!
//! ```text
//! header   64 bytes: "TGIDRUN1", u32 CRC of what follows in the header, u32 level, u64 ids, u64 first and u64 last
//!          record, 16 bytes epoch
//! blocks   102 entries of 40 bytes each (key, content hash, sequence), then u32 CRC, zeros to 4096
//! fences   the first 8 bytes of each block's first key
//! filter   its words
//! tail     u32 CRC of fences and filter
//! ```

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::num::NonZero;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use tollgate_domain::position::Sequence;
use uuid::Uuid;

use crate::contract::Found;
use crate::key::{ContentHash, Key};
use tollgate_files::disk::Disk;
use tollgate_files::filter::Filter;
use tollgate_files::will_read;

const MAGIC: &[u8; 8] = b"TGIDRUN1";
const HEADER: usize = 64;
const ENTRY: usize = 40;
const BLOCK: usize = 4096;
const PER_BLOCK: usize = 102;

/// What a run covers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Span {
    /// How often its ids have been merged.
    pub(super) level: u32,
    /// The first record whose ids it holds.
    pub(super) from: Sequence,
    /// The last one.
    pub(super) through: Sequence,
    /// The log they belong to.
    pub(super) epoch: Uuid,
}

/// An open run.
#[derive(Debug)]
pub(super) struct Run {
    path: PathBuf,
    file: File,
    span: Span,
    ids: u64,
    filter: Filter,
    /// The first half of the first key of each block.
    fences: Vec<u64>,
}

impl Run {
    /// Writes a run from ids in ascending order of their keys and opens it. It is durable when this returns.
    pub(super) fn write(
        disk: &dyn Disk,
        dir: &Path,
        span: Span,
        ids: usize,
        entries: impl Iterator<Item = io::Result<(Key, Found)>>,
    ) -> io::Result<Self> {
        let path = dir.join(format!("{:020}-{:020}.run", span.from.0, span.through.0));
        let unfinished = path.with_extension("tmp");
        let file = match disk.create(&unfinished) {
            // Left by a try that failed.
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                disk.remove(&unfinished)?;
                disk.create(&unfinished)?
            }
            created => created?,
        };
        let written = DiskWriter { disk, file: &file, at: 0 };
        let mut out = BufWriter::with_capacity(1 << 18, written);
        out.write_all(&[0; HEADER])?;
        let mut filter = Filter::for_keys(ids);
        let mut fences = Vec::with_capacity(ids.div_ceil(PER_BLOCK));
        let mut block = Vec::with_capacity(BLOCK);
        let mut written = 0_u64;
        for entry in entries {
            let (key, found) = entry?;
            if block.is_empty() {
                fences.push(key.high());
            }
            filter.insert((key.high(), key.low()));
            block.extend_from_slice(&key.0);
            block.extend_from_slice(&found.content.0);
            block.extend_from_slice(&found.sequence.0.to_le_bytes());
            written += 1;
            if block.len() == PER_BLOCK * ENTRY {
                write_block(&mut out, &mut block)?;
            }
        }
        if !block.is_empty() {
            write_block(&mut out, &mut block)?;
        }
        let mut tail: Vec<u8> = fences.iter().flat_map(|fence| fence.to_le_bytes()).collect();
        tail.extend(filter.to_bytes());
        tail.extend(crc32fast::hash(&tail).to_le_bytes());
        out.write_all(&tail)?;
        out.flush()?;
        drop(out);
        disk.write_all_at(&file, &header(span, written), 0)?;
        disk.sync_data(&file)?;
        disk.rename(&unfinished, &path)?;
        disk.sync_dir(dir)?;
        Ok(Self { path, file, span, ids: written, filter, fences })
    }

    /// Opens a run, checking header and filter. Blocks are checked as they are read.
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        let file = File::open(path)?;
        let mut bytes = [0; HEADER];
        file.read_exact_at(&mut bytes, 0)?;
        let (span, ids) = read_header(&bytes).ok_or_else(|| damaged(path, "header"))?;
        let blocks = usize::try_from(ids).map_err(|_| damaged(path, "size"))?.div_ceil(PER_BLOCK);
        let start = (HEADER + blocks * BLOCK) as u64;
        let length = file.metadata()?.len().checked_sub(start).ok_or_else(|| damaged(path, "size"))?;
        let mut tail = vec![0; usize::try_from(length).map_err(|_| damaged(path, "size"))?];
        file.read_exact_at(&mut tail, start)?;
        let (tail, crc) = tail.split_last_chunk::<4>().ok_or_else(|| damaged(path, "size"))?;
        if crc32fast::hash(tail).to_le_bytes() != *crc {
            return Err(damaged(path, "filter"));
        }
        let (fences, filter) = tail.split_at_checked(blocks * 8).ok_or_else(|| damaged(path, "size"))?;
        let fences = fences.as_chunks::<8>().0.iter().map(|fence| u64::from_le_bytes(*fence)).collect();
        let filter = Filter::from_bytes(filter).ok_or_else(|| damaged(path, "filter"))?;
        Ok(Self { path: path.to_owned(), file, span, ids, filter, fences })
    }

    /// What a file covers, from its header alone; `None` if it is not a run.
    pub(super) fn span_at(path: &Path) -> Option<Span> {
        let mut bytes = [0; HEADER];
        path.extension().filter(|extension| *extension == "run")?;
        File::open(path).ok()?.read_exact_at(&mut bytes, 0).ok()?;
        Some(read_header(&bytes)?.0)
    }

    pub(super) const fn span(&self) -> Span {
        self.span
    }

    pub(super) const fn ids(&self) -> u64 {
        self.ids
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Whether it certainly does not hold the key.
    pub(super) fn lacks(&self, key: &Key) -> bool {
        !self.filter.may_contain((key.high(), key.low()))
    }

    /// What it holds for a key.
    pub(super) fn get(&self, key: &Key) -> io::Result<Option<Found>> {
        if self.lacks(key) {
            return Ok(None);
        }
        let mut block = self.block_of(key);
        let mut bytes = [0; BLOCK];
        while block < self.fences.len() && self.fences[block] <= key.high() {
            let entries = self.read_block(block, &mut bytes)?;
            if let Ok(at) = entries.binary_search_by(|entry| entry[..16].cmp(&key.0)) {
                return Ok(Some(entry(&entries[at]).1));
            }
            block += 1;
        }
        Ok(None)
    }

    /// Asks the system to read what [`Self::get`] will read for a key, without waiting for it. Only a hint: errors are
    /// those of `get`.
    pub(super) fn expect(&self, key: &Key) {
        const LENGTH: NonZero<u64> = NonZero::new(BLOCK as u64).unwrap();
        will_read(&self.file, (HEADER + self.block_of(key) * BLOCK) as u64, LENGTH);
    }

    /// All ids in order, read block by block.
    pub(super) fn iter(&self) -> impl Iterator<Item = io::Result<(Key, Found)>> + '_ {
        let mut bytes = [0; BLOCK];
        (0..self.fences.len()).flat_map(move |block| {
            let (entries, error) = match self.read_block(block, &mut bytes) {
                Ok(entries) => (entries.iter().map(entry).collect(), None),
                Err(error) => (Vec::new(), Some(Err(error))),
            };
            entries.into_iter().map(Ok).chain(error)
        })
    }

    /// The first block that may hold a key. Keys with the same first half may begin in the block before the first
    /// fence that is not below it.
    fn block_of(&self, key: &Key) -> usize {
        self.fences.partition_point(|&fence| fence < key.high()).saturating_sub(1)
    }

    /// The entries of a block, which is read into `bytes`.
    fn read_block<'b>(&self, block: usize, bytes: &'b mut [u8; BLOCK]) -> io::Result<&'b [[u8; ENTRY]]> {
        self.file.read_exact_at(bytes, (HEADER + block * BLOCK) as u64)?;
        let before = block * PER_BLOCK;
        let left = usize::try_from(self.ids).unwrap_or(usize::MAX).saturating_sub(before);
        let used = left.min(PER_BLOCK) * ENTRY;
        if crc32fast::hash(&bytes[..used]).to_le_bytes() != bytes[PER_BLOCK * ENTRY..][..4] {
            return Err(damaged(&self.path, "block"));
        }
        Ok(bytes[..used].as_chunks::<ENTRY>().0)
    }
}

fn entry(bytes: &[u8; ENTRY]) -> (Key, Found) {
    let [key, content, sequence] = [&bytes[..16], &bytes[16..32], &bytes[32..]];
    let sequence = u64::from_le_bytes(sequence.try_into().expect("8 of the 40 bytes"));
    let found = Found {
        sequence: Sequence(sequence),
        content: ContentHash(content.try_into().expect("16 of the 40 bytes")),
    };
    (Key(key.try_into().expect("16 of the 40 bytes")), found)
}

/// Writes to a file on a disk, one piece behind the other.
struct DiskWriter<'a> {
    disk: &'a dyn Disk,
    file: &'a File,
    at: u64,
}

impl Write for DiskWriter<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.disk.write_all_at(self.file, bytes, self.at)?;
        self.at += bytes.len() as u64;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn write_block(out: &mut impl Write, block: &mut Vec<u8>) -> io::Result<()> {
    let crc = crc32fast::hash(block);
    block.resize(PER_BLOCK * ENTRY, 0);
    block.extend_from_slice(&crc.to_le_bytes());
    block.resize(BLOCK, 0);
    out.write_all(block)?;
    block.clear();
    Ok(())
}

fn header(span: Span, ids: u64) -> [u8; HEADER] {
    let mut bytes = [0; HEADER];
    bytes[..8].copy_from_slice(MAGIC);
    bytes[12..16].copy_from_slice(&span.level.to_le_bytes());
    bytes[16..24].copy_from_slice(&ids.to_le_bytes());
    bytes[24..32].copy_from_slice(&span.from.0.to_le_bytes());
    bytes[32..40].copy_from_slice(&span.through.0.to_le_bytes());
    bytes[40..56].copy_from_slice(span.epoch.as_bytes());
    let crc = crc32fast::hash(&bytes[12..]);
    bytes[8..12].copy_from_slice(&crc.to_le_bytes());
    bytes
}

fn read_header(bytes: &[u8; HEADER]) -> Option<(Span, u64)> {
    if &bytes[..8] != MAGIC || crc32fast::hash(&bytes[12..]).to_le_bytes() != bytes[8..12] {
        return None;
    }
    let word = |start: usize| bytes[start..start + 8].try_into().ok().map(u64::from_le_bytes);
    let span = Span {
        level: u32::from_le_bytes(bytes[12..16].try_into().ok()?),
        from: Sequence(word(24)?),
        through: Sequence(word(32)?),
        epoch: Uuid::from_slice(&bytes[40..56]).ok()?,
    };
    Some((span, word(16)?))
}

fn damaged(path: &Path, what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, format!("id run {}: damaged {what}", path.display()))
}
