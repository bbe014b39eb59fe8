//! The thread of a projector: folds new records, commits from time to time, does what the handle requests.

use std::sync::{Arc, PoisonError};
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};
use tollgate_clock::Stopwatch;
use tollgate_log::groups::Groups;
use tollgate_projection::fold::Projection;
use tollgate_view_store::{StoreError, ViewStore};

use crate::dedup::index_dir;
use crate::rebuild::{self, RebuildError, Rebuilt};
use crate::rows::RowError;
use crate::shared::{Progress, Shared};
use crate::view::{View, ViewError};

/// While records arrive, the shortest time from one commit to the next.
const COMMIT_AFTER: Duration = Duration::from_secs(1);

/// Also at least this many times the duration of the last commit: commits cost at most a tenth of the time.
const COMMIT_SHARE: u32 = 10;

/// Without new records, a commit is made after this time.
const COMMIT_IDLE: Duration = Duration::from_millis(250);

/// How long a projector that failed waits before it tries again.
const RETRY_AFTER: Duration = Duration::from_secs(2);

/// How long a view in memory waits at most before its store is tried again.
const STORE_RETRY_MAX: Duration = Duration::from_secs(30);

/// A request of the handle to the thread.
pub(crate) enum Command<P: Projection> {
    /// Bring a second view up to the live one and compare them.
    Compare {
        rebuilt: Box<View<P>>,
        dir: rebuild::SecondDir,
        answer: oneshot::Sender<Result<Rebuilt, RebuildError>>,
    },
    /// Commit and end.
    Stop { answer: oneshot::Sender<()> },
}

pub(crate) struct Follower<P: Projection> {
    shared: Arc<Shared<P>>,
    commands: mpsc::Receiver<Command<P>>,
    since_commit: Stopwatch,
    last_commit_took: Duration,
    uncommitted: bool,
    /// When the store of a view in memory was last tried, and how long to wait for the next try.
    store_tried: Stopwatch,
    store_retry: Duration,
}

/// Why following paused.
enum Pause<P: Projection> {
    Asked(Command<P>),
    /// The view was moved back into its store.
    Reopened,
    /// The handle is gone.
    Dropped,
}

impl<P: Projection + Clone> Follower<P> {
    pub(crate) fn new(shared: Arc<Shared<P>>, commands: mpsc::Receiver<Command<P>>) -> Self {
        Self {
            shared,
            commands,
            since_commit: Stopwatch::start(),
            last_commit_took: Duration::ZERO,
            uncommitted: false,
            store_tried: Stopwatch::start(),
            store_retry: RETRY_AFTER,
        }
    }

    pub(crate) async fn run(mut self) {
        loop {
            let paused = match self.follow().await {
                Ok(pause) => pause,
                Err(error) => {
                    self.fail(&error);
                    match self.recover(&error).await {
                        Some(pause) => pause,
                        None => continue,
                    }
                }
            };
            match paused {
                Pause::Dropped => return,
                Pause::Reopened => {}
                Pause::Asked(Command::Stop { answer }) => {
                    if let Err(error) = self.commit().and_then(|()| self.flush()) {
                        tracing::error!(view = P::NAME, %error, "the last commit of the view failed");
                    }
                    // The caller no longer waits for the answer: there is nothing to do.
                    let _ = answer.send(());
                    return;
                }
                Pause::Asked(Command::Compare { rebuilt, dir, answer }) => {
                    let compared = match self.commit() {
                        Ok(()) => rebuild::compare(&self.shared, *rebuilt).await,
                        Err(error) => {
                            drop(rebuilt);
                            Err(error.into())
                        }
                    };
                    // Before the answer: its receiver may begin the next rebuild.
                    drop(dir);
                    let _ = answer.send(compared);
                }
            }
        }
    }

