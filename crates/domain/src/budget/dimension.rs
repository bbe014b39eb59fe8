//! What usage can be told apart by.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::ModelTier;
use crate::nearest;

/// Something that usage can be told apart by. Stored and sent by its name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Dimension {
    /// The part of the producer that made the call.
    Component,
    /// Its label `team`.
    Team,
    /// Its label `user`.
    User,
    /// Its label `task_type`.
    TaskType,
    /// The tier of its model.
    Tier,
    /// Who served the model.
    Provider,
    /// Which model.
    Model,
    /// Its task.
    Task,
    /// The phase of its task that it was used in.
    Phase,
    /// Its label `session`; without one, its task.
    Session,
    /// Any other label, by its key.
    Label(String),
}

/// A name that is not a dimension.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}`: must be component, team, user, task_type, tier, provider, model, task, phase, session or label.KEY{hint}",
    hint = nearest::hint(.0, &NAMED.map(|(_, name)| name))
)]
pub struct InvalidDimension(pub String);

/// The values that one usage has.
#[derive(Clone, Copy, Debug)]
pub struct Dimensions<'a> {
    /// Its task; empty if that is not known.
    pub task: &'a str,
    /// The phase of its task, in upper case.
    pub phase: Option<&'a str>,
    /// The part of the producer that made the call.
    pub component: Option<&'a str>,
    /// Who served the model.
    pub provider: Option<&'a str>,
    /// Which model.
    pub model: Option<&'a str>,
    /// Its labels.
    pub labels: &'a BTreeMap<String, String>,
    /// By which other names the price book knows provider and model.
    pub also: AlsoNamed<'a>,
}

/// The names by which usage was priced, where they are others than its own: it counts under both.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AlsoNamed<'a> {
    /// Who served the model.
    pub provider: Option<&'a str>,
    /// Which model.
    pub model: Option<&'a str>,
}

/// What the names of dimensions that are labels begin with.
const LABEL: &str = "label.";

/// The dimensions that are not labels of their own, by name.
const NAMED: [(Dimension, &str); 10] = [
    (Dimension::Component, "component"),
    (Dimension::Team, "team"),
    (Dimension::User, "user"),
    (Dimension::TaskType, "task_type"),
    (Dimension::Tier, "tier"),
    (Dimension::Provider, "provider"),
    (Dimension::Model, "model"),
    (Dimension::Task, "task"),
    (Dimension::Phase, "phase"),
    (Dimension::Session, "session"),
];

impl<'a> Dimensions<'a> {
    /// Whether this usage has this value of a dimension, by any of its names.
    #[must_use]
    pub fn has(&self, dimension: &Dimension, value: &str) -> bool {
        let also = match dimension {
            Dimension::Provider => self.also.provider,
            Dimension::Model => self.also.model,
            Dimension::Component
            | Dimension::Team
            | Dimension::User
            | Dimension::TaskType
            | Dimension::Tier
            | Dimension::Task
            | Dimension::Phase
            | Dimension::Session
            | Dimension::Label(_) => None,
        };
        self.get(dimension) == Some(value) || also == Some(value)
    }

    /// This usage under each of its names that differ in these dimensions.
    pub fn under_each_name(self, dimensions: &[Dimension]) -> impl Iterator<Item = Self> {
        let if_asked = |dimension, name: Option<&'a str>| name.filter(|_| dimensions.contains(&dimension));
        let provider = if_asked(Dimension::Provider, self.also.provider);
        let model = if_asked(Dimension::Model, self.also.model);
        let own = Self { also: AlsoNamed::default(), ..self };
        let by_model = model.map(|_| Self { model, ..own });
        let by_provider = provider.map(|_| Self { provider, ..own });
        let by_both = provider.and(model).map(|_| Self { provider, model, ..own });
        std::iter::once(own).chain(by_model).chain(by_provider).chain(by_both)
    }

    /// The tier of its model; where no model is named, that of its label `tier`, if that is one.
    fn tier(&self) -> ModelTier {
        let stated = self.labels.get("tier").filter(|_| self.model.is_none());
        let stated = stated.and_then(|word| ModelTier::from_word(word));
        stated.unwrap_or_else(|| ModelTier::of(self.provider, self.model))
    }

