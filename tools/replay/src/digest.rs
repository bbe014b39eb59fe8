//! What a history contains, in 32 bytes: the same for the same events in the same order, wherever they are stored.

use serde::{Deserialize, Serialize};
use tollgate_log::record::{EventFrame, Record};

/// Bytes that are hashed at a time.
const LINK_BYTES: usize = 64 << 10;

/// The events of a partition in their order: a chain of hashes, each over the one before it and the next bytes. It does
/// not depend on how events are grouped into records, nor on sequences.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Digest {
    link: [u8; 32],
    waiting: Vec<u8>,
}

impl Digest {
    /// Adds an event: owner, task, producer, id, when it was recorded, and all that is stored of it.
    pub(crate) fn add(&mut self, record: &Record, frame: &EventFrame<'_>) {
        for part in [record.tenant(), frame.task, frame.producer, frame.id] {
            self.length(part.len());
            self.waiting.extend_from_slice(part.as_bytes());
        }
        self.waiting.extend_from_slice(&record.recorded_at().micros().to_le_bytes());
        self.length(frame.payload.len());
        self.waiting.extend_from_slice(frame.payload);
        // A link ends where the bytes say so, not where a record or a checkpoint does.
        while let Some((link, _)) = self.waiting.split_at_checked(LINK_BYTES) {
            self.link = linked(&self.link, link);
            self.waiting.drain(..LINK_BYTES);
        }
    }

    /// The digest of what was added so far.
    pub(crate) fn value(&self) -> [u8; 32] {
        linked(&self.link, &self.waiting)
    }

    fn length(&mut self, bytes: usize) {
        self.waiting.extend_from_slice(&(bytes as u64).to_le_bytes());
    }
}

fn linked(link: &[u8; 32], bytes: &[u8]) -> [u8; 32] {
    let mut hasher = blake3::Hasher::new();
    hasher.update(link);
    hasher.update(bytes);
    hasher.finalize().into()
}
