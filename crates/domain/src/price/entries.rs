//! The entries of a price map as written in its text, and which of them it defines twice with different contents.

use std::collections::BTreeMap;
use std::fmt;
use std::marker::PhantomData;

use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

pub(super) type Fields<'a> = BTreeMap<String, &'a RawValue>;

/// The entries of a text.
pub(super) struct Entries<'a> {
    entries: BTreeMap<String, Fields<'a>>,
    /// For entries with two different contents: the conflicting field, empty if the whole entry appears twice.
    twice: BTreeMap<String, String>,
}

impl<'a> Entries<'a> {
    /// Reads a JSON object of objects.
    ///
    /// # Errors
    ///
    /// The parser's message.
    pub(super) fn read(text: &'a str) -> Result<Self, String> {
        let Pairs(listed): Pairs<Pairs<&'a RawValue>> =
            serde_json::from_str(text).map_err(|error| error.to_string())?;
        let mut found = Self { entries: BTreeMap::new(), twice: BTreeMap::new() };
        for (model, Pairs(pairs)) in listed {
            let mut fields = Fields::new();
            for (field, raw) in pairs {
                let other = fields.insert(field.clone(), raw);
                if other.is_some_and(|other| other.get() != raw.get()) {
                    found.twice.entry(model.clone()).or_insert(field);
                }
            }
            let text = |fields: &Fields<'_>| -> Vec<(String, String)> {
                fields.iter().map(|(field, raw)| (field.clone(), raw.get().to_owned())).collect()
            };
            if let Some(other) = found.entries.get(&model)
                && text(other) != text(&fields)
            {
                found.twice.entry(model.clone()).or_default();
            }
            found.entries.insert(model, fields);
        }
        Ok(found)
    }

    /// All entries, by name.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&String, &Fields<'a>)> {
        self.entries.iter()
    }

    /// The entry with this name.
    pub(super) fn get(&self, model: &str) -> Option<&Fields<'a>> {
        self.entries.get(model)
    }

    /// Whether an entry contradicts itself: the conflicting field, empty if the whole entry appears twice.
    pub(super) fn twice(&self, model: &str) -> Option<&str> {
        self.twice.get(model).map(String::as_str)
    }
}

/// An object with all its pairs. Parsers silently keep the last of several pairs with the same name.
struct Pairs<V>(Vec<(String, V)>);

impl<'de, V: Deserialize<'de>> Deserialize<'de> for Pairs<V> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Of<V>(PhantomData<V>);

        impl<'de, V: Deserialize<'de>> Visitor<'de> for Of<V> {
            type Value = Pairs<V>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a map")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut pairs = Vec::new();
                while let Some(pair) = map.next_entry()? {
                    pairs.push(pair);
                }
                Ok(Pairs(pairs))
            }
        }

        deserializer.deserialize_map(Of(PhantomData))
    }
}
