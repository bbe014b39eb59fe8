//! Histories of commits, and what happens to disks.

use std::collections::BTreeMap;
use std::fs::File;
use std::io;
use std::path::Path;
use std::sync::Arc;

use tollgate_files::crash::{CrashDisk, Seeded};
use tollgate_files::disk::Disk;
use tollgate_files::fault::Call;
use tollgate_view_store::{Change, Digest, Sizes, StoreError, ViewStore, Was};

/// Sizes at which a few commits make many runs.
pub(crate) const SMALL: Sizes = Sizes { recent: 1_500, commit: 700 };

pub(crate) type Map = BTreeMap<Vec<u8>, Vec<u8>>;

/// Commits, and the rows after each.
pub(crate) struct History {
    commits: Vec<BTreeMap<Vec<u8>, Option<Vec<u8>>>>,
    states: Vec<Map>,
}

impl History {
    pub(crate) fn seeded(seed: u64, commits: usize) -> Self {
        let mut random = Seeded::new(seed);
        let mut history = Self { commits: Vec::new(), states: vec![Map::new()] };
        for _ in 0..commits {
            let rows = if random.number(3) == 0 { 40 } else { 1 + random.number(6) };
            let mut changes = BTreeMap::new();
            for _ in 0..rows {
                let key = format!("row {:02}", random.number(60)).into_bytes();
                let value =
                    (random.number(5) != 0).then(|| vec![random.number(256) as u8; random.number(90)]);
                changes.insert(key, value);
            }
            let mut state = history.states.last().unwrap().clone();
            for (key, value) in &changes {
                match value {
                    Some(value) => state.insert(key.clone(), value.clone()),
                    None => state.remove(key),
                };
            }
            history.commits.push(changes);
            history.states.push(state);
        }
        history
    }

    pub(crate) fn len(&self) -> usize {
        self.commits.len()
    }

    /// The rows after so many commits.
    pub(crate) fn after(&self, commits: usize) -> Map {
        self.states[commits].clone()
    }

    /// Commits the nth. What the caller knows of the old rows is said for some of them.
    pub(crate) fn commit(&self, store: &mut ViewStore, nth: usize) -> Result<(), StoreError> {
        let before = &self.states[nth];
        let changes = self.commits[nth].iter().enumerate().map(|(place, (key, value))| {
            let was = match before.get(key) {
                _ if place % 3 == 0 => Was::Unknown,
                Some(old) => Was::Row(Digest::of_row(key, old)),
                None => Was::Absent,
            };
            Change { key, value: value.clone(), was }
        });
        store.commit(changes.collect(), (nth + 1).to_string().as_bytes())
    }

    /// The digest after so many commits, by a store that got the rows in one.
    pub(crate) fn digest(&self, commits: usize) -> Digest {
        let mut store = ViewStore::in_memory(Path::new("none"), "a model".to_owned());
        let rows = &self.states[commits];
        let changes =
            rows.iter().map(|(key, value)| Change { key, value: Some(value.clone()), was: Was::Absent });
        store.commit(changes.collect(), b"").unwrap();
        store.digest()
    }
}

pub(crate) fn rows_of(store: &ViewStore) -> Result<Map, StoreError> {
    store.scan(&[], None).collect()
}

/// A disk that answers one kind of call without doing it.
#[derive(Debug)]
pub(crate) struct Forgetful {
    pub(crate) disk: Arc<CrashDisk>,
    pub(crate) forgotten: Call,
}

impl Disk for Forgetful {
    fn create(&self, path: &Path) -> io::Result<File> {
        self.disk.create(path)
    }

    fn write_all_at(&self, file: &File, bytes: &[u8], offset: u64) -> io::Result<()> {
        self.disk.write_all_at(file, bytes, offset)
    }

    fn sync_data(&self, file: &File) -> io::Result<()> {
        if self.forgotten == Call::Sync { Ok(()) } else { self.disk.sync_data(file) }
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.disk.rename(from, to)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        self.disk.remove(path)
    }

    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        if self.forgotten == Call::SyncDir { Ok(()) } else { self.disk.sync_dir(dir) }
    }
}
