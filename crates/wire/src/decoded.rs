//! A stored event in the domain's form.

use tollgate_domain::event::EventBody;
use tollgate_domain::time::Timestamp;

/// A stored event, read. Tenant, task, producer and id stand in the frame of its record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DecodedEvent {
    /// When it happened, by the producer's clock; `None`: the time of the append counts.
    pub occurred_at: Option<Timestamp>,
    /// The producer's W3C trace context.
    pub trace_parent: Option<String>,
    /// The text lengths that usage was estimated from, where the producer sent those.
    pub text_length: Option<TextLength>,
    /// What happened, with what the decision and the appender added.
    pub body: EventBody,
}

/// Lengths of the texts of a model call whose usage no model reported, as the producer sent them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TextLength {
    /// Characters of the prompt.
    pub prompt_chars: Option<u64>,
    /// Characters of the completion.
    pub completion_chars: Option<u64>,
}