    /// The value of a dimension; `None`: this usage does not say.
    #[must_use]
    pub fn get(&self, dimension: &Dimension) -> Option<&'a str> {
        let label = |key: &str| self.labels.get(key).map(String::as_str);
        match dimension {
            Dimension::Component => self.component,
            Dimension::Provider => self.provider,
            Dimension::Model => self.model,
            Dimension::Task => Some(self.task).filter(|task| !task.is_empty()),
            Dimension::Phase => self.phase,
            Dimension::Tier => Some(self.tier().as_str()),
            Dimension::Team => label("team"),
            Dimension::User => label("user"),
            Dimension::TaskType => label("task_type"),
            Dimension::Session => label("session").or_else(|| self.get(&Dimension::Task)),
            Dimension::Label(key) => label(key),
        }
    }
}

impl TryFrom<String> for Dimension {
    type Error = InvalidDimension;

    fn try_from(text: String) -> Result<Self, InvalidDimension> {
        text.parse()
    }
}

impl From<Dimension> for String {
    fn from(dimension: Dimension) -> Self {
        dimension.to_string()
    }
}

impl fmt::Display for Dimension {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Self::Label(key) = self {
            return write!(f, "{LABEL}{key}");
        }
        let name = NAMED.iter().find(|(dimension, _)| dimension == self).map_or("", |(_, name)| name);
        f.pad(name)
    }
}

impl FromStr for Dimension {
    type Err = InvalidDimension;

    /// `team`, or `label.team`: labels that are dimensions of their own are one and the same.
    fn from_str(text: &str) -> Result<Self, InvalidDimension> {
        let invalid = || InvalidDimension(text.chars().take(64).collect());
        if let Some(key) = text.strip_prefix(LABEL) {
            return match key {
                "" => Err(invalid()),
                "team" => Ok(Self::Team),
                "user" => Ok(Self::User),
                "task_type" => Ok(Self::TaskType),
                key => Ok(Self::Label(key.to_owned())),
            };
        }
        let found = NAMED.iter().find(|(_, name)| *name == text);
        found.map(|(dimension, _)| dimension.clone()).ok_or_else(invalid)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_round_trip_and_others_are_refused() {
        for (dimension, name) in NAMED {
            assert_eq!(name.parse::<Dimension>().unwrap(), dimension);
            assert_eq!(dimension.to_string(), name);
        }
        assert_eq!("label.x".parse::<Dimension>().unwrap().to_string(), "label.x");
        assert_eq!("label.team".parse::<Dimension>().unwrap(), Dimension::Team);
        for bad in ["", "label.", "modell", "phases"] {
            let error = bad.parse::<Dimension>().unwrap_err().to_string();
            assert!(error.contains("must be component"), "{error}");
        }
        let error = "taem".parse::<Dimension>().unwrap_err().to_string();
        assert!(error.ends_with("or label.KEY; did you mean `team`?"), "{error}");
    }

    #[test]
    fn usage_has_the_values_that_it_says_and_a_session_of_its_own_task() {
        let labels = BTreeMap::from([("team".to_owned(), "search".to_owned())]);
        let usage = Dimensions {
            task: "T-1",
            phase: Some("IMPLEMENT"),
            component: Some("planner"),
            provider: None,
            model: Some("gpt-5"),
            labels: &labels,
            also: AlsoNamed::default(),
        };
        for (name, value) in [
            ("component", Some("planner")),
            ("team", Some("search")),
            ("user", None),
            ("provider", None),
            ("model", Some("gpt-5")),
            ("tier", Some("remote_heavyweight")),
            ("task", Some("T-1")),
            ("phase", Some("IMPLEMENT")),
            ("session", Some("T-1")),
            ("label.x", None),
        ] {
            assert_eq!(usage.get(&name.parse().unwrap()), value, "{name}");
        }
        let labels = BTreeMap::from([("session".to_owned(), "S-1".to_owned())]);
        assert_eq!(Dimensions { labels: &labels, ..usage }.get(&Dimension::Session), Some("S-1"));
    }
}
