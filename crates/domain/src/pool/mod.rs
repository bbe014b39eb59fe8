//! A pool of tokens that tasks share by priority: what completed tasks leave of their limits, others may draw when they
//! are beyond theirs.
//!
//! [`PoolRules`] are the settings, read from a file or from a section of the config by `read`. A [`Pool`] is what one
//! owner's tasks have in it. What is in it is moved in one order, and never made. `live` is the pool as the ledger
//! keeps it: what is decided about it becomes an event, and the events are folded.

mod balance;
mod live;
mod read;
mod rules;

pub use balance::{Drawn, Pool, PoolSums, PoolWindow};
pub use live::{Demand, LivePool, Refused, RefusedBecause, Settling, gift};
pub use rules::PoolRules;

#[cfg(test)]
mod live_tests;
#[cfg(test)]
mod tests;
