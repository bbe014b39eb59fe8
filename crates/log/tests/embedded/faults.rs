//! Failing writes and syncs: nothing unacknowledged counts, nothing acknowledged is lost.

use std::path::Path;
use std::sync::Arc;

use tollgate_domain::position::Sequence;
use tollgate_files::fault::{Call, Fault, FaultyDisk};
use tollgate_log::conformance::{batch, event};
use tollgate_log::contract::{AppendError, AppendOutcome, EventLog};
use tollgate_log::embedded::{EmbeddedLog, Options};

use crate::support::{append, ids, numbered, open, small};

/// A log whose next write or sync belongs to an append: its segment is large enough that none is prepared
/// alongside.
fn faulty(dir: &Path) -> (EmbeddedLog, Arc<FaultyDisk>) {
    faulty_with(dir, Options::default())
}

/// A log that prepares and begins segments all the time.
fn faulty_and_rolling(dir: &Path) -> (EmbeddedLog, Arc<FaultyDisk>) {
    faulty_with(dir, small())
}

fn faulty_with(dir: &Path, options: Options) -> (EmbeddedLog, Arc<FaultyDisk>) {
    let disk = Arc::new(FaultyDisk::default());
    let options = Options { disk: Arc::clone(&disk) as _, ..options };
    (EmbeddedLog::open_or_create(dir, options).unwrap(), disk)
}

#[test]
fn a_failed_sync_stops_the_writer_for_good_and_reads_go_on() {
    let dir = tempfile::tempdir().unwrap();
    let (log, disk) = faulty(dir.path());
    append(&log, "e0", "x").unwrap();
    disk.fail(Call::Sync, 1, Fault::Io);
    let error = append(&log, "e1", "x").unwrap_err();
    assert!(matches!(error, AppendError::Unknown { .. }), "{error}");
    assert_eq!(disk.struck(), 1);
    let syncs = disk.calls().sync;
    // The disk works again, but it is unknown what the failed sync left: no further try.
    let error = append(&log, "e2", "x").unwrap_err();
    assert!(
        matches!(&error, AppendError::Stopped { reason } if reason.contains("sync of segment 1 failed")),
        "{error}"
    );
    assert!(!error.is_retryable());
    assert!(error.to_string().contains("check the disk, then restart"), "{error}");
    assert_eq!(disk.calls().sync, syncs, "a failed sync is never tried again");
    assert_eq!(ids(&log), numbered(1));
    assert!(log.stopped().is_some());
    drop(log);
    // Records with unknown outcome may be there or not; what was acknowledged is, and the log goes on.
    let log = open(dir.path()).unwrap();
    let retried = append(&log, "e1", "x").unwrap();
    assert!(matches!(retried.outcomes[..], [AppendOutcome::Appended(_) | AppendOutcome::Duplicate(_)]));
    assert_eq!(ids(&log), numbered(2));
}

/// What a failed sync left is unknown, even if it failed for lack of space: the writer stops, and says what
/// to do first.
#[test]
fn a_sync_that_fails_for_want_of_space_stops_the_writer_and_says_so() {
    for fault in [Fault::Full, Fault::Quota] {
        let dir = tempfile::tempdir().unwrap();
        let (log, disk) = faulty(dir.path());
        append(&log, "e0", "x").unwrap();
        disk.fail(Call::Sync, 1, fault);
        assert!(matches!(append(&log, "e1", "x").unwrap_err(), AppendError::Unknown { .. }), "{fault:?}");
        let syncs = disk.calls().sync;
        let error = append(&log, "e2", "x").unwrap_err();
        assert!(matches!(error, AppendError::Stopped { .. }), "{fault:?}: {error}");
        assert!(
            error.to_string().contains("free some first; check the disk, then restart"),
            "{fault:?}: {error}"
        );
        assert_eq!((disk.calls().sync, ids(&log)), (syncs, numbered(1)), "{fault:?}");
    }
}

#[test]
fn a_failed_write_stops_the_writer_too() {
    let dir = tempfile::tempdir().unwrap();
    let (log, disk) = faulty(dir.path());
    disk.fail(Call::Write, 1, Fault::Io);
    assert!(matches!(append(&log, "e0", "x").unwrap_err(), AppendError::Unknown { .. }));
    assert!(matches!(append(&log, "e0", "x").unwrap_err(), AppendError::Stopped { .. }));
    assert_eq!(disk.struck(), 1);
}

#[test]
fn a_panicking_writer_leaves_nobody_waiting() {
    let dir = tempfile::tempdir().unwrap();
    let (log, disk) = faulty(dir.path());
    append(&log, "e0", "x").unwrap();
    disk.fail(Call::Write, 1, Fault::Panic);
    assert!(matches!(append(&log, "e1", "x").unwrap_err(), AppendError::Unknown { .. }));
    let error = append(&log, "e2", "x").unwrap_err();
    assert!(matches!(&error, AppendError::Stopped { reason } if reason.contains("it panicked")), "{error}");
    assert_eq!(disk.struck(), 1);
    drop(log);
    assert_eq!(ids(&open(dir.path()).unwrap()), numbered(1));
}

#[test]
fn a_full_disk_refuses_cleanly_and_recovers_without_a_restart() {
    for fault in [Fault::Full, Fault::ShortThenFull] {
        let dir = tempfile::tempdir().unwrap();
        let (log, disk) = faulty(dir.path());
        append(&log, "e0", "x").unwrap();
        disk.fail(Call::Write, 1, fault);
        let error = append(&log, "e1", &"y".repeat(500)).unwrap_err();
        assert!(matches!(error, AppendError::DiskFull { .. }), "{error}");
        assert!(error.is_retryable());
        assert_eq!(disk.struck(), 1);
        assert_eq!(ids(&log), numbered(1), "reads go on");
        // Different content under the refused id: the id was never taken.
        let receipt = append(&log, "e1", "other").unwrap();
        assert_eq!(receipt.outcomes, [AppendOutcome::Appended(Sequence(2))]);
        drop(log);
        let log = open(dir.path()).unwrap();
        assert_eq!(ids(&log), numbered(2));
        assert_eq!(log.cut_bytes(), 0, "nothing of the refused write is left behind");
    }
}

