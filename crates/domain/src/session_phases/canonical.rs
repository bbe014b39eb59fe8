//! The canonical content of the rules: what their hash is over.

use std::fmt::Write;

use super::{Gives, Range, SessionPhases, Share};

/// The first line; another one if lines come to mean something else.
const HEADER: &str = "tollgate session phases 1";

/// One `key=value` per line: rules in order, words of a list in the order of the file, conditions in a fixed order.
pub(super) fn text(phases: &SessionPhases) -> String {
    let mut out = format!("{HEADER}\n");
    for rule in &phases.rules {
        let mut line = |key: &str, value: &str| {
            writeln!(out, "{key}={value}").expect("writing to a String cannot fail");
        };
        let when = &rule.when;
        line("rule", &rule.name);
        let words = |words: Vec<&str>| words.join(",");
        if !when.tools.is_empty() {
            line("tools", &words(when.tools.iter().map(|kind| kind.as_str()).collect()));
        }
        for pattern in &when.commands {
            line("command", &pattern.text());
        }
        if !when.files.is_empty() {
            line("files", &words(when.files.iter().map(|class| class.as_str()).collect()));
        }
        for (key, value) in [
            ("plan_mode", when.plan_mode),
            ("before_edit", when.before_edit),
            ("tools_recorded", when.tools_recorded),
        ] {
            if let Some(value) = value {
                line(key, &value.to_string());
            }
        }
        for (key, range) in [("written_tokens", when.written_tokens), ("turns", when.turns)] {
            if let Some(Range { from, to }) = range {
                line(key, &format!("{from}-{}", to.map(|to| to.to_string()).unwrap_or_default()));
            }
        }
        for (key, share) in [("share_of_calls", when.share_of_calls), ("share_of_time", when.share_of_time)] {
            if let Some(Share { from, to }) = share {
                line(key, &format!("{from}-{to}"));
            }
        }
        match &rule.gives {
            Gives::Phase(phase) => line("phase", phase.as_str()),
            Gives::Continues => line("continues", "true"),
        }
    }
    out
}
