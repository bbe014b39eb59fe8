//! The names of the kinds of events in JSON: those that producers send, and those that the ledger writes itself.

use tollgate_domain::event::{KINDS, Sender};

use crate::error::FieldError;

/// The kinds that producers send.
pub(crate) fn from_producers() -> impl Iterator<Item = &'static str> {
    sent_by(Sender::Producer)
}

/// The kinds that the ledger writes itself.
pub(crate) fn from_ledger() -> impl Iterator<Item = &'static str> {
    sent_by(Sender::Ledger)
}

/// The error for a kind that producers may not send.
pub(crate) fn own_kind(kind: &str) -> FieldError {
    FieldError::new(kind, "given", "is written by the ledger itself, no producer may send it")
}

/// The error for an event without a body.
pub(crate) fn no_body(value: &str) -> FieldError {
    let rule = format!("must have one body, one of {}", from_producers().collect::<Vec<_>>().join(", "));
    FieldError::new("event", value, rule)
}

fn sent_by(sender: Sender) -> impl Iterator<Item = &'static str> {
    KINDS.iter().filter(move |kind| kind.sender == sender).map(|kind| kind.name)
}

/// The fields that every event has in addition to its body.
pub(crate) const ENVELOPE: [&str; 6] = ["tenant", "task", "producer", "id", "occurred_at", "trace_parent"];

/// How many kinds producers send.
const SENT: usize = {
    let (mut count, mut nth) = (0, 0);
    while nth < KINDS.len() {
        if matches!(KINDS[nth].sender, Sender::Producer) {
            count += 1;
        }
        nth += 1;
    }
    count
};

/// The fields of an event sent by a producer: those that every event has, then the bodies.
pub(crate) const FIELDS: [&str; ENVELOPE.len() + SENT] = {
    let mut fields = [""; ENVELOPE.len() + SENT];
    let mut nth = 0;
    while nth < ENVELOPE.len() {
        fields[nth] = ENVELOPE[nth];
        nth += 1;
    }
    let mut kind = 0;
    while kind < KINDS.len() {
        if matches!(KINDS[kind].sender, Sender::Producer) {
            fields[nth] = KINDS[kind].name;
            nth += 1;
        }
        kind += 1;
    }
    fields
};
