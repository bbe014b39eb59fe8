//! Rollouts as small scripts: the result of each rule.

mod copies;
mod unreadable;

use std::io::{self, Cursor, Read};
use std::path::Path;

use tollgate_domain::event::{Event, EventBody, UsageEvent};
use tollgate_domain::ids::TenantId;

use super::keys;
use crate::item::{Item, ProblemKind};
use crate::reader::{Format, SessionReader};
use crate::summary::ImportSummary;

const NAMED: &str = "rollout-2025-10-09T20-43-42-0199cbc9-c52b-7310-a697-9a5dc7d2a91d.jsonl";

/// A line of a rollout from a short form; anything else is used unchanged.
///
/// `meta ID` · `turn MODEL` · `use INPUT CACHED OUTPUT REASONING` · `null` (usage not known yet)
fn line(short: &str) -> String {
    let at = r#""timestamp":"2025-10-10T01:00:00Z""#;
    match short.split_whitespace().collect::<Vec<_>>()[..] {
        ["meta", id] => format!(
            r#"{{{at},"type":"session_meta","payload":{{"id":"{id}","originator":"codex_exec","new":[1]}}}}"#
        ),
        ["turn", model] => format!(r#"{{{at},"type":"turn_context","payload":{{"model":"{model}"}}}}"#),
        ["use", input, cached, output, reasoning] => usage(at, input, cached, output, reasoning),
        ["null"] => {
            format!(r#"{{{at},"type":"event_msg","payload":{{"type":"token_count","info":null}}}}"#)
        }
        _ => short.to_owned(),
    }
}

fn usage(at: &str, input: &str, cached: &str, output: &str, reasoning: &str) -> String {
    format!(
        r#"{{{at},"type":"event_msg","payload":{{"type":"token_count","info":{{"total_token_usage":{{"input_tokens":{input},"cached_input_tokens":{cached},"output_tokens":{output},"reasoning_output_tokens":{reasoning},"x":1}},"last_token_usage":{{"input_tokens":7}}}}}}}}"#
    )
}

fn rollout(script: &[&str]) -> String {
    script.iter().map(|short| line(short) + "\n").collect()
}

fn reader(name: &str, bytes: &[u8]) -> Box<dyn SessionReader> {
    let input = Cursor::new(bytes.to_vec());
    Format::Codex.from_stream(input, Path::new(name), &TenantId::default_tenant())
}

/// All items except how earlier versions counted them.
fn items(name: &str, bytes: &[u8]) -> Vec<Item> {
    reader(name, bytes).filter(|item| !matches!(item, Item::Miscounted(_))).collect()
}

/// The event of the only item.
fn only_event(script: &[&str]) -> Event {
    let mut found = items("s.jsonl", rollout(script).as_bytes());
    let Some(Item::Call(call)) = found.pop() else { panic!("one call") };
    assert_eq!(found, []);
    call.event
}

/// Items as text: calls as `thread model uncached cached output reasoning`, the others by their messages.
fn read(name: &str, bytes: &[u8]) -> Vec<String> {
    let shown = |item: Item| match item {
        Item::Miscounted(_) | Item::Family(_) => panic!("nothing of others: {item:?}"),
        Item::Call(call) => {
            let event = call.event;
            let EventBody::Usage(UsageEvent::UsageRecorded(usage)) = event.body else {
                panic!("only usage: {event:?}")
            };
            let model = usage.model.as_deref().unwrap_or("-");
            let t = usage.tokens;
            let id = event.task.as_str().strip_prefix("codex-").unwrap();
            format!("{id} {model} {} {} {} {}", t.input_uncached, t.cached_input, t.output, t.reasoning)
        }
        Item::Problem(problem) => problem.to_string(),
        Item::Note(note) => format!("note {note}"),
    };
    items(name, bytes).into_iter().map(shown).collect()
}

/// Reads the script and compares by prefix: expected messages may be given by their beginnings.
#[track_caller]
fn check(script: &[&str], expected: &[&str]) {
    check_bytes("s.jsonl", rollout(script).as_bytes(), expected);
}

#[track_caller]
fn check_bytes(name: &str, bytes: &[u8], expected: &[&str]) {
    let got = read(name, bytes);
    let alike =
        got.len() == expected.len() && got.iter().zip(expected).all(|(got, want)| got.starts_with(want));
    assert!(alike, "got:\n{}\nexpected:\n{}\n", got.join("\n"), expected.join("\n"));
}

#[test]
fn an_event_per_growing_snapshot() {
    let script = ["meta S", "turn gpt-5", "null", "use 100 40 10 5", "use 100 40 10 5", "use 150 60 30 15"];
    check(&script, &["S gpt-5 60 40 10 5", "S gpt-5 30 20 20 10"]);
}

#[test]
fn an_event_carries_all_that_the_file_says() {
    let script = ["meta S", "turn gpt-5-codex", "use 100 40 10 5"];
    let event = only_event(&script);
    assert_eq!(event.tenant, TenantId::default_tenant());
    assert_eq!(event.task.as_str(), "codex-S");
    assert_eq!(event.producer.as_str(), "import-codex");
    assert_eq!(event.occurred_at.unwrap().to_string(), "2025-10-10T01:00:00Z");
    let EventBody::Usage(UsageEvent::UsageRecorded(usage)) = &event.body else { panic!("usage: {event:?}") };
    assert_eq!(usage.execution, None);
    assert_eq!(usage.provider.as_deref(), Some("openai"));
    assert_eq!(usage.model.as_deref(), Some("gpt-5-codex"));
    assert_eq!(usage.component.as_deref(), Some("codex_exec"));
    assert!(!usage.estimated);
}

#[test]
fn the_provider_is_the_sessions_where_it_names_one() {
    let meta = r#"{"type":"session_meta","payload":{"id":"S","model_provider":"azure"}}"#;
    let event = only_event(&[meta, "turn gpt-5", "use 1 0 0 0"]);
    let EventBody::Usage(UsageEvent::UsageRecorded(usage)) = &event.body else { panic!("usage: {event:?}") };
    assert_eq!(usage.provider.as_deref(), Some("azure"));
    assert_eq!(usage.component, None);
}

#[test]
fn a_resumed_session_keeps_its_first_head() {
    let resumed = line("meta S").replace("codex_exec", "codex_vscode");
    let event = only_event(&["meta S", &resumed, "turn m", "use 1 0 0 0"]);
    let EventBody::Usage(UsageEvent::UsageRecorded(usage)) = &event.body else { panic!("usage: {event:?}") };
    assert_eq!(usage.component.as_deref(), Some("codex_exec"));
}

#[test]
fn the_model_is_the_latest_turns() {
    let unnamed = r#"{"type":"turn_context","payload":{"model":null,"summary":"auto"}}"#;
    let wrong = r#"{"type":"turn_context","payload":{"model":5}}"#;
    check(
        &["meta S", "use 1 0 0 0", "turn a", "use 2 0 0 0", unnamed, "use 3 0 0 0", "turn b", "use 4 0 0 0"],
        &[
            "note s.jsonl:2: usage before any turn_context names its model: it stays unpriced",
            "S - 1 0 0 0",
            "S a 1 0 0 0",
            "S a 1 0 0 0",
            "S b 1 0 0 0",
        ],
    );
    let (longest, too_long) = (format!("turn {}", "m".repeat(128)), format!("turn {}", "m".repeat(129)));
    check(
        &["meta S", &longest, &too_long, "null"],
        &[
            "s.jsonl:3: payload.model is \"mmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmm…: must be",
        ],
    );
    check(
        &["meta S", "turn a", wrong, "use 1 0 0 0", "use 2 0 0 0"],
        &[
            "s.jsonl:3: payload.model is 5: must be text of 1 to 128 bytes",
            "note s.jsonl:4: usage before",
            "S - 1 0 0 0",
            "S - 1 0 0 0",
        ],
    );
}

#[test]
fn counters_that_go_back_start_again() {
    check(
        &["meta S", "turn m", "use 100 40 10 5", "use 20 0 3 0", "use 25 0 3 0"],
        &[
            "S m 60 40 10 5",
            "note s.jsonl:4: the cumulative counters were reset (input_tokens 100 → 20, output_tokens 10 → 3): what",
            "S m 20 0 3 0",
            "S m 5 0 0 0",
        ],
    );
    // What Codex writes when a context overflows: the kinds at zero, the total at the window size.
    let overflow = r#"{"type":"event_msg","payload":{"type":"token_count","info":{"total_token_usage":{"input_tokens":0,"cached_input_tokens":0,"output_tokens":0,"reasoning_output_tokens":0,"total_tokens":272000}}}}"#;
    check(
        &["meta S", "turn m", "use 100 0 10 0", overflow, overflow, "use 50 0 5 0"],
        &["S m 100 0 10 0", "note s.jsonl:4: the cumulative counters", "S m 50 0 5 0"],
    );
}

#[test]
fn a_part_ahead_of_its_whole_leaves_the_total_exact() {
    check(
        &["meta S", "turn m", "use 100 0 10 0", "use 150 120 10 0", "use 150 120 10 0", "use 300 200 10 0"],
        &[
            "S m 100 0 10 0",
            "note s.jsonl:4: cached_input_tokens is 120, but only 50 fits into input_tokens",
            "S m 0 50 0 0",
            "S m 70 80 0 0",
        ],
    );
    check(
        &["meta S", "turn m", "use 10 0 10 12"],
        &["note s.jsonl:3: reasoning_output_tokens is 12, but only 10 fits", "S m 10 0 10 10"],
    );
}

#[test]
fn a_total_of_more_than_the_kinds_is_said_once() {
    let with_total = |input: u32| {
        line(&format!("use {input} 0 1 0")).replace(r#""x":1"#, &format!(r#""total_tokens":{}"#, input + 9))
    };
    check(
        &["meta S", "turn m", &with_total(5), &with_total(6)],
        &[
            "s.jsonl:3: total_tokens is 14, but input_tokens and output_tokens add up to 6",
            "S m 5 0 1 0",
            "S m 1 0 0 0",
        ],
    );
}

#[test]
fn a_summary_adds_up() {
    let mut summary = ImportSummary::default();
    let used = rollout(&["meta S", "turn m", "use 100 40 10 5", "use 100 40 10 5", "x", "use 10 0 1 0"]);
    let unused = rollout(&["meta T", "turn m", "null"]);
    for (name, bytes) in [("a.jsonl", used.as_str()), ("b.jsonl", &unused), ("c.jsonl", "")] {
        let mut reader = reader(name, bytes.as_bytes());
        for item in reader.by_ref() {
            summary.count(&item);
        }
        assert_eq!(reader.bytes_read(), bytes.len() as u64);
        summary.finish_file(reader.counts());
    }
    assert_eq!((summary.files, summary.files_with_usage, summary.lines), (3, 1, 9));
    assert_eq!((summary.snapshots, summary.growing_snapshots, summary.events), (3, 2, 2));
    assert_eq!((summary.problems, summary.notes), (1, 2));
    assert_eq!((summary.tokens.total(), summary.tokens.cached_input), (121, 40));
}
