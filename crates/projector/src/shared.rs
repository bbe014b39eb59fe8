//! What a view's follower and its queries share.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use tokio::sync::watch;
use tollgate_domain::position::Position;
use tollgate_log::contract::{EventLog, Partitions};
use tollgate_projection::fold::Projection;

use crate::pool::ReadPool;
use crate::row_error::RowError;
use crate::view::{View, ViewError};
use crate::waiters::Waiters;

/// The number of rows that are read, or counted, under one lock: appends and decisions never wait longer than that
/// takes.
pub(crate) const PAGE: usize = 256;

/// What the follower and the queries share.
pub(crate) struct Shared<P: Projection> {
    pub(crate) log: Arc<dyn EventLog>,
    pub(crate) dir: PathBuf,
    pub(crate) projection: P,
    pub(crate) partitions: Partitions,
    pub(crate) readers: ReadPool,
    /// `None` while a view that could not continue is being rebuilt.
    pub(crate) view: RwLock<Option<View<P>>>,
    pub(crate) progress: watch::Sender<Progress>,
    pub(crate) waiters: Waiters,
    /// Held while the view is built a second time.
    pub(crate) rebuilding: Arc<tokio::sync::Mutex<()>>,
    /// The end of the log when the view was opened: nothing is answered before that.
    pub(crate) opened_at: Mutex<Position>,
}

/// How far the follower is, and whether it is still running.
#[derive(Clone, Debug)]
pub(crate) struct Progress {
    pub(crate) position: Position,
    pub(crate) failed: Option<String>,
}

impl<P: Projection + Clone> Shared<P> {
    /// Opens a view of the same partitions in a directory.
    pub(crate) async fn open(&self, dir: &Path) -> Result<View<P>, ViewError> {
        View::open_part(self.projection.clone(), dir, &*self.log, self.partitions, false).await
    }
}

impl<P: Projection> Shared<P> {
    pub(crate) fn view(&self) -> RwLockReadGuard<'_, Option<View<P>>> {
        self.view.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// What the view says with what is kept beside its rows up to date; `None`: it is not open. Rows are counted a few
    /// at a time: neither the fold nor the gate waits for all of them, unless the fold is faster than this.
    pub(crate) fn counted<R>(&self, of: impl FnOnce(&View<P>) -> R) -> Result<Option<R>, RowError> {
        let mut turns = None;
        loop {
            let mut guard = self.view_mut();
            let Some(view) = guard.as_mut() else { return Ok(None) };
            let left = view.count(PAGE)?;
            let turns = turns.get_or_insert_with(|| left.div_ceil(PAGE).saturating_mul(2));
            if *turns == 0 {
                view.count(usize::MAX)?;
            }
            if left == 0 || *turns == 0 {
                return Ok(Some(of(view)));
            }
            *turns -= 1;
            drop(guard);
            // Whoever waits has a turn.
            std::thread::yield_now();
        }
    }

    /// Not to be used by queries: only the follower moves the view on.
    pub(crate) fn view_mut(&self) -> RwLockWriteGuard<'_, Option<View<P>>> {
        self.view.write().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn replace(&self, view: Option<View<P>>) {
        // The old view, with its store's lock, is dropped outside the lock.
        let old = std::mem::replace(&mut *self.view_mut(), view);
        drop(old);
    }
}
