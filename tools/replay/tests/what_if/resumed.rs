//! A run that is interrupted goes on, with the bytes of one that was not.

use std::ops::ControlFlow;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::runtime::Runtime;
use tollgate_domain::ids::TenantId;
use tollgate_domain::pool::PoolRules;
use tollgate_log::embedded::{EmbeddedLog, Options as LogOptions};
use tollgate_replay::calibrate::Options;
use tollgate_replay::collect::{Asked, Calibrated, CollectError, calibrate_history};
use tollgate_replay::source::{History, LedgerHistory};
use tollgate_replay::what_if::{Question, Replayed, read_policies, what_if};
use tollgate_replay::{Marks, ReplayError};
use tollgate_test_process::temporary;

use crate::doubled::Doubled;
use crate::story::{about, candidate, generated, replay, runtime, story};

/// What is kept of a task under it is more than under fixed limits.
const PROGRESS: &str =
    "stop_loss: { profile: loose }\nprogress: { carry_forward: 0.5, extension_raises_total: true }";

/// Runs until so many calls of progress, writing a checkpoint after each few records.
fn run(
    runtime: &Runtime,
    ledger: &Path,
    out: &Path,
    calls: u64,
    threads: usize,
) -> Result<Replayed, ReplayError> {
    let candidates = [candidate("a", "rollout: enforce"), candidate("b", PROGRESS)];
    let (pool, mut question) = (PoolRules::default(), about(&candidates));
    question.pool = Some(&pool);
    (question.out, question.checkpoint_events, question.threads) = (Some(out), 1, threads);
    let called = AtomicU64::new(0);
    what_if(&LedgerHistory::open(ledger).unwrap(), &question, runtime.handle(), &|_| {
        if called.fetch_add(1, Ordering::Relaxed) + 1 >= calls {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(())
        }
    })
}

#[test]
fn an_interrupted_run_goes_on_to_the_same_bytes_and_to_the_same_end() {
    let (runtime, dir) = (runtime(), temporary());
    let (ledger, out) = (dir.path().join("ledger"), dir.path().join("out"));
    std::fs::create_dir(&out).unwrap();
    let log = EmbeddedLog::open_or_create(
        &ledger,
        LogOptions { first_segment_bytes: 1 << 16, ..LogOptions::default() },
    )
    .unwrap();
    generated(3, 400).append_to(&runtime, &log, 100);
    let candidates = [candidate("a", "rollout: enforce"), candidate("b", PROGRESS)];
    let pool = PoolRules::default();
    let question = Question { pool: Some(&pool), ..about(&candidates) };
    let whole = replay(&runtime, &LedgerHistory::open(&ledger).unwrap(), &question).unwrap();
    for round in 0..3 {
        let stopped = run(&runtime, &ledger, &out, 1, 2);
        assert!(matches!(stopped, Err(ReplayError::Interrupted)), "round {round}");
        assert!(out.join("unfinished").join("run.json").is_file());
    }
    let partitions = std::fs::read_dir(out.join("unfinished")).unwrap().count() - 2;
    assert!(partitions > 0, "something was kept");
    // Meanwhile the ledger goes on: this run is still about the history that it began with.
    generated(4, 10).append_to(&runtime, &log, 100);
    // A file that is damaged is not used.
    let one = std::fs::read_dir(out.join("unfinished")).unwrap().map(|entry| entry.unwrap().path());
    let one = one
        .filter(|path| path.file_name().unwrap().to_string_lossy().starts_with("partition-"))
        .min()
        .unwrap();
    let mut bytes = std::fs::read(&one).unwrap();
    // Behind the hash, in what was digested so far: it would be read without complaint.
    bytes[32 + 12] ^= 1;
    std::fs::write(&one, &bytes).unwrap();
    let resumed = run(&runtime, &ledger, &out, u64::MAX, 4).unwrap();
    assert_eq!(whole.result, resumed.result);
    assert_eq!((whole.hash, whole.source), (resumed.hash, resumed.source));
    assert!(!out.join("unfinished").exists(), "a complete run removes it");
}

