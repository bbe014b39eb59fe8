//! Single fields of a line, and what can be wrong with them.

use serde::Deserialize;
use serde_json::value::RawValue;
use tollgate_domain::ids::MAX_ID_BYTES;

use crate::item::ProblemKind;

/// A text that an event can carry. `None`: missing.
pub(super) fn text(field: &'static str, raw: Option<&RawValue>) -> Result<Option<String>, ProblemKind> {
    const _: () = assert!(MAX_ID_BYTES == 128, "the rule below says so");
    const RULE: &str = "must be text of 1 to 128 bytes without control characters; it is left out";
    let Some(raw) = raw else { return Ok(None) };
    let fits = |text: &String| {
        !text.trim().is_empty() && text.len() <= MAX_ID_BYTES && !text.chars().any(char::is_control)
    };
    match named(raw.get()).filter(fits) {
        Some(text) => Ok(Some(text)),
        None => Err(bad_field(field, Some(raw), RULE)),
    }
}

pub(crate) fn bad_field(field: &'static str, raw: Option<&RawValue>, rule: &'static str) -> ProblemKind {
    ProblemKind::BadField {
        field,
        value: raw.map_or_else(|| "missing".to_owned(), |raw| shortened(raw.get())),
        rule,
    }
}

pub(crate) fn shortened(text: &str) -> String {
    const SHOWN: usize = 60;
    let mut value: String = text.chars().take(SHOWN).collect();
    if value.len() < text.len() {
        value.push('…');
    }
    value
}

pub(super) fn object<'a, T: Deserialize<'a>>(raw: &'a RawValue) -> Option<T> {
    raw.get().starts_with('{').then(|| serde_json::from_str(raw.get()).ok()).flatten()
}

pub(super) fn named(json: &str) -> Option<String> {
    serde_json::from_str(json).ok()
}
