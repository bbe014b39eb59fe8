//! Where answers over many rows are produced: on a few dedicated threads, with a record of how long readers
//! were served.

use std::num::NonZero;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tollgate_clock::Stopwatch;

/// The most answers produced at once, on a machine of any size.
const MOST_AT_ONCE: usize = 4;

/// The number of queries that may wait for their turn. One more is refused: by then the caller would wait for
/// many other answers.
pub(crate) const QUEUE: usize = 32;

/// How long the ledger itself waits for its turn.
const OWN_WAIT: Duration = Duration::from_secs(60);

/// Produces answers over many rows for readers, few at a time, never on the threads that serve appends and
/// gates.
///
/// Readers keep at most half of the machine's cores busy: the others are reserved for appends and decisions.
#[derive(Clone)]
pub struct ReadPool(Arc<Inner>);

struct Inner {
    at_once: usize,
    turns: Arc<Semaphore>,
    /// For queries that have had their turn: combining and writing what was read is short work.
    after: Arc<Semaphore>,
    waiting: AtomicUsize,
    served: Mutex<Served>,
}

/// Since when readers are being served, and for how long in total.
#[derive(Default)]
struct Served {
    readers: usize,
    since: Option<Stopwatch>,
    before: Duration,
}

/// On whose behalf a query is answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asker {
    /// A reader, who waits at most this long for a turn.
    Reader(Duration),
    /// The ledger, which readers cannot crowd out.
    Ledger,
    /// A caller that has had its turn and has read its rows: they only need to be combined and written.
    Served,
}

/// Too many queries over many rows are waiting already.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{waiting} questions over many rows wait for their turn, {at_once} are answered at once; ask again in a while"
)]
pub struct Busy {
    /// The number of waiting queries.
    pub waiting: usize,
    /// The number answered at once.
    pub at_once: usize,
}

/// A reader that counts as being served until this is dropped.
pub struct Serving<'a>(&'a Inner);

/// A query that counts as waiting until this is dropped.
struct Waiting<'a>(&'a AtomicUsize);

impl Default for ReadPool {
    fn default() -> Self {
        let cores = std::thread::available_parallelism().map_or(1, NonZero::get);
        Self::of((cores / 2).clamp(1, MOST_AT_ONCE))
    }
}

impl ReadPool {
    /// A pool that produces this many answers at once.
    #[must_use]
    pub fn of(at_once: usize) -> Self {
        let [turns, after] = [at_once, at_once].map(|many| Arc::new(Semaphore::new(many)));
        Self(Arc::new(Inner {
            at_once,
            turns,
            after,
            waiting: AtomicUsize::new(0),
            served: Mutex::default(),
        }))
    }

    /// Runs work for a reader once it is its turn, on a thread that nothing else waits for.
    ///
    /// # Errors
    ///
    /// [`Busy`] if too many are waiting, or the turn does not come in time.
    pub async fn run<T: Send + 'static>(
        &self,
        asker: Asker,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Busy> {
        let turn = self.turn(asker).await?;
        let pool = self.clone();
        let done = tokio::task::spawn_blocking(move || {
            let _serving = pool.serve();
            let done = work();
            drop(turn);
            done
        });
        match done.await {
            Ok(done) => Ok(done),
            Err(died) if died.is_panic() => std::panic::resume_unwind(died.into_panic()),
            // The runtime is shut down: no one is waiting for the answer.
            Err(_) => std::future::pending().await,
        }
    }

    async fn turn(&self, asker: Asker) -> Result<OwnedSemaphorePermit, Busy> {
        let turns = if asker == Asker::Served { &self.0.after } else { &self.0.turns };
        if let Ok(turn) = Arc::clone(turns).try_acquire_owned() {
            return Ok(turn);
        }
        let before = self.0.waiting.fetch_add(1, Ordering::SeqCst);
        let _waiting = Waiting(&self.0.waiting);
        let up_to = match asker {
            Asker::Reader(_) if before >= QUEUE => return Err(self.busy(before)),
            Asker::Reader(up_to) => up_to,
            Asker::Ledger | Asker::Served => OWN_WAIT,
        };
        // Turns are given in order of arrival. The semaphore is never closed.
        match tokio::time::timeout(up_to, Arc::clone(turns).acquire_owned()).await {
            Ok(Ok(turn)) => Ok(turn),
            Ok(Err(_)) | Err(_) => Err(self.busy(before)),
        }
    }

