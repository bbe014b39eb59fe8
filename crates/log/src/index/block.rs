//! A block of a run: as many ids as fit into 4096 bytes, in three columns of bits.
//!
//! ```text
//! 0   u32 CRC of the rest of the block
//! 4   u16 entries
//! 6   u8  bits of a key above the first one
//! 7   u8  bits of a sequence above the first record of the run
//! 8   the first key, 10 bytes
//! 18  keys above the first one; then sequences above the first record; then marks of contents, 32 bits each
//! ```
//!
//! Columns follow each other without gaps, the first bit of each value is the lowest one that is free. Keys are cut to
//! 80 bits, of which those of a block share the upper ones: the more ids a run has, the fewer bits of each are kept.

use tollgate_domain::position::Sequence;

use crate::contract::Found;
use crate::key::{ContentMark, Key};

/// The size of a block in bytes.
pub(super) const BLOCK: usize = 4096;

/// Bits of a key that are kept. Among 10¹⁰ ids, the chance that two share them is 2⁻¹⁴. Then the later one is refused,
/// as if its id had been used with another content: to be taken for a repetition, its mark would have to be the same.
const KEY_BITS: u32 = 80;

const HEADER: usize = 18;
const MARK_BITS: u32 = 32;

/// The part of a key that is kept.
fn cut(key: Key) -> u128 {
    u128::from_be_bytes(key.0) >> (128 - KEY_BITS)
}

/// A key that is cut to the given bits.
fn key_of(cut: u128) -> Key {
    Key((cut << (128 - KEY_BITS)).to_be_bytes())
}

const fn bits_of(value: u128) -> u32 {
    u128::BITS - value.leading_zeros()
}

/// The widths of a block's columns.
#[derive(Clone, Copy, Debug)]
struct Widths {
    key: u32,
    sequence: u32,
}

impl Widths {
    const fn bytes_of(self, entries: usize) -> usize {
        HEADER + (entries * (self.key + self.sequence + MARK_BITS) as usize).div_ceil(8)
    }
}

/// Makes blocks of ids in ascending order of their keys.
#[derive(Debug)]
pub(super) struct Packer {
    from: Sequence,
    sequence_bits: u32,
    keys: Vec<u128>,
    founds: Vec<Found>,
    bytes: Box<[u8; BLOCK]>,
}

impl Packer {
    /// A packer of the first block of a run from one record through another.
    pub(super) fn new(from: Sequence, through: Sequence) -> Self {
        let bytes = Box::new([0; BLOCK]);
        let sequence_bits = bits_of(u128::from(through.0.saturating_sub(from.0)));
        Self { from, sequence_bits, keys: Vec::new(), founds: Vec::new(), bytes }
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// Whether one more id has room.
    pub(super) fn fits(&self, key: Key) -> bool {
        self.widths_up_to(cut(key)).bytes_of(self.keys.len() + 1) <= BLOCK
    }

    /// Adds an id, which [fits](Self::fits) and is not below those before.
    pub(super) fn push(&mut self, key: Key, found: Found) {
        self.keys.push(cut(key));
        self.founds.push(found);
    }

    /// The block of what was added since the last one.
    pub(super) fn finish(&mut self) -> &[u8; BLOCK] {
        let first = self.keys.first().copied().unwrap_or(0);
        let widths = self.widths_up_to(self.keys.last().copied().unwrap_or(0));
        self.bytes.fill(0);
        self.bytes[4..6].copy_from_slice(&(self.keys.len() as u16).to_le_bytes());
        self.bytes[6..8].copy_from_slice(&[widths.key as u8, widths.sequence as u8]);
        self.bytes[8..HEADER].copy_from_slice(&key_of(first).0[..KEY_BITS as usize / 8]);
        let mut bits = BitWriter { bytes: &mut self.bytes[HEADER..], at: 0 };
        for key in self.keys.drain(..) {
            bits.write(key - first, widths.key);
        }
        for found in &self.founds {
            bits.write(u128::from(found.sequence.0.saturating_sub(self.from.0)), widths.sequence);
        }
        for found in self.founds.drain(..) {
            bits.write(u128::from(found.content.0), MARK_BITS);
        }
        let crc = crc32fast::hash(&self.bytes[4..]);
        self.bytes[..4].copy_from_slice(&crc.to_le_bytes());
        &self.bytes
    }

    fn widths_up_to(&self, last: u128) -> Widths {
        let first = self.keys.first().copied().unwrap_or(last);
        Widths { key: bits_of(last - first), sequence: self.sequence_bits }
    }
}

/// A block that was read.
#[derive(Clone, Copy, Debug)]
pub(super) struct Block<'b> {
    bytes: &'b [u8; BLOCK],
    from: Sequence,
    first: u128,
    entries: usize,
    widths: Widths,
}

impl<'b> Block<'b> {
    /// The block in these bytes, of a run from a record on; `None` if they are damaged.
    pub(super) fn read(bytes: &'b [u8; BLOCK], from: Sequence) -> Option<Self> {
        let (crc, rest) = bytes.split_first_chunk::<4>()?;
        if crc32fast::hash(rest).to_le_bytes() != *crc {
            return None;
        }
        let entries = usize::from(u16::from_le_bytes([bytes[4], bytes[5]]));
        let widths = Widths { key: u32::from(bytes[6]), sequence: u32::from(bytes[7]) };
        let known = widths.key <= KEY_BITS && widths.sequence <= u64::BITS;
        if !known || widths.bytes_of(entries) > BLOCK {
            return None;
        }
        let mut key = [0; 16];
        key[..KEY_BITS as usize / 8].copy_from_slice(&bytes[8..HEADER]);
        Some(Self { bytes, from, first: cut(Key(key)), entries, widths })
    }

