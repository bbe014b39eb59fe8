//! Invalid messages that arrived through the inbox.

use tollgate_domain::event::{InboxRejected, InboxResolved, QuarantineAction};
use tollgate_domain::hex::hex;

use super::{Beside, Kind};
use crate::decoded::TextLength;
use crate::error::FieldError;
use crate::out::Out;
use crate::proto::{self, Added};
use crate::rules::text;
use crate::values::word;

impl Kind for InboxRejected {
    type Proto = proto::InboxRejected;

    fn to_domain(stored: Self::Proto, _beside: &mut Beside) -> Result<Self, FieldError> {
        Ok(Self {
            subject: stored.subject,
            received_sequence: stored.received_sequence,
            payload: stored.payload,
            payload_bytes: stored.payload_bytes,
            payload_hash: stored.payload_hash,
            code: stored.code,
            reason: stored.reason,
            headers: stored.headers,
        })
    }

    fn content(&self, _text_length: Option<TextLength>) -> Self::Proto {
        proto::InboxRejected {
            subject: self.subject.clone(),
            received_sequence: self.received_sequence,
            payload: self.payload.clone(),
            payload_bytes: self.payload_bytes,
            payload_hash: self.payload_hash.clone(),
            code: self.code.clone(),
            reason: self.reason.clone(),
            headers: self.headers.clone(),
        }
    }

    fn write(out: &mut Out, content: &Self::Proto, _added: Option<&Added>) {
        out.text("subject", &content.subject);
        out.count("received_sequence", content.received_sequence);
        match std::str::from_utf8(&content.payload) {
            Ok(text) => out.value("payload", text.into()),
            Err(_) => out.value("payload_hex", hex(&content.payload).into()),
        }
        out.count("payload_bytes", content.payload_bytes);
        out.text("payload_hash", &content.payload_hash);
        out.text("code", &content.code);
        out.text("reason", &content.reason);
        let headers = content.headers.iter().map(|(name, value)| (name.clone(), value.as_str().into()));
        out.filled("headers", headers.collect());
    }
}

impl Kind for InboxResolved {
    type Proto = proto::InboxResolved;

    fn to_domain(stored: Self::Proto, _beside: &mut Beside) -> Result<Self, FieldError> {
        Ok(Self {
            rejection: stored.rejection,
            action: word("action", &stored.action, QuarantineAction::NAMES, QuarantineAction::from_word)?,
            by: stored.by,
            reason: stored.reason,
        })
    }

    fn content(&self, _text_length: Option<TextLength>) -> Self::Proto {
        proto::InboxResolved {
            rejection: self.rejection.clone(),
            action: self.action.as_str().to_owned(),
            by: self.by.clone(),
            reason: self.reason.clone(),
        }
    }

    fn check(&self, _text_length: Option<TextLength>) -> Result<(), FieldError> {
        text("by", &self.by)?;
        text("reason", &self.reason)
    }

    fn write(out: &mut Out, content: &Self::Proto, _added: Option<&Added>) {
        out.text("rejection", &content.rejection);
        out.text("action", &content.action);
        out.text("by", &content.by);
        out.text("reason", &content.reason);
    }
}
