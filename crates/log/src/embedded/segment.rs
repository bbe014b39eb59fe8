//! A segment: one file of frames, with a header that lets it be read without the ones before it.
//!
//! ```text
//! 0    "TGSEG001"
//! 8    u32  CRC-32 of the rest of the header
//! 12   u32  format of the data directory
//! 16        epoch of the log when the segment began
//! 32   u64  ordinal of the segment
//! 40   u64  its first sequence
//! 48   u64  bytes it may grow to
//! 64        chain of each of the 16 partitions before the first record, 32 bytes each
//! 576       last sequence of each partition before it, u64 each
//! 4096      frames, then zeros
//! ```

use std::path::{Path, PathBuf};

use tollgate_domain::position::{PARTITIONS, PartitionId, Sequence};
use uuid::Uuid;

use super::format::FORMAT;
use super::frame::FrameHeader;
use crate::key::ChainHash;

/// Bytes of a segment's header; the first frame follows it.
pub(super) const SEGMENT_HEADER: usize = 4096;

const MAGIC: &[u8; 8] = b"TGSEG001";
const CHAINS: usize = 64;
const LASTS: usize = CHAINS + 32 * PARTITIONS;
const END: usize = LASTS + 8 * PARTITIONS;

/// The state of the log at one point: what the next record builds on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Heads {
    /// The last sequence; zero if there is none yet.
    pub(super) last: Sequence,
    /// The chain of each partition.
    pub(super) chains: [ChainHash; PARTITIONS],
    /// The last sequence of each partition.
    pub(super) lasts: [Sequence; PARTITIONS],
}

impl Heads {
    /// The state before the first record.
    pub(super) const fn start() -> Self {
        Self {
            last: Sequence::ZERO,
            chains: [ChainHash::START; PARTITIONS],
            lasts: [Sequence::ZERO; PARTITIONS],
        }
    }

    /// The state after one more record.
    pub(super) fn advance(&mut self, frame: &FrameHeader, partition: PartitionId) {
        self.last = frame.sequence;
        self.chains[partition.index()] = frame.chain;
        self.lasts[partition.index()] = frame.sequence;
    }
}

/// The contents of a segment's header.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct SegmentHeader {
    pub(super) epoch: Uuid,
    pub(super) ordinal: u64,
    pub(super) capacity: u64,
    /// The state of the log before the segment's first record.
    pub(super) before: Heads,
}

/// Why a file is not a segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NoSegment {
    /// Zeros only.
    Empty,
    /// Something else, or the CRC does not match.
    Invalid,
    /// Written by a newer version.
    Newer(u32),
}

impl SegmentHeader {
    pub(super) fn to_bytes(&self) -> [u8; SEGMENT_HEADER] {
        let mut bytes = [0; SEGMENT_HEADER];
        bytes[..8].copy_from_slice(MAGIC);
        bytes[12..16].copy_from_slice(&FORMAT.to_le_bytes());
        bytes[16..32].copy_from_slice(self.epoch.as_bytes());
        bytes[32..40].copy_from_slice(&self.ordinal.to_le_bytes());
        bytes[40..48].copy_from_slice(&self.before.last.next().0.to_le_bytes());
        bytes[48..56].copy_from_slice(&self.capacity.to_le_bytes());
        for (nth, chain) in self.before.chains.iter().enumerate() {
            bytes[CHAINS + 32 * nth..][..32].copy_from_slice(&chain.0);
        }
        for (nth, last) in self.before.lasts.iter().enumerate() {
            bytes[LASTS + 8 * nth..][..8].copy_from_slice(&last.0.to_le_bytes());
        }
        let crc = crc32fast::hash(&bytes[12..]);
        bytes[8..12].copy_from_slice(&crc.to_le_bytes());
        bytes
    }

    pub(super) fn read(bytes: &[u8]) -> Result<Self, NoSegment> {
        let Some(bytes) = bytes.first_chunk::<SEGMENT_HEADER>() else { return Err(NoSegment::Invalid) };
        if bytes.iter().all(|&byte| byte == 0) {
            return Err(NoSegment::Empty);
        }
        if &bytes[..8] != MAGIC || crc32fast::hash(&bytes[12..]).to_le_bytes() != bytes[8..12] {
            return Err(NoSegment::Invalid);
        }
        let format = u32::from_le_bytes([bytes[12], bytes[13], bytes[14], bytes[15]]);
        if format > FORMAT {
            return Err(NoSegment::Newer(format));
        }
        let word = |start: usize| {
            let mut word = [0; 8];
            word.copy_from_slice(&bytes[start..start + 8]);
            u64::from_le_bytes(word)
        };
        let mut before = Heads::start();
        before.last = Sequence(word(40)).previous();
        for (nth, chain) in before.chains.iter_mut().enumerate() {
            chain.0.copy_from_slice(&bytes[CHAINS + 32 * nth..][..32]);
        }
        for (nth, last) in before.lasts.iter_mut().enumerate() {
            *last = Sequence(word(LASTS + 8 * nth));
        }
        let epoch = Uuid::from_slice(&bytes[16..32]).unwrap_or_default();
        Ok(Self { epoch, ordinal: word(32), capacity: word(48), before })
    }
}

const _: () = assert!(END <= SEGMENT_HEADER);

/// The path of the segment with this ordinal.
pub(super) fn path(log_dir: &Path, ordinal: u64) -> PathBuf {
    log_dir.join(format!("{ordinal:010}.segment"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_round_trips_and_sees_damage() {
        let mut before = Heads::start();
        before.last = Sequence(41);
        before.chains[3] = ChainHash([9; 32]);
        before.lasts[15] = Sequence(41);
        let header = SegmentHeader { epoch: Uuid::from_u128(5), ordinal: 2, capacity: 1 << 20, before };
        let bytes = header.to_bytes();
        assert_eq!(SegmentHeader::read(&bytes), Ok(header));
        let mut bad = bytes;
        bad[100] ^= 1;
        assert_eq!(SegmentHeader::read(&bad), Err(NoSegment::Invalid));
        assert_eq!(SegmentHeader::read(&[0; SEGMENT_HEADER]), Err(NoSegment::Empty));
    }
}
