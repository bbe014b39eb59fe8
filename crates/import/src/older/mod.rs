//! Stores of budget services that this ledger replaces: their policies and their usage, to be taken over.
//!
//! Each record keeps its own id, so that taking it over again adds nothing. What it cost is kept as it was booked;
//! what has no
//! cost is priced as all usage is.

pub mod apollo;
pub mod rhetor;

use std::collections::BTreeMap;

use tollgate_domain::budget::BudgetEnforcement;
use tollgate_domain::ids::TaskId;
use tollgate_domain::money::Usd;
use tollgate_domain::time::Timestamp;

/// The longest value of a label, in bytes.
const MAX_LABEL_BYTES: usize = 2000;

/// The label of what only the older service knows of usage.
const METADATA: &str = "_metadata";

/// What a store has.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OlderStore {
    /// The name of the budget that all of it belongs to.
    pub budget: &'static str,
    /// What people call that.
    pub title: &'static str,
    /// Who answers for it.
    pub owner: &'static str,
    /// Its policies.
    pub policies: Vec<OlderPolicy>,
    /// Its usage, in the order of the store.
    pub usage: Vec<OlderUsage>,
    /// What could not be read, and why.
    pub problems: Vec<String>,
    /// What is left out on purpose, and why.
    pub notes: Vec<String>,
}

/// A policy of an older service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OlderPolicy {
    /// Its name.
    pub name: String,
    /// Which usage it counts: values by dimension.
    pub scope: BTreeMap<String, String>,
    /// Its window.
    pub window: String,
    /// What happens at its limit.
    pub enforcement: BudgetEnforcement,
    /// The most tokens.
    pub tokens: Option<u64>,
    /// The most money.
    pub usd: Option<Usd>,
    /// From which part of the limit on a warning is raised.
    pub warn_at: Option<String>,
    /// From which part of the limit on someone should act.
    pub act_at: Option<String>,
    /// Since when it rules.
    pub from: Option<Timestamp>,
    /// Until when.
    pub to: Option<Timestamp>,
    /// Whether it rules at all.
    pub enabled: bool,
}

/// Usage of an older service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OlderUsage {
    /// Its id.
    pub id: String,
    /// The task that it belongs to.
    pub task: TaskId,
    /// When it happened.
    pub at: Timestamp,
    /// The part of the producer that made the call.
    pub component: Option<String>,
    /// Who served the model.
    pub provider: Option<String>,
    /// Which model.
    pub model: Option<String>,
    /// Labels.
    pub labels: BTreeMap<String, String>,
    /// Input tokens.
    pub input: u64,
    /// Output tokens.
    pub output: u64,
    /// Whether the store says only the sum of both.
    pub estimated: bool,
    /// What it cost, if the store says so.
    pub booked: Option<Usd>,
}

/// A text that says something.
fn said(text: Option<&str>) -> Option<String> {
    let text = text.map(str::trim).filter(|text| !text.is_empty())?;
    (!text.eq_ignore_ascii_case("unknown")).then(|| text.to_owned())
}

/// Metadata as one label: a JSON object as it is, any other text as `original_metadata` of one, a long one cut.
fn metadata(text: &str) -> Option<(String, String)> {
    let text = text.trim();
    if text.is_empty() || text == "{}" || text == "null" {
        return None;
    }
    let is_object = serde_json::from_str::<serde_json::Value>(text).is_ok_and(|value| value.is_object());
    let kept = if is_object && text.len() <= MAX_LABEL_BYTES { text.to_owned() } else { wrapped(text) };
    Some((METADATA.to_owned(), kept))
}

fn wrapped(text: &str) -> String {
    let mut end = text.len().min(MAX_LABEL_BYTES);
    loop {
        while !text.is_char_boundary(end) {
            end -= 1;
        }
        let kept = serde_json::json!({ "original_metadata": &text[..end] }).to_string();
        if kept.len() <= MAX_LABEL_BYTES {
            return kept;
        }
        // Characters that are escaped take more room.
        end = end.saturating_sub(kept.len() - MAX_LABEL_BYTES);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn metadata_stays_what_it_is_or_is_kept_as_a_text() {
        let label = |text: &str| metadata(text).map(|(_, value)| value);
        for (text, kept) in [
            ("", None),
            ("null", None),
            ("{}", None),
            (r#"{"a": 1}"#, Some(r#"{"a": 1}"#)),
            ("run 7", Some(r#"{"original_metadata":"run 7"}"#)),
            ("[1]", Some(r#"{"original_metadata":"[1]"}"#)),
        ] {
            assert_eq!(label(text).as_deref(), kept, "{text}");
        }
        for long in ["é".repeat(3000), "\"".repeat(3000), format!("{{\"a\": \"{}\"}}", "x".repeat(3000))] {
            let kept = label(&long).expect("kept");
            assert!(
                kept.len() <= MAX_LABEL_BYTES && kept.starts_with("{\"original_metadata\":"),
                "{}",
                kept.len()
            );
            assert!(serde_json::from_str::<serde_json::Value>(&kept).is_ok());
        }
    }

    #[test]
    fn unknown_is_not_said() {
        for (text, is_said) in
            [(None, false), (Some(" "), false), (Some("Unknown"), false), (Some("openai"), true)]
        {
            assert_eq!(said(text).is_some(), is_said, "{text:?}");
        }
    }
}
