//! Events that cannot be read, and the later events of their tasks that wait with them.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use tollgate_domain::position::Sequence;
use tollgate_view_store::ViewStore;

use crate::rows::RowError;
use crate::stored::{decode, encode};

/// Prefix of quarantine keys in the store.
const PREFIX: u8 = b'q';

/// Tasks that have an unreadable event. Their later events wait, so that they are folded in order once it can
/// be read.
#[derive(Debug, Default)]
pub(crate) struct Quarantine {
    tasks: BTreeMap<Vec<u8>, Parked>,
    changed: BTreeMap<Vec<u8>, Option<Vec<u8>>>,
}

/// Why a task waits, and for what.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Parked {
    /// Why its first waiting event could not be read.
    pub error: String,
    /// Its waiting events, in order: record and index in it. The first could not be read.
    pub waiting: Vec<(Sequence, u32)>,
}

impl Quarantine {
    pub(crate) fn load(store: &ViewStore) -> Result<Self, RowError> {
        let mut tasks = BTreeMap::new();
        for row in store.scan(&[PREFIX], None) {
            let (key, value) = row?;
            tasks.insert(key[1..].to_vec(), decode(&value)?);
        }
        Ok(Self { tasks, changed: BTreeMap::new() })
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.tasks.is_empty()
    }

    pub(crate) fn holds(&self, task_key: &[u8]) -> bool {
        self.tasks.contains_key(task_key)
    }

    pub(crate) fn tasks(&self) -> &BTreeMap<Vec<u8>, Parked> {
        &self.tasks
    }

    /// Adds an event after those of its task that are already waiting.
    pub(crate) fn park(&mut self, task_key: &[u8], at: (Sequence, u32), error: Option<String>) {
        let parked = self
            .tasks
            .entry(task_key.to_vec())
            .or_insert_with(|| Parked { error: error.unwrap_or_default(), waiting: Vec::new() });
        parked.waiting.push(at);
        self.changed.insert(stored_key(task_key), Some(encode(parked)));
    }

    /// Replaces a task's waiting events with those that still wait; nothing else releases them.
    pub(crate) fn replace(&mut self, task_key: &[u8], parked: Option<Parked>) {
        let stored = parked.as_ref().map(encode);
        match parked {
            Some(parked) => self.tasks.insert(task_key.to_vec(), parked),
            None => self.tasks.remove(task_key),
        };
        self.changed.insert(stored_key(task_key), stored);
    }

    /// What must be written with the next commit.
    pub(crate) fn changes(&self) -> Vec<(Vec<u8>, Option<Vec<u8>>)> {
        self.changed.iter().map(|(key, value)| (key.clone(), value.clone())).collect()
    }

    pub(crate) fn committed(&mut self) {
        self.changed.clear();
    }
}

fn stored_key(task_key: &[u8]) -> Vec<u8> {
    let mut key = Vec::with_capacity(task_key.len() + 1);
    key.push(PREFIX);
    key.extend_from_slice(task_key);
    key
}
