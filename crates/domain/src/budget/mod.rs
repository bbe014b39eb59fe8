//! Budgets: what may be spent on what, decided before it is spent.
//!
//! Reading order: [`Dimension`] and [`Scope`] say which usage a policy counts; [`Spent`] is what that usage
//! adds up to; a [`Policy`] limits that per [`Window`]. [`BudgetState`] is the fold of a tenant's decisions;
//! [`needed`] says which sums a judgement needs, [`judge()`] what every policy says, and [`decide`] makes
//! events of commands.
//!
//! What is free under a policy: `limit − booked_P − Σ max(0, allocated − used_P)`, over the open allocations
//! that have not expired. P is a position that contains the end which the log had when the decision began.
//! Usage that arrives meanwhile changes nothing: it moves the same amount from the last sum to the one before
//! it. An earlier P will not do: what was used of an allocation that has been closed since would be in neither sum.

mod amount;
mod burn;
pub mod decide;
pub mod defaults;
mod dimension;
mod figures;
mod index;
mod judge;
mod model_tier;
mod past;
mod policy;
mod policy_check;
mod rejection;
mod reserved;
mod scope;
mod spent;
mod state;
mod threshold;
mod throttle;
mod window;

pub use amount::{Amount, AmountLimit, MOST_LIMIT_TOKENS, MOST_USD};
pub use burn::{Burn, burn};
pub use dimension::{AlsoNamed, Dimension, Dimensions, InvalidDimension};
pub use figures::{Figures, SpentIn};
pub use index::ScopeIndex;
pub use judge::{Judgement, judge, level, needed, needed_by, standing};
pub use model_tier::ModelTier;
pub use past::{PastWindow, past_window};
pub use policy::{BudgetEnforcement, Measure, OnStale, Policy, Rollover};
pub use policy_check::InvalidPolicy;
pub use rejection::BudgetRejection;
pub use scope::{InvalidScope, MAX_VALUE_BYTES, Scope, is_counted_label};
pub use spent::Spent;
pub use state::{BudgetState, OpenAllocation, PolicyHistory, SetBy};
pub use threshold::{InvalidThreshold, Threshold};
pub use throttle::Passed;
pub use window::Window;

#[cfg(test)]
mod model;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
