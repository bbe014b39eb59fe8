//! The kinds of lines in a rollout, recognized by a line's first bytes.

use memchr::memmem;

use crate::lines::{BEGINNING_BYTES, Interest};

pub(super) const INTEREST: Interest = Interest { passes_over, word: WORD };

/// For those who ask what calls did, too.
pub(super) const WITH_ACTIVITY: Interest = Interest { passes_over: says_nothing, word: WORD };

/// Appears in the name of a counter in every line that reports usage.
const WORD: &[u8] = b"oken";

/// How a counter's name ends, after `t` or `T`: `input_tokens`, `inputTokens`, `promptTokenCount`,
/// `prompt_token_count`.
const ENDINGS: [&[u8]; 3] = [b"okens\"", b"okenCount\"", b"oken_count\""];

/// How the name of an object with arbitrarily named counters ends: `usage`, `token_usage`, `tokenUsage`, `tokens`.
const OBJECTS: [&[u8]; 4] = [b"usage\"", b"Usage\"", b"tokens\"", b"Tokens\""];

/// Kinds of lines that report no usage of their own, whatever they contain.
const QUIET: [&str; 7] = [
    "response_item",
    "compacted",
    "world_state",
    "ghost_snapshot",
    "inter_agent_communication",
    "state",
    "turn_diff",
];

/// Kinds of `event_msg` that report no usage of their own, whatever they contain. Kinds about turns are not
/// listed: they contain no unescaped text or tool result, so anything in them that counts tokens is usage in
/// a form not known yet.
const QUIET_EVENTS: [&str; 32] = [
    "agent_message",
    "agent_message_delta",
    "agent_reasoning",
    "agent_reasoning_delta",
    "agent_reasoning_raw_content",
    "agent_reasoning_section_break",
    "background_event",
    "dynamic_tool_call_request",
    "dynamic_tool_call_response",
    "entered_review_mode",
    "error",
    "exec_command_begin",
    "exec_command_end",
    "exec_command_output_delta",
    "exited_review_mode",
    "image_generation_end",
    "item_completed",
    "item_started",
    "mcp_startup_complete",
    "mcp_tool_call_begin",
    "mcp_tool_call_end",
    "patch_apply_begin",
    "patch_apply_end",
    "plan_update",
    "stream_error",
    "thread_name_updated",
    "turn_diff",
    "user_message",
    "view_image_tool_call",
    "warning",
    "web_search_begin",
    "web_search_end",
];

/// Items of an answer, which may name a tool; an item of another kind says nothing of what the call did.
const ANSWERS: [&str; 6] =
    ["message", "reasoning", "function_call", "custom_tool_call", "local_shell_call", "web_search_call"];

/// Whether a line cannot report usage.
pub(super) fn is_passed_over(line: &[u8]) -> bool {
    passes_over(&line[..line.len().min(BEGINNING_BYTES)])
}

/// Whether a line beginning like this neither reports usage nor says what a call did.
fn says_nothing(beginning: &[u8]) -> bool {
    if !passes_over(beginning) {
        return false;
    }
    let Some((kind, rest)) = kind_of(beginning) else { return false };
    let Some((of, _)) = rest.strip_prefix(b",\"payload\":{\"type\":\"").and_then(until_quote) else {
        return true;
    };
    match kind {
        b"event_msg" => of != b"user_message",
        b"response_item" => {
            let is_answer = ANSWERS.iter().any(|known| known.as_bytes() == of);
            // Messages of the person may hold pictures.
            !is_answer || of == b"message" && memmem::find(beginning, b"\"role\":\"assistant\"").is_none()
        }
        _ => true,
    }
}

/// Whether a line beginning like this cannot report usage. A line in a form other than Codex's is read in full.
fn passes_over(beginning: &[u8]) -> bool {
    let Some((kind, rest)) = kind_of(beginning) else { return false };
    let is_one_of = |kinds: &[&str], kind: &[u8]| kinds.iter().any(|known| known.as_bytes() == kind);
    if kind != b"event_msg" {
        return is_one_of(&QUIET, kind);
    }
    let event = rest.strip_prefix(b",\"payload\":{\"type\":\"").and_then(until_quote);
    event.is_some_and(|(event, _)| is_one_of(&QUIET_EVENTS, event))
}

/// The kind of a line as written by Codex, time and ordinal first, and what follows it.
pub(super) fn kind_of(line: &[u8]) -> Option<(&[u8], &[u8])> {
    let (_, mut rest) = until_quote(line.strip_prefix(b"{\"timestamp\":\"")?)?;
    if let Some(ordinal) = rest.strip_prefix(b",\"ordinal\":") {
        rest = &ordinal[ordinal.iter().take_while(|byte| byte.is_ascii_digit()).count()..];
    }
    until_quote(rest.strip_prefix(b",\"type\":\"")?)
}

/// The text before the next quote, and after it; words and times contain no escaped quotes.
fn until_quote(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let end = memchr::memchr2(b'"', b'\\', text).filter(|&end| text[end] == b'"')?;
    Some((&text[..end], &text[end + 1..]))
}

