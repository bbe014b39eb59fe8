//! The input of reports: a task's row with its names.

use crate::status::TaskRow;

/// A row with its names.
#[derive(Clone, Copy, Debug)]
pub struct Named<'a> {
    /// Owner of the task.
    pub tenant: &'a str,
    /// The task.
    pub task: &'a str,
    /// Its row.
    pub row: &'a TaskRow,
    /// Whether some of its events could not be read.
    pub degraded: bool,
}
