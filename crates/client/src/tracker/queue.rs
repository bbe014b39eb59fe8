//! The bounded queue between callers and the sending task: what is waiting, what is known about the ledger,
//! who is notified.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{Notify, oneshot, watch};
use tollgate_domain::position::Position;
use tollgate_wire::api::{GateAfter, GateResponse, MAX_GATES};

use super::outcome::{Delivery, DeliveryError, FlushError, Stats, TrackError, Trouble};
use crate::spool::line::Outgoing;

/// Number of consecutive failures after which the ledger counts as away: a single lost connection does not
/// affect waiters.
pub(super) const AWAY_AFTER: u32 = 3;

/// How many events may wait in memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct QueueBound {
    /// The most events.
    pub max_events: usize,
    /// The most bytes of their JSON.
    pub max_bytes: usize,
}

impl Default for QueueBound {
    /// 10,000 events or 16 MiB.
    fn default() -> Self {
        Self { max_events: 10_000, max_bytes: 16 << 20 }
    }
}

/// How events are combined into requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Batching {
    /// The most events in one request, up to 500.
    pub max_events: usize,
    /// The most bytes of events in one request, up to 512 KiB.
    pub max_bytes: usize,
    /// How long an event may wait for others. Awaited events, the gate and a flush never wait.
    pub linger: Duration,
}

impl Default for Batching {
    /// 500 events or 512 KiB, after 20 ms.
    fn default() -> Self {
        Self { max_events: 500, max_bytes: 512 << 10, linger: Duration::from_millis(20) }
    }
}

/// Identifies the waiter for an event's outcome by the event's task and id.
type Name = (Arc<str>, Arc<str>);
type Reply = oneshot::Sender<Result<Delivery, DeliveryError>>;

/// A gate request that waits for the events before it.
#[derive(Debug)]
pub(super) struct WaitingQuestion {
    /// Events below this number are before it.
    below: u64,
    pub(super) gate: GateAfter,
    /// Dropped without an answer if it must be sent alone.
    pub(super) reply: oneshot::Sender<GateResponse>,
}

/// What is known about a ledger that does not accept events.
#[derive(Clone, Debug)]
pub(super) struct Away {
    pub(super) reason: String,
    /// The number of consecutive failures.
    pub(super) failures: u32,
    /// Whether the ledger itself asked to wait.
    pub(super) held: bool,
}

/// What the queue's lock guards.
#[derive(Debug, Default)]
pub(super) struct State {
    /// Events with their numbers, oldest first. Those in flight stay in it until they are settled.
    pub(super) queue: VecDeque<(u64, Outgoing)>,
    /// Gate requests that go with the events before them.
    questions: Vec<WaitingQuestion>,
    pub(super) bytes: usize,
    next_number: u64,
    /// Events below this number are not held back to be batched.
    urgent_below: u64,
    replies: HashMap<Name, Vec<Reply>>,
    pub(super) spool_bytes: u64,
    pub(super) away: Option<Away>,
    /// The total number of rounds that failed.
    failed_rounds: u64,
    /// Whether a caller is waiting for the next try.
    pub(super) try_now: bool,
    pub(super) closing: bool,
    pub(super) ended: bool,
    pub(super) position: Option<Position>,
    pub(super) stats: Stats,
}

/// What callers and the sending task share.
pub(super) struct Shared {
    state: Mutex<State>,
    /// Wakes the sending task.
    pub(super) wake: Notify,
    /// Wakes those that wait for the sending task.
    changed: watch::Sender<u64>,
    pub(super) bound: QueueBound,
    pub(super) batching: Batching,
    pub(super) has_spool: bool,
    pub(super) on_trouble: Box<dyn Fn(&Trouble) + Send + Sync>,
}

impl Shared {
    pub(super) fn new(
        bound: QueueBound,
        batching: Batching,
        has_spool: bool,
        on_trouble: Box<dyn Fn(&Trouble) + Send + Sync>,
    ) -> Self {
        let (changed, _) = watch::channel(0);
        let (state, wake) = (Mutex::default(), Notify::new());
        Self { state, wake, changed, bound, batching, has_spool, on_trouble }
    }

    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        // Every change under the lock is complete in itself.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notifies waiters that something changed.
    pub(super) fn announce(&self) {
        self.changed.send_modify(|version| *version = version.wrapping_add(1));
    }

    /// Puts an event after all others and returns its number. `reply` receives its outcome.
    pub(super) fn push(&self, event: Outgoing, reply: Option<Reply>) -> Result<u64, TrackError> {
        let mut state = self.state();
        let (id, task) = (event.id.to_string(), event.task.to_string());
        if state.closing || state.ended {
            return Err(TrackError::Closed { id, task });
        }
        let (events, bytes) = (state.queue.len(), state.bytes);
        let QueueBound { max_events, max_bytes } = self.bound;
        if events >= max_events || bytes.saturating_add(event.bytes()) > max_bytes {
            state.stats.overflowed += 1;
            let because = self.why_full(&state);
            return Err(TrackError::Full { id, task, events, bytes, max_events, max_bytes, because });
        }
        let number = state.next_number;
        state.next_number += 1;
        state.bytes += event.bytes();
        state.stats.queued += 1;
        if let Some(reply) = reply {
            let name = (Arc::clone(&event.task), Arc::clone(&event.id));
            state.replies.entry(name).or_default().push(reply);
        }
        state.queue.push_back((number, event));
        drop(state);
        self.wake.notify_one();
        Ok(number)
    }

    /// Marks this event as awaited: it does not linger.
    pub(super) fn waiters(&self, number: u64) {
        let mut state = self.state();
        state.urgent_below = state.urgent_below.max(number + 1);
        drop(state);
        self.wake.notify_one();
    }

