//! From one event in JSON, as sent by a producer, to the protobuf message with the same names.

use serde_json::value::RawValue;
use tollgate_domain::event::MAX_EVENT_BYTES;

use crate::error::FieldError;
use crate::kind::{self, FIELDS};
use crate::object::{Object, is_null, shown};
use crate::proto;

/// Longest JSON text of one event: the largest event with every byte of its texts escaped, plus room for white space.
pub const MAX_JSON_BYTES: usize = 8 * MAX_EVENT_BYTES;

/// Reads the structure of an event; its values are validated later, on the message.
///
/// # Errors
///
/// The first field that is unknown, given twice or of the wrong type.
pub(crate) fn read_event(raw: &str) -> Result<proto::Event, FieldError> {
    if raw.len() > MAX_JSON_BYTES {
        let rule = format!("must be at most {MAX_JSON_BYTES} bytes of JSON");
        return Err(FieldError::new("event", &format!("{} bytes", raw.len()), rule));
    }
    let parsed: &RawValue = serde_json::from_str(raw)
        .map_err(|error| FieldError::new("event", raw, format!("must be valid JSON: {error}")))?;
    event(parsed).map_err(|error| if error.field.is_empty() { error.within("event") } else { error })
}

fn event(raw: &RawValue) -> Result<proto::Event, FieldError> {
    let event = Object::any(raw)?;
    if let Some(own) = kind::from_ledger().find(|kind| event.get(kind).is_some()) {
        return Err(kind::own_kind(own));
    }
    let event = event.only(&FIELDS)?;
    let is_kind = |key: &str| kind::from_producers().any(|kind| kind == key);
    let mut bodies = event.iter().filter(|(key, raw)| is_kind(key) && !is_null(raw));
    let (name, raw) = bodies.next().ok_or_else(|| kind::no_body("nothing"))?;
    if let Some((second, raw)) = bodies.next() {
        let rule = format!("cannot be combined with {name}: an event has one body");
        return Err(FieldError::new(second, &shown(raw), rule));
    }
    Ok(proto::Event {
        tenant: event.text("tenant")?,
        task: event.text("task")?,
        producer: event.text("producer")?,
        id: event.text("id")?,
        occurred_at: event.time("occurred_at")?,
        trace_parent: event.text("trace_parent")?,
        body: Some(kind::read(name, raw).map_err(|error| error.within(name))?),
    })
}
