//! Phases are data: names from the config, in its order. No rule hard-codes one.

use std::fmt;
use std::str::FromStr;

use compact_str::CompactString;
use serde::{Deserialize, Serialize};

/// The phases of a ledger whose config lists none, in order.
pub const DEFAULT_PHASES: [&str; 9] =
    ["STRATEGIZE", "SPEC", "PLAN", "THINK", "IMPLEMENT", "VERIFY", "REVIEW", "PR", "MONITOR"];

/// Longest phase name: it is a column of reports and an attribute of metrics.
pub const MAX_PHASE_BYTES: usize = 32;

/// Name of a phase, in upper case; input is accepted in any case. One of at most 24 bytes is kept in place: every event
/// of a log names one, and every row has its own.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Phase(CompactString);

/// A text that cannot be a phase name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("phase `{0}`: {rule}", rule = Self::RULE)]
pub struct InvalidPhase(pub String);

impl InvalidPhase {
    /// What a name has to be.
    pub const RULE: &'static str = "must be 1 to 32 of A-Z 0-9 _ - and begin with a letter";
}

impl Phase {
    /// The name, in upper case.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The name as spelled in configs and override keys: lower case.
    #[must_use]
    pub fn to_lowercase(&self) -> String {
        self.as_str().to_ascii_lowercase()
    }
}

impl FromStr for Phase {
    type Err = InvalidPhase;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let allowed = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'_' || *byte == b'-';
        let begins = text.starts_with(|c: char| c.is_ascii_alphabetic());
        if begins && text.len() <= MAX_PHASE_BYTES && text.as_bytes().iter().all(allowed) {
            let mut name = CompactString::new(text);
            name.as_mut_str().make_ascii_uppercase();
            Ok(Self(name))
        } else {
            Err(InvalidPhase(text.chars().take(80).collect()))
        }
    }
}

impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// Where an orchestrator asks the gate to go next: a phase, or the end of the task.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Advance {
    /// Enter this phase.
    Phase(Phase),
    /// Complete the task.
    Completion,
}

impl FromStr for Advance {
    type Err = InvalidPhase;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text.eq_ignore_ascii_case("completion") {
            Ok(Self::Completion)
        } else {
            text.parse().map(Self::Phase)
        }
    }
}

impl fmt::Display for Advance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Phase(phase) => phase.fmt(f),
            Self::Completion => f.pad("completion"),
        }
    }
}

/// One execution of a phase of a task: the phase and its attempt, from 1.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ExecutionId {
    /// Which phase.
    pub phase: Phase,
    /// The number of the execution of that phase, from 1, assigned when it starts.
    pub attempt: u32,
}

impl fmt::Display for ExecutionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.attempt == 1 {
            self.phase.fmt(f)
        } else {
            write!(f, "{} attempt {}", self.phase, self.attempt)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_upper_case_whatever_the_input() {
        for text in ["think", "THINK", "Think"] {
            assert_eq!(text.parse::<Phase>().unwrap().as_str(), "THINK");
        }
        for bad in ["", "9lives", "a b", "é", &"P".repeat(33)] {
            assert!(bad.parse::<Phase>().is_err(), "{bad}");
        }
        assert_eq!("Completion".parse(), Ok(Advance::Completion));
    }
}
