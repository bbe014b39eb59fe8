//! The limits for incoming events. Recorded events are never checked again: limits may change, facts do not.

use std::collections::BTreeMap;

use tollgate_domain::ids::MAX_ID_BYTES;
use tollgate_domain::metadata::{MAX_LABELS, MAX_TEXT_BYTES};
use tollgate_domain::usage::NamedExecution;

use crate::error::FieldError;

/// Longest name of a signal, its key, or a kind of wait, in bytes: it is a column of reports.
pub const MAX_NAME_BYTES: usize = 64;

/// Longest wait in one event, in milliseconds: 366 days. More is a producer's error.
pub const MAX_WAIT_MS: u64 = 366 * 24 * 60 * 60 * 1000;

pub(crate) fn labels(labels: &BTreeMap<String, String>) -> Result<(), FieldError> {
    count("labels", labels.len())?;
    for (key, value) in labels {
        text("labels", key)?;
        // Also because libraries differ in how they encode empty map values.
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

/// A required short word.
pub(crate) fn name(field: &str, text: &str) -> Result<(), FieldError> {
    if text.is_empty() {
        return Err(FieldError::missing(field));
    }
    if text.len() > MAX_NAME_BYTES {
        return Err(FieldError::new(field, text, format!("must have at most {MAX_NAME_BYTES} bytes")));
    }
    Ok(())
}

/// An optional short word.
pub(crate) fn optional_name(field: &str, value: Option<&String>) -> Result<(), FieldError> {
    optional_text(field, value)?;
    value.map_or(Ok(()), |value| name(field, value))
}

/// A required text.
pub(crate) fn text(field: &str, text: &str) -> Result<(), FieldError> {
    if text.is_empty() { Err(FieldError::missing(field)) } else { bounded(field, text) }
}

/// An optional text. Absent has only one form: an empty text can only come from our own code.
pub(crate) fn optional_text(field: &str, value: Option<&String>) -> Result<(), FieldError> {
    match value {
        Some(value) if value.is_empty() => {
            Err(FieldError::new(field, "", "omit it instead of sending an empty value"))
        }
        Some(value) => bounded(field, value),
        None => Ok(()),
    }
}

/// An optional name that the caller chose.
pub(crate) fn optional_id(field: &str, value: Option<&String>) -> Result<(), FieldError> {
    optional_text(field, value)?;
    match value {
        Some(value) if value.len() > MAX_ID_BYTES => {
            let rule = format!("must have at most {MAX_ID_BYTES} bytes, has {}", value.len());
            Err(FieldError::new(field, value, rule))
        }
        Some(_) | None => Ok(()),
    }
}

pub(crate) fn bounded(field: &str, text: &str) -> Result<(), FieldError> {
    if text.len() <= MAX_TEXT_BYTES {
        return Ok(());
    }
    let rule = format!("must have at most {MAX_TEXT_BYTES} bytes, has {}", text.len());
    Err(FieldError::new(field, text, rule))
}
