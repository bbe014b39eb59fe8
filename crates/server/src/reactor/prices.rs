//! Looks once a minute whether an update of the prices is due that servers make by themselves.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch::Receiver;

use crate::ledger::Ledger;

/// How often.
const LOOK_EVERY: Duration = Duration::from_secs(60);

/// Looks until it is told to stop. An update in progress is cut off then: what it has not recorded is not in force.
pub(crate) async fn run(ledger: Arc<Ledger>, mut stop: Receiver<bool>) {
    loop {
        let mut stopping = stop.clone();
        tokio::select! {
            () = look(&ledger) => {}
            _ = stopping.wait_for(|stop| *stop) => return,
        }
        if tokio::time::timeout(LOOK_EVERY, stop.wait_for(|stop| *stop)).await.is_ok() {
            return;
        }
    }
}

async fn look(ledger: &Ledger) {
    match ledger.in_force().update_prices_when_due().await {
        Ok(None) => {}
        Ok(Some(report)) => {
            for source in &report.sources {
                if let Some(problem) = &source.problem {
                    tracing::warn!(
                        source = source.source,
                        problem,
                        "the list of a source of prices is not used"
                    );
                }
            }
            let (applied, waiting) = (report.applied.len(), report.waiting.len());
            tracing::info!(applied, waiting, disputed = report.disputed.len(), "the prices were updated");
        }
        Err(problem) => {
            tracing::warn!(detail = problem.detail, "updating the prices failed; will retry");
        }
    }
}
