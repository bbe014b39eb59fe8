//! What a check found: where, which rule, what to do.

use std::fmt;

/// One place that breaks a rule.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Finding {
    /// Relative to the repository.
    pub(crate) file: String,
    /// From 1.
    pub(crate) line: usize,
    /// One word.
    pub(crate) rule: &'static str,
    /// What is wrong and what to do.
    pub(crate) message: String,
    pub(crate) severity: Severity,
}

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Severity {
    /// The check fails.
    Broken,
    /// Said, and that is all.
    Warning,
}

impl Finding {
    pub(crate) fn broken(file: &str, line: usize, rule: &'static str, message: impl Into<String>) -> Self {
        Self { file: file.to_owned(), line, rule, message: message.into(), severity: Severity::Broken }
    }

    pub(crate) fn warning(file: &str, line: usize, rule: &'static str, message: impl Into<String>) -> Self {
        Self { severity: Severity::Warning, ..Self::broken(file, line, rule, message) }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let warning = match self.severity {
            Severity::Broken => "",
            Severity::Warning => "warning: ",
        };
        write!(f, "{}:{}: {warning}{}: {}", self.file, self.line, self.rule, self.message)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_finding_says_where_what_and_what_to_do() {
        let broken = Finding::broken("a.rs", 3, "sleep", "wait for a position");
        assert_eq!(broken.to_string(), "a.rs:3: sleep: wait for a position");
        let warning = Finding::warning("a.rs", 401, "length", "split it");
        assert_eq!(warning.to_string(), "a.rs:401: warning: length: split it");
    }
}
