//! A running projector: the handle that queries go through.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::sync::{mpsc, oneshot, watch};
use tollgate_clock::Stopwatch;
use tollgate_domain::position::{PartitionId, Position};
use tollgate_log::contract::{EventLog, Partitions};
use tollgate_projection::fold::{Projection, read_task_key};
use tollgate_wire::api::{QuarantinedTask, ViewHealth};

use crate::follow::{Command, Follower};
use crate::pool::{Asker, ReadPool};
use crate::query::{Answered, Query, QueryError, Wait, restricted};
use crate::rebuild::{self, RebuildError, Rebuilt};
use crate::row_error::RowError;
use crate::seen::{Seen, Snapshot};
use crate::shared::{Progress, Shared};
use crate::view::{View, ViewError, store_dir_of};
use crate::waiters::Waiters;

/// How often a query over many rows is tried if the view moved on too far, or was reopened, while it was
/// being answered.
const TRIES: u32 = 3;

/// A view that is kept up to date with the log by its own thread.
///
/// Appends never wait for it. After a drop, what was folded since the last commit is folded again on the next
/// start; [`Self::stop`] commits it.
pub struct Projector<P: Projection + Clone> {
    shared: Arc<Shared<P>>,
    /// `None` only while it is being dropped.
    commands: Option<mpsc::Sender<Command<P>>>,
    thread: Mutex<Option<JoinHandle<()>>>,
    /// Why it did not begin to follow, if it did not.
    refused: Option<ViewError>,
}

impl<P: Projection + Clone> Projector<P> {
    /// Opens the view under `views_dir` and begins to follow the log. Needs a running tokio runtime.
    ///
    /// # Errors
    ///
    /// [`ViewError`] if the log cannot be read or no store can be created.
    pub async fn start(projection: P, views_dir: &Path, log: Arc<dyn EventLog>) -> Result<Self, ViewError> {
        let started = Self::start_part(projection, views_dir, log, Partitions::ALL, false).await?;
        match started.refused {
            Some(ref error) => Err(error.clone()),
            None => Ok(started),
        }
    }

    /// Like [`Self::start`], for some partitions. A view that is ahead of the log runs but refuses: it
    /// answers nothing, and its health says why. With `accept_loss` it is set aside and rebuilt from the log
    /// that is there.
    ///
    /// # Errors
    ///
    /// Those of [`Self::start`].
    pub async fn start_part(
        projection: P,
        views_dir: &Path,
        log: Arc<dyn EventLog>,
        partitions: Partitions,
        accept_loss: bool,
    ) -> Result<Self, ViewError> {
        Self::start_with(projection, views_dir, log, partitions, accept_loss, ReadPool::default()).await
    }

    /// Like [`Self::start_part`], with a pool for answers over many rows that is shared with others.
    ///
    /// # Errors
    ///
    /// Those of [`Self::start`].
    pub async fn start_with(
        projection: P,
        views_dir: &Path,
        log: Arc<dyn EventLog>,
        partitions: Partitions,
        accept_loss: bool,
        readers: ReadPool,
    ) -> Result<Self, ViewError> {
        let dir = store_dir_of::<P>(views_dir, partitions);
        let tail = log.tail().await?;
        let opened = View::open_part(projection.clone(), &dir, &*log, partitions, accept_loss).await;
        let (view, refused) = match opened {
            Ok(view) => (Some(view), None),
            Err(error @ ViewError::Regressed { .. }) => (None, Some(error)),
            Err(error) => return Err(error),
        };
        let position = view.as_ref().map_or_else(|| Position::start(log.epoch().id), View::position);
        let failed = refused.as_ref().map(ToString::to_string);
        let progress = watch::Sender::new(Progress { position, failed });
        let shared = Arc::new(Shared {
            log,
            dir,
            projection,
            partitions,
            readers,
            view: RwLock::new(view),
            progress,
            waiters: Waiters::default(),
            rebuilding: Arc::default(),
            opened_at: Mutex::new(tail),
        });
        let (commands, received) = mpsc::channel(4);
        let follower = Follower::new(Arc::clone(&shared), received);
        let runtime = Handle::current();
        let thread = std::thread::Builder::new()
            .name(format!("view-{}", P::NAME))
            .spawn(move || runtime.block_on(follower.run()))
            .map_err(|error| ViewError::Thread(error.to_string()))?;
        Ok(Self { shared, commands: Some(commands), thread: Mutex::new(Some(thread)), refused })
    }

