//! The circuit breaker and what it follows from: how long phase transitions take.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::OnceCell;
use tollgate_clock::Stopwatch;
use tollgate_domain::event::{Event, EventBody, LedgerEvent, TransitionsMeasured};
use tollgate_domain::ids::EventId;
use tollgate_domain::ids::LEDGER_TENANT;
use tollgate_domain::position::PartitionId;
use tollgate_domain::time::Timestamp;
use tollgate_log::contract::Batch;
use tollgate_projector::queries::{Governing, GoverningOf};
use tollgate_projector::{QueryError, Wait};
use tollgate_wire::Submitted;
use tollgate_wire::api::{AcknowledgeRequest, BreakerState};
use uuid::Uuid;

use super::append::of_append;
use super::facts::new_event;
use super::{Appended, Ledger, Read, own_name};
use crate::problem::{Answer, BREAKER_CLOSED, INTERNAL, of_field, of_query};

/// How long a gate waits for the state of the breaker, once for a process: a view that does not answer keeps no gate from blocking.
const FIRST_WAIT: Duration = Duration::from_millis(500);

/// Transitions of a span that are kept: those beyond are not measured.
const KEPT: usize = 100_000;

/// What this process knows of the breaker, and what it measured.
#[derive(Default)]
pub(super) struct Breaker {
    asked: OnceCell<()>,
    open: std::sync::atomic::AtomicBool,
    span: Mutex<Span>,
}

/// A span that is being measured.
#[derive(Default)]
struct Span {
    since: Option<Timestamp>,
    micros: Vec<u64>,
}

/// A transition that runs.
#[derive(Clone, Copy)]
pub(super) struct Transition {
    since: Stopwatch,
    /// For how long readers had been served when it began.
    served: Duration,
}

impl Transition {
    pub(super) fn elapsed(&self) -> Duration {
        self.since.elapsed()
    }
}

/// What of a transition was the ledger's own time: that in which no reader was served. What readers hold up is never longer than they are
/// served, so they can make it no longer. `None`: readers were served for more than a quarter of it, so that it says too little.
fn own_time(took: Duration, readers: Duration) -> Option<Duration> {
    (readers <= took / 4).then(|| took.saturating_sub(readers))
}

impl Breaker {
    pub(super) fn set(&self, open: bool) {
        self.open.store(open, std::sync::atomic::Ordering::Relaxed);
    }

    pub(super) fn is_open(&self) -> bool {
        self.open.load(std::sync::atomic::Ordering::Relaxed)
    }
}

impl Ledger {
    /// Whether the breaker keeps the gate from blocking, as far as this process knows. Reactors tell it; the first gate asks.
    pub(super) async fn breaker_is_open(&self) -> bool {
        self.breaker
            .asked
            .get_or_init(|| async {
                match self.governing(Wait { at_least: None, up_to: FIRST_WAIT }).await {
                    Ok(governing) => self.breaker.set(governing.breaker.is_some()),
                    Err(error) => tracing::warn!(%error, "the state of the circuit breaker is not known yet: taken as closed"),
                }
            })
            .await;
        self.breaker.is_open()
    }

    /// What is true of the ledger as a whole.
    async fn governing(&self, wait: Wait<'_>) -> Result<Governing, QueryError> {
        let partition = PartitionId::of(LEDGER_TENANT, LEDGER_TENANT);
        let answered = self.alerts.ask(partition, wait, &GoverningOf {}).await?;
        self.breaker.set(answered.answer.breaker.is_some());
        Ok(answered.answer)
    }

    /// The same as of the log's end.
    pub(super) async fn governing_now(&self, read: &Read) -> Answer<Governing> {
        let partition = PartitionId::of(LEDGER_TENANT, LEDGER_TENANT);
        let at_least = self.wanted(read).await?.map(|position| position.only(partition));
        let wait = Wait { at_least: at_least.as_ref(), up_to: read.wait };
        self.governing(wait).await.map_err(|error| of_query(&error))
    }

    /// The breaker's state, and what it follows from.
    ///
    /// # Errors
    ///
    /// The problem to answer with.
    pub async fn breaker(&self, read: &Read) -> Answer<BreakerState> {
        let governing = self.governing_now(read).await?;
        let config = &self.settings().config.alerts;
        let transitions = &governing.transitions;
        Ok(BreakerState {
            open: governing.breaker.is_some(),
            alert: governing.breaker.clone(),
            baseline_transitions: transitions.baseline_transitions,
            baseline_p95_us: transitions.baseline_p95_us(),
            recent_p95_us: transitions.recent_p95_us(config.breaker_after_ms),
            breaker_percent: config.breaker_percent,
            breaker_after_ms: config.breaker_after_ms,
        })
    }

