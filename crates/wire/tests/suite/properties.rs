//! Properties of every event.

use proptest::prelude::*;
use serde_json::Value;
use tollgate_domain::event::{EventBody, PhaseEnded, UsageEvent};
use tollgate_domain::ids::{EventId, TaskId, TenantId};
use tollgate_domain::position::{PartitionId, Sequence};
use tollgate_domain::usage::estimate;
use tollgate_wire::{Decoder, Defaults, Place, Submitted, TextLength, decode_stored, proto};

use crate::golden::sent_texts;
use crate::strategies::{event, sendable, usage_event, without_added};

fn place() -> Place<'static> {
    Place {
        sequence: Sequence(u64::MAX),
        partition: PartitionId::of("t", "T"),
        recorded_at: "2026-11-21T08:30:11Z".parse().expect("a time"),
        tenant: "t",
        task: "T",
        producer: "p",
        id: "1",
    }
}

fn read(value: &Value) -> Submitted {
    Submitted::from_json(&value.to_string(), &Defaults::default())
        .unwrap_or_else(|error| panic!("{value}\n{error}"))
}

/// Fails unless every leaf of `part` is at the same path in `whole`.
fn assert_part(part: &Value, whole: &Value, path: &str) {
    if let (Value::Object(part), Value::Object(whole)) = (part, whole) {
        for (key, value) in part {
            let path = format!("{path}.{key}");
            let other = whole.get(key).unwrap_or_else(|| panic!("{path} is lost"));
            assert_part(value, other, &path);
        }
    } else {
        assert_eq!(part, whole, "{path}");
    }
}

