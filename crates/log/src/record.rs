//! The bytes of a record, the same on every backend. All that a log and an index need is in a frame that is
//! readable without the payload.
//!
//! ```text
//! 0   u8   layout, 1
//! 1   u8   encoding of the payloads, 1 = protobuf
//! 2   u8   partition
//! 3   u8   flags, 1 = holds a decision
//! 4   u32  number of events
//! 8   i64  recorded_at, microseconds since 1970
//! 16  u16  length of the tenant, then u16 of the decision subject, u16 number of names, u16 zero
//! 24       tenant, subject, names (each u16 length + bytes: tasks and producers, once each)
//!          per event: u16 task name, u16 producer name, u16 length of payload, u8 length of id, u8 zero,
//!                     16 bytes content hash, id
//!          payloads, in the order of the events
//! ```
//!
//! Numbers are little-endian.

use std::collections::HashMap;

use bytes::Bytes;
use tollgate_domain::position::{PartitionId, Sequence};
use tollgate_domain::time::Timestamp;

use crate::batch::NewEvent;
use crate::hash::{ChainHash, ContentHash, RecordHash};

/// The most events in one record.
pub const MAX_RECORD_EVENTS: usize = 500;

/// The largest record, in bytes. It fits the message size of a NATS server with room for headers.
pub const MAX_RECORD_BYTES: usize = 256 * 1024;

const LAYOUT: u8 = 1;
const ENCODING_PROTOBUF: u8 = 1;
const FLAG_DECISION: u8 = 1;
const HEADER: usize = 24;
const ENTRY: usize = 24;

/// Initial room for the texts of one event: an id of 26 characters, and its share of the names.
const TEXT_ROOM: usize = 32;

/// A record as a log returns it.
#[derive(Clone, Debug)]
pub struct StoredRecord {
    /// Its position in the log.
    pub sequence: Sequence,
    /// The chain of its partition after this record.
    pub chain: ChainHash,
    /// What was appended.
    pub record: Record,
}

/// An atomic batch of events of one tenant and partition, read from its bytes.
#[derive(Clone, Debug)]
pub struct Record {
    bytes: Bytes,
    /// All its texts one after another, validated once: tenant, subject, names, ids.
    texts: String,
    tenant_end: usize,
    subject_end: usize,
    names: Vec<(u32, u32)>,
    entries: Vec<Entry>,
    foreign: Option<Box<Foreign>>,
}

/// Where the parts of one event are.
#[derive(Clone, Copy, Debug)]
struct Entry {
    task: u16,
    producer: u16,
    /// Start of the fixed part; the id follows it.
    start: u32,
    /// Where the id is in the texts.
    id: u32,
    id_bytes: u8,
    payload: u32,
    payload_bytes: u16,
}

/// One event in a record.
#[derive(Clone, Copy, Debug)]
pub struct EventFrame<'a> {
    /// Its task.
    pub task: &'a str,
    /// Its producer.
    pub producer: &'a str,
    /// Its id.
    pub id: &'a str,
    /// The hash of what the producer sent.
    pub content_hash: ContentHash,
    /// The event as stored.
    pub payload: &'a [u8],
}

/// Bytes that are not a record of a layout this version knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RecordError {
    /// A layout or payload encoding from a newer version.
    #[error("written by a newer version (layout {layout}, encoding {encoding}); upgrade to read it")]
    Newer {
        /// The layout byte.
        layout: u8,
        /// The encoding byte.
        encoding: u8,
    },
    /// A length or an index points outside the record.
    #[error("not a record: {0}")]
    Malformed(&'static str),
}

