//! Rows of a view in memory, over those in its store.

use std::borrow::Cow;
use std::collections::BTreeSet;

use bincode::config::Configuration;
use hashbrown::HashMap;
use hashbrown::hash_map::EntryRef;
use serde::Serialize;
use serde::de::DeserializeOwned;
use tollgate_projection::fold::Rows;
use tollgate_view_store::{StoreError, ViewStore, Written};

/// Rows that stay in memory after a commit. Beyond it those not used since the last one are dropped; the store has them.
const KEPT_ROWS: usize = 100_000;

/// How rows are written: variable-length integers, little-endian.
pub(crate) const ENCODING: Configuration = bincode::config::standard();

/// Prefix of row keys in the store; quarantine has its own.
const ROW_PREFIX: u8 = b'r';

/// Why a row could not be had.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RowError {
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The id index beside the rows failed.
    #[error("id index: {0}")]
    Ids(String),
    /// The row's bytes are none of this version's.
    #[error("row of {bytes} bytes cannot be read: {message}")]
    Unreadable {
        /// How many bytes it has.
        bytes: usize,
        /// The decoder's message.
        message: String,
    },
}

/// Rows in memory: those used lately and all that changed since the last commit.
pub(crate) struct CachedRows<Row> {
    store: ViewStore,
    cache: HashMap<Vec<u8>, Slot<Row>, foldhash::fast::RandomState>,
    dirty: Vec<Vec<u8>>,
    /// Counts commits: tells rows used lately from others.
    generation: u32,
}

struct Slot<Row> {
    row: Row,
    dirty: bool,
    used: u32,
}

impl<Row: Serialize + DeserializeOwned + Clone> CachedRows<Row> {
    pub(crate) fn new(store: ViewStore) -> Self {
        Self { store, cache: HashMap::default(), dirty: Vec::new(), generation: 0 }
    }

    pub(crate) const fn store(&self) -> &ViewStore {
        &self.store
    }

    pub(crate) const fn store_mut(&mut self) -> &mut ViewStore {
        &mut self.store
    }

    /// How many rows changed since the last commit.
    pub(crate) fn dirty(&self) -> usize {
        self.dirty.len()
    }

    /// The row under a key, changes since the last commit included.
    pub(crate) fn look_up(&self, key: &[u8]) -> Result<Option<Cow<'_, Row>>, RowError> {
        match self.cache.get(key) {
            Some(slot) => Ok(Some(Cow::Borrowed(&slot.row))),
            None => Ok(load(&self.store, key)?.map(Cow::Owned)),
        }
    }

    /// Rows whose keys begin with a prefix, in order, from the first one behind `after`, changes since the last commit
    /// included.
    pub(crate) fn scan<'a>(
        &'a self,
        prefix: &'a [u8],
        after: Option<&'a [u8]>,
    ) -> impl Iterator<Item = Result<(Vec<u8>, Cow<'a, Row>), RowError>> + 'a {
        let wanted = move |key: &&[u8]| key.starts_with(prefix) && after.is_none_or(|after| *key > after);
        // New rows are few beside all rows: they are sorted for each scan.
        let changed: BTreeSet<&[u8]> = self.dirty.iter().map(Vec::as_slice).filter(wanted).collect();
        let mut changed = changed.into_iter().peekable();
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
                return self.cache.get(key).map(|slot| Ok((key.to_vec(), Cow::Borrowed(&slot.row))));
            }
            let row = stored.next()?.map_err(RowError::from).and_then(|(key, bytes)| {
                let key = key[1..].to_vec();
                match self.cache.get(&*key) {
                    Some(slot) => Ok((key, Cow::Borrowed(&slot.row))),
                    None => Ok((key, Cow::Owned(decode(&bytes)?))),
                }
            });
            Some(row)
        })
    }

    /// Writes what changed, further keys of the caller's, and the checkpoint, atomically. Others may read beside; no row
    /// may change until [`Self::settle`].
    pub(crate) fn write(
        &self,
        further: &[(Vec<u8>, Option<Vec<u8>>)],
        checkpoint: &[u8],
    ) -> Result<Written, StoreError> {
        let mut keys: Vec<Vec<u8>> = self.dirty.iter().map(|key| stored_key(key)).collect();
        keys.sort_unstable();
        let mut changes: Vec<(&[u8], Option<Vec<u8>>)> = Vec::with_capacity(keys.len() + further.len());
        for key in &keys {
            let value = self.cache.get(&key[1..]).map(|slot| encode(&slot.row));
            changes.push((key, value));
        }
        changes.extend(further.iter().map(|(key, value)| (&key[..], value.clone())));
        self.store.write(&changes, checkpoint)
    }

    /// Takes over what was written. Returns how many rows that were.
    pub(crate) fn settle(&mut self, written: Written) -> usize {
        self.store.settle(written);
        let rows = self.dirty.len();
        for key in self.dirty.drain(..) {
            if let Some(slot) = self.cache.get_mut(&*key) {
                slot.dirty = false;
            }
        }
        self.generation = self.generation.wrapping_add(1);
        if self.cache.len() > KEPT_ROWS {
            let last = self.generation.wrapping_sub(1);
            self.cache.retain(|_, slot| slot.used == last);
        }
        rows
    }
}

impl<Row: Serialize + DeserializeOwned + Clone> Rows<Row> for CachedRows<Row> {
    type Error = RowError;

    fn change(&mut self, key: &[u8], make: impl FnOnce() -> Row) -> Result<&mut Row, RowError> {
        let slot = match self.cache.entry_ref(key) {
            EntryRef::Occupied(slot) => slot.into_mut(),
            EntryRef::Vacant(free) => {
                let row = load(&self.store, key)?.unwrap_or_else(make);
                free.insert(Slot { row, dirty: false, used: self.generation })
            }
        };
        slot.used = self.generation;
        if !slot.dirty {
            slot.dirty = true;
            self.dirty.push(key.to_vec());
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
                Some(row) => Some(&free.insert(Slot { row, dirty: false, used: self.generation }).row),
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

fn load<Row: DeserializeOwned>(store: &ViewStore, key: &[u8]) -> Result<Option<Row>, RowError> {
    match store.get(&stored_key(key))? {
        Some(bytes) => decode(&bytes).map(Some),
        None => Ok(None),
    }
}

fn stored_key(key: &[u8]) -> Vec<u8> {
    let mut stored = Vec::with_capacity(key.len() + 1);
    stored.push(ROW_PREFIX);
    stored.extend_from_slice(key);
    stored
}
