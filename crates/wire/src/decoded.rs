//! A stored event in the domain's form.

use tollgate_domain::event::EventBody;
use tollgate_domain::time::Timestamp;

/// A decoded stored event. Tenant, task, producer and id are in the frame of its record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DecodedEvent {
    /// When it happened, by the producer's clock; `None`: the time of the append is used.
    pub occurred_at: Option<Timestamp>,
    /// The producer's W3C trace context.
    pub trace_parent: Option<String>,
    /// The text lengths that usage was estimated from, if the producer sent those.
    pub text_length: Option<TextLength>,
    /// What happened, including what the decision and the appender added.
    pub body: EventBody,
}

/// Lengths of the texts of a model call for which no model reported usage, as sent by the producer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TextLength {
    /// Characters of the prompt.
    pub prompt_chars: Option<u64>,
    /// Characters of the completion.
    pub completion_chars: Option<u64>,
}
