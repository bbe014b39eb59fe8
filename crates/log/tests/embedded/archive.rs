//! Packed segments in an archive: verified and read like those in the directory of the log.

use tollgate_domain::position::Sequence;
use tollgate_domain::time::Timestamp;
use tollgate_log::contract::{EventLog, Partitions};
use tollgate_log::embedded::{Snapshot, Target, archive, backup, restore, verify};

use crate::support::{append, ids, numbered, open, packed, packed_log, segments};

#[test]
fn what_is_archived_is_verified_and_read_as_before() {
    let home = tempfile::tempdir().unwrap();
    let (dir, count) = packed_log(home.path());
    let before = verify(&dir, &[], &|_| Ok(())).unwrap();
    let store = home.path().join("archive");
    let target = Target::Dir(store.clone());

    // Even while a writer has the log.
    let log = open(&dir).unwrap();
    let moved = archive(&dir, &target, None).unwrap();
    assert_eq!((moved.segments as usize, moved.not_packed), (count, 0));
    assert_eq!((packed(&dir.join("log")).len(), packed(&store).len()), (0, count));
    assert_eq!(archive(&dir, &target, None).unwrap().segments, 0, "there is nothing left to move");
    append(&log, "e200", "x").unwrap();
    assert_eq!(ids(&log), numbered(201));
    drop(log);

    let found = verify(&dir, &[], &|_| Ok(())).unwrap();
    assert_eq!((found.difference, found.records, found.segments), (None, 201, before.segments));
    // The ids are read from the first record on.
    std::fs::remove_dir_all(dir.join("ids")).unwrap();
    let log = open(&dir).unwrap();
    assert_eq!((ids(&log), log.degraded()), (numbered(201), None));
    // So is what only looks, from anywhere.
    for after in [0, 90, 199] {
        let snapshot = Snapshot::of_ledger(&dir).unwrap();
        let mut reader = snapshot.reader(Partitions::ALL, Sequence(after)).unwrap();
        assert_eq!(reader.read_available().unwrap()[0].sequence, Sequence(after + 1));
    }
    drop(log);

    // A backup is whole without the archive.
    let (copy, again) = (home.path().join("backup"), home.path().join("again"));
    backup(&dir, &copy).unwrap();
    std::fs::remove_dir_all(&store).unwrap();
    restore(&copy, &again).unwrap();
    assert_eq!(ids(&open(&again).unwrap()), numbered(201));
    assert!(verify(&again, &[], &|_| Ok(())).unwrap().passed());
}

#[test]
fn only_what_was_recorded_before_a_time_is_moved() {
    let home = tempfile::tempdir().unwrap();
    let (dir, count) = packed_log(home.path());
    let store = home.path().join("archive");
    let moved = |before| archive(&dir, &Target::Dir(store.clone()), Some(before)).unwrap().segments;
    assert_eq!(moved("2020-01-01T00:00:00Z".parse::<Timestamp>().unwrap()), 0);
    assert_eq!(moved("2999-01-01T00:00:00Z".parse::<Timestamp>().unwrap()) as usize, count);
}

#[test]
fn a_segment_put_back_is_read_there_again() {
    let home = tempfile::tempdir().unwrap();
    let (dir, _) = packed_log(home.path());
    let store = home.path().join("archive");
    archive(&dir, &Target::Dir(store.clone()), None).unwrap();
    for path in packed(&store) {
        let name = path.file_name().unwrap().to_str().unwrap().rsplit('-').next().unwrap().to_owned();
        std::fs::rename(&path, dir.join("log").join(name)).unwrap();
    }
    assert!(verify(&dir, &[], &|_| Ok(())).unwrap().passed());
    assert_eq!(ids(&open(&dir).unwrap()), numbered(200));
    // And may be moved again.
    assert!(archive(&dir, &Target::Dir(store), None).unwrap().segments > 0);
    assert_eq!(ids(&open(&dir).unwrap()), numbered(200));
}

