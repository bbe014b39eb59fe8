//! JSON that is written with exact numbers: a price is the digits that the ledger has, never a binary float.

use std::fmt::{self, Write};

use serde_json::Value;
use tollgate_domain::money::Usd;
use tollgate_domain::time::Timestamp;

/// A JSON value. Members of objects keep the order in which they were added.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Json {
    /// `null`.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A number, as it is written.
    Number(String),
    /// A text.
    Text(String),
    /// A list.
    List(Vec<Json>),
    /// Members by name.
    Object(Vec<(String, Json)>),
}

impl Json {
    /// Money as a number, from the ledger's own text of it. What is no amount is 0.
    pub(crate) fn money(text: &str) -> Self {
        text.parse::<Usd>().unwrap_or_default().into()
    }

    /// The member of an object.
    pub(crate) fn get(&self, name: &str) -> Option<&Self> {
        match self {
            Self::Object(members) => members.iter().find(|(key, _)| key == name).map(|(_, value)| value),
            Self::Null | Self::Bool(_) | Self::Number(_) | Self::Text(_) | Self::List(_) => None,
        }
    }

    /// A text's characters.
    pub(crate) fn as_text(&self) -> Option<&str> {
        if let Self::Text(text) = self { Some(text) } else { None }
    }

    /// An object with one more member, or another value for one that it has.
    pub(crate) fn with(mut self, name: &str, value: impl Into<Self>) -> Self {
        if let Self::Object(members) = &mut self {
            members.retain(|(key, _)| key != name);
            members.push((name.to_owned(), value.into()));
        }
        self
    }

    /// An object without the members that are `null`.
    pub(crate) fn without_nulls(self) -> Self {
        match self {
            Self::Object(members) => {
                Self::Object(members.into_iter().filter(|(_, value)| *value != Self::Null).collect())
            }
            other @ (Self::Null | Self::Bool(_) | Self::Number(_) | Self::Text(_) | Self::List(_)) => other,
        }
    }
}

impl fmt::Display for Json {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Null => f.write_str("null"),
            Self::Bool(value) => write!(f, "{value}"),
            Self::Number(digits) => f.write_str(digits),
            Self::Text(text) => quoted(f, text),
            Self::List(values) => {
                f.write_char('[')?;
                for (nth, value) in values.iter().enumerate() {
                    write!(f, "{}{value}", if nth == 0 { "" } else { "," })?;
                }
                f.write_char(']')
            }
            Self::Object(members) => {
                f.write_char('{')?;
                for (nth, (name, value)) in members.iter().enumerate() {
                    f.write_str(if nth == 0 { "" } else { "," })?;
                    quoted(f, name)?;
                    write!(f, ":{value}")?;
                }
                f.write_char('}')
            }
        }
    }
}

/// A text in quotes. A text can always be written as JSON.
fn quoted(f: &mut fmt::Formatter<'_>, text: &str) -> fmt::Result {
    f.write_str(&serde_json::to_string(text).unwrap_or_default())
}

impl From<bool> for Json {
    fn from(value: bool) -> Self {
        Self::Bool(value)
    }
}

impl From<&str> for Json {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<String> for Json {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<&String> for Json {
    fn from(text: &String) -> Self {
        Self::Text(text.clone())
    }
}

impl From<Usd> for Json {
    fn from(usd: Usd) -> Self {
        Self::Number(usd.to_string())
    }
}

impl From<Timestamp> for Json {
    fn from(at: Timestamp) -> Self {
        Self::Text(at.to_string())
    }
}

macro_rules! whole {
    ($($kind:ty),+) => {
        $(impl From<$kind> for Json {
            fn from(number: $kind) -> Self {
                Self::Number(number.to_string())
            }
        })+
    };
}

whole!(i32, u8, u16, u32, i64, u64, usize, i128);

impl<T: Into<Json>> From<Option<T>> for Json {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Null, Into::into)
    }
}

impl<T: Into<Json>> From<Vec<T>> for Json {
    fn from(values: Vec<T>) -> Self {
        Self::List(values.into_iter().map(Into::into).collect())
    }
}

impl From<&Value> for Json {
    fn from(value: &Value) -> Self {
        match value {
            Value::Null => Self::Null,
            Value::Bool(value) => Self::Bool(*value),
            Value::Number(number) => Self::Number(number.to_string()),
            Value::String(text) => Self::Text(text.clone()),
            Value::Array(values) => Self::List(values.iter().map(Self::from).collect()),
            Value::Object(members) => {
                Self::Object(members.iter().map(|(name, value)| (name.clone(), value.into())).collect())
            }
        }
    }
}

/// An object of these members, in this order.
macro_rules! object {
    ($($name:literal => $value:expr),* $(,)?) => {
        $crate::json::Json::Object(vec![$(($name.to_owned(), $crate::json::Json::from($value))),*])
    };
}

pub(crate) use object;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_written_as_they_are() {
        let price: Usd = "0.000000075".parse().expect("an amount");
        let told = object! {
            "price" => price,
            "none" => None::<&str>,
            "list" => vec![1_u64, 2],
            "text" => "a \"quoted\"\nline",
            "again" => Json::from(&serde_json::json!({"deep": [0.1, {"b": null}]})),
        };
        assert_eq!(
            told.to_string(),
            r#"{"price":0.000000075,"none":null,"list":[1,2],"text":"a \"quoted\"\nline","again":{"deep":[0.1,{"b":null}]}}"#
        );
        assert_eq!(
            told.without_nulls().with("price", 1_u8).get("price"),
            Some(&Json::Number("1".to_owned()))
        );
    }
}
