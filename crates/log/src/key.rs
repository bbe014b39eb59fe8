//! The short keys of the id index.

use tollgate_domain::ids::MAX_ID_BYTES;

use crate::batch::{EventName, NewEvent};
pub use crate::hash::{ChainHash, ContentHash, ContentMark, RecordHash};

/// Key of the id index: 128 bits of BLAKE3 over a name. Among 2⁵⁰ names, the chance that two share a key is
/// 2⁻²⁹; constructing such a pair on purpose is infeasible.
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
        IdScope::of(name.tenant.as_str(), name.task.as_str(), name.producer.as_str()).key(name.id.as_str())
    }

    /// The keys of a batch's events. Those of one task and producer are mostly adjacent: their common part is
    /// hashed once.
    pub(crate) fn of_events<'a>(tenant: &str, events: &'a [NewEvent]) -> Vec<Self> {
        let mut last: Option<(&'a NewEvent, IdScope)> = None;
        let key = |event: &'a NewEvent| {
            let known =
                last.filter(|(other, _)| other.task == event.task && other.producer == event.producer);
            let make = || (event, IdScope::of(tenant, event.task.as_str(), event.producer.as_str()));
            let (_, scope) = *last.insert(known.unwrap_or_else(make));
            scope.key(event.id.as_str())
        };
        events.iter().map(key).collect()
    }

    /// The key of a decision subject.
    #[must_use]
    pub fn of_subject(tenant: &str, subject: &str) -> Self {
        Self::first_half(digest(2, &[tenant, subject]))
    }

    /// The first 64 bits: the primary sort order.
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

    fn first_half(digest: [u8; 32]) -> Self {
        Self(ContentHash::of_hash(digest).0)
    }
}

/// Tenant, task and producer of an event: the scope within which its id is unique.
#[derive(Clone, Copy, Debug)]
pub struct IdScope([u8; 32]);

impl IdScope {
    /// The scope of these names.
    #[must_use]
    pub fn of(tenant: &str, task: &str, producer: &str) -> Self {
        Self(digest(1, &[tenant, task, producer]))
    }

    /// The key of an id within this scope.
    #[must_use]
    pub fn key(&self, id: &str) -> Key {
        let mut bytes = [0_u8; 32 + MAX_ID_BYTES];
        bytes[..32].copy_from_slice(&self.0);
        // Names in the domain are never longer, but those in a damaged record may be.
        let id = &id.as_bytes()[..id.len().min(MAX_ID_BYTES)];
        bytes[32..32 + id.len()].copy_from_slice(id);
        Key::first_half(blake3::hash(&bytes[..32 + id.len()]).into())
    }
}

/// BLAKE3 over a kind byte and the parts, each preceded by its length, so that no two lists of parts collide.
fn digest(kind: u8, parts: &[&str]) -> [u8; 32] {
    let mut bytes = Vec::with_capacity(1 + parts.iter().map(|part| 2 + part.len()).sum::<usize>());
    bytes.push(kind);
    for part in parts {
        bytes.extend_from_slice(&(part.len() as u16).to_le_bytes());
        bytes.extend_from_slice(part.as_bytes());
    }
    blake3::hash(&bytes).into()
}
