//! From one event in JSON, as sent by a producer, to the protobuf message with the same names.

use serde_json::value::RawValue;
use tollgate_domain::event::MAX_EVENT_BYTES;

use crate::error::FieldError;
use crate::kind::{self, ENVELOPE, FIELDS};
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
    check_size(raw)?;
    let parsed: &RawValue = serde_json::from_str(raw)
        .map_err(|error| FieldError::new("event", raw, format!("must be valid JSON: {error}")))?;
    read_value(parsed)
}

/// Like [`read_event`], of JSON that was read before as part of a request.
///
/// # Errors
///
/// Like [`read_event`].
pub(crate) fn read_value(raw: &RawValue) -> Result<proto::Event, FieldError> {
    check_size(raw.get())?;
    event(raw).map_err(|error| if error.field.is_empty() { error.within("event") } else { error })
}

fn check_size(raw: &str) -> Result<(), FieldError> {
    if raw.len() <= MAX_JSON_BYTES {
        return Ok(());
    }
    let rule = format!("must be at most {MAX_JSON_BYTES} bytes of JSON");
    Err(FieldError::new("event", &format!("{} bytes", raw.len()), rule))
}

/// The body of an event that has no field that is unknown, and its name.
fn body<'e, 'a>(event: &'e Object<'a>) -> Result<(&'e str, &'a RawValue), FieldError> {
    let is_kind = |key: &str| kind::from_producers().any(|kind| kind == key);
    let mut others = event.iter().filter(|(key, _)| !ENVELOPE.contains(key));
    // Nearly always there is nothing else.
    if let (Some((name, raw)), None) = (others.next(), others.next())
        && is_kind(name)
        && !is_null(raw)
    {
        return Ok((name, raw));
    }
    if let Some(own) = kind::from_ledger().find(|kind| event.get(kind).is_some()) {
        return Err(kind::own_kind(own));
    }
    event.check(&FIELDS)?;
    let mut bodies = event.iter().filter(|(key, raw)| is_kind(key) && !is_null(raw));
    let (name, raw) = bodies.next().ok_or_else(|| kind::no_body("nothing"))?;
    if let Some((second, raw)) = bodies.next() {
        let rule = format!("cannot be combined with {name}: an event has one body");
        return Err(FieldError::new(second, &shown(raw), rule));
    }
    Ok((name, raw))
}

fn event(raw: &RawValue) -> Result<proto::Event, FieldError> {
    let event = Object::any(raw)?;
    let (name, raw) = body(&event)?;
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
