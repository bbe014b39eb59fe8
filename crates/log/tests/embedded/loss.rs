//! A log that ends before what something else in its directory remembers.

use std::path::Path;
use std::sync::Arc;

use tollgate_domain::position::Sequence;
use tollgate_files::copies::copy_dir;
use tollgate_files::disk::RealDisk;
use tollgate_log::contract::{AppendOutcome, Durability, EventLog, Partitions};
use tollgate_log::embedded::{EmbeddedLog, OpenError, Options};
use tollgate_log::index::IdIndex;

use crate::support::{append, filled, ids, numbered, open, segments, small, wait};

/// A log of 20 records in place of the one with 60 that was there.
fn older_copy(dir: &Path) -> Vec<u8> {
    filled(dir, 20);
    let copy = dir.with_extension("copy");
    copy_dir(&dir.join("log"), &copy).unwrap();
    let log = open(dir).unwrap();
    for number in 20..60 {
        append(&log, &format!("e{number}"), &"x".repeat(200)).unwrap();
    }
    drop(log);
    let frontier = std::fs::read(dir.join("log/frontier")).unwrap();
    std::fs::remove_dir_all(dir.join("log")).unwrap();
    std::fs::rename(copy, dir.join("log")).unwrap();
    frontier
}

fn epoch(dir: &Path) -> uuid::Uuid {
    let file: serde_json::Value =
        serde_json::from_slice(&std::fs::read(dir.join("ledger.json")).unwrap()).unwrap();
    file["epoch"].as_str().unwrap().parse().unwrap()
}