    /// Folds records as they arrive, until something else is requested.
    async fn follow(&mut self) -> Result<Pause<P>, ViewError> {
        let log = &*self.shared.log;
        let Some(after) = self.shared.view().as_ref().map(|view| view.begin_after(log)) else {
            return Err(ViewError::Thread("the view is not open".to_owned()));
        };
        let mut reader = log.read_from(self.shared.partitions, after).await?;
        if !P::AWAITED {
            reader.in_groups();
        }
        let mut groups = Groups::default();
        self.shared.progress.send_modify(|progress| progress.failed = None);
        loop {
            if self.try_store().await? {
                // Continue reading from where the view in its store is.
                return Ok(Pause::Reopened);
            }
            // A bounded wait if something must be committed or tried; otherwise as long as it takes.
            let idle = match self.in_memory() {
                _ if self.uncommitted => COMMIT_IDLE,
                true => self.store_retry,
                false => Duration::from_secs(3600),
            };
            tokio::select! {
                biased;
                command = self.commands.recv() => {
                    return Ok(command.map_or(Pause::Dropped, Pause::Asked));
                }
                // `next` may be cancelled: it reads and moves on in one step.
                records = tokio::time::timeout(idle, async {
                    if P::AWAITED {
                        reader.next().await
                    } else {
                        groups.next(&mut *reader, |time| self.shared.waiters.pause(time)).await
                    }
                }) => match records {
                    Ok(records) => self.apply_all(&records?)?,
                    Err(_) if self.uncommitted => self.commit()?,
                    Err(_) => {}
                },
            }
        }
    }

    fn apply_all(&mut self, records: &[tollgate_log::record::StoredRecord]) -> Result<(), ViewError> {
        for stored in records {
            let mut guard = self.shared.view_mut();
            let Some(view) = guard.as_mut() else { continue };
            view.check_bound()?;
            view.apply(stored)?;
            let (position, full) = (view.position(), view.commit_is_due());
            drop(guard);
            self.uncommitted = true;
            self.shared.progress.send_modify(|progress| progress.position = position);
            let due = COMMIT_AFTER.max(self.last_commit_took * COMMIT_SHARE);
            if full || self.since_commit.elapsed() >= due {
                self.commit()?;
            }
        }
        Ok(())
    }

    /// Commits while queries run: only this thread changes the view, so a shared lock is enough for the write
    /// itself.
    fn commit(&mut self) -> Result<(), ViewError> {
        let took = Stopwatch::start();
        if self.uncommitted {
            self.shared.counted(|_| ())?;
        }
        let written = match self.shared.view().as_ref() {
            Some(view) if self.uncommitted => view.write(),
            Some(_) | None => return Ok(()),
        };
        let written = match written {
            Ok(written) => written,
            Err(ViewError::Rows(RowError::Store(StoreError::Failed { message, .. }))) => {
                self.keep_in_memory(message)?;
                match self.shared.view().as_ref() {
                    Some(view) => view.write()?,
                    None => return Ok(()),
                }
            }
            Err(error) => return Err(error),
        };
        if let Some(view) = self.shared.view_mut().as_mut() {
            view.settle(written);
        }
        self.uncommitted = false;
        self.last_commit_took = took.elapsed();
        self.since_commit = Stopwatch::start();
        Ok(())
    }

    fn flush(&self) -> Result<(), ViewError> {
        self.shared.view().as_ref().map_or(Ok(()), View::flush)
    }

    fn fail(&self, error: &ViewError) {
        let reason = error.to_string();
        // That a view is not open is not the cause.
        if matches!(error, ViewError::Thread(_)) && self.shared.progress.borrow().failed.is_some() {
            return;
        }
        // Logged once when it begins, not at each try.
        if self.shared.progress.borrow().failed.as_ref() != Some(&reason) {
            tracing::error!(view = P::NAME, reason, "the projector stopped");
        }
        self.shared.progress.send_modify(|progress| progress.failed = Some(reason));
    }

    fn in_memory(&self) -> bool {
        self.shared.view().as_ref().is_some_and(|view| view.memory_reason().is_some())
    }

    /// Continues with the view in memory: it answers, and its store stays as it was last committed.
    fn keep_in_memory(&mut self, reason: String) -> Result<(), ViewError> {
        tracing::error!(view = P::NAME, reason, "the view cannot be written and goes on in memory");
        (self.store_tried, self.store_retry) = (Stopwatch::start(), RETRY_AFTER);
        match self.shared.view_mut().as_mut() {
            Some(view) => view.move_to_memory(reason),
            None => Ok(()),
        }
    }

