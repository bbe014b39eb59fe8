//! The watch: writes to the log what only the passage of time reveals.
//!
//! It follows the log's decisions to find running executions, and examines each one when its next condition
//! is due; it also examines the views from time to time. What it writes follows from the state alone, so
//! several servers may watch one ledger: they write the same events. It keeps nothing that must not be lost.

mod views;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch::Receiver;
use tollgate_clock::{Clock, Stopwatch, sleep};
use tollgate_domain::alert::Condition;
use tollgate_domain::config::WatchConfig;
use tollgate_domain::event::ConditionObserved;
use tollgate_domain::ids::{EventId, InvalidId, TaskId, TenantId};
use tollgate_domain::position::{PartitionId, Position, Sequence};
use tollgate_domain::time::Timestamp;
use tollgate_log::contract::{AppendError, EventLog, Partitions, ReadError, RecordReader};
use tollgate_log::groups::Groups;
use tollgate_log::record::StoredRecord;
use tollgate_projection::alerts::Alerts;
use tollgate_projection::alerts::watch::outlook;
use tollgate_projection::reports::Reports;
use tollgate_projection::spending::Spending;
use tollgate_projection::status::Status;
use tollgate_wire::FieldError;

use super::watched::record;
use crate::queries::{ObservedOfViews, OneTask, RunningTasks};
use crate::query::{QueryError, Wait, restricted};
use crate::source::Source;

/// The longest wait before looking again: at the views, and in case the clock was set.
const LOOK_EVERY: Duration = Duration::from_secs(5);

/// The earliest that a task is examined again, in milliseconds, however short its thresholds are.
const AGAIN_AFTER_MS: i64 = 1000;

/// How long to wait for a view.
const WAIT: Duration = Duration::from_secs(5);

/// The views that are watched and queried.
#[derive(Clone)]
pub struct Views {
    /// Tasks: which executions are running.
    pub status: Arc<Source<Status>>,
    /// Totals.
    pub reports: Arc<Source<Reports>>,
    /// Alerts: what was observed before.
    pub alerts: Arc<Source<Alerts>>,
    /// What was spent.
    pub spending: Arc<Source<Spending>>,
}

/// Watches the tasks and the views of a ledger.
pub struct Watch {
    log: Arc<dyn EventLog>,
    views: Views,
    clock: Arc<dyn Clock>,
    config: Box<dyn Fn() -> WatchConfig + Send + Sync>,
    /// The record up to which decisions were read, by partition; `None` if it has not begun.
    seen: Option<Position>,
    /// Tasks with an execution that is running or was a moment ago.
    tasks: BTreeMap<(String, String), Look>,
    /// What holds for views, as far as this process knows, each with what was written.
    of_views: BTreeMap<Condition, ConditionObserved>,
    /// Views that were late at the last look, and where the log ended then. Only a view that still lacks a
    /// record from then is reported: when the clock is put forward, every record looks old for a moment.
    late: BTreeMap<Condition, Sequence>,
    /// The log's end at the last look at the views, and when that was.
    looked: Option<(Position, Timestamp)>,
}

/// When to examine a task, and what was last written about it.
#[derive(Default)]
struct Look {
    at: Timestamp,
    written: BTreeSet<EventId>,
}

/// The result of a look.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Looked {
    /// Observations that were appended, or were already there.
    pub written: usize,
    /// When the next task is due by the clock; `None` if none is running.
    pub next: Option<Timestamp>,
}