    fn busy(&self, waiting: usize) -> Busy {
        Busy { waiting, at_once: self.0.at_once }
    }

    /// Marks a reader as being served from now on, here or elsewhere.
    #[must_use]
    pub fn serve(&self) -> Serving<'_> {
        let mut served = self.0.served.lock().unwrap_or_else(PoisonError::into_inner);
        served.readers += 1;
        served.since.get_or_insert_with(Stopwatch::start);
        drop(served);
        Serving(&self.0)
    }

    /// For how long at least one reader has been served so far: an upper bound of the delay that readers
    /// caused others.
    #[must_use]
    pub fn served(&self) -> Duration {
        let served = self.0.served.lock().unwrap_or_else(PoisonError::into_inner);
        served.before + served.since.map_or(Duration::ZERO, |since| since.elapsed())
    }
}

impl Drop for Serving<'_> {
    fn drop(&mut self) {
        let mut served = self.0.served.lock().unwrap_or_else(PoisonError::into_inner);
        served.readers -= 1;
        if served.readers == 0
            && let Some(since) = served.since.take()
        {
            served.before += since.elapsed();
        }
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    const LONG: Duration = Duration::from_secs(30);

    /// Work that has begun when `begun` says so, and ends when its sender is dropped.
    fn held() -> (impl FnOnce() + Send + 'static, mpsc::Receiver<()>, mpsc::Sender<()>) {
        let ((tell, begun), (end, until)) = (mpsc::channel(), mpsc::channel::<()>());
        let work = move || {
            tell.send(()).unwrap();
            let _ = until.recv();
        };
        (work, begun, end)
    }

    #[tokio::test]
    async fn few_are_at_work_few_wait_and_one_more_is_refused() {
        let pool = ReadPool::of(1);
        let (work, begun, end) = held();
        let first = tokio::spawn({
            let pool = pool.clone();
            async move { pool.run(Asker::Reader(LONG), work).await }
        });
        // The runtime's only thread is free while the work runs.
        tokio::task::spawn_blocking(move || begun.recv().unwrap()).await.unwrap();
        let waiting: Vec<_> = (0..QUEUE)
            .map(|n| {
                let pool = pool.clone();
                tokio::spawn(async move { pool.run(Asker::Reader(LONG), move || n).await })
            })
            .collect();
        while pool.0.waiting.load(Ordering::SeqCst) < QUEUE {
            tokio::task::yield_now().await;
        }
        let refused = pool.run(Asker::Reader(LONG), || ()).await.unwrap_err();
        assert_eq!((refused.waiting, refused.at_once), (QUEUE, 1));
        let own = tokio::spawn({
            let pool = pool.clone();
            async move { pool.run(Asker::Ledger, || 99).await }
        });
        drop(end);
        assert_eq!(first.await.unwrap(), Ok(()));
        for (n, answer) in waiting.into_iter().enumerate() {
            assert_eq!(answer.await.unwrap(), Ok(n));
        }
        assert_eq!(own.await.unwrap(), Ok(99), "readers do not crowd out the ledger itself");
    }

    #[tokio::test]
    async fn who_may_not_wait_is_refused_at_once() {
        let pool = ReadPool::of(1);
        let _turn = pool.turn(Asker::Ledger).await.unwrap();
        assert!(pool.run(Asker::Reader(Duration::ZERO), || ()).await.is_err());
        assert_eq!(pool.0.waiting.load(Ordering::SeqCst), 0);
    }

    #[test]
    fn time_counts_once_however_many_are_served() {
        let pool = ReadPool::of(1);
        assert_eq!(pool.served(), Duration::ZERO);
        let whole = Stopwatch::start();
        let (one, other) = (pool.serve(), pool.serve());
        drop(one);
        let during = pool.served();
        assert!(pool.served() >= during, "it goes on while one is served");
        drop(other);
        let after = pool.served();
        assert!(after >= during && after <= whole.elapsed());
        assert_eq!(pool.served(), after, "and stands while none is");
    }
}
