//! A model of the store on disks that fail: whatever happens, it opens with the rows of one of its commits, or is
//! found to be damaged. What was seeded can be run again: every failure names its seed.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on panics")]

mod support;

use std::path::Path;
use std::sync::Arc;

use tollgate_files::copies::{copy_dir, files_in, mix};
use tollgate_files::crash::{CrashDisk, Seeded};
use tollgate_files::disk::{Disk, RealDisk};
use tollgate_files::fault::{Call, Fault, FaultyDisk};
use tollgate_view_store::{Change, StoreError, ViewStore, Was};

use support::{Forgetful, History, SMALL, rows_of};

/// How a history ended on a disk whose power was cut.
struct Cut {
    /// Commits that succeeded.
    acknowledged: usize,
    /// Whether one more was under way.
    in_flight: bool,
}

/// Commits a history until the disk fails.
fn commit_all(dir: &Path, disk: Arc<dyn Disk>, history: &History) -> Cut {
    let mut cut = Cut { acknowledged: 0, in_flight: false };
    let Ok((mut store, _)) = ViewStore::open_on(dir, disk, SMALL) else { return cut };
    for nth in 0..history.len() {
        if history.commit(&mut store, nth).is_err() {
            cut.in_flight = true;
            break;
        }
        cut.acknowledged += 1;
        if nth % 3 == 2 {
            store.flush().unwrap();
        }
    }
    store.flush().unwrap();
    cut
}

/// Opens what is left, and says after how many commits its rows are those of the history; `None` if it is damaged.
fn survivor(dir: &Path, history: &History, what: &str) -> Option<usize> {
    let store = match ViewStore::open_on(dir, Arc::new(RealDisk), SMALL) {
        Ok((store, None)) => {
            assert_eq!((store.rows(), store.scan(&[], None).count()), (0, 0), "{what}: empty");
            return Some(0);
        }
        Ok((store, Some(checkpoint))) => (store, String::from_utf8(checkpoint).unwrap().parse::<usize>()),
        Err(StoreError::Damaged { .. }) => return None,
        Err(error) => panic!("{what}: {error}"),
    };
    let (mut store, nth) = (store.0, store.1.unwrap());
    match rows_of(&store) {
        Ok(rows) => assert!(rows == history.after(nth), "{what}: other rows than those of commit {nth}"),
        Err(StoreError::Damaged { .. }) => return None,
        Err(error) => panic!("{what}: {error}"),
    }
    for (key, value) in history.after(nth) {
        assert_eq!(store.get(&key).unwrap(), Some(value), "{what}");
    }
    assert_eq!(store.digest(), history.digest(nth), "{what}");
    // It goes on as if nothing had happened.
    for next in nth..history.len() {
        history.commit(&mut store, next).unwrap();
    }
    assert!(rows_of(&store).unwrap() == history.after(history.len()), "{what}: after it went on");
    Some(nth)
}

#[test]
fn a_power_cut_at_any_call_loses_no_acknowledged_commit() {
    let mut cuts = 0;
    for seed in 0..4 {
        let history = History::seeded(seed, 24);
        let whole = tempfile::tempdir().unwrap();
        let disk = Arc::new(CrashDisk::default());
        let done = commit_all(whole.path(), Arc::clone(&disk) as _, &history);
        assert_eq!(done.acknowledged, history.len());
        let calls = disk.calls();
        cuts += calls;
        for nth in 1..=calls {
            let what = format!("seed {seed}, power cut before call {nth}");
            let dir = tempfile::tempdir().unwrap();
            let disk = Arc::new(CrashDisk::default());
            disk.cut_before(nth);
            let cut = commit_all(dir.path(), Arc::clone(&disk) as _, &history);
            disk.lose(&mut Seeded::new(seed * 1_000 + nth)).unwrap();
            let left = survivor(dir.path(), &history, &what).unwrap_or_else(|| panic!("{what}: damaged"));
            let most = cut.acknowledged + usize::from(cut.in_flight);
            assert!(
                (cut.acknowledged..=most).contains(&left),
                "{what}: commit {left} of {}",
                cut.acknowledged
            );
        }
    }
    assert!(cuts > 150, "only {cuts} calls");
}

/// What the store must not forget: each of these disks forgets one thing, and the model sees it.
#[test]
fn a_store_that_forgets_a_sync_is_found() {
    for forgotten in [Call::Sync, Call::SyncDir] {
        let mut damaged = 0;
        for seed in 0..20 {
            let history = History::seeded(seed, 12);
            let dir = tempfile::tempdir().unwrap();
            let disk = Arc::new(CrashDisk::default());
            commit_all(dir.path(), Arc::new(Forgetful { disk: Arc::clone(&disk), forgotten }), &history);
            disk.lose(&mut Seeded::new(seed)).unwrap();
            damaged += usize::from(survivor(dir.path(), &history, &format!("seed {seed}")).is_none());
        }
        assert!(damaged > 5, "{forgotten:?} forgotten: only {damaged} of 20 were found");
    }
}

