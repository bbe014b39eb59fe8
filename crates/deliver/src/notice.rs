//! What is told, as data: a change of an alert; a task that the gate blocked.

use serde::Serialize;
use tollgate_domain::alert::{AlertRule, Severity};
use tollgate_domain::event::Change;
use tollgate_domain::time::Timestamp;

/// One change of an alert, with what a reader needs to know of the alert.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AlertNotice {
    /// Which alert: the same in every fold of the log.
    pub alert: String,
    /// What happened to it.
    pub change: Change,
    /// When.
    pub at: Timestamp,
    /// What raised it.
    pub rule: AlertRule,
    /// How much it matters.
    pub severity: Severity,
    /// Owner of the task.
    pub tenant: String,
    /// Which task.
    pub task: String,
    /// What of the task it is about.
    pub scope: String,
    /// Percent of the limit that it is about; 0 where there is none.
    pub level: u32,
    /// How often its condition became true, from 1.
    pub generation: u32,
    /// A sentence that names everything.
    pub message: String,
    /// When it was raised.
    pub raised_at: Timestamp,
    /// Why it is true no more, or who has seen it and what they said.
    pub note: Option<String>,
}

/// What is told of a task that the gate blocked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Remediation {
    /// The task that people are to work on.
    pub remediation: String,
    /// The tenant of both.
    pub tenant: String,
    /// The task that is blocked.
    pub task: String,
    /// Where it wanted to go.
    pub advance_to: String,
    /// Why it was blocked, in sentences that name everything.
    pub message: String,
    /// Its tokens; `None` where they were not known.
    pub tokens_used: Option<u64>,
    /// Their limit.
    pub tokens_limit: Option<u64>,
    /// Where the server has its report: a path.
    pub report: String,
    /// When it was blocked.
    #[serde(serialize_with = "as_text")]
    pub blocked_at: Timestamp,
}

/// A time as RFC 3339.
pub(crate) fn as_text<S: serde::Serializer>(at: &Timestamp, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(at)
}

/// The text, or its beginning with `…` where it is longer than so many bytes.
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
