//! Opening a ledger whose log may have lost its end.

use std::sync::Arc;

use tollgate_domain::event::LossAccepted;
use tollgate_domain::position::Sequence;
use tollgate_log::embedded::{EmbeddedLog, Loss, Options, accept_loss};
use tollgate_projector::ViewError;

use super::{Ledger, LedgerError, LedgerOptions};

impl Ledger {
    /// Opens the ledger of a data directory, whose log was opened with these options. If the log ends before
    /// what a view contains, and [may do so](EmbeddedLog::may_lose), it becomes a separate log and the views
    /// are built from what is there; their stores are kept aside. That is an event.
    ///
    /// # Errors
    ///
    /// [`LedgerError`]; a log that may not have lost anything is refused and nothing is changed.
    pub async fn open_here(
        log: EmbeddedLog,
        log_options: Options,
        options: LedgerOptions,
    ) -> Result<Self, LedgerError> {
        let (dir, may_lose, losses) = (log.dir().to_owned(), log.may_lose(), log.losses().to_vec());
        let regressed = match Self::open(Arc::new(log), options.clone()).await {
            Err(LedgerError::View(error @ ViewError::Regressed { .. })) => error,
            opened => return Ok(opened?.with_losses(&losses).await),
        };
        if !may_lose {
            return Err(regressed.into());
        }
        accept_loss(&dir, regressed.to_string(), &log_options)?;
        let log = EmbeddedLog::open(&dir, log_options)?;
        let losses = log.losses().to_vec();
        Ok(Self::open(Arc::new(log), options).await?.with_losses(&losses).await)
    }

    /// Records what was lost and accepted, each loss once in the life of the log.
    async fn with_losses(self, losses: &[Loss]) -> Self {
        for Loss { epoch, kept, witness, .. } in losses {
            let lost = LossAccepted {
                earlier_epoch: epoch.simple().to_string(),
                kept: Sequence(*kept),
                witness: witness.clone(),
            };
            if let Err(error) = self.in_force.record_own("loss", lost.into()).await {
                tracing::error!(error, "an accepted loss could not be recorded in the log");
            }
        }
        self
    }
}
