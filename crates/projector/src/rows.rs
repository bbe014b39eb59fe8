//! Rows of a view in memory, layered over those in its store.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::ops::Bound;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bincode::config::Configuration;
use hashbrown::HashMap;
use hashbrown::hash_map::EntryRef;
use serde::Serialize;
use serde::de::DeserializeOwned;
use tollgate_projection::fold::Rows;
use tollgate_view_store::{Change, Digest, StoreError, ViewStore, Was, Written};

use crate::before::{Before, Snapshots};
pub use crate::row_error::RowError;

/// How many bytes of rows stay in memory after a commit, in their stored form. A row takes about ten times
/// that in memory. Beyond it, rows not used since the last commit are dropped; the store has them.
const KEPT_BYTES: u64 = 8 << 20;

/// The number of rows that always stay in memory, however long they are, and the most that do, however short.
const KEPT_ROWS: std::ops::RangeInclusive<u64> = 1_000..=100_000;

/// How rows are written: variable-length integers, little-endian.
pub(crate) const ENCODING: Configuration = bincode::config::standard();

/// Prefix of row keys in the store; quarantine has its own.
const ROW_PREFIX: u8 = b'r';

/// Rows in memory: those used recently and all that changed since the last commit.
pub(crate) struct CachedRows<Row> {
    store: ViewStore,
    cache: HashMap<Vec<u8>, Slot<Row>, foldhash::fast::RandomState>,
    /// Keys that changed since the last commit, in order.
    dirty: BTreeSet<Vec<u8>>,
    snapshots: Snapshots<Row>,
    /// Counts commits: distinguishes recently used rows from others.
    generation: u32,
    /// The number of rows written since the view was opened, and their bytes: they give the average length of
    /// a row.
    written_rows: AtomicU64,
    written_bytes: AtomicU64,
}

struct Slot<Row> {
    row: Row,
    /// What is committed of it: the store need not look that up when the row is written.
    committed: Was,
    dirty: bool,
    used: u32,
}

/// A row in the form in which it is available.
pub(crate) enum AtHand<'a, Row> {
    /// In memory.
    Cached(&'a Row),
    /// As the store has it.
    Stored(Vec<u8>),
}

/// The next rows of a scan, and the last key that was read; `None` if no rows follow.
pub(crate) struct Page<Row> {
    pub(crate) rows: Vec<(Vec<u8>, Kept<Row>)>,
    pub(crate) through: Option<Vec<u8>>,
}

/// A row that outlives the lock of its view. Bytes are decoded after the lock is released.
pub(crate) enum Kept<Row> {
    Row(Arc<Row>),
    Bytes(Vec<u8>),
}

impl<Row: Serialize + DeserializeOwned + Clone> CachedRows<Row> {
    pub(crate) fn new(store: ViewStore) -> Self {
        let (cache, dirty, snapshots) = (HashMap::default(), BTreeSet::new(), Snapshots::default());
        Self {
            store,
            cache,
            dirty,
            snapshots,
            generation: 0,
            written_rows: AtomicU64::new(0),
            written_bytes: AtomicU64::new(0),
        }
    }

    pub(crate) const fn store(&self) -> &ViewStore {
        &self.store
    }

    pub(crate) const fn store_mut(&mut self) -> &mut ViewStore {
        &mut self.store
    }

    /// The number of rows changed since the last commit.
    pub(crate) fn dirty(&self) -> usize {
        self.dirty.len()
    }