impl Record {
    /// Reads a record, checking every length and name once.
    ///
    /// # Errors
    ///
    /// [`RecordError`] if the bytes are not a record.
    pub fn parse(bytes: Bytes) -> Result<Self, RecordError> {
        let mut at = Cursor { bytes: &bytes, at: 0 };
        let [layout, encoding, partition, _] = at.array()?;
        if layout != LAYOUT || encoding != ENCODING_PROTOBUF {
            return Err(RecordError::Newer { layout, encoding });
        }
        if PartitionId::new(partition).is_none() {
            return Err(RecordError::Malformed("partition above 15"));
        }
        let count = u32::from_le_bytes(at.array()?) as usize;
        if count == 0 || count > MAX_RECORD_EVENTS {
            return Err(RecordError::Malformed("number of events"));
        }
        at.skip(8)?;
        let [tenant_bytes, subject_bytes, names_count, _] = [at.u16()?, at.u16()?, at.u16()?, at.u16()?];
        let mut texts = String::with_capacity(TEXT_ROOM * count);
        at.text(tenant_bytes.into(), &mut texts)?;
        let tenant_end = texts.len();
        at.text(subject_bytes.into(), &mut texts)?;
        let subject_end = texts.len();
        let mut names = Vec::with_capacity(names_count.into());
        for _ in 0..names_count {
            let length = at.u16()?;
            let start = texts.len() as u32;
            at.text(length.into(), &mut texts)?;
            names.push((start, texts.len() as u32));
        }
        let mut entries = Vec::with_capacity(count);
        for _ in 0..count {
            let start = at.at as u32;
            let [task, producer, payload_bytes] = [at.u16()?, at.u16()?, at.u16()?];
            let [id_bytes, _] = at.array()?;
            at.skip(16)?;
            let id = texts.len() as u32;
            at.text(id_bytes.into(), &mut texts)?;
            if task >= names_count || producer >= names_count {
                return Err(RecordError::Malformed("name index"));
            }
            entries.push(Entry { task, producer, start, id, id_bytes, payload: 0, payload_bytes });
        }
        for entry in &mut entries {
            entry.payload = at.at as u32;
            at.skip(entry.payload_bytes.into())?;
        }
        if at.at != bytes.len() {
            return Err(RecordError::Malformed("bytes after the last payload"));
        }
        Ok(Self { bytes, texts, tenant_end, subject_end, names, entries, foreign: None })
    }

    /// Its bytes, as stored.
    #[must_use]
    pub const fn bytes(&self) -> &Bytes {
        &self.bytes
    }

    /// The hash of its bytes.
    #[must_use]
    pub fn hash(&self) -> RecordHash {
        RecordHash::of(&self.bytes)
    }

    /// Its partition.
    #[must_use]
    pub fn partition(&self) -> PartitionId {
        partition_of(&self.bytes).expect("parse checked the partition")
    }

    /// When it was appended.
    #[must_use]
    pub fn recorded_at(&self) -> Timestamp {
        let micros = self.bytes.get(8..16).and_then(|bytes| bytes.try_into().ok()).map(i64::from_le_bytes);
        micros.and_then(|micros| Timestamp::from_micros(micros).ok()).unwrap_or_default()
    }

    /// The tenant of all its events.
    #[must_use]
    pub fn tenant(&self) -> &str {
        &self.texts[..self.tenant_end]
    }

    /// The subject of its decision, if it holds one.
    #[must_use]
    pub fn decision_subject(&self) -> Option<&str> {
        (self.bytes[3] & FLAG_DECISION != 0).then(|| &self.texts[self.tenant_end..self.subject_end])
    }

    /// The number of its events: at least one, unless it is [foreign](Self::foreign).
    #[must_use]
    #[expect(clippy::len_without_is_empty, reason = "what a server wrote is never empty")]
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Its events in order.
    pub fn events(&self) -> impl ExactSizeIterator<Item = EventFrame<'_>> {
        self.entries.iter().map(|entry| self.frame(entry))
    }

    /// The event at an index, from 0.
    #[must_use]
    pub fn event(&self, place: usize) -> Option<EventFrame<'_>> {
        self.entries.get(place).map(|entry| self.frame(entry))
    }

    fn frame(&self, entry: &Entry) -> EventFrame<'_> {
        let (hash_end, id) = (entry.start as usize + ENTRY, entry.id as usize);
        let payload = entry.payload as usize;
        let mut content_hash = [0; 16];
        content_hash.copy_from_slice(&self.bytes[hash_end - 16..hash_end]);
        EventFrame {
            task: self.name(entry.task),
            producer: self.name(entry.producer),
            id: &self.texts[id..id + usize::from(entry.id_bytes)],
            content_hash: ContentHash(content_hash),
            payload: &self.bytes[payload..payload + usize::from(entry.payload_bytes)],
        }
    }

    fn name(&self, index: u16) -> &str {
        let (start, end) = self.names[usize::from(index)];
        &self.texts[start as usize..end as usize]
    }
}

/// The partition of record bytes, without reading the rest.
pub(crate) fn partition_of(record: &[u8]) -> Option<PartitionId> {
    record.get(2).copied().and_then(PartitionId::new)
}

/// What a record states apart from its events.
pub(crate) struct RecordHead<'a> {
    pub(crate) partition: PartitionId,
    pub(crate) recorded_at: Timestamp,
    pub(crate) tenant: &'a str,
    pub(crate) decision_subject: Option<&'a str>,
}

