//! Appends: what was sent is checked, decided, priced and written, as is what the ledger itself notes.

mod allocations;
mod append;
mod closed;
mod corrections;
mod decide;
mod early;
mod facts;
mod notes;
mod outcomes;
mod plan;
mod spelling;

use std::collections::BTreeSet;
use std::sync::Arc;

use tokio::sync::Mutex;
use tollgate_domain::ids::{TaskId, TenantId};
use tollgate_log::contract::EventLog;
use tollgate_projector::ReadPool;

pub use append::{MAX_REQUEST_EVENTS, ReadEvent};
pub(in crate::ledger) use notes::Notes;
pub use outcomes::Appended;

use self::allocations::MadeFor;
use self::closed::ClosedHere;
use super::Shared;
use super::ask::{KnownTasks, Queries};
use super::breaker::{Breaker, Transition};
use super::in_force::InForce;
use crate::metrics::Metrics;

/// What appends to a ledger.
pub struct Writer {
    log: Arc<dyn EventLog>,
    ask: Arc<Queries>,
    in_force: Arc<InForce>,
    metrics: Arc<Metrics>,
    breaker: Arc<Breaker>,
    readers: ReadPool,
    known: Arc<KnownTasks>,
    /// Commands that were refused because their sender does not know the phase.
    out_of_step: Notes,
    /// Held while corrections are appended: each is limited to what those before it left.
    correcting: Mutex<()>,
    made_for: MadeFor,
    closed: ClosedHere,
}

impl Writer {
    pub(super) fn new(shared: &Shared, ask: &Arc<Queries>, in_force: &Arc<InForce>) -> Self {
        let Shared { log, metrics, breaker, readers, known } = shared.clone();
        let out_of_step = Notes::start(Arc::clone(&log), "a refusal of a phase");
        Self {
            log,
            ask: Arc::clone(ask),
            in_force: Arc::clone(in_force),
            metrics,
            breaker,
            readers,
            known,
            out_of_step,
            correcting: Mutex::new(()),
            made_for: MadeFor::default(),
            closed: ClosedHere::default(),
        }
    }

    /// Waits until a task closed here while the config has a pool.
    pub(crate) async fn closed(&self) {
        self.closed.added().await;
    }

    /// Tasks that closed here since the last call, while the config had a pool.
    pub(crate) fn take_closed(&self) -> BTreeSet<(TenantId, TaskId)> {
        self.closed.take()
    }

    /// A transition begins.
    pub(super) fn transition(&self) -> Transition {
        Transition::start(self.readers.served())
    }

    /// Notes how long the ledger itself took for a transition.
    pub(super) fn measured(&self, transition: &Transition) {
        self.breaker.measured(transition, self.readers.served());
    }

    /// Appends what has been noted so far.
    pub(super) async fn stop(&self) {
        self.out_of_step.stop().await;
    }
}
