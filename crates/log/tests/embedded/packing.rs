//! Segments that are full are packed: what they hold reads the same, and nothing is lost whatever fails.

use std::fs::File;
use std::io;
use std::path::Path;
use std::sync::Arc;

use tollgate_domain::position::Sequence;
use tollgate_files::copies::copy_dir;
use tollgate_files::crash::{CrashDisk, Seeded};
use tollgate_files::disk::{Disk, RealDisk};
use tollgate_files::fault::{Call, Fault, FaultyDisk};
use tollgate_log::contract::{EventLog, Partitions};
use tollgate_log::embedded::{EmbeddedLog, OpenError, Options, PackError, verify};

use crate::support::{append, filled, ids, numbered, open, packed, segments, small};

fn format_of(dir: &Path) -> u64 {
    let text = std::fs::read(dir.join("ledger.json")).unwrap();
    serde_json::from_slice::<serde_json::Value>(&text).unwrap()["format"].as_u64().unwrap()
}

fn bytes_of(dir: &Path) -> u64 {
    let entries = std::fs::read_dir(dir.join("log")).unwrap();
    entries.map(|entry| entry.unwrap().metadata().unwrap().len()).sum()
}

#[test]
fn packed_segments_read_the_same_from_anywhere() {
    let dir = tempfile::tempdir().unwrap();
    filled(dir.path(), 200);
    let before = verify(dir.path(), &[], &|_| Ok(())).unwrap();
    let (plain, size) = (segments(dir.path()).len(), bytes_of(dir.path()));
    assert_eq!((plain > 4, format_of(dir.path())), (true, 1));

    let log = open(dir.path()).unwrap();
    let done = log.pack().unwrap();
    assert_eq!(done.segments, plain as u64 - 2);
    assert!(done.bytes_now * 2 < done.bytes_before, "{done:?}");
    assert_eq!((segments(dir.path()).len(), packed(&dir.path().join("log")).len()), (2, plain - 2));
    assert!(bytes_of(dir.path()) < size);
    // Versions that know no packed segments refuse the directory.
    assert_eq!(format_of(dir.path()), 2);
    // There is nothing left to do.
    assert_eq!(log.pack().unwrap().segments, 0);

    assert_eq!(verify(dir.path(), &[], &|_| Ok(())).unwrap(), before);
    append(&log, "e200", "x").unwrap();
    for after in 0..=200 {
        let mut reader = log.reader(Partitions::ALL, Sequence(after)).unwrap();
        let mut expected = Sequence(after);
        loop {
            let records = reader.read_available().unwrap();
            if records.is_empty() {
                break;
            }
            for stored in records {
                expected = expected.next();
                assert_eq!(stored.sequence, expected);
                assert_eq!(stored.record.events().next().unwrap().id, format!("e{}", expected.0 - 1));
            }
        }
        assert_eq!(expected, Sequence(201));
    }
    drop(log);
    // The ids are read from it again.
    std::fs::remove_dir_all(dir.path().join("ids")).unwrap();
    let log = open(dir.path()).unwrap();
    assert_eq!((ids(&log), log.degraded()), (numbered(201), None));
}

#[test]
fn a_reader_that_has_a_segment_open_goes_on_when_it_is_packed() {
    let dir = tempfile::tempdir().unwrap();
    filled(dir.path(), 200);
    let log = open(dir.path()).unwrap();
    let mut reader = log.reader(Partitions::ALL, Sequence::ZERO).unwrap();
    let mut read = reader.read_available().unwrap().len();
    assert!(log.pack().unwrap().segments > 2);
    loop {
        let records = reader.read_available().unwrap();
        if records.is_empty() {
            break;
        }
        read += records.len();
    }
    assert_eq!(read, 200);
}

#[test]
fn a_log_packs_what_is_full_while_it_is_written() {
    let dir = tempfile::tempdir().unwrap();
    filled(dir.path(), 60);
    let log = EmbeddedLog::open(dir.path(), Options { pack: true, ..small() }).unwrap();
    for number in 60..120 {
        append(&log, &format!("e{number}"), &"x".repeat(200)).unwrap();
    }
    while segments(dir.path()).len() > 2 {
        std::thread::yield_now();
    }
    assert_eq!((ids(&log), log.degraded()), (numbered(120), None));
    log.close();
    assert_eq!(ids(&open(dir.path()).unwrap()), numbered(120));
}

