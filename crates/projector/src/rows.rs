//! Rows of a view and what is kept beside them, in memory over one store.

use std::borrow::Cow;
use std::sync::Arc;

use serde::Serialize;
use serde::de::DeserializeOwned;
use tollgate_projection::fold::{Entries, Kept, Rows};
use tollgate_view_store::{Change, ViewStore, Was, Written};

use crate::before::Before;
use crate::cache::{Cache, Page};
pub use crate::row_error::RowError;

/// Prefix of row keys in the store; quarantine has its own.
const ROW_PREFIX: u8 = b'r';

/// Prefix of the keys of what is kept beside the rows.
const KEPT_PREFIX: u8 = b'k';

/// Rows of a view, and what is kept beside them.
///
/// What is kept is not brought up to date with each change of a row: that would cost more than the fold. It is with
/// many changes at once, before a commit, and before a question that reads it.
pub(crate) struct CachedRows<Row, K: Kept<Row> = ()> {
    store: ViewStore,
    rows: Cache<Row, K::Part>,
    kept: Cache<K::Entry>,
    /// Rows that changed since what is kept was brought up to date.
    uncounted: Vec<Vec<u8>>,
    /// What went wrong in the middle of that: what is kept is of no use then, and nothing is written.
    broken: Option<RowError>,
}

/// What a view had at one moment, as far as it has changed since.
pub(crate) struct Moment<Row, Entry> {
    pub(crate) rows: Arc<Before<Row>>,
    pub(crate) kept: Arc<Before<Entry>>,
}

/// What is kept while it is brought up to date.
struct KeptEntries<'a, Entry> {
    store: &'a ViewStore,
    kept: &'a mut Cache<Entry>,
}

impl<Row: Serialize + DeserializeOwned + Clone, K: Kept<Row>> CachedRows<Row, K> {
    pub(crate) fn new(store: ViewStore) -> Self {
        let (rows, kept) = (Cache::new(ROW_PREFIX), Cache::new(KEPT_PREFIX));
        Self { store, rows, kept, uncounted: Vec::new(), broken: None }
    }

    pub(crate) const fn store(&self) -> &ViewStore {
        &self.store
    }

    pub(crate) const fn store_mut(&mut self) -> &mut ViewStore {
        &mut self.store
    }

    /// The number of rows changed since the last commit.
    pub(crate) fn dirty(&self) -> usize {
        self.rows.dirty()
    }

    /// The row under a key, including changes since the last commit.
    pub(crate) fn look_up(&self, key: &[u8]) -> Result<Option<Cow<'_, Row>>, RowError> {
        self.rows.look_up(&self.store, key)
    }

    /// Rows whose keys begin with a prefix, in order, starting after `after`, including changes since the
    /// last commit.
    pub(crate) fn scan<'a>(
        &'a self,
        prefix: &'a [u8],
        after: Option<&'a [u8]>,
    ) -> impl Iterator<Item = Result<(Vec<u8>, Cow<'a, Row>), RowError>> + 'a {
        self.rows.scan(&self.store, prefix, after)
    }

    /// What is kept under a key.
    pub(crate) fn look_up_kept(&self, key: &[u8]) -> Result<Option<Cow<'_, K::Entry>>, RowError> {
        self.kept.look_up(&self.store, key)
    }

    /// Like [`Self::scan`], of what is kept.
    pub(crate) fn scan_kept<'a>(
        &'a self,
        prefix: &'a [u8],
        after: Option<&'a [u8]>,
    ) -> impl Iterator<Item = Result<(Vec<u8>, Cow<'a, K::Entry>), RowError>> + 'a {
        self.kept.scan(&self.store, prefix, after)
    }

    /// Brings what is kept up to date with at most this many rows. Returns how many are left.
    pub(crate) fn count(&mut self, most: usize) -> Result<usize, RowError> {
        if let Some(error) = &self.broken {
            return Err(error.clone());
        }
        if let Err(error) = self.count_some(most) {
            self.broken = Some(error.clone());
            return Err(error);
        }
        Ok(self.uncounted.len())
    }

    fn count_some(&mut self, most: usize) -> Result<(), RowError> {
        let mut gathered = K::Gathered::default();
        let mut entries = KeptEntries { store: &self.store, kept: &mut self.kept };
        for _ in 0..most.min(self.uncounted.len()) {
            let Some(key) = self.uncounted.pop() else { break };
            let Some(slot) = self.rows.in_memory(&key) else { continue };
            let Some(row) = &slot.row else { continue };
            let now = K::part(&key, row);
            K::change(&key, slot.part.as_ref(), &now, &mut gathered, &mut entries)?;
            (slot.part, slot.is_counted) = (Some(now), true);
        }
        K::settle(gathered, &mut entries)
    }

    /// Remembers the current rows, and what is kept, for as long as the returned value is held.
    pub(crate) fn snapshot(&self) -> Moment<Row, K::Entry> {
        Moment { rows: self.rows.snapshot(), kept: self.kept.snapshot() }
    }

    /// The next rows of a scan, at most this many, as they were when the snapshot was taken.
    pub(crate) fn page(
        &self,
        before: &Before<Row>,
        prefix: &[u8],
        after: Option<&[u8]>,
        most: usize,
    ) -> Result<Page<Row>, RowError> {
        self.rows.page(&self.store, before, prefix, after, most)
    }

    /// The row under a key as it was when the snapshot was taken.
    pub(crate) fn look_up_before(&self, before: &Before<Row>, key: &[u8]) -> Result<Option<Row>, RowError> {
        self.rows.look_up_before(&self.store, before, key)
    }

    /// Like [`Self::page`], of what is kept.
    pub(crate) fn page_of_kept(
        &self,
        before: &Before<K::Entry>,
        prefix: &[u8],
        after: Option<&[u8]>,
        most: usize,
    ) -> Result<Page<K::Entry>, RowError> {
        self.kept.page(&self.store, before, prefix, after, most)
    }

    /// Like [`Self::look_up_before`], of what is kept.
    pub(crate) fn look_up_kept_before(
        &self,
        before: &Before<K::Entry>,
        key: &[u8],
    ) -> Result<Option<K::Entry>, RowError> {
        self.kept.look_up_before(&self.store, before, key)
    }

    /// Writes what changed, further keys from the caller, and the checkpoint, atomically. Others may read
    /// concurrently; no row may change until [`Self::settle`]. What is kept must be [up to date](Self::count).
    pub(crate) fn write(
        &self,
        further: &[(Vec<u8>, Option<Vec<u8>>)],
        checkpoint: &[u8],
    ) -> Result<Written, RowError> {
        if let Some(error) = &self.broken {
            return Err(error.clone());
        }
        debug_assert!(self.uncounted.is_empty(), "what is kept is of other rows");
        let (rows, kept) = (self.rows.changed_keys(), self.kept.changed_keys());
        let mut changes: Vec<Change<'_>> = Vec::with_capacity(rows.len() + kept.len() + further.len());
        self.rows.changes(&rows, &mut changes);
        self.kept.changes(&kept, &mut changes);
        changes.extend(further.iter().map(|(key, value)| Change {
            key,
            value: value.clone(),
            was: Was::Unknown,
        }));
        Ok(self.store.write(changes, checkpoint)?)
    }

    /// Marks what was written as committed. Returns the number of rows.
    pub(crate) fn settle(&mut self, written: Written) -> usize {
        // In the order in which they were written.
        let mut now = written.now().iter();
        let rows = self.rows.settle(&mut now);
        self.kept.settle(&mut now);
        self.store.settle(written);
        rows
    }
}