proptest! {
    #[test]
    fn stored_events_are_read_back_as_they_were(event in event()) {
        let submitted = Submitted::from_event(event.clone()).unwrap();
        let stored = submitted.encode_stored(&event.body).unwrap();
        prop_assert!(stored.starts_with(submitted.content()));
        let decoded = decode_stored(&stored).unwrap();
        prop_assert_eq!(decoded.body, event.body);
        prop_assert_eq!(decoded.occurred_at, event.occurred_at);
        prop_assert_eq!(decoded.trace_parent, event.trace_parent);
        prop_assert_eq!(decoded.text_length, None);
    }

    #[test]
    fn what_is_added_or_stands_in_the_frame_is_not_content(event in event()) {
        let submitted = Submitted::from_event(event.clone()).unwrap();
        let mut bare = without_added(event);
        bare.trace_parent = None;
        bare.tenant = TenantId::new("another").unwrap();
        bare.task = TaskId::new("another").unwrap();
        bare.id = EventId::new("another").unwrap();
        let bare = Submitted::from_event(bare).unwrap();
        prop_assert_eq!(bare.content(), submitted.content());
        prop_assert_eq!(bare.content_hash(), submitted.content_hash());
    }

    #[test]
    fn json_and_protobuf_carry_all_that_is_sent(event in sendable()) {
        let sent = Submitted::from_event(without_added(event.clone())).unwrap();
        let json = sent.to_json();
        prop_assert_eq!(&read(&json), &sent);
        prop_assert_eq!(&Submitted::from_proto(sent.to_proto(), &Defaults::default()).unwrap(), &sent);
        let stored = sent.encode_stored(&event.body).unwrap();
        let recorded = decode_stored(&stored).unwrap().to_json(&place());
        let kind = event.body.kind();
        assert_part(&json[kind], &recorded[kind], kind);
    }

    #[test]
    fn text_lengths_are_kept_beside_their_estimate(
        prompt in proptest::option::of(0..=1_000_000_000_000_u64),
        completion in 0..=1_000_000_000_000_u64,
    ) {
        let usage = proto::UsageRecorded {
            prompt_chars: prompt,
            completion_chars: Some(completion),
            ..proto::UsageRecorded::default()
        };
        let sent = proto::Event {
            task: "T".to_owned(),
            producer: "p".to_owned(),
            id: "1".to_owned(),
            body: Some(proto::event::Body::UsageRecorded(usage)),
            ..proto::Event::default()
        };
        let submitted = Submitted::from_proto(sent, &Defaults::default()).unwrap();
        let stored = submitted.encode_stored(&submitted.event.body).unwrap();
        let decoded = decode_stored(&stored).unwrap();
        let EventBody::Usage(UsageEvent::UsageRecorded(usage)) = &decoded.body else { panic!("usage") };
        prop_assert_eq!(usage.tokens, estimate(prompt.unwrap_or_default(), completion));
        prop_assert!(usage.estimated);
        let length = TextLength { prompt_chars: prompt, completion_chars: Some(completion) };
        prop_assert_eq!(decoded.text_length, Some(length));
        prop_assert_eq!(&read(&submitted.to_json()), &submitted);
        let recorded = decoded.to_json(&place());
        prop_assert_eq!(recorded["usage_recorded"]["completion_chars"].as_u64(), Some(completion));
        prop_assert_eq!(recorded["usage_recorded"]["estimated"].as_bool(), Some(true));
    }

    #[test]
    fn usage_reads_the_same_the_fast_and_the_general_way(
        event in usage_event(),
        changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..4),
    ) {
        // Field 101, a number: unknown, so that the fast way leaves the event to the general one.
        const UNKNOWN: &[u8] = b"\xa8\x06\x05";
        let submitted = Submitted::from_event(event.clone()).unwrap();
        let mut stored = submitted.encode_stored(&event.body).unwrap();
        prop_assert_eq!(decode_stored(&stored).unwrap().body, event.body);
        prop_assert_eq!(decode_stored(&[&stored, UNKNOWN].concat()), decode_stored(&stored));
        for (at, byte) in changes {
            let at = at.index(stored.len());
            stored[at] = byte;
            if let Ok(decoded) = decode_stored(&stored) {
                prop_assert_eq!(decode_stored(&[&stored, UNKNOWN].concat()), Ok(decoded));
            }
        }
    }

    #[test]
    fn an_event_reads_the_same_whatever_was_read_before_it(
        events in proptest::collection::vec(prop_oneof![usage_event(), event()], 1..8),
        cut in proptest::collection::vec(any::<bool>(), 8),
    ) {
        let mut decoder = Decoder::default();
        for (event, cut) in events.iter().zip(cut) {
            let submitted = Submitted::from_event(event.clone()).unwrap();
            let mut stored = submitted.encode_stored(&event.body).unwrap();
            if cut {
                stored.pop();
            }
            prop_assert_eq!(decoder.decode(&stored).cloned(), decode_stored(&stored));
        }
    }

    #[test]
    fn no_bytes_stop_a_reader(bytes in proptest::collection::vec(any::<u8>(), 0..64), event in event()) {
        let _ = decode_stored(&bytes);
        let submitted = Submitted::from_event(event).unwrap();
        let mut stored = submitted.encode_stored(&submitted.event.body).unwrap();
        for (nth, byte) in bytes.iter().enumerate() {
            let at = (nth * 31 + usize::from(*byte)) % stored.len();
            stored[at] = *byte;
            let _ = decode_stored(&stored);
        }
    }

    #[test]
    fn no_text_stops_the_edge(
        text in "[{}\\[\\]\":,a-z0-9\\\\ ]{0,60}",
        nth in any::<prop::sample::Index>(),
        at in any::<prop::sample::Index>(),
    ) {
        let _ = Submitted::from_json(&text, &Defaults::default());
        let texts = sent_texts();
        let valid: Vec<char> = texts.values().nth(nth.index(texts.len())).expect("a fixture").chars().collect();
        let (head, tail) = valid.split_at(at.index(valid.len()));
        let mixed: String = head.iter().copied().chain(text.chars()).chain(tail.iter().copied()).collect();
        let _ = Submitted::from_json(&mixed, &Defaults::default());
    }
}

#[test]
fn an_attempt_that_the_decision_filled_in_is_added_and_one_that_was_named_is_content() {
    let ended = |attempt| EventBody::from(PhaseEnded { phase: crate::samples::phase("THINK"), attempt });
    let unnamed = Submitted::from_event(crate::samples::own_event("T", ended(None))).unwrap();
    let named = Submitted::from_event(crate::samples::own_event("T", ended(Some(2)))).unwrap();
    assert_ne!(unnamed.content_hash(), named.content_hash());
    for submitted in [unnamed, named] {
        let stored = submitted.encode_stored(&ended(Some(2))).unwrap();
        assert_eq!(decode_stored(&stored).unwrap().body, ended(Some(2)));
    }
}
