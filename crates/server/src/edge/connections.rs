//! The open connections: what each is doing, which have run out of time, and which one gives way when there
//! are too many.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{Notify, watch};
use tollgate_clock::Stopwatch;

use super::limits::ConnectionLimits;
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
        };
        Self { clock, state: Mutex::new(state), cut: Notify::new() }
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
mod tests {
    use super::*;

    const fn s(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn each_stage_has_its_time() {
        let limits = ConnectionLimits { head: s(15), idle: s(75), stalled: s(30), ..Default::default() };
        for (stage, since, stalled, now, cut) in [
            (Stage::New, 0, None, 15, None),
            (Stage::New, 0, None, 16, Some(Cut::Head)),
            (Stage::Head, 100, None, 115, None),
            (Stage::Head, 100, None, 116, Some(Cut::Head)),
            (Stage::Idle, 100, None, 175, None),
            (Stage::Idle, 100, None, 176, Some(Cut::Idle)),
            (Stage::Busy, 0, None, 1_000_000, None),
            (Stage::Busy, 0, Some(100), 130, None),
            (Stage::Busy, 0, Some(100), 131, Some(Cut::Stalled)),
            (Stage::Idle, 100, Some(100), 131, Some(Cut::Stalled)),
        ] {
            let (stalled_since, requests) = (stalled.map(s), usize::from(stage == Stage::Busy));
            let is_multiplexed = false;
            let state =
                State { stage, requests, is_multiplexed, since: s(since), stalled: stalled_since, cut: None };
            assert_eq!(state.overdue(s(now), &limits), cut, "{stage:?} {since} {stalled:?} {now}");
        }
    }

    #[tokio::test]
    async fn where_all_places_are_taken_the_most_idle_gives_way_and_never_a_request() {
        let limits = ConnectionLimits { connections: 3, ..Default::default() };
        let all = Arc::new(Connections::new(limits, ConnectionMetrics::default()));
        let mut places = Vec::new();
        for _ in 0..3 {
            places.push(all.place().await.expect("there is room"));
        }
        let [busy, idle, head] = <[Place; 3]>::try_from(places).ok().expect("three");
        let asked = busy.connection.asked();
        head.connection.read();
        drop(idle.connection.asked());
        let mut later = Vec::new();
        for gives_way in [head, idle] {
            // As a connection's task does: it ends when it is to be cut.
            let ends = async {
                assert_eq!(gives_way.connection.to_be_cut().await, Cut::Crowded);
                assert_eq!(*all.count.borrow(), 3, "its place is taken until its descriptor is free");
                drop(gives_way);
            };
            let (place, ()) = tokio::join!(all.place(), ends);
            later.push(place.expect("one gives way"));
        }
        let more: Vec<Asked> = later.iter().map(|place| place.connection.asked()).collect();
        assert!(all.place().await.is_none(), "requests are worked on in all of them");
        assert_eq!(lock(&busy.connection.state).cut, None);
        drop((asked, busy));
        assert!(all.place().await.is_some(), "a place is free again");
        drop((more, later));
        assert_eq!(*all.count.borrow(), 0);
    }

    #[tokio::test]
    async fn a_connection_of_http_2_is_idle_once_its_last_request_is_answered_whatever_else_it_sends() {
        let limits = ConnectionLimits { connections: 1, ..Default::default() };
        let all = Arc::new(Connections::new(limits, ConnectionMetrics::default()));
        let place = all.place().await.expect("there is room");
        let connection = &place.connection;
        // What sets TLS up are bytes, too.
        connection.read();
        connection.multiplexed();
        let stage = || lock(&connection.state).stage;
        assert_eq!(stage(), Stage::Idle);
        connection.read();
        assert_eq!(stage(), Stage::Idle, "a ping is no request");
        let (first, second) = (connection.asked(), connection.asked());
        drop(first);
        assert_eq!(stage(), Stage::Busy);
        drop(second);
        assert_eq!(stage(), Stage::Idle);
    }
}
