//! Names that look alike but are not the same.

use icu_normalizer::ComposingNormalizerBorrowed;
use tollgate_domain::event::{Event, EventBody, TaskEvent};

/// What the producer should know about the id of a task that it opens: ids are compared byte by byte, so the
/// same letters in another Unicode form are a different task.
pub(super) fn warning(event: &Event) -> Option<String> {
    let EventBody::Task(TaskEvent::TaskOpened(_)) = event.body else { return None };
    let task = event.task.as_str();
    if task.is_ascii() || ComposingNormalizerBorrowed::new_nfc().is_normalized(task) {
        return None;
    }
    Some(format!(
        "task `{task}` is not written in Unicode's normal form C: a producer that composes its letters names another task; send \
         ids in normal form C, or in ASCII"
    ))
}
