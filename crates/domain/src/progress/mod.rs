//! Budgets that follow progress: pure rules about what the phases of a task achieved for their tokens.
//!
//! [`rules`] are the settings, which a task keeps from its opening. [`task`] folds what is recorded of a task, in the
//! order of the log, into one [`phase`] each: its checks, extensions and repetitions. [`carry`] moves unused budget
//! from ended phases to later ones, [`forecast`] says where phases and the task will end, [`figures`] is all of that
//! as the gate sees it. [`observe`] reads events. [`anomaly`] says what is far from the usual.

pub mod anomaly;
pub mod carry;
pub mod figures;
pub mod forecast;
pub mod observe;
pub mod phase;
pub mod rules;
pub mod task;

pub use figures::ProgressFigures;
pub use task::TaskProgress;

#[cfg(test)]
pub(crate) mod tests;
