//! A blocked Bloom filter: says "certainly not in this run" with one cache line of memory touched.

use crate::key::Key;

/// Bits per key: about one false "perhaps" in 150.
const BITS_PER_KEY: usize = 12;

/// Bits set per key, all within one block.
const PROBES: u32 = 6;

/// A block is one cache line: 512 bits.
const BLOCK_WORDS: usize = 8;

#[derive(Debug)]
pub(super) struct Filter {
    words: Vec<u64>,
}

impl Filter {
    /// An empty filter with room for this many keys.
    pub(super) fn for_keys(keys: usize) -> Self {
        let blocks = (keys * BITS_PER_KEY).div_ceil(64 * BLOCK_WORDS).max(1);
        Self { words: vec![0; blocks * BLOCK_WORDS] }
    }

    /// A filter from its stored bytes; `None` if they are not a whole number of blocks.
    pub(super) fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (words, rest) = bytes.as_chunks::<8>();
        let whole = rest.is_empty() && !words.is_empty() && words.len().is_multiple_of(BLOCK_WORDS);
        whole.then(|| Self { words: words.iter().map(|word| u64::from_le_bytes(*word)).collect() })
    }

    pub(super) fn to_bytes(&self) -> Vec<u8> {
        self.words.iter().flat_map(|word| word.to_le_bytes()).collect()
    }

    pub(super) fn insert(&mut self, key: &Key) {
        let start = self.block(key);
        for bit in bits(key) {
            self.words[start + bit / 64] |= 1 << (bit % 64);
        }
    }

    /// `false` if the key was never inserted; `true` if it may have been.
    pub(super) fn may_contain(&self, key: &Key) -> bool {
        let start = self.block(key);
        bits(key).all(|bit| self.words[start + bit / 64] & (1 << (bit % 64)) != 0)
    }

    /// The first half of the key picks the block, the second half its bits: both are uniform and independent.
    fn block(&self, key: &Key) -> usize {
        let blocks = (self.words.len() / BLOCK_WORDS) as u128;
        let block = (u128::from(key.high()) * blocks) >> 64;
        block as usize * BLOCK_WORDS
    }
}

/// Nine bits of the key's second half for each probe.
fn bits(key: &Key) -> impl Iterator<Item = usize> {
    let low = key.low();
    (0..PROBES).map(move |probe| ((low >> (9 * probe)) & 511) as usize)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(number: u64) -> Key {
        crate::key::IdScope::of("t", "task", "p").key(&number.to_string())
    }

    #[test]
    fn holds_what_was_inserted_and_little_else() {
        let mut filter = Filter::for_keys(20_000);
        (0..20_000).for_each(|number| filter.insert(&key(number)));
        let filter = Filter::from_bytes(&filter.to_bytes()).unwrap();
        assert!((0..20_000).all(|number| filter.may_contain(&key(number))));
        let wrong = (20_000..120_000).filter(|&number| filter.may_contain(&key(number))).count();
        assert!(wrong < 1500, "{wrong} of 100000 wrong");
    }

    #[test]
    fn bytes_of_no_whole_block_are_refused() {
        assert!(Filter::from_bytes(&[0; 63]).is_none());
        assert!(Filter::from_bytes(&[]).is_none());
        assert!(Filter::from_bytes(&[0; 64]).is_some());
    }
}
