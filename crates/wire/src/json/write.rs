//! Events as JSON for people and programs. Names are those of the contract; empty and absent fields are
//! omitted; times are RFC 3339 in UTC, money and factors are decimal strings, counts are plain numbers
//! (strings above 2^53, the same as on input).

use serde_json::Value;
use tollgate_domain::event::Event;
use tollgate_domain::position::{PartitionId, Sequence};
use tollgate_domain::time::Timestamp;

use crate::decoded::DecodedEvent;
use crate::kind;
use crate::out::Out;
use crate::proto::stored_event::Body;

/// An event's place in the log, and the names in the frame of its record.
#[derive(Clone, Copy, Debug)]
pub struct Place<'a> {
    /// The sequence of its record.
    pub sequence: Sequence,
    /// The partition of its record.
    pub partition: PartitionId,
    /// When it was appended.
    pub recorded_at: Timestamp,
    /// Owner of the task.
    pub tenant: &'a str,
    /// Which task.
    pub task: &'a str,
    /// Who appended it.
    pub producer: &'a str,
    /// Its id.
    pub id: &'a str,
}

impl DecodedEvent {
    /// The recorded event as JSON: its place, what was sent and, in addition, what was added (`limits`,
    /// `attempt`, `cost_usd` and `price_version`, `resolved`, the tokens of an estimate). `cost_usd: null`
    /// means unpriced. `occurred_at` is missing if the producer did not give one.
    #[must_use]
    pub fn to_json(&self, place: &Place<'_>) -> Value {
        let mut out = Out::default();
        out.count("sequence", place.sequence.0);
        out.count("partition", place.partition.number());
        out.text("recorded_at", &place.recorded_at.to_string());
        out.text("tenant", place.tenant);
        out.text("task", place.task);
        out.text("producer", place.producer);
        out.text("id", place.id);
        out.text("occurred_at", &self.occurred_at.map(|time| time.to_string()).unwrap_or_default());
        out.text("trace_parent", self.trace_parent.as_deref().unwrap_or_default());
        let content = kind::content(&self.body, self.text_length);
        let added = kind::added(&self.body, &self.body, self.text_length, None);
        out.value(self.body.kind(), kind::write(&content, Some(&added)));
        out.object()
    }
}

/// An event as its producer sends it; `content` is its body.
pub(crate) fn sent(event: &Event, content: &Body) -> Value {
    let mut out = Out::default();
    out.text("tenant", event.tenant.as_str());
    out.text("task", event.task.as_str());
    out.text("producer", event.producer.as_str());
    out.text("id", event.id.as_str());
    out.text("occurred_at", &event.occurred_at.map(|time| time.to_string()).unwrap_or_default());
    out.text("trace_parent", event.trace_parent.as_deref().unwrap_or_default());
    out.value(event.body.kind(), kind::write(content, None));
    out.object()
}
