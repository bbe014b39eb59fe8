//! Complexity and importance: the two tiers that scale a task's limits.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::nearest;

/// A text that is not a tier.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{field} `{value}`: must be one of {}{}", expected.join(", "), nearest::hint(value, expected))]
pub struct UnknownTier {
    /// `complexity` or `importance`.
    pub field: &'static str,
    /// What was given.
    pub value: String,
    /// The names that exist.
    pub expected: &'static [&'static str],
}

macro_rules! tier {
    ($(#[$doc:meta])* $name:ident, $field:literal, [$($(#[$variant_doc:meta])* $variant:ident => $text:literal),+]) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub enum $name {
            $($(#[$variant_doc])* $variant),+
        }

        impl $name {
            /// All tiers, lowest first.
            pub const ALL: &[Self] = &[$(Self::$variant),+];
            /// Their names, lowest first.
            pub const NAMES: &[&'static str] = &[$($text),+];

            /// The name as written in configs, events and reports.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $text),+
                }
            }
        }

        impl crate::words::Word for $name {
            const NAMES: &'static [&'static str] = Self::NAMES;

            fn as_str(self) -> &'static str {
                Self::as_str(self)
            }

            fn from_word(word: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|tier| tier.as_str() == word)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(self.as_str())
            }
        }

        impl FromStr for $name {
            type Err = UnknownTier;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                Self::ALL.iter().copied().find(|tier| tier.as_str().eq_ignore_ascii_case(text)).ok_or_else(|| {
                    UnknownTier { field: $field, value: text.chars().take(80).collect(), expected: Self::NAMES }
                })
            }
        }
    };
}

tier!(
    /// Scope of a task: how much it changes.
    Complexity, "complexity", [
        /// Up to 2 files and 120 lines.
        Tiny => "Tiny",
        /// Up to 6 files and 360 lines.
        Small => "Small",
        /// Up to 12 files and 720 lines; also the default if nothing is stated.
        #[default]
        Medium => "Medium",
        /// More than 12 files or 720 lines.
        Large => "Large"
    ]
);

tier!(
    /// Value of a task.
    Importance, "importance", [
        /// Documentation, clean-up.
        Low => "low",
        /// The default if nothing is stated and no tag says otherwise.
        #[default]
        Medium => "medium",
        /// Core or user-facing.
        High => "high",
        /// Security, data loss, finance, production down.
        Critical => "critical"
    ]
);

/// Where a task's importance came from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ImportanceSource {
    /// Stated by the task.
    Stated,
    /// Inferred from this tag.
    Tag(String),
    /// Neither stated nor inferred: medium.
    Default,
}

impl Importance {
    /// The importance implied by tags if a task states none; the highest one wins.
    #[must_use]
    pub fn inferred_from(tags: &[String]) -> Option<(Self, String)> {
        const RULES: [(&str, Importance); 8] = [
            ("security", Importance::Critical),
            ("data-loss", Importance::Critical),
            ("financial", Importance::Critical),
            ("production-down", Importance::Critical),
            ("core", Importance::High),
            ("user-facing", Importance::High),
            ("docs", Importance::Low),
            ("cleanup", Importance::Low),
        ];
        // The rules are listed from the highest tier down, so the first that matches any tag is the highest.
        RULES.iter().find_map(|(name, importance)| {
            let tag = tags.iter().find(|tag| tag.eq_ignore_ascii_case(name))?;
            Some((*importance, tag.clone()))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tiers_are_read_in_any_case_and_written_in_theirs() {
        assert_eq!("LARGE".parse(), Ok(Complexity::Large));
        assert_eq!("Critical".parse(), Ok(Importance::Critical));
        assert_eq!(Complexity::Large.to_string(), "Large");
        assert_eq!(Importance::Critical.to_string(), "critical");
    }

    #[test]
    fn an_unknown_tier_lists_the_known_ones_and_the_nearest() {
        let error = "Lareg".parse::<Complexity>().unwrap_err().to_string();
        assert_eq!(
            error,
            "complexity `Lareg`: must be one of Tiny, Small, Medium, Large; did you mean `Large`?"
        );
    }

    #[test]
    fn the_highest_tag_decides() {
        let tags = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect::<Vec<_>>();
        let inferred =
            |names: &[&str]| Importance::inferred_from(&tags(names)).map(|(importance, _)| importance);
        assert_eq!(inferred(&["docs", "Security"]), Some(Importance::Critical));
        assert_eq!(inferred(&["cleanup", "core"]), Some(Importance::High));
        assert_eq!(inferred(&["docs"]), Some(Importance::Low));
        assert_eq!(inferred(&["blue"]), None);
    }
}
