//! What an endpoint is told: one change of an alert, or a digest of many, as a body of at most 20 kB.

use bytes::Bytes;
use serde::Serialize;
use tollgate_domain::alert::{AlertRule, Severity};
use tollgate_domain::event::Change;
use tollgate_domain::time::Timestamp;

use crate::digest::Digest;
use crate::remediation::Remediation;
use crate::signature::WebhookId;

/// Largest body: receivers are promised less than 20 kB.
pub const MAX_BODY_BYTES: usize = 20_000;

/// Longest text of a body, in bytes; what is longer ends with `…`. JSON may need six bytes for one.
const MAX_TEXT_BYTES: usize = 1000;

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

/// A message to one endpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// Its id, the same at every attempt.
    pub id: WebhookId,
    /// What it says.
    pub content: Content,
}

/// What a message says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Content {
    /// One change.
    Change(Box<AlertNotice>),
    /// Many.
    Digest(Box<Digest>),
    /// A task was blocked, and people are to work on that.
    Remediation(Box<Remediation>),
}

impl Message {
    /// The message that tells an endpoint of one change.
    #[must_use]
    pub fn of_change(endpoint: &str, notice: AlertNotice) -> Self {
        Self {
            id: change_id(endpoint, &notice.alert, notice.change),
            content: Content::Change(Box::new(notice)),
        }
    }

    /// What kind it is, as `type` says.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match &self.content {
            Content::Change(notice) => kind_of(notice.change),
            Content::Digest(_) => kind_of(Change::Digest),
            Content::Remediation(_) => "remediation.opened",
        }
    }

    /// The bytes that are signed and sent: the same at every attempt.
    #[must_use]
    pub fn body(&self) -> Bytes {
        let written = match &self.content {
            Content::Change(notice) => serde_json::to_vec(&Body {
                kind: self.kind(),
                timestamp: notice.at,
                data: ChangeData::of(notice),
            }),
            Content::Digest(digest) => {
                serde_json::to_vec(&Body { kind: self.kind(), timestamp: digest.to, data: &**digest })
            }
            Content::Remediation(told) => {
                serde_json::to_vec(&Body { kind: self.kind(), timestamp: told.blocked_at, data: &**told })
            }
        };
        let body = written.expect("texts and numbers under string keys are always JSON");
        debug_assert!(body.len() <= MAX_BODY_BYTES, "{} bytes", body.len());
        body.into()
    }
}

/// The id of the message that tells an endpoint of one change of an alert.
#[must_use]
pub fn change_id(endpoint: &str, alert: &str, change: Change) -> WebhookId {
    WebhookId::of(&[endpoint, alert, change.as_str()])
}

const fn kind_of(change: Change) -> &'static str {
    match change {
        Change::Raised => "alert.raised",
        Change::Resolved => "alert.resolved",
        Change::Acknowledged => "alert.acknowledged",
        Change::Digest => "alert.digest",
    }
}

#[derive(Serialize)]
struct Body<T> {
    #[serde(rename = "type")]
    kind: &'static str,
    #[serde(serialize_with = "as_text")]
    timestamp: Timestamp,
    data: T,
}

/// A time as RFC 3339.
pub(crate) fn as_text<S: serde::Serializer>(at: &Timestamp, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(at)
}

#[derive(Serialize)]
struct ChangeData<'a> {
    alert: &'a str,
    rule: &'static str,
    severity: &'static str,
    tenant: &'a str,
    task: &'a str,
    scope: &'a str,
    level: u32,
    generation: u32,
    message: String,
    #[serde(serialize_with = "as_text")]
    raised_at: Timestamp,
    #[serde(skip_serializing_if = "Option::is_none")]
    note: Option<String>,
}

impl<'a> ChangeData<'a> {
    fn of(notice: &'a AlertNotice) -> Self {
        Self {
            alert: &notice.alert,
            rule: notice.rule.as_str(),
            severity: notice.severity.as_str(),
            tenant: &notice.tenant,
            task: &notice.task,
            scope: &notice.scope,
            level: notice.level,
            generation: notice.generation,
            message: shortened(&notice.message, MAX_TEXT_BYTES),
            raised_at: notice.raised_at,
            note: notice.note.as_deref().map(|note| shortened(note, MAX_TEXT_BYTES)),
        }
    }
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
    use crate::digest::tests::change;

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

    #[test]
    fn the_largest_body_is_below_the_limit() {
        // A control character takes six bytes in JSON.
        let worst = "\u{1}".repeat(100_000);
        let mut change = change(1);
        change.tenant = worst[..64].to_owned();
        change.task = worst[..128].to_owned();
        change.scope = worst[..64].to_owned();
        change.message.clone_from(&worst);
        change.note = Some(worst);
        let body = Message::of_change("pager", change).body();
        assert!(body.len() < MAX_BODY_BYTES, "{}", body.len());
    }

    #[test]
    fn an_id_is_that_of_change_and_endpoint() {
        let id = |endpoint: &str, change| change_id(endpoint, "a1", change);
        assert_eq!(id("pager", Change::Raised), id("pager", Change::Raised));
        assert_ne!(id("pager", Change::Raised), id("pager", Change::Resolved));
        assert_ne!(id("pager", Change::Raised), id("chat", Change::Raised));
        let message = Message::of_change("pager", change(3));
        assert_eq!(message.id, change_id("pager", &change(3).alert, change(3).change));
    }
}
