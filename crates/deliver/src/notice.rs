//! The data of a message: a change of an alert, or a task that the gate blocked.

use serde::Serialize;
use tollgate_domain::alert::{AlertRule, Severity};
use tollgate_domain::event::Change;
use tollgate_domain::time::Timestamp;

/// One change of an alert, with what a reader needs to know about the alert.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AlertNotice {
    /// The id of the alert: the same in every fold of the log.
    pub alert: String,
    /// What happened to it.
    pub change: Change,
    /// When it happened.
    pub at: Timestamp,
    /// The rule that raised it.
    pub rule: AlertRule,
    /// How much it matters.
    pub severity: Severity,
    /// Owner of the task.
    pub tenant: String,
    /// Which task.
    pub task: String,
    /// The part of the task that it is about.
    pub scope: String,
    /// The percentage of the limit that it is about; 0 if there is none.
    pub level: u32,
    /// How often its condition became true, from 1.
    pub generation: u32,
    /// A sentence that names everything.
    pub message: String,
    /// When it was raised.
    pub raised_at: Timestamp,
    /// Why it is no longer true, or who has acknowledged it and their comment.
    pub note: Option<String>,
}

/// The data about a task that the gate blocked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Remediation {
    /// The task that people need to work on.
    pub remediation: String,
    /// The tenant of both tasks.
    pub tenant: String,
    /// The task that is blocked.
    pub task: String,
    /// Where it tried to advance to.
    pub advance_to: String,
    /// Why it was blocked, in sentences that name everything.
    pub message: String,
    /// The tokens it has used; `None` if unknown.
    pub tokens_used: Option<u64>,
    /// The limit of its tokens.
    pub tokens_limit: Option<u64>,
    /// The path of its report on the server.
    pub report: String,
    /// When it was blocked.
    #[serde(serialize_with = "as_text")]
    pub blocked_at: Timestamp,
}

/// A time as RFC 3339.
pub(crate) fn as_text<S: serde::Serializer>(at: &Timestamp, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(at)
}

/// The text, or its beginning with `…` if it is longer than this many bytes.
pub(crate) fn shortened(text: &str, bytes: usize) -> String {
    if text.len() <= bytes {
        return text.to_owned();
    }
    let mark = '…';
    let end = (0..=bytes.saturating_sub(mark.len_utf8())).rev().find(|&at| text.is_char_boundary(at));
    format!("{}{mark}", &text[..end.unwrap_or(0)])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_cut_between_letters() {
        for (text, bytes, expected) in [
            ("short", 5, "short"),
            ("longer", 5, "lo…"),
            ("ääää", 7, "ää…"),
            ("ääää", 6, "ä…"),
            ("abcdef", 0, "…"),
        ] {
            assert_eq!(shortened(text, bytes), expected);
        }
    }
}