    /// Brings the store of a view in memory up to it, and swaps it in. Returns whether that succeeded.
    async fn try_store(&mut self) -> Result<bool, ViewError> {
        if !self.in_memory() || self.store_tried.elapsed() < self.store_retry {
            return Ok(false);
        }
        let tried = match ViewStore::room(&self.shared.dir) {
            Ok(()) => self.back_to_store().await,
            Err(_) => Ok(false),
        };
        self.store_tried = Stopwatch::start();
        self.store_retry = match tried {
            Ok(true) => RETRY_AFTER,
            Ok(false) | Err(_) => (self.store_retry * 2).min(STORE_RETRY_MAX),
        };
        match tried {
            Err(ViewError::Rows(RowError::Store(StoreError::Failed { .. }))) => Ok(false),
            tried => tried,
        }
    }

    async fn back_to_store(&mut self) -> Result<bool, ViewError> {
        let shared = &self.shared;
        let position = shared.progress.borrow().position.clone();
        if shared.view().as_ref().is_some_and(View::has_index) {
            // Two views cannot write the same id index.
            shared.replace(None);
        }
        let mut stored = shared.open(&shared.dir).await?;
        if stored.memory_reason().is_none() {
            rebuild::fold_to(&mut stored, &*shared.log, &position).await?;
            stored.commit()?;
            stored.flush()?;
        } else if shared.view().is_some() {
            return Ok(false);
        }
        let (position, kept) = (stored.position(), stored.memory_reason().is_none());
        shared.replace(Some(stored));
        shared.progress.send_modify(|progress| progress.position = position);
        self.uncommitted = false;
        if kept {
            tracing::warn!(view = P::NAME, "the view is in its store again");
        }
        Ok(true)
    }

    /// Waits a little, then continues; if the rows are unusable, with the view opened again: from its
    /// checkpoint, or from scratch.
    async fn recover(&mut self, error: &ViewError) -> Option<Pause<P>> {
        if let Ok(command) = tokio::time::timeout(RETRY_AFTER, self.commands.recv()).await {
            return Some(command.map_or(Pause::Dropped, Pause::Asked));
        }
        let is_whole = match error {
            // What it has folded is correct, and it keeps answering.
            ViewError::Log(_) => true,
            ViewError::Rows(RowError::Store(StoreError::Failed { .. })) => self.in_memory(),
            ViewError::Rows(_)
            | ViewError::OtherHistory(_)
            | ViewError::Regressed { .. }
            | ViewError::Thread(_) => false,
        };
        if is_whole && self.shared.view().is_some() {
            return None;
        }
        // What was folded since the last commit is folded again; unreadable rows are rebuilt from the log.
        self.uncommitted = false;
        self.shared.replace(None);
        let damaged = match error {
            ViewError::Rows(RowError::Store(StoreError::Failed { .. }) | RowError::Ids(_)) => false,
            ViewError::Rows(_) => true,
            ViewError::Log(_)
            | ViewError::OtherHistory(_)
            | ViewError::Regressed { .. }
            | ViewError::Thread(_) => false,
        };
        if matches!(error, ViewError::Rows(RowError::Ids(_)))
            && let Err(error) = tollgate_log::index::drop_damaged(&index_dir(&self.shared.dir))
        {
            tracing::warn!(view = P::NAME, %error, "the id index could not be checked");
        }
        match self.reopen(damaged).await {
            Ok(()) => tracing::warn!(view = P::NAME, "the view was opened again"),
            Err(error) => self.fail(&error),
        }
        None
    }

    async fn reopen(&self, anew: bool) -> Result<(), ViewError> {
        let shared = &self.shared;
        if anew {
            rebuild::set_aside(&shared.dir)?;
        }
        let tail = shared.log.tail().await?;
        let view = shared.open(&shared.dir).await?;
        *shared.opened_at.lock().unwrap_or_else(PoisonError::into_inner) = tail;
        let position = view.position();
        shared.replace(Some(view));
        shared
            .progress
            .send_modify(|progress| *progress = Progress { position, failed: progress.failed.take() });
        Ok(())
    }
}
