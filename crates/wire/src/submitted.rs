//! An incoming event: checked, with its content fixed, so that every retry has the same hash.

use prost::Message;
use serde_json::value::RawValue;
use tollgate_domain::event::{Event, EventBody};
use tollgate_domain::ids::{BUDGET_TASK, EventId, InvalidId, ProducerId, TaskId, TenantId};

use crate::decoded::TextLength;
use crate::envelope;
use crate::error::FieldError;
use crate::json;
use crate::kind;
use crate::proto::{self, Added, StoredEvent, stored_event};
use crate::values;

/// Values for fields that an event omits.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Defaults {
    /// The tenant, for example that of the caller's key; otherwise `default`.
    pub tenant: Option<TenantId>,
    /// The producer, for example that of the caller's key; otherwise each event has to name one.
    pub producer: Option<ProducerId>,
}

/// An event that satisfies all input rules, and its canonical content.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Submitted {
    /// The event as the domain sees it. The content was fixed when it was read: later changes here do not affect it.
    pub event: Event,
    content: Vec<u8>,
    text_length: Option<TextLength>,
}

impl Submitted {
    /// Reads one event as JSON, with the names of `tollgate.v1.Event`.
    ///
    /// # Errors
    ///
    /// The first field that violates a rule.
    pub fn from_json(raw: &str, defaults: &Defaults) -> Result<Self, FieldError> {
        Self::from_proto(Self::parse_json(raw)?, defaults)
    }

    /// Like [`Self::from_json`], of JSON that was read before as part of a request.
    ///
    /// # Errors
    ///
    /// The first field that violates a rule.
    pub fn from_value(raw: &RawValue, defaults: &Defaults) -> Result<Self, FieldError> {
        Self::from_proto(json::read_value(raw)?, defaults)
    }

    /// Reads one event as JSON into the corresponding protobuf message, for callers that complete it before
    /// it is checked by [`Self::from_proto`].
    ///
    /// # Errors
    ///
    /// The first field that has the wrong type or is not in the contract.
    pub fn parse_json(raw: &str) -> Result<proto::Event, FieldError> {
        json::read_event(raw)
    }

    /// Reads a command in the flat form of its own endpoint: the fields of the event and of its body of this
    /// kind in one object. `given` are fields that are already part of the endpoint's path. Errors name
    /// fields without the body's name.
    ///
    /// # Errors
    ///
    /// The first field that violates a rule.
    pub fn from_command(
        raw: &str,
        kind: &str,
        given: &[(&str, &str)],
        defaults: &Defaults,
    ) -> Result<Self, FieldError> {
        let flat = |mut error: FieldError| {
            let within = format!("{kind}.");
            if let Some(field) = error.field.strip_prefix(&within) {
                error.field = field.to_owned();
            }
            error
        };
        Self::from_json(&json::nest(raw, kind, given)?, defaults).map_err(flat)
    }

    /// Accepts one event as sent by a producer in protobuf. Fields unknown to this version have already been
    /// dropped, as usual in protobuf.
    ///
    /// # Errors
    ///
    /// The first field that violates a rule.
    pub fn from_proto(sent: proto::Event, defaults: &Defaults) -> Result<Self, FieldError> {
        let tenant = match (sent.tenant, &defaults.tenant) {
            (name, Some(tenant)) if name.is_empty() => tenant.clone(),
            (name, None) if name.is_empty() => TenantId::default_tenant(),
            (name, _) => TenantId::new(name).map_err(invalid_id)?,
        };
        let producer = match (sent.producer, &defaults.producer) {
            (name, Some(producer)) if name.is_empty() => producer.clone(),
            (name, _) => required("producer", name, ProducerId::new)?,
        };
        let occurred_at = sent
            .occurred_at
            .map(|time| values::time_from_proto(time).map_err(|error| error.within("occurred_at")))
            .transpose()?;
        let mut body = kind::stored_body(sent.body.ok_or_else(|| kind::no_body("nothing"))?)?;
        if let stored_event::Body::UsageAdjusted(adjusted) = &mut body
            && adjusted.adjusts_producer.is_empty()
        {
            adjusted.adjusts_producer = producer.as_str().to_owned();
        }
        let (task, id) = (required("task", sent.task, TaskId::new)?, required("id", sent.id, EventId::new)?);
        if task.as_str() == BUDGET_TASK {
            let rule = "is the name of the ledger's own decisions about money; use another one";
            return Err(FieldError::new("task", BUDGET_TASK, rule));
        }
        let (body, text_length) = kind::to_domain(body, Added::default())?;
        let trace_parent = (!sent.trace_parent.is_empty()).then_some(sent.trace_parent);
        Self::new(Event { tenant, task, producer, id, occurred_at, trace_parent, body }, text_length)
    }

