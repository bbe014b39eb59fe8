//! Periodically looks at many tasks and at the ledger itself: measurements, conditions, the circuit breaker, what
//! has expired.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch::Receiver;
use tollgate_domain::position::Position;

use crate::ledger::Ledger;
use crate::problem::{Answer, of_read};

/// How often the breaker's state is fetched, so that what another server saw takes effect here too.
const LOOK_EVERY: Duration = Duration::from_secs(5);

/// After this many looks, measurements are recorded and the figures of many tasks are examined: once a
/// minute.
const FIGURES_EVERY: u32 = 12;

/// Looks until it is told to stop.
pub(crate) async fn run(ledger: Arc<Ledger>, mut stop: Receiver<bool>) {
    let mut looks: u32 = 0;
    let (mut seen, mut corrected) = (None, None);
    loop {
        let figures = looks.is_multiple_of(FIGURES_EVERY);
        ledger.in_force().learn_settings().await;
        if let Err(problem) = look(&ledger, figures, &mut seen).await {
            // A view that does not answer is reported elsewhere; here once a minute is enough.
            if figures {
                tracing::warn!(
                    detail = problem.detail,
                    "looking at tasks and the ledger for alerts and the breaker failed; will retry"
                );
            }
        }
        if let Err(problem) = ledger.budgets().record_expired().await
            && figures
        {
            tracing::warn!(
                detail = problem.detail,
                "recording expired allocations failed; will retry, and they are free all the same"
            );
        }
        if let Err(problem) = ledger.look_at_policies().await
            && figures
        {
            tracing::warn!(detail = problem.detail, "looking at the levels of policies failed; will retry");
        }
        if let Err(problem) = ledger.write().apply_early_corrections(&mut corrected).await
            && figures
        {
            tracing::warn!(
                detail = problem.detail,
                "applying corrections that came before their usage failed; will retry"
            );
        }
        looks = looks.wrapping_add(1);
        if tokio::time::timeout(LOOK_EVERY, stop.wait_for(|stop| *stop)).await.is_ok() {
            return;
        }
    }
}

/// `seen`: the log's end when the figures were last examined, and the config they were examined under. If
/// neither has changed, there is nothing new to find.
async fn look(ledger: &Ledger, figures: bool, seen: &mut Option<(Position, String)>) -> Answer<()> {
    if !figures {
        return ledger.operate().learn_breaker().await;
    }
    ledger.operate().record_measured().await?;
    let tail = ledger.log().tail().await.map_err(|error| of_read(&error))?;
    let now = Some((tail, ledger.settings().config_hash.clone()));
    if *seen != now {
        ledger.operate().look_at_figures().await?;
        *seen = now;
    }
    Ok(())
}
