//! Policies of money and tokens over history.
//!
//! [`Policies`] are what is compared; `log` is what a partition keeps of its history for them; `ordered` puts that of
//! all partitions in one order; `simulated` runs it through one candidate, request by request, as a ledger decides;
//! `fold` and `windows` say which windows all that was used would have exceeded, whoever was stopped; `sums` and
//! `outcome` make the result of it.

mod fold;
mod log;
mod ordered;
mod outcome;
mod policy_file;
mod simulated;
mod sums;
mod windows;

use tollgate_domain::budget::{BudgetState, Policy};
use tollgate_domain::event::{BudgetEvent, PolicySet};
use tollgate_domain::hex::hex;
use tollgate_domain::ids::TenantId;

pub(super) use log::{MoneyLog, MoneyRules};
pub(super) use ordered::Names;
pub(super) use outcome::Money;
pub use policy_file::{InvalidPolicies, read_policies};

/// Policies that history is run through, all of one tenant: a candidate of their own.
#[derive(Clone, Debug)]
pub struct Policies {
    /// The name that people know them by: the file's, as given.
    pub name: String,
    /// Whose usage they count.
    pub tenant: TenantId,
    /// What they say, each with its name.
    pub policies: Vec<Policy>,
}

impl Policies {
    /// BLAKE3 of what they say and of whom, in hex.
    pub(super) fn hash(&self) -> String {
        let all = (self.tenant.as_str(), &self.policies);
        hex(blake3::hash(&serde_json::to_vec(&all).expect("plain data always serializes")).as_bytes())
    }
}

/// The state of a ledger in which these policies were set before anything was spent.
fn state_of(policies: impl IntoIterator<Item = Policy>) -> BudgetState {
    let mut state = BudgetState::default();
    for policy in policies {
        let set = PolicySet { version: 1, policy, author: None, reason: None };
        state.apply(&BudgetEvent::PolicySet(Box::new(set)));
    }
    state
}
