//! A blocked Bloom filter over hashed keys: says "certainly not in this file" with one cache line of memory touched.

use std::io::{self, Read};

/// Bits per key: about one false "perhaps" in 150.
const BITS_PER_KEY: usize = 12;

/// Bits set per key, all within one block.
const PROBES: u32 = 6;

/// A block is one cache line: 512 bits.
const BLOCK_WORDS: usize = 8;

/// The bytes of a block.
pub const BLOCK_BYTES: usize = 64;

/// A filter over keys, each given as two halves of a uniform hash of 128 bits.
#[derive(Debug)]
pub struct Filter {
    words: Vec<u64>,
}

impl Filter {
    /// An empty filter with room for this many keys.
    #[must_use]
    pub fn for_keys(keys: usize) -> Self {
        let blocks = (keys * BITS_PER_KEY).div_ceil(64 * BLOCK_WORDS).max(1);
        Self { words: vec![0; blocks * BLOCK_WORDS] }
    }

    /// A filter from its stored bytes; `None` if they are not a whole number of blocks.
    #[must_use]
    pub fn from_bytes(mut bytes: &[u8]) -> Option<Self> {
        let blocks = Some(bytes.len() / BLOCK_BYTES)
            .filter(|blocks| *blocks > 0 && bytes.len().is_multiple_of(BLOCK_BYTES))?;
        Self::read(blocks, |block| bytes.read_exact(block)).ok()
    }

    /// A filter of so many blocks, whose stored bytes are read one block after the other.
    ///
    /// # Errors
    ///
    /// Those of reading.
    pub fn read(
        blocks: usize,
        mut next: impl FnMut(&mut [u8; BLOCK_BYTES]) -> io::Result<()>,
    ) -> io::Result<Self> {
        let mut words = Vec::with_capacity(blocks * BLOCK_WORDS);
        let mut block = [0; BLOCK_BYTES];
        for _ in 0..blocks {
            next(&mut block)?;
            words.extend(block.as_chunks::<8>().0.iter().map(|word| u64::from_le_bytes(*word)));
        }
        Ok(Self { words })
    }

    /// Its bytes, for [`Self::from_bytes`], block by block: a large filter is not copied.
    pub fn blocks(&self) -> impl Iterator<Item = [u8; BLOCK_BYTES]> + '_ {
        self.words.as_chunks::<BLOCK_WORDS>().0.iter().map(|words| {
            let mut block = [0; BLOCK_BYTES];
            for (bytes, word) in block.as_chunks_mut::<8>().0.iter_mut().zip(words) {
                *bytes = word.to_le_bytes();
            }
            block
        })
    }

    /// Adds a key.
    pub fn insert(&mut self, (high, low): (u64, u64)) {
        let start = self.block(high);
        for bit in bits(low) {
            self.words[start + bit / 64] |= 1 << (bit % 64);
        }
    }

    /// `false` if the key was never inserted; `true` if it may have been.
    #[must_use]
    pub fn may_contain(&self, (high, low): (u64, u64)) -> bool {
        let start = self.block(high);
        bits(low).all(|bit| self.words[start + bit / 64] & (1 << (bit % 64)) != 0)
    }

    /// The places of the keys that it may contain. Those of a large filter wait for memory together: first one bit of
    /// each of 64 keys is fetched, with nothing that depends on it, then the others are looked at.
    pub fn perhaps(&self, keys: &[(u64, u64)]) -> impl Iterator<Item = usize> {
        keys.chunks(64).enumerate().flat_map(move |(nth, some)| {
            let mut first = 0_u64;
            for (place, (high, low)) in some.iter().enumerate() {
                let bit = (low & 511) as usize;
                first |= (self.words[self.block(*high) + bit / 64] >> (bit % 64) & 1) << place;
            }
            let found =
                move |(place, key): &(usize, &(u64, u64))| first >> place & 1 != 0 && self.may_contain(**key);
            some.iter().enumerate().filter(found).map(move |(place, _)| nth * 64 + place)
        })
    }

    /// The first half of the key picks the block, the second half its bits: both are uniform and independent.
    fn block(&self, high: u64) -> usize {
        let blocks = (self.words.len() / BLOCK_WORDS) as u128;
        let block = (u128::from(high) * blocks) >> 64;
        block as usize * BLOCK_WORDS
    }
}

/// Nine bits of the key's second half for each probe.
fn bits(low: u64) -> impl Iterator<Item = usize> {
    (0..PROBES).map(move |probe| ((low >> (9 * probe)) & 511) as usize)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two halves that look random: a round of SplitMix64 each.
    fn key(number: u64) -> (u64, u64) {
        let mixed = |seed: u64| {
            let mut word = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15);
            word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            word ^ (word >> 31)
        };
        (mixed(number * 2 + 1), mixed(number * 2 + 2))
    }

    #[test]
    fn holds_what_was_inserted_and_little_else() {
        let mut filter = Filter::for_keys(20_000);
        (0..20_000).for_each(|number| filter.insert(key(number)));
        let filter = Filter::from_bytes(filter.blocks().collect::<Vec<_>>().as_flattened()).unwrap();
        assert!((0..20_000).all(|number| filter.may_contain(key(number))));
        let keys: Vec<_> = (19_900..20_500).map(key).collect();
        let expected = (0..keys.len()).filter(|place| filter.may_contain(keys[*place]));
        assert_eq!(filter.perhaps(&keys).collect::<Vec<_>>(), expected.collect::<Vec<_>>());
        let wrong = (20_000..120_000).filter(|&number| filter.may_contain(key(number))).count();
        assert!(wrong < 1500, "{wrong} of 100000 wrong");
    }

    #[test]
    fn bytes_of_no_whole_block_are_refused() {
        assert!(Filter::from_bytes(&[0; 63]).is_none());
        assert!(Filter::from_bytes(&[]).is_none());
        assert!(Filter::from_bytes(&[0; 64]).is_some());
    }
}