#[test]
fn a_flipped_bit_of_a_packed_segment_is_found_and_named() {
    let dir = tempfile::tempdir().unwrap();
    filled(dir.path(), 60);
    open(dir.path()).unwrap().pack().unwrap();
    let paths = packed(&dir.path().join("log"));
    assert!(!paths.is_empty());
    for path in paths {
        let good = std::fs::read(&path).unwrap();
        for at in (0..good.len()).step_by(17) {
            let mut bad = good.clone();
            bad[at] ^= 1 << (at % 8);
            std::fs::write(&path, &bad).unwrap();
            let difference = verify(dir.path(), &[], &|_| Ok(())).unwrap().difference;
            let difference = difference.unwrap_or_else(|| panic!("byte {at} of {}", path.display()));
            assert!(difference.contains(path.to_str().unwrap()), "{difference}");
        }
        std::fs::write(&path, &good).unwrap();
    }
    assert!(verify(dir.path(), &[], &|_| Ok(())).unwrap().passed());
}

#[test]
fn a_damaged_segment_is_not_packed_and_health_says_so() {
    let dir = tempfile::tempdir().unwrap();
    let log = EmbeddedLog::open_or_create(dir.path(), Options { pack: true, ..small() }).unwrap();
    let mut count = 0;
    let mut append_until = |segment: usize| {
        while segments(dir.path()).len() < segment {
            append(&log, &format!("e{count}"), &"x".repeat(200)).unwrap();
            count += 1;
        }
        count
    };
    append_until(2);
    let path = segments(dir.path())[0].clone();
    let good = std::fs::read(&path).unwrap();
    let mut bad = good.clone();
    bad[4096 + 100] ^= 1;
    std::fs::write(&path, &bad).unwrap();
    // The first of three is packed.
    append_until(3);
    while log.degraded().is_none() {
        std::thread::yield_now();
    }
    let error = log.pack().unwrap_err();
    let damaged = PackError::Damaged {
        path: path.display().to_string(),
        what: "byte 4096: the CRC does not match".to_owned(),
    };
    assert_eq!((&error, log.degraded()), (&damaged, Some(error.to_string())));
    assert_eq!(std::fs::read(&path).unwrap(), bad);
    // It is tried again when the next segment is full.
    std::fs::write(&path, good).unwrap();
    let count = append_until(4);
    while log.degraded().is_some() {
        std::thread::yield_now();
    }
    assert_eq!(ids(&log), numbered(count));
}

#[test]
fn a_segment_that_the_next_one_does_not_follow_is_not_packed() {
    let dir = tempfile::tempdir().unwrap();
    filled(dir.path(), 100);
    let log = open(dir.path()).unwrap();
    let path = segments(dir.path())[0].clone();
    // Its last record is lost, as on a disk that returned zeros.
    let mut bytes = std::fs::read(&path).unwrap();
    let last = bytes.windows(4).rposition(|window| window == b"TGRF").unwrap();
    bytes[last..].fill(0);
    std::fs::write(&path, &bytes).unwrap();
    let error = log.pack().unwrap_err();
    assert!(error.to_string().contains("does not follow it"), "{error}");
    assert_eq!(std::fs::read(&path).unwrap(), bytes);
}

#[test]
fn any_failing_call_leaves_a_log_with_all_its_records() {
    let whole = tempfile::tempdir().unwrap();
    filled(whole.path(), 100);
    let mut struck = 0;
    for call in [Call::Create, Call::Write, Call::Sync, Call::Rename, Call::Remove, Call::SyncDir] {
        for fault in [Fault::Io, Fault::Full, Fault::ShortThenFull] {
            for nth in 1..=8 {
                let home = tempfile::tempdir().unwrap();
                let dir = home.path().join("data");
                copy_dir(whole.path(), &dir).unwrap();
                let disk = Arc::new(FaultyDisk::default());
                let options = Options { disk: Arc::clone(&disk) as _, ..small() };
                let log = EmbeddedLog::open(&dir, options).unwrap();
                disk.fail(call, nth, fault);
                let failed = log.pack().is_err();
                assert_eq!(failed, disk.struck() == 1, "{call:?} {nth} {fault:?}");
                struck += disk.struck();
                assert_eq!(ids(&log), numbered(100), "{call:?} {nth} {fault:?}");
                drop(log);
                let log = open(&dir).unwrap();
                assert_eq!(ids(&log), numbered(100), "{call:?} {nth} {fault:?}");
                log.pack().unwrap();
                assert_eq!((ids(&log), segments(&dir).len()), (numbered(100), 2), "{call:?} {nth} {fault:?}");
                assert!(verify(&dir, &[], &|_| Ok(())).unwrap().passed());
            }
        }
    }
    assert!(struck > 30, "{struck}");
}

