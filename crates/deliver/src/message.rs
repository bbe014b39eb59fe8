//! What an endpoint receives: one change of an alert, or a digest of many, as a body of at most 20 kB.

use bytes::Bytes;
use serde::Serialize;
use tollgate_domain::event::Change;
use tollgate_domain::time::Timestamp;

use crate::digest::Digest;
use crate::notice::{AlertNotice, Remediation, as_text, shortened};
use crate::signature::WebhookId;

/// The largest body, in bytes: receivers are promised less than 20 kB.
pub const MAX_BODY_BYTES: usize = 20_000;

/// The longest text in a body, in bytes; a longer one is cut and ends with `…`. JSON may need six bytes for
/// one.
const MAX_TEXT_BYTES: usize = 1000;

/// A message to one endpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// Its id, the same at every attempt.
    pub id: WebhookId,
    /// Its content.
    pub content: Content,
}

/// The content of a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Content {
    /// One change.
    Change(Box<AlertNotice>),
    /// Many.
    Digest(Box<Digest>),
    /// A task was blocked, and people need to work on that.
    Remediation(Box<Remediation>),
}

impl Message {
    /// The message about one change for an endpoint.
    #[must_use]
    pub fn of_change(endpoint: &str, notice: AlertNotice) -> Self {
        Self {
            id: change_id(endpoint, &notice.alert, notice.change),
            content: Content::Change(Box::new(notice)),
        }
    }

    /// The message that opens a remediation in one way. Its id is the same at every attempt, from every
    /// server, for the life of the ledger.
    #[must_use]
    pub fn of_remediation(way: &str, remediation: &Remediation) -> Self {
        let id = WebhookId::of(&["remediation", way, &remediation.tenant, &remediation.task]);
        let message = shortened(&remediation.message, MAX_TEXT_BYTES);
        let shown = Remediation { message, ..remediation.clone() };
        Self { id, content: Content::Remediation(Box::new(shown)) }
    }

    /// Its kind, the value of `type`.
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

/// The id of the message about one change of an alert for an endpoint.
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::digest::tests::change;

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
