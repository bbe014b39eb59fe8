//! Queries that wait for a view: while there are any, its projector does not collect records in groups.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::sync::Notify;

/// The number of waiters, and the signal to the follower that there are some.
#[derive(Default)]
pub(crate) struct Waiters {
    waiting: AtomicUsize,
    word: Notify,
}

/// A query that counts as waiting until this is dropped.
pub(crate) struct Waiting<'a>(&'a Waiters);

impl Waiters {
    /// Registers a waiter from now on.
    pub(crate) fn wait(&self) -> Waiting<'_> {
        self.waiting.fetch_add(1, Ordering::SeqCst);
        self.word.notify_one();
        Waiting(self)
    }

    /// Ends the current pause, or the next one.
    pub(crate) fn up(&self) {
        self.word.notify_one();
    }

    /// Lets time pass, unless a query is waiting.
    pub(crate) async fn pause(&self, time: Duration) {
        if self.waiting.load(Ordering::SeqCst) == 0 {
            // No query arrived within that time: the pause is over all the same.
            let _ = tokio::time::timeout(time, self.word.notified()).await;
        }
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.waiting.fetch_sub(1, Ordering::SeqCst);
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::Instant;

    use super::*;

    const LONG: Duration = Duration::from_secs(3600);

    #[tokio::test(start_paused = true)]
    async fn a_pause_ends_with_its_time_or_with_the_first_who_waits() {
        let waiters = Waiters::default();
        let begun = Instant::now();
        waiters.pause(LONG).await;
        assert_eq!(begun.elapsed(), LONG, "nobody waits");
        let begun = Instant::now();
        let ((), waiting) = tokio::join!(waiters.pause(LONG), async { waiters.wait() });
        assert_eq!(begun.elapsed(), Duration::ZERO, "somebody came");
        waiters.pause(LONG).await;
        waiters.pause(LONG).await;
        assert_eq!(begun.elapsed(), Duration::ZERO, "and still waits");
        drop(waiting);
        waiters.pause(LONG).await;
        assert_eq!(begun.elapsed(), LONG, "and got the answer");
    }
}
