//! A running projector: waiting for a position, stopping, rebuilding, coming back.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tollgate_domain::position::{PartitionId, Position, Sequence};
use tollgate_log::contract::EventLog;
use tollgate_projection::fold::Projection;
use tollgate_projection::status::Status;
use tollgate_view_store::ViewStore;

use crate::projector::Projector;
use crate::query::{QueryError, Wait};
use crate::rebuild::{RebuildError, Rebuilt};
use crate::testing::{append, memory, tokens, unreadable, usage};
use crate::view::{View, store_dir};

const LONG: Duration = Duration::from_secs(30);

async fn start(log: &Arc<dyn EventLog>, dir: &Path) -> Projector<Status> {
    Projector::start(Status, dir, Arc::clone(log)).await.unwrap()
}

async fn used(projector: &Projector<Status>, at_least: &Position, task: &str) -> Option<i128> {
    let wait = Wait { at_least: Some(at_least), up_to: LONG };
    projector.read(wait, |view| tokens(view, task)).await.unwrap()
}

#[tokio::test]
async fn a_query_sees_its_own_append_and_a_stop_loses_nothing() {
    let (log, dir) = (memory(), tempfile::tempdir().unwrap());
    let projector = start(&log, dir.path()).await;
    for n in 1..=20 {
        let position = append(&*log, vec![usage("T-1", &format!("e{n}"), 1)]).await;
        assert_eq!(used(&projector, &position, "T-1").await, Some(n));
    }
    projector.stop().await;
    let view = View::open(Status, &store_dir::<Status>(dir.path()), &*log).await.unwrap();
    assert_eq!((tokens(&view, "T-1"), view.checkpoint().read_through.0), (Some(20), 20));
}

#[tokio::test]
async fn nothing_is_answered_before_the_end_that_the_log_had_at_the_start() {
    let (log, dir) = (memory(), tempfile::tempdir().unwrap());
    for n in 0..500 {
        append(&*log, vec![usage("T-1", &format!("e{n}"), 1)]).await;
    }
    let projector = start(&log, dir.path()).await;
    let wait = Wait { at_least: None, up_to: LONG };
    assert_eq!(projector.read(wait, |view| tokens(view, "T-1")).await.unwrap(), Some(500));
}

#[tokio::test]
async fn a_position_that_does_not_come_is_stale_and_never_answered() {
    let (log, dir) = (memory(), tempfile::tempdir().unwrap());
    let mut wanted = append(&*log, vec![usage("T-1", "a", 1)]).await;
    let projector = start(&log, dir.path()).await;
    used(&projector, &wanted, "T-1").await;
    let reached = wanted.clone();
    wanted.advance(PartitionId::of("default", "T-1"), Sequence(99));
    let wait = Wait { at_least: Some(&wanted), up_to: Duration::from_millis(50) };
    let error = projector.read(wait, |_| ()).await.unwrap_err();
    assert_eq!(
        error,
        QueryError::Stale {
            view: "status",
            as_of: Box::new(reached),
            wanted: Box::new(wanted),
            waited_ms: 50,
            failed: None,
        }
    );
    let other = append(&*memory(), vec![usage("T-1", "a", 1)]).await;
    let error = projector.read(Wait { at_least: Some(&other), up_to: LONG }, |_| ()).await.unwrap_err();
    assert!(matches!(error, QueryError::OtherLog { .. }), "{error}");
}

#[tokio::test]
async fn failure_17_a_rebuild_beside_the_live_view_gives_the_same_bytes() {
    let (log, dir) = (memory(), tempfile::tempdir().unwrap());
    let projector = start(&log, dir.path()).await;
    let mut position = append(&*log, vec![unreadable("T-0", "bad")]).await;
    for n in 0..300 {
        let task = format!("T-{}", n % 7);
        position.merge(&append(&*log, vec![usage(&task, &format!("e{n}"), n)]).await);
    }
    used(&projector, &position, "T-1").await;
    let rebuilt = projector.rebuild().await.unwrap();
    assert!(rebuilt.identical(), "{rebuilt:?}");
    // Six tasks, each listed by facet and by day, with the sums of both, their week, and what is known of all of them,
    // both of the tenant and of the ledger; and the waiting events of the seventh.
    assert_eq!((rebuilt.rows, rebuilt.records, rebuilt.as_of), (6 + 2 * (6 + 1) + 2 + 2 + 1, 301, position));
    let left: Vec<_> =
        std::fs::read_dir(dir.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left, [format!("status-v{}", Status::VERSION).as_str()]);
    let health = projector.health().await;
    assert_eq!((health.running, health.lag_records, health.quarantined.len()), (true, 0, 1));
    assert_eq!((health.quarantined[0].task.as_str(), health.quarantined[0].sequence), ("T-0", 1));
}

