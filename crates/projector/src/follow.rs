//! The thread of a projector: folds what comes, commits now and then, does what the handle asks.

use std::sync::{Arc, PoisonError};
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};
use tollgate_log::clock::Stopwatch;
use tollgate_log::groups::Groups;
use tollgate_projection::fold::Projection;

use crate::projector::{Progress, Shared};
use crate::rebuild::{self, RebuildError, Rebuilt};
use crate::view::{View, ViewError};

/// While records come, a commit is made this long after the last one at the earliest.
const COMMIT_AFTER: Duration = Duration::from_secs(1);

/// And only after so many times what the last one took: commits cost at most a tenth of the time.
const COMMIT_SHARE: u32 = 10;

/// Without new records a commit is made after this long.
const COMMIT_IDLE: Duration = Duration::from_millis(250);

/// Rows that may have changed since the last commit: bounds the memory they take.
const COMMIT_ROWS: usize = 50_000;

/// How long a projector that failed waits before it tries again.
const RETRY_AFTER: Duration = Duration::from_secs(2);

/// What the handle asks of the thread.
pub(crate) enum Command<P: Projection> {
    /// Bring a second view up to the live one and compare them.
    Compare { rebuilt: Box<View<P>>, answer: oneshot::Sender<Result<Rebuilt, RebuildError>> },
    /// Commit and end.
    Stop { answer: oneshot::Sender<()> },
}

pub(crate) struct Follower<P: Projection> {
    shared: Arc<Shared<P>>,
    commands: mpsc::Receiver<Command<P>>,
    since_commit: Stopwatch,
    last_commit_took: Duration,
    uncommitted: bool,
}

/// Why following paused.
enum Pause<P: Projection> {
    Asked(Command<P>),
    /// The handle is gone.
    Dropped,
}

impl<P: Projection + Clone> Follower<P> {
    pub(crate) fn new(shared: Arc<Shared<P>>, commands: mpsc::Receiver<Command<P>>) -> Self {
        let (since_commit, last_commit_took) = (Stopwatch::start(), Duration::ZERO);
        Self { shared, commands, since_commit, last_commit_took, uncommitted: false }
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
                Pause::Asked(Command::Stop { answer }) => {
                    if let Err(error) = self.commit().and_then(|()| self.flush()) {
                        tracing::error!(view = P::NAME, %error, "the last commit of the view failed");
                    }
                    // Nobody waits for the answer any more: there is nothing to do then.
                    let _ = answer.send(());
                    return;
                }
                Pause::Asked(Command::Compare { rebuilt, answer }) => {
                    let compared = match self.commit() {
                        Ok(()) => rebuild::compare(&self.shared, *rebuilt).await,
                        Err(error) => Err(error.into()),
                    };
                    let _ = answer.send(compared);
                }
            }
        }
    }

    /// Folds records as they come, until something else is asked.
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
            // A bounded wait where something is to be committed; else as long as it takes.
            let idle = if self.uncommitted { COMMIT_IDLE } else { Duration::from_secs(3600) };
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
                        groups.next(&mut *reader, |time| self.shared.hurry.pause(time)).await
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
            view.apply(stored)?;
            let (position, dirty) = (view.position(), view.dirty());
            drop(guard);
            self.uncommitted = true;
            self.shared.progress.send_modify(|progress| progress.position = position);
            let due = COMMIT_AFTER.max(self.last_commit_took * COMMIT_SHARE);
            if dirty >= COMMIT_ROWS || self.since_commit.elapsed() >= due {
                self.commit()?;
            }
        }
        Ok(())
    }

    /// Commits beside queries: only this thread changes the view, so a shared lock is enough for the write itself.
    fn commit(&mut self) -> Result<(), ViewError> {
        let took = Stopwatch::start();
        let written = match self.shared.view().as_ref() {
            Some(view) if self.uncommitted => view.write()?,
            Some(_) | None => return Ok(()),
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
        tracing::error!(view = P::NAME, %error, "the projector stopped");
        self.shared.progress.send_modify(|progress| progress.failed = Some(error.to_string()));
    }

    /// Waits a little, then opens the view again: from its checkpoint, or anew where that is of no use any more.
    async fn recover(&mut self, error: &ViewError) -> Option<Pause<P>> {
        if let Ok(command) = tokio::time::timeout(RETRY_AFTER, self.commands.recv()).await {
            return Some(command.map_or(Pause::Dropped, Pause::Asked));
        }
        // What was folded since the last commit is folded again; rows that cannot be read are made again from the log.
        self.uncommitted = false;
        self.shared.replace(None);
        match self.reopen(matches!(error, ViewError::Rows(_))).await {
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
