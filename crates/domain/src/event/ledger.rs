//! Facts about the ledger itself: the settings in force, and how long it takes.

use crate::config::Rollout;
use crate::position::Sequence;

/// A config came into force.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigLoaded {
    /// Its hash.
    pub config_hash: String,
    /// Its canonical content, so that a decision can be explained when the file is gone.
    pub canonical: String,
    /// The file it came from, or `built-in`.
    pub source: String,
}

/// A config was refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigRejected {
    /// The file.
    pub source: String,
    /// Everything wrong with it.
    pub problems: Vec<String>,
    /// The config that stayed in force.
    pub config_hash: String,
}

/// A price book came into force.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PriceBookLoaded {
    /// Its version, as costs name it.
    pub price_version: String,
    /// The file it came from, or `shipped`.
    pub source: String,
    /// How many models it prices.
    pub models: u32,
}

/// How long one server took for phase transitions within a span of time: questions to the gate, starts and
/// ends of phases. Written by the ledger; it occurred when the span ended. Those under the rollout `observe`
/// are the baseline of the others.
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

/// The log lost its end, and somebody accepted that: it went on without, under a new identity.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LossAccepted {
    /// The identity that the log had until then, as hex digits.
    pub earlier_epoch: String,
    /// The last record that is there.
    pub kept: Sequence,
    /// What remembers more, and how much.
    pub witness: String,
}
