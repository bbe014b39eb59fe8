//! Reservations in SQLite, as services usually keep them: one row for each policy with what is reserved under it, one
//! for each reservation, and one thread that writes.

use std::path::Path;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::JoinHandle;

use rusqlite::{Connection, Statement, params};
use tokio::sync::oneshot;

use super::work::{DIMENSIONS, POLICIES, TOKENS, scopes, values};

/// A request that waits for its decision.
struct Job {
    request: u64,
    given: oneshot::Sender<bool>,
}

/// The writer, and the way to it.
pub(crate) struct Sqlite {
    jobs: Option<Sender<Job>>,
    writer: Option<JoinHandle<u64>>,
}

impl Sqlite {
    /// One that decides up to this many of those that wait in one transaction.
    pub(crate) fn start(dir: &Path, limit_of_tenant: u64, together: usize) -> Self {
        let connection = open(dir, limit_of_tenant);
        let (jobs, waiting) = channel();
        let writer = std::thread::spawn(move || {
            let mut statements = Statements::of(&connection);
            while let Some(group) = next(&waiting, together) {
                connection.execute_batch("BEGIN IMMEDIATE").expect("a transaction");
                let given: Vec<bool> = group.iter().map(|job| statements.reserve(job.request)).collect();
                connection.execute_batch("COMMIT").expect("a commit");
                for (job, given) in group.into_iter().zip(given) {
                    job.given.send(given).expect("callers wait for their answer");
                }
            }
            let reserved = "SELECT reserved FROM policies WHERE dimension = ''";
            let reserved = connection.query_row(reserved, [], |row| row.get::<_, i64>(0));
            reserved.expect("the tenant's policy").cast_unsigned()
        });
        Self { jobs: Some(jobs), writer: Some(writer) }
    }

    /// Whether it was given; durable on return.
    pub(crate) async fn allocate(&self, request: u64) -> bool {
        let (given, answer) = oneshot::channel();
        let jobs = self.jobs.as_ref().expect("it was not finished");
        jobs.send(Job { request, given }).expect("the writer does not panic");
        answer.await.expect("the writer does not panic")
    }

    /// The tokens that are reserved in the tenant.
    pub(crate) fn finish(mut self) -> u64 {
        drop(self.jobs.take());
        self.writer.take().expect("it was not finished").join().expect("the writer does not panic")
    }
}

fn open(dir: &Path, limit_of_tenant: u64) -> Connection {
    let mut connection = Connection::open(dir.join("sqlite")).expect("a database");
    let mode: String =
        connection.query_row("PRAGMA journal_mode=WAL", [], |row| row.get(0)).expect("the mode is answered");
    assert_eq!(mode, "wal");
    connection.pragma_update(None, "synchronous", "FULL").expect("a pragma");
    let tables =
        "CREATE TABLE policies (id INTEGER PRIMARY KEY, dimension TEXT NOT NULL, value TEXT NOT NULL,
             limit_tokens INTEGER NOT NULL, booked INTEGER NOT NULL, reserved INTEGER NOT NULL);
         CREATE UNIQUE INDEX policies_by_scope ON policies (dimension, value);
         CREATE TABLE reservations (name TEXT PRIMARY KEY, tokens INTEGER NOT NULL, given INTEGER NOT NULL);";
    connection.execute_batch(tables).expect("tables");
    let transaction = connection.transaction().expect("a transaction");
    for scope in scopes(POLICIES) {
        let limit = if scope.is_some() { i64::MAX } else { limit_of_tenant.cast_signed() };
        let (dimension, value) = scope.unwrap_or(("", String::new()));
        let insert =
            "INSERT INTO policies (dimension, value, limit_tokens, booked, reserved) VALUES (?, ?, ?, 0, 0)";
        transaction.execute(insert, params![dimension, value, limit]).expect("an insert");
    }
    transaction.commit().expect("a commit");
    connection
}

/// As many as have arrived, up to a number. `None`: nobody will send any more.
fn next(waiting: &Receiver<Job>, together: usize) -> Option<Vec<Job>> {
    let mut group = vec![waiting.recv().ok()?];
    while group.len() < together
        && let Ok(job) = waiting.try_recv()
    {
        group.push(job);
    }
    Some(group)
}

/// What is prepared once.
struct Statements<'a> {
    read: Statement<'a>,
    insert: Statement<'a>,
    update: Statement<'a>,
}

impl<'a> Statements<'a> {
    fn of(connection: &'a Connection) -> Self {
        let read =
            "SELECT id, limit_tokens - booked - reserved FROM policies WHERE dimension = ? AND value = ?";
        let insert = "INSERT INTO reservations (name, tokens, given) VALUES (?, ?, ?)";
        let update = "UPDATE policies SET reserved = reserved + ? WHERE id = ?";
        let [read, insert, update] =
            [read, insert, update].map(|text| connection.prepare(text).expect("a statement"));
        Self { read, insert, update }
    }

    /// Reads what is free under each policy of the request, and reserves it if all have room.
    fn reserve(&mut self, request: u64) -> bool {
        let tokens = TOKENS.cast_signed();
        let values = values(request, POLICIES);
        let named = DIMENSIONS.into_iter().zip(values.iter().map(String::as_str));
        let (mut policies, mut fits) = (Vec::with_capacity(5), true);
        for (dimension, value) in std::iter::once(("", "")).chain(named) {
            let columns = |row: &rusqlite::Row<'_>| Ok((row.get::<_, i64>(0)?, row.get::<_, i64>(1)?));
            let (policy, free) =
                self.read.query_row((dimension, value), columns).expect("every scope has a policy");
            fits &= tokens <= free;
            policies.push(policy);
        }
        self.insert.execute((format!("job-{request}"), tokens, fits)).expect("an insert");
        if fits {
            for policy in policies {
                self.update.execute((tokens, policy)).expect("an update");
            }
        }
        fits
    }
}
