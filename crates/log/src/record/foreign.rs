//! What takes the place of a record but is not one: on a log that others can write to, it can be any bytes.

use std::fmt;

use bytes::Bytes;
use tollgate_domain::position::PartitionId;

use super::{HEADER, Record};
use crate::hash::RecordHash;

/// The number of bytes of a foreign message that are shown.
const SHOWN: usize = 24;

/// A message that no server of this ledger wrote.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Foreign {
    subject: String,
    beginning: Vec<u8>,
    bytes: usize,
    why: String,
}

impl Foreign {
    /// A message on a subject, and why it cannot be a record.
    #[must_use]
    pub fn new(subject: &str, payload: &[u8], why: impl Into<String>) -> Self {
        let beginning = payload.get(..SHOWN).unwrap_or(payload).to_vec();
        Self { subject: subject.to_owned(), beginning, bytes: payload.len(), why: why.into() }
    }
}

impl fmt::Display for Foreign {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { subject, beginning, bytes, why } = self;
        let (subject, beginning) = (subject.escape_debug(), beginning.escape_ascii());
        let more = if *bytes > SHOWN { "\u{2026}" } else { "" };
        write!(
            f,
            "no server of this ledger wrote it ({why}): `{subject}`, {bytes} bytes, \"{beginning}\"{more}"
        )
    }
}

impl Record {
    /// Represents a foreign message: a record without events, so that readers pass over it, positions contain
    /// it and the chain of its partition covers it.
    #[must_use]
    pub fn of_foreign(partition: PartitionId, foreign: Foreign, payload: &[u8]) -> Self {
        // No record has this layout byte; the hash represents the payload, which may be large.
        let mut bytes = vec![0; HEADER];
        bytes[2] = partition.number();
        bytes.extend_from_slice(&RecordHash::of(payload).0);
        Self {
            bytes: Bytes::from(bytes),
            texts: String::new(),
            tenant_end: 0,
            subject_end: 0,
            names: Vec::new(),
            entries: Vec::new(),
            foreign: Some(Box::new(foreign)),
        }
    }

    /// The foreign message, if no server of this ledger wrote it.
    #[must_use]
    pub fn foreign(&self) -> Option<&Foreign> {
        self.foreign.as_deref()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_foreign_message_is_a_record_of_its_partition_without_events() {
        let partition = PartitionId::new(12).unwrap();
        let record = |payload: &[u8]| {
            let foreign = Foreign::new("tollgate.v1.ev.12.default", payload, "no `Tollgate-Hash` header");
            Record::of_foreign(partition, foreign, payload)
        };
        let one = record(b"garbage \x1b[31m of a stranger, long");
        assert_eq!(
            (one.partition(), one.len(), one.tenant(), one.decision_subject()),
            (partition, 0, "", None)
        );
        assert_eq!(one.hash(), record(b"garbage \x1b[31m of a stranger, long").hash());
        assert_ne!(one.hash(), record(b"garbage \x1b[31m of a stranger, lonk").hash());
        assert_eq!(
            one.foreign().unwrap().to_string(),
            "no server of this ledger wrote it (no `Tollgate-Hash` header): `tollgate.v1.ev.12.default`, 33 bytes, \
             \"garbage \\x1b[31m of a stran\"\u{2026}"
        );
    }
}
