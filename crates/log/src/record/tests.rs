//! Records round-trip, and no bytes make the reader panic.

use proptest::prelude::*;
use tollgate_domain::ids::{EventId, ProducerId, TaskId};

use super::*;

fn event(task: &str, producer: &str, id: &str, payload: &[u8]) -> NewEvent {
    NewEvent {
        task: TaskId::new(task).unwrap(),
        producer: ProducerId::new(producer).unwrap(),
        id: EventId::new(id).unwrap(),
        content_hash: ContentHash::of_hash(blake3::hash(payload).into()),
        payload: payload.to_vec(),
    }
}

fn encoded(subject: Option<&str>, events: &[NewEvent]) -> Vec<u8> {
    let mut bytes = Vec::new();
    let head = RecordHead {
        partition: PartitionId::new(7).unwrap(),
        recorded_at: Timestamp::from_micros(1_700_000_000_000_000).unwrap(),
        tenant: "default",
        decision_subject: subject,
    };
    encode(&head, events.iter(), &mut bytes);
    bytes
}

#[test]
fn a_record_round_trips() {
    let events =
        [event("T-1", "ci", "e1", b"one"), event("T-2", "ci", "e2", b""), event("T-1", "ci", "é3", b"three")];
    let bytes = encoded(Some("T-1"), &events);
    assert!(bytes.len() <= encoded_bytes("default", Some("T-1"), &events));
    let record = Record::parse(bytes.into()).unwrap();
    assert_eq!(record.tenant(), "default");
    assert_eq!(record.partition().number(), 7);
    assert_eq!(record.decision_subject(), Some("T-1"));
    assert_eq!(record.recorded_at().micros(), 1_700_000_000_000_000);
    for (frame, event) in record.events().zip(&events) {
        assert_eq!(frame.task, event.task.as_str());
        assert_eq!(frame.producer, "ci");
        assert_eq!(frame.id, event.id.as_str());
        assert_eq!(frame.content_hash, event.content_hash);
        assert_eq!(frame.payload, event.payload);
    }
}

#[test]
fn facts_alone_have_no_decision_subject() {
    let record = Record::parse(encoded(None, &[event("T-1", "ci", "e1", b"one")]).into()).unwrap();
    assert_eq!(record.decision_subject(), None);
}

#[test]
fn a_newer_layout_says_so() {
    let mut bytes = encoded(None, &[event("T-1", "ci", "e1", b"one")]);
    bytes[0] = 2;
    let error = Record::parse(bytes.into()).unwrap_err();
    assert_eq!(error, RecordError::Newer { layout: 2, encoding: 1 });
    assert!(error.to_string().contains("upgrade"));
}

proptest! {
    #[test]
    fn no_damage_makes_the_reader_panic(
        cut in 0_usize..200, flip in 0_usize..200, bit in 0_u8..8, noise in prop::collection::vec(any::<u8>(), 0..100)
    ) {
        let mut bytes = encoded(Some("T-1"), &[event("T-1", "ci", "e1", b"one"), event("T-2", "x", "e2", b"two")]);
        let flip = flip % bytes.len();
        bytes[flip] ^= 1 << bit;
        bytes.truncate(cut.max(1));
        // Whatever parses must be readable throughout.
        for bytes in [bytes, noise] {
            if let Ok(record) = Record::parse(bytes.into()) {
                prop_assert!(record.events().map(|event| event.id.len()).sum::<usize>() < 1000);
                let _ = (record.tenant(), record.decision_subject(), record.recorded_at(), record.partition());
            }
        }
    }
}
