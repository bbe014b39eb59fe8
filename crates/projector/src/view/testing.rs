//! View operations for tests only.

use super::*;

impl<P: Projection> View<P> {
    pub(crate) fn set_aside(
        &mut self,
        task_key: &[u8],
        at: (tollgate_domain::position::Sequence, u32),
        error: &str,
    ) {
        self.quarantine.park(task_key, at, Some(error.to_owned()));
    }

    /// Folds a record's events without checking the checkpoint.
    pub(crate) fn fold_for_test(&mut self, stored: &StoredRecord) {
        for (place, frame) in stored.record.events().enumerate() {
            self.apply_event(stored, place, &frame).expect("a test's record");
        }
    }

    pub(crate) fn advance_for_test(&mut self, stored: &StoredRecord) {
        self.checkpoint.advance(stored);
    }
}
