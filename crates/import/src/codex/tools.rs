//! What a line says of what a call did: the tools that its answer calls, a message of the person, a turn.

use std::borrow::Cow;

use memchr::memmem;
use serde::Deserialize;
use serde_json::Value;
use tollgate_domain::session_phases::activity::{ToolKind, ToolUse};

/// What a line says.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Line {
    /// A part of an answer, with the tools that it calls.
    Answer(Vec<ToolUse>),
    /// A message of the person.
    Message,
    /// What holds from here on.
    Turn {
        /// The turn's id, in newer versions.
        id: Option<String>,
        /// Whether the agent only plans.
        plan_mode: bool,
    },
}

#[derive(Deserialize)]
struct Envelope<'a> {
    ordinal: Option<u64>,
    #[serde(borrow, rename = "type")]
    kind: Option<Cow<'a, str>>,
    payload: Option<Payload>,
}

#[derive(Deserialize)]
struct Payload {
    #[serde(rename = "type")]
    kind: Option<String>,
    role: Option<String>,
    name: Option<String>,
    arguments: Option<Value>,
    input: Option<Value>,
    action: Option<Value>,
    turn_id: Option<String>,
    collaboration_mode: Option<Value>,
}

/// Names of tools by what they are for; any other is [`ToolKind::Other`].
const TOOLS: [(ToolKind, &[&str]); 7] = [
    (
        ToolKind::Shell,
        &[
            "shell",
            "shell_command",
            "exec_command",
            "container.exec",
            "local_shell",
            "unified_exec",
            "write_stdin",
        ],
    ),
    (ToolKind::Edit, &["apply_patch"]),
    (ToolKind::Plan, &["update_plan"]),
    (ToolKind::Read, &["read_file", "list_dir", "view_image"]),
    (ToolKind::Search, &["grep_files", "tool_search"]),
    (ToolKind::Web, &["web_search", "web_fetch", "web.run"]),
    (ToolKind::Agent, &["spawn_agent", "send_input", "resume_agent", "wait_agent", "close_agent", "wait"]),
];

/// Lines of a patch that name a file.
const PATCH_LINES: [&str; 4] = ["*** Add File: ", "*** Update File: ", "*** Delete File: ", "*** Move to: "];

/// What a line says, with its place in the thread's history. What cannot be read says nothing: its usage is read
/// elsewhere.
pub(super) fn read(bytes: &[u8]) -> Option<(Option<u64>, Line)> {
    const KINDS: [&[u8]; 3] = [b"response_item", b"turn_context", b"user_message"];
    let beginning = &bytes[..bytes.len().min(512)];
    if !KINDS.iter().any(|kind| memmem::find(beginning, kind).is_some()) {
        return None;
    }
    let line: Envelope<'_> = serde_json::from_slice(bytes).ok()?;
    let payload = line.payload?;
    let said = match line.kind?.as_ref() {
        "response_item" => answer(payload)?,
        "event_msg" if payload.kind.as_deref() == Some("user_message") => Line::Message,
        "turn_context" => {
            let mode = payload.collaboration_mode.as_ref().and_then(|mode| mode.get("mode")?.as_str());
            let plan_mode = mode.is_some_and(|mode| mode.eq_ignore_ascii_case("plan"));
            Line::Turn { id: payload.turn_id, plan_mode }
        }
        _ => return None,
    };
    Some((line.ordinal, said))
}

fn answer(payload: Payload) -> Option<Line> {
    let text = |value: Option<Value>| match value {
        Some(Value::String(text)) => text,
        Some(other) => other.to_string(),
        None => String::new(),
    };
    let tools = match payload.kind?.as_str() {
        "message" if payload.role.as_deref() == Some("assistant") => Vec::new(),
        "reasoning" => Vec::new(),
        "function_call" => {
            let arguments = text(payload.arguments);
            called(payload.name.as_deref().unwrap_or_default(), &arguments)
        }
        "custom_tool_call" => {
            let input = text(payload.input);
            match payload.name.as_deref().unwrap_or_default() {
                "exec" => scripted(&input),
                name => called(name, &input),
            }
        }
        "local_shell_call" => vec![shell(payload.action.as_ref().and_then(|action| action.get("command")))],
        "web_search_call" => vec![ToolUse::of(ToolKind::Web)],
        _ => return None,
    };
    Some(Line::Answer(tools))
}

