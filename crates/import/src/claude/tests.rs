//! Transcripts as small scripts.

use std::io::Cursor;
use std::path::{Path, PathBuf};

use tollgate_domain::event::{EventBody, UsageEvent};
use tollgate_domain::ids::TenantId;

use crate::item::Item;
use crate::reader::Format;
use crate::sources::{SourceFile, sources};

/// A line of an answer: `UUID ID REQUEST USAGE…`, with usage as the fields of its object; `-` for missing values.
fn answer(short: &str) -> String {
    let [uuid, id, request, usage] = short.splitn(4, ' ').collect::<Vec<_>>()[..] else { panic!("{short}") };
    let field = |name: &str, value: &str| {
        if value == "-" { String::new() } else { format!(r#""{name}":"{value}","#) }
    };
    format!(
        r#"{{{}{}"isSidechain":false,"type":"assistant","timestamp":"2026-11-20T10:00:02.000Z","sessionId":"S","cwd":"/srv/app","gitBranch":"main","message":{{{}"model":"opus","content":[{{"type":"text","text":"{{\"input_tokens\":9}}"}}],"usage":{{{usage}}}}}}}"#,
        field("uuid", uuid),
        field("requestId", request),
        field("id", id)
    )
}

fn used(input: u64, output: u64) -> String {
    format!(r#""input_tokens":{input},"output_tokens":{output}"#)
}

fn read(name: &str, lines: &[String]) -> Vec<String> {
    let text: String = lines.iter().map(|line| format!("{line}\n")).collect();
    read_bytes(name, text.as_bytes())
}

/// Items as text: calls as `task id uncached/cached/written(1h)/output(reasoning) tier`.
fn read_bytes(name: &str, bytes: &[u8]) -> Vec<String> {
    let input = Cursor::new(bytes.to_vec());
    let shown = |item: Item| match item {
        Item::Miscounted(_) => panic!("no earlier version read transcripts"),
        Item::Family(family) => format!("family {} {}", family.root, family.session),
        Item::Call(call) => {
            let EventBody::Usage(UsageEvent::UsageRecorded(usage)) = &call.event.body else {
                panic!("usage")
            };
            let t = usage.tokens;
            let tier = usage.service_tier.as_deref().unwrap_or("-");
            format!(
                "{} {} {}/{}/{}({})/{}({}) {tier}",
                call.event.task,
                call.event.id,
                t.input_uncached,
                t.cached_input,
                t.cache_write,
                t.cache_write_1h,
                t.output,
                t.reasoning
            )
        }
        Item::Problem(problem) => problem.to_string(),
        Item::Note(note) => format!("note {note}"),
    };
    Format::Claude.from_stream(input, Path::new(name), &TenantId::default_tenant()).map(shown).collect()
}

#[test]
fn failure_12_snapshots_and_blocks_of_one_call_count_once() {
    let lines = [
        r#"{"type":"user","uuid":"u1","sessionId":"S","message":{"role":"user","content":"hi"}}"#.to_owned(),
        answer(&format!("a1 m1 r1 {}", used(10, 1))),
        answer(&format!("a2 m1 r1 {}", used(10, 3))),
        r#"{"type":"user","uuid":"u2","sessionId":"S","toolUseResult":{"usage":{"input_tokens":5}}}"#
            .to_owned(),
        answer(&format!("a3 m1 r1 {}", used(10, 427))),
        answer(&format!("a4 m2 r2 {}", used(12, 300))),
        answer(&format!("a5 m2 r2b {}", used(12, 300))),
        r#"{"type":"cost-state","sessionId":"S","x_tokens":1,"modelUsage":{}}"#.to_owned(),
        r#"{"type":"system","subtype":"compact_boundary","compactMetadata":{"pre_tokens":2839}}"#.to_owned(),
    ];
    let expected =
        ["family u1 S", "claude-S claude:m1 10/0/0(0)/427(0) -", "claude-S claude:m2 12/0/0(0)/300(0) -"];
    assert_eq!(read("S.jsonl", &lines), expected);
}

#[test]
fn every_counter_finds_its_kind() {
    let full = r#""input_tokens":12,"cache_creation_input_tokens":500,"cache_read_input_tokens":2000,"cache_creation":{"ephemeral_5m_input_tokens":100,"ephemeral_1h_input_tokens":400},"output_tokens":300,"service_tier":"standard","speed":"standard","output_tokens_details":{"thinking_tokens":80},"server_tool_use":{"web_search_requests":2}"#;
    let fast = full.replace(r#""speed":"standard""#, r#""speed":"fast""#);
    let flat = r#""input_tokens":1,"cache_creation_input_tokens":7,"output_tokens":2"#;
    let compacted = r#""input_tokens":1,"output_tokens":2,"iterations":[{"type":"compaction","input_tokens":100,"output_tokens":20},{"type":"message","input_tokens":1,"output_tokens":2}]"#;
    let lines = [full, &fast, flat, compacted].into_iter().enumerate();
    let lines: Vec<String> = lines.map(|(nth, usage)| answer(&format!("a{nth} m{nth} r {usage}"))).collect();
    let expected = [
        "family a0 S",
        "claude-S claude:m0 12/2000/500(400)/300(80) standard",
        "claude-S claude:m1 12/2000/500(400)/300(80) fast",
        "claude-S claude:m2 1/0/7(0)/2(0) -",
        "claude-S claude:m3 101/0/0(0)/22(0) -",
    ];
    assert_eq!(read("S.jsonl", &lines), expected);
}

#[test]
fn what_a_call_was_made_of_and_is_not_known_is_named() {
    let used = |iterations: &str| format!(r#""input_tokens":1,"output_tokens":2,"iterations":{iterations}"#);
    let advisor = r#"[{"type":"advisor_message","input_tokens":823,"output_tokens":1612},{"type":"message","input_tokens":1,"output_tokens":2}]"#;
    let empty = r#"[{"type":"thought","input_tokens":0}]"#;
    let lines = [used(advisor), used(empty), used("null"), used("5")];
    let lines: Vec<String> =
        lines.iter().zip(0..).map(|(usage, nth)| answer(&format!("a{nth} m{nth} r {usage}"))).collect();
    let got = read("S.jsonl", &lines);
    assert_eq!(got.iter().filter(|line| line.contains("claude:m")).count(), 4, "{got:?}");
    let named: Vec<&String> = got.iter().filter(|line| line.starts_with("S.jsonl")).collect();
    assert_eq!(named.len(), 2, "{named:?}");
    assert!(
        named[0].starts_with("S.jsonl:1:") && named[0].contains("iterations/advisor_message"),
        "{named:?}"
    );
    assert!(named[1].starts_with("S.jsonl:4:") && named[1].contains("must be a list"), "{named:?}");
}

#[test]
fn keys_fall_back_and_what_has_none_is_named() {
    let lines = ["a1 - r1", "a2 - -", "- - -"].map(|ids| answer(&format!("{ids} {}", used(1, 1))));
    let got = read("S.jsonl", &lines);
    let expected = [
        "S.jsonl:3: usage without message.id, requestId and uuid: it cannot be distinguished from its copies and is not counted",
        "family a1 S",
        "claude-S claude:r1 1/0/0(0)/1(0) -",
        "claude-S claude:a2 1/0/0(0)/1(0) -",
    ];
    assert_eq!(got, expected);
}

#[test]
fn what_is_no_call_is_skipped_and_what_is_not_known_is_named() {
    let error = answer(&format!("a1 m1 r1 {}", used(5, 5)))
        .replace("{\"uuid\"", "{\"isApiErrorMessage\":true,\"uuid\"");
    let synthetic = answer(&format!("a2 m2 r2 {}", used(0, 0))).replace("opus", "<synthetic>");
    let lines = [
        error,
        synthetic,
        r#"{"type":"usage-report","usage":{"input_tokens":5}}"#.to_owned(),
        r#"{"type":"usage-total","usage":{"inputTokens":5}}"#.to_owned(),
        answer(r#"a3 m3 r3 "input_tokens":1,"output_tokens":2,"video_tokens":7"#),
        answer(r#"a4 m4 r4 "input_tokens":1,"output_tokens":2,"video_tokens":8"#),
        answer(r#"a5 m5 r5 "input_tokens":"many","output_tokens":2"#),
        "{\"type\":\"assistant\",\"x_tokens\": oops".to_owned(),
        "oops".to_owned(),
    ];
    let got = read("S.jsonl", &lines);
    let expected = [
        "S.jsonl:3: a line of the unsupported kind `usage-report` reports tokens: they are not counted",
        "S.jsonl:4: a line of the unsupported kind `usage-total` reports tokens: they are not counted",
        "S.jsonl:5: video_tokens is 7, but it is an unsupported kind of tokens: not counted separately",
        "S.jsonl:7: input_tokens is \"many\": must be a whole number of tokens from 0 to 2^64 - 1; the line is skipped",
        "S.jsonl:8: column 33: expected value; the line is skipped",
        "family a1 S",
        "claude-S claude:m3 1/0/0(0)/2(0) -",
        "claude-S claude:m4 1/0/0(0)/2(0) -",
    ];
    assert_eq!(got, expected);
}

#[test]
fn a_torn_end_is_named() {
    let whole = answer(&format!("a1 m1 r1 {}", used(5, 5)));
    let torn = [whole.as_bytes(), b"\n", &whole.as_bytes()[..150]].concat();
    let got = read_bytes("S.jsonl", &torn);
    assert!(got[0].starts_with("S.jsonl:2: the last line is not complete and may report usage"), "{got:?}");
    let nuls = [whole.as_bytes(), &[0; 100]].concat();
    assert_eq!(read_bytes("S.jsonl", &nuls), ["family a1 S", "claude-S claude:m1 5/0/0(0)/5(0) -"]);
}

#[test]
fn a_subagent_is_of_its_session_and_a_fork_comes_after_what_it_was_made_of() {
    let dir = tempfile::tempdir().unwrap();
    let write = |name: &str, lines: &[String]| {
        let path = dir.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, lines.join("\n") + "\n").unwrap();
    };
    let first = answer(&format!("root m1 r1 {}", used(5, 5)));
    let own = answer(&format!("a9 m9 r9 {}", used(7, 7))).replace("\"S\"", "\"A\"");
    let side = answer(&format!("s1 m2 r2 {}", used(6, 6)));
    write("B.jsonl", std::slice::from_ref(&first));
    write("A.jsonl", &[first.replace("\"S\"", "\"A\""), own]);
    write("B/subagents/agent-x.jsonl", &[side]);
    write("B/subagents/agent-x.meta.json", &[r#"{"agentType":"Explore"}"#.to_owned()]);
    let mut found = sources(&[dir.path().to_owned()]);
    assert_eq!(Format::Claude.arrange(&mut found), ["B", "A"]);
    let name = |file: &SourceFile| file.path.strip_prefix(dir.path()).unwrap().to_owned();
    let names: Vec<PathBuf> = found.files.iter().map(name).collect();
    assert_eq!(names, ["B.jsonl", "A.jsonl", "B/subagents/agent-x.jsonl"].map(PathBuf::from));
    let items: Vec<Item> =
        Format::Claude.open(&found.files[2].path, &TenantId::default_tenant()).unwrap().collect();
    let [Item::Family(family), Item::Call(call)] = &items[..] else { panic!("{items:?}") };
    assert_eq!((family.root.as_str(), call.event.task.as_str()), ("root", "claude-S"));
    let EventBody::Usage(UsageEvent::UsageRecorded(usage)) = &call.event.body else { panic!("usage") };
    let labels: Vec<String> = usage.labels.iter().map(|(name, value)| format!("{name}={value}")).collect();
    assert_eq!(
        labels,
        ["agent=Explore", "branch=main", "conversation=root", "cwd=/srv/app", "root=claude-S"]
    );
}

/// A progress line of sub-agent `q7` containing a line of its own file.
fn progress(line: &str) -> String {
    format!(
        r#"{{"type":"progress","uuid":"p1","sessionId":"S","data":{{"type":"agent_progress","agentId":"q7","message":{line}}}}}"#
    )
}

#[test]
fn calls_that_only_progress_tells_of_are_named() {
    let dir = tempfile::tempdir().unwrap();
    let session = dir.path().join("S.jsonl");
    let own = answer(&format!("a1 m1 r1 {}", used(10, 1)));
    let lines = [own.clone(), progress(&answer(&format!("b1 m2 r2 {}", used(20, 2))))];
    let missing = dir.path().join("S/subagents/agent-q7.jsonl");
    let problem = format!(
        "{}:2: sub-agent `q7` reports calls in lines of progress, and its file {} is missing: not counted; put the file back and import \
         again",
        session.display(),
        missing.display()
    );
    let call = "claude-S claude:m1 10/0/0(0)/1(0) -";
    assert_eq!(read(session.to_str().unwrap(), &lines), ["family a1 S", call, &problem]);
    // Next to the session, as in earlier versions, or below it.
    for there in [dir.path().join("agent-q7.jsonl"), missing] {
        std::fs::create_dir_all(there.parent().unwrap()).unwrap();
        std::fs::write(&there, answer(&format!("b1 m2 r2 {}", used(20, 2)))).unwrap();
        assert_eq!(read(session.to_str().unwrap(), &lines), ["family a1 S", call]);
        // Truncated before that call.
        std::fs::write(&there, format!("{}\"m1\"", " ".repeat(3 << 20))).unwrap();
        let problem = format!(
            "{}:2: sub-agent `q7` reports calls in lines of progress that its file {} does not have: 1 not counted",
            session.display(),
            there.display()
        );
        assert_eq!(read(session.to_str().unwrap(), &lines), ["family a1 S", call, &problem]);
        std::fs::remove_file(there).unwrap();
    }
    // In the session itself, as in the first versions.
    let here = own.replace(r#""isSidechain":false"#, r#""isSidechain":true,"agentId":"q7""#);
    let lines = [here, lines[1].clone()];
    assert_eq!(read(session.to_str().unwrap(), &lines), ["family a1 S", call]);
    // Progress lines that report no call.
    let lines =
        [own, progress(r#"{"type":"user","message":{"role":"user","content":"\"input_tokens\": 5"}}"#)];
    assert_eq!(read(session.to_str().unwrap(), &lines), ["family a1 S", call]);
}
