//! What lines of money can be told apart by.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use tollgate_domain::budget::ModelTier;
use tollgate_domain::nearest;
use tollgate_domain::time::Timestamp;
use tollgate_domain::zone::Zone;

use crate::reports::{CellKey, SESSION};

/// What lines of money can be told apart by. Stored and sent by its name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum LineDimension {
    /// The owner of the tasks.
    Tenant,
    /// Who appended the usage.
    Producer,
    /// The part of the producer that made the calls.
    Component,
    /// Who served the model.
    Provider,
    /// Which model.
    Model,
    /// The tier of the model.
    Tier,
    /// The provider's tier that served it; empty for the standard one.
    ServiceTier,
    /// Which phase; empty for unphased usage.
    Phase,
    /// The complexity of the task; empty for implicit tasks.
    Complexity,
    /// The importance of the task; empty for implicit tasks.
    Importance,
    /// The price book that the usage was costed with; empty for unpriced usage.
    PriceVersion,
    /// Of corrections: the day of the usage that they correct; empty for usage.
    Corrects,
    /// The UTC day on which it was recorded.
    RecordedOn,
    /// All labels, as a JSON object; empty if there is none.
    Labels,
    /// A label, by its key.
    Label(String),
}

/// A name that is not a dimension of lines.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidLineDimension {
    /// It is none.
    #[error(
        "must be {}, team, user, task_type or label.KEY{}",
        NAMED.map(|(_, name)| name).join(", "),
        nearest::hint(.0, &NAMES)
    )]
    Unknown(String),
    /// The view keeps neither tasks nor sessions apart.
    #[error(
        "the sums of reports keep no tasks and sessions apart: `tollgate usage summary --group-by {0} --format csv` \
         has tokens and money of each, with `--since` and `--until` for a time"
    )]
    InTask(String),
}

/// What the names of labels begin with that have no name of their own.
const LABEL: &str = "label.";

/// The same, as it may be written, too.
const LABEL_OR: &str = "label:";

/// What usage belongs to, which makes too many cells.
const TASK: &str = "task";

/// Labels that have a name of their own, as in budgets.
const LABELS: [&str; 3] = ["team", "user", "task_type"];

/// The dimensions that are no label, by name.
const NAMED: [(LineDimension, &str); 14] = [
    (LineDimension::Tenant, "tenant"),
    (LineDimension::Producer, "producer"),
    (LineDimension::Component, "component"),
    (LineDimension::Provider, "provider"),
    (LineDimension::Model, "model"),
    (LineDimension::Tier, "tier"),
    (LineDimension::ServiceTier, "service_tier"),
    (LineDimension::Phase, "phase"),
    (LineDimension::Complexity, "complexity"),
    (LineDimension::Importance, "importance"),
    (LineDimension::PriceVersion, "price_version"),
    (LineDimension::Corrects, "corrects"),
    (LineDimension::RecordedOn, "recorded_on"),
    (LineDimension::Labels, "labels"),
];

/// All names but those of other labels.
const NAMES: [&str; 17] = [
    "tenant",
    "producer",
    "component",
    "provider",
    "model",
    "tier",
    "service_tier",
    "phase",
    "complexity",
    "importance",
    "price_version",
    "corrects",
    "recorded_on",
    "labels",
    LABELS[0],
    LABELS[1],
    LABELS[2],
];

impl LineDimension {
    /// The dimensions that are no label, in order.
    #[must_use]
    pub fn named() -> Vec<Self> {
        NAMED.map(|(dimension, _)| dimension).to_vec()
    }

    /// The value that the usage of a cell has; empty if it was not stated. Days of corrected usage are those of the
    /// zone.
    #[must_use]
    pub fn of_cell(&self, key: &CellKey<'_>, zone: &Zone) -> String {
        let given = |text| Some(text).filter(|text: &&str| !text.is_empty());
        let text = match self {
            Self::Tenant => key.tenant,
            Self::Producer => key.producer,
            Self::Component => key.component,
            Self::Provider => key.provider,
            Self::Model => key.model,
            Self::Tier => ModelTier::of(given(key.provider), given(key.model)).as_str(),
            Self::ServiceTier => key.service_tier,
            Self::Phase => key.phase,
            Self::Complexity => key.tiers.map_or("", |(complexity, _)| complexity.as_str()),
            Self::Importance => key.tiers.map_or("", |(_, importance)| importance.as_str()),
            Self::PriceVersion => key.price_version,
            Self::Corrects => {
                let day =
                    |from: i64| Timestamp::from_micros(from.saturating_mul(1_000_000)).unwrap_or_default();
                return key.corrects.map(|from| zone.day_of(day(from)).to_string()).unwrap_or_default();
            }
            Self::RecordedOn => return key.recorded_on().to_string(),
            Self::Labels => return key.labels.to_json(),
            Self::Label(name) => key.labels.get(name),
        };
        text.to_owned()
    }

