//! Appends: what was sent is checked, decided, priced and written, as is what the ledger itself notes.

mod allocations;
mod append;
mod corrections;
mod decide;
mod early;
mod facts;
mod notes;
mod outcomes;
mod plan;
mod spelling;

use std::sync::Arc;

use tokio::sync::Mutex;
use tollgate_log::contract::EventLog;
use tollgate_projector::ReadPool;

pub use append::{MAX_REQUEST_EVENTS, ReadEvent};
pub(in crate::ledger) use notes::Notes;
pub use outcomes::Appended;

use self::allocations::MadeFor;
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
        }
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
