//! Problems in a file, each with its field, value and rule.

use std::fmt;

/// One thing wrong with a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigProblem {
    /// The field, as a path: `base_budgets.THINK.tokens`. Empty for the file as a whole.
    pub field: String,
    /// The value given, shortened.
    pub value: String,
    /// The rule it violates.
    pub rule: String,
}

impl fmt::Display for ConfigProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.field.as_str(), self.value.as_str()) {
            ("", _) => f.write_str(&self.rule),
            (field, "") => write!(f, "{field}: {}", self.rule),
            (field, value) => write!(f, "{field}: `{value}`: {}", self.rule),
        }
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
        Self { problems: vec![ConfigProblem { field: String::new(), value: String::new(), rule }] }
    }
}
