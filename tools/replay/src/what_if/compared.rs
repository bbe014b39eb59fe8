//! The live gate's decisions beside what a candidate's gate would have decided at the same moments.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use tollgate_domain::gate::{GateDecided, Verdict};

/// How often each pair of decisions occurred.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Compared {
    /// By what the live gate answered, what its rules said before rollout and overrides, and what the candidate's say.
    pub(super) pairs: BTreeMap<(Verdict, Verdict, Verdict), u64>,
}

impl Compared {
    pub(super) fn add(&mut self, live: &GateDecided, candidate: &GateDecided) {
        let count = self.pairs.entry((live.verdict, live.ruled, candidate.ruled)).or_default();
        *count = count.saturating_add(1);
    }

    pub(super) fn merge(&mut self, other: &Self) {
        for (pair, times) in &other.pairs {
            let count = self.pairs.entry(*pair).or_default();
            *count = count.saturating_add(*times);
        }
    }
}
