//! Rows of one kind in memory, layered over those in a store.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::ops::Bound;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use hashbrown::HashMap;
use hashbrown::hash_map::EntryRef;
use serde::Serialize;
use serde::de::DeserializeOwned;
use tollgate_view_store::{Change, Digest, ViewStore, Was};

use crate::before::{Before, Snapshots};
use crate::row_error::RowError;
use crate::stored::{decode, encode};

/// How many bytes of rows stay in memory after a commit, in their stored form. A row takes about ten times
/// that in memory. Beyond it, rows not used since the last commit are dropped; the store has them.
const KEPT_BYTES: u64 = 8 << 20;

/// The number of rows that always stay in memory, however long they are, and the most that do, however short.
const KEPT_ROWS: std::ops::RangeInclusive<u64> = 1_000..=100_000;

/// Rows in memory: those used recently and all that changed since the last commit.
pub(crate) struct Cache<Row, Part = ()> {
    /// What their keys in the store begin with.
    prefix: u8,
    slots: HashMap<Vec<u8>, Slot<Row, Part>, foldhash::fast::RandomState>,
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

/// A row in memory.
pub(crate) struct Slot<Row, Part> {
    /// `None` if there is none: it was removed.
    pub(crate) row: Option<Row>,
    /// What it contributes to what is kept beside the rows, as it was when that was last brought up to date; `None` if
    /// nothing yet, or if it is not known here.
    pub(crate) part: Option<Part>,
    /// Whether what is kept is up to date with it.
    pub(crate) is_counted: bool,
    /// What is committed of it: the store need not look that up when the row is written.
    committed: Was,
    dirty: bool,
    used: u32,
}

/// A row in the form in which it is available.
enum AtHand<'a, Row> {
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

impl<Row: Serialize + DeserializeOwned + Clone, Part> Cache<Row, Part> {
    pub(crate) fn new(prefix: u8) -> Self {
        Self {
            prefix,
            slots: HashMap::default(),
            dirty: BTreeSet::new(),
            snapshots: Snapshots::default(),
            generation: 0,
            written_rows: AtomicU64::new(0),
            written_bytes: AtomicU64::new(0),
        }
    }

    /// The number of rows changed since the last commit.
    pub(crate) fn dirty(&self) -> usize {
        self.dirty.len()
    }

    /// The number of rows in memory.
    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        self.slots.len()
    }

