//! Waiting for a time: on the machine's clock, or on one that a test moves.

use std::time::Duration;

use futures_util::future::BoxFuture;
use tollgate_domain::time::Timestamp;

use crate::clock::{Clock, SystemClock};
use crate::sleep::sleep;

/// The longest stretch of a wait before the clock is read again, in case it was set.
const LOOK_EVERY: Duration = Duration::from_secs(60);

/// Tells the time and waits for one.
pub trait Timer: Send + Sync + 'static {
    /// The present time.
    fn now(&self) -> Timestamp;

    /// Returns once `now` is `at` or later.
    fn until(&self, at: Timestamp) -> BoxFuture<'_, ()>;
}

/// The machine's clock.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemTimer;

impl Timer for SystemTimer {
    fn now(&self) -> Timestamp {
        SystemClock.now()
    }

    fn until(&self, at: Timestamp) -> BoxFuture<'_, ()> {
        Box::pin(async move {
            loop {
                // Rounded up: a wait that ends slightly too early would cost another round.
                let left_ms = at.millis_since(self.now()).saturating_add(1);
                let Ok(left) = u64::try_from(left_ms).map(Duration::from_millis) else { return };
                if at <= self.now() {
                    return;
                }
                sleep(left.min(LOOK_EVERY)).await;
            }
        })
    }
}
