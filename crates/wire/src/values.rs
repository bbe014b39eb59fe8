//! Conversions of single fields between text and the domain's types.

use std::fmt::Display;
use std::str::FromStr;

use tollgate_domain::decimal::Decimal;
use tollgate_domain::nearest;
use tollgate_domain::phase::{Advance, InvalidPhase, Phase};
use tollgate_domain::time::Timestamp;
use tollgate_domain::usage::NamedExecution;

use crate::error::FieldError;

/// An empty text counts as absent.
pub(crate) fn optional(text: String) -> Option<String> {
    (!text.is_empty()).then_some(text)
}

/// An absent text is written as an empty one.
pub(crate) fn or_empty(text: Option<&String>) -> String {
    text.cloned().unwrap_or_default()
}

pub(crate) fn phase(field: &str, text: &str) -> Result<Phase, FieldError> {
    if text.is_empty() {
        return Err(FieldError::missing(field));
    }
    text.parse().map_err(|_| FieldError::new(field, text, InvalidPhase::RULE))
}

pub(crate) fn advance(field: &str, text: &str) -> Result<Advance, FieldError> {
    if text.is_empty() {
        return Err(FieldError::missing(field));
    }
    text.parse().map_err(|_| {
        let rule = "must be `completion` or a phase: 1 to 32 of A-Z 0-9 _ -, beginning with a letter";
        FieldError::new(field, text, rule)
    })
}

/// Phase and attempt, or neither.
pub(crate) fn execution(text: &str, attempt: Option<u32>) -> Result<Option<NamedExecution>, FieldError> {
    match (text, attempt) {
        ("", None) => Ok(None),
        ("", Some(attempt)) => {
            let rule = "names an attempt of no phase: give `phase` too, or neither";
            Err(FieldError::new("attempt", &attempt.to_string(), rule))
        }
        (text, attempt) => Ok(Some(NamedExecution { phase: phase("phase", text)?, attempt })),
    }
}

/// The phase and attempt that a message names; empty and absent if it names none.
pub(crate) fn execution_fields(execution: Option<&NamedExecution>) -> (String, Option<u32>) {
    match execution {
        Some(execution) => (execution.phase.as_str().to_owned(), execution.attempt),
        None => (String::new(), None),
    }
}

/// A required decimal.
pub(crate) fn decimal(field: &str, text: &str) -> Result<Decimal, FieldError> {
    if text.is_empty() {
        return Err(FieldError::missing(field));
    }
    text.parse().map_err(|error: tollgate_domain::decimal::DecimalError| {
        FieldError::new(field, text, error.to_string())
    })
}

/// Decimal digits.
pub(crate) fn digits(field: &str, text: &str) -> Result<u128, FieldError> {
    text.parse().map_err(|_| FieldError::new(field, text, "must be decimal digits, at most 39"))
}

/// One of a few words.
pub(crate) fn word<T>(
    field: &str,
    text: &str,
    names: &[&str],
    parse: impl Fn(&str) -> Option<T>,
) -> Result<T, FieldError> {
    if text.is_empty() {
        return Err(FieldError::missing(field));
    }
    parse(text).ok_or_else(|| unknown_word(field, text, names))
}

/// One of a few words in any case, or absent.
pub(crate) fn tier<T: FromStr>(field: &str, text: &str, names: &[&str]) -> Result<Option<T>, FieldError> {
    if text.is_empty() {
        return Ok(None);
    }
    text.parse().map(Some).map_err(|_| unknown_word(field, text, names))
}

/// The values as text.
pub(crate) fn texts<T: Display>(values: &[T]) -> Vec<String> {
    values.iter().map(ToString::to_string).collect()
}

/// A protobuf time, truncated to microseconds.
///
/// # Errors
///
/// Nanoseconds outside a second, or years outside 1 to 9999. The error's field is empty: the caller fills it in.
pub(crate) fn time_from_proto(time: prost_types::Timestamp) -> Result<Timestamp, FieldError> {
    let invalid = || {
        let value = format!("{}s {}ns", time.seconds, time.nanos);
        FieldError::new("", &value, "must lie between the years 1 and 9999, with nanos from 0 to 999999999")
    };
    if !(0..1_000_000_000).contains(&time.nanos) {
        return Err(invalid());
    }
    let micros = time
        .seconds
        .checked_mul(1_000_000)
        .and_then(|micros| micros.checked_add(i64::from(time.nanos / 1000)));
    micros.and_then(|micros| Timestamp::from_micros(micros).ok()).ok_or_else(invalid)
}

/// A time as protobuf writes it: whole seconds, rounded down, and nanoseconds from there.
pub(crate) fn time_to_proto(time: Timestamp) -> prost_types::Timestamp {
    let micros = time.micros();
    // The remainder is below a million, so a thousand times it fits.
    let nanos = (micros.rem_euclid(1_000_000) * 1000) as i32;
    prost_types::Timestamp { seconds: micros.div_euclid(1_000_000), nanos }
}

fn unknown_word(field: &str, text: &str, names: &[&str]) -> FieldError {
    let rule = format!("must be one of {}{}", names.join(", "), nearest::hint(text, names));
    FieldError::new(field, text, rule)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_cut_to_microseconds_towards_the_earlier() {
        for (seconds, nanos, micros) in [
            (0, 0, Some(0)),
            (1, 1_999, Some(1_000_001)),
            (-1, 999_999_999, Some(-1)),
            (-1, 0, Some(-1_000_000)),
            (0, -1, None),
            (0, 1_000_000_000, None),
            (i64::MAX, 0, None),
            (253_402_300_799, 999_999_999, Some(253_402_300_799_999_999)),
            (253_402_300_800, 0, None),
            (-62_135_596_800, 0, Some(-62_135_596_800_000_000)),
            (-62_135_596_801, 999_999_999, None),
        ] {
            let time = time_from_proto(prost_types::Timestamp { seconds, nanos }).ok();
            assert_eq!(time.map(Timestamp::micros), micros, "{seconds} {nanos}");
            if let Some(time) = time {
                assert_eq!(time_from_proto(time_to_proto(time)), Ok(time));
            }
        }
    }
}
