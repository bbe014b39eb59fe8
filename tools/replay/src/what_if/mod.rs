//! What would have happened under other limits: history is run once through all candidates.
//!
//! Reading order: [`Question`] is what is asked, [`what_if()`] runs it; `task` takes one task through all
//! candidates, by the fold of the status view and the rules of the gate as they are (`following` where budgets
//! follow progress, `held` for imported sessions); `settled` is what is kept of it; `partition` is all tasks of a
//! partition; `money` runs usage through policies; `summary` makes the [`WhatIf`] of it all, whose bytes follow
//! from history, candidates and version alone.

pub mod anomaly;
mod candidate;
mod compared;
mod crossing;
mod figures;
mod findings;
mod following;
mod held;
mod inputs;
mod money;
mod partition;
pub mod pool;
pub mod progress;
pub mod result;
mod run;
mod settled;
mod summary;
mod task;
pub mod thresholds;

pub use candidate::Candidate;
pub use money::{InvalidPolicies, Policies, read_policies};
pub use result::{Replayed, WhatIf};
pub use run::{Question, what_if};
pub use task::Unopened;