    /// The row under a key, including changes since the last commit.
    pub(crate) fn look_up(&self, key: &[u8]) -> Result<Option<Cow<'_, Row>>, RowError> {
        match self.cache.get(key) {
            Some(slot) => Ok(Some(Cow::Borrowed(&slot.row))),
            None => match self.store.get(&stored_key(key))? {
                Some(bytes) => Ok(Some(Cow::Owned(decode(&bytes)?))),
                None => Ok(None),
            },
        }
    }

    /// Rows whose keys begin with a prefix, in order, starting after `after`, including changes since the
    /// last commit.
    pub(crate) fn scan<'a>(
        &'a self,
        prefix: &'a [u8],
        after: Option<&'a [u8]>,
    ) -> impl Iterator<Item = Result<(Vec<u8>, Cow<'a, Row>), RowError>> + 'a {
        self.scan_at_hand(prefix, after).map(|row| {
            let (key, row) = row?;
            match row {
                AtHand::Cached(row) => Ok((key, Cow::Borrowed(row))),
                AtHand::Stored(bytes) => Ok((key, Cow::Owned(decode(&bytes)?))),
            }
        })
    }

    fn scan_at_hand<'a>(
        &'a self,
        prefix: &'a [u8],
        after: Option<&'a [u8]>,
    ) -> impl Iterator<Item = Result<(Vec<u8>, AtHand<'a, Row>), RowError>> + 'a {
        let from = match after {
            Some(after) if after >= prefix => Bound::Excluded(after),
            Some(_) | None => Bound::Included(prefix),
        };
        let changed = self.dirty.range::<[u8], _>((from, Bound::Unbounded)).map(Vec::as_slice);
        let mut changed = changed.take_while(move |key| key.starts_with(prefix)).peekable();
        let stored_after = after.map(stored_key);
        let mut stored = self.store.scan(&stored_key(prefix), stored_after.as_deref()).peekable();
        std::iter::from_fn(move || {
            let stored_first = match stored.peek() {
                Some(Ok((key, _))) => match changed.peek() {
                    Some(new) => key[1..] < **new,
                    None => true,
                },
                Some(Err(_)) => true,
                None => false,
            };
            if !stored_first {
                let key = changed.next()?;
                // A row in both is taken from memory, and its stored form skipped.
                stored.next_if(|row| row.as_ref().is_ok_and(|(stored, _)| &stored[1..] == key));
                return self.cache.get(key).map(|slot| Ok((key.to_vec(), AtHand::Cached(&slot.row))));
            }
            let row = stored.next()?.map_err(RowError::from).map(|(key, bytes)| {
                let key = key[1..].to_vec();
                match self.cache.get(&*key) {
                    Some(slot) => (key, AtHand::Cached(&slot.row)),
                    None => (key, AtHand::Stored(bytes)),
                }
            });
            Some(row)
        })
    }

    /// Remembers the current rows for as long as the returned value is held.
    pub(crate) fn snapshot(&self) -> Arc<Before<Row>> {
        self.snapshots.take()
    }

    /// The next rows of a scan, at most this many, as they were when the snapshot was taken.
    pub(crate) fn page(
        &self,
        before: &Before<Row>,
        prefix: &[u8],
        after: Option<&[u8]>,
        most: usize,
    ) -> Result<Page<Row>, RowError> {
        self.snapshots.check(before)?;
        let mut page = Page { rows: Vec::new(), through: None };
        for (nth, row) in self.scan_at_hand(prefix, after).enumerate() {
            let (key, row) = row?;
            if nth + 1 == most {
                page.through = Some(key.clone());
            }
            let then = match before.row(&key) {
                Some(then) => then.map(Kept::Row),
                None => Some(match row {
                    AtHand::Cached(row) => Kept::Row(Arc::new(row.clone())),
                    AtHand::Stored(bytes) => Kept::Bytes(bytes),
                }),
            };
            page.rows.extend(then.map(|row| (key, row)));
            if page.through.is_some() {
                break;
            }
        }
        Ok(page)
    }

    /// The row under a key as it was when the snapshot was taken.
    pub(crate) fn look_up_before(&self, before: &Before<Row>, key: &[u8]) -> Result<Option<Row>, RowError> {
        self.snapshots.check(before)?;
        match before.row(key) {
            Some(then) => Ok(then.map(|row| (*row).clone())),
            None => Ok(self.look_up(key)?.map(Cow::into_owned)),
        }
    }

    /// Writes what changed, further keys from the caller, and the checkpoint, atomically. Others may read
    /// concurrently; no row may change until [`Self::settle`].
    pub(crate) fn write(
        &self,
        further: &[(Vec<u8>, Option<Vec<u8>>)],
        checkpoint: &[u8],
    ) -> Result<Written, StoreError> {
        let keys: Vec<Vec<u8>> = self.dirty.iter().map(|key| stored_key(key)).collect();
        let mut bytes = 0;
        let mut changes: Vec<Change<'_>> = Vec::with_capacity(keys.len() + further.len());
        for key in &keys {
            let slot = self.cache.get(&key[1..]);
            let value = slot.map(|slot| encode(&slot.row));
            bytes += value.as_ref().map_or(0, Vec::len) as u64;
            changes.push(Change { key, value, was: slot.map_or(Was::Unknown, |slot| slot.committed) });
        }
        self.written_rows.fetch_add(keys.len() as u64, Ordering::Relaxed);
        self.written_bytes.fetch_add(bytes, Ordering::Relaxed);
        changes.extend(further.iter().map(|(key, value)| Change {
            key,
            value: value.clone(),
            was: Was::Unknown,
        }));
        self.store.write(changes, checkpoint)
    }

    /// Marks what was written as committed. Returns the number of rows.
    pub(crate) fn settle(&mut self, written: Written) -> usize {
        // The rows come first in what was written, in this order.
        let rows = self.dirty.len();
        for (key, committed) in std::mem::take(&mut self.dirty).into_iter().zip(written.now()) {
            if let Some(slot) = self.cache.get_mut(&*key) {
                (slot.dirty, slot.committed) = (false, *committed);
            }
        }
        self.store.settle(written);
        self.generation = self.generation.wrapping_add(1);
        if self.cache.len() as u64 > self.kept_rows() {
            let last = self.generation.wrapping_sub(1);
            self.cache.retain(|_, slot| slot.used == last);
            self.cache.shrink_to(self.cache.len() * 2);
        }
        rows
    }

    /// The number of rows that stay in memory, given the length of those that were written.
    fn kept_rows(&self) -> u64 {
        let (rows, bytes) =
            (self.written_rows.load(Ordering::Relaxed), self.written_bytes.load(Ordering::Relaxed));
        let kept = KEPT_BYTES.saturating_mul(rows).checked_div(bytes).unwrap_or(*KEPT_ROWS.end());
        kept.clamp(*KEPT_ROWS.start(), *KEPT_ROWS.end())
    }
}

