//! What a task's phases achieve for their tokens, where its budget follows progress: kept beside its sums, in the order
//! of the log.

use tollgate_domain::event::{EventBody, TaskEvent};
use tollgate_domain::limits::TaskLimits;
use tollgate_domain::progress::TaskProgress;
use tollgate_domain::progress::task::Fact;

use super::row::TaskRow;

/// Folds an event that was folded into the row. Nothing for tasks whose budget does not follow progress.
pub(super) fn follow_progress(row: &mut TaskRow, event: &EventBody) {
    let Some(limits) = row.state.limits.as_deref().filter(|limits| limits.progress.is_some()) else { return };
    let opens = matches!(event, EventBody::Task(TaskEvent::TaskOpened(_)));
    match &mut row.progress {
        Some(progress) if !opens => progress.observe(limits, event),
        Some(_) | None => row.progress = Some(Box::new(progress_of(row, limits))),
    }
}

/// What is known of a task that is opened with some limits: what it had used before counts, signals from then do not.
#[must_use]
pub fn progress_of(row: &TaskRow, limits: &TaskLimits) -> TaskProgress {
    let mut progress = TaskProgress::default();
    // No phase starts before the opening: usage that names one waits for its start.
    for (named, activity) in &row.unmatched {
        progress.take(limits, Some(&named.phase), Fact::Corrected(activity.tokens.total()));
    }
    progress.take(limits, None, Fact::Corrected(row.unphased.tokens.total()));
    progress
}

#[cfg(test)]
mod tests;