    /// The row under a key, including changes since the last commit.
    pub(crate) fn look_up(&self, store: &ViewStore, key: &[u8]) -> Result<Option<Cow<'_, Row>>, RowError> {
        match self.slots.get(key) {
            Some(slot) => Ok(slot.row.as_ref().map(Cow::Borrowed)),
            None => match store.get(&self.stored_key(key))? {
                Some(bytes) => Ok(Some(Cow::Owned(decode(&bytes)?))),
                None => Ok(None),
            },
        }
    }

    /// Rows whose keys begin with a prefix, in order, starting after `after`, including changes since the
    /// last commit.
    pub(crate) fn scan<'a>(
        &'a self,
        store: &'a ViewStore,
        prefix: &'a [u8],
        after: Option<&'a [u8]>,
    ) -> impl Iterator<Item = Result<(Vec<u8>, Cow<'a, Row>), RowError>> + 'a {
        self.scan_at_hand(store, prefix, after).map(|row| {
            let (key, row) = row?;
            match row {
                AtHand::Cached(row) => Ok((key, Cow::Borrowed(row))),
                AtHand::Stored(bytes) => Ok((key, Cow::Owned(decode(&bytes)?))),
            }
        })
    }

    fn scan_at_hand<'a>(
        &'a self,
        store: &'a ViewStore,
        prefix: &'a [u8],
        after: Option<&'a [u8]>,
    ) -> impl Iterator<Item = Result<(Vec<u8>, AtHand<'a, Row>), RowError>> + 'a {
        let from = match after {
            Some(after) if after >= prefix => Bound::Excluded(after),
            Some(_) | None => Bound::Included(prefix),
        };
        let changed = self.dirty.range::<[u8], _>((from, Bound::Unbounded)).map(Vec::as_slice);
        let mut changed = changed.take_while(move |key| key.starts_with(prefix)).peekable();
        let stored_after = after.map(|after| self.stored_key(after));
        let mut stored = store.scan(&self.stored_key(prefix), stored_after.as_deref()).peekable();
        std::iter::from_fn(move || {
            loop {
                let stored_first = match stored.peek() {
                    Some(Ok((key, _))) => match changed.peek() {
                        Some(new) => key[1..] < **new,
                        None => true,
                    },
                    Some(Err(_)) => true,
                    None => false,
                };
                if stored_first {
                    let row = stored.next()?.map_err(RowError::from).map(|(key, bytes)| {
                        let key = key[1..].to_vec();
                        match self.slots.get(&*key).and_then(|slot| slot.row.as_ref()) {
                            Some(row) => (key, AtHand::Cached(row)),
                            None => (key, AtHand::Stored(bytes)),
                        }
                    });
                    return Some(row);
                }
                let key = changed.next()?;
                // A row in both is taken from memory, and its stored form skipped.
                stored.next_if(|row| row.as_ref().is_ok_and(|(stored, _)| &stored[1..] == key));
                if let Some(row) = self.slots.get(key).and_then(|slot| slot.row.as_ref()) {
                    return Some(Ok((key.to_vec(), AtHand::Cached(row))));
                }
            }
        })
    }

    /// Remembers the current rows for as long as the returned value is held.
    pub(crate) fn snapshot(&self) -> Arc<Before<Row>> {
        self.snapshots.take()
    }

    /// The next rows of a scan, at most this many and those that were removed in between, as they were when the
    /// snapshot was taken.
    pub(crate) fn page(
        &self,
        store: &ViewStore,
        before: &Before<Row>,
        prefix: &[u8],
        after: Option<&[u8]>,
        most: usize,
    ) -> Result<Page<Row>, RowError> {
        self.snapshots.check(before)?;
        let mut page = Page { rows: Vec::new(), through: None };
        for (nth, row) in self.scan_at_hand(store, prefix, after).enumerate() {
            let (key, row) = row?;
            if nth + 1 == most {
                page.through = Some(key.clone());
            }
            if !before.has(&key) {
                let row = match row {
                    AtHand::Cached(row) => Kept::Row(Arc::new(row.clone())),
                    AtHand::Stored(bytes) => Kept::Bytes(bytes),
                };
                page.rows.push((key, row));
            }
            if page.through.is_some() {
                break;
            }
        }
        let changed = before.rows(prefix, after, page.through.as_deref());
        if !changed.is_empty() {
            page.rows.extend(changed.into_iter().map(|(key, row)| (key, Kept::Row(row))));
            page.rows.sort_by(|(one, _), (other, _)| one.cmp(other));
        }
        Ok(page)
    }

    /// The row under a key as it was when the snapshot was taken.
    pub(crate) fn look_up_before(
        &self,
        store: &ViewStore,
        before: &Before<Row>,
        key: &[u8],
    ) -> Result<Option<Row>, RowError> {
        self.snapshots.check(before)?;
        match before.row(key) {
            Some(then) => Ok(then.map(|row| (*row).clone())),
            None => Ok(self.look_up(store, key)?.map(Cow::into_owned)),
        }
    }

    /// Adds what changed, in ascending order of the keys, which are given.
    pub(crate) fn changes<'a>(&self, keys: &'a [Vec<u8>], changes: &mut Vec<Change<'a>>) {
        let mut bytes = 0;
        for key in keys {
            let slot = self.slots.get(&key[1..]);
            let value = slot.and_then(|slot| slot.row.as_ref()).map(encode);
            bytes += value.as_ref().map_or(0, Vec::len) as u64;
            changes.push(Change { key, value, was: slot.map_or(Was::Unknown, |slot| slot.committed) });
        }
        self.written_rows.fetch_add(keys.len() as u64, Ordering::Relaxed);
        self.written_bytes.fetch_add(bytes, Ordering::Relaxed);
    }

    /// The keys of what changed, as the store has them.
    pub(crate) fn changed_keys(&self) -> Vec<Vec<u8>> {
        self.dirty.iter().map(|key| self.stored_key(key)).collect()
    }

    /// Marks what changed as committed: under each of its keys, in order, is now this. Returns the number of rows.
    pub(crate) fn settle<'a>(&mut self, mut now: impl Iterator<Item = &'a Was>) -> usize {
        let rows = self.dirty.len();
        for key in std::mem::take(&mut self.dirty) {
            let Some(committed) = now.next() else { break };
            match self.slots.entry_ref(&*key) {
                EntryRef::Occupied(gone) if gone.get().row.is_none() => {
                    gone.remove();
                }
                EntryRef::Occupied(mut slot) => {
                    let slot = slot.get_mut();
                    (slot.dirty, slot.committed) = (false, *committed);
                }
                EntryRef::Vacant(_) => {}
            }
        }
        self.generation = self.generation.wrapping_add(1);
        if self.slots.len() as u64 > self.kept_rows() {
            let last = self.generation.wrapping_sub(1);
            self.slots.retain(|_, slot| slot.used == last);
            self.slots.shrink_to(self.slots.len() * 2);
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

    /// The slot under a key, to be changed.
    pub(crate) fn open(&mut self, store: &ViewStore, key: &[u8]) -> Result<&mut Slot<Row, Part>, RowError> {
        let slot = match self.slots.entry_ref(key) {
            EntryRef::Occupied(slot) => slot.into_mut(),
            EntryRef::Vacant(free) => {
                let (row, committed) = load(store, self.prefix, key)?;
                free.insert(Slot::new(row, committed, self.generation))
            }
        };
        self.snapshots.keep(key, slot.row.as_ref());
        slot.is_changed(self.generation, || self.dirty.insert(key.to_vec()));
        Ok(slot)
    }

    /// Adds a row under a key that has none.
    pub(crate) fn insert(&mut self, key: &[u8], row: Row) {
        let generation = self.generation;
        let slot = match self.slots.entry_ref(key) {
            EntryRef::Occupied(slot) => slot.into_mut(),
            EntryRef::Vacant(free) => free.insert(Slot::new(None, Was::Absent, generation)),
        };
        self.snapshots.keep(key, None);
        slot.row = Some(row);
        slot.is_changed(generation, || self.dirty.insert(key.to_vec()));
    }

    /// Removes the row under a key, which is this one.
    pub(crate) fn remove(&mut self, key: &[u8], row: Row) {
        let (generation, prefix) = (self.generation, self.prefix);
        let slot = match self.slots.entry_ref(key) {
            EntryRef::Occupied(slot) => slot.into_mut(),
            EntryRef::Vacant(free) => {
                let committed = Digest::of_row(&stored_key(prefix, key), &encode(&row));
                free.insert(Slot::new(None, Was::Row(committed), generation))
            }
        };
        self.snapshots.keep(key, Some(&row));
        slot.row = None;
        slot.is_changed(generation, || self.dirty.insert(key.to_vec()));
    }

    /// The row under a key, which stays in memory.
    pub(crate) fn get(&mut self, store: &ViewStore, key: &[u8]) -> Result<Option<&Row>, RowError> {
        match self.slots.entry_ref(key) {
            EntryRef::Occupied(slot) => {
                let slot = slot.into_mut();
                slot.used = self.generation;
                Ok(slot.row.as_ref())
            }
            EntryRef::Vacant(free) => match load(store, self.prefix, key)? {
                (None, _) => Ok(None),
                (row, committed) => Ok(free.insert(Slot::new(row, committed, self.generation)).row.as_ref()),
            },
        }
    }

    /// A row that is in memory.
    pub(crate) fn in_memory(&mut self, key: &[u8]) -> Option<&mut Slot<Row, Part>> {
        self.slots.get_mut(key)
    }

    fn stored_key(&self, key: &[u8]) -> Vec<u8> {
        stored_key(self.prefix, key)
    }
}

impl<Row, Part> Slot<Row, Part> {
    fn new(row: Option<Row>, committed: Was, used: u32) -> Self {
        Self { row, part: None, is_counted: true, committed, dirty: false, used }
    }

    fn is_changed(&mut self, now: u32, note: impl FnOnce() -> bool) {
        self.used = now;
        if !self.dirty {
            self.dirty = note();
        }
    }
}

/// A committed row, and what the store has to know of it.
fn load<Row: DeserializeOwned>(
    store: &ViewStore,
    prefix: u8,
    key: &[u8],
) -> Result<(Option<Row>, Was), RowError> {
    let key = stored_key(prefix, key);
    match store.get(&key)? {
        Some(bytes) => Ok((Some(decode(&bytes)?), Was::Row(Digest::of_row(&key, &bytes)))),
        None => Ok((None, Was::Absent)),
    }
}

fn stored_key(prefix: u8, key: &[u8]) -> Vec<u8> {
    let mut stored = Vec::with_capacity(key.len() + 1);
    stored.push(prefix);
    stored.extend_from_slice(key);
    stored
}
