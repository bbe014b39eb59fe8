//! Checked access to the fields of a file: reads what is valid, notes what is not, and continues.

use std::str::FromStr;

use super::problem::ConfigProblem;
use super::tree::Node;
use crate::decimal::Decimal;
use crate::nearest;

/// Reads fields and collects the problems of all of them.
#[derive(Debug, Default)]
pub struct Fields {
    /// The problems so far, in reading order.
    pub problems: Vec<ConfigProblem>,
}

impl Fields {
    /// Records a problem with a field's value.
    pub fn problem(&mut self, field: &str, value: &str, rule: impl Into<String>) {
        let (field, value, rule) = (field.to_owned(), value.to_owned(), rule.into());
        self.problems.push(ConfigProblem { field, value, rule, place: None });
    }

    /// Records that a value has the wrong type.
    pub fn wrong_type(&mut self, field: &str, node: &Node, expected: &str) {
        let rule = format!("must be {expected}, is {}", node.kind());
        self.problem(field, &node.shown(), rule);
    }

    /// A mapping whose keys are all known.
    pub fn section<'a>(&mut self, field: &str, node: &'a Node, known: &[&str]) -> Section<'a> {
        let section = self.mapping(field, node);
        for (key, value) in section.entries {
            if !known.contains(&key.as_str()) {
                let path = join(field, key);
                let rule =
                    format!("unknown key, must be one of {}{}", known.join(", "), nearest::hint(key, known));
                self.problem(&path, &value.shown(), rule);
            }
        }
        section
    }

    /// A mapping with any keys.
    pub fn mapping<'a>(&mut self, field: &str, node: &'a Node) -> Section<'a> {
        let field = field.to_owned();
        if let Node::Map(entries) = node {
            return Section { field, entries };
        }
        if *node != Node::Null {
            self.wrong_type(&field, node, "a mapping");
        }
        Section { field, entries: &[] }
    }

    /// A non-negative decimal number, exact.
    pub fn decimal(&mut self, field: &str, node: &Node) -> Option<Decimal> {
        let Node::Number(text) = node else {
            self.wrong_type(field, node, "a number");
            return None;
        };
        match Decimal::from_str(text) {
            Ok(value) => Some(value),
            Err(error) => {
                self.problem(field, text, error.to_string());
                None
            }
        }
    }

    /// A whole number from 1 to `max`.
    pub fn positive(&mut self, field: &str, node: &Node, max: u64) -> Option<u64> {
        let Node::Number(text) = node else {
            self.wrong_type(field, node, "a whole number");
            return None;
        };
        let whole = Decimal::from_str(text).ok().filter(|value| value.scale() == 0).map(Decimal::mantissa);
        match whole {
            Some(value) if (1..=max).contains(&value) => Some(value),
            Some(_) | None => {
                self.problem(field, text, format!("must be a whole number above 0 and at most {max}"));
                None
            }
        }
    }

    /// A whole number from 0 to `max`.
    pub fn whole(&mut self, field: &str, node: &Node, max: u64) -> Option<u64> {
        let Node::Number(text) = node else {
            self.wrong_type(field, node, "a whole number");
            return None;
        };
        let whole = Decimal::from_str(text).ok().filter(|value| value.scale() == 0).map(Decimal::mantissa);
        if whole.is_none_or(|value| value > max) {
            self.problem(field, text, format!("must be a whole number from 0 to {max}"));
            return None;
        }
        whole
    }

    /// `true` or `false`.
    pub fn boolean(&mut self, field: &str, node: &Node) -> Option<bool> {
        if let Node::Bool(value) = node {
            return Some(*value);
        }
        self.wrong_type(field, node, "true or false");
        None
    }

    /// One of a few words.
    pub fn word<T>(
        &mut self,
        field: &str,
        node: &Node,
        names: &[&str],
        parse: fn(&str) -> Option<T>,
    ) -> Option<T> {
        let Node::Text(text) = node else {
            self.wrong_type(field, node, &format!("one of {}", names.join(", ")));
            return None;
        };
        let parsed = parse(text);
        if parsed.is_none() {
            self.problem(
                field,
                text,
                format!("must be one of {}{}", names.join(", "), nearest::hint(text, names)),
            );
        }
        parsed
    }

    /// The items of a list.
    pub fn list<'a>(&mut self, field: &str, node: &'a Node) -> &'a [Node] {
        if let Node::List(items) = node {
            return items;
        }
        self.wrong_type(field, node, "a list");
        &[]
    }
}

/// A mapping and its path.
#[derive(Debug)]
pub struct Section<'a> {
    field: String,
    entries: &'a [(String, Node)],
}

impl<'a> Section<'a> {
    /// The value of a key, if present and not empty, with its full path.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<(String, &'a Node)> {
        let (_, node) = self.entries.iter().find(|(name, node)| name == key && *node != Node::Null)?;
        Some((join(&self.field, key), node))
    }

    /// All entries in file order, each with its full path.
    pub fn iter(&self) -> impl Iterator<Item = (String, &'a str, &'a Node)> {
        let field = self.field.clone();
        self.entries.iter().map(move |(key, node)| (join(&field, key), key.as_str(), node))
    }
}

fn join(field: &str, key: &str) -> String {
    if field.is_empty() { key.to_owned() } else { format!("{field}.{key}") }
}
