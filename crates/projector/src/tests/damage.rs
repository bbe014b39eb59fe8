//! A model of a view whose files are damaged, lost or put back from an earlier day, again and again: in the end it
//! holds what the log says, byte for byte. What was seeded can be run again: every failure names its seed.

use std::path::Path;

use tollgate_files::copies::{self, copy_dir, files_in};
use tollgate_files::crash::Seeded;
use tollgate_log::index::drop_damaged;
use tollgate_log::record::StoredRecord;
use tollgate_projection::status::Status;
use tollgate_view_store::{Digest, StoreError, ViewStore};

use crate::dedup::index_dir;
use crate::row_error::RowError;
use crate::testing::{Stream, append, lived, memory, records};
use crate::view::{View, ViewError};

/// A log in which some events stand twice.
async fn log(seed: u64) -> (Stream, Vec<StoredRecord>) {
    let mut random = Seeded::new(seed);
    let (one, two) = (memory(), memory());
    for nth in 0..120 {
        let event = lived(&mut random, nth);
        append(&*one, vec![event.clone()]).await;
        if random.number(6) == 0 {
            append(&*two, vec![event]).await;
        }
    }
    let stream = Stream::of(one.epoch(), [records(&*one).await, records(&*two).await].concat());
    let all = records(&stream).await;
    (stream, all)
}

/// Folds records that follow, at most this many, with commits in between. What a projector does about rows that it
/// cannot read is done here too.
async fn fold(
    dir: &Path,
    log: &Stream,
    all: &[StoredRecord],
    most: usize,
    random: &mut Seeded,
) -> View<Status> {
    for _ in 0..3 {
        let mut view = View::open(Status, dir, log).await.unwrap();
        match apply(&mut view, log, all, most, random) {
            Ok(()) => return view,
            Err(ViewError::Rows(RowError::Ids(_))) => {
                drop(view);
                drop_damaged(&index_dir(dir)).unwrap();
            }
            Err(ViewError::Rows(RowError::Store(StoreError::Damaged { .. }))) => {
                drop(view);
                ViewStore::set_aside(dir).unwrap();
            }
            Err(error) => panic!("{error}"),
        }
    }
    panic!("it was mended three times")
}

fn apply(
    view: &mut View<Status>,
    log: &Stream,
    all: &[StoredRecord],
    most: usize,
    random: &mut Seeded,
) -> Result<(), ViewError> {
    let after = view.begin_after(log);
    let contained = view.checkpoint().read_through;
    let following = all.iter().filter(|stored| stored.sequence > after);
    let through = contained.0 + most as u64;
    for stored in following.take_while(|stored| stored.sequence.0 <= through) {
        view.apply(stored)?;
        if random.number(4) == 0 {
            view.commit()?;
        }
    }
    Ok(())
}

/// The whole view, read row by row.
fn read(view: &View<Status>) -> Result<(Digest, u64, u64), RowError> {
    let rows = view.scan(&[], None).try_fold(0, |rows, row| row.map(|_| rows + 1))?;
    Ok((view.digest(), view.rows(), rows))
}

#[tokio::test]
async fn whatever_happens_to_its_files_a_view_is_the_fold_of_the_log() {
    let mut harmed = 0;
    for seed in 0..12 {
        let (log, all) = log(seed).await;
        let dir = tempfile::tempdir().unwrap();
        let mut random = Seeded::new(seed + 1_000);
        let mut fresh = fold(&dir.path().join("fresh"), &log, &all, all.len(), &mut random).await;
        fresh.commit().unwrap();
        let expected = read(&fresh).unwrap();
        let path = dir.path().join("view");
        for round in 0..10 {
            let view = fold(&path, &log, &all, 1 + random.number(40), &mut random).await;
            view.flush().unwrap();
            drop(view);
            harmed += usize::from(harm(&path, dir.path(), round, &mut random));
        }
        let mut view = fold(&path, &log, &all, all.len(), &mut random).await;
        view.commit().unwrap();
        let found = match read(&view) {
            Err(RowError::Store(StoreError::Damaged { .. })) => {
                drop(view);
                ViewStore::set_aside(&path).unwrap();
                let mut again = fold(&path, &log, &all, all.len(), &mut random).await;
                again.commit().unwrap();
                read(&again).unwrap()
            }
            found => found.unwrap(),
        };
        assert_eq!(found, expected, "seed {seed}");
    }
    assert!(harmed > 40, "harmed {harmed} times");
}

/// Perhaps harms the files of a view, or keeps a copy of them for later.
fn harm(view: &Path, dir: &Path, round: usize, random: &mut Seeded) -> bool {
    let ids = index_dir(view);
    let kept = [dir.join(format!("copy-{round}")), dir.join(format!("copy-{round}.ids"))];
    match random.number(5) {
        0 => {
            copy_dir(view, &kept[0]).unwrap();
            copy_dir(&ids, &kept[1]).unwrap();
            false
        }
        // The view, its ids or both are of an earlier day.
        1 => {
            let day = random.number(round + 1);
            let mut replaced = false;
            for (now, suffix) in [(view, ""), (&*ids, ".ids")] {
                let then = dir.join(format!("copy-{day}{suffix}"));
                if then.exists() && random.number(3) != 0 {
                    std::fs::remove_dir_all(now).unwrap();
                    copy_dir(&then, now).unwrap();
                    replaced = true;
                }
            }
            replaced
        }
        _ => {
            let found = [files_in(view).unwrap(), files_in(&ids).unwrap()].concat();
            copies::harm(&found[random.number(found.len())], random).unwrap();
            true
        }
    }
}