#[test]
fn a_disk_that_fills_up_at_any_write_loses_nothing_acknowledged() {
    for room in (0..40_000_u64).step_by(997) {
        let dir = tempfile::tempdir().unwrap();
        let (log, disk) = faulty_and_rolling(dir.path());
        disk.set_room(Some(room));
        let mut acknowledged = Vec::new();
        let mut refused = 0;
        for number in 0..60 {
            let id = format!("e{number}");
            match append(&log, &id, &"x".repeat(400)) {
                Ok(_) => acknowledged.push(id),
                Err(AppendError::DiskFull { .. }) => refused += 1,
                Err(error) => panic!("{error}"),
            }
        }
        assert!(refused > 0 && disk.struck() > 0, "room {room}: the fault must happen");
        assert_eq!(ids(&log), acknowledged, "room {room}");
        disk.set_room(None);
        append(&log, "last", "x").unwrap();
        acknowledged.push("last".to_owned());
        drop(log);
        assert_eq!(ids(&open(dir.path()).unwrap()), acknowledged, "room {room}");
    }
}

#[test]
fn a_disk_that_is_full_once_leaves_no_gap_between_batches_in_order() {
    for round in 0..5 {
        let dir = tempfile::tempdir().unwrap();
        let (log, disk) = faulty(dir.path());
        disk.fail(Call::Write, 1, Fault::Full);
        let one = |number: usize| batch(vec![event("T-1", &format!("e{number}"), &"x".repeat(3_000))]);
        let mut appended = 0;
        let mut stops = 0;
        while appended < 150 {
            let batches = (appended..150).map(one).collect();
            let done = crate::support::wait(log.append_in_order(batches));
            appended += done.receipts.len();
            if let Some(error) = done.stopped {
                assert!(error.is_retryable(), "{error}");
                stops += 1;
                assert_eq!(ids(&log), numbered(appended), "{round}: nothing is behind what was refused");
            }
        }
        assert_eq!((disk.struck(), stops), (1, 1), "{round}");
        assert_eq!(ids(&log), numbered(150), "{round}: each once, in order");
    }
}

#[test]
fn failure_04_any_failing_call_leaves_a_log_that_opens_with_all_that_was_acknowledged() {
    for call in [Call::Create, Call::Write, Call::Sync] {
        for fault in [Fault::Io, Fault::Full, Fault::ShortThenFull] {
            for nth in [1, 2, 3, 5, 8, 13, 21, 34] {
                let dir = tempfile::tempdir().unwrap();
                let (log, disk) = faulty_and_rolling(dir.path());
                disk.fail(call, nth, fault);
                let mut acknowledged = Vec::new();
                for number in 0..50 {
                    let id = format!("e{number}");
                    if append(&log, &id, &"x".repeat(400)).is_ok() {
                        acknowledged.push(id);
                    }
                }
                let struck = disk.struck();
                drop(log);
                let log = open(dir.path()).unwrap();
                let found = ids(&log);
                // A record with unknown outcome may be there as well.
                let lost: Vec<_> = acknowledged.iter().filter(|id| !found.contains(id)).collect();
                assert!(lost.is_empty(), "{call:?} {nth} {fault:?}: lost {lost:?}");
                assert!(found.len() <= acknowledged.len() + 1, "{call:?} {nth} {fault:?}");
                if call != Call::Create {
                    assert_eq!(struck, 1, "{call:?} {nth} {fault:?}: the fault must happen");
                }
            }
        }
    }
}

#[test]
fn an_append_after_closing_began_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let log = open(dir.path()).unwrap();
    append(&log, "e0", "x").unwrap();
    let receipt = crate::support::wait(async { log.find(Vec::new()).await.unwrap() });
    assert!(receipt.is_empty());
    log.close();
    assert_eq!(ids(&open(dir.path()).unwrap()), numbered(1));
}

#[test]
fn a_segment_that_cannot_be_begun_now_refuses_appends_until_it_can() {
    for fault in [Fault::NoFiles, Fault::Denied] {
        let dir = tempfile::tempdir().unwrap();
        let (log, disk) = faulty_and_rolling(dir.path());
        disk.fail_always(Call::Create, Some(fault));
        let mut acknowledged = 0;
        let mut refused = 0;
        while refused < 3 {
            match append(&log, &format!("e{acknowledged}"), &"x".repeat(400)) {
                Ok(_) => acknowledged += 1,
                Err(error) => {
                    assert!(error.is_retryable(), "{fault:?}: {error}");
                    assert!(error.to_string().contains("beginning segment 2 failed"), "{error}");
                    refused += 1;
                }
            }
        }
        assert_eq!(log.stopped(), None, "{fault:?}: nothing acknowledged is at risk");
        let said = log.degraded().expect("it says that it refuses");
        assert!(said.contains("beginning segment 2 failed"), "{said}");
        assert_eq!(ids(&log), numbered(acknowledged), "{fault:?}: reads go on");
        disk.fail_always(Call::Create, None);
        append(&log, &format!("e{acknowledged}"), "x").unwrap();
        assert_eq!(log.degraded(), None, "{fault:?}");
        drop(log);
        assert_eq!(ids(&open(dir.path()).unwrap()), numbered(acknowledged + 1), "{fault:?}");
    }
}
