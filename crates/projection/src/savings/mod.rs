//! What the stop-loss did financially: tasks that ran where the gate could not block compared with tasks that
//! ran where it could.
//!
//! Computed from the rows of the view `status` on request, like [`crate::overview`]: sums of integers, so
//! those of partitions add up in any order. What was measured and what is only assumed are kept apart, and a
//! sample that is too small gives no number. [`return_on_investment`] is the one computation of what that returned for
//! what it cost: for these figures, and for those of a replay.

mod interval;
mod report;
mod returned;
mod sums;
mod task;
#[cfg(test)]
mod tests;
mod words;

pub use interval::interval;
pub use report::report;
pub use returned::{Between, Effect, MIN_TASKS, Stated, return_on_investment};
pub use sums::{ClassSavings, Configs, Savings, Side, Stopped};
pub use task::{SavedTask, SavedUse};
pub use words::in_words;