    /// Runs a query on the view once it contains the requested position. The closure must be quick: the view
    /// does not move on while it runs.
    ///
    /// # Errors
    ///
    /// [`QueryError`]; a view that is behind returns an error rather than an outdated answer.
    pub async fn read<R>(&self, wait: Wait<'_>, query: impl FnOnce(&View<P>) -> R) -> Result<R, QueryError> {
        let wanted = self.wanted(wait.at_least)?;
        let mut progress = self.shared.progress.subscribe();
        let reached = |progress: &Progress| progress.position.covers(&wanted);
        let _waiting = (!reached(&progress.borrow())).then(|| self.shared.waiters.wait());
        // A projector that has failed may come back; the deadline decides.
        let waited = tokio::time::timeout(wait.up_to, progress.wait_for(reached)).await;
        if let Ok(Ok(_)) = waited
            && let Some(view) = self.shared.view().as_ref()
        {
            return Ok(query(view));
        }
        Err(self.stale(wanted, wait))
    }

    fn stale(&self, wanted: Position, wait: Wait<'_>) -> QueryError {
        let now = self.shared.progress.borrow().clone();
        let waited_ms = u64::try_from(wait.up_to.as_millis()).unwrap_or(u64::MAX);
        let (as_of, wanted) = (Box::new(now.position), Box::new(wanted));
        QueryError::Stale { view: P::NAME, as_of, wanted, waited_ms, failed: now.failed }
    }

    /// Answers a query once the view contains the requested position.
    ///
    /// # Errors
    ///
    /// [`QueryError`]; a view that is behind returns an error rather than an outdated answer.
    pub async fn ask<Q: Query<P>>(
        &self,
        wait: Wait<'_>,
        query: &Q,
    ) -> Result<Answered<Q::Answer>, QueryError> {
        if Q::OVER_MANY {
            return self.ask_over_many(wait, query).await;
        }
        let partitions = self.shared.partitions;
        let read = self.read(wait, |view| {
            let answer = query.answer(&Seen::Now(view));
            answer.map(|answer| Answered { answer, as_of: view.position(), partitions })
        });
        Ok(read.await??)
    }

    /// Why its view was refused on start, if it was.
    #[must_use]
    pub const fn refused(&self) -> Option<&ViewError> {
        self.refused.as_ref()
    }

    /// Waits for the position first, so that this wait takes up no one else's turn. If the view moved on too
    /// far in the meantime, or was reopened, the query is tried again in the remaining time.
    async fn ask_over_many<Q: Query<P>>(
        &self,
        wait: Wait<'_>,
        query: &Q,
    ) -> Result<Answered<Q::Answer>, QueryError> {
        let waited = Stopwatch::start();
        for _ in 1..TRIES {
            let left = wait.up_to.saturating_sub(waited.elapsed());
            match self.ask_over_many_once(Wait { up_to: left, ..wait }, query).await {
                Err(QueryError::Rows(RowError::Overtaken)) => {}
                answered => return answered,
            }
        }
        let left = wait.up_to.saturating_sub(waited.elapsed());
        self.ask_over_many_once(Wait { up_to: left, ..wait }, query).await
    }

    async fn ask_over_many_once<Q: Query<P>>(
        &self,
        wait: Wait<'_>,
        query: &Q,
    ) -> Result<Answered<Q::Answer>, QueryError> {
        let waited = Stopwatch::start();
        self.read(wait, |_| ()).await?;
        let asker = if query.is_own() {
            Asker::Ledger
        } else {
            Asker::Reader(wait.up_to.saturating_sub(waited.elapsed()))
        };
        let (shared, query, here) = (Arc::clone(&self.shared), query.clone(), Arc::new(()));
        let gone = Arc::downgrade(&here);
        let answered = self.shared.readers.run(asker, move || {
            let begin = |live: &mut P::Live, as_of: &Position| query.begin(live, as_of);
            let taken = Snapshot::take(Arc::clone(&shared), gone, query.reads_kept(), begin)?;
            let Some(snapshot) = taken else { return Ok(None) };
            let answer = query.answer(&Seen::Pages(&snapshot))?;
            let as_of = snapshot.position().clone();
            Ok(Some(Answered { answer, as_of, partitions: shared.partitions }))
        });
        let answered = answered.await.map_err(|busy| QueryError::Busy { view: P::NAME, busy })?;
        drop(here);
        let wanted = self.wanted(wait.at_least)?;
        // It was reopened in the meantime, from an earlier checkpoint.
        match answered.map_err(QueryError::Rows)? {
            Some(answered) if answered.as_of.covers(&wanted) => Ok(answered),
            Some(_) | None => Err(self.stale(wanted, wait)),
        }
    }

    /// The pool in which answers over many rows are produced.
    #[must_use]
    pub fn readers(&self) -> &ReadPool {
        &self.shared.readers
    }

    /// The partitions it folds.
    #[must_use]
    pub fn partitions(&self) -> Partitions {
        self.shared.partitions
    }

