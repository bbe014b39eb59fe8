//! What the stop-loss did for the money: tasks that ran where the gate could not block beside tasks that ran
//! where it could.
//!
//! Made from the rows of the view `status` when somebody asks, as the [`crate::overview`] is: sums of
//! integers, so those of partitions add up in any order. What was measured and what is only assumed are kept
//! apart, and a sample that is too small gives no number.

mod report;
mod sums;
#[cfg(test)]
mod tests;

pub use report::report;
pub use sums::{ClassSavings, Configs, Savings, Side, Stopped};
