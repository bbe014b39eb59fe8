//! Hashes: of content, of records, of a partition's chain, and the short keys of the id index.

use std::fmt;

use tollgate_domain::ids::TenantId;

use crate::contract::EventName;

/// BLAKE3 of the canonical encoding of what a producer sent.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct ContentHash(pub [u8; 32]);

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

/// Key of the id index: 128 bits of BLAKE3 over a name. Two names out of 2⁵⁰ share one with a chance of 2⁻²⁹; nobody can
/// make a pair on purpose.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Key(pub [u8; 16]);

impl std::hash::Hash for Key {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        state.write_u64(self.low());
    }
}

impl Key {
    /// The key of an event's name.
    #[must_use]
    pub fn of_event(name: &EventName) -> Self {
        Self::of_parts(name.tenant.as_str(), name.task.as_str(), name.producer.as_str(), name.id.as_str())
    }

    /// The key of an event's name, from its parts as a record's frame holds them.
    #[must_use]
    pub fn of_parts(tenant: &str, task: &str, producer: &str, id: &str) -> Self {
        Self::digest(1, &[tenant, task, producer, id])
    }

    /// The key of a decision subject.
    #[must_use]
    pub fn of_subject(tenant: &TenantId, subject: &str) -> Self {
        Self::digest(2, &[tenant.as_str(), subject])
    }

    /// The first 64 bits: where it sorts.
    #[must_use]
    pub fn high(&self) -> u64 {
        let [a, b, c, d, e, f, g, h, ..] = self.0;
        u64::from_be_bytes([a, b, c, d, e, f, g, h])
    }

    /// The last 64 bits: independent of the first.
    #[must_use]
    pub fn low(&self) -> u64 {
        let [.., a, b, c, d, e, f, g, h] = self.0;
        u64::from_be_bytes([a, b, c, d, e, f, g, h])
    }

    /// BLAKE3 over a kind byte and the parts, each with its length before it, so that no two lists of parts collide.
    fn digest(kind: u8, parts: &[&str]) -> Self {
        // Names are at most 128 bytes each, so this holds every list of four without a heap allocation.
        let mut bytes = [0_u8; 1 + 4 * (2 + 128)];
        bytes[0] = kind;
        let mut end = 1;
        for part in parts {
            let length = part.len() as u16;
            bytes[end..end + 2].copy_from_slice(&length.to_le_bytes());
            bytes[end + 2..end + 2 + part.len()].copy_from_slice(part.as_bytes());
            end += 2 + part.len();
        }
        let digest = blake3::hash(&bytes[..end]);
        let mut key = [0; 16];
        key.copy_from_slice(&digest.as_bytes()[..16]);
        Self(key)
    }
}
