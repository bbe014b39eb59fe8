//! What rows were before they changed: an answer over many rows is read a page at a time, yet sees all of
//! them at one position.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use crate::row_error::RowError;

/// The most rows that may change while one answer is produced. Beyond that it is abandoned: the rows it would
/// keep take memory.
const MOST_CHANGED: usize = 100_000;

/// The snapshots of a view's rows that are in use.
pub(crate) struct Snapshots<Row>(Mutex<Vec<Weak<Before<Row>>>>);

/// Rows by key; `None` if the row did not exist.
type Changed<Row> = BTreeMap<Vec<u8>, Option<Arc<Row>>>;

/// The rows at one moment, as far as they have changed since.
pub(crate) struct Before<Row> {
    /// `None` once too many have changed.
    changed: Mutex<Option<Changed<Row>>>,
    most: usize,
}

impl<Row> Default for Snapshots<Row> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<Row: Clone> Snapshots<Row> {
    /// Begins to keep what changes, until the last holder drops the snapshot.
    pub(crate) fn take(&self) -> Arc<Before<Row>> {
        let before = Arc::new(Before { changed: Mutex::new(Some(BTreeMap::new())), most: MOST_CHANGED });
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(Arc::downgrade(&before));
        before
    }

    /// Keeps a row that is about to change; `None` if it is about to be created.
    pub(crate) fn keep(&mut self, key: &[u8], row: Option<&Row>) {
        let open = self.0.get_mut().unwrap_or_else(PoisonError::into_inner);
        if open.is_empty() {
            return;
        }
        open.retain(|before| before.strong_count() > 0);
        let mut kept = None;
        for before in open.iter().filter_map(Weak::upgrade) {
            before.keep(key, || kept.get_or_insert_with(|| row.map(|row| Arc::new(row.clone()))).clone());
        }
    }

    /// Whether a snapshot belongs to these rows and is complete.
    pub(crate) fn check(&self, before: &Before<Row>) -> Result<(), RowError> {
        let open = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let ours = open.iter().any(|open| std::ptr::eq(open.as_ptr(), before));
        (ours && before.changed().is_some()).then_some(()).ok_or(RowError::Overtaken)
    }
}

impl<Row> Before<Row> {
    /// The row as it was; `None` if it has not changed, `Some(None)` if it did not exist.
    pub(crate) fn row(&self, key: &[u8]) -> Option<Option<Arc<Row>>> {
        self.changed().as_ref()?.get(key).cloned()
    }

    /// Whether a row has changed since.
    pub(crate) fn has(&self, key: &[u8]) -> bool {
        self.changed().as_ref().is_some_and(|changed| changed.contains_key(key))
    }

    /// The rows that have changed or gone since, as they were, in order: those whose keys begin with a prefix, after
    /// one key and up to another.
    pub(crate) fn rows(
        &self,
        prefix: &[u8],
        after: Option<&[u8]>,
        through: Option<&[u8]>,
    ) -> Vec<(Vec<u8>, Arc<Row>)> {
        let from = match after {
            Some(after) if after >= prefix => Bound::Excluded(after),
            Some(_) | None => Bound::Included(prefix),
        };
        let changed = self.changed();
        let Some(changed) = changed.as_ref() else { return Vec::new() };
        let up_to = |key: &[u8]| key.starts_with(prefix) && through.is_none_or(|through| key <= through);
        let rows = changed.range::<[u8], _>((from, Bound::Unbounded)).take_while(|(key, _)| up_to(key));
        rows.filter_map(|(key, row)| Some((key.clone(), Arc::clone(row.as_ref()?)))).collect()
    }

    fn keep(&self, key: &[u8], row: impl FnOnce() -> Option<Arc<Row>>) {
        let mut changed = self.changed();
        let Some(rows) = changed.as_mut().filter(|rows| !rows.contains_key(key)) else { return };
        if rows.len() >= self.most {
            *changed = None;
            return;
        }
        rows.insert(key.to_vec(), row());
    }

    fn changed(&self) -> MutexGuard<'_, Option<Changed<Row>>> {
        self.changed.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_change_counts_and_what_was_not_there_stays_out() {
        let mut snapshots = Snapshots::default();
        snapshots.keep(b"a", Some(&1));
        let before = snapshots.take();
        snapshots.keep(b"a", Some(&2));
        snapshots.keep(b"a", Some(&3));
        snapshots.keep(b"b", None);
        snapshots.keep(b"b", Some(&4));
        assert_eq!(before.row(b"a"), Some(Some(Arc::new(2))));
        assert_eq!(before.row(b"b"), Some(None));
        assert_eq!(before.row(b"c"), None);
        assert_eq!(snapshots.check(&before), Ok(()));
        let later = snapshots.take();
        snapshots.keep(b"a", Some(&5));
        assert_eq!((before.row(b"a"), later.row(b"a")), (Some(Some(Arc::new(2))), Some(Some(Arc::new(5)))));
        drop((before, later));
        snapshots.keep(b"a", Some(&6));
        assert!(snapshots.0.get_mut().unwrap().is_empty(), "nothing is kept for those who have gone");
    }

    #[test]
    fn a_snapshot_of_other_rows_or_with_too_many_changes_is_none() {
        let (mut snapshots, other) = (Snapshots::default(), Snapshots::default());
        let foreign = other.take();
        assert_eq!(snapshots.check(&foreign), Err(RowError::Overtaken));
        let before = Arc::new(Before { changed: Mutex::new(Some(BTreeMap::new())), most: 2 });
        snapshots.0.get_mut().unwrap().push(Arc::downgrade(&before));
        for (key, whole) in [(b"a", true), (b"b", true), (b"b", true), (b"c", false)] {
            snapshots.keep(key, Some(&0));
            assert_eq!(snapshots.check(&before).is_ok(), whole);
        }
    }
}
