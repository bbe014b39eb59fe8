//! Hashes: of content, of records and of a partition's chain.

use std::fmt;

/// The first 128 bits of BLAKE3 of the canonical encoding of what a producer sent: enough to make a second
/// content with the same bits infeasible to find, and half the bytes in every record.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct ContentHash(pub [u8; 16]);

impl ContentHash {
    /// Truncates a whole BLAKE3 hash.
    #[must_use]
    pub fn of_hash(hash: [u8; 32]) -> Self {
        let (first, _) = hash.split_at(16);
        let mut content = [0; 16];
        content.copy_from_slice(first);
        Self(content)
    }

    /// The part by which the id index tells contents apart.
    #[must_use]
    pub const fn mark(self) -> ContentMark {
        let [a, b, c, d, ..] = self.0;
        ContentMark(u32::from_be_bytes([a, b, c, d]))
    }
}

/// The first 32 bits of a content's hash: what the id index keeps of it. An id that is used again with another content
/// goes unnoticed once in four thousand million times.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ContentMark(pub u32);

/// BLAKE3 of a record's bytes.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct RecordHash(pub [u8; 32]);

/// The chain of a partition after a record: BLAKE3 of the chain before it and the record's hash.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct ChainHash(pub [u8; 32]);

impl RecordHash {
    /// The hash of these record bytes.
    #[must_use]
    pub fn of(record: &[u8]) -> Self {
        Self(blake3::hash(record).into())
    }
}

impl ChainHash {
    /// The chain of a partition without records.
    pub const START: Self = Self([0; 32]);

    /// The chain after one more record.
    #[must_use]
    pub fn then(self, record: RecordHash) -> Self {
        let mut both = [0; 64];
        both[..32].copy_from_slice(&self.0);
        both[32..].copy_from_slice(&record.0);
        Self(blake3::hash(&both).into())
    }
}

macro_rules! show_as_hex {
    ($($name:ident),+) => {
        $(
            impl fmt::Display for $name {
                fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                    self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
                }
            }

            impl fmt::Debug for $name {
                fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                    fmt::Display::fmt(self, f)
                }
            }
        )+
    };
}

show_as_hex!(ContentHash, RecordHash, ChainHash);