#[test]
fn a_copy_of_an_earlier_day_is_that_days_store() {
    for seed in 0..10 {
        let history = History::seeded(seed, 20);
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("view");
        let (mut store, _) = ViewStore::open_on(&path, Arc::new(RealDisk), SMALL).unwrap();
        for nth in 0..history.len() {
            history.commit(&mut store, nth).unwrap();
            store.flush().unwrap();
            copy_dir(&path, &dir.path().join(format!("copy-{}", nth + 1))).unwrap();
        }
        drop(store);
        for nth in 1..=history.len() {
            let what = format!("seed {seed}, copy after commit {nth}");
            let copy = dir.path().join(format!("copy-{nth}"));
            // A file may be merged and removed while it is copied: that is damage, which is found.
            let left = survivor(&copy, &history, &what);
            assert!(left.is_none_or(|left| left == nth), "{what}: {left:?}");
        }
    }
}

/// Files of different days side by side, cut short, or with other bytes.
#[test]
fn a_mixture_of_days_is_one_of_them_or_damaged() {
    let mut found = [0_usize; 2];
    for seed in 0..60 {
        let mut random = Seeded::new(seed);
        let history = History::seeded(seed, 16);
        let dir = tempfile::tempdir().unwrap();
        let (path, earlier) = (dir.path().join("view"), dir.path().join("earlier"));
        let (mut store, _) = ViewStore::open_on(&path, Arc::new(RealDisk), SMALL).unwrap();
        let day = random.number(history.len());
        for nth in 0..history.len() {
            history.commit(&mut store, nth).unwrap();
            if nth == day {
                store.flush().unwrap();
                copy_dir(&path, &earlier).unwrap();
            }
        }
        drop(store);
        mix(&path, &earlier, &mut random).unwrap();
        let left = survivor(&path, &history, &format!("seed {seed}, mixed with commit {day}"));
        found[usize::from(left.is_none())] += 1;
    }
    assert!(found[0] > 5 && found[1] > 5, "whole and damaged: {found:?}");
}

#[test]
fn a_full_disk_refuses_a_commit_whole_and_takes_it_later() {
    for seed in 0..10 {
        let history = History::seeded(seed, 20);
        for call in [Call::Create, Call::Write, Call::Sync, Call::SyncDir] {
            let nth = 1 + seed % 3;
            let what = format!("seed {seed}, {call:?} {nth}");
            let dir = tempfile::tempdir().unwrap();
            let disk = Arc::new(FaultyDisk::default());
            let (mut store, _) = ViewStore::open_on(dir.path(), Arc::clone(&disk) as _, SMALL).unwrap();
            disk.fail(call, nth, Fault::Full);
            let mut refused = 0;
            for commit in 0..history.len() {
                while let Err(error) = history.commit(&mut store, commit) {
                    assert!(matches!(error, StoreError::Failed { .. }), "{what}: {error}");
                    refused += 1;
                    assert!(
                        rows_of(&store).unwrap() == history.after(commit),
                        "{what}: something was stored"
                    );
                }
            }
            // A merge may have been refused instead: nobody is told, and it is tried again.
            assert!(
                refused <= 1 && disk.struck() == 1,
                "{what}: refused {refused}, struck {}",
                disk.struck()
            );
            store.flush().unwrap();
            drop(store);
            assert_eq!(survivor(dir.path(), &history, &what), Some(history.len()), "{what}");
        }
    }
}

/// Rows that nobody reads are read when runs are merged, at the latest when too many wait for it.
#[test]
fn damage_that_a_merge_finds_is_told_by_a_commit() {
    let dir = tempfile::tempdir().unwrap();
    let (mut store, _) = ViewStore::open_on(dir.path(), Arc::new(RealDisk), SMALL).unwrap();
    let mut commit = |nth: usize| {
        let (key, value) = (format!("row {nth:03}"), Some(vec![7; 1_000]));
        store.commit(vec![Change { key: key.as_bytes(), value, was: Was::Absent }], b"")
    };
    commit(0).unwrap();
    let runs = files_in(&dir.path().join("runs")).unwrap();
    let mut bytes = std::fs::read(&runs[0]).unwrap();
    bytes[500] ^= 1;
    std::fs::write(&runs[0], bytes).unwrap();
    let error = (1..100).find_map(|nth| commit(nth).err()).expect("it is found");
    assert!(matches!(&error, StoreError::Damaged { message, .. } if message.contains("block")), "{error}");
}
