//! The limits that an event keeps on its way in. Recorded events are never checked again: limits may change, facts not.

use std::collections::BTreeMap;

use tollgate_domain::event::{Event, MAX_EVENT_BYTES};
use tollgate_domain::metadata::{MAX_LABELS, MAX_TEXT_BYTES};
use tollgate_domain::usage::NamedExecution;

use crate::decoded::TextLength;
use crate::error::FieldError;
use crate::kind;

/// Longest name of a signal or kind of a wait, in bytes: it is a column of reports.
pub const MAX_NAME_BYTES: usize = 64;

/// Longest wait in one event, in milliseconds: 366 days. More is a producer's error.
pub const MAX_WAIT_MS: u64 = 366 * 24 * 60 * 60 * 1000;

/// Longest trace context: version 00 has 55 bytes, later ones may append to it.
const MAX_TRACE_PARENT_BYTES: usize = 128;

/// Checks an event against every limit.
///
/// # Errors
///
/// The first field that breaks one.
pub(crate) fn check(event: &Event, text_length: Option<TextLength>) -> Result<(), FieldError> {
    if let Some(text) = &event.trace_parent
        && !is_trace_parent(text)
    {
        let rule =
            "must be a W3C traceparent, for example 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
        return Err(FieldError::new("trace_parent", text, rule));
    }
    kind::check(&event.body, text_length).map_err(|error| error.within(event.body.kind()))
}

/// Checks the size of an event's bytes.
pub(crate) fn check_size(bytes: usize, which: &str) -> Result<(), FieldError> {
    if bytes <= MAX_EVENT_BYTES {
        return Ok(());
    }
    let rule = format!("must be at most {MAX_EVENT_BYTES} bytes {which}: shorten its texts, tags and labels");
    Err(FieldError::new("event", &format!("{bytes} bytes"), rule))
}

/// The refusal of a kind that producers may not send.
pub(crate) fn own_kind(kind: &str) -> FieldError {
    FieldError::new(kind, "given", "is written by the ledger itself, no producer may send it")
}

/// The refusal of an event that says nothing.
pub(crate) fn no_body(value: &str) -> FieldError {
    let rule =
        format!("must have one body, one of {}", kind::from_producers().collect::<Vec<_>>().join(", "));
    FieldError::new("event", value, rule)
}

pub(crate) fn labels(labels: &BTreeMap<String, String>) -> Result<(), FieldError> {
    count("labels", labels.len())?;
    for (key, value) in labels {
        text("labels", key)?;
        // Also because libraries differ in how they encode an empty value of a map.
        text(&format!("labels.{key}"), value)?;
    }
    Ok(())
}

pub(crate) fn execution(execution: Option<&NamedExecution>) -> Result<(), FieldError> {
    attempt(execution.and_then(|execution| execution.attempt))
}

pub(crate) fn attempt(attempt: Option<u32>) -> Result<(), FieldError> {
    if attempt == Some(0) {
        return Err(FieldError::new("attempt", "0", "must be 1 or more: attempts count from 1"));
    }
    Ok(())
}

pub(crate) fn at_most(field: &str, value: u64, most: u64) -> Result<(), FieldError> {
    if value <= most {
        return Ok(());
    }
    Err(FieldError::new(
        field,
        &value.to_string(),
        format!("must be at most {most}, the most one event may hold"),
    ))
}

pub(crate) fn count(field: &str, count: usize) -> Result<(), FieldError> {
    if count <= MAX_LABELS {
        return Ok(());
    }
    Err(FieldError::new(
        field,
        &format!("{count} entries"),
        format!("must have at most {MAX_LABELS} entries"),
    ))
}

/// A short word that must be there.
pub(crate) fn name(field: &str, text: &str) -> Result<(), FieldError> {
    if text.is_empty() {
        return Err(FieldError::missing(field));
    }
    if text.len() > MAX_NAME_BYTES {
        return Err(FieldError::new(field, text, format!("must have at most {MAX_NAME_BYTES} bytes")));
    }
    Ok(())
}

/// A text that must be there.
pub(crate) fn text(field: &str, text: &str) -> Result<(), FieldError> {
    if text.is_empty() { Err(FieldError::missing(field)) } else { bounded(field, text) }
}

/// A text that may be absent. Absent has one form: an empty text is only possible from our own code.
pub(crate) fn optional_text(field: &str, value: Option<&String>) -> Result<(), FieldError> {
    match value {
        Some(value) if value.is_empty() => Err(FieldError::new(field, "", "must be absent instead of empty")),
        Some(value) => bounded(field, value),
        None => Ok(()),
    }
}

pub(crate) fn bounded(field: &str, text: &str) -> Result<(), FieldError> {
    if text.len() <= MAX_TEXT_BYTES {
        return Ok(());
    }
    let rule = format!("must have at most {MAX_TEXT_BYTES} bytes, has {}", text.len());
    Err(FieldError::new(field, text, rule))
}

/// `version-trace id-parent id-flags` in lower-case hex; a later version may append to it.
pub(crate) fn is_trace_parent(text: &str) -> bool {
    let hex = |part: Option<&str>, digits: usize| {
        part.is_some_and(|part| {
            part.len() == digits && part.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
        })
    };
    let mut parts = text.split('-');
    let known =
        hex(parts.next(), 2) && hex(parts.next(), 32) && hex(parts.next(), 16) && hex(parts.next(), 2);
    known
        && text.len() <= MAX_TRACE_PARENT_BYTES
        && (parts.next().is_none() || !text.starts_with("00"))
        && text.bytes().all(|byte| byte.is_ascii_graphic())
}
