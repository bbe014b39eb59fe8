//! Building a view a second time, next to the live one.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokio::sync::{Mutex, OwnedMutexGuard};
use tollgate_domain::position::Position;
use tollgate_log::contract::{EventLog, ReadError};
use tollgate_projection::fold::Projection;
use tollgate_view_store::{Digest, StoreError, ViewStore};

use crate::dedup::index_dir;
use crate::query::QueryError;
use crate::shared::{Progress, Shared};
use crate::view::{View, ViewError};

/// What a rebuild found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rebuilt {
    /// The number of rows in the rebuilt view.
    pub rows: u64,
    /// The number of records folded.
    pub records: u64,
    /// The rebuilt view's digest over all rows.
    pub digest: Digest,
    /// The live view's digest at the same position.
    pub live: Digest,
    /// That position.
    pub as_of: Position,
}

impl Rebuilt {
    /// Whether the live view was the same, byte for byte.
    #[must_use]
    pub fn identical(&self) -> bool {
        self.digest == self.live
    }
}

/// Why a view was not rebuilt.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RebuildError {
    /// Another rebuild of it is running.
    #[error("rebuilding a view: another rebuild of it runs; wait for its end")]
    Running,
    /// The second view could not be built.
    #[error("rebuilding a view: {0}")]
    View(#[from] ViewError),
    /// A projector in another process could not rebuild it.
    #[error("rebuilding a view: {0}")]
    Remote(#[from] QueryError),
    /// The projector has stopped.
    #[error("rebuilding a view: its projector has stopped")]
    Stopped,
}

/// The directory of the second view. When this is dropped it is removed, and the next rebuild may begin.
pub(crate) struct SecondDir {
    path: PathBuf,
    _only: OwnedMutexGuard<()>,
}

impl Drop for SecondDir {
    fn drop(&mut self) {
        for dir in [&self.path, &index_dir(&self.path)] {
            if let Err(error) = ViewStore::remove(dir) {
                tracing::warn!(dir = %dir.display(), %error, "the directory of a rebuild was not removed");
            }
        }
    }
}

/// Takes the directory next to a view's, emptied. What a killed rebuild left there is removed: the live
/// view's directory belongs to one process, which runs one rebuild of it at a time.
pub(crate) fn claim(live: &Path, one: &Arc<Mutex<()>>) -> Result<SecondDir, RebuildError> {
    let only = Arc::clone(one).try_lock_owned().map_err(|_| RebuildError::Running)?;
    let name = live.file_name().unwrap_or_default().to_string_lossy();
    let dir = live.with_file_name(format!("{name}.rebuild"));
    remove(&dir)?;
    remove(&index_dir(&dir))?;
    Ok(SecondDir { path: dir, _only: only })
}

pub(crate) fn remove(dir: &Path) -> Result<(), ViewError> {
    let failed = |error: std::io::Error| StoreError::Failed {
        dir: dir.display().to_string(),
        message: error.to_string(),
    };
    ViewStore::remove(dir).map_err(failed)?;
    Ok(())
}

/// Moves a live view's store out of the way, for a person to examine.
pub(crate) fn set_aside(dir: &Path) -> Result<(), ViewError> {
    let aside = ViewStore::set_aside(dir)
        .map_err(|error| StoreError::Failed { dir: dir.display().to_string(), message: error.to_string() })?;
    tracing::warn!(aside = %aside.display(), "view store set aside, its view is built again from the log");
    Ok(())
}

/// Folds the log from its first record up to the live view's position into a second view.
pub(crate) async fn build<P: Projection + Clone>(
    shared: &Shared<P>,
    dir: &SecondDir,
) -> Result<View<P>, RebuildError> {
    let log = &*shared.log;
    let mut view = shared.open(&dir.path).await?;
    let live = shared.progress.borrow().position.clone();
    fold_to(&mut view, log, &live).await?;
    Ok(view)
}

/// Folds the rest, up to a position that is in the log.
pub(crate) async fn fold_to<P: Projection>(
    view: &mut View<P>,
    log: &dyn EventLog,
    to: &Position,
) -> Result<(), ViewError> {
    let last = to.highest();
    if view.checkpoint().read_through >= last {
        return Ok(());
    }
    let mut reader = log.read_from(view.partitions(), view.begin_after(log)).await?;
    loop {
        let records = reader.try_next().await?;
        if records.is_empty() {
            let what = format!("it ends before record {last}");
            return Err(
                ReadError::Damaged { path: "the log".to_owned(), offset: 0, sequence: last, what }.into()
            );
        }
        for stored in &records {
            if stored.sequence > last {
                return Ok(());
            }
            view.apply(stored)?;
            if view.commit_is_due() {
                view.commit()?;
            }
            if stored.sequence == last {
                return Ok(());
            }
        }
        // Gives other work of the runtime a turn.
        tokio::task::yield_now().await;
    }
}

/// Brings the second view to the position of the live one, which is committed and does not move meanwhile,
/// compares them, and replaces the live one with the second if they differ.
pub(crate) async fn compare<P: Projection + Clone>(
    shared: &Shared<P>,
    mut rebuilt: View<P>,
) -> Result<Rebuilt, RebuildError> {
    let Some((position, live)) = shared.view().as_ref().map(|view| (view.position(), view.digest())) else {
        return Err(RebuildError::Stopped);
    };
    fold_to(&mut rebuilt, &*shared.log, &position).await?;
    rebuilt.commit()?;
    let found = Rebuilt {
        rows: rebuilt.rows(),
        records: rebuilt.folded().0,
        digest: rebuilt.digest(),
        live,
        as_of: rebuilt.position(),
    };
    if found.as_of == position && !found.identical() {
        tracing::error!(view = P::NAME, "the rebuilt view differs from the live one and takes its place");
        replace_live(shared, rebuilt).await?;
    }
    Ok(found)
}

/// The second view's store becomes the live one's; the old one is kept aside.
async fn replace_live<P: Projection + Clone>(shared: &Shared<P>, rebuilt: View<P>) -> Result<(), ViewError> {
    let dir = rebuilt.dir().to_owned();
    rebuilt.flush()?;
    drop(rebuilt);
    shared.replace(None);
    let failed = |error: std::io::Error| StoreError::Failed {
        dir: shared.dir.display().to_string(),
        message: error.to_string(),
    };
    ViewStore::set_aside(&shared.dir).map_err(failed)?;
    std::fs::rename(&dir, &shared.dir).map_err(failed)?;
    let view = shared.open(&shared.dir).await?;
    let position = view.position();
    shared.replace(Some(view));
    shared.progress.send_modify(|progress| *progress = Progress { position, failed: None });
    Ok(())
}
