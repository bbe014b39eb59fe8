//! The open connections: what each is doing, which have run out of time, and which one gives way when there
//! are too many.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{Notify, watch};
use tollgate_clock::Stopwatch;

use super::limits::ConnectionLimits;
use super::seat::Seat;
use crate::metrics::{ConnectionMetrics, Cut};

/// All open connections of a server.
pub struct Connections {
    limits: ConnectionLimits,
    clock: Stopwatch,
    next: AtomicU64,
    open: Mutex<BTreeMap<u64, Arc<Connection>>>,
    count: watch::Sender<usize>,
    metrics: ConnectionMetrics,
}

/// One open connection.
pub(crate) struct Connection {
    clock: Stopwatch,
    state: Mutex<State>,
    cut: Notify,
    /// Whether it speaks another protocol by now, until it ends.
    is_upgraded: AtomicBool,
}

/// What a connection is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// No byte of the first request has arrived.
    New,
    /// No byte of another request has arrived.
    Idle,
    /// Part of a request's head has arrived.
    Head,
    /// A request is being read, worked on or answered.
    Busy,
}

struct State {
    stage: Stage,
    /// Requests that are being read, worked on or answered: with HTTP/2 there may be several.
    requests: usize,
    /// Whether bytes that arrive need not be a request's: HTTP/2 has others.
    is_multiplexed: bool,
    /// When the stage began.
    since: Duration,
    /// Since when bytes have been waiting for the client to read them.
    stalled: Option<Duration>,
    /// Why it is to be closed.
    cut: Option<Cut>,
    /// What a connection holds that speaks WebSocket by now: its place among the clients that follow.
    seat: Option<Arc<Seat>>,
}

/// Its place among the open connections; free again when dropped.
pub(crate) struct Place {
    number: u64,
    all: Arc<Connections>,
    /// The connection.
    pub(crate) connection: Arc<Connection>,
}

/// A request under way.
pub(super) struct Asked(Arc<Connection>);

impl Drop for Asked {
    fn drop(&mut self) {
        self.0.answered();
    }
}

impl Connections {
    pub(super) fn new(limits: ConnectionLimits, metrics: ConnectionMetrics) -> Self {
        Self {
            limits,
            clock: Stopwatch::start(),
            next: AtomicU64::new(0),
            open: Mutex::default(),
            count: watch::Sender::new(0),
            metrics,
        }
    }

    /// A place for a new connection. If all are taken, the connection that has kept the server waiting
    /// longest gives way; its place is free once its descriptor is. `None`: every connection has a request in
    /// progress.
    pub(crate) async fn place(self: &Arc<Self>) -> Option<Place> {
        let mut count = self.count.subscribe();
        loop {
            // Anything that ends from here on counts as a change.
            count.mark_unchanged();
            if let Some(place) = self.free_place() {
                return Some(place);
            }
            if !self.close_most_idle() {
                return None;
            }
            // The sender belongs to this object.
            let _ = count.changed().await;
        }
    }

    fn free_place(self: &Arc<Self>) -> Option<Place> {
        let mut open = lock(&self.open);
        if open.len() >= self.limits.connections {
            return None;
        }
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let connection = Arc::new(Connection::new(self.clock));
        open.insert(number, Arc::clone(&connection));
        self.count.send_modify(|count| *count = count.saturating_add(1));
        self.metrics.accepted.inc();
        self.metrics.open.inc();
        Some(Place { number, all: Arc::clone(self), connection })
    }

    /// Closes the connection that has kept the server waiting longest, unless one is already being closed.
    /// Returns whether there is one.
    pub(super) fn close_most_idle(&self) -> bool {
        let open = lock(&self.open);
        if open.values().any(|connection| lock(&connection.state).cut.is_some()) {
            return true;
        }
        let most_idle = open.values().filter_map(|connection| {
            let state = lock(&connection.state);
            state.is_quiet().then_some((state.since, connection))
        });
        let most_idle = most_idle.min_by_key(|(since, _)| *since);
        most_idle.inspect(|(_, connection)| connection.cut(Cut::Crowded)).is_some()
    }

    /// Closes the connections that have run out of time.
    pub(super) fn sweep(&self) {
        let now = self.clock.elapsed();
        for connection in lock(&self.open).values() {
            let overdue = lock(&connection.state).overdue(now, &self.limits);
            if let Some(reason) = overdue {
                // Nobody else waits for what was upgraded.
                if connection.is_upgraded() && !connection.is_cut() {
                    self.metrics.cut(reason);
                }
                connection.cut(reason);
            }
        }
    }

