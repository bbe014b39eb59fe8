//! A packed segment: the frames of a sealed one, compressed in blocks, so that a reader can begin at any of them.
//!
//! ```text
//! 0    "TGPACK01"
//! 8    u32  CRC-32 of what follows, up to the first block
//! 12   u32  bytes of a block before it was compressed; the last one may have fewer
//! 16   u64  bytes of the segment, without the zeros at its end
//! 24   u32  number of blocks
//! 28   u32  bytes of each block, compressed
//! ...       the blocks: a zstd frame with a checksum each
//! ```

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use tollgate_files::disk::Disk;

const MAGIC: &[u8; 8] = b"TGPACK01";
const TABLE: usize = 28;

/// Bytes compressed together: what a reader takes at a time. Of real sessions, blocks of 64 KiB take 1.7 % more.
pub(super) const BLOCK: usize = 1 << 20;

/// The level of zstd. Of real sessions 34.6 % remain; level 3 leaves 34.3 % and takes twice as long, level 19 leaves
/// 31 %.
const LEVEL: i32 = 1;

/// The most blocks of a segment: those of 4 GiB. A header that says more is damaged.
const MAX_BLOCKS: usize = 4096;

/// The path of the packed segment with this ordinal.
pub(super) fn path(log_dir: &Path, ordinal: u64) -> PathBuf {
    log_dir.join(format!("{ordinal:010}.packed"))
}

/// A packed segment that is read.
#[derive(Debug)]
pub(in crate::embedded) struct PackedFile {
    file: File,
    bytes: u64,
    block: u64,
    /// Where each block begins in the file, and where the last one ends.
    starts: Vec<u64>,
    /// The block that was read last.
    last: Option<(usize, Vec<u8>)>,
}

impl PackedFile {
    /// Reads the table of a packed segment.
    ///
    /// # Errors
    ///
    /// The operating system's error; `InvalidData` if it is no packed segment, or is damaged.
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        Self::of(File::open(path)?)
    }

    /// Reads the table of a packed segment that is open.
    ///
    /// # Errors
    ///
    /// Those of [`Self::open`].
    pub(super) fn of(file: File) -> io::Result<Self> {
        let damaged = || invalid("its table of blocks cannot be read");
        let mut head = [0; TABLE];
        file.read_exact_at(&mut head, 0).map_err(|error| cut_off(error, damaged))?;
        let count = word32(&head, 24) as usize;
        if &head[..8] != MAGIC || count > MAX_BLOCKS {
            return Err(damaged());
        }
        let mut table = vec![0; 4 * count];
        file.read_exact_at(&mut table, TABLE as u64).map_err(|error| cut_off(error, damaged))?;
        let mut crc = crc32fast::Hasher::new();
        crc.update(&head[12..]);
        crc.update(&table);
        let (block, bytes) = (u64::from(word32(&head, 12)), word64(&head, 16));
        let is_sound = block > 0 && bytes.div_ceil(block) == count as u64;
        if crc.finalize() != word32(&head, 8) || !is_sound {
            return Err(damaged());
        }
        let mut starts = vec![(TABLE + table.len()) as u64];
        for nth in 0..count {
            starts.push(starts[nth] + u64::from(word32(&table, 4 * nth)));
        }
        Ok(Self { file, bytes, block, starts, last: None })
    }

    /// The file as it is on the disk.
    pub(super) const fn raw(&self) -> &File {
        &self.file
    }

    /// Bytes of the segment's header and frames.
    pub(super) const fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Reads bytes of the segment at an offset, as many as one block has; 0 at its end.
    pub(super) fn read_at(&mut self, into: &mut [u8], offset: u64) -> io::Result<usize> {
        if offset >= self.bytes {
            return Ok(0);
        }
        // Less than the number of blocks, which fits.
        let nth = (offset / self.block) as usize;
        if self.last.as_ref().is_none_or(|(last, _)| *last != nth) {
            self.last = Some((nth, self.unpack(nth)?));
        }
        let block = self.last.as_ref().map_or(&[][..], |(_, block)| block);
        let rest = block.get((offset % self.block) as usize..).unwrap_or_default();
        let taken = rest.len().min(into.len());
        into[..taken].copy_from_slice(&rest[..taken]);
        Ok(taken)
    }

    fn unpack(&self, nth: usize) -> io::Result<Vec<u8>> {
        let (start, end) = (self.starts[nth], self.starts[nth + 1]);
        let mut packed = vec![0; (end - start) as usize];
        let damaged = || invalid(&format!("block {nth} of the packed segment is cut off"));
        self.file.read_exact_at(&mut packed, start).map_err(|error| cut_off(error, damaged))?;
        let from = nth as u64 * self.block;
        let length = self.block.min(self.bytes - from) as usize;
        let block = zstd::bulk::decompress(&packed, length)
            .map_err(|error| invalid(&format!("block {nth} of the packed segment is damaged: {error}")))?;
        if block.len() != length {
            let what = format!("block {nth} of the packed segment has {} bytes, not {length}", block.len());
            return Err(invalid(&what));
        }
        Ok(block)
    }
}

