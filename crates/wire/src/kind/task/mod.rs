//! The life of a task: phases, overrides, people's judgements. Its opening has a file of its own.

mod opened;

use serde_json::Value;
use serde_json::value::RawValue;
use tollgate_domain::event::{
    ImportanceChanged, Mark, OverrideGranted, OverrideScope, PhaseEnded, PhaseStarted, TaskClosed,
    TaskMarked, TaskOutcome,
};
use tollgate_domain::metadata::LimitOverride;
use tollgate_domain::tier::Importance;

use super::{Beside, Kind, Sent};
use crate::decoded::TextLength;
use crate::error::FieldError;
use crate::object::Object;
use crate::out::{Out, whole};
use crate::proto::{self, Added, override_granted::Scope};
use crate::rules::{attempt, optional_text, text};
use crate::values::{advance, optional, or_empty, phase, tier, word};

impl Kind for TaskClosed {
    type Proto = proto::TaskClosed;

    fn to_domain(sent: Self::Proto, _beside: &mut Beside) -> Result<Self, FieldError> {
        let outcome = word("outcome", &sent.outcome, TaskOutcome::NAMES, TaskOutcome::from_word)?;
        Ok(TaskClosed { outcome, reason: optional(sent.reason), author: optional(sent.author) })
    }

    fn content(&self, _text_length: Option<TextLength>) -> Self::Proto {
        proto::TaskClosed {
            outcome: self.outcome.as_str().to_owned(),
            reason: or_empty(self.reason.as_ref()),
            author: or_empty(self.author.as_ref()),
        }
    }

    fn check(&self, _text_length: Option<TextLength>) -> Result<(), FieldError> {
        optional_text("reason", self.reason.as_ref())?;
        optional_text("author", self.author.as_ref())
    }

    fn write(out: &mut Out, content: &Self::Proto, _added: Option<&Added>) {
        out.text("outcome", &content.outcome);
        out.text("reason", &content.reason);
        out.text("author", &content.author);
    }
}

impl Sent for TaskClosed {
    fn read(raw: &RawValue) -> Result<Self::Proto, FieldError> {
        let closed = Object::of(raw, &["outcome", "reason", "author"])?;
        Ok(proto::TaskClosed {
            outcome: closed.text("outcome")?,
            reason: closed.text("reason")?,
            author: closed.text("author")?,
        })
    }
}

impl Kind for PhaseStarted {
    type Proto = proto::PhaseStarted;

    fn to_domain(sent: Self::Proto, beside: &mut Beside) -> Result<Self, FieldError> {
        Ok(Self {
            phase: phase("phase", &sent.phase)?,
            attempt: assigned(beside.added.attempt),
            concluded_by: optional(sent.concluded_by),
        })
    }

    fn content(&self, _text_length: Option<TextLength>) -> Self::Proto {
        proto::PhaseStarted {
            phase: self.phase.as_str().to_owned(),
            concluded_by: or_empty(self.concluded_by.as_ref()),
        }
    }

    fn add(&self, _sent: &Self, _text_length: Option<TextLength>, added: &mut Added) {
        added.attempt = self.attempt.unwrap_or_default();
    }

    fn check(&self, _text_length: Option<TextLength>) -> Result<(), FieldError> {
        attempt(self.attempt)?;
        optional_text("concluded_by", self.concluded_by.as_ref())
    }

    fn write(out: &mut Out, content: &Self::Proto, added: Option<&Added>) {
        let assigned = added.map(|added| added.attempt).filter(|attempt| *attempt > 0);
        out.execution(&content.phase, assigned);
        out.text("concluded_by", &content.concluded_by);
    }
}

impl Sent for PhaseStarted {
    fn read(raw: &RawValue) -> Result<Self::Proto, FieldError> {
        let started = Object::of(raw, &["phase", "concluded_by"])?;
        Ok(proto::PhaseStarted { phase: started.text("phase")?, concluded_by: started.text("concluded_by")? })
    }
}

impl Kind for PhaseEnded {
    type Proto = proto::PhaseEnded;

    fn to_domain(sent: Self::Proto, beside: &mut Beside) -> Result<Self, FieldError> {
        // 0 if the producer named it or none is decided yet.
        let attempt = sent.attempt.or(assigned(beside.added.attempt));
        Ok(Self { phase: phase("phase", &sent.phase)?, attempt })
    }

    fn content(&self, _text_length: Option<TextLength>) -> Self::Proto {
        proto::PhaseEnded { phase: self.phase.as_str().to_owned(), attempt: self.attempt }
    }