#[test]
fn a_run_over_events_that_are_there_twice_goes_on_too() {
    let (runtime, dir) = (runtime(), temporary());
    let story = generated(13, 40);
    let history = Doubled::of(&runtime, &story);
    let candidates = [candidate("a", "rollout: enforce")];
    let mut question = about(&candidates);
    let whole = replay(&runtime, &history, &question).unwrap();
    // In the middle of the repetitions.
    let most = history.end().highest().0 * 3 / 4;
    (question.out, question.checkpoint_events) = (Some(dir.path()), most / 2);
    let stopped = what_if(&history, &question, runtime.handle(), &|progress| {
        if progress.records >= most { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    });
    assert!(matches!(stopped, Err(ReplayError::Interrupted)));
    let whole = Replayed { resumed: true, ..whole };
    assert_eq!(replay(&runtime, &history, &question).unwrap(), whole);
}

#[test]
fn an_interrupted_run_with_policies_marks_and_estimates_goes_on() {
    let (runtime, dir) = (runtime(), temporary());
    let (ledger, out) = (dir.path().join("ledger"), dir.path().join("out"));
    let small = LogOptions { first_segment_bytes: 1 << 14, ..LogOptions::default() };
    let log = EmbeddedLog::open_or_create(&ledger, small).unwrap();
    let mut script = String::new();
    for task in 0..120 {
        script += &format!(
            "in T-{task}, +1, open, allocate a{task} 600 team=x, use 500 allocation=a{task} team=x, use 90 estimated, \
             adjust -7, extend a{task} 10, allocate b{task} 5 refused, release a{task}, use 3 unpriced, "
        );
    }
    story(&script).append_to(&runtime, &log, 100);
    let owner = TenantId::default_tenant();
    let marks = Marks::read("marks.csv", "task,mark\nT-1,runaway\nT-2,legitimate\n", &owner).unwrap();
    let limits =
        "policies: {p: {window: hourly, limit_tokens: 9000, enforcement: hard_limit, scope: {team: x}}}";
    let policies = [read_policies("p.yaml", limits, &owner).unwrap()];
    let candidates = [candidate("a", "rollout: enforce")];
    let history = LedgerHistory::open(&ledger).unwrap();
    let mut question = about(&candidates);
    (question.policies, question.marks) = (&policies, Some(&marks));
    let whole = replay(&runtime, &history, &question).unwrap();
    question.out = Some(out.as_path());
    let stopped = what_if(&history, &question, runtime.handle(), &|_| ControlFlow::Break(()));
    assert!(matches!(stopped, Err(ReplayError::Interrupted)), "{stopped:?}");
    // What was kept of one partition is damaged.
    let kept = std::fs::read_dir(out.join("unfinished")).unwrap().map(|entry| entry.unwrap().path());
    let kept = kept.filter(|path| path.file_name().unwrap().to_string_lossy().starts_with("partition-"));
    let damaged = kept.min().unwrap();
    std::fs::write(&damaged, &std::fs::read(&damaged).unwrap()[1..]).unwrap();
    let events = AtomicU64::new(0);
    let resumed = what_if(&history, &question, runtime.handle(), &|progress| {
        events.fetch_max(progress.events, Ordering::Relaxed);
        ControlFlow::Continue(())
    })
    .unwrap();
    let (worked, all) = (events.into_inner(), whole.result.inputs.events);
    assert!(worked < all, "it does not begin anew: {worked} of {all}");
    assert_eq!((resumed.resumed, &resumed.result), (true, &whole.result));
    assert_eq!((resumed.read_anew, whole.read_anew), (1, 0), "that is said");
    assert_eq!(resumed.hash, whole.hash);
}

#[test]
fn what_is_kept_of_another_run_is_not_used() {
    let (runtime, dir) = (runtime(), temporary());
    let (ledger, out) = (dir.path().join("ledger"), dir.path().join("out"));
    std::fs::create_dir(&out).unwrap();
    let log = EmbeddedLog::open_or_create(
        &ledger,
        LogOptions { first_segment_bytes: 1 << 16, ..LogOptions::default() },
    )
    .unwrap();
    generated(5, 200).append_to(&runtime, &log, 100);
    run(&runtime, &ledger, &out, 1, 1).unwrap_err();
    let candidates = [candidate("other", "stop_loss:\n  profile: graduated\n")];
    let mut question = about(&candidates);
    let history = LedgerHistory::open(&ledger).unwrap();
    let expected = replay(&runtime, &history, &question).unwrap();
    question.out = Some(&out);
    assert_eq!(replay(&runtime, &history, &question).unwrap(), expected);
}

#[test]
fn nothing_is_written_to_the_ledger_that_is_read() {
    let (runtime, dir) = (runtime(), temporary());
    let (ledger, out) = (dir.path().join("ledger"), dir.path().join("out"));
    std::fs::create_dir(&out).unwrap();
    let log = EmbeddedLog::open_or_create(&ledger, LogOptions::default()).unwrap();
    generated(6, 50).append_to(&runtime, &log, 100);
    drop(log);
    let before = contents(&ledger);
    run(&runtime, &ledger, &out, u64::MAX, 2).unwrap();
    assert_eq!(contents(&ledger), before);
}

#[test]
fn a_run_that_is_stopped_keeps_what_it_did_however_rarely_it_writes() {
    let (runtime, dir) = (runtime(), temporary());
    let (ledger, out) = (dir.path().join("ledger"), dir.path().join("out"));
    let log = EmbeddedLog::open_or_create(
        &ledger,
        LogOptions { first_segment_bytes: 1 << 16, ..LogOptions::default() },
    )
    .unwrap();
    generated(7, 300).append_to(&runtime, &log, 100);
    let candidates = [candidate("a", "rollout: enforce")];
    let mut question = about(&candidates);
    (question.out, question.threads) = (Some(out.as_path()), 1);
    let history = LedgerHistory::open(&ledger).unwrap();
    // Somebody's own file in the directory of that name.
    std::fs::create_dir_all(out.join("unfinished")).unwrap();
    std::fs::write(out.join("unfinished").join("model.bin"), "mine").unwrap();
    let stopped = what_if(&history, &question, runtime.handle(), &|_| ControlFlow::Break(()));
    assert!(matches!(stopped, Err(ReplayError::Interrupted)));
    let worked = AtomicU64::new(u64::MAX);
    let resumed = what_if(&history, &question, runtime.handle(), &|progress| {
        worked.fetch_min(progress.records, Ordering::Relaxed);
        ControlFlow::Continue(())
    })
    .unwrap();
    assert!(resumed.resumed);
    let first_read = history.end().highest().0.min(worked.load(Ordering::Relaxed));
    assert!(first_read > 1, "it does not begin anew: {first_read}");
    question.out = None;
    let whole = replay(&runtime, &history, &question).unwrap();
    assert!(!whole.resumed && whole.hash == resumed.hash);
    assert_eq!(std::fs::read(out.join("unfinished").join("model.bin")).unwrap(), b"mine");
    assert_eq!(std::fs::read_dir(out.join("unfinished")).unwrap().count(), 1);
}

#[test]
fn two_runs_do_not_share_a_directory() {
    let (runtime, dir) = (runtime(), temporary());
    let (ledger, out) = (dir.path().join("ledger"), dir.path().join("out"));
    let log = EmbeddedLog::open_or_create(&ledger, LogOptions::default()).unwrap();
    generated(8, 20).append_to(&runtime, &log, 100);
    let candidates = [candidate("a", "rollout: enforce")];
    let mut question = about(&candidates);
    (question.out, question.threads) = (Some(out.as_path()), 1);
    let history = LedgerHistory::open(&ledger).unwrap();
    let inner = std::sync::Mutex::new(None);
    what_if(&history, &question, runtime.handle(), &|_| {
        // From a thread outside of the runtime, while the first run works.
        let second = std::thread::scope(|scope| {
            let run = || what_if(&history, &question, runtime.handle(), &|_| ControlFlow::Continue(()));
            scope.spawn(run).join().unwrap()
        });
        *inner.lock().unwrap() = Some(second);
        ControlFlow::Continue(())
    })
    .unwrap();
    let second = inner.into_inner().unwrap().expect("progress was told");
    assert!(matches!(second, Err(ReplayError::Busy { .. })), "{second:?}");
}

fn calibrated(
    runtime: &Runtime,
    ledger: &Path,
    out: Option<&Path>,
    calls: u64,
    threads: usize,
) -> Result<Calibrated, CollectError> {
    let (current, options) = (candidate("a", "rollout: enforce"), Options::default());
    let asked = Asked {
        current: &current,
        options: &options,
        marks: None,
        session_phases: None,
        threads,
        out,
        checkpoint_events: 500,
    };
    let called = AtomicU64::new(0);
    calibrate_history(&LedgerHistory::open(ledger).unwrap(), &asked, runtime.handle(), &|_| {
        let goes_on = called.fetch_add(1, Ordering::Relaxed) + 1 < calls;
        if goes_on { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    })
}

#[test]
fn an_interrupted_calibration_goes_on_to_the_same_bytes_and_to_the_same_end() {
    let (runtime, dir) = (runtime(), temporary());
    let (ledger, out) = (dir.path().join("ledger"), dir.path().join("out"));
    let log = EmbeddedLog::open_or_create(
        &ledger,
        LogOptions { first_segment_bytes: 1 << 16, ..LogOptions::default() },
    )
    .unwrap();
    generated(3, 400).append_to(&runtime, &log, 100);
    let whole = calibrated(&runtime, &ledger, None, u64::MAX, 2).unwrap();
    for round in 0..3 {
        let stopped = calibrated(&runtime, &ledger, Some(&out), 1, 2);
        let is_interrupted = matches!(stopped, Err(CollectError::Read(ReplayError::Interrupted)));
        assert!(is_interrupted, "round {round}");
    }
    let files = |kind: &str| -> Vec<std::path::PathBuf> {
        let all = std::fs::read_dir(out.join("unfinished")).unwrap().map(|entry| entry.unwrap().path());
        let mut own: Vec<_> =
            all.filter(|path| path.file_name().unwrap().to_string_lossy().starts_with(kind)).collect();
        own.sort();
        own
    };
    assert!(!files("partition-").is_empty(), "something was kept");
    // Meanwhile the ledger goes on, and a file with closed tasks is damaged: that partition is read anew.
    generated(4, 10).append_to(&runtime, &log, 100);
    let shelf = files("shelf-").into_iter().next().expect("closed tasks are on it");
    let mut bytes = std::fs::read(&shelf).unwrap();
    bytes.iter_mut().for_each(|byte| *byte ^= 1);
    std::fs::write(&shelf, &bytes).unwrap();
    let resumed = calibrated(&runtime, &ledger, Some(&out), u64::MAX, 4).unwrap();
    assert!(resumed.resumed && !whole.resumed);
    assert_eq!(whole.result, resumed.result);
    assert_eq!((whole.hash, whole.source), (resumed.hash, resumed.source));
    assert!(!out.join("unfinished").exists(), "a complete run removes it");
}

#[test]
fn a_calibration_does_not_go_on_with_what_a_comparison_kept() {
    let (runtime, dir) = (runtime(), temporary());
    let (ledger, out) = (dir.path().join("ledger"), dir.path().join("out"));
    let log = EmbeddedLog::open_or_create(&ledger, LogOptions::default()).unwrap();
    generated(5, 200).append_to(&runtime, &log, 100);
    let candidates = [candidate("a", "rollout: enforce")];
    let mut question = about(&candidates);
    question.out = Some(&out);
    let history = LedgerHistory::open(&ledger).unwrap();
    let stopped = what_if(&history, &question, runtime.handle(), &|_| ControlFlow::Break(()));
    assert!(matches!(stopped, Err(ReplayError::Interrupted)));
    let resumed = calibrated(&runtime, &ledger, Some(&out), u64::MAX, 1).unwrap();
    assert!(!resumed.resumed);
    assert_eq!(resumed, calibrated(&runtime, &ledger, None, u64::MAX, 1).unwrap());
}

/// Every file below a directory, with its bytes and when it was changed.
fn contents(dir: &Path) -> Vec<(std::path::PathBuf, Vec<u8>, std::time::SystemTime)> {
    let mut all = Vec::new();
    for entry in std::fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            all.extend(contents(&path));
        } else {
            let changed = path.metadata().unwrap().modified().unwrap();
            all.push((path.clone(), std::fs::read(&path).unwrap(), changed));
        }
    }
    all.sort();
    all
}
