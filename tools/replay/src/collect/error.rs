//! Why a history gives no limits.

use crate::calibrate::CalibrateError;
use crate::error::ReplayError;

/// Why a history gives no limits.
#[derive(Debug, thiserror::Error)]
pub enum CollectError {
    /// It cannot be read, or reading it was stopped.
    #[error(transparent)]
    Read(#[from] ReplayError),
    /// It can be read, and limits cannot be learned from it.
    #[error("calibrating from {origin}: {error}")]
    Calibrate {
        /// Where it comes from.
        origin: String,
        /// Why.
        error: CalibrateError,
    },
    /// Nobody said which phase anything was used in.
    #[error(
        "calibrating from {origin}: none of its {tasks} tasks has a phase, so there is nothing to calibrate by phase. Needed is a \
         history of tasks that were opened with their complexity and importance, began and ended their phases \
         (`tollgate task open`, `phase start`, `phase end`) and reported usage in them; session files of agents get phases by rules, `--phases`"
    )]
    NoPhases {
        /// Where it comes from.
        origin: String,
        /// Its tasks.
        tasks: u64,
    },
}