    /// The view's health.
    pub async fn health(&self) -> ViewHealth {
        let Progress { position, failed } = self.shared.progress.borrow().clone();
        let tail = self.shared.log.tail().await;
        let view = self.shared.view();
        let (mut rows, mut quarantined, mut note) = (0, Vec::new(), failed.clone());
        let mut in_memory = None;
        if let Some(view) = view.as_ref() {
            rows = view.rows();
            note = note.or_else(|| view.note().map(str::to_owned));
            in_memory = view.memory_reason().map(|reason| {
                format!(
                    "answers from memory because its store cannot be written: {reason}; it is retried automatically"
                )
            });
            quarantined = view
                .quarantined()
                .filter_map(|(key, parked)| {
                    let (tenant, task) = read_task_key(key)?;
                    Some(QuarantinedTask {
                        tenant: tenant.to_owned(),
                        task: task.to_owned(),
                        sequence: parked.waiting.first().map_or(0, |(sequence, _)| sequence.0),
                        error: parked.error.clone(),
                        waiting: parked.waiting.len() as u64,
                    })
                })
                .collect();
        }
        // It does not lack the records of other partitions: it is caught up once it has the last one of its
        // own.
        let behind = |partition: PartitionId| {
            let end = tail.as_ref().map(|tail| tail.get(partition)).unwrap_or_default();
            let lag = end.0.saturating_sub(position.get(partition).0);
            (lag > 0).then_some((partition.number(), lag))
        };
        let partition_lag_records: BTreeMap<u8, u64> =
            self.shared.partitions.iter().filter_map(behind).collect();
        let lag_records = match &tail {
            Ok(tail) if !partition_lag_records.is_empty() => {
                let end = restricted(tail, self.shared.partitions).highest();
                end.0.saturating_sub(position.highest().0).max(1)
            }
            Ok(_) | Err(_) => 0,
        };
        if let Err(error) = tail {
            note = Some(error.to_string());
        }
        ViewHealth {
            view: P::NAME.to_owned(),
            running: failed.is_none() && self.commands.as_ref().is_some_and(|commands| !commands.is_closed()),
            partitions: self.shared.partitions.to_string(),
            lag_records,
            partition_lag_records,
            lag_growth: None,
            as_of: position.to_string(),
            rows,
            quarantined,
            note,
            in_memory,
        }
    }

    /// What the view contains.
    #[must_use]
    pub fn position(&self) -> Position {
        self.shared.progress.borrow().position.clone()
    }

    /// Waits until the view contains more than a position, for at most `up_to`. Returns whether it does.
    pub async fn moved_from(&self, position: &Position, up_to: Duration) -> bool {
        let mut progress = self.shared.progress.subscribe();
        let moved = progress.wait_for(|progress| progress.position != *position);
        matches!(tokio::time::timeout(up_to, moved).await, Ok(Ok(_)))
    }

    /// Builds the view a second time from the first record, compares it with the live one at the same
    /// position, and replaces the live one if they differ.
    ///
    /// # Errors
    ///
    /// [`RebuildError`]; the live view is unchanged.
    pub async fn rebuild(&self) -> Result<Rebuilt, RebuildError> {
        let dir = rebuild::claim(&self.shared.dir, &self.shared.rebuilding)?;
        let view = rebuild::build(&self.shared, &dir).await?;
        let (answer, compared) = oneshot::channel();
        // The directory is passed along: the caller may be gone before the second view is.
        let compare = Command::Compare { rebuilt: Box::new(view), dir, answer };
        self.send(compare).await.map_err(|()| RebuildError::Stopped)?;
        compared.await.map_err(|_| RebuildError::Stopped)?
    }

    /// Stops following, commits what was folded and hands it to the operating system.
    pub async fn stop(&self) {
        let (answer, stopped) = oneshot::channel();
        if self.send(Command::Stop { answer }).await.is_ok() {
            // An error means that the follower is already gone.
            let _ = stopped.await;
        }
        self.join();
        // The store's lock goes with the view.
        self.shared.replace(None);
    }

    async fn send(&self, command: Command<P>) -> Result<(), ()> {
        let Some(commands) = &self.commands else { return Err(()) };
        let sent = commands.send(command).await.map_err(|_| ());
        self.shared.waiters.up();
        sent
    }

    fn wanted(&self, at_least: Option<&Position>) -> Result<Position, QueryError> {
        let mut wanted = self.shared.opened_at.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some(at_least) = at_least {
            if at_least.epoch() != wanted.epoch() {
                let epoch = wanted.epoch().simple().to_string();
                return Err(QueryError::OtherLog { wanted: Box::new(at_least.clone()), epoch });
            }
            wanted.merge(at_least);
        }
        Ok(restricted(&wanted, self.shared.partitions))
    }
}

impl<P: Projection + Clone> Projector<P> {
    fn join(&self) {
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        if thread.is_some_and(|thread| thread.join().is_err()) {
            tracing::error!(view = P::NAME, "the projector's thread panicked");
        }
    }
}

impl<P: Projection + Clone> Drop for Projector<P> {
    /// The thread ends immediately or at the next record; nothing is committed.
    fn drop(&mut self) {
        self.commands = None;
        self.shared.waiters.up();
        self.join();
    }
}