/// Why it could not look, or not write. What was not written is written next time.
#[derive(Debug, thiserror::Error)]
pub enum WatchError {
    /// A view did not answer.
    #[error("watching: {0}")]
    Query(#[from] QueryError),
    /// The log could not be read.
    #[error("watching: {0}")]
    Read(#[from] ReadError),
    /// The log did not accept an observation.
    #[error("watching: {0}")]
    Append(#[from] AppendError),
    /// An observation breaks the rules of events.
    #[error("watching: {0}")]
    Event(#[from] FieldError),
    /// A name in the log breaks the rules of names.
    #[error("watching: {0}")]
    Name(#[from] InvalidId),
}

impl Watch {
    /// A watch over a log and its views. `config` is called before every look: a reloaded config takes effect
    /// at once.
    #[must_use]
    pub fn new(
        log: Arc<dyn EventLog>,
        views: Views,
        clock: Arc<dyn Clock>,
        config: impl Fn() -> WatchConfig + Send + Sync + 'static,
    ) -> Self {
        let config = Box::new(config);
        let (tasks, of_views, late) = (BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
        Self { log, views, clock, config, seen: None, tasks, of_views, late, looked: None }
    }

    /// Watches until it is told to stop.
    pub async fn run(mut self, mut stop: Receiver<bool>) {
        loop {
            let watched = tokio::select! {
                // An error means that the sender of the stop signal is gone.
                _ = stop.wait_for(|stop| *stop) => return,
                watched = self.follow() => watched,
            };
            if let Err(error) = watched {
                tracing::warn!(%error, "tried again in a while; alerts that need a clock may be late");
            }
            if tokio::time::timeout(LOOK_EVERY, stop.wait_for(|stop| *stop)).await.is_ok() {
                return;
            }
        }
    }

    /// Reads decisions as they arrive, and looks when something is due. Returns only with an error.
    async fn follow(&mut self) -> Result<(), WatchError> {
        self.begin().await?;
        let mut reader = self.reader().await?;
        reader.in_groups();
        let mut groups = Groups::default();
        let mut of_views = Stopwatch::start();
        self.look_at_views().await?;
        loop {
            let Looked { next, .. } = self.look_at_tasks().await?;
            if of_views.elapsed() >= LOOK_EVERY {
                self.look_at_views().await?;
                of_views = Stopwatch::start();
            }
            let due = next.map_or(LOOK_EVERY, |next| {
                let ms = next.millis_since(self.clock.now());
                Duration::from_millis(u64::try_from(ms).unwrap_or_default().saturating_add(1))
            });
            // `next` may be dropped: it reads and moves on in one step.
            let due = due.min(LOOK_EVERY);
            let next = groups.next(&mut *reader, |time| sleep(time.min(due / 2)));
            if let Ok(records) = tokio::time::timeout(due, next).await {
                // A task that goes from phase to phase is examined once a second, not at each step: looking
                // takes resources from the steps.
                let soon = self.clock.now().plus_millis(AGAIN_AFTER_MS);
                self.take(&records?, soon);
            }
        }
    }

    /// Examines everything once, as of the current log: for callers that watch at their own pace.
    ///
    /// # Errors
    ///
    /// [`WatchError`].
    pub async fn look(&mut self) -> Result<Looked, WatchError> {
        self.begin().await?;
        let mut reader = self.reader().await?;
        loop {
            let records = reader.try_next().await?;
            if records.is_empty() {
                break;
            }
            self.take(&records, Timestamp::default());
        }
        let of_views = self.look_at_views().await?;
        let of_tasks = self.look_at_tasks().await?;
        Ok(Looked { written: of_tasks.written + of_views, next: of_tasks.next })
    }

    /// Finds out what is running, and what was observed of views before, by another server or by this one
    /// before it restarted.
    async fn begin(&mut self) -> Result<(), WatchError> {
        if self.seen.is_some() {
            return Ok(());
        }
        let tail = self.log.tail().await?;
        let wait = Wait { at_least: Some(&tail), up_to: WAIT };
        let mut after = None;
        loop {
            let (parts, _) = self.views.status.ask_all(wait, &RunningTasks { after }).await?;
            for part in &parts {
                self.tasks.extend(part.tasks.iter().map(|name| (name.clone(), Look::default())));
            }
            // Parts that got further are read again from there: finding a task twice does no harm.
            after = parts.into_iter().filter_map(|part| part.through).min();
            if after.is_none() {
                break;
            }
        }
        let (parts, _) = self.views.alerts.ask_all(wait, &ObservedOfViews {}).await?;
        for (condition, observed) in parts.into_iter().flatten() {
            let seen = ConditionObserved {
                condition: condition.clone(),
                active: true,
                since: observed.since,
                threshold_ms: 0,
                detail: observed.detail,
            };
            self.of_views.insert(condition, seen);
        }
        self.seen = Some(tail);
        Ok(())
    }

    async fn reader(&self) -> Result<Box<dyn RecordReader>, WatchError> {
        let after = self.seen.as_ref().map(Position::highest).unwrap_or_default();
        Ok(self.log.read_unchained(Partitions::ALL, after).await?)
    }

    /// Records tasks with a new decision, to be examined by then: only a decision begins an execution. Decisions about
    /// anything else, such as keys, have subjects of the ledger's own.
    fn take(&mut self, records: &[StoredRecord], by: Timestamp) {
        for StoredRecord { sequence, record, .. } in records {
            if let Some(seen) = &mut self.seen {
                seen.advance(record.partition(), *sequence);
            }
            if let Some(task) = record.decision_subject().filter(|task| is_task(record.tenant(), task)) {
                let name = (record.tenant().to_owned(), task.to_owned());
                let look = self.tasks.entry(name).or_insert_with(|| Look { at: by, ..Look::default() });
                look.at = look.at.min(by);
            }
        }
    }

    /// Examines the tasks that are due.
    async fn look_at_tasks(&mut self) -> Result<Looked, WatchError> {
        let (now, config) = (self.clock.now(), (self.config)());
        let mut written = 0;
        let due: Vec<_> =
            self.tasks.iter().filter(|(_, look)| look.at <= now).map(|(name, _)| name.clone()).collect();
        for name in due {
            written += self.look_at(&name, now, &config).await?;
        }
        Ok(Looked { written, next: self.tasks.values().map(|look| look.at).min() })
    }

    async fn look_at(
        &mut self,
        name: &(String, String),
        now: Timestamp,
        config: &WatchConfig,
    ) -> Result<usize, WatchError> {
        let (tenant, task) = (TenantId::new(name.0.as_str())?, TaskId::new(name.1.as_str())?);
        let partition = PartitionId::of(tenant.as_str(), task.as_str());
        let seen = self.seen.as_ref().map(|seen| restricted(seen, Partitions::only(partition)));
        let wait = Wait { at_least: seen.as_ref(), up_to: WAIT };
        let question = OneTask { tenant: name.0.clone(), task: name.1.clone() };
        let found = self.views.status.ask(partition, wait, &question).await?.answer;
        let Some(row) = found.row.filter(|row| row.state.active.is_some()) else {
            self.tasks.remove(name);
            return Ok(0);
        };
        let seen = outlook(&name.1, &row, now, config);
        // Its unread events may contain usage, or its end.
        let new: Vec<ConditionObserved> = match (self.tasks.get(name), found.degraded) {
            (Some(look), false) => {
                seen.observed.iter().filter(|one| !look.written.contains(&one.event_id())).cloned().collect()
            }
            (None, _) | (_, true) => Vec::new(),
        };
        if !new.is_empty() {
            self.write(&tenant, &task, &new).await?;
        }
        if let Some(look) = self.tasks.get_mut(name) {
            // Events arriving meanwhile only ever delay the next condition, with one exception: usage arms
            // the silence rule again.
            let again = i64::try_from(config.silence_after_ms).unwrap_or(i64::MAX);
            let rearmed = (config.silence_after_ms > 0).then(|| now.plus_millis(again));
            let next = [seen.next, rearmed].into_iter().flatten().min();
            let earliest = now.plus_millis(AGAIN_AFTER_MS);
            // With everything switched off, it is examined again when something is decided, or when the
            // config may have changed.
            look.at = next.unwrap_or_else(|| now.plus_millis(60 * AGAIN_AFTER_MS)).max(earliest);
            look.written = seen.observed.iter().map(ConditionObserved::event_id).collect();
        }
        Ok(new.len())
    }

    async fn write(
        &self,
        tenant: &TenantId,
        task: &TaskId,
        observed: &[ConditionObserved],
    ) -> Result<(), WatchError> {
        self.log.append(record(tenant, task, observed)?).await?;
        for seen in observed {
            let (rule, active) = (seen.rule(), seen.active);
            tracing::info!(%tenant, %task, %rule, scope = %seen.scope(), active, "observed: {}", seen.detail);
        }
        Ok(())
    }
}

/// Whether a decision is about a task of a tenant.
fn is_task(tenant: &str, subject: &str) -> bool {
    TenantId::new(tenant).is_ok() && TaskId::new(subject).is_ok()
}
