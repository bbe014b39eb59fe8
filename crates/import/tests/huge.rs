//! A session of many megabytes, most of them pictures in compacted histories: every call counts, and memory stays flat.

use std::io::{self, Read};
use std::path::Path;

use tollgate_domain::ids::TenantId;
use tollgate_import::item::Item;
use tollgate_import::reader::Format;
use tollgate_import::summary::ImportSummary;

/// Calls of the session; a compacted history comes after every 80th.
const CALLS: u64 = 400;

/// Bytes of the picture in each compacted history.
const PICTURE_BYTES: u64 = 24 << 20;

/// How much the process's memory may grow while it reads; one picture is twice as much.
const MEMORY_KIB: u64 = 12 << 10;

/// The session as a stream, generated line by line.
struct Session {
    call: u64,
    part: Box<dyn Read>,
}

impl Session {
    fn new() -> Self {
        let head = concat!(
            r#"{"timestamp":"2026-05-03T08:00:00.000Z","type":"session_meta","payload":{"id":"A","model_provider":"openai"}}"#,
            "\n",
            r#"{"timestamp":"2026-05-03T08:00:00.000Z","type":"turn_context","payload":{"model":"gpt-5"}}"#,
            "\n"
        );
        Self { call: 0, part: Box::new(head.as_bytes()) }
    }

    fn next_part(&self) -> Box<dyn Read> {
        let call = self.call;
        let (hour, minute) = (8 + call / 60, call % 60);
        let counters = |calls: u64| {
            let (input, output) = (calls * 100_000, calls * 500);
            format!(
                r#"{{"input_tokens":{input},"cached_input_tokens":0,"output_tokens":{output},"reasoning_output_tokens":0,"total_tokens":{}}}"#,
                input + output
            )
        };
        let line = format!(
            "{{\"timestamp\":\"2026-05-03T{hour:02}:{minute:02}:00.000Z\",\"type\":\"event_msg\",\"payload\":{{\"type\":\"token_count\",\"info\":{{\"total_token_usage\":{},\"last_token_usage\":{}}}}}}}\n",
            counters(call),
            counters(1)
        );
        if !call.is_multiple_of(80) {
            return Box::new(io::Cursor::new(line));
        }
        let begins = format!(
            "{{\"timestamp\":\"2026-05-03T{hour:02}:{minute:02}:01.000Z\",\"type\":\"compacted\",\"payload\":{{\"message\":\"data:image/png;base64,"
        );
        let picture = io::repeat(b'A').take(PICTURE_BYTES);
        Box::new(io::Cursor::new(line + &begins).chain(picture).chain(&b"\"}}\n"[..]))
    }
}

impl Read for Session {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        loop {
            let read = self.part.read(into)?;
            if read > 0 || self.call == CALLS {
                return Ok(read);
            }
            self.call += 1;
            self.part = self.next_part();
        }
    }
}

/// The peak memory of this process, in KiB; `None` if the system does not say.
fn most_memory() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim().strip_suffix(" kB")?.trim().parse().ok()
}

#[test]
fn a_session_of_many_megabytes_counts_whole_in_flat_memory() {
    let before = most_memory();
    let mut summary = ImportSummary::default();
    for item in Format::Codex.from_stream(Session::new(), Path::new("a.jsonl"), &TenantId::default_tenant()) {
        assert!(matches!(item, Item::Call(_)), "nothing is wrong with it: {item:?}");
        summary.count(&item);
    }
    assert_eq!((summary.events, summary.tokens.total()), (CALLS, 40_200_000));
    if let (Some(before), Some(after)) = (before, most_memory()) {
        let grown = after.saturating_sub(before);
        assert!(grown < MEMORY_KIB, "{grown} KiB more than before");
    }
}
