//! What a query sees of a view: the view itself, or the rows of one moment a page at a time.

use std::borrow::Cow;
use std::collections::VecDeque;
use std::sync::{Arc, Weak};

use serde::de::DeserializeOwned;
use tollgate_domain::position::{PartitionId, Position};
use tollgate_log::contract::Found;
use tollgate_log::key::Key;
use tollgate_projection::fold::{Kept as KeptBeside, Projection};

use crate::cache::{Kept, Page};
use crate::checkpoint::Mark;
use crate::rows::{Moment, RowError};
pub(crate) use crate::shared::PAGE;
use crate::shared::Shared;
use crate::stored::decode;
use crate::view::View;

/// A row under its key.
pub(crate) type KeyAndRow<'a, P> = (Vec<u8>, Cow<'a, <P as Projection>::Row>);

/// What a view keeps beside its rows under a key.
pub type EntryOf<P> = <<P as Projection>::Kept as KeptBeside<<P as Projection>::Row>>::Entry;

/// What is kept, under its key.
pub(crate) type KeyAndEntry<'a, P> = (Vec<u8>, Cow<'a, EntryOf<P>>);

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
    before: Moment<P::Row, EntryOf<P>>,
    position: Position,
    degraded: u64,
    /// Gone when the caller is: no one is waiting for the answer then.
    asker: Weak<()>,
}

impl<P: Projection> Snapshot<P> {
    /// The current rows; `None` if the view is not open. At this very moment `begin` is given what is kept up to date
    /// in memory. With `counted`, what is kept beside the rows is brought up to date before.
    ///
    /// # Errors
    ///
    /// The errors of bringing it up to date.
    pub(crate) fn take(
        shared: Arc<Shared<P>>,
        asker: Weak<()>,
        counted: bool,
        begin: impl FnOnce(&mut P::Live, &Position),
    ) -> Result<Option<Self>, RowError> {
        let of = |view: &View<P>| {
            let position = view.position();
            begin(&mut view.live(), &position);
            (view.snapshot(), position, view.degraded_tasks())
        };
        let taken = if counted { shared.counted(of)? } else { shared.view().as_ref().map(of) };
        let Some((before, position, degraded)) = taken else { return Ok(None) };
        Ok(Some(Self { shared, before, position, degraded, asker }))
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
    ) -> impl Iterator<Item = Result<KeyAndRow<'a, P>, RowError>> + 'a {
        self.pages(after, |view, after| view.page(&self.before.rows, prefix, after, PAGE))
    }

    fn scan_kept<'a>(
        &'a self,
        prefix: &'a [u8],
        after: Option<&[u8]>,
    ) -> impl Iterator<Item = Result<KeyAndEntry<'a, P>, RowError>> + 'a {
        self.pages(after, |view, after| view.page_of_kept(&self.before.kept, prefix, after, PAGE))
    }

    /// What some pages hold, one after another.
    fn pages<'a, Row: Clone + DeserializeOwned + 'a>(
        &'a self,
        after: Option<&[u8]>,
        page: impl Fn(&View<P>, Option<&[u8]>) -> Result<Page<Row>, RowError> + 'a,
    ) -> impl Iterator<Item = Result<(Vec<u8>, Cow<'a, Row>), RowError>> + 'a {
        let mut rows: VecDeque<(Vec<u8>, Kept<Row>)> = VecDeque::new();
        let (mut after, mut more) = (after.map(<[u8]>::to_vec), true);
        std::iter::from_fn(move || {
            while rows.is_empty() && more {
                if self.asker.strong_count() == 0 {
                    more = false;
                    return Some(Err(RowError::Overtaken));
                }
                match self.on(|view| page(view, after.as_deref())) {
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
            Self::Pages(pages) => {
                Ok(pages.on(|view| view.get_before(&pages.before.rows, key))?.map(Cow::Owned))
            }
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

    /// What is kept beside the rows under a key.
    ///
    /// # Errors
    ///
    /// The errors of reading rows.
    pub fn kept(&self, key: &[u8]) -> Result<Option<Cow<'_, EntryOf<P>>>, RowError> {
        match self {
            Self::Now(view) => view.kept(key),
            Self::Pages(pages) => {
                Ok(pages.on(|view| view.kept_before(&pages.before.kept, key))?.map(Cow::Owned))
            }
        }
    }

    /// What is kept beside the rows under keys that begin with a prefix, in order, starting after `after`.
    pub fn scan_kept<'a>(
        &'a self,
        prefix: &'a [u8],
        after: Option<&'a [u8]>,
    ) -> Box<dyn Iterator<Item = Result<KeyAndEntry<'a, P>, RowError>> + 'a> {
        match self {
            Self::Now(view) => Box::new(view.scan_kept(prefix, after)),
            Self::Pages(pages) => Box::new(pages.scan_kept(prefix, after)),
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
