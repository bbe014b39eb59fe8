//! Tasks that closed here, for the reactor that has them give to their owners' pools.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

use tollgate_domain::ids::{TaskId, TenantId};

/// The most that are remembered: whoever looks at all of them finds the others.
const MOST: usize = 10_000;

/// Tasks that closed since they were last collected.
#[derive(Debug, Default)]
pub(in crate::ledger) struct ClosedHere {
    tasks: Mutex<BTreeSet<(TenantId, TaskId)>>,
    added: tokio::sync::Notify,
}

impl ClosedHere {
    /// Notes that a task closed.
    pub(super) fn note(&self, tenant: &TenantId, task: &TaskId) {
        // Every change under the lock is complete in itself.
        let mut tasks = self.tasks.lock().unwrap_or_else(PoisonError::into_inner);
        if tasks.len() < MOST {
            tasks.insert((tenant.clone(), task.clone()));
        }
        self.added.notify_one();
    }

    /// Waits until a task closed.
    pub(super) async fn added(&self) {
        self.added.notified().await;
    }

    /// Tasks that closed here since the last call.
    pub(super) fn take(&self) -> BTreeSet<(TenantId, TaskId)> {
        std::mem::take(&mut *self.tasks.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
