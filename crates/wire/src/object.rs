//! Checked access to JSON: numbers keep their text, keys are known and unique, errors include the path.
//!
//! A value is parsed only when a field of a known type requests it, so nesting is never deeper than the contract.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;
use tollgate_domain::nearest;
use tollgate_domain::time::Timestamp;

use crate::error::FieldError;
use crate::values::time_to_proto;

/// Most keys of one object: far more than 32 labels or the phases of a config, but few enough to compare pairwise.
const MAX_KEYS: usize = 256;

/// Largest whole number accepted as a JSON number: above 2^53, readers that use binary floats change it silently.
pub(crate) const MAX_JSON_INTEGER: u128 = 1 << 53;

/// The fields of a JSON object, in order.
pub(crate) struct Object<'a> {
    entries: Vec<(Cow<'a, str>, &'a RawValue)>,
}

impl<'a> Object<'a> {
    /// An object with any keys, each at most once.
    pub(crate) fn any(raw: &'a RawValue) -> Result<Self, FieldError> {
        if !raw.get().starts_with('{') {
            return Err(wrong_type("", raw, "an object"));
        }
        let Entries(entries) = parse("", raw)?;
        if entries.len() > MAX_KEYS {
            let rule = format!("must have at most {MAX_KEYS} keys");
            return Err(FieldError::new("", &format!("{} keys", entries.len()), rule));
        }
        for (nth, (key, value)) in entries.iter().enumerate() {
            if entries.iter().take(nth).any(|(earlier, _)| earlier == key) {
                return Err(FieldError::new(&**key, &shown(value), "is given more than once; give it once"));
            }
        }
        Ok(Self { entries })
    }

    /// An object with only known keys.
    pub(crate) fn of(raw: &'a RawValue, known: &[&str]) -> Result<Self, FieldError> {
        Self::any(raw)?.only(known)
    }

    /// This object, if all keys are known.
    pub(crate) fn only(self, known: &[&str]) -> Result<Self, FieldError> {
        self.check(known)?;
        Ok(self)
    }

    /// Checks that all keys are known.
    pub(crate) fn check(&self, known: &[&str]) -> Result<(), FieldError> {
        match self.entries.iter().find(|(key, _)| !known.contains(&&**key)) {
            None => Ok(()),
            Some((key, value)) => {
                let names = known.join(", ");
                let rule = format!("is unknown; expected one of {names}{}", nearest::hint(key, known));
                Err(FieldError::new(&**key, &shown(value), rule))
            }
        }
    }