#[tokio::test]
async fn a_live_view_that_is_wrong_is_replaced_by_the_rebuilt_one() {
    let (log, dir) = (memory(), tempfile::tempdir().unwrap());
    let position = append(&*log, vec![usage("T-1", "a", 5)]).await;
    let wrong = store_dir::<Status>(dir.path());
    let mut view = View::open(Status, &wrong, &*log).await.unwrap();
    // As a fold with a bug would have left it: at the log's end, with a wrong sum.
    let other = memory();
    append(&*other, vec![usage("T-1", "a", 6)]).await;
    view.fold_for_test(&crate::testing::records(&*other).await[0]);
    view.advance_for_test(&crate::testing::records(&*log).await[0]);
    view.commit().unwrap();
    drop(view);
    let projector = start(&log, dir.path()).await;
    assert_eq!(used(&projector, &position, "T-1").await, Some(6));
    let rebuilt = projector.rebuild().await.unwrap();
    assert!(!rebuilt.identical());
    assert_eq!(used(&projector, &position, "T-1").await, Some(5));
    assert!(dir.path().join(format!("status-v{}.damaged-1", Status::VERSION)).is_dir());
    let position = append(&*log, vec![usage("T-1", "b", 1)]).await;
    assert_eq!(used(&projector, &position, "T-1").await, Some(6));
    assert!(projector.rebuild().await.unwrap().identical());
}

#[tokio::test]
async fn a_store_whose_rows_do_not_match_is_built_again_by_itself() {
    let (log, dir) = (memory(), tempfile::tempdir().unwrap());
    let position = append(&*log, vec![usage("T-1", "a", 5)]).await;
    let projector = start(&log, dir.path()).await;
    used(&projector, &position, "T-1").await;
    projector.stop().await;
    let store = store_dir::<Status>(dir.path()).join("db");
    let bytes: Vec<u8> = std::fs::read(&store).unwrap().iter().map(|byte| byte ^ 0x5a).collect();
    std::fs::write(&store, bytes).unwrap();
    let projector = start(&log, dir.path()).await;
    assert_eq!(used(&projector, &position, "T-1").await, Some(5));
}

#[tokio::test]
async fn of_rebuilds_at_once_one_runs_and_nothing_is_left_behind() {
    let (log, dir) = (memory(), tempfile::tempdir().unwrap());
    let position = append(&*log, vec![usage("T-1", "a", 5)]).await;
    let projector = start(&log, dir.path()).await;
    used(&projector, &position, "T-1").await;
    // What a killed rebuild left behind, in a state that does not open as a store.
    let left = dir.path().join(format!("status-v{}.rebuild", Status::VERSION));
    std::fs::create_dir_all(left.join("db")).unwrap();
    let results = futures_util::future::join_all((0..12).map(|_| projector.rebuild())).await;
    let ran = results.iter().filter(|result| result.as_ref().is_ok_and(Rebuilt::identical)).count();
    let refused = results.iter().filter(|result| **result == Err(RebuildError::Running)).count();
    assert_eq!((ran, refused), (1, 11), "{results:?}");
    assert!(projector.rebuild().await.unwrap().identical());
    assert!(!left.exists());
}

#[tokio::test]
async fn a_rebuild_that_nobody_waits_for_any_more_keeps_no_other_away() {
    let (log, dir) = (memory(), tempfile::tempdir().unwrap());
    let position = append(&*log, vec![usage("T-1", "a", 5)]).await;
    let projector = start(&log, dir.path()).await;
    used(&projector, &position, "T-1").await;
    for _ in 0..5 {
        // Polled a few times and dropped.
        let _ = tokio::time::timeout(Duration::ZERO, projector.rebuild()).await;
    }
    let rebuilt = loop {
        match projector.rebuild().await {
            Err(RebuildError::Running) => tokio::task::yield_now().await,
            rebuilt => break rebuilt.unwrap(),
        }
    };
    assert!(rebuilt.identical());
}

#[tokio::test]
async fn a_view_whose_store_cannot_be_had_answers_from_memory_and_comes_back() {
    let (log, dir) = (memory(), tempfile::tempdir().unwrap());
    let mut position = append(&*log, vec![usage("T-1", "a", 5)]).await;
    let projector = start(&log, dir.path()).await;
    used(&projector, &position, "T-1").await;
    projector.stop().await;
    let held = ViewStore::open(&store_dir::<Status>(dir.path())).unwrap();
    let projector = start(&log, dir.path()).await;
    position.merge(&append(&*log, vec![usage("T-1", "b", 2)]).await);
    assert_eq!(used(&projector, &position, "T-1").await, Some(7));
    let health = projector.health().await;
    assert!(health.running && health.in_memory.is_some(), "{health:?}");
    drop(held);
    let back = async {
        while projector.health().await.in_memory.is_some() {
            projector.moved_from(&projector.position(), Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(LONG, back).await.expect("it comes back by itself");
    position.merge(&append(&*log, vec![usage("T-1", "c", 1)]).await);
    assert_eq!(used(&projector, &position, "T-1").await, Some(8));
    projector.stop().await;
    let view = View::open(Status, &store_dir::<Status>(dir.path()), &*log).await.unwrap();
    assert_eq!((tokens(&view, "T-1"), view.checkpoint().read_through.0), (Some(8), 3));
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1, "nothing was set aside");
}
