//! What came in through the inbox and was wrong.

use tollgate_domain::event::{InboxRejected, InboxResolved, QuarantineAction};

use super::text::word;
use crate::error::FieldError;
use crate::proto;

pub(super) fn rejected(stored: proto::InboxRejected) -> InboxRejected {
    InboxRejected {
        subject: stored.subject,
        received_sequence: stored.received_sequence,
        payload: stored.payload,
        payload_bytes: stored.payload_bytes,
        payload_hash: stored.payload_hash,
        code: stored.code,
        reason: stored.reason,
        headers: stored.headers,
    }
}

pub(super) fn rejected_content(rejected: &InboxRejected) -> proto::InboxRejected {
    proto::InboxRejected {
        subject: rejected.subject.clone(),
        received_sequence: rejected.received_sequence,
        payload: rejected.payload.clone(),
        payload_bytes: rejected.payload_bytes,
        payload_hash: rejected.payload_hash.clone(),
        code: rejected.code.clone(),
        reason: rejected.reason.clone(),
        headers: rejected.headers.clone(),
    }
}

pub(super) fn resolved(stored: proto::InboxResolved) -> Result<InboxResolved, FieldError> {
    Ok(InboxResolved {
        rejection: stored.rejection,
        action: word("action", &stored.action, QuarantineAction::NAMES, QuarantineAction::from_word)?,
        by: stored.by,
        reason: stored.reason,
    })
}

pub(super) fn resolved_content(resolved: &InboxResolved) -> proto::InboxResolved {
    proto::InboxResolved {
        rejection: resolved.rejection.clone(),
        action: resolved.action.as_str().to_owned(),
        by: resolved.by.clone(),
        reason: resolved.reason.clone(),
    }
}
