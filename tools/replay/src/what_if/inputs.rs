//! What a run is computed from, as far as it is known before history is read.

use serde::Serialize;
use tollgate_domain::hex::hex;

use super::result::{CandidateInput, FORMAT, InputsView, PartitionInput, PoliciesInput};
use super::run::Question;
use super::task::Unopened;
use crate::marks::Marks;
use crate::session_phases::PhaseCoverage;

/// The inputs beside history.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Inputs {
    format: u32,
    tollgate: &'static str,
    candidates: Vec<CandidateInput>,
    policies: Vec<PoliciesInput>,
    pool_hash: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    marks_hash: Option<String>,
    unopened: Unopened,
    session_phases: Option<PhaseCoverage>,
    stated_cost_usd: Option<String>,
    stated_interruption_usd: String,
}

impl Inputs {
    pub(super) fn of(question: &Question<'_>) -> Self {
        let candidates = question.candidates.iter().map(|candidate| CandidateInput {
            name: candidate.name.clone(),
            config_hash: candidate.config.hash(),
        });
        let policies = question
            .policies
            .iter()
            .map(|policies| PoliciesInput { name: policies.name.clone(), hash: policies.hash() });
        Self {
            format: FORMAT,
            tollgate: env!("CARGO_PKG_VERSION"),
            candidates: candidates.collect(),
            policies: policies.collect(),
            pool_hash: question.pool.map(|pool| hex(blake3::hash(pool.canonical().as_bytes()).as_bytes())),
            marks_hash: question.marks.map(Marks::hash),
            unopened: question.unopened,
            session_phases: question.session_phases.cloned(),
            stated_cost_usd: question.stated.cost.map(|cost| cost.to_string()),
            stated_interruption_usd: question.stated.interruption.to_string(),
        }
    }

    /// Says whether two runs are about the same.
    pub(super) fn setting_hash(&self) -> String {
        hex(blake3::hash(&serde_json::to_vec(self).expect("plain data always serializes")).as_bytes())
    }

    /// The inputs together with the history that was read, by partition.
    pub(super) fn with(&self, partitions: Vec<PartitionInput>) -> InputsView {
        let mut digest = blake3::Hasher::new();
        for partition in &partitions {
            digest.update(partition.digest.as_bytes());
        }
        InputsView {
            tollgate: self.tollgate.to_owned(),
            events: partitions.iter().map(|partition| partition.events).sum(),
            digest: hex(digest.finalize().as_bytes()),
            partitions,
            candidates: self.candidates.clone(),
            policies: self.policies.clone(),
            pool_hash: self.pool_hash.clone(),
            marks_hash: self.marks_hash.clone(),
            unopened: self.unopened,
            session_phases: self.session_phases.clone(),
            stated_cost_usd: self.stated_cost_usd.clone(),
            stated_interruption_usd: self.stated_interruption_usd.clone(),
        }
    }
}
