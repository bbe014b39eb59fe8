//! A digest over a set of rows that is kept up to date row by row.

use std::fmt;

/// The sum of the BLAKE3 hashes of all rows, in four lanes of 64 bits. It does not depend on the order of
/// rows, and a changed row changes it by the difference of two hashes. It detects damage, but not deliberate
/// forgery of rows, and need not: the log is what is proven.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Digest([u64; 4]);

impl Digest {
    /// The digest of one row.
    #[must_use]
    pub fn of_row(key: &[u8], value: &[u8]) -> Self {
        Self(lanes(key, value))
    }

    /// Adds rows.
    pub(crate) fn add(&mut self, rows: Self) {
        for (lane, other) in self.0.iter_mut().zip(rows.0) {
            *lane = lane.wrapping_add(other);
        }
    }

    /// Removes rows that were added.
    pub(crate) fn remove(&mut self, rows: Self) {
        for (lane, other) in self.0.iter_mut().zip(rows.0) {
            *lane = lane.wrapping_sub(other);
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
        one.add(Digest::of_row(b"a", b"1"));
        one.add(Digest::of_row(b"b", b"2"));
        two.add(Digest::of_row(b"b", b"2"));
        two.add(Digest::of_row(b"x", b"9"));
        two.add(Digest::of_row(b"a", b"1"));
        assert_ne!(one, two);
        two.remove(Digest::of_row(b"x", b"9"));
        assert_eq!(one, two);
        assert_eq!(Digest::from_bytes(&one.to_bytes()), one);
        let mut other = Digest::default();
        other.add(Digest::of_row(b"ab", b"12"));
        let mut split = Digest::default();
        split.add(Digest::of_row(b"a", b"b12"));
        assert_ne!(other, split);
    }
}
