//! Names on the server: the stream, its subjects, the headers of a message. A subject never contains raw user
//! text.

use std::fmt::Write as _;

use tollgate_domain::ids::TenantId;
use tollgate_domain::position::PartitionId;
use tollgate_log::contract::{Batch, NewEvent};
use tollgate_log::key::{ContentHash, Key};

/// The stream of a ledger, if none is named. With one ledger per NATS account no other is needed.
pub const STREAM: &str = "TOLLGATE";

/// Subjects of facts, one token for the partition and one for the tenant.
pub const FACT_SUBJECTS: &str = "tollgate.v1.ev.*.*";

/// Subjects of decisions, with one more token for the decision subject.
pub const DECISION_SUBJECTS: &str = "tollgate.v1.dec.*.*.*";

/// Subjects of the inbox: a token for the tenant and one for the task.
pub const INBOX_SUBJECTS: &str = "tollgate.v1.in.*.*";

/// The task of an inbox message, if it cannot be given in the subject. It takes precedence over the
/// subject's.
pub const TASK_HEADER: &str = "Tollgate-Task";

/// The consumer of the inbox that all drainers share.
pub const DRAIN: &str = "drain";

/// The layout of a message, present in each.
pub const SCHEMA_HEADER: &str = "Tollgate-Schema";

/// BLAKE3 of the content hashes of a message's events, in their order.
pub const HASH_HEADER: &str = "Tollgate-Hash";

/// The layout that this version writes.
pub const SCHEMA: &str = "1";

/// The longest decision subject, in bytes, that is used in a NATS subject unchanged.
const MAX_PLAIN_KEY_BYTES: usize = 64;

/// Prefix of a key that represents a text that cannot be a token.
const HASHED_KEY: &str = "b32_";

/// The subject that a batch's record is published to.
#[must_use]
pub fn subject(batch: &Batch) -> String {
    let (partition, tenant) = (batch.partition, batch.tenant.as_str());
    match &batch.decision {
        Some(expected) => decision_subject(partition, &batch.tenant, &expected.subject),
        None => format!("tollgate.v1.ev.{partition}.{tenant}"),
    }
}

/// The subject of all decisions about something of a tenant, in one partition.
#[must_use]
pub fn decision_subject(partition: PartitionId, tenant: &TenantId, subject: &str) -> String {
    format!("tollgate.v1.dec.{partition}.{tenant}.{}", key(subject))
}

/// The stream of a ledger's inbox.
#[must_use]
pub fn inbox(stream: &str) -> String {
    format!("{stream}_IN")
}

/// The subject under which a producer puts a task's events into the inbox. `None` for a task that cannot be a
/// token of `A-Z a-z 0-9 - _`: it goes under another token, such as `task`, with [`TASK_HEADER`].
#[must_use]
pub fn inbox_subject(tenant: &TenantId, task: &str) -> Option<String> {
    is_token(task).then(|| format!("tollgate.v1.in.{tenant}.{task}"))
}

/// Matches all records of a partition.
#[must_use]
pub fn partition_filter(partition: PartitionId) -> String {
    format!("tollgate.v1.*.{partition}.>")
}

/// The token of a decision subject: the subject itself if possible, otherwise a hash of it. The original is
/// in the record.
#[must_use]
pub fn key(decision_subject: &str) -> String {
    let fits = decision_subject.len() <= MAX_PLAIN_KEY_BYTES && is_token(decision_subject);
    if fits && !decision_subject.starts_with(HASHED_KEY) {
        return decision_subject.to_owned();
    }
    let hash = blake3::hash(decision_subject.as_bytes());
    let (first, _) = hash.as_bytes().split_at(20);
    format!("{HASHED_KEY}{}", base32(first))
}

/// Whether a text can be used in a subject unchanged.
fn is_token(text: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    !text.is_empty() && text.bytes().all(plain)
}

/// Initial room for tenant and partition, with their lengths, in bytes.
const PART_ROOM: usize = 96;

