//! Why there is no calibration.

/// Why there is no calibration.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CalibrateError {
    /// An option is out of its bounds.
    #[error("calibration with {field} {value}: {rule}")]
    Option {
        /// Which option.
        field: &'static str,
        /// The value given.
        value: u64,
        /// What it has to be.
        rule: &'static str,
    },
    /// Samples contradict each other about their task.
    #[error(
        "samples of task {task}: its {what} is `{first}` in one and `{second}` in another; a task has one"
    )]
    Contradiction {
        /// Which task.
        task: String,
        /// What of it.
        what: &'static str,
        /// One value, in alphabetical order.
        first: String,
        /// The other.
        second: String,
    },
    /// Nothing to learn from.
    #[error(
        "calibration: none of {tasks} tasks has a phase to learn from: {excluded} failed, were marked runaway or have not ended; \
         close tasks with `tollgate task close`, or choose a history that has closed ones"
    )]
    NoSamples {
        /// Tasks in the history.
        tasks: u64,
        /// Tasks that are not learned from.
        excluded: u64,
    },
    /// More than can be numbered.
    #[error("calibration of more than {limit} {what}: choose a shorter time span")]
    TooMany {
        /// Tasks or phases.
        what: &'static str,
        /// The most there may be.
        limit: u64,
    },
}

impl CalibrateError {
    pub(super) const fn option(field: &'static str, value: u64, rule: &'static str) -> Self {
        Self::Option { field, value, rule }
    }
}
