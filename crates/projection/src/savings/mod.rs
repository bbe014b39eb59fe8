//! What the stop-loss did financially: tasks that ran where the gate could not block compared with tasks that
//! ran where it could.
//!
//! Computed from the rows of the view `status` on request, like [`crate::overview`]: sums of integers, so
//! those of partitions add up in any order. What was measured and what is only assumed are kept apart, and a
//! sample that is too small gives no number.

mod report;
mod sums;
#[cfg(test)]
mod tests;

pub use report::report;
pub use sums::{ClassSavings, Configs, Savings, Side, Stopped};
