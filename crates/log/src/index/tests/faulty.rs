//! A model of the index on disks that fail: whatever is left, the log's later records bring it up to the truth.

use tollgate_files::copies::{copy_dir, mix};
use tollgate_files::crash::{CrashDisk, Seeded};
use tollgate_files::fault::{Call, Fault, FaultyDisk};

use super::*;

/// Records of which each history consists; ids in a table.
const RECORDS: u64 = 130;
const TABLE: usize = 8;

/// A key that every fifth record writes anew, as the last decision about a subject.
const SUBJECT: u64 = 1_000_000;

fn add(index: &mut IdIndex, record: u64) {
    index.insert(key(record), found(record));
    if record.is_multiple_of(5) {
        index.insert(key(SUBJECT), found(record));
    }
    index.tend(Sequence(record), Sequence(record));
    index.settle();
}

/// Every key up to a record is found, and no other.
fn check(index: &IdIndex, through: u64, what: &str) {
    for record in 1..=through {
        assert_eq!(index.get(&key(record)).unwrap(), Some(found(record)), "{what}: id of record {record}");
    }
    for record in through + 1..through + 20 {
        assert_eq!(index.get(&key(record)).unwrap(), None, "{what}: id that is not in the log");
    }
    let last = through - through % 5;
    let expected = (last > 0).then(|| found(last));
    assert_eq!(index.get(&key(SUBJECT)).unwrap(), expected, "{what}: the subject's last record");
}

/// Opens what is left beside a log of so many records, reads those that the index lacks, and checks it.
fn recovered(dir: &Path, tail: u64, what: &str) -> u64 {
    let mut index = open_small(dir, Uuid::nil(), Sequence(tail), TABLE).unwrap();
    let checkpoint = index.checkpoint().0;
    assert!(checkpoint <= tail, "{what}: ahead of the log");
    for record in checkpoint + 1..=tail {
        add(&mut index, record);
    }
    check(&index, tail, what);
    checkpoint
}

#[test]
fn a_power_cut_at_any_call_costs_only_reading() {
    let whole = tempfile::tempdir().unwrap();
    let disk = Arc::new(CrashDisk::default());
    let mut index =
        IdIndex::open_on(Arc::clone(&disk) as _, whole.path(), Uuid::nil(), Sequence::ZERO, TABLE).unwrap();
    (1..=RECORDS).for_each(|record| add(&mut index, record));
    check(&index, RECORDS, "no cut");
    let calls = disk.calls();
    assert!(calls > 100, "only {calls} calls");
    let mut kept = 0;
    for nth in 1..=calls {
        let what = format!("power cut before call {nth}");
        let dir = tempfile::tempdir().unwrap();
        let disk = Arc::new(CrashDisk::default());
        disk.cut_before(nth);
        let mut index =
            IdIndex::open_on(Arc::clone(&disk) as _, dir.path(), Uuid::nil(), Sequence::ZERO, TABLE).unwrap();
        let mut tail = 0;
        while !disk.is_cut() {
            tail += 1;
            add(&mut index, tail);
        }
        check(&index, tail, "before it ends");
        drop(index);
        disk.lose(&mut Seeded::new(nth)).unwrap();
        kept += u64::from(recovered(dir.path(), tail, &what) > 0);
    }
    assert!(kept > calls / 2, "most of them keep runs: {kept} of {calls}");
}

#[test]
fn a_full_disk_keeps_ids_in_memory_until_it_has_room() {
    for call in [Call::Create, Call::Write, Call::Sync, Call::Rename, Call::Remove, Call::SyncDir] {
        for nth in 1..6 {
            let what = format!("{call:?} {nth}");
            let dir = tempfile::tempdir().unwrap();
            let disk = Arc::new(FaultyDisk::default());
            let mut index =
                IdIndex::open_on(Arc::clone(&disk) as _, dir.path(), Uuid::nil(), Sequence::ZERO, TABLE)
                    .unwrap();
            disk.fail(call, nth, Fault::Full);
            for record in 1..=RECORDS {
                add(&mut index, record);
            }
            assert_eq!(disk.struck(), 1, "{what}");
            check(&index, RECORDS, &what);
            drop(index);
            recovered(dir.path(), RECORDS, &what);
        }
    }
}

/// Files of an earlier day, cut short, changed or gone: what is there is right, or is found to be damaged.
#[test]
fn a_mixture_of_days_is_found_or_right() {
    let (mut right, mut damaged) = (0, 0);
    for seed in 0..40 {
        let mut random = Seeded::new(seed);
        let dir = tempfile::tempdir().unwrap();
        let (path, earlier) = (dir.path().join("ids"), dir.path().join("earlier"));
        let mut index = open_small(&path, Uuid::nil(), Sequence::ZERO, TABLE).unwrap();
        let day = 1 + random.number(RECORDS as usize) as u64;
        for record in 1..=RECORDS {
            add(&mut index, record);
            if record == day {
                copy_dir(&path, &earlier).unwrap();
            }
        }
        drop(index);
        mix(&path, &earlier, &mut random).unwrap();
        let what = format!("seed {seed}, mixed with record {day}");
        let index = open_small(&path, Uuid::nil(), Sequence(RECORDS), TABLE).unwrap();
        let through = index.checkpoint().0;
        let is_readable = (1..=through).all(|record| match index.get(&key(record)) {
            Ok(entry) => {
                assert_eq!(entry, Some(found(record)), "{what}: id of record {record}");
                true
            }
            Err(error) => {
                assert_eq!(error.kind(), io::ErrorKind::InvalidData, "{what}: {error}");
                false
            }
        });
        drop(index);
        if is_readable {
            right += 1;
        } else {
            damaged += 1;
            assert!(drop_damaged(&path).unwrap() > 0, "{what}");
        }
        recovered(&path, RECORDS, &what);
    }
    assert!(right > 10 && damaged > 1, "right {right}, damaged {damaged}");
}
