//! Which usage a policy counts.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::{Dimension, Dimensions, InvalidDimension};
use crate::phase::{InvalidPhase, Phase};
use crate::price::provider_of_books;

/// The most dimensions that one scope may name.
pub(super) const MAX_SCOPE_DIMENSIONS: usize = 16;

/// Longest value of a dimension, in bytes: longer ones can be in no scope.
pub const MAX_VALUE_BYTES: usize = 256;

/// What the keys of labels begin with that are only kept: notes about one usage or allocation, such as ids of another
/// system. No scope can name them, and no sum is told apart by them.
const NOTE: char = '_';

/// Whether a label tells usage apart: its value is short enough for a scope, and it is no note.
#[must_use]
pub fn is_counted_label(key: &str, value: &str) -> bool {
    value.len() <= MAX_VALUE_BYTES && !key.starts_with(NOTE)
}

/// Which usage a policy counts: that with these values. What it does not name, it does not ask; an empty one
/// counts all usage of its tenant.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Scope(BTreeMap<Dimension, String>);

/// Why a scope was refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidScope {
    /// A name that is not a dimension.
    #[error(transparent)]
    Dimension(#[from] InvalidDimension),
    /// A dimension that is named twice, such as `team` and `label.team`.
    #[error("`{0}`: is named twice")]
    Twice(Dimension),
    /// A value that no usage can have.
    #[error("`{0}`: must have 1 to 256 bytes")]
    Value(Dimension),
    /// A label that is only kept.
    #[error("`{0}`: labels that begin with `_` are notes, which nothing is counted by; use another label")]
    Note(Dimension),
    /// A phase that cannot be one.
    #[error(transparent)]
    Phase(#[from] InvalidPhase),
    /// Too many dimensions.
    #[error("must name at most {MAX_SCOPE_DIMENSIONS} dimensions")]
    TooMany,
}

impl Scope {
    /// The scope with these values, by the names of dimensions.
    ///
    /// # Errors
    ///
    /// [`InvalidScope`].
    pub fn new<'a>(values: impl IntoIterator<Item = (&'a str, &'a str)>) -> Result<Self, InvalidScope> {
        let mut scope = BTreeMap::new();
        for (name, value) in values {
            let dimension: Dimension = name.parse()?;
            if value.is_empty() || value.len() > MAX_VALUE_BYTES {
                return Err(InvalidScope::Value(dimension));
            }
            if matches!(&dimension, Dimension::Label(key) if key.starts_with(NOTE)) {
                return Err(InvalidScope::Note(dimension));
            }
            // Usage has phases in upper case.
            let is_phase = dimension == Dimension::Phase;
            let value = if is_phase { value.parse::<Phase>()?.to_string() } else { value.to_owned() };
            if scope.insert(dimension.clone(), value).is_some() {
                return Err(InvalidScope::Twice(dimension));
            }
        }
        if scope.len() > MAX_SCOPE_DIMENSIONS { Err(InvalidScope::TooMany) } else { Ok(Self(scope)) }
    }

    /// This scope with one more value, or another one for a dimension that it names.
    #[must_use]
    pub fn with(&self, dimension: Dimension, value: &str) -> Self {
        let mut scope = self.0.clone();
        scope.insert(dimension, value.to_owned());
        Self(scope)
    }

    /// This scope with its provider as price books spell it (`OpenAI` as `openai`): usage counts under that name, too,
    /// however it spells it.
    #[must_use]
    pub fn with_provider_of_books(&self) -> Self {
        let named = self.get(&Dimension::Provider).and_then(provider_of_books);
        named.map_or_else(|| self.clone(), |named| self.with(Dimension::Provider, &named))
    }

    /// Its dimensions and values.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&Dimension, &str)> {
        self.0.iter().map(|(dimension, value)| (dimension, value.as_str()))
    }

    /// The value that it asks for.
    #[must_use]
    pub fn get(&self, dimension: &Dimension) -> Option<&str> {
        self.0.get(dimension).map(String::as_str)
    }

    /// Whether usage with these values counts.
    #[must_use]
    pub fn contains(&self, usage: &Dimensions<'_>) -> bool {
        self.0.iter().all(|(dimension, value)| usage.has(dimension, value))
    }
}