/// A tool called with arguments.
fn called(name: &str, arguments: &str) -> Vec<ToolUse> {
    let kind =
        TOOLS.iter().find(|(_, names)| names.contains(&name)).map_or(ToolKind::Other, |(kind, _)| *kind);
    let fields = || serde_json::from_str::<Value>(arguments).unwrap_or_default();
    vec![match kind {
        ToolKind::Shell => {
            let fields = fields();
            shell(fields.get("command").or_else(|| fields.get("cmd")))
        }
        ToolKind::Edit => patch(arguments),
        ToolKind::Read => {
            let fields = fields();
            let paths = ["path", "file_path", "dir_path"].iter().filter_map(|key| fields.get(key)?.as_str());
            ToolUse::with_files(kind, paths)
        }
        ToolKind::Search
        | ToolKind::Plan
        | ToolKind::Web
        | ToolKind::Agent
        | ToolKind::Other
        | ToolKind::None => ToolUse::of(kind),
    }]
}

/// A command, as a script or as a list of words. A patch that is applied by one is an edit.
fn shell(command: Option<&Value>) -> ToolUse {
    let tool = match command {
        Some(Value::String(script)) => ToolUse::shell(script),
        Some(Value::Array(words)) => {
            let words: Vec<&str> = words.iter().filter_map(Value::as_str).collect();
            ToolUse::shell_of_words(&words)
        }
        Some(Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_)) | None => {
            ToolUse::of(ToolKind::Shell)
        }
    };
    let is_patch =
        tool.commands.iter().any(|command| matches!(command.program(), "apply_patch" | "applypatch"));
    if !is_patch {
        return tool;
    }
    let text = match command {
        Some(Value::Array(words)) => words.iter().filter_map(Value::as_str).collect::<Vec<_>>().join("\n"),
        Some(other) => other.as_str().unwrap_or_default().to_owned(),
        None => String::new(),
    };
    patch(&text)
}

fn patch(text: &str) -> ToolUse {
    // In JSON line ends are escaped.
    let text = text.replace("\\n", "\n");
    let named = |line: &'_ str| {
        PATCH_LINES.iter().find_map(|begin| line.trim_start().strip_prefix(begin)).map(str::to_owned)
    };
    let paths: Vec<String> = text.lines().filter_map(named).collect();
    ToolUse::with_files(ToolKind::Edit, paths.iter().map(|path| path.trim()))
}

/// A script that calls tools: the commands that it names as `cmd`, and a patch.
fn scripted(script: &str) -> Vec<ToolUse> {
    let mut tools: Vec<ToolUse> =
        named_commands(script).iter().map(|command| ToolUse::shell(command)).collect();
    if script.contains("apply_patch") {
        tools.push(patch(script));
    }
    if tools.is_empty() {
        tools.push(ToolUse::of(ToolKind::Other));
    }
    tools
}

/// The texts that a script gives as `cmd`, in any of its quotes.
fn named_commands(script: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut rest = script;
    while let Some((_, after)) = rest.split_once("cmd") {
        rest = after;
        let value = after.trim_start_matches(['"', '\'']).trim_start().strip_prefix(':').map(str::trim_start);
        let Some(value) = value else { continue };
        let Some(quote) = value.chars().next().filter(|c| matches!(c, '"' | '\'' | '`')) else { continue };
        let (mut text, mut escaped) = (String::new(), false);
        for character in value.chars().skip(1) {
            match (escaped, character) {
                (true, 'n') => text.push('\n'),
                (true, _) => text.push(character),
                (false, '\\') => {}
                (false, _) if character == quote => break,
                (false, _) => text.push(character),
            }
            escaped = !escaped && character == '\\';
        }
        found.push(text);
    }
    found
}

#[cfg(test)]
mod tests;
