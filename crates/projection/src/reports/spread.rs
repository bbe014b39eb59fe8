//! How phases of a class are spread: what each task took, to three digits, so that many take no more space than few.

use serde::{Deserialize, Serialize};

use crate::overview::Counted;

/// What a phase of a task took, over all its attempts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Took {
    /// Tokens.
    pub tokens: u64,
    /// Milliseconds of the attempts that ended; 0: none of them took a plausible time.
    pub latency_ms: u64,
}

/// What phases of tasks took.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Spread {
    /// Tokens.
    pub tokens: Counted,
    /// Milliseconds.
    pub latency_ms: Counted,
}

impl Spread {
    /// Adds the phase of a task.
    pub fn note(&mut self, took: Took) {
        self.tokens.note(took.tokens);
        if took.latency_ms > 0 {
            self.latency_ms.note(took.latency_ms);
        }
    }

    /// Takes back the phase of a task that was added.
    pub fn take_back(&mut self, took: Took) {
        self.tokens.take_back(took.tokens);
        if took.latency_ms > 0 {
            self.latency_ms.take_back(took.latency_ms);
        }
    }

    /// Adds those of other partitions.
    pub fn merge(&mut self, other: &Self) {
        self.tokens.merge(&other.tokens);
        self.latency_ms.merge(&other.latency_ms);
    }
}
