//! Where in a file a field is.
//!
//! `serde_yaml` tells no places of values, only of errors. So the text is read along the path of the field, and reading
//! ends with an error at its key, or at the last one on the way that is there.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};

/// A place in a text, counted from one, in lines and characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// The line.
    pub line: usize,
    /// The character of the line.
    pub column: usize,
}

/// Where a field, given by its path (`stop_loss.steps[2].at`), is in a text, or the nearest of those that it would be
/// in. `None`: the text has none of them.
pub(super) fn place_of(text: &str, field: &str) -> Option<Place> {
    let mut field = field;
    while !field.is_empty() {
        let found = Along(field).deserialize(serde_yaml::Deserializer::from_str(text)).err();
        let at_field = found.filter(|error| error.to_string().contains(HERE));
        if let Some(location) = at_field.and_then(|error| error.location()) {
            return Some(Place { line: location.line(), column: location.column() });
        }
        field = field.rfind(['.', '[']).map_or("", |end| &field[..end]);
    }
    None
}

/// The error that ends reading.
const HERE: &str = "the field is here";

/// Reads along a path, which is what is left of it.
struct Along<'a>(&'a str);

impl<'de> DeserializeSeed<'de> for Along<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        if self.0.is_empty() {
            return deserializer.deserialize_any(Here);
        }
        match self.index() {
            Some((index, rest)) => deserializer.deserialize_seq(Item(index, rest)),
            None => deserializer.deserialize_map(Entry(self.0)),
        }
    }
}

impl<'a> Along<'a> {
    /// The number of an item and the path in it, if an item of a list comes next.
    fn index(&self) -> Option<(usize, &'a str)> {
        let (index, rest) = self.0.strip_prefix('[')?.split_once(']')?;
        Some((index.parse().ok()?, rest.strip_prefix('.').unwrap_or(rest)))
    }
}

/// The entry of a mapping that a path leads through. A key may have points in it.
struct Entry<'a>(&'a str);

impl<'de> Visitor<'de> for Entry<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a mapping")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<(), A::Error> {
        while let Some(rest) = entries.next_key_seed(Key(self.0))? {
            match rest {
                Some(rest) => entries.next_value_seed(Along(rest))?,
                None => drop(entries.next_value::<IgnoredAny>()?),
            }
        }
        Ok(())
    }
}

/// A key: what is left of a path behind it, if the path leads through it; the end if it ends with it.
struct Key<'a>(&'a str);

impl<'de, 'a> DeserializeSeed<'de> for Key<'a> {
    type Value = Option<&'a str>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl<'a> Visitor<'_> for Key<'a> {
    type Value = Option<&'a str>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key")
    }

    fn visit_str<E: Error>(self, key: &str) -> Result<Self::Value, E> {
        let Some(rest) = self.0.strip_prefix(key) else { return Ok(None) };
        match rest.chars().next() {
            None => Err(E::custom(HERE)),
            Some('.') => Ok(rest.get(1..)),
            Some('[') => Ok(Some(rest)),
            Some(_) => Ok(None),
        }
    }
}

/// An item of a list, and the path in it.
struct Item<'a>(usize, &'a str);

impl<'de> Visitor<'de> for Item<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<(), A::Error> {
        for _ in 0..self.0 {
            if items.next_element::<IgnoredAny>()?.is_none() {
                return Ok(());
            }
        }
        items.next_element_seed(Along(self.1))?;
        Ok(())
    }
}

/// Whatever stands there.
struct Here;

impl<'de> Visitor<'de> for Here {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(HERE)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "\
# A comment
base: { THINK: { tokens: 1, latency_ms: 2 } }
models:
  gpt-4.1: { usd: 1 }
  gpt-4:
    usd: x
steps:
  - at: 1
    name: ä
  - { at: 2 }
  - [1, 2, {deep: 3}]
  - four
";

    #[test]
    fn a_field_or_the_nearest_around_it_has_a_place() {
        for (field, line, column) in [
            ("base", 2, 1),
            ("base.THINK.latency_ms", 2, 29),
            ("base.THINK.missing", 2, 9),
            ("base.MISSING.missing", 2, 1),
            ("base.THINK.tokens.more", 2, 18),
            ("models.gpt-4.1.usd", 4, 14),
            ("models.gpt-4.usd", 6, 5),
            ("steps[0].name", 9, 5),
            ("steps[1].at", 10, 7),
            ("steps[2][2].deep", 11, 13),
            ("steps[3]", 12, 5),
            ("steps[7].at", 7, 1),
        ] {
            assert_eq!(place_of(TEXT, field), Some(Place { line, column }), "{field}");
        }
        for (text, field) in [(TEXT, ""), (TEXT, "missing"), ("", "base"), ("[", "base"), ("x", "base.y")] {
            assert_eq!(place_of(text, field), None, "{field} in {text}");
        }
    }
}
