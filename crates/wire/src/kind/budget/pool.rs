//! Pools of unused budget: given, drawn.

use tollgate_domain::event::{PoolDrawn, PoolGiven};
use tollgate_domain::tier::Importance;
use tollgate_domain::zone::Span;

use super::parts::{required, span, span_content, written_span};
use crate::decoded::TextLength;
use crate::error::FieldError;
use crate::kind::{Beside, Kind};
use crate::out::Out;
use crate::proto::{self, Added};
use crate::values::{time_to_proto, word};

impl Kind for PoolGiven {
    type Proto = proto::PoolGiven;

    fn to_domain(stored: Self::Proto, _beside: &mut Beside) -> Result<Self, FieldError> {
        Ok(Self {
            task: stored.task,
            unused: stored.unused,
            tokens: stored.tokens,
            drawn: stored.drawn,
            returned: stored.returned,
            window: window(stored.window)?,
            closed_at: required("closed_at", stored.closed_at)?,
            decided_at: required("decided_at", stored.decided_at)?,
        })
    }

    fn content(&self, _text_length: Option<TextLength>) -> Self::Proto {
        proto::PoolGiven {
            task: self.task.clone(),
            unused: self.unused,
            tokens: self.tokens,
            drawn: self.drawn,
            returned: self.returned,
            window: Some(span_content(self.window)),
            closed_at: Some(time_to_proto(self.closed_at)),
            decided_at: Some(time_to_proto(self.decided_at)),
        }
    }

    fn write(out: &mut Out, content: &Self::Proto, _added: Option<&Added>) {
        out.text("task", &content.task);
        out.count("unused", content.unused);
        out.count("tokens", content.tokens);
        out.count("drawn", content.drawn);
        out.count("returned", content.returned);
        out.optional("window", content.window.as_ref().map(written_span));
        out.time("closed_at", content.closed_at);
        out.time("decided_at", content.decided_at);
    }
}

impl Kind for PoolDrawn {
    type Proto = proto::PoolDrawn;

    fn to_domain(stored: Self::Proto, _beside: &mut Beside) -> Result<Self, FieldError> {
        Ok(Self {
            task: stored.task,
            importance: word("importance", &stored.importance, Importance::NAMES, |text| text.parse().ok())?,
            tokens: stored.tokens,
            drawn: stored.drawn,
            in_pool: stored.in_pool,
            to_leave: stored.to_leave,
            window: window(stored.window)?,
            decided_at: required("decided_at", stored.decided_at)?,
        })
    }

    fn content(&self, _text_length: Option<TextLength>) -> Self::Proto {
        proto::PoolDrawn {
            task: self.task.clone(),
            importance: self.importance.as_str().to_owned(),
            tokens: self.tokens,
            drawn: self.drawn,
            in_pool: self.in_pool,
            to_leave: self.to_leave,
            window: Some(span_content(self.window)),
            decided_at: Some(time_to_proto(self.decided_at)),
        }
    }

    fn write(out: &mut Out, content: &Self::Proto, _added: Option<&Added>) {
        out.text("task", &content.task);
        out.text("importance", &content.importance);
        out.count("tokens", content.tokens);
        out.count("drawn", content.drawn);
        out.count("in_pool", content.in_pool);
        out.count("to_leave", content.to_leave);
        out.optional("window", content.window.as_ref().map(written_span));
        out.time("decided_at", content.decided_at);
    }
}

fn window(stored: Option<proto::Span>) -> Result<Span, FieldError> {
    span("window", stored)?.ok_or_else(|| FieldError::missing("window"))
}
