//! The durable frontier: how far readers may read. Published in memory and in a small file after each sync.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use tollgate_domain::position::{PARTITIONS, PartitionId, Position, Sequence};
use uuid::Uuid;

use super::segment::Heads;
use crate::contract::Durability;
use tollgate_files::private_file;

const MAGIC: &[u8; 8] = b"TGFRONT1";
const BYTES: usize = 64 + 8 * PARTITIONS;

/// How far the log is durable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Frontier {
    /// The last durable sequence.
    pub(super) last: Sequence,
    /// The segment that is being written.
    pub(super) segment: u64,
    /// Where its last durable frame ends.
    pub(super) end: u64,
    /// The last durable sequence of each partition.
    pub(super) lasts: [Sequence; PARTITIONS],
}

impl Frontier {
    pub(super) fn new(heads: &Heads, segment: u64, end: u64) -> Self {
        Self { last: heads.last, segment, end, lasts: heads.lasts }
    }

    /// The position of the last durable record of every partition.
    pub(super) fn position(&self, epoch: Uuid) -> Position {
        let mut position = Position::start(epoch);
        for partition in PartitionId::all() {
            position.advance(partition, self.lasts[partition.index()]);
        }
        position
    }
}

/// The file of the frontier. It is written without a sync, after the sync of what it describes: after a power
/// cut it may be old or missing, but never ahead.
#[derive(Debug)]
pub(super) struct FrontierFile {
    file: File,
    epoch: Uuid,
    durability: Durability,
}

impl FrontierFile {
    pub(super) fn open(log_dir: &Path, epoch: Uuid, durability: Durability) -> io::Result<Self> {
        let path = path(log_dir);
        let file = private_file().read(true).write(true).create(true).truncate(false).open(path)?;
        Ok(Self { file, epoch, durability })
    }

    pub(super) fn write(&self, frontier: &Frontier) -> io::Result<()> {
        let mut bytes = [0; BYTES];
        bytes[..8].copy_from_slice(MAGIC);
        bytes[12..28].copy_from_slice(self.epoch.as_bytes());
        bytes[28] = u8::from(self.durability == Durability::Fsync);
        bytes[32..40].copy_from_slice(&frontier.last.0.to_le_bytes());
        bytes[40..48].copy_from_slice(&frontier.segment.to_le_bytes());
        bytes[48..56].copy_from_slice(&frontier.end.to_le_bytes());
        for (nth, last) in frontier.lasts.iter().enumerate() {
            bytes[64 + 8 * nth..][..8].copy_from_slice(&last.0.to_le_bytes());
        }
        let crc = crc32fast::hash(&bytes[12..]);
        bytes[8..12].copy_from_slice(&crc.to_le_bytes());
        self.file.write_all_at(&bytes, 0)
    }
}

/// What the frontier's file contains: the epoch, whether the frontier is on the disk, and the frontier.
/// `None` if there is no readable file.
pub(super) fn read(log_dir: &Path) -> io::Result<Option<(Uuid, bool, Frontier)>> {
    let file = match File::open(path(log_dir)) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    // A reader may catch the writer in mid-write; the CRC detects that, and the next try finds the file
    // whole.
    for _ in 0..16 {
        let mut bytes = [0; BYTES];
        if file.read_exact_at(&mut bytes, 0).is_ok()
            && &bytes[..8] == MAGIC
            && crc32fast::hash(&bytes[12..]).to_le_bytes() == bytes[8..12]
        {
            return Ok(Some(parse(&bytes)));
        }
        std::thread::yield_now();
    }
    Ok(None)
}

fn parse(bytes: &[u8; BYTES]) -> (Uuid, bool, Frontier) {
    let word = |start: usize| {
        let mut word = [0; 8];
        word.copy_from_slice(&bytes[start..start + 8]);
        u64::from_le_bytes(word)
    };
    let mut lasts = [Sequence::ZERO; PARTITIONS];
    for (nth, last) in lasts.iter_mut().enumerate() {
        *last = Sequence(word(64 + 8 * nth));
    }
    let epoch = Uuid::from_slice(&bytes[12..28]).unwrap_or_default();
    (epoch, bytes[28] == 1, Frontier { last: Sequence(word(32)), segment: word(40), end: word(48), lasts })
}

fn path(log_dir: &Path) -> PathBuf {
    log_dir.join("frontier")
}
