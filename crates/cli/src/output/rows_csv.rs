//! The list in an answer as CSV (RFC 4180), made from its JSON: a column for each field, named as there.

use std::fmt::{self, Formatter};

use serde::de::{Error, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};
use tollgate_projection::report::csv_text;

use super::money_csv::lines;

/// What is between the items of a list in one cell.
const BETWEEN: &str = " ";

/// A row for each item of a list of the answer, by its name; of no name, one row for the answer itself. Objects in
/// an item become columns of their own (`amount.usd`), lists of plain values one cell, other lists JSON.
pub(crate) fn rows_csv(answer: &impl Serialize, list: &str) -> String {
    // The API's types contain nothing that JSON cannot represent, and what was written is read again.
    let text = serde_json::to_string(answer).unwrap_or_default();
    let items = match serde_json::from_str(&text) {
        Ok(Node::Fields(fields)) if !list.is_empty() => {
            match fields.into_iter().find(|(name, _)| name == list) {
                Some((_, Node::Items(items))) => items,
                Some(_) | None => Vec::new(),
            }
        }
        Ok(whole) => vec![whole],
        Err(_) => Vec::new(),
    };
    let rows: Vec<Vec<(String, String)>> = items.into_iter().map(columns).collect();
    let mut header: Vec<&str> = Vec::new();
    for (name, _) in rows.iter().flatten() {
        if !header.contains(&name.as_str()) {
            header.push(name);
        }
    }
    let cells = rows.iter().map(|row| {
        let cell = |name: &&str| row.iter().find(|(column, _)| column == name);
        header.iter().map(|name| cell(name).map(|(_, text)| csv_text(text)).unwrap_or_default()).collect()
    });
    lines(&header, cells)
}

/// JSON whose fields are in the order in which they were written.
enum Node {
    Nothing,
    Text(String),
    /// A number or a truth value, as JSON writes it.
    Plain(String),
    Items(Vec<Node>),
    Fields(Vec<(String, Node)>),
}

/// The columns of a row.
fn columns(item: Node) -> Vec<(String, String)> {
    let mut row = Vec::new();
    if let Node::Fields(fields) = item {
        fields.into_iter().for_each(|(name, node)| add(&mut row, name, node));
    } else {
        add(&mut row, "value".to_owned(), item);
    }
    row
}

fn add(row: &mut Vec<(String, String)>, name: String, node: Node) {
    match node {
        Node::Nothing => row.push((name, String::new())),
        Node::Text(text) | Node::Plain(text) => row.push((name, text)),
        Node::Fields(fields) => {
            for (inner, node) in fields {
                add(row, format!("{name}.{inner}"), node);
            }
        }
        Node::Items(items) => {
            let plain: Option<Vec<&str>> = items.iter().map(Node::as_text).collect();
            let plain = plain.map(|plain| plain.join(BETWEEN));
            let text = plain.unwrap_or_else(|| Node::Items(items).to_string());
            row.push((name, text));
        }
    }
}

impl Node {
    fn as_text(&self) -> Option<&str> {
        match self {
            Self::Text(text) | Self::Plain(text) => Some(text),
            Self::Nothing | Self::Items(_) | Self::Fields(_) => None,
        }
    }
}

/// As JSON.
impl fmt::Display for Node {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Nothing => f.write_str("null"),
            Self::Plain(text) => f.write_str(text),
            Self::Text(text) => f.write_str(&serde_json::Value::from(text.as_str()).to_string()),
            Self::Items(items) => {
                f.write_str("[")?;
                for (nth, item) in items.iter().enumerate() {
                    f.write_str(if nth == 0 { "" } else { "," })?;
                    item.fmt(f)?;
                }
                f.write_str("]")
            }
            Self::Fields(fields) => {
                f.write_str("{")?;
                for (nth, (name, node)) in fields.iter().enumerate() {
                    let comma = if nth == 0 { "" } else { "," };
                    write!(f, "{comma}{}:{node}", serde_json::Value::from(name.as_str()))?;
                }
                f.write_str("}")
            }
        }
    }
}

impl<'de> Deserialize<'de> for Node {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Reading)
    }
}

struct Reading;

impl<'de> Visitor<'de> for Reading {
    type Value = Node;

    fn expecting(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E: Error>(self) -> Result<Node, E> {
        Ok(Node::Nothing)
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Node, E> {
        Ok(Node::Plain(value.to_string()))
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Node, E> {
        Ok(Node::Plain(value.to_string()))
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Node, E> {
        Ok(Node::Plain(value.to_string()))
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Node, E> {
        Ok(Node::Plain(value.to_string()))
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<Node, E> {
        Ok(Node::Text(value.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Node, A::Error> {
        let mut all = Vec::new();
        while let Some(item) = items.next_element()? {
            all.push(item);
        }
        Ok(Node::Items(all))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<Node, A::Error> {
        let mut all = Vec::new();
        while let Some(field) = fields.next_entry()? {
            all.push(field);
        }
        Ok(Node::Fields(all))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[derive(Serialize)]
    struct Answer<T> {
        z: u8,
        list: T,
    }

    #[test]
    fn an_item_is_a_row_and_its_fields_are_columns() {
        let nothing = serde_json::Value::Null;
        for (list, csv) in [
            (json!([]), "\r\n"),
            (json!([1, "a,b"]), "value\r\n1\r\n\"a,b\"\r\n"),
            (json!([{"a": 1}, {"b": true}]), "a,b\r\n1,\r\n,true\r\n"),
            (json!([{"a": {"b": {"c": "x"}}, "d": nothing}]), "a.b.c,d\r\nx,\r\n"),
            (json!([{"a": ["x", 2]}, {"a": []}]), "a\r\nx 2\r\n\r\n"),
            (
                json!([{"a": [{"b": "\"", "c": [nothing, false]}]}]),
                "a\r\n\"[{\"\"b\"\":\"\"\\\"\"\"\",\"\"c\"\":[null,false]}]\"\r\n",
            ),
        ] {
            assert_eq!(rows_csv(&Answer { z: 7, list: &list }, "list"), csv, "{list}");
        }
        assert_eq!(
            rows_csv(&Answer { z: 7, list: ["q"] }, ""),
            "z,list\r\n7,q\r\n",
            "fields keep their order"
        );
        assert_eq!(rows_csv(&Answer { z: 7, list: ["q"] }, "other"), "\r\n");
    }
}