    /// What usage is called that does not have it, in lists for people.
    #[must_use]
    pub const fn absent(&self) -> &'static str {
        match self {
            Self::Phase => "unphased",
            Self::Complexity | Self::Importance => "implicit",
            Self::PriceVersion => "unpriced",
            Self::ServiceTier => "standard",
            Self::Corrects => "usage",
            Self::Tenant
            | Self::Producer
            | Self::Component
            | Self::Provider
            | Self::Model
            | Self::Tier
            | Self::RecordedOn
            | Self::Labels
            | Self::Label(_) => "unknown",
        }
    }
}

impl TryFrom<String> for LineDimension {
    type Error = InvalidLineDimension;

    fn try_from(text: String) -> Result<Self, InvalidLineDimension> {
        text.parse()
    }
}

impl From<LineDimension> for String {
    fn from(dimension: LineDimension) -> Self {
        dimension.to_string()
    }
}

impl fmt::Display for LineDimension {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self::Label(key) = self else {
            return f.pad(NAMED.iter().find(|(dimension, _)| dimension == self).map_or("", |(_, name)| name));
        };
        if LABELS.contains(&key.as_str()) { f.pad(key) } else { write!(f, "{LABEL}{key}") }
    }
}

impl FromStr for LineDimension {
    type Err = InvalidLineDimension;

    /// `team` is `label.team`, and `label:KEY` is `label.KEY`.
    fn from_str(text: &str) -> Result<Self, InvalidLineDimension> {
        let unknown = || InvalidLineDimension::Unknown(text.chars().take(64).collect());
        let key = [LABEL, LABEL_OR].iter().find_map(|prefix| text.strip_prefix(prefix));
        match key.or_else(|| LABELS.into_iter().chain([SESSION, TASK]).find(|name| *name == text)) {
            Some("") => Err(unknown()),
            Some(name @ (SESSION | TASK)) if key != Some(TASK) => {
                Err(InvalidLineDimension::InTask(name.to_owned()))
            }
            Some(key) => Ok(Self::Label(key.to_owned())),
            None => {
                let found = NAMED.iter().find(|(_, name)| *name == text);
                found.map(|(dimension, _)| dimension.clone()).ok_or_else(unknown)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_round_trip_and_others_are_refused() {
        assert_eq!(NAMES[..14], NAMED.map(|(_, name)| name));
        for name in NAMES {
            assert_eq!(name.parse::<LineDimension>().unwrap().to_string(), name);
            let json = serde_json::to_string(&name.parse::<LineDimension>().unwrap()).unwrap();
            assert_eq!(json, format!("\"{name}\""));
        }
        for (text, name) in [
            ("label.team", "team"),
            ("label:team", "team"),
            ("label:cost centre", "label.cost centre"),
            ("label.a=b", "label.a=b"),
            ("label.task", "label.task"),
        ] {
            assert_eq!(text.parse::<LineDimension>().unwrap().to_string(), name);
        }
        for (bad, why) in [
            ("", "must be tenant, "),
            ("label.", "must be tenant, "),
            ("modell", "or label.KEY; did you mean `model`?"),
            ("taem", "or label.KEY; did you mean `team`?"),
            ("task", "`tollgate usage summary --group-by task --format csv` has tokens"),
            ("session", "`tollgate usage summary --group-by session --format csv` has tokens"),
            ("label:session", "`tollgate usage summary --group-by session --format csv` has tokens"),
        ] {
            let error = bad.parse::<LineDimension>().unwrap_err().to_string();
            assert!(error.contains(why), "{bad}: {error}");
        }
    }
}