    /// Accepts an event made by our own code. Anything that a decision or an appender adds (limits, a start's
    /// attempt, cost, the adjusted usage) may be present but is not part of the content. Kinds that the
    /// ledger writes itself are accepted.
    ///
    /// # Errors
    ///
    /// The first field that violates a rule: importers pass on what others wrote.
    pub fn from_event(event: Event) -> Result<Self, FieldError> {
        Self::new(event, None)
    }

    /// BLAKE3 of the canonical content: what the producer sent, including `occurred_at`, without what is added.
    #[must_use]
    pub fn content_hash(&self) -> [u8; 32] {
        blake3::hash(&self.content).into()
    }

    /// The canonical content, as `proto/tollgate/v1/event.proto` defines it.
    #[must_use]
    pub fn content(&self) -> &[u8] {
        &self.content
    }

    /// The bytes that a record stores for this event: its content, then whatever `decided` has in addition.
    ///
    /// # Errors
    ///
    /// `decided` is of another kind, or the event including additions exceeds [`crate::MAX_EVENT_BYTES`].
    pub fn encode_stored(&self, decided: &EventBody) -> Result<Vec<u8>, FieldError> {
        if decided.kind() != self.event.body.kind() {
            let rule = format!("was decided as {}: a decision never changes the kind", decided.kind());
            return Err(FieldError::new("event", self.event.body.kind(), rule));
        }
        let trace_parent = self.event.trace_parent.as_deref();
        let added = kind::added(&self.event.body, decided, self.text_length, trace_parent);
        // `added` has the message's highest field number, so encoding it alone gives the bytes that follow
        // the content.
        let added = StoredEvent { occurred_at: None, body: None, added: Some(added) };
        let mut bytes = Vec::with_capacity(self.content.len().saturating_add(added.encoded_len()));
        bytes.extend_from_slice(&self.content);
        bytes.extend_from_slice(&added.encode_to_vec());
        envelope::check_size(bytes.len(), "with what the ledger adds")?;
        Ok(bytes)
    }

    /// The protobuf message that a producer sends for this event.
    #[must_use]
    pub fn to_proto(&self) -> proto::Event {
        let event = &self.event;
        proto::Event {
            tenant: event.tenant.as_str().to_owned(),
            task: event.task.as_str().to_owned(),
            producer: event.producer.as_str().to_owned(),
            id: event.id.as_str().to_owned(),
            occurred_at: event.occurred_at.map(values::time_to_proto),
            trace_parent: event.trace_parent.clone().unwrap_or_default(),
            body: Some(kind::sent_body(kind::content(&event.body, self.text_length))),
        }
    }

    /// The JSON that a producer sends for this event.
    #[must_use]
    pub fn to_json(&self) -> serde_json::Value {
        json::sent(&self.event, &kind::content(&self.event.body, self.text_length))
    }

    fn new(event: Event, text_length: Option<TextLength>) -> Result<Self, FieldError> {
        envelope::check(&event, text_length)?;
        let content = StoredEvent {
            occurred_at: event.occurred_at.map(values::time_to_proto),
            body: Some(kind::content(&event.body, text_length)),
            added: None,
        };
        let content = content.encode_to_vec();
        envelope::check_size(content.len(), "in protobuf")?;
        Ok(Self { event, content, text_length })
    }
}

fn required<T>(
    field: &str,
    name: String,
    new: impl Fn(Box<str>) -> Result<T, InvalidId>,
) -> Result<T, FieldError> {
    if name.is_empty() {
        return Err(FieldError::missing(field));
    }
    new(name.into()).map_err(invalid_id)
}

fn invalid_id(error: InvalidId) -> FieldError {
    FieldError::new(error.field, &error.value, error.rule)
}
