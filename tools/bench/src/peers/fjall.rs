//! fjall: one batch per group, with `fdatasync`.

use std::path::Path;

use fjall::{Database, Keyspace, KeyspaceCreateOptions, PersistMode};

use crate::committer::{Commit, Committer};
use crate::work::Event;

/// A tree from id to body, in the versions and with the settings that fjall comes with.
pub(crate) struct Fjall {
    db: Database,
    events: Keyspace,
}

impl Fjall {
    pub(crate) fn start(dir: &Path) -> Committer {
        let db = Database::builder(dir.join("fjall")).open().expect("a database");
        let events = db.keyspace("events", KeyspaceCreateOptions::default).expect("a keyspace");
        Committer::start(Self { db, events })
    }
}

impl Commit for Fjall {
    fn commit(&mut self, group: &[Vec<Event>]) {
        let mut batch = self.db.batch().durability(Some(PersistMode::SyncData));
        for event in group.iter().flat_map(|batch| batch.iter()) {
            if !self.events.contains_key(event.id).expect("a look-up") {
                batch.insert(&self.events, event.id, event.body.as_slice());
            }
        }
        batch.commit().expect("a commit");
    }

    fn stored(&mut self) -> Option<u64> {
        Some(self.events.len().expect("a count") as u64)
    }
}