/// Writes the packed form of the first bytes of a segment and makes it durable. `go_on` is asked before each block.
///
/// # Errors
///
/// The operating system's error; `Interrupted` if it did not go on. The file may be there in part.
pub(super) fn write(
    disk: &dyn Disk,
    from: (&File, u64),
    to: &Path,
    go_on: &dyn Fn() -> bool,
) -> io::Result<u64> {
    let (segment, bytes) = from;
    let count = usize::try_from(bytes.div_ceil(BLOCK as u64)).unwrap_or(usize::MAX);
    if count > MAX_BLOCKS {
        return Err(invalid(&format!("a segment of {bytes} bytes is not packed: it has more than 4 GiB")));
    }
    let mut compressor = zstd::bulk::Compressor::new(LEVEL)?;
    compressor.include_checksum(true)?;
    let file = disk.create(to)?;
    let mut head = vec![0; TABLE + 4 * count];
    let mut at = head.len() as u64;
    let mut block = vec![0; BLOCK];
    for nth in 0..count {
        if !go_on() {
            return Err(io::ErrorKind::Interrupted.into());
        }
        let from = (nth * BLOCK) as u64;
        let block = &mut block[..(bytes - from).min(BLOCK as u64) as usize];
        segment.read_exact_at(block, from)?;
        let packed = compressor.compress(block)?;
        disk.write_all_at(&file, &packed, at)?;
        at += packed.len() as u64;
        // A block of 1 MiB is compressed to little more than that at most.
        head[TABLE + 4 * nth..][..4].copy_from_slice(&(packed.len() as u32).to_le_bytes());
    }
    head[..8].copy_from_slice(MAGIC);
    head[12..16].copy_from_slice(&(BLOCK as u32).to_le_bytes());
    head[16..24].copy_from_slice(&bytes.to_le_bytes());
    head[24..28].copy_from_slice(&(count as u32).to_le_bytes());
    let crc = crc32fast::hash(&head[12..]);
    head[8..12].copy_from_slice(&crc.to_le_bytes());
    disk.write_all_at(&file, &head, 0)?;
    disk.sync_data(&file)?;
    Ok(at)
}

fn word32(bytes: &[u8], at: usize) -> u32 {
    let mut word = [0; 4];
    word.copy_from_slice(&bytes[at..at + 4]);
    u32::from_le_bytes(word)
}

fn word64(bytes: &[u8], at: usize) -> u64 {
    let mut word = [0; 8];
    word.copy_from_slice(&bytes[at..at + 8]);
    u64::from_le_bytes(word)
}

fn invalid(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}

/// A file that ends too early is damaged; other errors are the system's.
fn cut_off(error: io::Error, damaged: impl FnOnce() -> io::Error) -> io::Error {
    if error.kind() == io::ErrorKind::UnexpectedEof { damaged() } else { error }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use tollgate_files::disk::RealDisk;

    use super::*;

    fn segment(bytes: &[u8]) -> File {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(bytes).unwrap();
        file
    }

    /// Bytes that can be compressed, but not to nothing.
    fn some(length: usize) -> Vec<u8> {
        (0..length).map(|nth| (nth * nth / 7 % 251) as u8 & 0x3f).collect()
    }

    #[test]
    fn any_part_of_a_packed_segment_can_be_read() {
        let dir = tempfile::tempdir().unwrap();
        for (nth, length) in [1, BLOCK - 1, BLOCK, BLOCK + 1, 3 * BLOCK + 777].into_iter().enumerate() {
            let (bytes, to) = (some(length), path(dir.path(), nth as u64));
            let from = (&segment(&bytes), length as u64);
            let written = write(&RealDisk, from, &to, &|| true).unwrap();
            assert_eq!(written, std::fs::metadata(&to).unwrap().len());
            assert!(length < BLOCK || written < length as u64 / 2, "{written} of {length}");
            let mut packed = PackedFile::open(&to).unwrap();
            assert_eq!(packed.bytes(), length as u64);
            for offset in [0, length / 3, BLOCK - 1, BLOCK, length - 1].map(|at| at.min(length - 1)) {
                let mut found = vec![0; length];
                let read = packed.read_at(&mut found, offset as u64).unwrap();
                assert!(read > 0 && found[..read] == bytes[offset..offset + read], "{length} at {offset}");
            }
            assert_eq!(packed.read_at(&mut [0; 9], length as u64).unwrap(), 0);
        }
    }

    #[test]
    fn damaged_bytes_are_seen_or_change_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let (bytes, to) = (some(5_000), path(dir.path(), 1));
        write(&RealDisk, (&segment(&bytes), 5_000), &to, &|| true).unwrap();
        let good = std::fs::read(&to).unwrap();
        let read = |packed: &[u8]| {
            std::fs::write(&to, packed).unwrap();
            let mut found = vec![0; 5_000];
            let read = PackedFile::open(&to)?.read_at(&mut found, 0)?;
            Ok::<_, io::Error>((read, found))
        };
        assert!(read(&good).unwrap() == (5_000, bytes.clone()));
        for at in 0..good.len() {
            let mut bad = good.clone();
            bad[at] ^= 0x10;
            match read(&bad) {
                // A bit of the frame's header that zstd does not use.
                Ok(found) => assert!(found == (5_000, bytes.clone()), "byte {at}"),
                Err(error) => assert_eq!(error.kind(), io::ErrorKind::InvalidData, "byte {at}: {error}"),
            }
            assert!(read(&good[..at]).is_err(), "cut off at {at}");
        }
    }

    #[test]
    fn packing_ends_when_it_is_told_to() {
        let dir = tempfile::tempdir().unwrap();
        let bytes = some(2 * BLOCK);
        let asked = std::cell::Cell::new(0);
        let go_on = || asked.replace(asked.get() + 1) == 0;
        let from = (&segment(&bytes), bytes.len() as u64);
        let error = write(&RealDisk, from, &path(dir.path(), 1), &go_on).unwrap_err();
        assert_eq!((error.kind(), asked.get()), (io::ErrorKind::Interrupted, 2));
    }
}
