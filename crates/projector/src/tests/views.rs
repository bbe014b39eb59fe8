//! A view by itself: what it folds, what it keeps, what it refuses to continue from.

use proptest::prelude::*;
use tollgate_domain::event::TaskOpened;
use tollgate_domain::metadata::TaskMetadata;
use tollgate_domain::position::Sequence;
use tollgate_files::copies::copy_dir;
use tollgate_log::contract::Partitions;
use tollgate_log::embedded::{EmbeddedLog, Options};
use tollgate_projection::fold::task_key;
use tollgate_projection::status::Status;

use crate::testing::{Stream, append, decide, event, memory, records, tokens, unreadable, usage};
use crate::view::{View, ViewError};

#[tokio::test]
async fn what_was_not_committed_is_folded_again_and_nothing_twice() {
    let (log, dir) = (memory(), tempfile::tempdir().unwrap());
    for n in 0..6 {
        append(&*log, vec![usage("T-1", &format!("e{n}"), 10)]).await;
    }
    let all = records(&*log).await;
    let mut view = View::open(Status, dir.path(), &*log).await.unwrap();
    all[..3].iter().for_each(|stored| view.apply(stored).unwrap());
    view.commit().unwrap();
    all[3..5].iter().for_each(|stored| view.apply(stored).unwrap());
    assert_eq!(tokens(&view, "T-1"), Some(50));
    drop(view);
    let mut view = View::open(Status, dir.path(), &*log).await.unwrap();
    assert_eq!((view.checkpoint().read_through.0, tokens(&view, "T-1")), (3, Some(30)), "{:?}", view.note());
    // Redelivered from the first record: only what is not contained is folded.
    all.iter().for_each(|stored| view.apply(stored).unwrap());
    assert_eq!((tokens(&view, "T-1"), view.folded()), (Some(60), (3, 3)));
}

#[tokio::test]
async fn rows_of_any_length_are_committed_before_they_fill_the_memory() {
    let (log, dir) = (memory(), tempfile::tempdir().unwrap());
    let opened = |nth: usize| {
        let labels = (0..6).map(|label| (format!("label-{label}"), "x".repeat(1_900))).collect();
        let metadata = TaskMetadata { labels, ..TaskMetadata::default() };
        event(&format!("T-{nth}"), "o", TaskOpened { metadata, limits: None }.into())
    };
    for nth in 0..3_500 {
        append(&*log, vec![opened(nth)]).await;
    }
    let mut view = View::open(Status, dir.path(), &*log).await.unwrap();
    let mut reader = log.read_from(Partitions::ALL, Sequence::ZERO).await.unwrap();
    let mut committed = Vec::new();
    while view.folded().0 < 3_500 {
        for stored in reader.try_next().await.unwrap() {
            view.apply(&stored).unwrap();
            if view.commit_is_due() {
                committed.push(view.commit().unwrap());
            }
        }
    }
    // 11.5 KB each: 32 MiB are not 50,000 of them.
    assert_eq!(committed.len(), 1, "{committed:?}");
    assert!((2_500..3_000).contains(&committed[0]), "{committed:?}");
}

#[tokio::test]
async fn an_event_that_stands_twice_in_the_log_is_counted_once() {
    let (one, two, dir) = (memory(), memory(), tempfile::tempdir().unwrap());
    append(&*one, vec![usage("T-1", "a", 1), usage("T-1", "b", 10)]).await;
    append(&*two, vec![usage("T-1", "b", 10), usage("T-1", "c", 100)]).await;
    // As a stream whose server forgot an id would hold them: both records, one after another.
    let twice = [records(&*one).await, records(&*two).await].concat();
    let stream = Stream::of(one.epoch(), twice);
    let open = async |name: &str| View::open(Status, &dir.path().join(name), &stream).await.unwrap();
    let all = records(&stream).await;
    let mut view = open("view").await;
    all.iter().for_each(|stored| view.apply(stored).unwrap());
    assert_eq!(tokens(&view, "T-1"), Some(111));
    // After a restart, the ids of the records that the view contains are read again: the index had none of
    // them on disk.
    let mut view = open("other").await;
    view.apply(&all[0]).unwrap();
    view.commit().unwrap();
    drop(view);
    let mut view = open("other").await;
    assert_eq!((tokens(&view, "T-1"), view.begin_after(&stream).0), (Some(11), 0));
    all.iter().for_each(|stored| view.apply(stored).unwrap());
    assert_eq!(tokens(&view, "T-1"), Some(111));
}

