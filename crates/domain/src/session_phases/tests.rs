//! Sessions and rules of tests, written as text.

use super::activity::{Activity, ToolKind, ToolUse};
use super::*;
use crate::time::Timestamp;

mod commands;
mod conditions;
mod errors;
mod laws;

/// Calls of a session, separated by commas: `+` begins a turn, `p` is in plan mode, `@9` is its second, `=9` what it
/// wrote, words are tools: a kind with an optional class of file as `edit/tests`, or a command in brackets as
/// `[git commit -m x]`.
fn session(text: &str) -> Vec<(Timestamp, Activity, u64)> {
    let call = |(nth, text): (usize, &str)| {
        let mut activity = Activity::default();
        let (mut second, mut written) = (nth, 0);
        let (commands, rest): (Vec<&str>, Vec<&str>) = split(text);
        activity.tools.extend(commands.into_iter().map(ToolUse::shell));
        for word in rest {
            match word {
                "+" => activity.begins_turn = true,
                "p" => activity.plan_mode = true,
                _ => match word.split_at(1) {
                    ("@", at) => second = at.parse().unwrap(),
                    ("=", tokens) => written = tokens.parse().unwrap(),
                    _ => activity.tools.push(tool(word)),
                },
            }
        }
        (Timestamp::from_micros(second as i64 * 1_000_000).unwrap(), activity, written)
    };
    text.split(',').enumerate().map(call).collect()
}

/// What is in brackets, and the words outside of them.
fn split(text: &str) -> (Vec<&str>, Vec<&str>) {
    let (mut commands, mut words) = (Vec::new(), Vec::new());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('[') {
        let (command, after) = after.split_once(']').unwrap();
        words.extend(before.split_whitespace());
        commands.push(command);
        rest = after;
    }
    words.extend(rest.split_whitespace());
    (commands, words)
}

fn tool(word: &str) -> ToolUse {
    let (kind, class) = word.split_once('/').unwrap_or((word, ""));
    let kind = ToolKind::from_word(kind).unwrap_or_else(|| panic!("no kind of tool: {word}"));
    let path = match class {
        "" => return ToolUse::of(kind),
        "tests" => "tests/a.rs",
        "docs" => "README.md",
        "code" => "src/a.rs",
        _ => panic!("no class of file: {word}"),
    };
    ToolUse::with_files(kind, [path])
}

fn sorted(phases: &SessionPhases, session: &[(Timestamp, Activity, u64)]) -> Vec<Sorted> {
    let calls: Vec<SessionCall<'_>> = session
        .iter()
        .map(|(at, activity, written)| SessionCall { at: *at, activity, written_tokens: *written })
        .collect();
    classify(phases, &calls)
}

/// The phase of each call, `-` for none.
fn phases_of(phases: &SessionPhases, text: &str) -> String {
    let sorted = sorted(phases, &session(text));
    let shown: Vec<&str> =
        sorted.iter().map(|call| call.phase.as_ref().map_or("-", |phase| phase.as_str())).collect();
    shown.join(" ")
}

fn shipped() -> SessionPhases {
    let built_in = BudgetConfig::built_in();
    SessionPhases::from_yaml(DEFAULT_RULES, &[("built-in", &built_in)]).unwrap()
}
