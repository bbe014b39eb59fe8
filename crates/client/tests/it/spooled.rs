//! The tracker with a spool: outages, crashes, torn ends. Time is paused, so no test really waits.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use crate::support::ledger::{Ledger, Mood};
use tollgate_client::{
    Delivery, Ended, FlushError, QueueBound, SpoolError, SpoolOptions, Stamp, StartError, TrackError,
    Tracker, TrackerBuilder, Trouble, Usage,
};
use tollgate_domain::tokens::TokenCounts;

fn builder(ledger: &Arc<Ledger>, dir: &Path) -> TrackerBuilder {
    TrackerBuilder::over(ledger.clone(), "p").spool(SpoolOptions::new(dir))
}

fn report(tracker: &Tracker, ids: &str) -> Result<(), TrackError> {
    for id in ids.split_whitespace() {
        let stamp = Stamp { id: Some(id.to_owned()), ..Stamp::default() };
        let usage =
            Usage { stamp, ..Usage::of("SPEC", "m", TokenCounts { output: 1, ..TokenCounts::default() }) };
        tracker.report_usage("T", usage)?;
    }
    Ok(())
}

fn segments(dir: &Path) -> Vec<PathBuf> {
    let files = fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path());
    files.filter(|path| path.extension().is_some_and(|ending| ending == "spool")).collect()
}

/// Waits until nothing is in memory any more.
async fn spooled(tracker: &Tracker) {
    while tracker.stats().waiting > 0 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test(start_paused = true)]
async fn an_outage_goes_to_the_spool_and_is_delivered_once_in_order() {
    let (ledger, dir) = (Ledger::new(), tempfile::tempdir().unwrap());
    let tracker = builder(&ledger, dir.path()).start().unwrap();
    ledger.next(&[Mood::LosesAnswer]);
    ledger.becomes(Mood::Down);
    report(&tracker, "a b").unwrap();
    let Err(FlushError::Away { queued, spool_bytes, .. }) = tracker.flush().await else {
        panic!("it is away")
    };
    assert!(queued == 0 && spool_bytes > 0, "{queued} {spool_bytes}");
    let started = tracker.start_phase("T", "SPEC").unwrap();
    let id = started.id().to_string();
    assert_eq!(started.await, Ok(Delivery::Kept));
    report(&tracker, "c").unwrap();
    spooled(&tracker).await;
    assert_eq!(ledger.ids(), "a b");

    ledger.becomes(Mood::Up);
    report(&tracker, "d").unwrap();
    tracker.flush().await.unwrap();
    assert_eq!(ledger.ids(), format!("a b {id} c d"));
    let stats = tracker.stats();
    assert_eq!((stats.duplicates, stats.appended, stats.spool_bytes), (2, 3, 0));
    assert!(segments(dir.path()).is_empty());
}

#[tokio::test(start_paused = true)]
async fn closing_while_the_ledger_is_away_leaves_all_to_the_next_tracker() {
    let (ledger, dir) = (Ledger::new(), tempfile::tempdir().unwrap());
    ledger.becomes(Mood::Says(503));
    let tracker = builder(&ledger, dir.path()).start().unwrap();
    report(&tracker, "a b").unwrap();
    assert!(matches!(tracker.close().await, Ok(Ended::Kept { spool_bytes: 1.. })));
    ledger.becomes(Mood::Up);
    let tracker = builder(&ledger, dir.path()).start().unwrap();
    report(&tracker, "c").unwrap();
    assert!(matches!(tracker.close().await, Ok(Ended::Delivered { position: Some(_) })));
    assert_eq!(ledger.ids(), "a b c");
}

/// What is left by a process killed during an outage: its runtime is gone, and its lock with it.
fn crash(ledger: &Arc<Ledger>, dir: &Path, ids: &str) {
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
    runtime.block_on(async {
        ledger.becomes(Mood::LosesAnswer);
        let tracker = builder(ledger, dir).start().unwrap();
        report(&tracker, ids).unwrap();
        assert!(tracker.flush().await.is_err());
        std::mem::forget(tracker);
    });
    ledger.becomes(Mood::Up);
}

