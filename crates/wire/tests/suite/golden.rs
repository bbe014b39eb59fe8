//! Golden vectors: the content hash defines duplicates for the lifetime of a ledger, and old bytes stay readable.
//!
//! `tests/fixtures/events/v1/NAME.json` is what a producer sends (kinds that the ledger writes itself have
//! none). Next to it: `NAME.canonical.hex` and `NAME.hash`, the content and its BLAKE3; `NAME.stored.hex`,
//! the bytes in a record; `NAME.recorded.json`, what readers are shown. A vector is never changed. To add
//! one, write its JSON and run the tests once with `TOLLGATE_WRITE_FIXTURES=1`: missing files are written,
//! existing ones never are. `fields.rs` names fields that no vector has.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;
use tollgate_domain::event::EventBody;
use tollgate_domain::position::{PartitionId, Sequence};
use tollgate_wire::{DecodedEvent, Defaults, Place, Submitted, decode_stored};

use crate::samples;

struct Vector {
    name: String,
    submitted: Submitted,
    decided: EventBody,
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fixtures/events/v1")
}

/// What producers send, by the name of the vector.
pub(crate) fn sent_texts() -> BTreeMap<String, String> {
    let files = fs::read_dir(folder()).expect("the folder of fixtures");
    let files = files.map(|file| file.expect("a readable folder").path());
    files
        .filter_map(|path| {
            let name = path.file_name()?.to_str()?.strip_suffix(".json")?.to_owned();
            let sent = !name.ends_with(".recorded");
            sent.then(|| (name, fs::read_to_string(&path).expect("a readable fixture")))
        })
        .collect()
}

fn vectors() -> Vec<Vector> {
    let sent = sent_texts().into_iter().map(|(name, text)| {
        let submitted = Submitted::from_json(&text, &Defaults::default());
        let submitted = submitted.unwrap_or_else(|error| panic!("{name}.json: {error}"));
        (name, submitted)
    });
    let own = samples::own_events().into_iter().map(|(name, event)| {
        let submitted = Submitted::from_event(event);
        (name.to_owned(), submitted.unwrap_or_else(|error| panic!("{name}: {error}")))
    });
    sent.chain(own)
        .map(|(name, submitted)| {
            let decided = samples::decided(&name, &submitted.event.body);
            Vector { name, submitted, decided }
        })
        .collect()
}

