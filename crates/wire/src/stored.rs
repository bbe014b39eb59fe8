//! Decodes the stored bytes of an event into the domain's form: the hot path of every fold.

use prost::Message;
use prost::bytes::Buf;
use prost::encoding::{DecodeContext, decode_key, skip_field};

use crate::decoded::DecodedEvent;
use crate::error::DecodeError;
use crate::fast;
use crate::kind;
use crate::proto::StoredEvent;
use crate::upcast::upcast;
use crate::values;

/// Field numbers that `StoredEvent` reserves for bodies.
const BODY_NUMBERS: std::ops::RangeInclusive<u32> = 10..=99;

/// Reads one event's bytes from a record of the log; older versions are converted to the current form.
///
/// # Errors
///
/// [`DecodeError`]: the event cannot be folded here, and later ones of its task have to wait for it.
pub fn decode_stored(bytes: &[u8]) -> Result<DecodedEvent, DecodeError> {
    let mut event = fast::nothing_used();
    if fast::usage_into(bytes, &mut event) { Ok(event) } else { decode_any(bytes) }
}

/// Reads one event after the other, as [`decode_stored`] does, but usage in the room of the usage before it: nothing is
/// allocated for it as long as its texts fit.
#[derive(Debug)]
pub struct Decoder {
    usage: DecodedEvent,
    other: Option<DecodedEvent>,
}

impl Default for Decoder {
    fn default() -> Self {
        Self { usage: fast::nothing_used(), other: None }
    }
}

impl Decoder {
    /// Reads one event's bytes. The event lasts until the next one is read.
    ///
    /// # Errors
    ///
    /// As of [`decode_stored`].
    pub fn decode(&mut self, bytes: &[u8]) -> Result<&DecodedEvent, DecodeError> {
        if fast::usage_into(bytes, &mut self.usage) {
            return Ok(&self.usage);
        }
        Ok(self.other.insert(decode_any(bytes)?))
    }
}

/// Handles every kind, every version, every error.
fn decode_any(bytes: &[u8]) -> Result<DecodedEvent, DecodeError> {
    let stored = StoredEvent::decode(bytes).map_err(|error| DecodeError::Malformed(error.to_string()))?;
    let StoredEvent { occurred_at, body, added } = upcast(stored)?;
    let body = body.ok_or_else(|| unknown_kind(bytes))?;
    let mut added = added.unwrap_or_default();
    let trace_parent = std::mem::take(&mut added.trace_parent);
    let occurred_at = occurred_at
        .map(|time| values::time_from_proto(time).map_err(|error| error.within("occurred_at")))
        .transpose()?;
    let (body, text_length) = kind::to_domain(body, added)?;
    let trace_parent = (!trace_parent.is_empty()).then_some(trace_parent);
    Ok(DecodedEvent { occurred_at, trace_parent, text_length, body })
}

/// Why an event without a known body has none: a newer kind, or nothing at all.
fn unknown_kind(mut bytes: &[u8]) -> DecodeError {
    while bytes.has_remaining() {
        let Ok((number, wire_type)) = decode_key(&mut bytes) else { break };
        if BODY_NUMBERS.contains(&number) {
            return DecodeError::UnknownKind { field_number: number };
        }
        if skip_field(wire_type, number, &mut bytes, DecodeContext::default()).is_err() {
            break;
        }
    }
    DecodeError::NoBody
}
