//! Forks, second files, sub-agents and records: where each call belongs, under which key, and how earlier
//! versions counted it.

use super::{reader, rollout};
use crate::call::Means;
use crate::item::Item;
use crate::sources::SourceFile;
use tollgate_domain::event::{EventBody, UsageEvent};

/// A line from a short form; times are minutes and seconds of one hour.
///
/// `MM:SS meta ID FIELDS…` · `MM:SS turn MODEL` · `MM:SS count TOTAL LAST` · `MM:SS record THREAD RESPONSE
/// USED TOTAL`, counters as `input/cached/written/output/reasoning`; a field as `name=value`, `ordinal=N` of
/// the line.
fn line(short: &str) -> String {
    let mut words: Vec<&str> = short.split_whitespace().collect();
    let ordinal = words.iter().position(|word| word.starts_with("ordinal=")).map(|place| words.remove(place));
    let ordinal = ordinal.map(|word| format!(r#","ordinal":{}"#, &word[8..])).unwrap_or_default();
    let counters = |text: &str| {
        let counts: Vec<u64> = text.split('/').map(|count| count.parse().unwrap()).collect();
        let [input, cached, written, output, reasoning] = counts[..] else { panic!("5 counters: {text}") };
        let total = input + output;
        format!(
            r#"{{"input_tokens":{input},"cached_input_tokens":{cached},"cache_write_input_tokens":{written},"output_tokens":{output},"reasoning_output_tokens":{reasoning},"total_tokens":{total}}}"#
        )
    };
    let (kind, payload) = match words[1..] {
        ["meta", id, ref fields @ ..] => {
            let field = |field: &&str| {
                let (name, value) = field.split_once('=').unwrap();
                let quoted = if value.starts_with(['{', '[']) || value.parse::<u64>().is_ok() {
                    value.to_owned()
                } else {
                    format!("\"{value}\"")
                };
                format!(r#","{name}":{quoted}"#)
            };
            let fields: String = fields.iter().map(field).collect();
            ("session_meta", format!(r#""id":"{id}"{fields}"#))
        }
        ["turn", model] => ("turn_context", format!(r#""model":"{model}""#)),
        ["tier", tier] => (
            "event_msg",
            format!(r#""type":"thread_settings_applied","thread_settings":{{"service_tier":"{tier}"}}"#),
        ),
        ["count", total, last] => (
            "event_msg",
            format!(
                r#""type":"token_count","info":{{"total_token_usage":{},"last_token_usage":{}}}"#,
                counters(total),
                counters(last)
            ),
        ),
        ["record", thread, response, used, total] => (
            "token_usage_record",
            format!(
                r#""thread_id":"{thread}","response_id":"{response}","usage":{},"thread_token_usage":{}"#,
                counters(used),
                counters(total)
            ),
        ),
        _ => panic!("no short form: {short}"),
    };
    format!(
        r#"{{"timestamp":"2026-06-20T08:{}Z"{ordinal},"type":"{kind}","payload":{{{payload}}}}}"#,
        words[0]
    )
}

/// Items as text: calls as `task id uncached/cached/written/output`, with `(= ID)` for its name in an earlier
/// version and `(copy)`; counted non-calls as `- ID`; the others by their messages.
fn read(script: &[&str]) -> Vec<String> {
    let lines: Vec<String> = script.iter().map(|short| line(short)).collect();
    let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
    let shown = |item: Item| match item {
        Item::Family(_) => panic!("no families here"),
        Item::Miscounted(event) => format!("- {}", event.name.id),
        Item::Call(call) => {
            let EventBody::Usage(UsageEvent::UsageRecorded(usage)) = &call.event.body else {
                panic!("usage")
            };
            let alike = call.elsewhere.iter().filter(|other| other.means == Means::CountedIfAlike);
            let alike: Vec<String> = alike.map(|other| format!(" (= {})", other.name.id)).collect();
            let t = usage.tokens;
            format!(
                "{} {} {}/{}/{}/{}{}{}",
                call.event.task,
                call.event.id,
                t.input_uncached,
                t.cached_input,
                t.cache_write,
                t.output,
                alike.concat(),
                if call.stands_in { " (copy)" } else { "" }
            )
        }
        Item::Problem(problem) => problem.to_string(),
        Item::Note(note) => format!("note {note}"),
    };
    reader("s.jsonl", rollout(&lines).as_bytes()).map(shown).collect()
}

#[track_caller]
fn check(script: &[&str], expected: &[&str]) {
    let got = read(script);
    let alike =
        got.len() == expected.len() && got.iter().zip(expected).all(|(got, want)| got.starts_with(want));
    assert!(alike, "got:\n{}\nexpected:\n{}\n", got.join("\n"), expected.join("\n"));
}

#[test]
fn a_fork_gives_its_parents_calls_to_the_parent() {
    let parent = [
        "00:00 meta P",
        "00:01 turn m",
        "01:00 count 10/6/0/4/1 10/6/0/4/1",
        "09:00 count 18/12/0/7/2 8/6/0/3/1",
    ];
    check(
        &parent,
        &["codex-P codex:10-6-4-1 4/6/0/4 (= codex:P:1)", "codex-P codex:18-12-7-2 2/6/0/3 (= codex:P:2)"],
    );
    let fork = [
        "30:00.000 meta F forked_from_id=P",
        "30:00.001 meta P",
        "30:00.002 turn m",
        "30:00.003 count 10/6/0/4/1 10/6/0/4/1",
        "30:00.004 count 18/12/0/7/2 8/6/0/3/1",
        "30:30.000 turn m",
        "31:00.000 count 30/20/0/9/3 12/8/0/2/1",
    ];
    check(
        &fork,
        &[
            "- codex:F:1",
            "codex-P codex:copy:10-6-4-1 4/6/0/4 (= codex:P:1) (copy)",
            "- codex:F:2",
            "codex-P codex:copy:18-12-7-2 2/6/0/3 (= codex:P:2) (copy)",
            "codex-F codex:30-20-9-3 4/8/0/2 (= codex:F:3)",
            "note s.jsonl: 2 calls with 25 tokens are copied from P: counted once",
        ],
    );
    // A fork of the fork: everything it copies is looked up in both, and counted for the oldest until found.
    let copied = "40:00.003 count 10/6/0/4/1 10/6/0/4/1";
    let lines = [
        line("40:00.000 meta G forked_from_id=F"),
        line("40:00.001 meta F"),
        line("40:00.002 meta P"),
        line(copied),
    ];
    let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
    let call = reader("s.jsonl", rollout(&lines).as_bytes())
        .find_map(|item| if let Item::Call(call) = item { Some(call) } else { None });
    let call = call.unwrap();
    assert_eq!((call.event.task.as_str(), call.event.id.as_str()), ("codex-P", "codex:copy:10-6-4-1"));
    let counted = call.elsewhere.iter().filter(|other| other.means == Means::Counted);
    let tasks: Vec<&str> = counted.map(|other| other.name.task.as_str()).collect();
    assert_eq!(tasks, ["codex-F", "codex-P"]);
}

#[test]
fn a_fork_that_copies_with_old_times_is_known_by_them() {
    check(
        &[
            "30:00 meta F forked_from_id=P",
            "00:00 meta P",
            "01:00 count 10/6/0/4/1 10/6/0/4/1",
            "09:00 count 18/12/0/7/2 8/6/0/3/1",
            "31:00 count 30/20/0/9/3 12/8/0/2/1",
        ],
        &[
            "note s.jsonl:3: usage before any turn_context",
            "- codex:F:1",
            "codex-P codex:copy:10-6-4-1 4/6/0/4",
            "- codex:F:2",
            "codex-P codex:copy:18-12-7-2 2/6/0/3",
            "codex-F codex:30-20-9-3 4/8/0/2",
            "note s.jsonl: 2 calls",
        ],
    );
}

#[test]
fn a_fork_without_copies_goes_on_from_its_parents_counters() {
    check(
        &[
            "30:00 meta F forked_from_id=P history_base={\"thread_id\":\"P\"} ordinal=14",
            "30:01 turn m",
            "30:01 record F resp_1 12/8/0/2/1 30/20/0/9/3",
            "30:02 count 30/20/0/9/3 12/8/0/2/1",
            "30:03 count 40/25/0/9/3 10/5/0/0/0",
        ],
        &[
            "note s.jsonl:3: goes on from 25 tokens of P: they are counted where that file is imported",
            "- codex:F:1",
            "codex-F codex:resp_1 4/8/0/2",
            "codex-F codex:40-25-9-3 5/5/0/0 (= codex:F:2)",
        ],
    );
}

#[test]
fn a_second_file_of_a_thread_counts_whether_it_goes_on_or_begins_anew() {
    let head = "30:00 meta P session_id=Q history_base={\"thread_id\":\"P\"}";
    check(
        &[head, "30:00 turn m", "31:00 count 26/9/0/6/1 6/0/0/1/0", "32:00 count 30/12/0/7/1 4/3/0/1/0"],
        &[
            "note s.jsonl:3: goes on from 25 tokens of P",
            "- codex:P:1",
            "codex-P codex:26-9-6-1 6/0/0/1",
            "codex-P codex:30-12-7-1 1/3/0/1 (= codex:P:2)",
        ],
    );
    check(
        &[head, "30:00 turn m", "31:00 count 6/0/0/1/0 6/0/0/1/0", "32:00 count 10/3/0/2/0 4/3/0/1/0"],
        &["codex-P codex:Q:6-0-1-0 6/0/0/1 (= codex:P:1)", "codex-P codex:Q:10-3-2-0 1/3/0/1 (= codex:P:2)"],
    );
}

#[test]
fn a_record_names_its_call_and_the_counters_repeat_it() {
    check(
        &[
            "00:00 meta S session_id=S",
            "00:00 tier priority",
            "00:01 turn m",
            "00:05 record S resp_1 10/8/1/2/1 10/8/1/2/1",
            "00:06 count 10/8/1/2/1 10/8/1/2/1",
            "00:07 count 10/8/1/2/1 10/8/1/2/1",
            "00:08 record S resp_2 10/8/0/2/1 20/16/1/4/2",
            "00:09 count 20/16/1/4/2 10/8/0/2/1",
            // The estimate after a compaction.
            "00:10 count 20/16/1/4/2 0/0/0/0/0",
        ],
        &[
            // An earlier version counted what is written to the cache as plain input.
            "- codex:S:1",
            "codex-S codex:resp_1 1/8/1/2",
            "codex-S codex:resp_2 2/8/0/2 (= codex:S:2)",
        ],
    );
    // A call without a record is not lost; its line reports it.
    check(
        &["00:00 meta S", "00:01 turn m", "00:05 record S resp_2 10/8/0/2/1 20/16/0/4/2"],
        &[
            "note s.jsonl:3: 12 tokens were used before this call",
            "codex-S codex:10-8-2-1 2/8/0/2",
            "codex-S codex:resp_2 2/8/0/2",
        ],
    );
}

#[test]
fn a_subagents_copied_head_is_not_its_own() {
    let source = r#"{"subagent":{"thread_spawn":{"agent_role":"explorer"}}}"#;
    let head = format!(
        "10:00 meta C session_id=S forked_from_id=S source={source} subagent_history_start_ordinal=3 ordinal=0"
    );
    let script = [
        head.as_str(),
        "10:00 meta S ordinal=1",
        "10:00 turn big ordinal=2",
        "10:01 turn small ordinal=3",
        "10:01 record C resp_1 9/0/0/3/0 9/0/0/3/0 ordinal=4",
        "10:01 count 9/0/0/3/0 9/0/0/3/0 ordinal=5",
    ];
    check(&script, &["codex-C codex:resp_1 9/0/0/3 (= codex:C:1)"]);
    let lines: Vec<String> = script.iter().map(|short| line(short)).collect();
    let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
    let Some(Item::Call(call)) = reader("s.jsonl", rollout(&lines).as_bytes()).next() else {
        panic!("a call")
    };
    let EventBody::Usage(UsageEvent::UsageRecorded(usage)) = call.event.body else { panic!("usage") };
    assert_eq!(usage.model.as_deref(), Some("small"));
    let labels: Vec<String> = usage.labels.iter().map(|(name, value)| format!("{name}={value}")).collect();
    assert_eq!(labels, ["agent=explorer", "root=codex-S"]);
}

#[test]
fn what_this_version_does_not_know_is_named() {
    let lines = [
        line("00:00 meta S"),
        line("00:01 turn m"),
        r#"{"timestamp":"2026-06-20T08:00:02Z","type":"realtime_usage","payload":{"audio_tokens":7}}"#.to_owned(),
        r#"{"timestamp":"2026-06-20T08:00:02Z","type":"event_msg","payload":{"type":"image_usage","usage":{"image_tokens":7}}}"#
            .to_owned(),
        r#"{"timestamp":"2026-06-20T08:00:02Z","type":"event_msg","payload":{"type":"new","text":"{\"input_tokens\":7}"}}"#
            .to_owned(),
        line("00:03 count 10/0/0/4/1 10/0/0/4/1").replace(r#""total_tokens""#, r#""audio_tokens":3,"total_tokens""#),
    ];
    let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
    let got: Vec<String> = reader("s.jsonl", rollout(&lines).as_bytes())
        .filter_map(|item| if let Item::Problem(problem) = item { Some(problem.to_string()) } else { None })
        .collect();
    assert_eq!(
        got,
        [
            "s.jsonl:3: a line of the unsupported kind `realtime_usage` reports tokens: they are not counted",
            "s.jsonl:4: a line of the unsupported kind `event_msg/image_usage` reports tokens: they are not counted",
            "s.jsonl:6: audio_tokens is 3, but it is an unsupported kind of tokens: not counted separately",
        ]
    );
}

#[test]
fn a_compressed_rollout_gives_the_same_and_a_cut_one_is_named() {
    use crate::reader::Format;
    use tollgate_domain::ids::TenantId;
    let text =
        rollout(&[&line("00:00 meta S"), &line("00:01 turn m"), &line("00:03 count 10/0/0/4/1 10/0/0/4/1")]);
    let dir = tempfile::tempdir().unwrap();
    let packed = zstd::encode_all(text.as_bytes(), 3).unwrap();
    let path = dir.path().join("r.jsonl.zst");
    std::fs::write(&path, &packed).unwrap();
    let found = crate::sources::sources(&[dir.path().to_owned()]).files;
    assert_eq!(found, [SourceFile { path: path.clone(), bytes: packed.len() as u64 }]);
    let mut reader = Format::Codex.open(&path, &TenantId::default_tenant()).unwrap();
    let plain: Vec<Item> = super::reader("r.jsonl", text.as_bytes()).collect();
    assert_eq!(reader.by_ref().collect::<Vec<_>>(), plain);
    assert_eq!(reader.bytes_read(), packed.len() as u64);
    std::fs::write(&path, &packed[..packed.len() - 4]).unwrap();
    let reader = Format::Codex.open(&path, &TenantId::default_tenant()).unwrap();
    assert!(reader.into_iter().any(|item| matches!(item, Item::Problem(_))));
}
