//! Opening a ledger whose log may have lost its end.

use std::sync::Arc;

use tollgate_log::embedded::{EmbeddedLog, Options, accept_loss};
use tollgate_projector::ViewError;

use super::{Ledger, LedgerError, LedgerOptions};

impl Ledger {
    /// Opens the ledger of a data directory, whose log was opened with these options. Where that ends before what a view contains and
    /// [may do so](EmbeddedLog::may_lose), it becomes a log of its own and the views are built from what is there; their
    /// stores are kept aside.
    ///
    /// # Errors
    ///
    /// [`LedgerError`]; a log that may not have lost anything is refused and nothing is changed.
    pub async fn open_here(
        log: EmbeddedLog,
        log_options: Options,
        options: LedgerOptions,
    ) -> Result<Self, LedgerError> {
        let (dir, may_lose) = (log.dir().to_owned(), log.may_lose());
        let opened = Self::open(Arc::new(log), options.clone()).await;
        let Err(LedgerError::View(error @ ViewError::Regressed { .. })) = opened else { return opened };
        if !may_lose {
            return Err(error.into());
        }
        accept_loss(&dir, error.to_string(), &log_options)?;
        Self::open(Arc::new(EmbeddedLog::open(&dir, log_options)?), options).await
    }
}
