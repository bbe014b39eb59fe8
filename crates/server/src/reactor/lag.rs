//! Looks at how far the views are behind.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch::Receiver;

use crate::ledger::Ledger;

/// How often it looks where that decides whether events are taken.
const BOUNDED: Duration = Duration::from_millis(200);

/// How often it looks where it is shown only.
const SHOWN: Duration = Duration::from_secs(2);

/// Looks until it is told to stop.
pub(crate) async fn run(ledger: Arc<Ledger>, mut stop: Receiver<bool>) {
    let every = if ledger.operate().is_lag_bounded() { BOUNDED } else { SHOWN };
    loop {
        ledger.operate().look_at_lags().await;
        if tokio::time::timeout(every, stop.wait_for(|stop| *stop)).await.is_ok() {
            return;
        }
    }
}