    /// How long until it is worth checking again.
    pub(super) fn look_every(&self) -> Duration {
        let limits = &self.limits;
        let shortest = limits.head.min(limits.idle).min(limits.stalled);
        (shortest / 4).clamp(Duration::from_millis(10), Duration::from_secs(1))
    }

    /// Waits until no connection is open.
    pub(super) async fn ended(&self) {
        // The sender belongs to this object.
        let _ = self.count.subscribe().wait_for(|count| *count == 0).await;
    }
}

impl Connection {
    fn new(clock: Stopwatch) -> Self {
        let state = State {
            stage: Stage::New,
            requests: 0,
            is_multiplexed: false,
            since: clock.elapsed(),
            stalled: None,
            cut: None,
            seat: None,
        };
        Self { clock, state: Mutex::new(state), cut: Notify::new(), is_upgraded: AtomicBool::new(false) }
    }

    /// Bytes have arrived.
    pub(super) fn read(&self) {
        let mut state = lock(&self.state);
        if matches!(state.stage, Stage::New | Stage::Idle) && !state.is_multiplexed {
            state.enter(Stage::Head, self.clock.elapsed());
        }
    }

    /// It speaks HTTP/2. What keeps it open from now on is requests, not bytes: those of a ping are no request.
    pub(super) fn multiplexed(&self) {
        let mut state = lock(&self.state);
        state.is_multiplexed = true;
        state.enter(Stage::Idle, self.clock.elapsed());
    }

    /// It speaks another protocol from now on, and is busy with that until it ends.
    pub(super) fn upgraded(&self, seat: Option<Arc<Seat>>) {
        let mut state = lock(&self.state);
        state.requests = state.requests.saturating_add(1);
        state.seat = seat;
        self.is_upgraded.store(true, Ordering::Relaxed);
    }

    /// Whether it speaks another protocol.
    pub(super) fn is_upgraded(&self) -> bool {
        self.is_upgraded.load(Ordering::Relaxed)
    }

    /// Whether it is to be closed.
    pub(super) fn is_cut(&self) -> bool {
        lock(&self.state).cut.is_some()
    }

    /// The client has read bytes, or is not reading any now.
    pub(super) fn written(&self, taken: bool) {
        let mut state = lock(&self.state);
        if taken {
            state.stalled = None;
        } else if state.stalled.is_none() {
            state.stalled = Some(self.clock.elapsed());
        }
    }

    /// A request's head is complete. It is under way until what is returned is dropped.
    pub(super) fn asked(self: &Arc<Self>) -> Asked {
        let mut state = lock(&self.state);
        state.requests = state.requests.saturating_add(1);
        state.enter(Stage::Busy, self.clock.elapsed());
        Asked(Arc::clone(self))
    }

    /// The answer to a request has been handed to the connection completely, or its client has given it up.
    fn answered(&self) {
        let mut state = lock(&self.state);
        state.requests = state.requests.saturating_sub(1);
        if state.requests == 0 {
            state.enter(Stage::Idle, self.clock.elapsed());
        }
    }

    /// Whether no request is in progress.
    pub(super) fn is_quiet(&self) -> bool {
        lock(&self.state).is_quiet()
    }

    /// Waits until it is to be closed, and returns why.
    pub(super) async fn to_be_cut(&self) -> Cut {
        loop {
            let notified = self.cut.notified();
            if let Some(reason) = lock(&self.state).cut {
                return reason;
            }
            notified.await;
        }
    }

    fn cut(&self, reason: Cut) {
        lock(&self.state).cut.get_or_insert(reason);
        self.cut.notify_one();
    }
}

impl State {
    fn enter(&mut self, stage: Stage, now: Duration) {
        (self.stage, self.since) = (stage, now);
    }

    fn is_quiet(&self) -> bool {
        self.stage != Stage::Busy && self.stalled.is_none()
    }

    fn overdue(&self, now: Duration, limits: &ConnectionLimits) -> Option<Cut> {
        if self.stalled.is_some_and(|since| now.saturating_sub(since) > limits.stalled) {
            return Some(Cut::Stalled);
        }
        let waited = now.saturating_sub(self.since);
        match self.stage {
            Stage::New | Stage::Head => (waited > limits.head).then_some(Cut::Head),
            Stage::Idle => (waited > limits.idle).then_some(Cut::Idle),
            // The body has its own time limit, and the handler waits no longer than it was asked to.
            Stage::Busy => None,
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        lock(&self.all.open).remove(&self.number);
        self.all.metrics.open.dec();
        self.all.count.send_modify(|count| *count = count.saturating_sub(1));
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Every change is a single assignment: a panic leaves nothing half done.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
