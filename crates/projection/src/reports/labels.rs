//! Labels of usage in the keys of cells.

use std::collections::BTreeMap;

use tollgate_domain::budget::is_counted_label;

use crate::text::{read_text, write_text};

/// The label that is left out: each session would have cells of its own. The view `spending` has sums by session.
pub const SESSION: &str = "session";

/// Labels of usage: those of an event, or those in a key. Without [`SESSION`], and without those that no scope of a
/// budget can name.
#[derive(Clone, Copy, Debug)]
pub enum Labels<'a> {
    /// Of an event.
    Of(&'a BTreeMap<String, String>),
    /// In a key.
    Stored(&'a [u8]),
}

impl<'a> Labels<'a> {
    /// None.
    pub const NONE: Self = Self::Stored(&[]);

    /// Keys and values, in order of the keys.
    pub fn pairs(self) -> impl Iterator<Item = (&'a str, &'a str)> {
        let (given, mut stored) = match self {
            Self::Of(labels) => (Some(labels), &[][..]),
            Self::Stored(bytes) => (None, bytes),
        };
        let given = given.into_iter().flatten().map(|(key, value)| (key.as_str(), value.as_str()));
        let is_kept = |(key, value): &(&str, &str)| *key != SESSION && is_counted_label(key, value);
        given.filter(is_kept).chain(std::iter::from_fn(move || {
            let (key, rest) = read_text(stored)?;
            let (value, rest) = read_text(rest)?;
            stored = rest;
            Some((key, value))
        }))
    }

    /// The value of a label; empty if there is none.
    #[must_use]
    pub fn get(self, key: &str) -> &'a str {
        self.pairs().find(|(name, _)| *name == key).map_or("", |(_, value)| value)
    }

    /// All of them as a JSON object; empty if there is none.
    #[must_use]
    pub fn to_json(self) -> String {
        let labels: BTreeMap<&str, &str> = self.pairs().collect();
        if labels.is_empty() {
            return String::new();
        }
        // Texts and their keys can always be written.
        serde_json::to_string(&labels).unwrap_or_default()
    }

    /// Appends how many they are, and each.
    pub(super) fn write(self, key: &mut Vec<u8>) {
        // Usage has at most 32 labels.
        let count = u16::try_from(self.pairs().count()).unwrap_or(u16::MAX);
        key.extend_from_slice(&count.to_be_bytes());
        for (name, value) in self.pairs() {
            write_text(name, key);
            write_text(value, key);
        }
    }

    /// Reads what [`Self::write`] wrote, which has to be all of these bytes.
    pub(super) fn read(bytes: &'a [u8]) -> Option<Self> {
        let (count, stored) = bytes.split_first_chunk()?;
        let mut rest = stored;
        for _ in 0..u16::from_be_bytes(*count) {
            let (_, tail) = read_text(rest)?;
            (_, rest) = read_text(tail)?;
        }
        rest.is_empty().then_some(Self::Stored(stored))
    }
}

impl PartialEq for Labels<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.pairs().eq(other.pairs())
    }
}

impl Eq for Labels<'_> {}

#[cfg(test)]
mod tests {
    use tollgate_domain::budget::MAX_VALUE_BYTES;

    use super::*;

    #[test]
    fn labels_are_read_as_they_were_written_without_sessions_and_long_values() {
        let long = "x".repeat(MAX_VALUE_BYTES + 1);
        let most = "y".repeat(MAX_VALUE_BYTES);
        let given: BTreeMap<String, String> =
            [("team", "search"), ("session", "S-1"), ("note", &long), ("a", &most), ("empty", "")]
                .map(|(key, value)| (key.to_owned(), value.to_owned()))
                .into();
        let mut bytes = Vec::new();
        Labels::Of(&given).write(&mut bytes);
        let read = Labels::read(&bytes).expect("labels");
        assert_eq!(
            read.pairs().collect::<Vec<_>>(),
            [("a", most.as_str()), ("empty", ""), ("team", "search")]
        );
        assert_eq!(read, Labels::Of(&given));
        assert_ne!(read, Labels::NONE);
        assert_eq!((read.get("team"), read.get("session"), read.get("note")), ("search", "", ""));
        assert!((0..bytes.len()).all(|cut| Labels::read(&bytes[..cut]).is_none()));
        assert_eq!(Labels::NONE.to_json(), "");
        let team = BTreeMap::from([("team".to_owned(), "\"a\"".to_owned())]);
        assert_eq!(Labels::Of(&team).to_json(), r#"{"team":"\"a\""}"#);
    }
}