    /// Attaches a gate request to the queued events. `None` if there are none, or they cannot be delivered
    /// now.
    pub(super) fn ask_along(&self, gate: GateAfter) -> Option<oneshot::Receiver<GateResponse>> {
        let (reply, answer) = oneshot::channel();
        {
            let mut state = self.state();
            let delivers = state.spool_bytes == 0 && state.away.is_none() && !state.ended;
            if state.queue.is_empty() || !delivers {
                return None;
            }
            state.urgent_below = state.next_number;
            let below = state.next_number;
            state.questions.push(WaitingQuestion { below, gate, reply });
        }
        self.wake.notify_one();
        Some(answer)
    }

    fn why_full(&self, state: &State) -> String {
        match (&state.away, self.has_spool) {
            (Some(away), false) => {
                format!("the ledger is away: {}; bring it back, or give the tracker a spool", away.reason)
            }
            (Some(away), true) => {
                format!("the ledger is away: {}; the spool did not take them, the log says why", away.reason)
            }
            (None, _) => "report more slowly, or allow more".to_owned(),
        }
    }

    /// Waits until everything that was queued before is in the log or refused, and nothing is in the spool.
    pub(super) async fn flush(&self) -> Result<Option<Position>, FlushError> {
        let mut changed = self.changed.subscribe();
        let (below, failed_before) = {
            let mut state = self.state();
            state.urgent_below = state.next_number;
            state.try_now = true;
            (state.next_number, state.failed_rounds)
        };
        self.wake.notify_one();
        loop {
            {
                let state = self.state();
                let settled = state.queue.front().is_none_or(|(number, _)| *number >= below);
                if settled && state.spool_bytes == 0 {
                    return Ok(state.position.clone());
                }
                if state.ended {
                    return Err(FlushError::Closed);
                }
                if let Some(away) = &state.away
                    && away.failures >= AWAY_AFTER
                    && (away.held || state.failed_rounds > failed_before)
                {
                    let (queued, spool_bytes) = (state.queue.len(), state.spool_bytes);
                    return Err(FlushError::Away { queued, spool_bytes, reason: away.reason.clone() });
                }
            }
            if changed.changed().await.is_err() {
                return Err(FlushError::Closed);
            }
        }
    }

    /// Asks the sending task to end once everything is settled or kept.
    pub(super) fn start_closing(&self) {
        self.state().closing = true;
        self.wake.notify_one();
    }

    /// Waits until the sending task has ended.
    pub(super) async fn ended(&self) {
        let mut changed = self.changed.subscribe();
        while !self.state().ended && changed.changed().await.is_ok() {}
    }
}

impl State {
    /// Whether the waiting events should be sent now, without waiting for more.
    pub(super) fn is_due(&self, batching: &Batching) -> bool {
        let urgent = self.queue.front().is_some_and(|(number, _)| *number < self.urgent_below);
        let full = self.queue.len() >= batching.max_events || self.bytes >= batching.max_bytes;
        urgent || full || self.closing
    }

    /// The gate requests that can go with this many of the first events.
    pub(super) fn questions_with(&mut self, events: usize) -> Vec<WaitingQuestion> {
        let Some((last, _)) = events.checked_sub(1).and_then(|last| self.queue.get(last)) else {
            return Vec::new();
        };
        let last = *last;
        let mut with: Vec<WaitingQuestion> =
            self.questions.extract_if(.., |asked| asked.below <= last + 1).collect();
        // The others are sent alone.
        with.truncate(MAX_GATES);
        with
    }

    /// Releases gate requests whose events were sent without them, so that they are sent alone.
    pub(super) fn drop_questions(&mut self) {
        let first = self.queue.front().map_or(u64::MAX, |(number, _)| *number);
        self.questions.retain(|asked| asked.below > first);
    }

    /// Records that nothing is sent any more; returns what was not sent.
    pub(super) fn end(&mut self) -> Vec<Outgoing> {
        self.ended = true;
        self.questions.clear();
        self.queue.iter().map(|(_, event)| event.clone()).collect()
    }

    /// Removes settled events from the first ones: `keep` says for each whether it stays.
    pub(super) fn settle(&mut self, keep: &[bool]) {
        let mut kept = Vec::new();
        for &keep in keep {
            let Some((number, event)) = self.queue.pop_front() else { break };
            if keep {
                kept.push((number, event));
            } else {
                self.bytes -= event.bytes();
            }
        }
        kept.into_iter().rev().for_each(|event| self.queue.push_front(event));
    }

    /// Records a failed try; returns the number of consecutive failures.
    pub(super) fn failed(&mut self, reason: String, held: bool) -> u32 {
        let failures = self.away.as_ref().map_or(0, |away| away.failures).saturating_add(1);
        self.away = Some(Away { reason, failures, held });
        self.failed_rounds += 1;
        // They are sent alone, and their callers notified as soon as that is known to be pointless.
        self.questions.clear();
        self.stats.failed_requests += 1;
        failures
    }

    /// The waiters for this event.
    pub(super) fn replies_of(&mut self, event: &Outgoing) -> Vec<Reply> {
        let name = (Arc::clone(&event.task), Arc::clone(&event.id));
        self.replies.remove(&name).unwrap_or_default()
    }

    /// All waiters, each with its event's id.
    pub(super) fn all_replies(&mut self) -> Vec<(Arc<str>, Reply)> {
        let replies = self.replies.drain();
        replies
            .flat_map(|((_, id), replies)| replies.into_iter().map(move |it| (Arc::clone(&id), it)))
            .collect()
    }
}
