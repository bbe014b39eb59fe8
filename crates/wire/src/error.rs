//! What is wrong with an incoming event, and why a stored one cannot be read.

/// Longest part of a value that an error shows, in characters.
const SHOWN_CHARS: usize = 80;

/// A field of an event that violates a rule.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{field}: `{value}`: {rule}")]
pub struct FieldError {
    /// Its path, for example `task_opened.budget_overrides.think.tokens`; `event` for the event as a whole.
    pub field: String,
    /// The given value, shortened to 80 characters; `nothing` if the field is missing.
    pub value: String,
    /// The rule that it violates, and what to send instead.
    pub rule: String,
}

/// Why the stored bytes of an event cannot be read. The reader sets the event aside, along with later ones of
/// its task.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// The bytes are not a protobuf message of the contract.
    #[error("stored event: not readable as tollgate.v1.StoredEvent: {0}; its record is damaged")]
    Malformed(String),
    /// A newer Tollgate wrote it, and the meaning of fields has changed since.
    #[error(
        "stored event: schema version {version} is newer than {known}, the newest known here; read it with a newer Tollgate"
    )]
    NewerSchema {
        /// Its version.
        version: u32,
        /// The newest version known to this reader.
        known: u32,
    },
    /// A newer Tollgate wrote it: its kind is not known here.
    #[error(
        "stored event: body field {field_number} is of a kind not known here; read it with a newer Tollgate"
    )]
    UnknownKind {
        /// The number of the body's field in `StoredEvent`.
        field_number: u32,
    },
    /// It has no body.
    #[error("stored event: it has no body; its record is damaged")]
    NoBody,
    /// A field has a value that this version cannot handle: a word from a newer Tollgate, or damage.
    #[error("stored event: {0}")]
    Invalid(#[from] FieldError),
}

impl FieldError {
    /// A field, its value and the rule.
    pub(crate) fn new(field: impl Into<String>, value: &str, rule: impl Into<String>) -> Self {
        // A key made up by a producer may have any length.
        Self { field: shortened(&field.into()), value: shortened(value), rule: rule.into() }
    }

    /// An error for a missing required field.
    pub(crate) fn missing(field: &str) -> Self {
        Self::new(field, "nothing", "is required")
    }

    /// The same error, relative to the message that contains the field.
    pub(crate) fn within(mut self, outer: &str) -> Self {
        if self.field.is_empty() {
            self.field = outer.to_owned();
        } else if self.field.starts_with('[') {
            self.field.insert_str(0, outer);
        } else {
            self.field = format!("{outer}.{}", self.field);
        }
        self
    }
}

fn shortened(text: &str) -> String {
    match text.char_indices().nth(SHOWN_CHARS) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_grow_outwards() {
        let error = FieldError::new("tokens", "many", "must be a whole number");
        let error = error.within("think").within("budget_overrides").within("task_opened");
        assert_eq!(
            error.to_string(),
            "task_opened.budget_overrides.think.tokens: `many`: must be a whole number"
        );
        assert_eq!(FieldError::new("[2]", "", "x").within("tags").field, "tags[2]");
        assert_eq!(FieldError::new("", "", "x").within("tokens").field, "tokens");
    }

    #[test]
    fn long_values_are_shortened_between_characters() {
        assert_eq!(FieldError::new("a", &"ä".repeat(80), "x").value, "ä".repeat(80));
        assert_eq!(FieldError::new("a", &"ä".repeat(81), "x").value, format!("{}…", "ä".repeat(80)));
    }
}
