//! What a view's follower and its queries share.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use tokio::sync::watch;
use tollgate_domain::position::Position;
use tollgate_log::contract::{EventLog, Partitions};
use tollgate_projection::fold::Projection;

use crate::pool::ReadPool;
use crate::view::{View, ViewError};
use crate::waiters::Waiters;

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

    /// To be used by the follower only.
    pub(crate) fn view_mut(&self) -> RwLockWriteGuard<'_, Option<View<P>>> {
        self.view.write().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn replace(&self, view: Option<View<P>>) {
        // The old view, with its store's lock, is dropped outside the lock.
        let old = std::mem::replace(&mut *self.view_mut(), view);
        drop(old);
    }
}
