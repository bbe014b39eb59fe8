//! What calls did, as the session files of agents say it.

use std::io::Write as _;

use tollgate_domain::event::{EventBody, UsageEvent};
use tollgate_domain::ids::TenantId;
use tollgate_domain::session_phases::activity::Activity;
use tollgate_import::item::Item;
use tollgate_import::reader::Format;
use tollgate_test_process::temporary;

/// Tokens and activity of each call, the activity as text: `+` begins a turn, `p` is in plan mode.
fn calls(format: Format, name: &str, lines: &[String]) -> Vec<(u64, String)> {
    let dir = temporary();
    let path = dir.path().join(name);
    let mut file = std::fs::File::create(&path).expect("a file in a directory of its own");
    for line in lines {
        writeln!(file, "{line}").expect("a file in a directory of its own");
    }
    let tenant = TenantId::default_tenant();
    let plain: Vec<Item> = format.open(&path, &tenant).expect("a file in a directory of its own").collect();
    let all: Vec<Item> =
        format.open_with_activity(&path, &tenant).expect("a file in a directory of its own").collect();
    let events = |items: &[Item]| {
        let event = |item: &Item| match item {
            Item::Call(call) => Some(call.event.clone()),
            Item::Miscounted(_) | Item::Family(_) | Item::Problem(_) | Item::Note(_) => None,
        };
        items.iter().filter_map(event).collect::<Vec<_>>()
    };
    assert_eq!(events(&plain), events(&all), "asking what calls did changes nothing of their usage");
    let problems = |items: &[Item]| items.iter().filter(|item| matches!(item, Item::Problem(_))).count();
    assert_eq!(problems(&plain), problems(&all));
    let shown = |item: Item| {
        let Item::Call(call) = item else { return None };
        let EventBody::Usage(UsageEvent::UsageRecorded(usage)) = &call.event.body else {
            panic!("usage only")
        };
        Some((usage.tokens.total(), text(&call.activity)))
    };
    assert!(plain.iter().all(|item| match item {
        Item::Call(call) => call.activity == Activity::default(),
        Item::Miscounted(_) | Item::Family(_) | Item::Problem(_) | Item::Note(_) => true,
    }));
    all.into_iter().filter_map(shown).collect()
}

fn text(activity: &Activity) -> String {
    let mut text = String::new();
    text += if activity.begins_turn { "+" } else { "" };
    text += if activity.plan_mode { "p" } else { "" };
    for tool in &activity.tools {
        text += &format!(" {}", tool.kind);
        text += &tool.commands.iter().map(|command| format!(":{}", command.program())).collect::<String>();
        text += &tool.files.iter().map(|class| format!("/{class}")).collect::<String>();
    }
    text
}

