//! The tracker: reports what a task does without making the orchestrator wait for the ledger, and asks the
//! gate.
//!
//! Reading order: [`report`] is what callers provide, [`queue`] holds it, [`sender`] delivers it, [`answer`]
//! interprets the ledger's answers, [`outcome`] is what callers get back, [`gate`] asks the gate.

mod answer;
mod builder;
mod fitting;
mod gate;
mod outcome;
mod pending;
mod queue;
mod report;
mod sender;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use serde_json::value::RawValue;
use tokio::sync::oneshot;
use tollgate_clock::{Backoff, Clock};
use tollgate_domain::event::{
    Event, EventBody, PhaseEnded, PhaseStarted, SignalRecorded, TaskClosed, TaskEvent, TaskOpened,
    TaskOutcome, UsageEvent, WaitRecorded,
};
use tollgate_domain::ids::{EventId, ProducerId, TaskId, TenantId};
use tollgate_domain::metadata::TaskMetadata;
use tollgate_domain::position::Position;
use tollgate_wire::{FieldError, Submitted};

pub use builder::{StartError, TrackerBuilder};
pub use gate::{DecidedBy, GateAnswer, GateError, OnUnreachable};
pub use outcome::{
    CloseError, Delivery, DeliveryError, Ended, FlushError, Recorded, Rejected, RejectedKind, Stats,
    TrackError, Trouble,
};
pub use pending::Pending;
pub use queue::{Batching, QueueBound};
pub use report::{Signal, Stamp, Usage, Wait};

use crate::client::Client;
use crate::random::Random;
use crate::spool::line::Outgoing;
use queue::Shared;
use report::{invalid, phase_of};

/// Reports to a ledger what tasks do, in order, each event once.
///
/// Reporting checks the event, puts it into a bounded queue and returns; a task of the tokio runtime sends
/// batches. An event keeps its id and its bytes across all tries, so the ledger counts it once whatever gets
/// lost on the way. While the ledger is away, events wait in the spool, or in memory if there is none, and
/// are delivered in order later. An event survives the end of this process once it is acknowledged
/// ([`Self::flush`]) or in the spool; an event that is only queued does not.
///
/// A clone is the same tracker. When the last clone is dropped, what is queued is still delivered or spooled,
/// as long as the runtime lives; [`Self::close`] waits for that.
#[derive(Clone)]
pub struct Tracker {
    inner: Arc<Inner>,
}

/// What all clones share.
struct Inner {
    shared: Arc<Shared>,
    client: Client,
    producer: ProducerId,
    tenant: TenantId,
    clock: Arc<dyn Clock>,
    random: Random,
    backoff: Backoff,
    on_unreachable: OnUnreachable,
    gate_patience: Duration,
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.shared.start_closing();
    }
}

impl Tracker {
    /// Opens a task. Its limits are computed by the ledger and are never changed by a later config.
    ///
    /// # Errors
    ///
    /// [`TrackError`]: nothing was queued. If the ledger refuses the event, [`Pending`] reports that.
    pub fn open_task(&self, task: &str, metadata: TaskMetadata) -> Result<Pending, TrackError> {
        let opened = TaskOpened { metadata, limits: None };
        self.submit(task, EventBody::Task(TaskEvent::TaskOpened(Box::new(opened))), Stamp::default())
    }

    /// Starts a phase. [`Delivery::attempt`] returns the number of the attempt.
    ///
    /// # Errors
    ///
    /// Those of [`Self::open_task`].
    pub fn start_phase(&self, task: &str, phase: &str) -> Result<Pending, TrackError> {
        let started = PhaseStarted::reported(phase_of(phase)?);
        self.submit(task, EventBody::Task(TaskEvent::PhaseStarted(started)), Stamp::default())
    }

    /// Ends a phase: the active attempt, or the given one.
    ///
    /// # Errors
    ///
    /// Those of [`Self::open_task`].
    pub fn end_phase(&self, task: &str, phase: &str, attempt: Option<u32>) -> Result<Pending, TrackError> {
        let ended = PhaseEnded { phase: phase_of(phase)?, attempt };
        self.submit(task, EventBody::Task(TaskEvent::PhaseEnded(ended)), Stamp::default())
    }

    /// Closes a task.
    ///
    /// # Errors
    ///
    /// Those of [`Self::open_task`].
    pub fn close_task(
        &self,
        task: &str,
        outcome: TaskOutcome,
        reason: Option<String>,
    ) -> Result<Pending, TrackError> {
        let closed = TaskClosed { outcome, reason, author: None };
        self.submit(task, EventBody::Task(TaskEvent::TaskClosed(closed)), Stamp::default())
    }

    /// Reports what a model call used. It costs the caller a check and a slot in the queue, never a wait.
    ///
    /// # Errors
    ///
    /// [`TrackError`]: nothing was queued. Without a spool the queue fills while the ledger is away.
    pub fn report_usage(&self, task: &str, usage: Usage) -> Result<EventId, TrackError> {
        let (usage, stamp) = usage.recorded()?;
        let event = self.event(task, EventBody::Usage(UsageEvent::UsageRecorded(usage)), stamp)?;
        Ok(self.queue(event, None)?.0)
    }

