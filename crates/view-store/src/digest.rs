//! A digest over a set of rows that is kept up to date row by row.

use std::fmt;

/// The sum of the BLAKE3 hashes of all rows, in four lanes of 64 bits. It does not depend on the order of
/// rows, and a changed row changes it by the difference of two hashes. It detects damage, but not deliberate
/// forgery of rows, and need not: the log is what is proven.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Digest([u64; 4]);

impl Digest {
    /// Adds a row.
    pub(crate) fn add(&mut self, key: &[u8], value: &[u8]) {
        for (lane, hash) in self.0.iter_mut().zip(lanes(key, value)) {
            *lane = lane.wrapping_add(hash);
        }
    }

    /// Removes a row that was added.
    pub(crate) fn remove(&mut self, key: &[u8], value: &[u8]) {
        for (lane, hash) in self.0.iter_mut().zip(lanes(key, value)) {
            *lane = lane.wrapping_sub(hash);
        }
    }

    /// Its 32 bytes.
    #[must_use]
    pub fn to_bytes(self) -> [u8; 32] {
        let mut bytes = [0; 32];
        for (chunk, lane) in bytes.chunks_exact_mut(8).zip(self.0) {
            chunk.copy_from_slice(&lane.to_le_bytes());
        }
        bytes
    }

    /// The digest stored in these 32 bytes.
    #[must_use]
    pub fn from_bytes(bytes: &[u8; 32]) -> Self {
        let (lanes, _) = bytes.as_chunks::<8>();
        let mut digest = Self::default();
        for (lane, bytes) in digest.0.iter_mut().zip(lanes) {
            *lane = u64::from_le_bytes(*bytes);
        }
        digest
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.to_bytes().iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

fn lanes(key: &[u8], value: &[u8]) -> [u64; 4] {
    let mut hasher = blake3::Hasher::new();
    // The key's length comes first, so that no other split of the same bytes has the same hash.
    hasher.update(&(key.len() as u64).to_le_bytes());
    hasher.update(key);
    hasher.update(value);
    Digest::from_bytes(hasher.finalize().as_bytes()).0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_of_the_set_of_rows() {
        let (mut one, mut two) = (Digest::default(), Digest::default());
        one.add(b"a", b"1");
        one.add(b"b", b"2");
        two.add(b"b", b"2");
        two.add(b"x", b"9");
        two.add(b"a", b"1");
        assert_ne!(one, two);
        two.remove(b"x", b"9");
        assert_eq!(one, two);
        assert_eq!(Digest::from_bytes(&one.to_bytes()), one);
        let mut other = Digest::default();
        other.add(b"ab", b"12");
        let mut split = Digest::default();
        split.add(b"a", b"b12");
        assert_ne!(other, split);
    }
}