/// The text of a fixture; written first if it is missing and writing was requested.
fn fixture(file: &str, current: &str) -> String {
    let path = folder().join(file);
    if !path.exists() {
        let write = std::env::var_os("TOLLGATE_WRITE_FIXTURES").is_some();
        assert!(write, "{file} is missing: run the tests once with TOLLGATE_WRITE_FIXTURES=1");
        fs::write(&path, format!("{current}\n")).expect("a writable fixture");
    }
    fs::read_to_string(&path).expect("a readable fixture").trim_end().to_owned()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn unhex(text: &str) -> Vec<u8> {
    let byte = |at: usize| u8::from_str_radix(&text[at..at + 2], 16).expect("hex digits");
    (0..text.len()).step_by(2).map(byte).collect()
}

fn recorded_json(vector: &Vector, decoded: &DecodedEvent) -> Value {
    let event = &vector.submitted.event;
    decoded.to_json(&Place {
        sequence: Sequence(7),
        partition: PartitionId::of(event.tenant.as_str(), event.task.as_str()),
        recorded_at: "2026-11-21T08:30:11.000002Z".parse().expect("a time"),
        tenant: event.tenant.as_str(),
        task: event.task.as_str(),
        producer: event.producer.as_str(),
        id: event.id.as_str(),
    })
}

#[test]
fn content_and_hash_are_those_of_the_vectors() {
    for vector in vectors() {
        let name = &vector.name;
        let content = hex(vector.submitted.content());
        assert_eq!(content, fixture(&format!("{name}.canonical.hex"), &content), "{name}: content");
        let hash = hex(&vector.submitted.content_hash());
        assert_eq!(hash, fixture(&format!("{name}.hash"), &hash), "{name}: hash");
    }
}

#[test]
fn stored_bytes_are_those_of_the_vectors_and_are_read_back() {
    for vector in vectors() {
        let name = &vector.name;
        let stored = vector.submitted.encode_stored(&vector.decided).expect("a small event");
        assert!(stored.starts_with(vector.submitted.content()), "{name}: stored begins with the content");
        let golden = fixture(&format!("{name}.stored.hex"), &hex(&stored));
        assert_eq!(hex(&stored), golden, "{name}: stored");
        let decoded = decode_stored(&unhex(&golden)).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(decoded.body, vector.decided, "{name}");
        assert_eq!(decoded.occurred_at, vector.submitted.event.occurred_at, "{name}");
        assert_eq!(decoded.trace_parent, vector.submitted.event.trace_parent, "{name}");
    }
}

#[test]
fn recorded_events_are_shown_as_in_the_vectors() {
    for vector in vectors() {
        let name = &vector.name;
        let stored = vector.submitted.encode_stored(&vector.decided).expect("a small event");
        let shown = recorded_json(&vector, &decode_stored(&stored).expect("readable"));
        let pretty = serde_json::to_string_pretty(&shown).expect("JSON");
        let golden = fixture(&format!("{name}.recorded.json"), &pretty);
        assert_eq!(shown, serde_json::from_str::<Value>(&golden).expect("JSON"), "{name}");
    }
}

#[test]
fn every_kind_of_the_contract_has_a_vector_and_every_file_a_source() {
    let proto = include_str!("../../../../proto/tollgate/v1/event.proto");
    let (_, stored) = proto.split_once("message StoredEvent {").expect("the message");
    let (_, body) = stored.split_once("oneof body {").expect("its bodies");
    let (body, _) = body.split_once('}').expect("the end of the bodies");
    let fields = body.lines().map(str::trim).filter(|line| line.ends_with(';'));
    let kinds: Vec<&str> = fields.filter_map(|line| line.split_whitespace().nth(1)).collect();
    assert!(kinds.len() >= 13, "{kinds:?}");
    let vectors = vectors();
    for kind in kinds {
        assert!(vectors.iter().any(|vector| vector.decided.kind() == kind), "no vector for {kind}");
    }
    for file in fs::read_dir(folder()).expect("the folder of fixtures") {
        let file = file.expect("a readable folder").file_name().into_string().expect("a plain name");
        let name = file.split('.').next().unwrap_or_default();
        assert!(vectors.iter().any(|vector| vector.name == name), "{file}: no event of that name");
    }
}

#[test]
fn the_canonical_encoding_can_be_written_by_hand() {
    // Field 12, length 7: field 1, length 5: THINK.
    let sent = r#"{"task": "T", "producer": "p", "id": "1", "phase_started": {"phase": "think"}}"#;
    let submitted = Submitted::from_json(sent, &Defaults::default()).unwrap();
    assert_eq!(submitted.content(), b"\x62\x07\x0a\x05THINK");
    assert_eq!(submitted.content_hash(), *blake3::hash(b"\x62\x07\x0a\x05THINK").as_bytes());
    // Field 1 (1 s, 1000 ns); field 23 in two bytes of tag: name `n`, value -1 as zigzag 1.
    let sent = r#"{"task": "T", "producer": "p", "id": "1", "occurred_at": "1970-01-01T00:00:01.000001999Z",
        "signal_recorded": {"name": "n", "value": -1}}"#;
    let submitted = Submitted::from_json(sent, &Defaults::default()).unwrap();
    assert_eq!(submitted.content(), b"\x0a\x05\x08\x01\x10\xe8\x07\xba\x01\x05\x1a\x01n\x20\x01");
}