#[test]
fn an_older_copy_is_refused_by_whatever_remembers_more_and_nothing_is_changed() {
    for witness in ["frontier", "ids", "evidence.json"] {
        let home = tempfile::tempdir().unwrap();
        let dir = &home.path().join("data");
        let whole = home.path().join("whole");
        filled(&whole, 60);
        let frontier = older_copy(dir);
        match witness {
            "frontier" => std::fs::write(dir.join("log/frontier"), frontier).unwrap(),
            "ids" => {
                // A run that reaches record 60, as the earlier log wrote it.
                let log = open(&whole).unwrap();
                let mut reader = log.reader(Partitions::ALL, Sequence::ZERO).unwrap();
                let mut index =
                    IdIndex::open_on(Arc::new(RealDisk), &dir.join("ids"), epoch(dir), Sequence(60), 1)
                        .unwrap();
                let mut last = Sequence::ZERO;
                loop {
                    let records = reader.read_available().unwrap();
                    let Some(end) = records.last() else { break };
                    last = end.sequence;
                    records.iter().for_each(|stored| drop(index.take(stored).unwrap()));
                }
                index.tend(last, last);
                index.settle();
                assert_eq!(index.checkpoint(), Sequence(60));
            }
            mark => {
                let text = format!(r#"{{"epoch":"{}","read_through":60}}"#, epoch(dir));
                std::fs::write(dir.join(mark), text).unwrap();
            }
        }
        for _ in 0..2 {
            let error = open(dir).err().expect("must be refused");
            assert!(
                matches!(error, OpenError::Regressed { last: Sequence(20), acknowledged: Sequence(60), .. }),
                "{witness}: {error}"
            );
            assert!(
                error.to_string().contains(witness) && error.to_string().contains("--accept-loss"),
                "{error}"
            );
        }
        let before = epoch(dir);
        let log = EmbeddedLog::open(dir, Options { accept_loss: true, ..small() }).unwrap();
        assert_ne!(log.epoch().id, before, "positions of what is lost are of another log");
        assert_eq!((log.losses().len(), log.losses()[0].kept, log.losses()[0].epoch), (1, 20, before));
        append(&log, "e20", "other").unwrap();
        drop(log);
        // Once is enough.
        let log = open(dir).unwrap();
        assert_eq!((ids(&log), log.losses().len()), (numbered(21), 1), "{witness}");
    }
}

#[test]
fn a_log_of_the_page_cache_opens_with_what_a_power_cut_left() {
    let home = tempfile::tempdir().unwrap();
    let (dir, cut) = (home.path().join("data"), home.path().join("cut"));
    let options = || Options { durability: Durability::PageCache, ..small() };
    let log = EmbeddedLog::open_or_create(&dir, options()).unwrap();
    for number in 0..100 {
        append(&log, &format!("e{number}"), &"x".repeat(200)).unwrap();
    }
    copy_dir(&dir, &cut).unwrap();
    drop(log);
    // Pages reach the disk in any order: one in the middle of the last segment is missing, those after it are
    // there.
    let last = segments(&cut).pop().unwrap();
    let mut bytes = std::fs::read(&last).unwrap();
    bytes[4096 + 600..4096 + 1000].fill(0);
    std::fs::write(&last, bytes).unwrap();
    let log = EmbeddedLog::open(&cut, options()).unwrap();
    let found = ids(&log);
    assert!(found.len() > 40 && found.len() < 100, "{}", found.len());
    assert_eq!(found, numbered(found.len()));
    assert!(log.cut_bytes() > 0);
    assert!(log.may_lose(), "views may be ahead of it");
    assert_eq!(wait(log.tail()).unwrap().highest().0, found.len() as u64);
    append(&log, "more", "x").unwrap();
    drop(log);
    // Once the log has been opened with class fsync, nothing may be lost any more.
    drop(open(&cut).unwrap());
    assert!(!open(&cut).unwrap().may_lose());
}

/// Runs of the id index like those of a long ledger.
fn with_runs(dir: &Path) -> Vec<std::path::PathBuf> {
    filled(dir, 60);
    let _ = std::fs::remove_dir_all(dir.join("ids"));
    let log = open(dir).unwrap();
    let mut reader = log.reader(Partitions::ALL, Sequence::ZERO).unwrap();
    let mut index =
        IdIndex::open_on(Arc::new(RealDisk), &dir.join("ids"), epoch(dir), Sequence(60), 10).unwrap();
    loop {
        let records = reader.read_available().unwrap();
        if records.is_empty() {
            break;
        }
        for stored in records {
            index.take(&stored).unwrap();
            index.tend(stored.sequence, stored.sequence);
            index.settle();
        }
    }
    drop(log);
    let entries = std::fs::read_dir(dir.join("ids")).unwrap();
    entries.map(|entry| entry.unwrap().path()).collect()
}

/// Flips a bit in the first block of a run.
fn damage(run: &Path) {
    let mut bytes = std::fs::read(run).unwrap();
    bytes[64 + 20] ^= 1;
    std::fs::write(run, bytes).unwrap();
}

#[test]
fn a_damaged_block_of_an_id_run_is_made_again_and_resends_are_answered_right() {
    let home = tempfile::tempdir().unwrap();
    let dir = &home.path().join("data");
    let runs = with_runs(dir);
    assert!(!runs.is_empty());
    runs.iter().for_each(|run| damage(run));
    let log = open(dir).unwrap();
    let mut refused = 0;
    for number in 0..60 {
        let payload = "x".repeat(200 + number % 7);
        let receipt = loop {
            match append(&log, &format!("e{number}"), &payload) {
                Ok(receipt) => break receipt,
                Err(error) => {
                    assert!(error.is_retryable(), "{error}");
                    assert!(error.to_string().contains("made again from the log"), "{error}");
                    refused += 1;
                    std::thread::yield_now();
                }
            }
        };
        let expected = AppendOutcome::Duplicate(Sequence(number as u64 + 1));
        assert_eq!(receipt.outcomes, [expected], "{number}");
    }
    assert!(refused > 0, "the damage was met");
    assert_eq!(log.degraded(), None);
    append(&log, "e60", "x").unwrap();
    assert_eq!(ids(&log), numbered(61));
}

#[test]
fn a_missing_or_swapped_old_segment_is_said_while_the_log_goes_on() {
    for swapped in [false, true] {
        let dir = tempfile::tempdir().unwrap();
        filled(dir.path(), 150);
        assert_eq!(open(dir.path()).unwrap().degraded(), None);
        let found = segments(dir.path());
        assert!(found.len() > 3);
        // What is indexed is not read again on start.
        let mut index = IdIndex::open_on(
            Arc::new(RealDisk),
            &dir.path().join("ids"),
            epoch(dir.path()),
            Sequence(150),
            1,
        )
        .unwrap();
        let log = open(dir.path()).unwrap();
        let mut reader = log.reader(Partitions::ALL, Sequence::ZERO).unwrap();
        loop {
            let records = reader.read_available().unwrap();
            let Some(last) = records.last().map(|stored| stored.sequence) else { break };
            records.iter().for_each(|stored| drop(index.take(stored).unwrap()));
            index.tend(last, last);
            index.settle();
        }
        drop((index, log, reader));
        if swapped {
            let aside = dir.path().join("aside");
            std::fs::rename(&found[0], &aside).unwrap();
            std::fs::rename(&found[1], &found[0]).unwrap();
            std::fs::rename(&aside, &found[1]).unwrap();
        } else {
            std::fs::remove_file(&found[1]).unwrap();
        }
        let log = open(dir.path()).unwrap();
        let said = log.degraded().expect("it is said");
        let segment = if swapped { "segment 1 of the log" } else { "segment 2 of the log" };
        assert!(said.contains(segment) && said.contains("restore a backup"), "{said}");
        append(&log, "new", "x").unwrap();
    }
}

/// If the ids of its records are not known otherwise, a log that lacks a segment cannot tell what is already
/// there.
#[test]
fn a_missing_segment_that_the_ids_need_keeps_the_log_closed_and_the_message_says_so() {
    let dir = tempfile::tempdir().unwrap();
    filled(dir.path(), 150);
    std::fs::remove_file(&segments(dir.path())[1]).unwrap();
    let error = open(dir.path()).err().expect("must be refused");
    assert!(matches!(error, OpenError::NotWhole { .. }), "{error}");
    let said = error.to_string();
    for part in ["segment 2 of the log", "nobody knows which events are there already", "restore BACKUP"] {
        assert!(said.contains(part), "must say {part}: {said}");
    }
    assert!(!said.contains("appended;"), "nothing is appended to it: {said}");
}
