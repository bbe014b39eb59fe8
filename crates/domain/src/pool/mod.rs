//! A pool of tokens that tasks share by priority: what completed tasks leave of their limits, others may draw when they
//! are beyond theirs.
//!
//! [`PoolRules`] are the settings, read from a file by `read`. A [`Pool`] is what one owner's tasks have in it. What is
//! in it is moved in one order, and never made.

mod balance;
mod read;
mod rules;

pub use balance::{Drawn, Pool, PoolSums};
pub use rules::PoolRules;

#[cfg(test)]
mod tests;
