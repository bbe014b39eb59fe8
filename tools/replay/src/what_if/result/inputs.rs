//! What a result was computed from.

use serde::Serialize;

use crate::session_phases::PhaseCoverage;
use crate::what_if::task::Unopened;

/// Where the history of a result was read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Source {
    /// Which ledger, backup, stream or files.
    pub origin: String,
    /// Up to which position, with the identity of the log.
    pub position: String,
    /// Events that were in it more than once, and counted once.
    pub repeated_events: u64,
}

/// What a result was computed from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct InputsView {
    /// The version of Tollgate that computed it.
    pub tollgate: String,
    /// Events, each once.
    pub events: u64,
    /// A digest of all of them, in hex.
    pub digest: String,
    /// The parts of the history.
    pub partitions: Vec<PartitionInput>,
    /// The candidates.
    pub candidates: Vec<CandidateInput>,
    /// The policies of money and tokens, if there are any.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub policies: Vec<PoliciesInput>,
    /// BLAKE3 of the canonical rules of the pool, if there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pool_hash: Option<String>,
    /// BLAKE3 of the marks that were given beside the history, and their tenant, if there are any.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub marks_hash: Option<String>,
    /// What was done with tasks that were not opened.
    pub unopened: Unopened,
    /// What phases came from, if they were given to sessions by rules.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub session_phases: Option<PhaseCoverage>,
    /// What it cost, as stated for the return on investment.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stated_cost_usd: Option<String>,
    /// What an interruption costs, as stated.
    pub stated_interruption_usd: String,
}

/// One partition of the history.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PartitionInput {
    /// Its number.
    pub partition: usize,
    /// Its events, each once.
    pub events: u64,
    /// Their digest, in hex.
    pub digest: String,
}

/// A candidate as it was given.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct CandidateInput {
    /// Its name.
    pub name: String,
    /// SHA-256 of its canonical content.
    pub config_hash: String,
}

/// A set of policies as it was given.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PoliciesInput {
    /// Its name.
    pub name: String,
    /// BLAKE3 of the policies and their tenant.
    pub hash: String,
}