#[test]
fn an_archive_that_is_away_is_named() {
    let home = tempfile::tempdir().unwrap();
    let (dir, _) = packed_log(home.path());
    let store = home.path().join("archive");
    archive(&dir, &Target::Dir(store.clone()), None).unwrap();
    std::fs::rename(&store, home.path().join("unmounted")).unwrap();
    // The ids are read from all of it when no run of the index has them.
    let error = open(&dir).err().unwrap().to_string();
    assert!(error.contains("segment 1 of the log") && error.contains("it is archived in"), "{error}");
    assert!(error.contains(store.to_str().unwrap()), "{error}");
    // What is here is read.
    let snapshot = Snapshot::of_ledger(&dir).unwrap();
    let mut reader = snapshot.reader(Partitions::ALL, Sequence(190)).unwrap();
    assert_eq!(reader.read_available().unwrap()[0].sequence, Sequence(191));
    let error = snapshot.reader(Partitions::ALL, Sequence::ZERO).err().unwrap().to_string();
    assert!(error.contains(store.to_str().unwrap()), "{error}");
    let difference = verify(&dir, &[], &|_| Ok(())).unwrap().difference.unwrap();
    assert!(difference.contains(store.to_str().unwrap()), "{difference}");
    std::fs::rename(home.path().join("unmounted"), &store).unwrap();
    assert!(verify(&dir, &[], &|_| Ok(())).unwrap().passed());
}

#[test]
fn an_archive_that_changed_a_segment_is_found_out() {
    let home = tempfile::tempdir().unwrap();
    let (dir, _) = packed_log(home.path());
    let store = home.path().join("archive");
    archive(&dir, &Target::Dir(store.clone()), None).unwrap();
    for path in packed(&store) {
        let good = std::fs::read(&path).unwrap();
        let mut bad = good.clone();
        let middle = bad.len() / 2;
        bad[middle] ^= 4;
        for (bad, what) in [(&bad[..], "damaged"), (&good[..middle], "it is not the segment")] {
            std::fs::write(&path, bad).unwrap();
            let difference = verify(&dir, &[], &|_| Ok(())).unwrap().difference;
            let difference = difference.unwrap_or_else(|| panic!("{}", path.display()));
            let name = path.file_name().unwrap().to_str().unwrap();
            assert!(difference.contains(name), "{name}: {difference}");
            assert!(difference.contains(what), "{difference}");
        }
        std::fs::write(&path, &good).unwrap();
    }
    assert!(verify(&dir, &[], &|_| Ok(())).unwrap().passed());
}

#[test]
fn a_segment_stays_if_the_archive_has_something_else_under_its_name() {
    let home = tempfile::tempdir().unwrap();
    let (dir, count) = packed_log(home.path());
    let store = home.path().join("archive");
    archive(&dir, &Target::Dir(store.clone()), None).unwrap();
    // It is put back, and moved once more.
    for path in packed(&store) {
        let name = path.file_name().unwrap().to_str().unwrap().rsplit('-').next().unwrap().to_owned();
        std::fs::copy(&path, dir.join("log").join(name)).unwrap();
    }
    std::fs::write(&packed(&store)[0], "another file").unwrap();
    let error = archive(&dir, &Target::Dir(store.clone()), None).unwrap_err().to_string();
    assert!(error.contains("it has 12 bytes, not ") && error.ends_with("it stays where it was"), "{error}");
    std::fs::remove_dir_all(&store).unwrap();
    std::fs::write(&store, "a file").unwrap();
    let error = archive(&dir, &Target::Dir(store), None).unwrap_err().to_string();
    assert!(error.contains("archiving") && error.contains("0000000001.packed"), "{error}");
    assert_eq!((segments(&dir).len(), packed(&dir.join("log")).len()), (2, count));
    assert!(verify(&dir, &[], &|_| Ok(())).unwrap().passed());
}

#[test]
fn a_list_of_the_archive_that_cannot_be_read_is_named_and_nothing_is_changed() {
    let home = tempfile::tempdir().unwrap();
    let (dir, _) = packed_log(home.path());
    let store = home.path().join("archive");
    archive(&dir, &Target::Dir(store.clone()), None).unwrap();
    let list = dir.join("log/archive.json");
    let good = std::fs::read(&list).unwrap();
    std::fs::write(&list, "{\"segments\": [{\"ordinal\": \"one\"}]}").unwrap();
    let errors = [
        open(&dir).err().unwrap().to_string(),
        archive(&dir, &Target::Dir(store), None).unwrap_err().to_string(),
        verify(&dir, &[], &|_| Ok(())).unwrap().difference.unwrap(),
    ];
    for error in errors {
        assert!(error.contains(list.to_str().unwrap()) && error.contains("is not readable"), "{error}");
    }
    std::fs::write(&list, good).unwrap();
    assert_eq!(ids(&open(&dir).unwrap()), numbered(200));
}