#[tokio::test]
async fn a_decision_record_whose_event_counts_nowhere_is_still_the_last_decision() {
    let (one, two, dir) = (memory(), memory(), tempfile::tempdir().unwrap());
    append(&*one, vec![usage("T-1", "x", 1)]).await;
    decide(&*two, "T-1", vec![usage("T-1", "x", 2)]).await;
    let stream = Stream::of(one.epoch(), [records(&*one).await, records(&*two).await].concat());
    let mut view = View::open(Status, dir.path(), &stream).await.unwrap();
    records(&stream).await.iter().for_each(|stored| view.apply(stored).unwrap());
    let row = view.get(&task_key("default", "T-1")).unwrap().unwrap();
    // The id is taken by record 1; the log compares the next decision about the task with record 2.
    assert_eq!((tokens(&view, "T-1"), row.last_decision.0), (Some(1), 2));
}

#[tokio::test]
async fn a_task_with_an_unreadable_event_waits_and_others_go_on() {
    let (log, dir) = (memory(), tempfile::tempdir().unwrap());
    append(&*log, vec![usage("T-1", "a", 1)]).await;
    append(&*log, vec![unreadable("T-1", "b"), usage("T-1", "c", 100)]).await;
    append(&*log, vec![usage("T-2", "d", 7)]).await;
    append(&*log, vec![usage("T-1", "e", 1000)]).await;
    let check = |view: &View<Status>| {
        assert_eq!((tokens(view, "T-1"), tokens(view, "T-2")), (Some(1), Some(7)));
        assert!(
            view.is_degraded(&task_key("default", "T-1")) && !view.is_degraded(&task_key("default", "T-2"))
        );
        let parked: Vec<_> = view.quarantined().collect();
        let places: Vec<_> =
            parked[0].1.waiting.iter().map(|(sequence, place)| (sequence.0, *place)).collect();
        assert_eq!((parked.len(), places), (1, vec![(2, 0), (2, 1), (4, 0)]));
        assert!(!parked[0].1.error.is_empty());
    };
    let mut view = View::open(Status, dir.path(), &*log).await.unwrap();
    records(&*log).await.iter().for_each(|stored| view.apply(stored).unwrap());
    check(&view);
    view.commit().unwrap();
    drop(view);
    check(&View::open(Status, dir.path(), &*log).await.unwrap());
}

#[tokio::test]
async fn events_that_wait_are_folded_in_order_once_they_can_be_read() {
    let (log, dir) = (memory(), tempfile::tempdir().unwrap());
    append(&*log, vec![usage("T-1", "a", 1), usage("T-1", "b", 10)]).await;
    append(&*log, vec![unreadable("T-1", "c"), usage("T-1", "d", 100)]).await;
    let all = records(&*log).await;
    let mut view = View::open(Status, dir.path(), &*log).await.unwrap();
    // As left by an older version that could not read the first events.
    let key = task_key("default", "T-1");
    view.set_aside(&key, (all[0].sequence, 0), "too new");
    all.iter().for_each(|stored| view.apply(stored).unwrap());
    assert_eq!(tokens(&view, "T-1"), None);
    view.commit().unwrap();
    drop(view);
    let view = View::open(Status, dir.path(), &*log).await.unwrap();
    assert_eq!(tokens(&view, "T-1"), Some(12), "a again by the older version's mark, then a and b");
    let (_, parked) = view.quarantined().next().unwrap();
    assert_eq!(parked.waiting.iter().map(|(at, _)| at.0).collect::<Vec<_>>(), [2, 2]);
}

#[tokio::test]
async fn a_view_of_another_log_begins_anew() {
    let (one, two, dir) = (memory(), memory(), tempfile::tempdir().unwrap());
    append(&*one, vec![usage("T-1", "a", 1)]).await;
    append(&*two, vec![usage("T-2", "a", 5)]).await;
    let mut view = View::open(Status, dir.path(), &*one).await.unwrap();
    view.apply(&records(&*one).await[0]).unwrap();
    view.commit().unwrap();
    drop(view);
    let view = View::open(Status, dir.path(), &*two).await.unwrap();
    assert_eq!((tokens(&view, "T-1"), view.checkpoint().read_through.0), (None, 0));
    assert!(view.note().unwrap().contains("it was made from log"), "{:?}", view.note());
}

