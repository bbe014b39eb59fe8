//! Every field of the contract has stored bytes among the golden vectors: what any version ever wrote stays readable,
//! field by field.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use prost_reflect::{DescriptorPool, DynamicMessage, Kind, MessageDescriptor, ReflectMessage, Value};

fn stored_event() -> MessageDescriptor {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../proto");
    let files = protox::compile([root.join("tollgate/v1/event.proto")], [&root]).expect("the contract");
    let pool = DescriptorPool::from_file_descriptor_set(files).expect("the contract");
    pool.get_message_by_name("tollgate.v1.StoredEvent").expect("what is stored")
}

/// The fields of a message and of all that it contains.
fn fields(message: &MessageDescriptor, seen: &mut BTreeSet<String>, found: &mut BTreeSet<String>) {
    if !message.full_name().starts_with("tollgate.") || !seen.insert(message.full_name().to_owned()) {
        return;
    }
    for field in message.fields() {
        if !message.is_map_entry() {
            found.insert(field.full_name().to_owned());
        }
        if let Kind::Message(inner) = field.kind() {
            fields(&inner, seen, found);
        }
    }
}

/// The fields that a message sets.
fn set(message: &DynamicMessage, found: &mut BTreeSet<String>) {
    let name = message.descriptor().full_name().to_owned();
    assert_eq!(message.unknown_fields().count(), 0, "{name} has a field that the contract does not know");
    for (field, value) in message.fields() {
        found.insert(field.full_name().to_owned());
        set_in(value, found);
    }
}

#[expect(clippy::wildcard_enum_match_arm, reason = "all other values contain no message")]
fn set_in(value: &Value, found: &mut BTreeSet<String>) {
    match value {
        Value::Message(message) => set(message, found),
        Value::List(values) => values.iter().for_each(|value| set_in(value, found)),
        Value::Map(values) => values.values().for_each(|value| set_in(value, found)),
        _ => {}
    }
}

#[test]
fn every_field_of_the_contract_is_set_in_some_vector() {
    let event = stored_event();
    let (mut all, mut found) = (BTreeSet::new(), BTreeSet::new());
    fields(&event, &mut BTreeSet::new(), &mut all);
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fixtures/events/v1");
    for file in fs::read_dir(folder).expect("the folder of fixtures") {
        let path = file.expect("a readable folder").path();
        if !path.to_string_lossy().ends_with(".stored.hex") {
            continue;
        }
        let text = fs::read_to_string(&path).expect("a readable fixture");
        let text = text.trim();
        let byte = |at: usize| u8::from_str_radix(&text[at..at + 2], 16).expect("hex digits");
        let bytes: Vec<u8> = (0..text.len()).step_by(2).map(byte).collect();
        let message = DynamicMessage::decode(event.clone(), &*bytes);
        set(&message.unwrap_or_else(|error| panic!("{}: {error}", path.display())), &mut found);
    }
    let missing: Vec<&String> = all.difference(&found).collect();
    assert!(missing.is_empty(), "no golden vector has {missing:#?}: add one (golden.rs says how)");
}
