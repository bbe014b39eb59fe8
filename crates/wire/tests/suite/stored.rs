//! Stored bytes that a reader cannot handle, each with its own error; and those that it accepts, whatever wrote them.

use tollgate_domain::event::{EventBody, UsageEvent};
use tollgate_domain::tokens::TokenCounts;
use tollgate_wire::{DecodeError, Defaults, SCHEMA_VERSION, Submitted, decode_stored};

fn stored(body: &str) -> Vec<u8> {
    let text = format!(r#"{{"task": "T", "producer": "p", "id": "1", {body}}}"#);
    let submitted = Submitted::from_json(&text, &Defaults::default()).expect("a valid event");
    submitted.encode_stored(&submitted.event.body).expect("a small event")
}

#[test]
fn a_newer_kind_is_told_from_damage() {
    // Field 99, length 2: a kind of the future. Then what was added, version 1.
    let future = b"\x9a\x06\x02\x08\x01\xa2\x06\x02\x08\x01";
    assert_eq!(decode_stored(future), Err(DecodeError::UnknownKind { field_number: 99 }));
    assert_eq!(decode_stored(b""), Err(DecodeError::NoBody));
    assert_eq!(decode_stored(b"\xa2\x06\x02\x08\x01"), Err(DecodeError::NoBody));
    let whole = stored(r#""phase_started": {"phase": "THINK"}"#);
    for length in 1..whole.len() {
        // Bytes cut right after the content are a whole message: the frame of the record has lengths and a checksum.
        let readable = decode_stored(&whole[..length]);
        assert_eq!(readable.is_ok(), length == b"\x62\x07\x0a\x05THINK".len(), "{length}: {readable:?}");
    }
}

#[test]
fn a_newer_version_is_refused_whatever_its_body() {
    let newer = SCHEMA_VERSION + 1;
    let bytes = [b"\x9a\x06\x02\x08\x01\xa2\x06\x02\x08".as_slice(), &[newer as u8]].concat();
    assert_eq!(
        decode_stored(&bytes),
        Err(DecodeError::NewerSchema { version: newer, known: SCHEMA_VERSION })
    );
}

#[test]
fn fields_of_a_newer_writer_are_passed_over() {
    let mut bytes = stored(r#""phase_started": {"phase": "THINK"}"#);
    let plain = decode_stored(&bytes);
    // Field 101, a number.
    bytes.extend_from_slice(b"\xa8\x06\x05");
    assert_eq!(decode_stored(&bytes), plain);
}

#[test]
fn words_of_a_newer_writer_name_their_field() {
    let bytes = stored(r#""task_closed": {"outcome": "completed"}"#);
    let at = bytes.windows(9).position(|window| window == b"completed").unwrap();
    let mut other = bytes.clone();
    other[at..at + 9].copy_from_slice(b"suspended");
    let error = decode_stored(&other).unwrap_err().to_string();
    assert_eq!(
        error,
        "stored event: task_closed.outcome: `suspended`: must be one of completed, cancelled, abandoned"
    );
}

#[test]
fn limits_of_the_edge_do_not_hold_for_what_is_recorded() {
    // A reason above today's limit of 2000 bytes, as if recorded under an older, higher one.
    let reason = "x".repeat(3000);
    let inner = [b"\x0a\x09completed\x12\xb8\x17".as_slice(), reason.as_bytes()].concat();
    let length = [(inner.len() & 0x7f) as u8 | 0x80, (inner.len() >> 7) as u8];
    let bytes = [b"\x5a".as_slice(), &length, &inner].concat();
    assert!(decode_stored(&bytes).is_ok(), "{:?}", decode_stored(&bytes));
}

#[test]
fn recorded_estimates_keep_the_tokens_that_they_were_counted_with() {
    let text = r#"{"task": "T", "producer": "p", "id": "1", "usage_recorded": {"prompt_chars": 4000}}"#;
    let submitted = Submitted::from_json(text, &Defaults::default()).unwrap();
    let mut decided = submitted.event.body.clone();
    let EventBody::Usage(UsageEvent::UsageRecorded(usage)) = &mut decided else { panic!("usage") };
    // As if another formula had been in force.
    usage.tokens = TokenCounts { input_uncached: 777, ..TokenCounts::default() };
    let stored = submitted.encode_stored(&decided).unwrap();
    assert_eq!(decode_stored(&stored).unwrap().body, decided);
    // Without recorded tokens (nothing added at all) there is only the formula.
    assert_eq!(decode_stored(submitted.content()).unwrap().body, submitted.event.body);
}

#[test]
fn usage_in_forms_that_only_others_write_reads_as_protobuf_says() {
    const ADDED: &[u8] = b"\xa2\x06\x02\x08\x01";
    let tokens = |bytes: &[u8]| {
        let body = decode_stored(&[bytes, ADDED].concat()).unwrap().body;
        let EventBody::Usage(UsageEvent::UsageRecorded(usage)) = body else { panic!("usage") };
        (usage.tokens, usage.estimated)
    };
    let counts = |input_uncached, output| TokenCounts { input_uncached, output, ..TokenCounts::default() };
    for (bytes, expected) in [
        // tokens {1: 5}
        (b"\xa2\x01\x04\x3a\x02\x08\x05".as_slice(), (counts(5, 0), false)),
        // tokens {4: 9, 1: 5}: out of order
        (b"\xa2\x01\x06\x3a\x04\x20\x09\x08\x05", (counts(5, 9), false)),
        // tokens {1: 5}, tokens {4: 9}: merged
        (b"\xa2\x01\x08\x3a\x02\x08\x05\x3a\x02\x20\x09", (counts(5, 9), false)),
        // tokens {1: 5, 7: 9}: a kind of the future
        (b"\xa2\x01\x06\x3a\x04\x08\x05\x38\x09", (counts(5, 0), false)),
        // tokens {1: 5}, estimated 2
        (b"\xa2\x01\x06\x3a\x02\x08\x05\x40\x02", (counts(5, 0), true)),
        // tokens {1: 5, with a superfluous byte}
        (b"\xa2\x01\x05\x3a\x03\x08\x85\x00", (counts(5, 0), false)),
    ] {
        assert_eq!(tokens(bytes), expected, "{bytes:02x?}");
    }
}
