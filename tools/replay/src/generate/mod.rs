//! Histories of tasks from a seed, whose percentiles, multipliers and runaways are known.
//!
//! A [`Spec`] says what is true. It gives the [`Events`] of a ledger in order of time, [`append`]s them to a
//! log, lists what was [`Planted`], and gives the samples that calibration makes of it. The same seed gives the
//! same bytes on every machine.

mod append;
mod events;
mod plan;
mod random;
mod samples;
mod spec;

pub use append::{HistoryError, append};
pub use events::Events;
pub use plan::{PlannedPhase, Planted, TaskKind, TaskPlan, USD_UNITS_PER_TOKEN, cost_of, task_name};
pub use spec::{PhaseTruth, Quantity, Spec, Tiers};

#[cfg(test)]
mod tests;
