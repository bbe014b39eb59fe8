//! Events by which the rules themselves are judged: what persons say of stopped tasks, and how much time the ledger takes.

use serde::{Deserialize, Serialize};

use super::alerting::words;
use crate::config::Rollout;

words!(
    /// Whether the rules were right about a task.
    Mark {
        /// The task needed what it used: a false positive.
        Legitimate = "legitimate",
        /// The task wasted what it used: the rules were right.
        Runaway = "runaway"
    }
);

/// A person judged a task that the gate had warned of or blocked. The latest mark counts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TaskMarked {
    /// What it was.
    pub mark: Mark,
    /// Who says so.
    pub author: String,
    /// Why.
    pub reason: String,
}

/// How long one server took for phase transitions within a span of time: questions to the gate, starts and ends of phases. Written by
/// the ledger; it occurred when the span ended. Those under the rollout `observe` are the baseline of the others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TransitionsMeasured {
    /// How long the span was, in milliseconds.
    pub span_ms: u64,
    /// How many transitions it holds.
    pub transitions: u64,
    /// Half of them took at most so many microseconds.
    pub p50_us: u64,
    /// 95 of 100 took at most so many microseconds.
    pub p95_us: u64,
    /// The longest took so many microseconds.
    pub longest_us: u64,
    /// The rollout in force.
    pub rollout: Rollout,
}
