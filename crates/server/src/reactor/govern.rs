//! Looks at many tasks and at the ledger itself now and then: measures, conditions, the circuit breaker.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch::Receiver;

use crate::ledger::Ledger;

/// How often the breaker's state is learned, so that what another server saw holds here too.
const LOOK_EVERY: Duration = Duration::from_secs(5);

/// Every so many looks what was measured is written down, and figures of many tasks are looked at: once a minute.
const FIGURES_EVERY: u32 = 12;

/// Looks until it is told to stop.
pub(crate) async fn run(ledger: Arc<Ledger>, mut stop: Receiver<bool>) {
    let mut looks: u32 = 0;
    loop {
        let figures = looks.is_multiple_of(FIGURES_EVERY);
        if let Err(problem) = look(&ledger, figures).await {
            // A view that does not answer is said by others; here once a minute is enough.
            if figures {
                tracing::warn!(detail = problem.detail, "governing: looked at again in a while");
            }
        }
        looks = looks.wrapping_add(1);
        if tokio::time::timeout(LOOK_EVERY, stop.wait_for(|stop| *stop)).await.is_ok() {
            return;
        }
    }
}

async fn look(ledger: &Ledger, figures: bool) -> crate::problem::Answer<()> {
    if figures {
        ledger.record_measured().await?;
        return ledger.look_at_figures().await.map(|_| ());
    }
    ledger.learn_breaker().await
}
