//! A blocked Bloom filter over hashed keys: says "certainly not in this file" with one cache line of memory touched.

/// Bits per key: about one false "perhaps" in 150.
const BITS_PER_KEY: usize = 12;

/// Bits set per key, all within one block.
const PROBES: u32 = 6;

/// A block is one cache line: 512 bits.
const BLOCK_WORDS: usize = 8;

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
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (words, rest) = bytes.as_chunks::<8>();
        let whole = rest.is_empty() && !words.is_empty() && words.len().is_multiple_of(BLOCK_WORDS);
        whole.then(|| Self { words: words.iter().map(|word| u64::from_le_bytes(*word)).collect() })
    }

    /// Its bytes, for [`Self::from_bytes`].
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        self.words.iter().flat_map(|word| word.to_le_bytes()).collect()
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
        let filter = Filter::from_bytes(&filter.to_bytes()).unwrap();
        assert!((0..20_000).all(|number| filter.may_contain(key(number))));
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
