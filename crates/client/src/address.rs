//! Addresses of the API: a path, and a query that is built piece by piece.

use std::fmt::Write;

/// What the answer to a query must reflect.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Read {
    /// A position returned by an append, or `tail`.
    pub at_least: Option<String>,
    /// How long to wait for that, in milliseconds.
    pub wait_ms: Option<u64>,
}

/// A path with a query, built piece by piece.
pub(crate) struct Address {
    pub(crate) text: String,
    separator: char,
}

impl Address {
    pub(crate) fn new(path: &str) -> Self {
        Self { text: path.to_owned(), separator: '?' }
    }

    pub(crate) fn with(mut self, name: &str, value: Option<impl ToString>) -> Self {
        if let Some(value) = value {
            let value = escaped(&value.to_string());
            // Writing to a String cannot fail.
            let _ = write!(self.text, "{}{name}={value}", self.separator);
            self.separator = '&';
        }
        self
    }

    pub(crate) fn read(self, read: &Read) -> Self {
        self.with("at_least", read.at_least.as_ref()).with("wait_ms", read.wait_ms)
    }
}

/// A text as one segment or value of an address.
pub(crate) fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~@:,".contains(&byte) {
            out.push(char::from(byte));
        } else {
            // Writing to a String cannot fail.
            let _ = write!(out, "%{byte:02X}");
        }
    }
    out
}
