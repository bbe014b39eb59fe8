//! Backup while a writer runs, restore as a separate log.

use std::fs::File;
use std::path::PathBuf;

use tollgate_domain::position::Sequence;
use tollgate_log::contract::{AppendOutcome, EventLog};
use tollgate_log::embedded::{BackupError, Snapshot, backup, restore, verify};

use crate::support::{append, filled, ids, numbered, open, segments};

#[test]
fn a_backup_while_writing_restores_to_the_same_events_under_a_new_epoch() {
    let (dir, target) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (copy, restored) = (target.path().join("backup"), target.path().join("restored"));
    filled(dir.path(), 100);
    let log = open(dir.path()).unwrap();
    let made = backup(dir.path(), &copy).unwrap();
    assert_eq!(made.last, Sequence(100));
    append(&log, "later", "x").unwrap();
    restore(&copy, &restored).unwrap();
    let again = open(&restored).unwrap();
    assert_eq!(ids(&again), numbered(100));
    assert_ne!(again.epoch().id, log.epoch().id, "a position of the old log means nothing here");
    let receipt = append(&again, "e7", &"x".repeat(200)).unwrap();
    assert_eq!(receipt.outcomes, [AppendOutcome::Duplicate(Sequence(8))], "ids are remembered");
    append(&again, "new", "x").unwrap();
    drop(again);
    let found = verify(&restored, &[], &|_| Ok(())).unwrap();
    assert!(found.passed(), "{:?}", found.difference);
    assert_eq!(found.records, 101);
    // A backup of the restored log restores too: it knows the epochs of its segments.
    let (second, third) = (target.path().join("second"), target.path().join("third"));
    backup(&restored, &second).unwrap();
    restore(&second, &third).unwrap();
    assert_eq!(ids(&open(&third).unwrap()).len(), 101);
}

#[test]
fn a_backup_and_a_ledger_are_read_without_a_lock_up_to_where_they_were() {
    let (dir, target) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let copy = target.path().join("backup");
    filled(dir.path(), 100);
    let log = open(dir.path()).unwrap();
    let ledger = Snapshot::of_ledger(dir.path()).unwrap();
    backup(dir.path(), &copy).unwrap();
    append(&log, "later", "x").unwrap();
    let copied = Snapshot::of_backup(&copy).unwrap();
    assert!(Snapshot::is_backup(&copy) && !Snapshot::is_backup(dir.path()));
    assert_eq!((ledger.tail(), ledger.epoch()), (copied.tail(), copied.epoch()));
    for snapshot in [ledger, copied] {
        let mut read = Vec::new();
        for partitions in ["0-7", "8-15"] {
            let mut reader = snapshot.reader(partitions.parse().unwrap(), Sequence(40)).unwrap();
            loop {
                let records = reader.read_available().unwrap();
                read.extend(records.iter().map(|stored| stored.sequence.0));
                if records.is_empty() {
                    break;
                }
            }
        }
        read.sort_unstable();
        assert_eq!(read, (41..=100).collect::<Vec<_>>());
    }
    let nothing = Snapshot::of_ledger(target.path()).unwrap_err().to_string();
    assert!(nothing.contains("no ledger"), "{nothing}");
}

#[test]
fn a_changed_backup_is_refused_and_restores_nothing() {
    let (dir, target) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (copy, restored) = (target.path().join("backup"), target.path().join("restored"));
    filled(dir.path(), 10);
    backup(dir.path(), &copy).unwrap();
    let path = copy.join("0000000001.segment");
    let mut bytes = std::fs::read(&path).unwrap();
    bytes[5000] ^= 1;
    std::fs::write(&path, bytes).unwrap();
    let error = restore(&copy, &restored).unwrap_err();
    assert!(
        error.to_string().contains("it is not the file that was backed up; nothing was restored"),
        "{error}"
    );
    assert!(!restored.exists());
}

#[test]
fn targets_that_hold_something_are_left_alone() {
    let (dir, target) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    filled(dir.path(), 3);
    std::fs::write(target.path().join("mine"), "x").unwrap();
    assert!(matches!(backup(dir.path(), target.path()), Err(BackupError::NotEmpty { .. })));
    let copy = target.path().join("backup");
    backup(dir.path(), &copy).unwrap();
    assert!(matches!(restore(&copy, dir.path()), Err(BackupError::NotEmpty { .. })));
    assert!(matches!(restore(target.path(), &target.path().join("x")), Err(BackupError::Io { .. })));
    assert_eq!(ids(&open(dir.path()).unwrap()), numbered(3));
}

#[test]
fn a_log_that_is_not_whole_gives_no_backup() {
    type Harm = fn(&[PathBuf]);
    let cases: [(&str, Harm, &str); 4] = [
        (
            "its end is cut off",
            |segments| {
                let last = File::options().write(true).open(segments.last().unwrap()).unwrap();
                last.set_len(4200).unwrap();
            },
            "nothing stands here",
        ),
        (
            "its last segment is gone",
            |segments| std::fs::remove_file(segments.last().unwrap()).unwrap(),
            "No such file",
        ),
        (
            "one between is gone",
            |segments| std::fs::remove_file(&segments[1]).unwrap(),
            "segment 2 is missing",
        ),
        (
            "a bit of it is flipped",
            |segments| {
                let mut bytes = std::fs::read(&segments[0]).unwrap();
                bytes[5000] ^= 1;
                std::fs::write(&segments[0], bytes).unwrap();
            },
            "0000000001.segment",
        ),
    ];
    for (given, harm, says) in cases {
        let (dir, target) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        filled(dir.path(), 100);
        assert!(segments(dir.path()).len() > 2);
        let copy = target.path().join("backup");
        backup(dir.path(), &copy).unwrap();
        std::fs::remove_dir_all(&copy).unwrap();
        harm(&segments(dir.path()));
        let error = backup(dir.path(), &copy).unwrap_err();
        assert!(matches!(error, BackupError::Incomplete { .. }), "{given}: {error}");
        assert!(error.to_string().contains(says), "{given}: {error}");
        let restored = target.path().join("restored");
        assert!(restore(&copy, &restored).is_err(), "{given}");
        assert!(!restored.exists(), "{given}");
    }
}

#[test]
fn an_older_log_beside_what_remembers_more_gives_no_backup() {
    let (dir, target) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    filled(dir.path(), 3);
    let epoch = open(dir.path()).unwrap().epoch().id;
    let mark = dir.path().join("evidence.json");
    let copy = target.path().join("backup");
    for (epoch, read_through, whole) in [(epoch, 4, false), (uuid::Uuid::nil(), 4, true), (epoch, 3, true)] {
        std::fs::write(&mark, format!(r#"{{"epoch":"{epoch}","read_through":{read_through}}}"#)).unwrap();
        match backup(dir.path(), &copy) {
            Ok(made) => {
                assert!(whole && made.last == Sequence(3), "{read_through}");
                std::fs::remove_dir_all(&copy).unwrap();
            }
            Err(error) => {
                assert!(!whole && matches!(error, BackupError::Behind { .. }), "{error}");
                assert!(!copy.exists(), "nothing was copied");
            }
        }
    }
}
