//! Opens the remediations of blocked tasks.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

use crate::ledger::Ledger;

/// How long it waits after a failure.
const RETRY_AFTER: Duration = Duration::from_secs(5);

/// Opens a remediation for each task that is blocked, until it is told to stop; one that fails is tried again.
pub(crate) async fn remediate(ledger: Arc<Ledger>, mut stop: watch::Receiver<bool>) {
    let mut waiting = 0;
    loop {
        let again = async {
            // Nothing waits: only a further block is a reason to look.
            if waiting == 0 {
                ledger.blocked().await;
            } else {
                let _ = tokio::time::timeout(RETRY_AFTER, ledger.blocked()).await;
            }
        };
        let stopped = tokio::select! {
            // An error means that whoever would stop it is gone.
            _ = stop.wait_for(|stop| *stop) => true,
            () = again => false,
        };
        waiting = ledger.open_remediations().await;
        if stopped {
            break;
        }
    }
}