    /// Every key and value, in text order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, &'a RawValue)> {
        self.entries.iter().map(|(key, value)| (&**key, *value))
    }

    /// The value of a key; `null` counts as absent.
    pub(crate) fn get(&self, key: &str) -> Option<&'a RawValue> {
        self.iter().find(|(name, value)| *name == key && !is_null(value)).map(|(_, value)| value)
    }

    /// A string; empty if absent.
    pub(crate) fn text(&self, key: &str) -> Result<String, FieldError> {
        self.get(key).map_or(Ok(String::new()), |raw| text(raw).map_err(|error| error.within(key)))
    }

    /// A decimal as its text; empty if absent.
    pub(crate) fn decimal(&self, key: &str) -> Result<String, FieldError> {
        let Some(raw) = self.get(key) else { return Ok(String::new()) };
        if is_number(raw) {
            return Ok(raw.get().to_owned());
        }
        match is_text(raw) {
            true => text(raw).map_err(|error| error.within(key)),
            false => Err(wrong_type(key, raw, "a number, or its digits as text")),
        }
    }

    /// A non-negative whole number, if present.
    pub(crate) fn count(&self, key: &str) -> Result<Option<u64>, FieldError> {
        self.whole(key, u64::MIN.into(), u64::MAX.into(), |value| u64::try_from(value).ok())
    }

    /// A non-negative whole number that fits 32 bits, if present.
    pub(crate) fn small_count(&self, key: &str) -> Result<Option<u32>, FieldError> {
        self.whole(key, u32::MIN.into(), u32::MAX.into(), |value| u32::try_from(value).ok())
    }

    /// A signed whole number, if present.
    pub(crate) fn signed(&self, key: &str) -> Result<Option<i64>, FieldError> {
        self.whole(key, i64::MIN.into(), i64::MAX.into(), |value| i64::try_from(value).ok())
    }

    /// `true` or `false`; false if absent.
    pub(crate) fn flag(&self, key: &str) -> Result<bool, FieldError> {
        match self.get(key).map(|raw| (raw, raw.get())) {
            None | Some((_, "false")) => Ok(false),
            Some((_, "true")) => Ok(true),
            Some((raw, _)) => Err(wrong_type(key, raw, "true or false")),
        }
    }

    /// An RFC 3339 time, if present.
    pub(crate) fn time(&self, key: &str) -> Result<Option<prost_types::Timestamp>, FieldError> {
        let Some(raw) = self.get(key) else { return Ok(None) };
        let text = text(raw).map_err(|error| error.within(key))?;
        let rule = "must be RFC 3339 between the years 1 and 9999, for example 2026-11-21T08:30:00Z";
        let time: Timestamp = text.parse().map_err(|_| FieldError::new(key, &text, rule))?;
        Ok(Some(time_to_proto(time)))
    }

    /// A value that `read` parses, if present.
    pub(crate) fn with<T>(
        &self,
        key: &str,
        read: impl Fn(&'a RawValue) -> Result<T, FieldError>,
    ) -> Result<Option<T>, FieldError> {
        self.get(key).map(|raw| read(raw).map_err(|error| error.within(key))).transpose()
    }

    /// An object with any keys whose values `read` parses; empty if absent.
    pub(crate) fn map<T>(
        &self,
        key: &str,
        read: impl Fn(&'a RawValue) -> Result<T, FieldError>,
    ) -> Result<BTreeMap<String, T>, FieldError> {
        let entries = self.with(key, |raw| {
            let entries = Object::any(raw)?.entries.into_iter();
            entries
                .map(|(name, raw)| match read(raw) {
                    Ok(value) => Ok((name.into_owned(), value)),
                    Err(error) => Err(error.within(&name)),
                })
                .collect()
        });
        Ok(entries?.unwrap_or_default())
    }

    /// A list of strings; empty if absent.
    pub(crate) fn texts(&self, key: &str) -> Result<Vec<String>, FieldError> {
        let Some(raw) = self.get(key) else { return Ok(Vec::new()) };
        if !raw.get().starts_with('[') {
            return Err(wrong_type(key, raw, "a list of texts"));
        }
        let items: Vec<&RawValue> = parse(key, raw)?;
        let items = items.into_iter().enumerate();
        items.map(|(nth, raw)| text(raw).map_err(|error| error.within(&format!("{key}[{nth}]")))).collect()
    }

    fn whole<T>(
        &self,
        key: &str,
        least: i128,
        most: i128,
        fit: impl Fn(i128) -> Option<T>,
    ) -> Result<Option<T>, FieldError> {
        let Some(raw) = self.get(key) else { return Ok(None) };
        if !is_number(raw) && !is_text(raw) {
            return Err(wrong_type(key, raw, "a whole number"));
        }
        let digits = if is_number(raw) {
            Cow::Borrowed(raw.get())
        } else {
            Cow::Owned(text(raw).map_err(|error| error.within(key))?)
        };
        let unsigned = digits.strip_prefix('-').unwrap_or(&digits);
        if unsigned.is_empty() || !unsigned.bytes().all(|byte| byte.is_ascii_digit()) {
            let rule = "must be a whole number: a JSON number or a text of digits";
            return Err(FieldError::new(key, &digits, rule));
        }
        if digits.len() > unsigned.len() && unsigned.bytes().all(|byte| byte == b'0') {
            return Err(FieldError::new(key, &digits, "must be a whole number: zero has no sign"));
        }
        let outside = || {
            let rule = format!("must be a whole number from {least} to {most}");
            FieldError::new(key, &digits, rule)
        };
        let value: i128 = digits.parse().map_err(|_| outside())?;
        let fitted = fit(value).ok_or_else(outside)?;
        if is_number(raw) && value.unsigned_abs() > MAX_JSON_INTEGER {
            let rule =
                "must be sent as a text of digits above 2^53: JSON numbers of that size are often rounded";
            return Err(FieldError::new(key, &digits, rule));
        }
        Ok(Some(fitted))
    }
}

/// A string value.
pub(crate) fn text(raw: &RawValue) -> Result<String, FieldError> {
    // The parser has validated the syntax: without escapes, the text can be used as it is.
    match raw.get().strip_prefix('"').and_then(|text| text.strip_suffix('"')) {
        Some(plain) if !plain.contains('\\') => Ok(plain.to_owned()),
        Some(_) => parse("", raw),
        None => Err(wrong_type("", raw, "text")),
    }
}

/// Whether it is `null`.
pub(crate) fn is_null(raw: &RawValue) -> bool {
    raw.get() == "null"
}

/// A value as shown in errors: a string without its quotes, anything else as written.
pub(crate) fn shown(raw: &RawValue) -> String {
    match is_text(raw) {
        true => serde_json::from_str(raw.get()).unwrap_or_else(|_| raw.get().to_owned()),
        false => raw.get().to_owned(),
    }
}

fn is_text(raw: &RawValue) -> bool {
    raw.get().starts_with('"')
}

fn is_number(raw: &RawValue) -> bool {
    raw.get().starts_with(|first: char| first == '-' || first.is_ascii_digit())
}

fn parse<'a, T: Deserialize<'a>>(field: &str, raw: &'a RawValue) -> Result<T, FieldError> {
    serde_json::from_str(raw.get())
        .map_err(|error| FieldError::new(field, raw.get(), format!("must be valid JSON: {error}")))
}

fn wrong_type(field: &str, raw: &RawValue, expected: &str) -> FieldError {
    let kind = match raw.get().bytes().next() {
        Some(b'{') => "an object",
        Some(b'[') => "a list",
        Some(b'"') => "text",
        Some(b't' | b'f') => "true or false",
        Some(b'n') => "null",
        Some(_) | None => "a number",
    };
    FieldError::new(field, &shown(raw), format!("must be {expected}, is {kind}"))
}

struct Entries<'a>(Vec<(Cow<'a, str>, &'a RawValue)>);

/// A key, borrowed from the text if it has no escapes.
#[derive(serde::Deserialize)]
#[serde(transparent)]
struct Key<'a>(#[serde(borrow)] Cow<'a, str>);

impl<'de: 'a, 'a> Deserialize<'de> for Entries<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(EntriesVisitor).map(Self)
    }
}

struct EntriesVisitor;

impl<'de> Visitor<'de> for EntriesVisitor {
    type Value = Vec<(Cow<'de, str>, &'de RawValue)>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut entries = Vec::with_capacity(8);
        while let Some((Key(key), value)) = map.next_entry()? {
            entries.push((key, value));
        }
        Ok(entries)
    }
}