/// Appends the bytes of a record with these events to a buffer.
pub(crate) fn encode<'a>(
    head: &RecordHead<'_>,
    events: impl ExactSizeIterator<Item = &'a NewEvent> + Clone,
    out: &mut Vec<u8>,
) {
    let names = Names::of(events.clone());
    let flags = if head.decision_subject.is_some() { FLAG_DECISION } else { 0 };
    let subject = head.decision_subject.unwrap_or_default();
    out.extend_from_slice(&[LAYOUT, ENCODING_PROTOBUF, head.partition.number(), flags]);
    out.extend_from_slice(&(events.len() as u32).to_le_bytes());
    out.extend_from_slice(&head.recorded_at.micros().to_le_bytes());
    for length in [head.tenant.len(), subject.len(), names.list.len(), 0] {
        out.extend_from_slice(&(length as u16).to_le_bytes());
    }
    out.extend_from_slice(head.tenant.as_bytes());
    out.extend_from_slice(subject.as_bytes());
    for name in &names.list {
        out.extend_from_slice(&(name.len() as u16).to_le_bytes());
        out.extend_from_slice(name.as_bytes());
    }
    for (event, &(task, producer)) in events.clone().zip(&names.of_events) {
        let id = event.id.as_str();
        for short in [task, producer, event.payload.len() as u16] {
            out.extend_from_slice(&short.to_le_bytes());
        }
        out.extend_from_slice(&[id.len() as u8, 0]);
        out.extend_from_slice(&event.content_hash.0);
        out.extend_from_slice(id.as_bytes());
    }
    for event in events {
        out.extend_from_slice(&event.payload);
    }
}

/// An upper bound of the bytes that a record with these events takes.
pub(crate) fn encoded_bytes(tenant: &str, subject: Option<&str>, events: &[NewEvent]) -> usize {
    let per_event = |event: &NewEvent| {
        let names = event.task.as_str().len() + event.producer.as_str().len() + 4;
        ENTRY + event.id.as_str().len() + event.payload.len() + names
    };
    HEADER + tenant.len() + subject.map_or(0, str::len) + events.iter().map(per_event).sum::<usize>()
}

/// Tasks and producers of the events, each once. A batch names few of them, mostly in runs, so the last pair
/// is tried first and a short list is searched linearly; a long one has a map as well.
#[derive(Default)]
struct Names<'a> {
    list: Vec<&'a str>,
    of_events: Vec<(u16, u16)>,
    map: HashMap<&'a str, u16, foldhash::fast::FixedState>,
}

/// Up to this many names, a linear search is faster than a map.
const SHORT_LIST: usize = 16;

impl<'a> Names<'a> {
    fn of(events: impl ExactSizeIterator<Item = &'a NewEvent>) -> Self {
        let mut names = Self { of_events: Vec::with_capacity(events.len()), ..Self::default() };
        for event in events {
            let (task, producer) = (event.task.as_str(), event.producer.as_str());
            let last = names.of_events.last().copied();
            let same = |&(t, p): &(u16, u16)| {
                names.list[usize::from(t)] == task && names.list[usize::from(p)] == producer
            };
            let pair = last.filter(same).unwrap_or_else(|| (names.index(task), names.index(producer)));
            names.of_events.push(pair);
        }
        names
    }

    fn index(&mut self, name: &'a str) -> u16 {
        let found = if self.list.len() <= SHORT_LIST {
            self.list.iter().position(|known| *known == name).map(|index| index as u16)
        } else {
            self.map.get(name).copied()
        };
        found.unwrap_or_else(|| self.add(name))
    }

    fn add(&mut self, name: &'a str) -> u16 {
        // At most 500 events, so at most 1,000 names.
        let index = self.list.len() as u16;
        self.list.push(name);
        if self.list.len() == SHORT_LIST + 1 {
            self.map.extend(self.list.iter().enumerate().map(|(index, name)| (*name, index as u16)));
        } else if self.list.len() > SHORT_LIST {
            self.map.insert(name, index);
        }
        index
    }
}

/// Reads forward, never past the end.
struct Cursor<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl Cursor<'_> {
    fn take(&mut self, length: usize) -> Result<&[u8], RecordError> {
        let end = self.at.checked_add(length).ok_or(RecordError::Malformed("length"))?;
        let taken = self.bytes.get(self.at..end).ok_or(RecordError::Malformed("cut off"))?;
        self.at = end;
        Ok(taken)
    }

    fn skip(&mut self, length: usize) -> Result<(), RecordError> {
        self.take(length).map(|_| ())
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], RecordError> {
        self.take(N)?.try_into().map_err(|_| RecordError::Malformed("cut off"))
    }

    fn u16(&mut self) -> Result<u16, RecordError> {
        self.array().map(u16::from_le_bytes)
    }

    fn text(&mut self, length: usize, texts: &mut String) -> Result<(), RecordError> {
        let text = std::str::from_utf8(self.take(length)?);
        texts.push_str(text.map_err(|_| RecordError::Malformed("text is not UTF-8"))?);
        Ok(())
    }
}

mod foreign;
#[cfg(test)]
mod tests;

pub use foreign::Foreign;