fn line(second: u32, rest: &str) -> String {
    format!(r#"{{"timestamp":"2026-04-01T09:00:{second:02}.000Z",{rest}}}"#)
}

fn counted(second: u32, total: u32) -> String {
    line(
        second,
        &format!(
            r#""type":"event_msg","payload":{{"type":"token_count","info":{{"total_token_usage":{{"input_tokens":{total},"output_tokens":0}},"last_token_usage":{{"input_tokens":10,"output_tokens":0}}}}}}"#
        ),
    )
}

fn item(second: u32, payload: &str) -> String {
    line(second, &format!(r#""type":"response_item","payload":{{"type":{payload}}}"#))
}

fn ran(second: u32, command: &str) -> String {
    item(
        second,
        &format!(
            r#""function_call","name":"shell","arguments":"{{\"command\":[\"bash\",\"-lc\",\"{command}\"]}}""#
        ),
    )
}

const HEAD: &str = r#""type":"session_meta","payload":{"id":"02ab0000-0000-7000-8000-000000000001"}"#;
const NAME: &str = "rollout-2026-04-01T09-00-00-02ab0000-0000-7000-8000-000000000001.jsonl";

#[test]
fn codex_answers_before_their_usage_belong_to_it() {
    let message = r#""type":"event_msg","payload":{"type":"user_message","message":"go"}"#;
    let turn = |id: &str, mode: &str| {
        format!(
            r#""type":"turn_context","payload":{{"model":"m","turn_id":"{id}","collaboration_mode":{{"mode":"{mode}"}}}}"#
        )
    };
    let lines = [
        line(0, HEAD),
        line(1, message),
        line(1, &turn("a", "plan")),
        ran(2, "rg x"),
        counted(3, 10),
        item(3, r#""function_call_output","output":"git commit""#),
        line(3, &turn("a", "default")),
        item(4, r#""custom_tool_call","name":"apply_patch","input":"*** Update File: tests/a.rs""#),
        item(4, r#""reasoning""#),
        counted(5, 20),
        counted(5, 20),
        line(6, &turn("b", "default")),
        item(7, r#""message","role":"assistant","content":[]"#),
        counted(8, 30),
    ];
    let expected = [(10, "+p shell:rg"), (10, " edit/tests"), (10, "+")];
    assert_eq!(calls(Format::Codex, NAME, &lines), expected.map(|(tokens, text)| (tokens, text.to_owned())));
}

#[test]
fn codex_answers_after_their_usage_belong_to_it_too() {
    let lines = [
        line(0, HEAD),
        line(1, r#""type":"turn_context","payload":{"model":"m"}"#),
        counted(3, 10),
        item(4, r#""reasoning""#),
        ran(4, "cargo test"),
        line(5, r#""type":"turn_context","payload":{"model":"m"}"#),
        counted(5, 10),
        counted(6, 20),
        ran(7, "git push"),
    ];
    let expected = [(10, " shell:cargo"), (10, " shell:git")];
    assert_eq!(calls(Format::Codex, NAME, &lines), expected.map(|(tokens, text)| (tokens, text.to_owned())));
}

#[test]
fn copied_answers_of_a_codex_sub_agents_parent_are_not_its_own() {
    let head = r#""ordinal":0,"type":"session_meta","payload":{"id":"02ab0000-0000-7000-8000-000000000001","subagent_history_start_ordinal":3,"source":{"subagent":{}}}"#;
    let ordinal =
        |nth: u32, line: String| line.replacen(r#","type""#, &format!(r#","ordinal":{nth},"type""#), 1);
    let lines = [
        line(0, head),
        ordinal(1, ran(1, "git push")),
        ordinal(3, ran(2, "rg x")),
        ordinal(4, counted(3, 10)),
    ];
    assert_eq!(calls(Format::Codex, NAME, &lines), [(10, " shell:rg".to_owned())]);
}

fn claude(second: u32, rest: &str) -> String {
    format!(
        r#"{{"timestamp":"2026-04-01T09:00:{second:02}.000Z","sessionId":"s","uuid":"u{second}",{rest}}}"#
    )
}

fn answered(second: u32, id: &str, block: &str) -> String {
    claude(
        second,
        &format!(
            r#""type":"assistant","message":{{"id":"{id}","model":"m","content":[{block}],"usage":{{"input_tokens":10,"output_tokens":0}}}}"#
        ),
    )
}

#[test]
fn claude_answers_name_tools_turns_and_the_plan_mode() {
    let used =
        |name: &str, input: &str| format!(r#"{{"type":"tool_use","name":"{name}","input":{{{input}}}}}"#);
    let lines = [
        claude(0, r#""type":"user","permissionMode":"plan","message":{"role":"user","content":"go"}"#),
        answered(1, "a", r#"{"type":"text","text":"x"}"#),
        answered(2, "a", &used("Read", r#""file_path":"/s/README.md""#)),
        answered(3, "a", &used("Grep", r#""path":"src""#)),
        claude(
            4,
            r#""type":"user","message":{"role":"user","content":[{"type":"tool_result","content":"ok"}]}"#,
        ),
        answered(5, "b", &used("ExitPlanMode", "")),
        claude(6, r#""type":"user","isMeta":true,"message":{"role":"user","content":"caveat"}"#),
        answered(7, "c", &used("Bash", r#""command":"cargo fmt && git commit -m x""#)),
        claude(8, r#""type":"user","message":{"role":"user","content":[{"type":"text","text":"more"}]}"#),
        answered(9, "d", &used("mcp__x__y", "")),
    ];
    let expected =
        [(10, "+p read/docs search/code"), (10, "p plan"), (10, " shell:cargo:git"), (10, "+ other")];
    assert_eq!(
        calls(Format::Claude, "s.jsonl", &lines),
        expected.map(|(tokens, text)| (tokens, text.to_owned()))
    );
}