/// What is not durable when a segment is removed is lost if the power is cut then.
#[test]
fn a_power_cut_at_any_call_leaves_a_log_with_all_its_records() {
    let whole = tempfile::tempdir().unwrap();
    filled(whole.path(), 100);
    let mut cuts = 0;
    for cut in 1.. {
        for seed in 0..6 {
            let home = tempfile::tempdir().unwrap();
            let dir = home.path().join("data");
            copy_dir(whole.path(), &dir).unwrap();
            let disk = Arc::new(CrashDisk::default());
            let options = Options { disk: Arc::clone(&disk) as _, ..small() };
            let log = EmbeddedLog::open(&dir, options).unwrap();
            disk.cut_before(cut);
            let done = log.pack();
            drop(log);
            disk.lose(&mut Seeded::new(cut * 100 + seed)).unwrap();
            let log = open(&dir).unwrap();
            assert_eq!(ids(&log), numbered(100), "cut before call {cut}, seed {seed}");
            assert!(verify(&dir, &[], &|_| Ok(())).unwrap().passed());
            log.pack().unwrap();
            assert_eq!((ids(&log), segments(&dir).len()), (numbered(100), 2), "cut {cut}, seed {seed}");
            if done.is_ok() {
                assert!(cuts > 60, "{cuts}");
                return;
            }
            cuts += 1;
        }
    }
}

/// A disk that changes a byte of what is written to it.
#[derive(Debug, Default)]
struct Flipping;

impl Disk for Flipping {
    fn create(&self, path: &Path) -> io::Result<File> {
        RealDisk.create(path)
    }

    fn write_all_at(&self, file: &File, bytes: &[u8], offset: u64) -> io::Result<()> {
        let mut bytes = bytes.to_vec();
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
        RealDisk.write_all_at(file, &bytes, offset)
    }

    fn sync_data(&self, file: &File) -> io::Result<()> {
        RealDisk.sync_data(file)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        RealDisk.rename(from, to)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        RealDisk.remove(path)
    }

    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        RealDisk.sync_dir(dir)
    }
}

#[test]
fn a_segment_stays_if_its_packed_form_does_not_read_the_same() {
    let dir = tempfile::tempdir().unwrap();
    filled(dir.path(), 100);
    let plain = segments(dir.path());
    let options = Options { disk: Arc::new(Flipping), ..small() };
    let log = EmbeddedLog::open(dir.path(), options).unwrap();
    let error = log.pack().unwrap_err();
    assert!(matches!(error, PackError::Damaged { .. }), "{error}");
    assert_eq!((segments(dir.path()), packed(&dir.path().join("log"))), (plain, Vec::new()));
    assert_eq!(ids(&log), numbered(100));
    // Nothing of the try is left.
    assert!(
        std::fs::read_dir(dir.path().join("log")).unwrap().all(|entry| {
            entry.unwrap().path().extension().is_none_or(|extension| extension != "packing")
        })
    );
}

#[test]
fn a_log_that_lost_all_that_is_not_packed_goes_on_in_the_last_packed_segment() {
    let dir = tempfile::tempdir().unwrap();
    filled(dir.path(), 60);
    open(dir.path()).unwrap().pack().unwrap();
    segments(dir.path()).iter().for_each(|path| std::fs::remove_file(path).unwrap());
    assert!(matches!(open(dir.path()), Err(OpenError::Regressed { .. })));
    assert_eq!(segments(dir.path()).len(), 1, "it is unpacked to be looked at");
    let log = EmbeddedLog::open(dir.path(), Options { accept_loss: true, ..small() }).unwrap();
    let kept = ids(&log).len();
    assert!(kept > 0 && kept < 60, "{kept}");
    append(&log, "new", "x").unwrap();
    assert_eq!(ids(&log).len(), kept + 1);
    assert!(verify(dir.path(), &[], &|_| Ok(())).unwrap().passed());
}
