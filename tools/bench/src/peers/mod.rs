//! The peers: raw writing, SQLite, sled, fjall, redb and PostgreSQL, each with the same kind of group committer.

mod fjall;
mod postgres;
mod redb;

pub(crate) use fjall::Fjall;
pub(crate) use postgres::{Postgres, PostgresServer};
pub(crate) use redb::Redb;

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::Path;

use rusqlite::Connection;

use crate::committer::{Commit, Committer};
use crate::work::{Event, text};

/// The same bytes to one file, `fdatasync` per group, no ids: the limit set by the disk and the kernel.
pub(crate) struct Raw {
    file: File,
    end: u64,
    buffer: Vec<u8>,
}

impl Raw {
    pub(crate) fn start(dir: &Path) -> Committer {
        let file = File::create_new(dir.join("raw")).expect("a new file");
        Committer::start(Self { file, end: 0, buffer: Vec::new() })
    }
}

impl Commit for Raw {
    fn commit(&mut self, group: &[Vec<Event>]) {
        self.buffer.clear();
        for event in group.iter().flat_map(|batch| batch.iter()) {
            self.buffer.extend_from_slice(&event.id);
            self.buffer.extend_from_slice(&event.body);
        }
        self.file.write_all_at(&self.buffer, self.end).expect("a write");
        self.file.sync_data().expect("a sync");
        self.end += self.buffer.len() as u64;
    }

    fn stored(&mut self) -> Option<u64> {
        None
    }
}

/// SQLite in WAL mode, `synchronous=FULL`, one transaction per group, the id as the primary key.
pub(crate) struct Sqlite {
    connection: Connection,
}

impl Sqlite {
    pub(crate) fn start(dir: &Path) -> Committer {
        let connection = Connection::open(dir.join("sqlite")).expect("a database");
        let mode: String = connection
            .query_row("PRAGMA journal_mode=WAL", [], |row| row.get(0))
            .expect("the journal mode is answered");
        assert_eq!(mode, "wal");
        connection.pragma_update(None, "synchronous", "FULL").expect("a pragma");
        connection
            .execute(
                "CREATE TABLE events (id TEXT PRIMARY KEY, task INTEGER NOT NULL, body BLOB NOT NULL)",
                [],
            )
            .expect("a table");
        Committer::start(Self { connection })
    }
}

impl Commit for Sqlite {
    fn commit(&mut self, group: &[Vec<Event>]) {
        let transaction = self.connection.transaction().expect("a transaction");
        {
            let mut insert = transaction
                .prepare(
                    "INSERT INTO events (id, task, body) VALUES (?1, ?2, ?3) ON CONFLICT (id) DO NOTHING",
                )
                .expect("a statement");
            for event in group.iter().flat_map(|batch| batch.iter()) {
                insert.execute((text(&event.id), event.task as i64, &event.body)).expect("an insert");
            }
        }
        transaction.commit().expect("a commit");
    }

    fn stored(&mut self) -> Option<u64> {
        let count = self.connection.query_row("SELECT count(*) FROM events", [], |row| row.get::<_, i64>(0));
        Some(count.expect("a count").cast_unsigned())
    }
}

/// sled: one batch per group, then `flush`.
pub(crate) struct Sled {
    db: sled::Db,
}

impl Sled {
    pub(crate) fn start(dir: &Path) -> Committer {
        let db = sled::Config::new().path(dir.join("sled")).flush_every_ms(None).open().expect("a database");
        Committer::start(Self { db })
    }
}

impl Commit for Sled {
    fn commit(&mut self, group: &[Vec<Event>]) {
        let mut batch = sled::Batch::default();
        for event in group.iter().flat_map(|batch| batch.iter()) {
            if !self.db.contains_key(event.id).expect("a look-up") {
                batch.insert(&event.id, event.body.as_slice());
            }
        }
        self.db.apply_batch(batch).expect("a batch");
        self.db.flush().expect("a flush");
    }

    fn stored(&mut self) -> Option<u64> {
        Some(self.db.len() as u64)
    }
}
