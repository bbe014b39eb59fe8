//! What keeps a data directory from being opened, and what the error says.

use tollgate_log::contract::{Durability, EventLog, Partitions};
use tollgate_log::embedded::{EmbeddedLog, OpenError, Options, Snapshot};

use crate::support::{append, filled, ids, numbered, open, small};

#[test]
fn a_second_writer_is_told_who_holds_the_directory() {
    let dir = tempfile::tempdir().unwrap();
    let options = Options { lock_note: "http://127.0.0.1:4141".to_owned(), ..small() };
    let first = EmbeddedLog::open_or_create(dir.path(), options).unwrap();
    let error = open(dir.path()).err().expect("must be refused");
    assert!(matches!(error, OpenError::Locked { .. }), "{error}");
    assert!(error.to_string().contains("another process holds it (http://127.0.0.1:4141)"), "{error}");
    drop(first);
    open(dir.path()).unwrap();
}

#[test]
fn a_newer_format_is_refused_before_anything_else_is_read() {
    let dir = tempfile::tempdir().unwrap();
    filled(dir.path(), 1);
    let path = dir.path().join("ledger.json");
    std::fs::write(&path, r#"{"format": 3, "epoch": {"of": "another shape"}}"#).unwrap();
    let error = open(dir.path()).err().expect("must be refused");
    assert!(matches!(error, OpenError::NewerFormat { found: 3, known: 2, .. }), "{error}");
    assert!(
        error.to_string().ends_with("its format is 3, this version knows 2; upgrade tollgate to open it")
    );
}

#[test]
fn a_directory_that_holds_something_else_is_left_alone() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("thesis.txt"), "years of work").unwrap();
    let error = open(dir.path()).err().expect("must be refused");
    assert!(matches!(error, OpenError::NotADataDirectory { .. }), "{error}");
    assert!(error.to_string().contains("`thesis.txt`"), "{error}");
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1);
    let file = dir.path().join("thesis.txt");
    assert!(matches!(open(&file), Err(OpenError::Io { .. })));
}

#[test]
fn a_new_volume_may_hold_what_its_file_system_put_there() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::create_dir(dir.path().join("lost+found")).unwrap();
    filled(dir.path(), 1);
    assert!(open(dir.path()).is_ok());
    assert!(dir.path().join("lost+found").is_dir());
}

#[test]
fn segments_without_their_ledger_file_are_not_overwritten() {
    let dir = tempfile::tempdir().unwrap();
    filled(dir.path(), 1);
    std::fs::remove_file(dir.path().join("ledger.json")).unwrap();
    std::fs::remove_dir_all(dir.path().join("ids")).unwrap();
    let error = open(dir.path()).err().expect("must be refused");
    assert!(error.to_string().contains("it holds 1 segments of a log but no ledger.json"), "{error}");
}

#[test]
fn a_log_that_is_gone_is_said_and_nothing_is_made_in_its_place() {
    let dir = tempfile::tempdir().unwrap();
    drop(EmbeddedLog::open_or_create(dir.path(), Options::default()).unwrap());
    std::fs::rename(dir.path().join("log"), dir.path().join("away")).unwrap();
    for open in [EmbeddedLog::open, EmbeddedLog::open_or_create] {
        let error = open(dir.path(), Options::default()).err().unwrap();
        assert!(matches!(error, OpenError::LogIsGone { .. }), "{error}");
        assert!(!dir.path().join("log").exists());
    }
    std::fs::rename(dir.path().join("away"), dir.path().join("log")).unwrap();
    EmbeddedLog::open(dir.path(), Options::default()).unwrap();
}

#[test]
fn opening_what_is_not_there_says_so() {
    let dir = tempfile::tempdir().unwrap();
    let missing = dir.path().join("nothing");
    assert!(matches!(EmbeddedLog::open(&missing, small()), Err(OpenError::NoLedger { .. })));
    assert!(!missing.exists(), "asking makes nothing");
}

