//! Statements about an execution: that it waited, showed a sign of progress or trouble, or why it used what it used.

use serde_json::value::RawValue;
use tollgate_domain::event::{PhaseExplained, SignalRecorded, WaitRecorded};
use tollgate_domain::usage::NamedExecution;

use crate::decoded::TextLength;
use crate::error::FieldError;
use crate::kind::{Beside, Kind, Sent};
use crate::object::Object;
use crate::out::{Out, whole};
use crate::proto::{self, Added};
use crate::rules::{self, MAX_WAIT_MS, at_most, attempt, name, optional_name, text};
use crate::values::{execution, execution_fields, optional, phase};

impl Kind for WaitRecorded {
    type Proto = proto::WaitRecorded;

    fn to_domain(sent: Self::Proto, _beside: &mut Beside) -> Result<Self, FieldError> {
        Ok(Self {
            execution: execution(&sent.phase, sent.attempt)?,
            kind: sent.kind,
            wait_ms: sent.wait_ms.ok_or_else(|| FieldError::missing("wait_ms"))?,
        })
    }

    fn content(&self, _text_length: Option<TextLength>) -> Self::Proto {
        let (phase, attempt) = execution_fields(self.execution.as_ref());
        proto::WaitRecorded { phase, attempt, kind: self.kind.clone(), wait_ms: Some(self.wait_ms) }
    }

    fn check(&self, _text_length: Option<TextLength>) -> Result<(), FieldError> {
        rules::execution(self.execution.as_ref())?;
        name("kind", &self.kind)?;
        at_most("wait_ms", self.wait_ms, MAX_WAIT_MS)
    }

    fn write(out: &mut Out, content: &Self::Proto, _added: Option<&Added>) {
        out.execution(&content.phase, content.attempt);
        out.text("kind", &content.kind);
        out.optional("wait_ms", content.wait_ms.map(whole));
    }
}

impl Sent for WaitRecorded {
    fn read(raw: &RawValue) -> Result<Self::Proto, FieldError> {
        let wait = Object::of(raw, &["phase", "attempt", "kind", "wait_ms"])?;
        Ok(proto::WaitRecorded {
            phase: wait.text("phase")?,
            attempt: wait.small_count("attempt")?,
            kind: wait.text("kind")?,
            wait_ms: wait.count("wait_ms")?,
        })
    }
}

impl Kind for SignalRecorded {
    type Proto = proto::SignalRecorded;

    fn to_domain(sent: Self::Proto, _beside: &mut Beside) -> Result<Self, FieldError> {
        Ok(Self {
            execution: execution(&sent.phase, sent.attempt)?,
            name: sent.name,
            value: sent.value.ok_or_else(|| FieldError::missing("value"))?,
            key: optional(sent.key),
        })
    }

    fn content(&self, _text_length: Option<TextLength>) -> Self::Proto {
        let (phase, attempt) = execution_fields(self.execution.as_ref());
        let key = self.key.clone().unwrap_or_default();
        proto::SignalRecorded { phase, attempt, name: self.name.clone(), value: Some(self.value), key }
    }

    fn check(&self, _text_length: Option<TextLength>) -> Result<(), FieldError> {
        rules::execution(self.execution.as_ref())?;
        name("name", &self.name)?;
        optional_name("key", self.key.as_ref())
    }

    fn write(out: &mut Out, content: &Self::Proto, _added: Option<&Added>) {
        out.execution(&content.phase, content.attempt);
        out.text("name", &content.name);
        out.optional("value", content.value.map(whole));
        out.text("key", &content.key);
    }
}

impl Sent for SignalRecorded {
    fn read(raw: &RawValue) -> Result<Self::Proto, FieldError> {
        let signal = Object::of(raw, &["phase", "attempt", "name", "value", "key"])?;
        Ok(proto::SignalRecorded {
            phase: signal.text("phase")?,
            attempt: signal.small_count("attempt")?,
            name: signal.text("name")?,
            value: signal.signed("value")?,
            key: signal.text("key")?,
        })
    }
}

impl Kind for PhaseExplained {
    type Proto = proto::PhaseExplained;

    fn to_domain(sent: Self::Proto, _beside: &mut Beside) -> Result<Self, FieldError> {
        Ok(Self {
            execution: NamedExecution { phase: phase("phase", &sent.phase)?, attempt: sent.attempt },
            author: sent.author,
            explanation: sent.explanation,
        })
    }

    fn content(&self, _text_length: Option<TextLength>) -> Self::Proto {
        proto::PhaseExplained {
            phase: self.execution.phase.as_str().to_owned(),
            attempt: self.execution.attempt,
            author: self.author.clone(),
            explanation: self.explanation.clone(),
        }
    }

    fn check(&self, _text_length: Option<TextLength>) -> Result<(), FieldError> {
        attempt(self.execution.attempt)?;
        text("author", &self.author)?;
        text("explanation", &self.explanation)
    }

    fn write(out: &mut Out, content: &Self::Proto, _added: Option<&Added>) {
        out.execution(&content.phase, content.attempt);
        out.text("author", &content.author);
        out.text("explanation", &content.explanation);
    }
}

impl Sent for PhaseExplained {
    fn read(raw: &RawValue) -> Result<Self::Proto, FieldError> {
        let explained = Object::of(raw, &["phase", "attempt", "author", "explanation"])?;
        Ok(proto::PhaseExplained {
            phase: explained.text("phase")?,
            attempt: explained.small_count("attempt")?,
            author: explained.text("author")?,
            explanation: explained.text("explanation")?,
        })
    }
}
