//! What a query sees of a view: the view itself, or the rows of one moment a page at a time.

use std::borrow::Cow;
use std::collections::VecDeque;
use std::sync::{Arc, Weak};

use tollgate_domain::position::{PartitionId, Position};
use tollgate_log::contract::Found;
use tollgate_log::key::Key;
use tollgate_projection::fold::Projection;

use crate::before::Before;
use crate::checkpoint::Mark;
use crate::rows::{Kept, RowError, decode};
use crate::shared::Shared;
use crate::view::View;

/// The number of rows read under one lock: appends and decisions never wait longer than that takes.
pub(crate) const PAGE: usize = 256;

/// A row under its key.
pub(crate) type KeyAndRow<'a, P> = (Vec<u8>, Cow<'a, <P as Projection>::Row>);

/// What a query sees of a view.
pub enum Seen<'a, P: Projection> {
    /// The view, which does not move on meanwhile.
    Now(&'a View<P>),
    /// Its rows at one position. The view moves on.
    Pages(&'a Snapshot<P>),
}

/// The rows of a view at one position, while the view moves on.
pub struct Snapshot<P: Projection> {
    shared: Arc<Shared<P>>,
    before: Arc<Before<P::Row>>,
    position: Position,
    degraded: u64,
    /// Gone when the caller is: no one is waiting for the answer then.
    asker: Weak<()>,
}

impl<P: Projection> Snapshot<P> {
    /// The current rows; `None` if the view is not open. At this very moment `begin` is given what is kept
    /// beside them.
    pub(crate) fn take(
        shared: Arc<Shared<P>>,
        asker: Weak<()>,
        begin: impl FnOnce(&mut P::Live, &Position),
    ) -> Option<Self> {
        let (before, position, degraded) = {
            let view = shared.view();
            let view = view.as_ref()?;
            let position = view.position();
            begin(&mut view.live(), &position);
            (view.snapshot(), position, view.degraded_tasks())
        };
        Some(Self { shared, before, position, degraded, asker })
    }

    /// The position up to which its rows are valid.
    pub(crate) const fn position(&self) -> &Position {
        &self.position
    }

    fn on<R>(&self, read: impl FnOnce(&View<P>) -> Result<R, RowError>) -> Result<R, RowError> {
        self.shared.view().as_ref().map_or(Err(RowError::Overtaken), read)
    }

    fn scan<'a>(
        &'a self,
        prefix: &'a [u8],
        after: Option<&[u8]>,
    ) -> impl Iterator<Item = Result<(Vec<u8>, Cow<'a, P::Row>), RowError>> + 'a {
        let mut rows: VecDeque<(Vec<u8>, Kept<P::Row>)> = VecDeque::new();
        let (mut after, mut more) = (after.map(<[u8]>::to_vec), true);
        std::iter::from_fn(move || {
            while rows.is_empty() && more {
                if self.asker.strong_count() == 0 {
                    more = false;
                    return Some(Err(RowError::Overtaken));
                }
                match self.on(|view| view.page(&self.before, prefix, after.as_deref(), PAGE)) {
                    Ok(page) => {
                        more = page.through.is_some();
                        (after, rows) = (page.through, page.rows.into());
                    }
                    Err(error) => {
                        more = false;
                        return Some(Err(error));
                    }
                }
            }
            let (key, row) = rows.pop_front()?;
            Some(match row {
                Kept::Row(row) => Ok((key, Cow::Owned(Arc::unwrap_or_clone(row)))),
                Kept::Bytes(bytes) => decode(&bytes).map(|row| (key, Cow::Owned(row))),
            })
        })
    }
}

impl<P: Projection> Seen<'_, P> {
    /// The row under a key.
    ///
    /// # Errors
    ///
    /// The errors of reading rows.
    pub fn get(&self, key: &[u8]) -> Result<Option<Cow<'_, P::Row>>, RowError> {
        match self {
            Self::Now(view) => view.get(key),
            Self::Pages(pages) => Ok(pages.on(|view| view.get_before(&pages.before, key))?.map(Cow::Owned)),
        }
    }

    /// Rows whose keys begin with a prefix, in order, starting after `after`.
    pub fn scan<'a>(
        &'a self,
        prefix: &'a [u8],
        after: Option<&'a [u8]>,
    ) -> Box<dyn Iterator<Item = Result<KeyAndRow<'a, P>, RowError>> + 'a> {
        match self {
            Self::Now(view) => Box::new(view.scan(prefix, after)),
            Self::Pages(pages) => Box::new(pages.scan(prefix, after)),
        }
    }

    /// The position up to which it is valid.
    #[must_use]
    pub fn position(&self) -> Position {
        match self {
            Self::Now(view) => view.position(),
            Self::Pages(pages) => pages.position.clone(),
        }
    }

    /// Uses what is kept up to date beside the rows; `None`: the view is not open. While the rows are those of
    /// one moment, this is that of now.
    pub fn live<R>(&self, using: impl FnOnce(&mut P::Live) -> R) -> Option<R> {
        match self {
            Self::Now(view) => Some(using(&mut view.live())),
            Self::Pages(pages) => pages.shared.view().as_ref().map(|view| using(&mut view.live())),
        }
    }

    /// Whether events of a task are waiting, by the task's key.
    #[must_use]
    pub fn is_degraded(&self, task_key: &[u8]) -> bool {
        match self {
            Self::Now(view) => view.is_degraded(task_key),
            Self::Pages(pages) => {
                pages.degraded > 0
                    && pages.shared.view().as_ref().is_some_and(|view| view.is_degraded(task_key))
            }
        }
    }

    /// The number of tasks with waiting events.
    #[must_use]
    pub fn degraded_tasks(&self) -> u64 {
        match self {
            Self::Now(view) => view.degraded_tasks(),
            Self::Pages(pages) => pages.degraded,
        }
    }

    /// The last record of a partition that the view contains.
    #[must_use]
    pub fn mark(&self, partition: PartitionId) -> Option<Mark> {
        match self {
            Self::Now(view) => view.checkpoint().mark(partition),
            Self::Pages(pages) => pages.shared.view().as_ref()?.checkpoint().mark(partition),
        }
    }

    /// What the view's id index has for a key.
    ///
    /// # Errors
    ///
    /// If the index cannot be read.
    pub fn find(&self, key: &Key) -> Result<Option<Found>, RowError> {
        match self {
            Self::Now(view) => view.find(key),
            Self::Pages(pages) => pages.on(|view| view.find(key)),
        }
    }
}
