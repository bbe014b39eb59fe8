//! Logs in temporary directories, and what is in them.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use tollgate_domain::position::Sequence;
use tollgate_log::conformance::{batch, event};
use tollgate_log::contract::{AppendError, EventLog, Partitions, Receipt};
use tollgate_log::embedded::{EmbeddedLog, OpenError, Options};

/// Small segments, so that tests cross segment boundaries.
pub(crate) fn small() -> Options {
    Options { first_segment_bytes: 8 << 10, max_segment_bytes: 16 << 10, ..Options::default() }
}

pub(crate) fn open(dir: &Path) -> Result<EmbeddedLog, OpenError> {
    EmbeddedLog::open_or_create(dir, small())
}

/// Appends one event and waits for it.
pub(crate) fn append(log: &EmbeddedLog, id: &str, payload: &str) -> Result<Receipt, AppendError> {
    wait(log.append(batch(vec![event("T-1", id, payload)])))
}

pub(crate) fn wait<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(future)
}

/// The ids of all events, in order.
pub(crate) fn ids(log: &EmbeddedLog) -> Vec<String> {
    let mut reader = log.reader(Partitions::ALL, Sequence::ZERO).unwrap();
    let mut ids = Vec::new();
    loop {
        let records = reader.read_available().unwrap();
        if records.is_empty() {
            return ids;
        }
        for stored in records {
            ids.extend(stored.record.events().map(|event| event.id.to_owned()));
        }
    }
}

/// `e0`, `e1` … `e{count - 1}`.
pub(crate) fn numbered(count: usize) -> Vec<String> {
    (0..count).map(|number| format!("e{number}")).collect()
}

/// A closed log with this many events of about 300 bytes.
pub(crate) fn filled(dir: &Path, count: usize) {
    let log = Arc::new(open(dir).unwrap());
    for number in 0..count {
        append(&log, &format!("e{number}"), &"x".repeat(200 + number % 7)).unwrap();
    }
}

/// A closed log of 200 records below a directory, packed, and the number of its packed segments.
pub(crate) fn packed_log(home: &Path) -> (PathBuf, usize) {
    let dir = home.join("data");
    filled(&dir, 200);
    let log = open(&dir).unwrap();
    let done = log.pack().unwrap();
    assert!(done.segments > 2, "{done:?}");
    (dir, done.segments as usize)
}

/// The segments as they were written, oldest first.
pub(crate) fn segments(dir: &Path) -> Vec<PathBuf> {
    with_extension(&dir.join("log"), "segment")
}

/// The packed segments in a directory, oldest first.
pub(crate) fn packed(dir: &Path) -> Vec<PathBuf> {
    with_extension(dir, "packed")
}

fn with_extension(dir: &Path, wanted: &str) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(dir).unwrap();
    let mut paths: Vec<PathBuf> = entries
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == wanted))
        .collect();
    paths.sort();
    paths
}
