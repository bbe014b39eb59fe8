//! The metadata given when a task opens: tiers, justification, overrides, labels.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::decimal::Decimal;
use crate::phase::Phase;
use crate::tier::{Complexity, Importance};

/// Most labels, and most tags, of one task: they share one event of at most 16 KiB.
pub const MAX_LABELS: usize = 32;

/// Longest label, tag, justification, reason or name of a person, in bytes.
pub const MAX_TEXT_BYTES: usize = 2_000;

/// A task's metadata as its owner gave it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TaskMetadata {
    /// A one-line title for people.
    pub title: Option<String>,
    /// Scope; medium if not stated.
    pub complexity: Option<Complexity>,
    /// Value; if not stated, inferred from the tags, otherwise medium.
    pub importance: Option<Importance>,
    /// Why the task is as important as stated.
    pub justification: Option<String>,
    /// Scales every computed limit; an absolute override takes precedence.
    pub budget_multiplier: Option<Decimal>,
    /// Absolute limits per phase.
    pub budget_overrides: BTreeMap<Phase, LimitOverride>,
    /// Free words; some imply an importance.
    pub tags: Vec<String>,
    /// Free pairs to group by.
    pub labels: BTreeMap<String, String>,
    /// Whether the gate may ever block it.
    pub enforcement: Enforcement,
    /// Who opened it.
    pub author: Option<String>,
}

/// An absolute limit: no multiplier applies to it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct LimitOverride {
    /// In tokens, if set.
    pub tokens: Option<u64>,
    /// In milliseconds, if set.
    pub latency_ms: Option<u64>,
}

/// Whether a task is only tracked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Enforcement {
    /// The gate enforces the rules.
    #[default]
    On,
    /// Tracking only: the gate decides and records, but never blocks this task.
    Off,
}
