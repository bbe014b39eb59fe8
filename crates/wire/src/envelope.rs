//! The limits of an event as a whole: its trace context, its size, and those of its kind.

use tollgate_domain::event::{Event, MAX_EVENT_BYTES};

use crate::decoded::TextLength;
use crate::error::FieldError;
use crate::kind;

/// Longest trace context: version 00 has 55 bytes, later versions may be longer.
const MAX_TRACE_PARENT_BYTES: usize = 128;

/// Checks an event against every limit.
///
/// # Errors
///
/// The first field that exceeds one.
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

/// `version-trace id-parent id-flags` in lower-case hex; a later version may append to it.
fn is_trace_parent(text: &str) -> bool {
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
