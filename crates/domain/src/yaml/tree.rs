//! YAML as a tree whose scalars keep their text, so that `1.5` never passes through a binary float.
//!
//! `serde_yaml` passes numbers as `f64` unless a string is requested. So the text is read twice: once for its
//! structure, and once along that structure with every scalar requested as a string.

use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_yaml::Value;

/// A node of the tree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Node {
    /// A key without a value.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A number, as written.
    Number(String),
    /// Any other scalar, as written.
    Text(String),
    /// A sequence.
    List(Vec<Self>),
    /// A mapping, in file order. Keys are read as text.
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

    /// The value as shown in messages.
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

/// Reads a file whose root is a mapping with at least one of these keys.
///
/// # Errors
///
/// What is wrong with the file as a whole, in one sentence: it is not YAML (with line and column if the
/// parser knows them), it is empty, or it does not contain a mapping.
pub fn file(text: &str, keys: &[&str]) -> Result<Node, String> {
    let root = parse(text).map_err(|error| format!("not readable as YAML: {error}{}", tab_hint(text)))?;
    let is = match &root {
        Node::Map(entries) if !entries.is_empty() => return Ok(root),
        Node::Null | Node::Map(_) => "holds no settings",
        Node::Bool(_) => "is true/false",
        Node::Number(_) => "is a number",
        Node::Text(_) => "is text",
        Node::List(_) => "is a list",
    };
    let keys = keys.iter().map(|key| format!("`{key}:`")).collect::<Vec<_>>().join(", ");
    Err(format!("the file {is}: it must be a mapping with keys out of {keys}"))
}

/// A hint for people who indent with tabs; the parser only says that it found a character.
fn tab_hint(text: &str) -> String {
    let indented_by_tab = |line: &str| {
        line.chars().take_while(|c| c.is_whitespace()).any(|c| c == '\t') && !line.trim().is_empty()
    };
    let line = text.lines().position(indented_by_tab).map(|nth| nth.saturating_add(1));
    line.map(|line| format!("; line {line} is indented by a tab: YAML takes only spaces there"))
        .unwrap_or_default()
}

fn parse(text: &str) -> Result<Node, String> {
    let shape: Value = serde_yaml::from_str(text).map_err(|error| error.to_string())?;
    ValueReader(&shape)
        .deserialize(serde_yaml::Deserializer::from_str(text))
        .map_err(|error| error.to_string())
}

/// Reads a value with a known structure, scalars as text.
struct ValueReader<'a>(&'a Value);

impl<'de> DeserializeSeed<'de> for ValueReader<'_> {
    type Value = Node;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Node, D::Error> {
        match self.0 {
            Value::Null => deserializer.deserialize_ignored_any(IgnoredAny).map(|_| Node::Null),
            Value::Bool(value) => {
                deserializer.deserialize_ignored_any(IgnoredAny).map(|_| Node::Bool(*value))
            }
            Value::Number(_) => deserializer.deserialize_str(ScalarText).map(Node::Number),
            Value::String(_) => deserializer.deserialize_str(ScalarText).map(Node::Text),
            Value::Sequence(items) => deserializer.deserialize_seq(ListReader(items)),
            Value::Mapping(pairs) => deserializer.deserialize_map(MapReader(pairs)),
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

struct ListReader<'a>(&'a [Value]);

impl<'de> Visitor<'de> for ListReader<'_> {
    type Value = Node;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a list")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Node, A::Error> {
        let mut nodes = Vec::new();
        for shape in self.0 {
            nodes.extend(items.next_element_seed(ValueReader(shape))?);
        }
        // The end must be requested explicitly: that is when the parser checks that nothing is left.
        items.next_element::<IgnoredAny>()?;
        Ok(Node::List(nodes))
    }
}

struct MapReader<'a>(&'a serde_yaml::Mapping);

impl<'de> Visitor<'de> for MapReader<'_> {
    type Value = Node;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a mapping")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Node, A::Error> {
        let mut nodes = Vec::new();
        for shape in self.0.values() {
            let Some(key) = entries.next_key_seed(KeyText)? else { break };
            nodes.push((key, entries.next_value_seed(ValueReader(shape))?));
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

    #[test]
    fn a_file_that_is_no_mapping_gets_one_sentence() {
        let deep = format!("a: {}{}", "[".repeat(5_000), "]".repeat(5_000));
        let empty = "the file holds no settings: it must be a mapping with keys out of `a:`, `b:`";
        for (text, says) in [
            ("", empty),
            ("# a comment\n\n", empty),
            ("---\n", empty),
            ("~", empty),
            ("{}", empty),
            ("\u{feff}", empty),
            ("[]", "the file is a list: it must be a mapping with keys out of `a:`, `b:`"),
            ("- a\n", "the file is a list: it must be a mapping with keys out of `a:`, `b:`"),
            ("hello", "the file is text: it must be a mapping with keys out of `a:`, `b:`"),
            ("1.5", "the file is a number: it must be a mapping with keys out of `a:`, `b:`"),
            ("true", "the file is true/false: it must be a mapping with keys out of `a:`, `b:`"),
            ("a:\n\tb: 1\n", "; line 2 is indented by a tab: YAML takes only spaces there"),
            ("a: 1\na: 2\n", "not readable as YAML: duplicate entry with key \"a\""),
            ("--- {a: 1}\n--- {b: 1}\n", "more than one document"),
            (&deep, "not readable as YAML: recursion limit exceeded at line 1"),
        ] {
            let error = file(text, &["a", "b"]).unwrap_err();
            assert!(error.contains(says), "{text:.40}\nmust say: {says}\nsays: {error}");
            assert!(!error.contains('\n') && error.len() < 200, "{error}");
        }
        let marked = file("\u{feff}a: 1\n", &["a"]).unwrap();
        assert_eq!(marked, Node::Map(vec![("a".to_owned(), Node::Number("1".to_owned()))]));
    }
}
