//! Replay of history through other limits, and limits proposed from it: what it says, that it says the same
//! everywhere, and that it writes nothing but its own files.

#![expect(clippy::unwrap_used, reason = "in a test an error is a failed test")]

mod allocations;
mod anomaly;
mod calibrated;
mod doubled;
mod estimates;
mod generated;
mod marks;
mod money;
mod money_allocations;
mod money_candidates;
mod outcomes;
mod phases;
mod pictures;
mod planted;
mod pool;
mod progress;
mod resumed;
mod returned;
mod same;
mod sessions;
mod story;
mod thresholds;