    fn add(&self, sent: &Self, _text_length: Option<TextLength>, added: &mut Added) {
        // An attempt named by the producer is content; only one filled in by the decision is added.
        added.attempt = if sent.attempt.is_some() { 0 } else { self.attempt.unwrap_or_default() };
    }

    fn check(&self, _text_length: Option<TextLength>) -> Result<(), FieldError> {
        attempt(self.attempt)
    }

    fn write(out: &mut Out, content: &Self::Proto, _added: Option<&Added>) {
        out.execution(&content.phase, content.attempt);
    }
}

impl Sent for PhaseEnded {
    fn read(raw: &RawValue) -> Result<Self::Proto, FieldError> {
        let ended = Object::of(raw, &["phase", "attempt"])?;
        Ok(proto::PhaseEnded { phase: ended.text("phase")?, attempt: ended.small_count("attempt")? })
    }
}

impl Kind for OverrideGranted {
    type Proto = proto::OverrideGranted;

    fn to_domain(sent: Self::Proto, _beside: &mut Beside) -> Result<Self, FieldError> {
        let scope = match sent.scope {
            Some(Scope::Limit(scope)) => OverrideScope::Limit {
                phase: phase("limit.phase", &scope.phase)?,
                limit: LimitOverride { tokens: scope.tokens, latency_ms: scope.latency_ms },
            },
            Some(Scope::Block(scope)) => {
                OverrideScope::Block { advance: advance("block.advance", &scope.advance)? }
            }
            None => {
                let rule = "must say what is set aside: give `limit` (a phase with tokens or latency_ms) or `block` (an advance)";
                return Err(FieldError::new("", "nothing", rule));
            }
        };
        Ok(OverrideGranted { scope, approver: sent.approver, reason: sent.reason })
    }

    fn content(&self, _text_length: Option<TextLength>) -> Self::Proto {
        let scope = match &self.scope {
            OverrideScope::Limit { phase, limit } => Scope::Limit(proto::LimitScope {
                phase: phase.as_str().to_owned(),
                tokens: limit.tokens,
                latency_ms: limit.latency_ms,
            }),
            OverrideScope::Block { advance } => {
                Scope::Block(proto::BlockScope { advance: advance.to_string() })
            }
        };
        proto::OverrideGranted {
            scope: Some(scope),
            approver: self.approver.clone(),
            reason: self.reason.clone(),
        }
    }

    fn check(&self, _text_length: Option<TextLength>) -> Result<(), FieldError> {
        match &self.scope {
            OverrideScope::Limit { limit, .. } => {
                check_override(limit).map_err(|error| error.within("limit"))?;
            }
            OverrideScope::Block { .. } => {}
        }
        text("approver", &self.approver)?;
        text("reason", &self.reason)
    }

    fn write(out: &mut Out, content: &Self::Proto, _added: Option<&Added>) {
        let mut scope = Out::default();
        match &content.scope {
            Some(Scope::Limit(limit)) => {
                scope.text("phase", &limit.phase);
                scope.optional("tokens", limit.tokens.map(whole));
                scope.optional("latency_ms", limit.latency_ms.map(whole));
                out.value("limit", scope.object());
            }
            Some(Scope::Block(block)) => {
                scope.text("advance", &block.advance);
                out.value("block", scope.object());
            }
            None => {}
        }
        out.text("approver", &content.approver);
        out.text("reason", &content.reason);
    }
}

impl Sent for OverrideGranted {
    fn read(raw: &RawValue) -> Result<Self::Proto, FieldError> {
        let granted = Object::of(raw, &["limit", "block", "approver", "reason"])?;
        let limit = granted.with("limit", |raw| {
            let limit = Object::of(raw, &["phase", "tokens", "latency_ms"])?;
            Ok(Scope::Limit(proto::LimitScope {
                phase: limit.text("phase")?,
                tokens: limit.count("tokens")?,
                latency_ms: limit.count("latency_ms")?,
            }))
        })?;
        let block = granted.with("block", |raw| {
            let block = Object::of(raw, &["advance"])?;
            Ok(Scope::Block(proto::BlockScope { advance: block.text("advance")? }))
        })?;
        if limit.is_some() && block.is_some() {
            return Err(FieldError::new("block", "given", "cannot be combined with limit: send two events"));
        }
        Ok(proto::OverrideGranted {
            scope: limit.or(block),
            approver: granted.text("approver")?,
            reason: granted.text("reason")?,
        })
    }
}

