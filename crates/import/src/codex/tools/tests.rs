//! Which tools each kind of line names.

use super::*;

/// Kinds with classes of files and commands, as text.
fn shown(tools: &[ToolUse]) -> String {
    let one = |tool: &ToolUse| {
        let files: Vec<&str> = tool.files.iter().map(|class| class.as_str()).collect();
        let programs: Vec<&str> = tool.commands.iter().map(|command| command.program()).collect();
        [tool.kind.as_str(), &programs.join("+"), &files.join("+")].join("/").trim_end_matches('/').to_owned()
    };
    tools.iter().map(one).collect::<Vec<_>>().join(" ")
}

#[test]
fn lines_of_answers_name_their_tools() {
    for (payload, expected) in [
        (r#"{"type":"message","role":"assistant","content":[]}"#, Some("")),
        (r#"{"type":"message","role":"user","content":[]}"#, None),
        (r#"{"type":"reasoning","summary":[]}"#, Some("")),
        (r#"{"type":"function_call_output","output":"cargo test"}"#, None),
        (
            r#"{"type":"function_call","name":"shell","arguments":"{\"command\":[\"bash\",\"-lc\",\"cd a && cargo test -p b\"]}"}"#,
            Some("shell/cd+cargo"),
        ),
        (
            r#"{"type":"function_call","name":"shell","arguments":"{\"command\":[\"/usr/bin/git\",\"commit\",\"-m\",\"a; b\"]}"}"#,
            Some("shell/git"),
        ),
        (
            r#"{"type":"function_call","name":"exec_command","arguments":"{\"cmd\":\"rg x | head\"}"}"#,
            Some("shell/rg+head"),
        ),
        (r#"{"type":"function_call","name":"exec_command","arguments":"broken"}"#, Some("shell")),
        (r#"{"type":"function_call","name":"update_plan","arguments":"{}"}"#, Some("plan")),
        (
            r#"{"type":"function_call","name":"read_file","arguments":"{\"file_path\":\"/a/tests/b.rs\"}"}"#,
            Some("read//tests"),
        ),
        (r#"{"type":"function_call","name":"spawn_agent","arguments":"{}"}"#, Some("agent")),
        (r#"{"type":"function_call","name":"capy_search","arguments":"{}"}"#, Some("other")),
        (
            r#"{"type":"custom_tool_call","name":"apply_patch","input":"*** Begin Patch\n*** Add File: docs/a.md\n+x\n*** Update File: src/a.rs\n*** End Patch"}"#,
            Some("edit//docs+code"),
        ),
        (
            r#"{"type":"function_call","name":"shell","arguments":"{\"command\":[\"bash\",\"-lc\",\"apply_patch <<'EOF'\\n*** Begin Patch\\n*** Update File: tests/a.rs\\n*** End Patch\\nEOF\"]}"}"#,
            Some("edit//tests"),
        ),
        (
            r#"{"type":"function_call","name":"shell","arguments":"{\"command\":[\"apply_patch\",\"*** Begin Patch\\n*** Update File: a.rs\\n*** End Patch\"]}"}"#,
            Some("edit//code"),
        ),
        (
            r#"{"type":"custom_tool_call","name":"exec","input":"await tools.exec_command({cmd:\"npm test\",\"yield_time_ms\":1}); tools.exec_command({ 'cmd': 'git status' })"}"#,
            Some("shell/npm shell/git"),
        ),
        (
            r#"{"type":"custom_tool_call","name":"exec","input":"await tools.apply_patch(`*** Begin Patch\n*** Update File: a.rs\n`)"}"#,
            Some("edit//code"),
        ),
        (r#"{"type":"custom_tool_call","name":"exec","input":"1 + 1"}"#, Some("other")),
        (r#"{"type":"local_shell_call","action":{"type":"exec","command":["ls"]}}"#, Some("shell/ls")),
        (r#"{"type":"web_search_call","action":{}}"#, Some("web")),
    ] {
        let line = format!(r#"{{"timestamp":"t","ordinal":4,"type":"response_item","payload":{payload}}}"#)
            .replace('\n', "\\n");
        let read = read(line.as_bytes());
        let tools = read.as_ref().map(|(ordinal, line)| {
            assert_eq!(*ordinal, Some(4));
            let Line::Answer(tools) = line else { panic!("an answer: {line:?}") };
            shown(tools)
        });
        assert_eq!(tools.as_deref(), expected, "{payload}");
    }
}

#[test]
fn lines_of_turns_and_messages_say_so() {
    for (line, expected) in [
        (
            r#"{"type":"turn_context","payload":{"model":"m"}}"#,
            Some(Line::Turn { id: None, plan_mode: false }),
        ),
        (
            r#"{"type":"turn_context","payload":{"turn_id":"t1","collaboration_mode":{"mode":"Plan"}}}"#,
            Some(Line::Turn { id: Some("t1".to_owned()), plan_mode: true }),
        ),
        (r#"{"type":"event_msg","payload":{"type":"user_message","message":"go"}}"#, Some(Line::Message)),
        (r#"{"type":"event_msg","payload":{"type":"agent_message","message":"user_message"}}"#, None),
        (r#"{"type":"response_item","payload":{"type":"function"#, None),
        ("not JSON user_message", None),
    ] {
        assert_eq!(read(line.as_bytes()).map(|(_, line)| line), expected, "{line}");
    }
}
