//! The form in which rows and checkpoints are stored.

use bincode::config::Configuration;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::row_error::RowError;

/// How rows are written: variable-length integers, little-endian.
pub(crate) const ENCODING: Configuration = bincode::config::standard();

pub(crate) fn encode<T: Serialize>(value: &T) -> Vec<u8> {
    // Rows hold only what bincode writes: no untyped values, no sequences of unknown length.
    bincode::serde::encode_to_vec(value, ENCODING).expect("a row can be encoded")
}

pub(crate) fn decode<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, RowError> {
    let unreadable = |message: String| RowError::Unreadable { bytes: bytes.len(), message };
    match bincode::serde::decode_from_slice(bytes, ENCODING) {
        Ok((value, read)) if read == bytes.len() => Ok(value),
        Ok((_, read)) => Err(unreadable(format!("only {read} of them were read"))),
        Err(error) => Err(unreadable(error.to_string())),
    }
}