impl Kind for ImportanceChanged {
    type Proto = proto::ImportanceChanged;

    fn to_domain(sent: Self::Proto, beside: &mut Beside) -> Result<Self, FieldError> {
        let from = if sent.from.is_empty() { &beside.added.importance_from } else { &sent.from };
        let to = tier("to", &sent.to, Importance::NAMES)?.ok_or_else(|| FieldError::missing("to"))?;
        let from = tier("from", from, Importance::NAMES)?;
        Ok(ImportanceChanged { from, to, author: sent.author, reason: sent.reason })
    }

    fn content(&self, _text_length: Option<TextLength>) -> Self::Proto {
        proto::ImportanceChanged {
            from: self.from.map_or("", Importance::as_str).to_owned(),
            to: self.to.as_str().to_owned(),
            author: self.author.clone(),
            reason: self.reason.clone(),
        }
    }

    fn add(&self, sent: &Self, _text_length: Option<TextLength>, added: &mut Added) {
        let from = if sent.from.is_some() { None } else { self.from };
        added.importance_from = from.map_or("", Importance::as_str).to_owned();
    }

    fn check(&self, _text_length: Option<TextLength>) -> Result<(), FieldError> {
        text("author", &self.author)?;
        text("reason", &self.reason)
    }

    fn write(out: &mut Out, content: &Self::Proto, added: Option<&Added>) {
        let added = added.map(|added| added.importance_from.as_str()).unwrap_or_default();
        out.text("from", if content.from.is_empty() { added } else { &content.from });
        out.text("to", &content.to);
        out.text("author", &content.author);
        out.text("reason", &content.reason);
    }
}

impl Sent for ImportanceChanged {
    fn read(raw: &RawValue) -> Result<Self::Proto, FieldError> {
        let changed = Object::of(raw, &["from", "to", "author", "reason"])?;
        Ok(proto::ImportanceChanged {
            from: changed.text("from")?,
            to: changed.text("to")?,
            author: changed.text("author")?,
            reason: changed.text("reason")?,
        })
    }
}

impl Kind for TaskMarked {
    type Proto = proto::TaskMarked;

    fn to_domain(sent: Self::Proto, _beside: &mut Beside) -> Result<Self, FieldError> {
        if sent.mark.is_empty() {
            return Err(FieldError::missing("mark"));
        }
        let mark = word("mark", &sent.mark, Mark::NAMES, Mark::from_word)?;
        Ok(TaskMarked { mark, author: sent.author, reason: sent.reason })
    }

    fn content(&self, _text_length: Option<TextLength>) -> Self::Proto {
        proto::TaskMarked {
            mark: self.mark.as_str().to_owned(),
            author: self.author.clone(),
            reason: self.reason.clone(),
        }
    }

    fn check(&self, _text_length: Option<TextLength>) -> Result<(), FieldError> {
        text("author", &self.author)?;
        text("reason", &self.reason)
    }

    fn write(out: &mut Out, content: &Self::Proto, _added: Option<&Added>) {
        out.text("mark", &content.mark);
        out.text("author", &content.author);
        out.text("reason", &content.reason);
    }
}

impl Sent for TaskMarked {
    fn read(raw: &RawValue) -> Result<Self::Proto, FieldError> {
        let marked = Object::of(raw, &["mark", "author", "reason"])?;
        Ok(proto::TaskMarked {
            mark: marked.text("mark")?,
            author: marked.text("author")?,
            reason: marked.text("reason")?,
        })
    }
}

/// 0: not assigned yet.
fn assigned(attempt: u32) -> Option<u32> {
    (attempt > 0).then_some(attempt)
}

pub(super) fn override_to_proto(limit: &LimitOverride) -> proto::LimitOverride {
    proto::LimitOverride { tokens: limit.tokens, latency_ms: limit.latency_ms }
}

fn check_override(limit: &LimitOverride) -> Result<(), FieldError> {
    if *limit == LimitOverride::default() {
        return Err(FieldError::new("", "nothing", "must set tokens, latency_ms or both"));
    }
    for (field, value) in [("tokens", limit.tokens), ("latency_ms", limit.latency_ms)] {
        if value == Some(0) {
            return Err(FieldError::new(field, "0", "must be 1 or more"));
        }
    }
    Ok(())
}

pub(super) fn written_override(limit: &proto::LimitOverride) -> Value {
    let mut out = Out::default();
    out.optional("tokens", limit.tokens.map(whole));
    out.optional("latency_ms", limit.latency_ms.map(whole));
    out.object()
}
