//! An archive that commands reach. One test in a process of its own: while a command is started, it has all that the
//! process has open, locks of other tests' logs too.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on panics")]

#[expect(dead_code, reason = "other tests use the rest")]
#[path = "embedded/support.rs"]
mod support;

use std::path::Path;

use tollgate_domain::position::Sequence;
use tollgate_log::contract::{EventLog, Partitions};
use tollgate_log::embedded::{Snapshot, Target, archive, backup, restore, verify};

use support::{append, ids, numbered, open, packed, packed_log};

#[test]
fn commands_store_segments_and_bring_them_back() {
    what_is_archived_is_verified_and_read_as_before();
    what_comes_back_changed_is_found_out();
    a_segment_stays_until_the_archive_gives_it_back_as_it_was();
}

/// Commands that store in a directory, as those of an object store would.
fn commands(store: &Path) -> Target {
    std::fs::create_dir_all(store).unwrap();
    let store = store.display();
    Target::Commands {
        put: format!("cp \"$TOLLGATE_FILE\" '{store}'/\"$TOLLGATE_SEGMENT\""),
        get: format!("cp '{store}'/\"$TOLLGATE_SEGMENT\" \"$TOLLGATE_FILE\""),
    }
}

fn what_is_archived_is_verified_and_read_as_before() {
    let home = tempfile::tempdir().unwrap();
    let (dir, count) = packed_log(home.path());
    let before = verify(&dir, &[], &|_| Ok(())).unwrap();
    let store = home.path().join("archive");
    let log = open(&dir).unwrap();
    let moved = archive(&dir, &commands(&store), None).unwrap();
    assert_eq!(
        (moved.segments as usize, packed(&store).len(), packed(&dir.join("log")).len()),
        (count, count, 0)
    );
    append(&log, "e200", "x").unwrap();
    assert_eq!(ids(&log), numbered(201));
    drop(log);
    let found = verify(&dir, &[], &|_| Ok(())).unwrap();
    assert_eq!((found.difference, found.records, found.segments), (None, 201, before.segments));
    std::fs::remove_dir_all(dir.join("ids")).unwrap();
    let log = open(&dir).unwrap();
    assert_eq!((ids(&log), log.degraded()), (numbered(201), None));
    drop(log);
    for after in [0, 90, 199] {
        let snapshot = Snapshot::of_ledger(&dir).unwrap();
        let mut reader = snapshot.reader(Partitions::ALL, Sequence(after)).unwrap();
        assert_eq!(reader.read_available().unwrap()[0].sequence, Sequence(after + 1));
    }
    let (copy, again) = (home.path().join("backup"), home.path().join("again"));
    backup(&dir, &copy).unwrap();
    std::fs::remove_dir_all(&store).unwrap();
    restore(&copy, &again).unwrap();
    assert_eq!(ids(&open(&again).unwrap()), numbered(201));
}

/// Even if all that a reader looks at is as it was.
fn what_comes_back_changed_is_found_out() {
    let home = tempfile::tempdir().unwrap();
    let (dir, _) = packed_log(home.path());
    let store = home.path().join("archive");
    archive(&dir, &commands(&store), None).unwrap();
    let path = &packed(&store)[0];
    let good = std::fs::read(path).unwrap();
    // A bit of the frame's header that zstd does not use: after the table of one block and the frame's magic.
    let mut bad = good.clone();
    bad[28 + 4 + 4] ^= 0x10;
    std::fs::write(path, &bad).unwrap();
    let difference = verify(&dir, &[], &|_| Ok(())).unwrap().difference.unwrap();
    assert!(difference.contains("its BLAKE3 differs"), "{difference}");
    std::fs::write(path, &good).unwrap();
    assert!(verify(&dir, &[], &|_| Ok(())).unwrap().passed());
}

fn a_segment_stays_until_the_archive_gives_it_back_as_it_was() {
    let home = tempfile::tempdir().unwrap();
    let (dir, count) = packed_log(home.path());
    let store = home.path().join("archive");
    std::fs::create_dir(&store).unwrap();
    let Target::Commands { put, get } = commands(&store) else { unreachable!("they are commands") };
    for (put, get, says) in [
        ("echo 'no such bucket' >&2; exit 3".to_owned(), get.clone(), "no such bucket"),
        ("true".to_owned(), get.clone(), "cp: "),
        (put.clone(), "true".to_owned(), "it has 0 bytes, not "),
        (put.clone(), "exit 1".to_owned(), "failed for"),
        (
            put.clone(),
            format!("{get}; printf x | dd of=\"$TOLLGATE_FILE\" bs=1 seek=20 conv=notrunc 2>/dev/null"),
            "its BLAKE3 differs",
        ),
    ] {
        let error = archive(&dir, &Target::Commands { put, get }, None).unwrap_err().to_string();
        assert!(error.contains(says) && error.ends_with("it stays where it was"), "{error}");
        assert_eq!(packed(&dir.join("log")).len(), count);
        assert!(verify(&dir, &[], &|_| Ok(())).unwrap().passed());
    }
}
