//! Lines and heads that cannot be read, or are truncated.

use super::*;

#[test]
fn what_cannot_be_read_is_named_by_line_and_the_reading_goes_on() {
    let bad_time = usage(r#""timestamp":"yesterday""#, "50", "0", "5", "0");
    let no_time = usage(r#""x":0"#, "50", "0", "5", "0");
    let no_total =
        r#"{"type":"event_msg","payload":{"type":"token_count","info":{"model_context_window":7}}}"#;
    let table: &[(&str, &str)] = &[
        (r#"{"type" "x"}"#, "column 9: expected `:`; the line is skipped"),
        (r#"{"type":"x"} y"#, "column 14: trailing characters; the line is skipped"),
        (r#"{"type":"x""#, "column 11: EOF while parsing an object; the line is skipped"),
        ("[1]", "column 1: must be a JSON object; the line is skipped"),
        ("7", "column 1: must be a JSON object; the line is skipped"),
        (r#"{"type":7}"#, "type is 7: must be text; the line is skipped"),
        (r#"{"type":"event_msg","type":"event_msg"}"#, "column 26: duplicate field `type`"),
        (
            r#"{"type":"event_msg","payload":{"info":1,"info":2}}"#,
            "payload is {\"info\":1,\"info\":2}: must name",
        ),
        (&bad_time, "timestamp is \"yesterday\": must be RFC 3339"),
        (&no_time, "timestamp is missing: must be RFC 3339"),
        (no_total, "payload.info.total_token_usage is missing: must be an object"),
        (
            "use -1 0 0 0",
            "input_tokens is -1: must be a whole number of tokens from 0 to 2^64 - 1; the snapshot",
        ),
        ("use 1.5 0 0 0", "input_tokens is 1.5: must be a whole number"),
        ("use null 0 0 0", "input_tokens is missing: must be a whole number"),
        (r#"use 9 0 "5" 0"#, "output_tokens is \"5\": must be a whole number"),
        ("use 9 true 5 0", "cached_input_tokens is true: must be a whole number"),
        ("use 9 0 5 99999999999999999999", "reasoning_output_tokens is 99999999999999999999: must be"),
        ("use 9000000000000 0 5 0", "tokens.input_uncached is 9000000000000, above 1000000000000"),
    ];
    for (bad, problem) in table {
        let problem = format!("s.jsonl:3: {problem}");
        check(
            &["meta S", "turn m", bad, "use 50 0 5 0"],
            // Nothing is lost: the next readable snapshot includes the growth.
            &[&problem, "S m 50 0 5 0"],
        );
    }
}

#[test]
fn other_lines_are_none_of_its_business() {
    let deep = format!(r#"{{"type":"response_item","payload":{}1{}}}"#, "[".repeat(5000), "]".repeat(5000));
    let others = [
        "",
        "  \t\r",
        r#"{"type":"response_item","payload":{"type":"message","id":5}}"#,
        r#"{"type":"event_msg","payload":{"type":"agent_message","info":5}}"#,
        r#"{"type":"event_msg","payload":"token_count"}"#,
        r#"{"type":"event_msg"}"#,
        r#"{"type":"from_the_future","payload":[],"timestamp":7}"#,
        r#"{"record_type":"state"}"#,
        "{}",
        &deep,
    ];
    for other in others {
        let end_of_line = if other.is_empty() { "" } else { "\r" };
        check(&["meta S", "turn m", &format!("{other}{end_of_line}"), "use 1 0 0 0"], &["S m 1 0 0 0"]);
    }
}

#[test]
fn parts_that_are_left_out_are_zero() {
    let early = r#"{"timestamp":"2025-10-10T01:00:00Z","type":"event_msg","payload":{"type":"token_count","info":{"total_token_usage":{"input_tokens":5,"cached_input_tokens":null,"output_tokens":2}}}}"#;
    check(&["meta S", "turn m", early], &["S m 5 0 2 0"]);
}

#[test]
fn a_torn_end_is_named_unless_it_reports_no_usage() {
    let whole = rollout(&["meta S", "turn m", "use 1 0 0 0", "use 2 0 0 ü"]);
    let third = whole.match_indices('\n').nth(2).unwrap().0 + 1;
    let umlaut = whole.find('ü').unwrap();
    for end in third + 1..=umlaut {
        check_bytes(
            "s.jsonl",
            &whole.as_bytes()[..end],
            &["S m 1 0 0 0", "s.jsonl:4: the last line is not complete and may report usage"],
        );
    }
    let complete = rollout(&["meta S", "turn m", "use 1 0 0 0"]);
    check_bytes("s.jsonl", complete.trim_end().as_bytes(), &["S m 1 0 0 0"]);
    // NULs after the last line, from a machine that lost power.
    let with_nuls = [complete.trim_end().as_bytes(), &[0; 700]].concat();
    check_bytes("s.jsonl", &with_nuls, &["S m 1 0 0 0"]);
    check_bytes("s.jsonl", &[complete.as_bytes(), &[0; 9]].concat(), &["S m 1 0 0 0"]);
    let turn = r#"{"timestamp":"2025-10-10T01:00:00Z","type":"turn_context","payload":{"mod"#;
    check_bytes(
        "s.jsonl",
        (complete.clone() + turn).as_bytes(),
        &["S m 1 0 0 0", "note s.jsonl:4: the last line is not complete, it is still being written"],
    );
    let answer = r#"{"timestamp":"2025-10-10T01:00:00Z","type":"response_item","payload":{"mod"#;
    check_bytes("s.jsonl", (complete.clone() + answer).as_bytes(), &["S m 1 0 0 0"]);
    check_bytes("s.jsonl", b"{\"a\":1} x", &["s.jsonl:1: column 9: trailing characters"]);
    check_bytes("s.jsonl", b"{\"a\":\xff}\n", &["s.jsonl:1: column 6: "]);
}

#[test]
fn an_empty_file_says_so() {
    check_bytes("s.jsonl", b"", &["note s.jsonl: is empty: nothing to import"]);
    check_bytes("s.jsonl", b"\n", &[]);
}

#[test]
fn without_a_head_the_files_name_names_the_session() {
    let id = "0199cbc9-c52b-7310-a697-9a5dc7d2a91d";
    let script = rollout(&["turn m", "use 1 0 0 0", &format!("meta {id}"), "use 2 0 0 0"]);
    let note = format!("note {NAMED}:2: usage before any session_meta: the session id {id} is taken from");
    let events = [format!("{id} m 1 0 0 0"), format!("{id} m 1 0 0 0")];
    check_bytes(NAMED, script.as_bytes(), &[&note, &events[0], &events[1]]);

    // Without such a name the owner is unknown until the head comes; nothing is lost then.
    let problem =
        "s.jsonl:2: usage before any session_meta, and the file is not named rollout-<time>-<uuid>.jsonl";
    check_bytes("s.jsonl", script.as_bytes(), &[problem, &format!("{id} m 2 0 0 0")]);
    check(&["turn m", "use 1 0 0 0", "use 2 0 0 0"], &[problem]);
    for name in [
        "rollout-0199cbc9.jsonl",
        "rollout-x-0199cbc9-c52b-7310-a697-9a5dc7d2a91z.jsonl",
        ".jsonl",
        "é.jsonl",
    ] {
        assert_eq!(keys::thread_in_name(Path::new(name)), None, "{name}");
    }
}

#[test]
fn a_head_without_an_id_is_a_problem_and_the_name_helps() {
    let long = "x".repeat(110);
    let table: &[(&str, &str)] = &[
        (r#"{"type":"session_meta","payload":{}}"#, "payload.id is missing: must be the session's id"),
        (r#"{"type":"session_meta"}"#, "payload.id is missing: must be the session's id"),
        (r#"{"type":"session_meta","payload":{"id":7}}"#, "payload.id is 7: must be text of 1 to 128 bytes"),
        (r#"{"type":"session_meta","payload":{"id":"a\u0000"}}"#, "payload.id is \"a\\u0000\": must be text"),
        (&format!("meta {long}"), "payload.id is codex:xxx"),
    ];
    for (head, problem) in table {
        let bytes = rollout(&[head, "meta PARENT", "turn m", "use 1 0 0 0"]);
        check_bytes(
            NAMED,
            bytes.as_bytes(),
            &[
                &format!("{NAMED}:1: {problem}"),
                "PARENT m 1 0 0 0",
                &format!("note {NAMED}: 1 calls with 1 tokens are copied from PARENT"),
            ],
        );
    }
}

#[test]
fn a_failing_disk_ends_the_reading_with_its_line() {
    struct Broken;
    impl Read for Broken {
        fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
            Err(io::Error::other("disk on fire"))
        }
    }
    let bytes = rollout(&["meta S", "turn m", "use 1 0 0 0"]);
    let input = Cursor::new(bytes).chain(Broken);
    let mut reader = Format::Codex.from_stream(input, Path::new("s.jsonl"), &TenantId::default_tenant());
    assert!(matches!(reader.next(), Some(Item::Call(_))));
    let Some(Item::Problem(problem)) = reader.next() else { panic!("a problem") };
    assert_eq!(problem.line, Some(4));
    assert_eq!(problem.what, ProblemKind::NotReadable { message: "disk on fire".to_owned() });
    assert_eq!(reader.next(), None);
}