impl<Row: Serialize + DeserializeOwned + Clone, K: Kept<Row>> Rows<Row> for CachedRows<Row, K> {
    type Error = RowError;

    fn change(&mut self, key: &[u8], make: impl FnOnce() -> Row) -> Result<&mut Row, RowError> {
        let slot = self.rows.open(&self.store, key)?;
        if K::ANY && slot.is_counted {
            slot.is_counted = false;
            if slot.part.is_none() {
                slot.part = slot.row.as_ref().map(|row| K::part(key, row));
            }
            self.uncounted.push(key.to_vec());
        }
        Ok(slot.row.get_or_insert_with(make))
    }

    fn get(&mut self, key: &[u8]) -> Result<Option<&Row>, RowError> {
        self.rows.get(&self.store, key)
    }
}

impl<Entry: Serialize + DeserializeOwned + Clone> Rows<Entry> for KeptEntries<'_, Entry> {
    type Error = RowError;

    fn change(&mut self, key: &[u8], make: impl FnOnce() -> Entry) -> Result<&mut Entry, RowError> {
        Ok(self.kept.open(self.store, key)?.row.get_or_insert_with(make))
    }

    fn get(&mut self, key: &[u8]) -> Result<Option<&Entry>, RowError> {
        self.kept.get(self.store, key)
    }
}

impl<Entry: Serialize + DeserializeOwned + Clone> Entries<Entry> for KeptEntries<'_, Entry> {
    fn insert(&mut self, key: &[u8], entry: Entry) {
        self.kept.insert(key, entry);
    }

    fn remove(&mut self, key: &[u8], entry: Entry) {
        self.kept.remove(key, entry);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(dir: &std::path::Path) -> CachedRows<Vec<u8>> {
        CachedRows::new(ViewStore::open(dir).unwrap().0)
    }

    /// Writes this many rows of this many bytes and commits them; returns how many are in memory afterwards.
    fn kept(rows: &mut CachedRows<Vec<u8>>, from: u32, count: u32, bytes: usize) -> usize {
        for number in from..from + count {
            *rows.change(&number.to_be_bytes(), Vec::new).unwrap() = vec![7; bytes];
        }
        let written = rows.write(&[], b"").unwrap();
        assert_eq!(rows.settle(written), count as usize);
        rows.rows.len()
    }

    #[test]
    fn what_stays_in_memory_is_bounded_by_how_long_rows_are() {
        let dir = tempfile::tempdir().unwrap();
        let mut long = rows(&dir.path().join("long"));
        // 16 KiB each: 8 MiB would be 512, fewer than the number that always stays.
        assert_eq!(kept(&mut long, 0, 900, 16 << 10), 900);
        assert_eq!(kept(&mut long, 900, 100, 16 << 10), 1000);
        assert_eq!(kept(&mut long, 1000, 10, 16 << 10), 10, "those of the last commit");
        assert_eq!(
            long.look_up(&5_u32.to_be_bytes()).unwrap().unwrap().len(),
            16 << 10,
            "the store has the others"
        );
        let mut short = rows(&dir.path().join("short"));
        assert_eq!(kept(&mut short, 0, 4000, 1000), 4000);
        assert_eq!(kept(&mut short, 4000, 4000, 1000), 8000);
        assert_eq!(kept(&mut short, 8000, 1000, 1000), 1000);
    }
}
