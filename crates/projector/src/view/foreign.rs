//! Messages in the ledger that no server wrote: passed over, and kept in the quarantine so that they stay
//! visible.

use tollgate_domain::ids::LEDGER_TENANT;
use tollgate_domain::position::Sequence;
use tollgate_log::record::Foreign;
use tollgate_projection::fold::{Projection, write_task_key};

use super::View;

/// The name that represents them among the waiting tasks. No task has this name.
pub const FOREIGN: &str = "_foreign";

/// The most of them that are listed: there may be any number.
const MAX_LISTED: usize = 1000;

/// The key under which they are parked.
pub(super) fn foreign_key() -> Vec<u8> {
    let mut key = Vec::new();
    write_task_key(LEDGER_TENANT, FOREIGN, &mut key);
    key
}

impl<P: Projection> View<P> {
    pub(super) fn pass_foreign(&mut self, sequence: Sequence, foreign: &Foreign) {
        tracing::warn!(view = P::NAME, %sequence, %foreign, "a message in the ledger's subjects was passed");
        let key = foreign_key();
        if self.quarantine.tasks().get(&key).is_none_or(|parked| parked.waiting.len() < MAX_LISTED) {
            self.quarantine.park(&key, (sequence, 0), Some(foreign.to_string()));
        }
    }
}
