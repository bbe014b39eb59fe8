//! The status view: the state of each task. One row per task.

mod figures;
mod fold;
mod pooled;
mod progress;
mod row;
mod sums;

pub use figures::{Figures, Latency, figures, leaving, task_figures, unlimited_figures};
pub use fold::fold as fold_task;
pub use pooled::settling;
pub use progress::progress_of;
pub use row::{
    Activity, Bypass, Closed, Decision, Execution, Explanation, ImportanceChange, KEPT_DECISIONS, MarkedAs,
    Opened, Override, TaskRow,
};
pub use sums::TaskSums;

/// The fold of the status view.
#[derive(Clone, Copy, Debug, Default)]
pub struct Status;

#[cfg(test)]
mod tests;
