//! Names chosen by callers: tenant, task, producer, event id. Checked once, at the edge.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::hex::{hex, hex_of_sha256};

/// The tenant of a caller that does not name one.
pub const DEFAULT_TENANT: &str = "default";

/// The producer of events that the ledger writes itself.
pub const LEDGER_PRODUCER: &str = "tollgate";

/// The tenant of ledger-wide facts (configs, price books). Callers cannot use it: theirs start with a letter
/// or digit.
pub const LEDGER_TENANT: &str = "_ledger";

/// The task name of a tenant's decisions about money: they are in one order. Producers cannot use it.
pub const BUDGET_TASK: &str = "_budget";

/// The task name, in the tenant of ledger-wide facts, of the decisions about keys: they are in one order.
pub const KEYS_TASK: &str = "_keys";

/// Longest task, producer and event id, in UTF-8 bytes. A task id is a subject's key, a file name and a URL
/// segment; 128 bytes hold two UUIDs and a prefix.
pub const MAX_ID_BYTES: usize = 128;

/// Longest tenant, in bytes: it is a token of a NATS subject.
pub const MAX_TENANT_BYTES: usize = 64;

/// Why a name was refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{field} `{value}`: {rule}")]
pub struct InvalidId {
    /// The field as callers spell it: `tenant`, `task`, `producer` or `id`.
    pub field: &'static str,
    /// What was given, shortened to 80 characters.
    pub value: String,
    /// The rule that it violates.
    pub rule: &'static str,
}

macro_rules! name_type {
    ($(#[$doc:meta])* $name:ident, $field:literal, $check:ident) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(Arc<str>);

        impl $name {
            /// Accepts the name if it follows the rules.
            ///
            /// # Errors
            ///
            /// [`InvalidId`] with the field, the value and the rule.
            pub fn new(text: impl Into<Arc<str>>) -> Result<Self, InvalidId> {
                let text = text.into();
                match $check(&text) {
                    Ok(()) => Ok(Self(text)),
                    Err(rule) => Err(InvalidId { field: $field, value: shortened(&text), rule }),
                }
            }

            /// The name as text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

name_type!(
    /// Owner of tasks; `default` when not given.
    TenantId, "tenant", check_tenant
);
name_type!(
    /// One piece of work that passes through phases; unique per tenant.
    TaskId, "task", check_text
);
name_type!(
    /// Who appends: an orchestrator, an importer, an OTLP receiver.
    ProducerId, "producer", check_text
);
name_type!(
    /// Made by the producer, kept across retries, unique per tenant, task and producer; the idempotency key.
    EventId, "id", check_text
);

impl TenantId {
    /// The tenant of a caller that does not name one.
    #[must_use]
    pub fn default_tenant() -> Self {
        Self(DEFAULT_TENANT.into())
    }

    /// The tenant of ledger-wide facts.
    #[must_use]
    pub fn ledger() -> Self {
        Self(LEDGER_TENANT.into())
    }
}

impl TaskId {
    /// The task for ledger-wide facts, which belong to no real task.
    #[must_use]
    pub fn ledger() -> Self {
        Self(LEDGER_TENANT.into())
    }

    /// The task of what another system calls a context: the context itself, or, where that cannot be the name of a
    /// task, one
    /// that follows from it.
    #[must_use]
    pub fn of_context(context: &str) -> Self {
        let is_free = !context.starts_with('_') && context.trim() == context;
        let named = is_free.then(|| Self::new(context).ok()).flatten();
        named.unwrap_or_else(|| Self(format!("context-{}", hex_of_sha256(context, 16)).into()))
    }

    /// The name for a tenant's decisions about money, which belong to no real task.
    #[must_use]
    pub fn budget() -> Self {
        Self(BUDGET_TASK.into())
    }

    /// The name for decisions about keys, which belong to no real task.
    #[must_use]
    pub fn keys() -> Self {
        Self(KEYS_TASK.into())
    }
}

impl EventId {
    /// The id of an event that a decision adds to a command's own event: the same on every retry.
    ///
    /// Long ids are cut from the left, so that the random end of a UUID-like id survives.
    #[must_use]
    pub fn derived(&self, suffix: &str) -> Self {
        let room = MAX_ID_BYTES.saturating_sub(suffix.len()).saturating_sub(1);
        let mut start = self.0.len().saturating_sub(room);
        while !self.0.is_char_boundary(start) {
            start = start.saturating_add(1);
        }
        Self(format!("{}/{suffix}", &self.0[start..]).into())
    }

    /// The id of an event that follows from a state: a word, followed by the first 128 bits of a hash of the
    /// entire content, as hex.
    pub(crate) fn digest(word: &str, hash: [u8; 32]) -> Self {
        Self(format!("{word}-{}", hex(&hash[..16])).into())
    }
}

fn check_tenant(text: &str) -> Result<(), &'static str> {
    if text.is_empty() || text.len() > MAX_TENANT_BYTES {
        return Err("must have 1 to 64 characters");
    }
    let allowed = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    if !text.starts_with(|c: char| c.is_ascii_alphanumeric()) || !text.chars().all(allowed) {
        return Err("must start with a letter or digit and hold only A-Z a-z 0-9 - _");
    }
    Ok(())
}

fn check_text(text: &str) -> Result<(), &'static str> {
    if text.is_empty() || text.len() > MAX_ID_BYTES {
        return Err("must have 1 to 128 UTF-8 bytes");
    }
    // Nearly every id is printable ASCII, and this is on the path of every append.
    if text.bytes().all(|byte| (0x21..0x7f).contains(&byte)) {
        return Ok(());
    }
    if text.chars().any(char::is_control) {
        return Err("must hold no control characters");
    }
    if text.starts_with(char::is_whitespace) || text.ends_with(char::is_whitespace) {
        return Err("must not begin or end with white space");
    }
    Ok(())
}

fn shortened(text: &str) -> String {
    let mut shown: String = text.chars().take(80).collect();
    if shown.len() < text.len() {
        shown.push('…');
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tenants_are_subject_tokens() {
        for good in ["default", "a", "Team-7_x", &"t".repeat(64)] {
            assert!(TenantId::new(good).is_ok(), "{good}");
        }
        for bad in ["", "_ledger", "a.b", "a b", "ä", "-x", &"t".repeat(65)] {
            assert!(TenantId::new(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn ids_are_any_short_text_without_control_characters() {
        for good in ["T-1", "Überprüfung 7", "a/b.c*", &"x".repeat(128)] {
            assert!(TaskId::new(good).is_ok(), "{good}");
        }
        for bad in ["", " T-1", "T-1 ", "a\nb", "a\0", &"x".repeat(129)] {
            assert!(TaskId::new(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn an_error_names_field_value_and_rule() {
        let error = TaskId::new("a\tb").unwrap_err().to_string();
        assert_eq!(error, "task `a\tb`: must hold no control characters");
    }

    #[test]
    fn derived_ids_stay_within_the_limit_and_keep_the_end() {
        let long = EventId::new(format!("{}END", "é".repeat(62))).unwrap();
        let derived = long.derived("closed");
        assert!(derived.as_str().len() <= MAX_ID_BYTES);
        assert!(derived.as_str().ends_with("END/closed"));
        assert_eq!(EventId::new("e1").unwrap().derived("closed").as_str(), "e1/closed");
    }
}
