//! A clock that stands still until a test moves it, and shows the test which times are waited for.

use std::collections::BTreeMap;

use tokio::sync::watch;
use tollgate_clock::Timer;
use tollgate_deliver::BoxFuture;
use tollgate_domain::time::Timestamp;

/// Times that are waited for, by the number of the wait.
type Waits = BTreeMap<u64, Timestamp>;

pub(crate) struct ManualTimer {
    now: watch::Sender<Timestamp>,
    waits: watch::Sender<(u64, Waits)>,
}

impl ManualTimer {
    pub(crate) fn at(time: Timestamp) -> Self {
        Self { now: watch::Sender::new(time), waits: watch::Sender::default() }
    }

    pub(crate) fn set(&self, time: Timestamp) {
        self.now.send_replace(time);
    }

    /// The earliest time that is waited for, once there is one.
    pub(crate) async fn waited_for(&self) -> Timestamp {
        let mut waits = self.waits.subscribe();
        let waits = waits.wait_for(|(_, waits)| !waits.is_empty()).await.unwrap();
        *waits.1.values().min().unwrap()
    }

    /// Moves to the earliest time that is waited for, once there is one.
    pub(crate) async fn skip(&self) {
        let next = self.waited_for().await;
        self.now.send_if_modified(|now| {
            let moved = *now < next;
            *now = next.max(*now);
            moved
        });
    }
}

impl Timer for ManualTimer {
    fn now(&self) -> Timestamp {
        *self.now.borrow()
    }

    fn until(&self, at: Timestamp) -> BoxFuture<'_, ()> {
        let mut number = 0;
        self.waits.send_modify(|(count, waits)| {
            *count += 1;
            number = *count;
            waits.insert(number, at);
        });
        let wait = Wait { timer: self, number };
        Box::pin(async move {
            let _wait = wait;
            let mut now = self.now.subscribe();
            now.wait_for(|now| *now >= at).await.unwrap();
        })
    }
}

/// One wait, which ends when it is dropped.
struct Wait<'a> {
    timer: &'a ManualTimer,
    number: u64,
}

impl Drop for Wait<'_> {
    fn drop(&mut self) {
        self.timer.waits.send_modify(|(_, waits)| {
            waits.remove(&self.number);
        });
    }
}
