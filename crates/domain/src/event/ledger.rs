//! Facts about the ledger itself: the settings in force, and how long transitions take.

use crate::config::Rollout;
use crate::position::Sequence;

/// A config came into force.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigLoaded {
    /// Its hash.
    pub config_hash: String,
    /// Its canonical content, so that a decision can be explained after the file is gone.
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
    /// Its version, as referenced by costs.
    pub price_version: String,
    /// The file it came from, or `shipped`.
    pub source: String,
    /// How many models it prices.
    pub models: u32,
}

/// How long one server took for phase transitions within a span of time: gate queries, starts and ends of
/// phases. Written by the ledger; it occurred when the span ended. Measurements under the rollout `observe`
/// are the baseline for the others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TransitionsMeasured {
    /// The length of the span, in milliseconds.
    pub span_ms: u64,
    /// The number of transitions in it.
    pub transitions: u64,
    /// Half of them took at most this many microseconds.
    pub p50_us: u64,
    /// 95 of 100 took at most this many microseconds.
    pub p95_us: u64,
    /// The longest took this many microseconds.
    pub longest_us: u64,
    /// The rollout in force.
    pub rollout: Rollout,
}

/// The log lost its end, and someone accepted that: it continued without it, under a new identity.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LossAccepted {
    /// The identity that the log had until then, as hex digits.
    pub earlier_epoch: String,
    /// The last record that still exists.
    pub kept: Sequence,
    /// What has evidence of later records, and how many.
    pub witness: String,
}