impl<Row: Serialize + DeserializeOwned + Clone> Rows<Row> for CachedRows<Row> {
    type Error = RowError;

    fn change(&mut self, key: &[u8], make: impl FnOnce() -> Row) -> Result<&mut Row, RowError> {
        let (slot, is_new) = match self.cache.entry_ref(key) {
            EntryRef::Occupied(slot) => (slot.into_mut(), false),
            EntryRef::Vacant(free) => {
                let (row, committed) = match load(&self.store, key)? {
                    Some((row, digest)) => (row, Was::Row(digest)),
                    None => (make(), Was::Absent),
                };
                let slot = Slot { row, committed, dirty: false, used: self.generation };
                (free.insert(slot), committed == Was::Absent)
            }
        };
        self.snapshots.keep(key, (!is_new).then_some(&slot.row));
        slot.used = self.generation;
        if !slot.dirty {
            slot.dirty = true;
            self.dirty.insert(key.to_vec());
        }
        Ok(&mut slot.row)
    }

    fn get(&mut self, key: &[u8]) -> Result<Option<&Row>, RowError> {
        match self.cache.entry_ref(key) {
            EntryRef::Occupied(slot) => {
                let slot = slot.into_mut();
                slot.used = self.generation;
                Ok(Some(&slot.row))
            }
            EntryRef::Vacant(free) => Ok(match load(&self.store, key)? {
                Some((row, digest)) => {
                    let committed = Was::Row(digest);
                    Some(&free.insert(Slot { row, committed, dirty: false, used: self.generation }).row)
                }
                None => None,
            }),
        }
    }
}

pub(crate) fn encode<T: Serialize>(value: &T) -> Vec<u8> {
    // Rows hold only what bincode writes: no untyped values, no sequences of unknown length.
    bincode::serde::encode_to_vec(value, ENCODING).expect("a row can be encoded")
}

pub(crate) fn decode<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, RowError> {
    let unreadable = |message: String| RowError::Unreadable { bytes: bytes.len(), message };
    match bincode::serde::decode_from_slice(bytes, ENCODING) {
        Ok((value, read)) if read == bytes.len() => Ok(value),
        Ok((_, read)) => Err(unreadable(format!("only {read} of them were read"))),
        Err(error) => Err(unreadable(error.to_string())),
    }
}

/// A committed row and its digest.
fn load<Row: DeserializeOwned>(store: &ViewStore, key: &[u8]) -> Result<Option<(Row, Digest)>, RowError> {
    let key = stored_key(key);
    match store.get(&key)? {
        Some(bytes) => Ok(Some((decode(&bytes)?, Digest::of_row(&key, &bytes)))),
        None => Ok(None),
    }
}

fn stored_key(key: &[u8]) -> Vec<u8> {
    let mut stored = Vec::with_capacity(key.len() + 1);
    stored.push(ROW_PREFIX);
    stored.extend_from_slice(key);
    stored
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
        rows.cache.len()
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
