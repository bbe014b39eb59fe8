//! A frame: one record in a segment, with what the embedded log adds to it.
//!
//! ```text
//! 0   u32  "TGRF"
//! 4   u32  length of the record
//! 8   u32  CRC-32 of all that follows, record included
//! 12  u32  zero
//! 16  u64  sequence
//! 24  u64  synced through: the last sequence that was durable when this frame was built
//! 32       chain of the partition after this record
//! 64       record, then zeros to a multiple of 8
//! ```
//!
//! `synced through` distinguishes a torn tail from damage: an unreadable frame that a later frame declares
//! durable was damaged; one that no later frame vouches for was never acknowledged and may be cut.

use tollgate_domain::position::Sequence;

use crate::contract::MAX_RECORD_BYTES;
use crate::key::ChainHash;

/// Bytes before the record.
pub(super) const FRAME_HEADER: usize = 64;

/// Frames begin at multiples of this, so that a search for one need not try every byte.
pub(super) const ALIGNMENT: usize = 8;

const MAGIC: &[u8; 4] = b"TGRF";

/// What precedes a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct FrameHeader {
    pub(super) record_bytes: usize,
    pub(super) sequence: Sequence,
    pub(super) synced_through: Sequence,
    pub(super) chain: ChainHash,
}

impl FrameHeader {
    /// The number of bytes from this frame to the next.
    pub(super) const fn frame_bytes(&self) -> usize {
        (FRAME_HEADER + self.record_bytes).next_multiple_of(ALIGNMENT)
    }
}

/// Why there is no frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NoFrame {
    /// Zeros: nothing was written here.
    Empty,
    /// The bytes end before the frame does.
    CutOff,
    /// There is something else here, or the CRC does not match.
    Invalid(&'static str),
}

/// Reads the frame at the start of some bytes and checks its CRC.
pub(super) fn read(bytes: &[u8]) -> Result<FrameHeader, NoFrame> {
    let header = read_header(bytes)?;
    let end = FRAME_HEADER + header.record_bytes;
    let checked = bytes.get(12..end).ok_or(NoFrame::CutOff)?;
    if crc32fast::hash(checked).to_le_bytes() != bytes[8..12] {
        return Err(NoFrame::Invalid("the CRC does not match"));
    }
    Ok(header)
}

/// Reads a frame's header without looking at its record.
pub(super) fn read_header(bytes: &[u8]) -> Result<FrameHeader, NoFrame> {
    let Some(header) = bytes.first_chunk::<FRAME_HEADER>() else { return Err(NoFrame::CutOff) };
    if &header[..4] != MAGIC {
        let empty = header.iter().all(|&byte| byte == 0);
        return Err(if empty { NoFrame::Empty } else { NoFrame::Invalid("no frame begins here") });
    }
    let record_bytes = u32::from_le_bytes([header[4], header[5], header[6], header[7]]) as usize;
    if record_bytes == 0 || record_bytes > MAX_RECORD_BYTES {
        return Err(NoFrame::Invalid("impossible length"));
    }
    let word = |start: usize| {
        let mut word = [0; 8];
        word.copy_from_slice(&header[start..start + 8]);
        Sequence(u64::from_le_bytes(word))
    };
    let mut chain = [0; 32];
    chain.copy_from_slice(&header[32..]);
    Ok(FrameHeader { record_bytes, sequence: word(16), synced_through: word(24), chain: ChainHash(chain) })
}

/// Reserves a frame at the end of a buffer: the record is written after it, then [`finish`] fills it in.
pub(super) fn begin(buffer: &mut Vec<u8>) -> usize {
    let start = buffer.len();
    buffer.resize(start + FRAME_HEADER, 0);
    start
}

/// Fills in the frame at `start` for the record that follows it.
pub(super) fn finish(
    buffer: &mut Vec<u8>,
    start: usize,
    sequence: Sequence,
    synced_through: Sequence,
    chain: ChainHash,
) {
    let record_bytes = buffer.len() - start - FRAME_HEADER;
    let header = &mut buffer[start..start + FRAME_HEADER];
    header[..4].copy_from_slice(MAGIC);
    header[4..8].copy_from_slice(&(record_bytes as u32).to_le_bytes());
    header[16..24].copy_from_slice(&sequence.0.to_le_bytes());
    header[24..32].copy_from_slice(&synced_through.0.to_le_bytes());
    header[32..].copy_from_slice(&chain.0);
    let crc = crc32fast::hash(&buffer[start + 12..]);
    buffer[start + 8..start + 12].copy_from_slice(&crc.to_le_bytes());
    buffer.resize(buffer.len().next_multiple_of(ALIGNMENT), 0);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn framed(record: &[u8], sequence: u64) -> Vec<u8> {
        let mut buffer = Vec::new();
        let start = begin(&mut buffer);
        buffer.extend_from_slice(record);
        finish(&mut buffer, start, Sequence(sequence), Sequence(sequence - 1), ChainHash([7; 32]));
        buffer
    }

    #[test]
    fn frames_round_trip_and_are_aligned() {
        for length in 1..40 {
            let bytes = framed(&vec![9; length], 5);
            assert!(bytes.len().is_multiple_of(ALIGNMENT));
            let header = read(&bytes).unwrap();
            assert_eq!(
                (header.record_bytes, header.sequence, header.synced_through),
                (length, Sequence(5), Sequence(4))
            );
            assert_eq!(header.frame_bytes(), bytes.len());
        }
    }

    #[test]
    fn every_flipped_bit_is_seen() {
        let good = framed(b"a record", 1);
        for byte in 0..FRAME_HEADER + 8 {
            for bit in 0..8 {
                let mut bad = good.clone();
                bad[byte] ^= 1 << bit;
                assert!(read(&bad).is_err(), "byte {byte} bit {bit}");
            }
        }
    }

    #[test]
    fn nothing_and_a_part_are_told_apart() {
        assert_eq!(read(&[0; 100]), Err(NoFrame::Empty));
        assert_eq!(read(&framed(b"a record", 1)[..70]), Err(NoFrame::CutOff));
        assert_eq!(read(&[]), Err(NoFrame::CutOff));
        assert!(matches!(read(&[1; 100]), Err(NoFrame::Invalid(_))));
    }
}
