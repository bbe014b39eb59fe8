//! Group commit for the peers: whatever queued up while the last commit ran is the next group, as in the
//! embedded log.

use std::sync::{Arc, Condvar, Mutex};
use std::thread::JoinHandle;

use tokio::sync::oneshot;

use crate::driver::Append;
use crate::work::Event;

/// A store that takes a group of batches and makes them durable.
pub(crate) trait Commit: Send + 'static {
    fn commit(&mut self, group: &[Vec<Event>]);

    /// How many events it holds; `None` if it does not detect duplicates.
    fn stored(&mut self) -> Option<u64>;
}

/// Batches of all producers, committed in groups by one thread.
pub(crate) struct Committer {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<Option<u64>>>,
}

/// Batches, and the producer waiting for each of them.
type Group = (Vec<Vec<Event>>, Vec<oneshot::Sender<()>>);

struct Shared {
    state: Mutex<State>,
    work: Condvar,
}

#[derive(Default)]
struct State {
    batches: Vec<Vec<Event>>,
    waiters: Vec<oneshot::Sender<()>>,
    closing: bool,
}

impl Committer {
    pub(crate) fn start(mut store: impl Commit) -> Self {
        let shared = Arc::new(Shared { state: Mutex::default(), work: Condvar::new() });
        let own = Arc::clone(&shared);
        let thread = std::thread::spawn(move || {
            while let Some((batches, waiters)) = own.next_group() {
                store.commit(&batches);
                for waiter in waiters {
                    waiter.send(()).expect("producers wait for their batch");
                }
            }
            store.stored()
        });
        Self { shared, thread: Some(thread) }
    }

    /// Waits for the last group and closes the store. Returns how many events it holds, if it detects
    /// duplicates.
    pub(crate) fn finish(mut self) -> Option<u64> {
        self.close()
    }

    fn close(&mut self) -> Option<u64> {
        self.shared.state.lock().expect("no panic under the lock").closing = true;
        self.shared.work.notify_one();
        self.thread.take().and_then(|thread| thread.join().expect("the committer does not panic"))
    }
}

impl Append for Committer {
    async fn append(&self, batch: Vec<Event>) {
        let (waiter, done) = oneshot::channel();
        {
            let mut state = self.shared.state.lock().expect("no panic under the lock");
            state.batches.push(batch);
            state.waiters.push(waiter);
        }
        self.shared.work.notify_one();
        done.await.expect("the committer does not panic");
    }
}

impl Shared {
    fn next_group(&self) -> Option<Group> {
        let mut state = self.state.lock().expect("no panic under the lock");
        while state.batches.is_empty() {
            if state.closing {
                return None;
            }
            state = self.work.wait(state).expect("no panic under the lock");
        }
        Some((std::mem::take(&mut state.batches), std::mem::take(&mut state.waiters)))
    }
}

impl Drop for Committer {
    fn drop(&mut self) {
        self.close();
    }
}
