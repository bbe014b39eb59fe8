//! Checks stored bytes against their content hash.

use prost::bytes::Buf;
use prost::encoding::{DecodeContext, decode_key, skip_field};

use crate::stored::decode_stored;

/// The field number of `StoredEvent.added`: everything from there on is not content.
const ADDED: u32 = 100;

/// Checks that stored bytes can be read and that their content has this hash, of which only the first 16
/// bytes are kept.
///
/// # Errors
///
/// What is wrong, in a sentence.
pub fn check_stored(bytes: &[u8], content_hash: &[u8; 16]) -> Result<(), String> {
    decode_stored(bytes).map_err(|error| error.to_string())?;
    let content = content_of(bytes).ok_or("its fields cannot be separated")?;
    let hash = blake3::hash(content);
    if hash.as_bytes().first_chunk::<16>() != Some(content_hash) {
        return Err("its content does not match the hash stored with it".to_owned());
    }
    Ok(())
}

/// The canonical content: everything before `added`.
fn content_of(bytes: &[u8]) -> Option<&[u8]> {
    let mut rest = bytes;
    while rest.has_remaining() {
        let before = rest.remaining();
        let (number, wire_type) = decode_key(&mut rest).ok()?;
        if number == ADDED {
            return bytes.get(..bytes.len().checked_sub(before)?);
        }
        skip_field(wire_type, number, &mut rest, DecodeContext::default()).ok()?;
    }
    Some(bytes)
}