/// The data directory is replaced by an older copy, as a careless restore would, and grows again: same epoch, other
/// records.
#[tokio::test]
async fn a_log_that_lost_its_end_is_noticed_before_and_after_it_grew_again() {
    for grown in [0, 1] {
        let dir = tempfile::tempdir().unwrap();
        let (data, copy) = (dir.path().join("data"), dir.path().join("copy"));
        let open = || EmbeddedLog::open_or_create(&data, Options::default()).unwrap();
        let log = open();
        append(&log, vec![usage("T-1", "a", 1)]).await;
        log.close();
        copy_dir(&data, &copy).unwrap();
        let log = open();
        append(&log, vec![usage("T-1", "b", 10)]).await;
        let views = dir.path().join("view");
        let mut view = View::open(Status, &views, &log).await.unwrap();
        records(&log).await.iter().for_each(|stored| view.apply(stored).unwrap());
        view.commit().unwrap();
        drop(view);
        log.close();
        std::fs::remove_dir_all(&data).unwrap();
        std::fs::rename(&copy, &data).unwrap();
        let log = open();
        for n in 0..grown {
            append(&log, vec![usage("T-1", &format!("other {n}"), 500)]).await;
        }
        let expected =
            if grown == 0 { "ends at record 1, the view contains 2" } else { "record 2 is another one than" };
        // However often it is tried, the evidence of the loss stays.
        for _ in 0..2 {
            let error = View::open(Status, &views, &log).await.err().expect("it is refused");
            assert!(matches!(error, ViewError::Regressed { .. }), "{error}");
            assert!(error.to_string().contains(expected), "{error}");
        }
        let view = View::open_part(Status, &views, &log, Partitions::ALL, true).await.unwrap();
        assert_eq!((tokens(&view, "T-1"), view.checkpoint().read_through.0), (None, 0), "grown {grown}");
        assert!(view.note().unwrap().contains("is kept as"), "{:?}", view.note());
        assert!(dir.path().join("view.damaged-1").is_dir());
    }
}

#[tokio::test]
async fn a_record_that_does_not_follow_stops_the_view() {
    let (log, dir) = (memory(), tempfile::tempdir().unwrap());
    append(&*log, vec![usage("T-1", "a", 1)]).await;
    append(&*log, vec![usage("T-1", "b", 1)]).await;
    let all = records(&*log).await;
    let mut view = View::open(Status, dir.path(), &*log).await.unwrap();
    // The first record of the partition is missing.
    let error = view.apply(&all[1]).unwrap_err();
    assert!(matches!(error, ViewError::OtherHistory(_)), "{error}");
    assert_eq!(tokens(&view, "T-1"), None);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    /// Whatever is committed, lost and redelivered in between: the same bytes as a fold from zero.
    #[test]
    fn a_view_is_the_fold_from_zero(
        tasks in prop::collection::vec((0..5_u8, 1..100_u64), 1..30),
        steps in prop::collection::vec((0..8_usize, prop::bool::ANY, prop::bool::ANY), 0..12),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let (log, dir) = (memory(), tempfile::tempdir().unwrap());
            for (n, (task, used)) in tasks.iter().enumerate() {
                append(&*log, vec![usage(&format!("T-{task}"), &format!("e{n}"), *used)]).await;
            }
            let all = records(&*log).await;
            let live_dir = dir.path().join("live");
            let mut live = View::open(Status, &live_dir, &*log).await.unwrap();
            for (count, commit, restart) in steps {
                let from = usize::try_from(live.checkpoint().read_through.0).unwrap();
                // One record before the checkpoint is delivered again.
                for stored in all.iter().skip(from.saturating_sub(1)).take(count) {
                    live.apply(stored).unwrap();
                }
                if commit {
                    live.commit().unwrap();
                }
                if restart {
                    drop(live);
                    live = View::open(Status, &live_dir, &*log).await.unwrap();
                }
            }
            let mut zero = View::open(Status, &dir.path().join("zero"), &*log).await.unwrap();
            for view in [&mut live, &mut zero] {
                all.iter().for_each(|stored| view.apply(stored).unwrap());
                view.commit().unwrap();
            }
            assert_eq!((live.digest(), live.rows()), (zero.digest(), zero.rows()));
            assert_eq!(live.position(), log.tail().await.unwrap());
        });
    }
}
