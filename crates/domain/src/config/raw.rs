//! YAML as a tree whose scalars keep their text, so that `1.5` never passes through a binary float.
//!
//! `serde_yaml` hands numbers over as `f64` unless a string is asked for. So the text is read twice: once for its
//! shape, and once along that shape with every scalar asked for as a string.

use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_yaml::Value;

/// A node of the tree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Node {
    /// Nothing behind the key.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A number, as written.
    Number(String),
    /// Any other scalar, as written.
    Text(String),
    /// A sequence.
    List(Vec<Self>),
    /// A mapping, in the order of the file. Keys are taken as text.
    Map(Vec<(String, Self)>),
}

impl Node {
    /// What kind of value it is, for messages.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Null => "nothing",
            Self::Bool(_) => "true/false",
            Self::Number(_) => "a number",
            Self::Text(_) => "text",
            Self::List(_) => "a list",
            Self::Map(_) => "a mapping",
        }
    }

    /// The value as a message shows it.
    #[must_use]
    pub fn shown(&self) -> String {
        match self {
            Self::Null => "nothing".to_owned(),
            Self::Bool(value) => value.to_string(),
            Self::Number(text) | Self::Text(text) => text.chars().take(60).collect(),
            Self::List(_) | Self::Map(_) => self.kind().to_owned(),
        }
    }
}

/// Reads a YAML document.
///
/// # Errors
///
/// The parser's message, with line and column.
pub fn parse(text: &str) -> Result<Node, String> {
    let shape: Value = serde_yaml::from_str(text).map_err(|error| error.to_string())?;
    Along(&shape).deserialize(serde_yaml::Deserializer::from_str(text)).map_err(|error| error.to_string())
}

/// Reads a value whose shape is known, scalars as text.
struct Along<'a>(&'a Value);

impl<'de> DeserializeSeed<'de> for Along<'_> {
    type Value = Node;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Node, D::Error> {
        match self.0 {
            Value::Null => deserializer.deserialize_ignored_any(IgnoredAny).map(|_| Node::Null),
            Value::Bool(value) => {
                deserializer.deserialize_ignored_any(IgnoredAny).map(|_| Node::Bool(*value))
            }
            Value::Number(_) => deserializer.deserialize_str(ScalarText).map(Node::Number),
            Value::String(_) => deserializer.deserialize_str(ScalarText).map(Node::Text),
            Value::Sequence(items) => deserializer.deserialize_seq(AlongList(items)),
            Value::Mapping(pairs) => deserializer.deserialize_map(AlongMap(pairs)),
            Value::Tagged(_) => {
                Err(serde::de::Error::custom("YAML tags (`!name`) are not used in this file"))
            }
        }
    }
}

struct ScalarText;

impl Visitor<'_> for ScalarText {
    type Value = String;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a scalar")
    }

    fn visit_str<E>(self, text: &str) -> Result<String, E> {
        Ok(text.to_owned())
    }
}

struct AlongList<'a>(&'a [Value]);

impl<'de> Visitor<'de> for AlongList<'_> {
    type Value = Node;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a list")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Node, A::Error> {
        let mut nodes = Vec::new();
        for shape in self.0 {
            nodes.extend(items.next_element_seed(Along(shape))?);
        }
        // The end has to be asked for: the parser checks there that nothing is left.
        items.next_element::<IgnoredAny>()?;
        Ok(Node::List(nodes))
    }
}

struct AlongMap<'a>(&'a serde_yaml::Mapping);

impl<'de> Visitor<'de> for AlongMap<'_> {
    type Value = Node;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a mapping")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Node, A::Error> {
        let mut nodes = Vec::new();
        for shape in self.0.values() {
            let Some(key) = entries.next_key_seed(KeyText)? else { break };
            nodes.push((key, entries.next_value_seed(Along(shape))?));
        }
        entries.next_key::<IgnoredAny>()?;
        Ok(Node::Map(nodes))
    }
}

struct KeyText;

impl<'de> DeserializeSeed<'de> for KeyText {
    type Value = String;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<String, D::Error> {
        deserializer.deserialize_str(ScalarText)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_keep_their_text() {
        let node = parse("a: 1.50\nb: [0.1, 1e3, yes, 'x']\nc: {d: ~, e: true}\n1: {}\n").unwrap();
        let Node::Map(pairs) = node else { panic!("a mapping: {node:?}") };
        assert_eq!(pairs[0], ("a".to_owned(), Node::Number("1.50".to_owned())));
        assert_eq!(
            pairs[1].1,
            Node::List(vec![
                Node::Number("0.1".to_owned()),
                Node::Number("1e3".to_owned()),
                Node::Text("yes".to_owned()),
                Node::Text("x".to_owned()),
            ])
        );
        let Node::Map(inner) = &pairs[2].1 else { panic!("a mapping") };
        assert_eq!(inner[0].1, Node::Null);
        assert_eq!(inner[1].1, Node::Bool(true));
        assert_eq!(pairs[3].0, "1");
    }

    #[test]
    fn an_error_names_the_line() {
        let error = parse("a: 1\nb: [1, 2\nc: 3\n").unwrap_err();
        assert!(error.contains("line"), "{error}");
        let error = parse("a: 1\na: 2\n").unwrap_err();
        assert!(error.contains("duplicate"), "{error}");
    }
}