    /// Reports that a task or a phase waited.
    ///
    /// # Errors
    ///
    /// Those of [`Self::report_usage`].
    pub fn report_wait(&self, task: &str, wait: Wait) -> Result<EventId, TrackError> {
        let execution = report::execution(wait.phase.as_deref(), wait.attempt)?;
        let body = WaitRecorded { execution, kind: wait.kind, wait_ms: wait.wait_ms };
        let event = self.event(task, EventBody::Usage(UsageEvent::WaitRecorded(body)), wait.stamp)?;
        Ok(self.queue(event, None)?.0)
    }

    /// Reports a sign of progress or trouble.
    ///
    /// # Errors
    ///
    /// Those of [`Self::report_usage`].
    pub fn report_signal(&self, task: &str, signal: Signal) -> Result<EventId, TrackError> {
        let execution = report::execution(signal.phase.as_deref(), signal.attempt)?;
        let body = SignalRecorded { execution, name: signal.name, value: signal.value, key: signal.key };
        let event = self.event(task, EventBody::Usage(UsageEvent::SignalRecorded(body)), signal.stamp)?;
        Ok(self.queue(event, None)?.0)
    }

    /// Reports any event of the contract, with a custom id and time if needed.
    ///
    /// # Errors
    ///
    /// Those of [`Self::open_task`].
    pub fn submit(&self, task: &str, body: EventBody, stamp: Stamp) -> Result<Pending, TrackError> {
        let event = self.event(task, body, stamp)?;
        let (tell, reply) = oneshot::channel();
        let (id, number) = self.queue(event, Some(tell))?;
        Ok(Pending { id, number, shared: Arc::clone(&self.inner.shared), reply })
    }

    /// Waits until everything reported before is in the log, or refused and reported as trouble. The position
    /// covers everything acknowledged to this tracker so far; `None` if that is nothing.
    ///
    /// # Errors
    ///
    /// [`FlushError::Away`] after several failed tries: the events are kept and will be delivered.
    pub async fn flush(&self) -> Result<Option<Position>, FlushError> {
        self.inner.shared.flush().await
    }

    /// Delivers what is queued and ends the tracker; if the ledger is away, the spool keeps it for the next
    /// tracker.
    ///
    /// # Errors
    ///
    /// [`CloseError`]: the ledger is away and there is no spool, or the spool did not accept everything. Each
    /// lost event was reported as [`Trouble::Undelivered`].
    pub async fn close(self) -> Result<Ended, CloseError> {
        let shared = &self.inner.shared;
        shared.start_closing();
        shared.ended().await;
        let state = shared.state();
        if !state.queue.is_empty() {
            let reason = state.away.as_ref().map_or("the runtime ended", |away| away.reason.as_str());
            return Err(CloseError { events: state.queue.len(), reason: reason.to_owned() });
        }
        if state.spool_bytes > 0 {
            return Ok(Ended::Kept { spool_bytes: state.spool_bytes });
        }
        Ok(Ended::Delivered { position: state.position.clone() })
    }

    /// Covers everything acknowledged so far: pass it as `at_least` to read those events.
    #[must_use]
    pub fn position(&self) -> Option<Position> {
        self.inner.shared.state().position.clone()
    }

    /// What was done so far, and what is waiting.
    #[must_use]
    pub fn stats(&self) -> Stats {
        let state = self.inner.shared.state();
        Stats { waiting: state.queue.len(), spool_bytes: state.spool_bytes, ..state.stats }
    }

    fn event(&self, task: &str, body: EventBody, stamp: Stamp) -> Result<Event, FieldError> {
        let inner = &self.inner;
        let id = stamp.id.unwrap_or_else(|| inner.random.id());
        Ok(Event {
            tenant: inner.tenant.clone(),
            task: TaskId::new(task).map_err(|error| invalid(&error))?,
            producer: inner.producer.clone(),
            id: EventId::new(id).map_err(|error| invalid(&error))?,
            // Set here once and for all: whether the ledger recognizes a retry depends on it.
            occurred_at: Some(stamp.occurred_at.unwrap_or_else(|| inner.clock.now())),
            trace_parent: stamp.trace_parent,
            body,
        })
    }

    fn queue(
        &self,
        event: Event,
        reply: Option<oneshot::Sender<Result<Delivery, DeliveryError>>>,
    ) -> Result<(EventId, u64), TrackError> {
        let (id, task) = (event.id.clone(), event.task.clone());
        let json = Submitted::from_event(event)?.to_json().to_string();
        let json = RawValue::from_string(json).map_err(|error| FieldError {
            field: "event".to_owned(),
            value: id.as_str().to_owned(),
            rule: format!("must be writable as JSON: {error}"),
        })?;
        let outgoing = Outgoing { id: id.as_str().into(), task: task.as_str().into(), json };
        let number = self.inner.shared.push(outgoing, reply)?;
        Ok((id, number))
    }
}

impl fmt::Debug for Tracker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tracker")
            .field("producer", &self.inner.producer)
            .field("tenant", &self.inner.tenant)
            .field("stats", &self.stats())
            .finish_non_exhaustive()
    }
}
