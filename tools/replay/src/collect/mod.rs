//! A recorded history, calibrated: every task's row is folded as the ledger folds it, and limits are proposed from what
//! its phases took.
//!
//! [`calibrate_history`] reads the history once, on all threads; `rows` is what is kept of a partition until its end;
//! [`Calibrated`] is the result, whose bytes follow from history, config, options and version alone.

mod error;
mod result;
mod rows;
mod run;

pub use error::CollectError;
pub use result::{Calibrated, CalibrationInputs, CalibrationResult};
pub use run::{Asked, calibrate_history};