#[test]
fn a_crash_leaves_its_spool_to_the_next_start_without_its_torn_end() {
    let (ledger, dir) = (Ledger::new(), tempfile::tempdir().unwrap());
    crash(&ledger, dir.path(), "a b c");
    let path = segments(dir.path()).remove(0);
    let mut content = fs::read(&path).unwrap();
    let second = content.iter().position(|&byte| byte == b'\n').unwrap() + 1;
    content[second + 30] ^= 1;
    content.extend_from_slice(b"0badf00d {\"id\":\"torn");
    fs::write(&path, content).unwrap();

    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
    runtime.block_on(async {
        // A different ledger, so that what was delivered before the crash does not hide what arrives now.
        let (ledger, troubles) = (Ledger::new(), Arc::new(Mutex::new(Vec::new())));
        let told = troubles.clone();
        let tracker = builder(&ledger, dir.path())
            .on_trouble(move |trouble| told.lock().unwrap().push(trouble.clone()))
            .start()
            .unwrap();
        report(&tracker, "d").unwrap();
        tracker.flush().await.unwrap();
        assert_eq!(ledger.ids(), "a c d");
        assert_eq!(tracker.stats().set_aside, 1);
        let troubles = troubles.lock().unwrap();
        let [Trouble::SetAside(line)] = &troubles[..] else { panic!("{troubles:?}") };
        assert_eq!((line.line, line.segment.as_str()), (2, path.to_str().unwrap()));
        assert!(fs::read_to_string(&line.lies_in).unwrap().contains("usage_recorded"));
    });
}

#[test]
fn what_the_ledger_took_before_the_crash_is_counted_once() {
    let (ledger, dir) = (Ledger::new(), tempfile::tempdir().unwrap());
    crash(&ledger, dir.path(), "a b");
    assert_eq!(ledger.ids(), "a b");
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
    runtime.block_on(async {
        let tracker = builder(&ledger, dir.path()).start().unwrap();
        tracker.flush().await.unwrap();
        assert_eq!(ledger.ids(), "a b");
        assert_eq!((tracker.stats().duplicates, tracker.stats().conflicts), (2, 0));
    });
}

#[tokio::test(start_paused = true)]
async fn a_spool_belongs_to_one_tracker() {
    let (ledger, dir) = (Ledger::new(), tempfile::tempdir().unwrap());
    let first = builder(&ledger, dir.path()).start().unwrap();
    let error = builder(&ledger, dir.path()).start().unwrap_err();
    assert!(matches!(error, StartError::Spool(SpoolError::Locked { .. })), "{error}");
    first.close().await.unwrap();
    builder(&ledger, dir.path()).start().unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_full_spool_leaves_events_in_memory_and_a_full_memory_says_so() {
    let (ledger, dir) = (Ledger::new(), tempfile::tempdir().unwrap());
    ledger.becomes(Mood::Down);
    let spool = SpoolOptions { max_bytes: 600, ..SpoolOptions::new(dir.path()) };
    let bound = QueueBound { max_events: 2, ..QueueBound::default() };
    let tracker = builder(&ledger, dir.path()).spool(spool).queue_bound(bound).start().unwrap();
    report(&tracker, "a").unwrap();
    assert!(tracker.flush().await.is_err());
    let mut taken = vec!["a".to_owned()];
    let error = loop {
        let id = format!("e{}", taken.len());
        match report(&tracker, &id) {
            Ok(()) => taken.push(id),
            Err(error) => break error,
        }
        assert!(tracker.flush().await.is_err());
        assert!(taken.len() < 20, "nothing is refused");
    };
    assert!(error.to_string().contains("the spool did not take them"), "{error}");
    assert!(taken.len() > 3, "{taken:?}");
    ledger.becomes(Mood::Up);
    tracker.flush().await.unwrap();
    assert_eq!(ledger.ids(), taken.join(" "));
}

#[tokio::test(start_paused = true)]
async fn a_refusal_of_a_spooled_event_is_told() {
    let (ledger, dir) = (Ledger::new(), tempfile::tempdir().unwrap());
    let troubles = Arc::new(Mutex::new(Vec::new()));
    let told = troubles.clone();
    let tracker = builder(&ledger, dir.path())
        .on_trouble(move |trouble| told.lock().unwrap().push(trouble.clone()))
        .start()
        .unwrap();
    ledger.becomes(Mood::Down);
    report(&tracker, "a bad b").unwrap();
    assert!(tracker.flush().await.is_err());
    ledger.state().refuses.insert("bad".to_owned());
    ledger.becomes(Mood::Up);
    tracker.flush().await.unwrap();
    assert_eq!(ledger.ids(), "a b");
    assert!(matches!(&troubles.lock().unwrap()[..], [Trouble::Rejected(rejected)] if rejected.id == "bad"));
    assert!(segments(dir.path()).is_empty());
}
