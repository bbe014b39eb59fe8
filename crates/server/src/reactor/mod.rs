//! Reactors: what is done outside the ledger because of what is in it. None of them changes a balance.

mod deliveries;
mod evidence;
mod files;
pub(crate) mod govern;
pub(crate) mod lag;
pub(crate) mod pools;
pub(crate) mod prices;
mod remediations;

use std::future::Future;

use tokio::task::JoinHandle;

pub use deliveries::{AlertsError, Deliveries};
pub use evidence::{Evidence, EvidenceError, evidence_dir};
pub use pools::give_closed;
pub use remediations::{RemediationError, RemediationProblem, Remediations, Ways};

/// Reactors that run alongside the API.
#[derive(Default)]
pub(crate) struct Reactors(Vec<(&'static str, JoinHandle<()>)>);

impl Reactors {
    /// Starts one; it ends when it is told to.
    pub(crate) fn start(&mut self, name: &'static str, run: impl Future<Output = ()> + Send + 'static) {
        self.0.push((name, tokio::spawn(run)));
    }

    /// Waits until all have ended.
    pub(crate) async fn ended(self) {
        for (reactor, task) in self.0 {
            if task.await.is_err() {
                tracing::error!(reactor, "a reactor panicked");
            }
        }
    }
}