#[test]
fn a_segment_of_another_log_is_refused() {
    let (one, two) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    filled(one.path(), 1);
    filled(two.path(), 1);
    std::fs::remove_file(one.path().join("log/frontier")).unwrap();
    let segment = |dir: &tempfile::TempDir| dir.path().join("log/0000000001.segment");
    std::fs::copy(segment(&two), segment(&one)).unwrap();
    let error = open(one.path()).err().expect("must be refused");
    assert!(error.to_string().contains("the segment is of another log"), "{error}");
}

#[test]
fn a_replicated_log_is_not_promised_by_one_machine() {
    let dir = tempfile::tempdir().unwrap();
    let options = Options { durability: Durability::Replicated, ..small() };
    let error = EmbeddedLog::open_or_create(dir.path(), options).err().expect("must be refused");
    assert!(error.to_string().contains("durability `replicated` needs a replicated log"), "{error}");
    let options = Options { durability: Durability::PageCache, ..small() };
    let log = EmbeddedLog::open_or_create(dir.path(), options).unwrap();
    assert_eq!(log.durability(), Durability::PageCache);
    assert_eq!(append(&log, "e0", "x").unwrap().durability, Durability::PageCache);
}

#[test]
fn a_reader_in_another_process_sees_what_is_durable_beside_the_writer() {
    let dir = tempfile::tempdir().unwrap();
    let log = open(dir.path()).unwrap();
    for number in 0..100 {
        append(&log, &format!("e{number}"), &"x".repeat(300)).unwrap();
        // Opened by path alone, as another process does: through the frontier's file.
        let after = tollgate_domain::position::Sequence(number);
        let mut reader = Snapshot::of_ledger(dir.path()).unwrap().reader(Partitions::ALL, after).unwrap();
        let records = reader.read_available().unwrap();
        assert_eq!(records.len(), 1, "{number}");
        assert_eq!(records[0].sequence.0, number + 1);
    }
    assert_eq!(ids(&log), numbered(100));
}

#[test]
fn a_deleted_lock_file_admits_no_second_writer() {
    let dir = tempfile::tempdir().unwrap();
    let first = open(dir.path()).unwrap();
    std::fs::remove_file(dir.path().join("lock")).unwrap();
    let error = open(dir.path()).err().expect("must be refused");
    assert!(matches!(error, OpenError::Locked { .. }), "{error}");
    append(&first, "e0", "x").unwrap();
    drop(first);
    assert_eq!(ids(&open(dir.path()).unwrap()), numbered(1));
}

#[test]
fn what_a_first_start_that_was_killed_leaves_is_taken_over() {
    for leftover in ["ledger.tmp", "lock", "log/next.prepared"] {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir(dir.path().join("log")).unwrap();
        std::fs::write(dir.path().join(leftover), "half of i").unwrap();
        let log = open(dir.path()).unwrap_or_else(|error| panic!("{leftover}: {error}"));
        append(&log, "e0", "x").unwrap();
        drop(log);
        assert_eq!(ids(&open(dir.path()).unwrap()), numbered(1), "{leftover}");
        assert!(!dir.path().join("ledger.tmp").exists(), "{leftover}");
    }
}

#[test]
fn what_the_log_writes_is_its_owners_alone() {
    use std::os::unix::fs::PermissionsExt;
    let dir = tempfile::tempdir().unwrap();
    let (data, copy) = (dir.path().join("data"), dir.path().join("backup"));
    filled(&data, 100);
    tollgate_log::embedded::backup(&data, &copy).unwrap();
    let mut seen = 0;
    let mut left = vec![data, copy];
    while let Some(path) = left.pop() {
        let found = std::fs::metadata(&path).unwrap();
        let expected = if found.is_dir() { 0o700 } else { 0o600 };
        assert_eq!(found.permissions().mode() & 0o777, expected, "{}", path.display());
        seen += 1;
        if found.is_dir() {
            left.extend(std::fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path()));
        }
    }
    assert!(seen > 10, "{seen}");
}