/// The batch id of a record: the same events in the same order have the same one. The server accepts an id
/// once within its window. It is derived from the events' keys, which are hashes of their names and already
/// known.
#[must_use]
pub fn batch_id(batch: &Batch, keys: impl Iterator<Item = Key>) -> String {
    // Hashed in one piece: several times faster than key after key.
    let mut parts = Vec::with_capacity(PART_ROOM + batch.events.len() * size_of::<Key>());
    let mut part = |text: &str| {
        parts.extend_from_slice(&(text.len() as u64).to_le_bytes());
        parts.extend_from_slice(text.as_bytes());
    };
    part(batch.tenant.as_str());
    part(&batch.partition.to_string());
    parts.extend(keys.flat_map(|key| key.0));
    blake3::hash(&parts).to_hex().to_string()
}

/// The partition that a subject of the ledger names.
#[must_use]
pub fn partition_of(subject: &str) -> Option<PartitionId> {
    let number: u8 = subject.split('.').nth(3)?.parse().ok()?;
    // A partition has only one spelling: the filter of a partition matches no other.
    PartitionId::new(number).filter(|partition| subject.split('.').nth(3) == Some(&*partition.to_string()))
}

/// The value of [`HASH_HEADER`] for these events.
#[must_use]
pub fn content_hash<'a>(events: impl Iterator<Item = &'a NewEvent>) -> String {
    hash_of(events.map(|event| event.content_hash))
}

/// The value of [`HASH_HEADER`] for events with these contents.
pub(crate) fn hash_of(contents: impl Iterator<Item = ContentHash>) -> String {
    let hashes: Vec<u8> = contents.flat_map(|content| content.0).collect();
    blake3::hash(&hashes).to_hex().to_string()
}

/// RFC 4648 base 32 in lower case, without padding; only for whole groups of five bytes.
fn base32(bytes: &[u8]) -> String {
    const LETTERS: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz234567";
    let mut text = String::with_capacity(bytes.len() / 5 * 8);
    for group in bytes.chunks_exact(5) {
        let bits = group.iter().fold(0_u64, |bits, byte| bits << 8 | u64::from(*byte));
        for nth in (0..8).rev() {
            let letter = LETTERS[(bits >> (nth * 5) & 31) as usize];
            // Writing to a string cannot fail.
            let _ = text.write_char(char::from(letter));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use tollgate_log::admission::Checked;
    use tollgate_log::conformance::{batch, decision, event};

    use super::*;

    #[test]
    fn facts_and_decisions_have_subjects_of_their_own() {
        let partition = PartitionId::of("default", "T-1");
        let facts = batch(vec![event("T-1", "e", "x")]);
        assert_eq!(subject(&facts), format!("tollgate.v1.ev.{partition}.default"));
        let decision = decision(0, vec![event("T-1", "e", "x")]);
        assert_eq!(subject(&decision), format!("tollgate.v1.dec.{partition}.default.T-1"));
    }

    #[test]
    fn a_key_is_the_decision_subject_or_a_hash_of_it() {
        for plain in ["T-1", "a", "UPPER_lower-9", &"x".repeat(64)] {
            assert_eq!(key(plain), plain);
        }
        for other in ["", "a.b", "*", ">", "a b", "ä", "b32_x", &"x".repeat(65)] {
            let key = key(other);
            assert_eq!((key.len(), &key[..4]), (36, "b32_"), "{other}");
            assert!(key[4..].bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit()), "{key}");
        }
        assert_ne!(key("a.b"), key("a.c"));
    }

    #[test]
    fn base32_is_that_of_the_rfc() {
        assert_eq!(base32(b"fooba"), "mzxw6ytb");
    }

    #[test]
    fn a_batch_id_names_tenant_partition_and_events_in_order() {
        let id = |batch: &Batch| {
            let checked = Checked::new(batch.clone()).unwrap();
            batch_id(batch, checked.keys().iter().copied())
        };
        let first = batch(vec![event("T-1", "a", "x"), event("T-1", "b", "x")]);
        assert_eq!(
            id(&first),
            id(&batch(vec![event("T-1", "a", "y"), event("T-1", "b", "z")])),
            "not the content"
        );
        for other in [
            batch(vec![event("T-1", "b", "x"), event("T-1", "a", "x")]),
            batch(vec![event("T-1", "a", "x")]),
            batch(vec![event("T-2", "a", "x"), event("T-2", "b", "x")]),
        ] {
            assert_ne!(id(&first), id(&other));
        }
    }

    #[test]
    fn the_content_hash_differs_with_the_content() {
        let hash = |payload| content_hash([event("T-1", "a", payload)].iter());
        assert_eq!(hash("x"), hash("x"));
        assert_ne!(hash("x"), hash("y"));
    }
}
