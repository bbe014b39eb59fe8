//! Problems in a file, each with its field, value and rule.

use std::fmt;

use super::place::{Place, place_of};

/// One thing wrong with a file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ConfigProblem {
    /// The field, as a path: `base_budgets.THINK.tokens`. Empty for the file as a whole.
    pub field: String,
    /// The value given, shortened.
    pub value: String,
    /// The rule it violates.
    pub rule: String,
    /// Where the field is in the file, or the one that it would be in.
    pub place: Option<Place>,
}

impl ConfigProblem {
    /// What is wrong, without where.
    #[must_use]
    pub fn message(&self) -> String {
        match (self.field.as_str(), self.value.as_str()) {
            ("", _) => self.rule.clone(),
            (field, "") => format!("{field}: {}", self.rule),
            (field, value) => format!("{field}: `{value}`: {}", self.rule),
        }
    }
}

impl fmt::Display for ConfigProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(place) = self.place {
            write!(f, "line {}: ", place.line)?;
        }
        f.write_str(&self.message())
    }
}

/// A file that cannot be used, with everything that is wrong with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InvalidConfig {
    /// At least one problem, in the order of the rules.
    pub problems: Vec<ConfigProblem>,
}

impl fmt::Display for InvalidConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (nth, problem) in self.problems.iter().enumerate() {
            let separator = if nth == 0 { "" } else { "; " };
            write!(f, "{separator}{problem}")?;
        }
        Ok(())
    }
}

impl std::error::Error for InvalidConfig {}

impl InvalidConfig {
    /// An error about the file as a whole.
    #[must_use]
    pub fn whole_file(rule: String) -> Self {
        Self { problems: vec![ConfigProblem { rule, ..ConfigProblem::default() }] }
    }

    /// The same with the places of the fields in the text that was read, and in their order.
    #[must_use]
    pub fn placed_in(mut self, text: &str) -> Self {
        for problem in &mut self.problems {
            problem.place = place_of(text, &problem.field);
        }
        self.problems.sort_by_key(|problem| (problem.place.is_none(), problem.place));
        self
    }
}