    /// Closes the breaker: a person has seen why it opened. Enforcement is on again at once here, within seconds on other servers.
    ///
    /// # Errors
    ///
    /// The problem to answer with; `breaker_closed` where it is not open.
    pub async fn reset_breaker(&self, request: &AcknowledgeRequest) -> Answer<Appended> {
        let read = Read { at_least: Some("tail".to_owned()), ..Read::default() };
        let Some(alert) = self.governing_now(&read).await?.breaker else {
            return Err(BREAKER_CLOSED.with(
                "resetting the circuit breaker: it is closed, enforcement is as the config says".to_owned(),
            ));
        };
        let appended = self.acknowledge(&alert, request).await?;
        self.governing_now(&read).await?;
        tracing::warn!(by = request.by, "the circuit breaker was reset");
        Ok(appended)
    }

    /// A transition begins.
    pub(super) fn transition(&self) -> Transition {
        Transition { since: Stopwatch::start(), served: self.readers.served() }
    }

    /// Notes how long the ledger itself took for a transition.
    pub(super) fn measured(&self, transition: &Transition) {
        let readers = self.readers.served().saturating_sub(transition.served);
        let Some(own) = own_time(transition.elapsed(), readers) else { return };
        let mut span = self.breaker.span.lock().unwrap_or_else(PoisonError::into_inner);
        if span.micros.len() < KEPT {
            span.micros.push(u64::try_from(own.as_micros()).unwrap_or(u64::MAX));
        }
    }

    /// Writes down what was measured since the last time. Nothing where nothing was.
    ///
    /// # Errors
    ///
    /// The problem with the append: that span is lost, the next one is measured.
    pub async fn record_measured(&self) -> Answer<()> {
        let (settings, until) = (self.settings(), self.clock.now());
        let (since, micros) = {
            let mut span = self.breaker.span.lock().unwrap_or_else(PoisonError::into_inner);
            (span.since.replace(until), std::mem::take(&mut span.micros))
        };
        // The first span began with the process: nobody knows when.
        let Some((since, measured)) = since.zip(summary(micros)) else { return Ok(()) };
        let span_ms = u64::try_from(until.millis_since(since)).unwrap_or_default();
        let body = TransitionsMeasured { span_ms, rollout: settings.config.rollout, ..measured };
        self.append_noted(
            &format!("transitions-{}", Uuid::now_v7().simple()),
            Some(until),
            EventBody::Ledger(LedgerEvent::TransitionsMeasured(body)),
        )
        .await
    }

    /// Appends an event that the ledger writes about itself.
    pub(super) async fn append_noted(&self, id: &str, at: Option<Timestamp>, body: EventBody) -> Answer<()> {
        let invalid = || INTERNAL.with(format!("`{id}` is no event id"));
        let (tenant, task, producer, _) = own_name("own".to_owned()).ok_or_else(invalid)?;
        let partition = PartitionId::of(tenant.as_str(), task.as_str());
        let id = EventId::new(id).map_err(|_| invalid())?;
        let event = Event {
            tenant: tenant.clone(),
            task,
            producer,
            id,
            occurred_at: at,
            trace_parent: None,
            body: body.clone(),
        };
        let submitted = Submitted::from_event(event).map_err(|error| of_field(&error))?;
        let new = new_event(&submitted, &body).map_err(|error| of_field(&error))?;
        let batch = Batch { tenant, partition, events: vec![new], decision: None, recorded_at: None };
        self.log.append(batch).await.map(|_| ()).map_err(|error| of_append(&error))
    }
}

/// The figures of a span but for its times; `None`: it holds nothing.
fn summary(mut micros: Vec<u64>) -> Option<TransitionsMeasured> {
    micros.sort_unstable();
    let at = |percent: usize| micros.get((micros.len() * percent).div_ceil(100).max(1) - 1).copied();
    Some(TransitionsMeasured {
        span_ms: 0,
        transitions: micros.len() as u64,
        p50_us: at(50)?,
        p95_us: at(95)?,
        longest_us: *micros.last()?,
        rollout: tollgate_domain::config::Rollout::Observe,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_in_which_readers_are_served_is_not_the_ledgers_own() {
        let ms = Duration::from_millis;
        for (took, readers, own) in [
            (40, 0, Some(40)),
            (40, 1, Some(39)),
            (40, 10, Some(30)),
            // A reader in the middle of its answer all the time: nothing is known of the ledger.
            (40, 11, None),
            (3000, 3000, None),
            (0, 0, Some(0)),
        ] {
            assert_eq!(own_time(ms(took), ms(readers)), own.map(ms), "{took} {readers}");
        }
    }

    #[test]
    fn a_span_is_summed_up_by_its_percentiles() {
        assert_eq!(summary(Vec::new()), None);
        for (micros, expected) in [
            (vec![7], (1, 7, 7, 7)),
            (vec![2, 1], (2, 1, 2, 2)),
            ((1..=100).rev().collect(), (100, 50, 95, 100)),
            ((1..=101).collect(), (101, 51, 96, 101)),
        ] {
            let found = summary(micros).unwrap();
            assert_eq!((found.transitions, found.p50_us, found.p95_us, found.longest_us), expected);
        }
    }
}
