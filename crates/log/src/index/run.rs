//! One immutable sorted run of ids in a file.
//!
//! ```text
//! header   64 bytes: "TGIDRUN2", u32 CRC of what follows in the header, u32 level, u64 ids, u64 first and u64 last
//!          record, 16 bytes epoch, u64 blocks
//! blocks   4096 bytes each, see `block`
//! fences   the first 8 bytes of each block's first key
//! filter   its words
//! tail     u32 CRC of fences and filter
//! ```

use std::fs::File;
use std::io::{self, BufReader, BufWriter, Read, Write};
use std::num::NonZero;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use tollgate_domain::position::Sequence;
use uuid::Uuid;

use super::block::{BLOCK, Block, Packer};
use crate::contract::Found;
use crate::key::Key;
use tollgate_files::disk::Disk;
use tollgate_files::filter::{BLOCK_BYTES, Filter};
use tollgate_files::will_read;

const MAGIC: &[u8; 8] = b"TGIDRUN2";
const HEADER: usize = 64;

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
        let mut fences = Vec::new();
        let mut packer = Packer::new(span.from, span.through);
        let mut written = 0_u64;
        for entry in entries {
            let (key, found) = entry?;
            if !packer.fits(key) {
                out.write_all(packer.finish())?;
            }
            if packer.is_empty() {
                fences.push(key.high());
            }
            filter.insert(halves(key));
            packer.push(key, found);
            written += 1;
        }
        if !packer.is_empty() {
            out.write_all(packer.finish())?;
        }
        write_tail(&mut out, &fences, &filter)?;
        out.flush()?;
        drop(out);
        disk.write_all_at(&file, &header(span, written, fences.len()), 0)?;
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
        let (span, ids, blocks) = read_header(&bytes).ok_or_else(|| damaged(path, "header"))?;
        let start = blocks.checked_mul(BLOCK as u64).and_then(|size| size.checked_add(HEADER as u64));
        let start = start.ok_or_else(|| damaged(path, "size"))?;
        let length = file.metadata()?.len().checked_sub(start).ok_or_else(|| damaged(path, "size"))?;
        let tail = BufReader::with_capacity(1 << 18, FileFrom { file: &file, at: start });
        let (fences, filter) = read_tail(tail, blocks, length)?.ok_or_else(|| damaged(path, "filter"))?;
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

    /// The places of the keys that it may hold, as far as its filter knows; keys are given as [`halves`].
    pub(super) fn perhaps(&self, keys: &[(u64, u64)]) -> impl Iterator<Item = usize> {
        self.filter.perhaps(keys)
    }

    /// What it holds for a key.
    pub(super) fn get(&self, key: &Key) -> io::Result<Option<Found>> {
        if !self.filter.may_contain(halves(*key)) {
            return Ok(None);
        }
        self.get_perhaps(key)
    }

    /// Like [`Self::get`], of a key that its filter does not rule out.
    pub(super) fn get_perhaps(&self, key: &Key) -> io::Result<Option<Found>> {
        let mut block = self.block_of(key);
        let mut bytes = [0; BLOCK];
        while block < self.fences.len() && self.fences[block] <= key.high() {
            if let Some(found) = self.read_block(block, &mut bytes)?.get(*key) {
                return Ok(Some(found));
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
                Ok(block) => (block.iter().collect(), None),
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

    /// A block, which is read into `bytes`.
    fn read_block<'b>(&self, block: usize, bytes: &'b mut [u8; BLOCK]) -> io::Result<Block<'b>> {
        self.file.read_exact_at(bytes, (HEADER + block * BLOCK) as u64)?;
        Block::read(bytes, self.span.from).ok_or_else(|| damaged(&self.path, "block"))
    }
}

/// What the filter of a run knows of a key: the bits by which it picks a cache line and those by which it picks bits
/// there are independent, and both among those that blocks keep, so that merged runs have the same filter.
pub(super) fn halves(key: Key) -> (u64, u64) {
    let [_, _, bits @ .., _, _, _, _, _, _] = key.0;
    (key.high(), u64::from_be_bytes(bits))
}

/// Writes fences, filter and their CRC.
fn write_tail(out: &mut impl Write, fences: &[u64], filter: &Filter) -> io::Result<()> {
    let mut crc = crc32fast::Hasher::new();
    let mut put = |bytes: &[u8]| {
        crc.update(bytes);
        out.write_all(bytes)
    };
    fences.iter().try_for_each(|fence| put(&fence.to_le_bytes()))?;
    filter.blocks().try_for_each(|block| put(&block))?;
    out.write_all(&crc.finalize().to_le_bytes())
}

/// Reads the fences and the filter of a run with so many blocks from its tail, which has this length; `None` if it is
/// damaged. Nothing larger than the filter itself is allocated, whatever a damaged header says.
fn read_tail(mut tail: impl Read, blocks: u64, length: u64) -> io::Result<Option<(Vec<u64>, Filter)>> {
    let filter = blocks.checked_mul(8).and_then(|fences| length.checked_sub(fences)?.checked_sub(4));
    let whole = filter.filter(|bytes| *bytes > 0 && bytes.is_multiple_of(BLOCK_BYTES as u64));
    let sizes = whole
        .and_then(|bytes| Some((usize::try_from(blocks).ok()?, usize::try_from(bytes).ok()? / BLOCK_BYTES)));
    let Some((blocks, filter_blocks)) = sizes else { return Ok(None) };
    let mut crc = crc32fast::Hasher::new();
    let mut fences = Vec::with_capacity(blocks);
    let mut fence = [0; 8];
    for _ in 0..blocks {
        tail.read_exact(&mut fence)?;
        crc.update(&fence);
        fences.push(u64::from_le_bytes(fence));
    }
    let filter = Filter::read(filter_blocks, |block| {
        tail.read_exact(block)?;
        crc.update(block);
        Ok(())
    })?;
    let mut expected = [0; 4];
    tail.read_exact(&mut expected)?;
    Ok((crc.finalize().to_le_bytes() == expected).then_some((fences, filter)))
}

/// Reads a file from a place on.
struct FileFrom<'a> {
    file: &'a File,
    at: u64,
}

impl Read for FileFrom<'_> {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        let read = self.file.read_at(bytes, self.at)?;
        self.at += read as u64;
        Ok(read)
    }
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

fn header(span: Span, ids: u64, blocks: usize) -> [u8; HEADER] {
    let mut bytes = [0; HEADER];
    bytes[..8].copy_from_slice(MAGIC);
    bytes[12..16].copy_from_slice(&span.level.to_le_bytes());
    bytes[16..24].copy_from_slice(&ids.to_le_bytes());
    bytes[24..32].copy_from_slice(&span.from.0.to_le_bytes());
    bytes[32..40].copy_from_slice(&span.through.0.to_le_bytes());
    bytes[40..56].copy_from_slice(span.epoch.as_bytes());
    bytes[56..].copy_from_slice(&(blocks as u64).to_le_bytes());
    let crc = crc32fast::hash(&bytes[12..]);
    bytes[8..12].copy_from_slice(&crc.to_le_bytes());
    bytes
}

/// The span, the number of ids and of blocks.
fn read_header(bytes: &[u8; HEADER]) -> Option<(Span, u64, u64)> {
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
    Some((span, word(16)?, word(56)?))
}

fn damaged(path: &Path, what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, format!("id run {}: damaged {what}", path.display()))
}