impl fmt::Display for Scope {
    /// `team=search model=gpt-5`; `all usage` for the empty one.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() {
            return f.write_str("all usage");
        }
        for (nth, (dimension, value)) in self.0.iter().enumerate() {
            let between = if nth == 0 { "" } else { " " };
            write!(f, "{between}{dimension}={value}")?;
        }
        Ok(())
    }
}

impl Serialize for Scope {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(dimension, value)| (dimension.to_string(), value)))
    }
}

impl<'de> Deserialize<'de> for Scope {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let values = BTreeMap::<String, String>::deserialize(deserializer)?;
        let values = values.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        Self::new(values).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::super::AlsoNamed;
    use super::*;

    #[test]
    fn a_scope_counts_what_has_all_its_values() {
        let labels = BTreeMap::from([("team".to_owned(), "search".to_owned())]);
        let usage = Dimensions {
            task: "T-1",
            phase: Some("IMPLEMENT"),
            component: Some("planner"),
            provider: Some("openai"),
            model: Some("gpt-5"),
            labels: &labels,
            also: AlsoNamed::default(),
        };
        for (scope, counts) in [
            (vec![], true),
            (vec![("team", "search")], true),
            (vec![("label.team", "search"), ("model", "gpt-5")], true),
            (vec![("team", "search"), ("model", "gpt-5-mini")], false),
            (vec![("user", "ada")], false),
            (vec![("task", "T-1")], true),
            (vec![("task", "T-1"), ("phase", "implement")], true),
            (vec![("phase", "VERIFY")], false),
        ] {
            assert_eq!(Scope::new(scope.clone()).unwrap().contains(&usage), counts, "{scope:?}");
        }
    }

    #[test]
    fn a_bad_scope_is_refused_with_its_reason() {
        let long = "x".repeat(257);
        for (scope, because) in [
            (vec![("modell", "x")], "must be component"),
            (vec![("phase", "2nd")], "phase `2nd`: must be 1 to 32 of A-Z"),
            (vec![("model", "")], "`model`: must have 1 to 256 bytes"),
            (vec![("model", long.as_str())], "`model`: must have 1 to 256 bytes"),
            (vec![("team", "a"), ("label.team", "b")], "`team`: is named twice"),
        ] {
            let error = Scope::new(scope).unwrap_err().to_string();
            assert!(error.contains(because), "{error}");
        }
    }

    #[test]
    fn a_scope_is_written_as_its_names_and_values() {
        let scope = Scope::new([("label.x", "1"), ("model", "gpt-5")]).unwrap();
        assert_eq!(scope.to_string(), "model=gpt-5 label.x=1");
        assert_eq!(Scope::default().to_string(), "all usage");
    }

    #[test]
    fn notes_are_in_no_scope_and_tell_no_usage_apart() {
        let note = Scope::new([("label._operation_id", "op-1")]);
        assert!(matches!(note, Err(InvalidScope::Note(_))), "{note:?}");
        for (key, value, counted) in
            [("team", "search", true), ("_operation_id", "op-1", false), ("team", &*"x".repeat(257), false)]
        {
            assert_eq!(is_counted_label(key, value), counted, "{key}");
        }
    }

    #[test]
    fn usage_without_a_model_has_the_tier_that_it_states() {
        for (model, stated, tier) in [
            (None, Some("local_lightweight"), "local_lightweight"),
            (None, Some("huge"), "remote_heavyweight"),
            (None, None, "remote_heavyweight"),
            (Some("mistral-7b"), Some("local_lightweight"), "local_midweight"),
        ] {
            let labels: BTreeMap<String, String> =
                stated.map(|tier| ("tier".to_owned(), tier.to_owned())).into_iter().collect();
            let also = super::super::AlsoNamed::default();
            let usage = Dimensions {
                task: "T-1",
                phase: None,
                component: None,
                provider: None,
                model,
                labels: &labels,
                also,
            };
            assert_eq!(usage.get(&Dimension::Tier), Some(tier), "{model:?} {stated:?}");
        }
    }
}
