//! redb: one transaction per group.

use std::path::Path;

use redb::{Database, ReadableDatabase, ReadableTableMetadata, TableDefinition};

use crate::committer::{Commit, Committer};
use crate::work::{Event, ID_BYTES};

const EVENTS: TableDefinition<'_, [u8; ID_BYTES], &[u8]> = TableDefinition::new("events");

/// A table from id to body. A commit is durable when it returns, as is redb's default.
pub(crate) struct Redb {
    db: Database,
}

impl Redb {
    pub(crate) fn start(dir: &Path) -> Committer {
        let db = Database::create(dir.join("redb")).expect("a database");
        Committer::start(Self { db })
    }
}

impl Commit for Redb {
    fn commit(&mut self, group: &[Vec<Event>]) {
        let transaction = self.db.begin_write().expect("a transaction");
        {
            let mut events = transaction.open_table(EVENTS).expect("a table");
            for event in group.iter().flat_map(|batch| batch.iter()) {
                // The id of an event that is repeated stands for the same body.
                events.insert(&event.id, event.body.as_slice()).expect("an insert");
            }
        }
        transaction.commit().expect("a commit");
    }

    fn stored(&mut self) -> Option<u64> {
        let events = self.db.begin_read().expect("a transaction").open_table(EVENTS).expect("a table");
        Some(events.len().expect("a count"))
    }
}