/// Whether a kind, as `KIND` or `event_msg/KIND`, is known to report no usage.
pub(super) fn is_known(kind: &str) -> bool {
    kind.strip_prefix("event_msg/").map_or(QUIET.contains(&kind), |event| QUIET_EVENTS.contains(&event))
}

/// Whether a field of the line, as opposed to text in it, counts tokens or is a usage object.
pub(super) fn reports_tokens(line: &[u8]) -> bool {
    let mut found =
        ENDINGS.iter().flat_map(|end| memmem::find_iter(line, end).map(move |at| (at, end.len())));
    found.any(|(at, length)| {
        let name =
            line[..at].iter().rev().take_while(|byte| byte.is_ascii_alphanumeric() || **byte == b'_').count();
        let before = &line[..at - name];
        let after = line[at + length..].trim_ascii_start();
        let counts = line[..at].ends_with(b"_t") || line[..at].ends_with(b"T");
        // Inside a text, quotes are escaped.
        counts && before.ends_with(b"\"") && !before.ends_with(b"\\\"") && after.starts_with(b":")
    }) || OBJECTS.iter().any(|object| holds_counts(line, object))
}

/// Whether a field of the line whose name ends like this is an object with a nonzero number.
fn holds_counts(line: &[u8], end: &[u8]) -> bool {
    memmem::find_iter(line, end).any(|at| {
        let name =
            line[..at].iter().rev().take_while(|byte| byte.is_ascii_alphanumeric() || **byte == b'_').count();
        let before = &line[..at - name];
        let whole_word = name == 0 || matches!(line[at - 1], b'_') || line[at].is_ascii_uppercase();
        if !whole_word || !before.ends_with(b"\"") || before.ends_with(b"\\\"") {
            return false;
        }
        let Some(value) = line[at + end.len()..].trim_ascii_start().strip_prefix(b":") else { return false };
        let Some(object) = value.trim_ascii_start().strip_prefix(b"{") else { return false };
        let object = &object[..memchr::memchr(b'}', object).unwrap_or(object.len())];
        object
            .split(|byte| *byte == b':')
            .skip(1)
            .any(|value| matches!(value.trim_ascii_start(), [b'1'..=b'9', ..]))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_passed_over_by_their_first_bytes() {
        let at = r#"{"timestamp":"2026-11-20T10:00:00.000Z""#;
        for (rest, expected) in [
            (r#","type":"response_item","payload":{"#, true),
            (r#","ordinal":12,"type":"compacted","payload":"#, true),
            (r#","type":"event_msg","payload":{"type":"agent_message","message":"#, true),
            (r#","type":"event_msg","payload":{"type":"token_count","info":"#, false),
            (r#","type":"event_msg","payload":{"type":"from_the_future"}}"#, false),
            (r#","type":"event_msg","payload":{"info":{},"type":"agent_message"}}"#, false),
            (r#","type":"token_usage_record","payload":{"#, false),
            (r#","type":"respo"#, false),
            (r#","payload":{"type":"x"},"type":"response_item"}"#, false),
        ] {
            assert_eq!(passes_over(format!("{at}{rest}").as_bytes()), expected, "{rest}");
        }
        assert!(!passes_over(br#"{"type":"response_item","payload":{"type":"token_count"}}"#));
    }

    #[test]
    fn tokens_in_a_text_are_not_reported() {
        for (line, expected) in [
            (r#"{"usage":{"input_tokens":5}}"#, true),
            (r#"{"usage":{"input_tokens" : 5}}"#, true),
            (r#"{"usage":{"inputTokens":5}}"#, true),
            (r#"{"usage":{"promptTokenCount":5}}"#, true),
            (r#"{"usage":{"prompt_token_count":5}}"#, true),
            (r#"{"policy":{"tokens":5}}"#, false),
            (r#"{"usage":{"prompt":5,"completion":0}}"#, true),
            (r#"{"usage": {"prompt": 0, "completion": 5}}"#, true),
            (r#"{"token_usage":{"in":5}}"#, true),
            (r#"{"turnUsage":{"in":5}}"#, true),
            (r#"{"tokens":{"input":5,"output":1}}"#, true),
            (r#"{"usage":{"prompt":0,"completion":0}}"#, false),
            (r#"{"usage":{"how":"5 times"}}"#, false),
            (r#"{"usage":"5"}"#, false),
            (r#"{"sausage":{"in":5}}"#, false),
            (r#"{"text":"{\"usage\":{\"in\":5}}"}"#, false),
            (r#"{"text":"{\"input_tokens\":5}"}"#, false),
            (r#"{"text":"{\"inputTokens\":5}"}"#, false),
            (r#"{"text":"input_tokens"}"#, false),
            (r#"{"text":["max_tokens"]}"#, false),
        ] {
            assert_eq!(reports_tokens(line.as_bytes()), expected, "{line}");
        }
    }
}