    /// What it holds for a key.
    pub(super) fn get(&self, key: Key) -> Option<Found> {
        let above = cut(key).checked_sub(self.first)?;
        let (mut low, mut high) = (0, self.entries);
        while low < high {
            let middle = usize::midpoint(low, high);
            if self.key(middle) < above {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        (low < self.entries && self.key(low) == above).then(|| self.found(low))
    }

    /// All ids in order; keys are [cut](KEY_BITS).
    pub(super) fn iter(self) -> impl Iterator<Item = (Key, Found)> {
        (0..self.entries).map(move |nth| (key_of(self.first + self.key(nth)), self.found(nth)))
    }

    fn key(&self, nth: usize) -> u128 {
        self.bits(nth * self.widths.key as usize, self.widths.key)
    }

    fn found(&self, nth: usize) -> Found {
        let Widths { key, sequence } = self.widths;
        let sequences = self.entries * key as usize;
        let marks = sequences + self.entries * sequence as usize;
        let above = self.bits(sequences + nth * sequence as usize, sequence) as u64;
        let mark = self.bits(marks + nth * MARK_BITS as usize, MARK_BITS) as u32;
        Found { sequence: Sequence(self.from.0.saturating_add(above)), content: ContentMark(mark) }
    }

    /// The number of this many bits, at most 80, that begins at a bit of the columns.
    fn bits(&self, at: usize, width: u32) -> u128 {
        let start = HEADER + at / 8;
        let mut window = [0; 16];
        match self.bytes[start..].first_chunk::<16>() {
            Some(whole) => window = *whole,
            None => window[..BLOCK - start].copy_from_slice(&self.bytes[start..]),
        }
        let mask = (1 << width) - 1;
        (u128::from_le_bytes(window) >> (at % 8)) & mask
    }
}

/// Writes numbers bit behind bit.
struct BitWriter<'a> {
    bytes: &'a mut [u8],
    at: usize,
}

impl BitWriter<'_> {
    /// Writes a number in this many bits, at most 80. The bytes were zero before.
    fn write(&mut self, value: u128, width: u32) {
        let (start, shift) = (self.at / 8, self.at % 8);
        let room = self.bytes[start..].iter_mut();
        for (byte, more) in
            room.zip((value << shift).to_le_bytes()).take((shift + width as usize).div_ceil(8))
        {
            *byte |= more;
        }
        self.at += width as usize;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const FROM: Sequence = Sequence(7);

    fn ids() -> impl Strategy<Value = Vec<(Key, Found)>> {
        // Keys that lie close together, far apart, and at both ends.
        let key = prop_oneof![
            any::<u128>(),
            (0_u128..4000).prop_map(|near| near << 48),
            (0_u128..9).prop_map(|near| u128::MAX - (near << 48)),
        ];
        let id = (key, 7_u64..=u64::MAX, any::<u32>()).prop_map(|(key, sequence, mark)| {
            let found = Found { sequence: Sequence(sequence), content: ContentMark(mark) };
            (key_of(cut(Key(key.to_be_bytes()))), found)
        });
        prop::collection::vec(id, 1..700).prop_map(|mut ids| {
            ids.sort_by_key(|(key, _)| *key);
            ids.dedup_by_key(|(key, _)| *key);
            ids
        })
    }

    proptest! {
        #[test]
        fn what_is_packed_is_found_again(ids in ids(), few_records in any::<bool>()) {
            let through = Sequence(if few_records { 1000 } else { u64::MAX });
            let ids: Vec<_> = ids.into_iter().map(|(key, mut found)| {
                found.sequence.0 = if few_records { 7 + found.sequence.0 % 994 } else { found.sequence.0 };
                (key, found)
            }).collect();
            let mut packer = Packer::new(FROM, through);
            let mut blocks: Vec<[u8; BLOCK]> = Vec::new();
            for (key, found) in &ids {
                if !packer.fits(*key) {
                    blocks.push(*packer.finish());
                }
                packer.push(*key, *found);
            }
            blocks.push(*packer.finish());
            let blocks: Vec<_> = blocks.iter().map(|bytes| Block::read(bytes, FROM).unwrap()).collect();
            let read: Vec<_> = blocks.iter().flat_map(|block| block.iter()).collect();
            prop_assert_eq!(&read, &ids);
            for (key, found) in &ids {
                let held: Vec<_> = blocks.iter().filter_map(|block| block.get(*key)).collect();
                prop_assert_eq!(held, vec![*found]);
                let next = key_of(cut(*key).wrapping_add(1) & ((1 << KEY_BITS) - 1));
                if ids.binary_search_by_key(&next, |(key, _)| *key).is_err() {
                    prop_assert!(blocks.iter().all(|block| block.get(next).is_none()));
                }
            }
        }

        #[test]
        fn any_changed_bit_is_found(ids in ids(), bit in 0..BLOCK * 8) {
            let mut packer = Packer::new(FROM, Sequence(u64::MAX));
            ids.iter().take(150).for_each(|(key, found)| packer.push(*key, *found));
            let mut bytes = *packer.finish();
            prop_assert!(Block::read(&bytes, FROM).is_some());
            bytes[bit / 8] ^= 1 << (bit % 8);
            prop_assert!(Block::read(&bytes, FROM).is_none());
        }
    }
}
