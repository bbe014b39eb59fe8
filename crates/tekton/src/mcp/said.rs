//! What requests say of themselves, whatever they ask.

use crate::fields::Fields;
use crate::names::DEFAULT_TASK_TYPE;

/// The component of a request: its sender, if it says no other.
pub(super) fn component(read: &mut Fields, sender: &str) -> String {
    read.filled("component").unwrap_or_else(|| sender.to_owned())
}

/// What a request is for.
pub(super) fn task_type(read: &mut Fields) -> String {
    read.filled("task_type").unwrap_or_else(|| DEFAULT_TASK_TYPE.to_owned())
}
