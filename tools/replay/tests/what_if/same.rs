//! The same history gives the same bytes, whatever it is stored in and however it is worked.

use std::sync::Arc;

use tokio::runtime::Runtime;
use tollgate_clock::ManualClock;
use tollgate_log::embedded::{EmbeddedLog, Options, backup};
use tollgate_log::memory::MemoryLog;
use tollgate_log_jetstream::{JetStreamLog, Options as NatsOptions, Setup};
use tollgate_replay::source::{History, LedgerHistory, LogHistory};
use tollgate_replay::what_if::{Candidate, Replayed};
use tollgate_test_process::nats::{NatsServer, version};
use tollgate_test_process::temporary;

use crate::doubled::Doubled;
use crate::story::{Story, about, candidate, generated, replay, runtime, story};

fn candidates() -> Vec<Candidate> {
    vec![
        candidate("as it was", "rollout: enforce"),
        candidate("loose", "stop_loss:\n  profile: loose\n"),
        candidate("progress", "progress: { spinning_action: block, carry_forward: 0.5 }\n"),
        candidate("active", "budgeted_latency: active\nstop_loss:\n  latency_action: block\n"),
    ]
}

fn on_threads(runtime: &Runtime, history: &dyn History, threads: usize) -> Replayed {
    let candidates = candidates();
    let mut question = about(&candidates);
    question.threads = threads;
    replay(runtime, history, &question).unwrap()
}

fn in_memory(runtime: &Runtime, story: &Story, most: usize) -> LogHistory {
    let log = Arc::new(MemoryLog::new(Arc::new(ManualClock::default())));
    story.append_to(runtime, &*log, most);
    runtime.block_on(LogHistory::open("memory".to_owned(), log)).unwrap()
}

#[track_caller]
fn assert_same(one: &Replayed, other: &Replayed, what: &str) {
    assert_eq!(one.result, other.result, "{what}");
    assert_eq!(one.result.canonical(), other.result.canonical(), "{what}");
    assert_eq!(one.hash, other.hash, "{what}");
}

#[test]
fn one_thread_or_many() {
    let runtime = runtime();
    let history = in_memory(&runtime, &generated(7, 120), 100);
    let alone = on_threads(&runtime, &history, 1);
    assert!(alone.result.candidates.iter().any(|candidate| candidate.blocked > 0));
    let listed: Vec<_> = alone.result.differing.iter().map(|task| (&task.tenant, &task.task)).collect();
    assert!(listed.len() > 5 && listed.is_sorted(), "by owner and name: {listed:?}");
    for threads in [2, 4, 16, 100] {
        assert_same(&alone, &on_threads(&runtime, &history, threads), &format!("{threads} threads"));
    }
}

#[test]
fn one_event_a_record_or_many() {
    let runtime = runtime();
    let story = generated(8, 60);
    let together = on_threads(&runtime, &in_memory(&runtime, &story, 100), 2);
    let apart = on_threads(&runtime, &in_memory(&runtime, &story, 1), 2);
    assert_same(&together, &apart, "records");
}

#[test]
fn in_memory_on_disk_in_a_backup_or_on_nats() {
    let runtime = runtime();
    let story = generated(9, 80);
    let expected = on_threads(&runtime, &in_memory(&runtime, &story, 100), 1);
    let dir = temporary();
    let (ledger, copy) = (dir.path().join("ledger"), dir.path().join("backup"));
    let log = EmbeddedLog::open_or_create(&ledger, Options::default()).unwrap();
    story.append_to(&runtime, &log, 100);
    backup(&ledger, &copy).unwrap();
    // The log is still open for writing here.
    let from_ledger = on_threads(&runtime, &LedgerHistory::open(&ledger).unwrap(), 3);
    assert_same(&expected, &from_ledger, "ledger");
    let from_backup = on_threads(&runtime, &LedgerHistory::open(&copy).unwrap(), 2);
    assert_same(&expected, &from_backup, "backup");
    assert_eq!(from_ledger.source.position, from_backup.source.position);
    if version().is_none() {
        return;
    }
    let config = dir.path().join("server.conf");
    std::fs::write(
        &config,
        format!("jetstream {{ store_dir: \"{}\" }}\n", dir.path().join("nats").display()),
    )
    .unwrap();
    let mut server = NatsServer::new(config);
    server.start();
    let log = runtime.block_on(async {
        let options = NatsOptions::new(server.url());
        let setup = Setup { stream: options.stream.clone(), max_bytes: 64 << 20, replicas: 1 };
        setup.init_at(&options).await.unwrap();
        JetStreamLog::connect(options).await.unwrap()
    });
    story.append_to(&runtime, &log, 100);
    let history = runtime.block_on(LogHistory::open("nats".to_owned(), Arc::new(log))).unwrap();
    assert!(history.repeats());
    assert_same(&expected, &on_threads(&runtime, &history, 2), "nats");
}

#[test]
fn events_that_are_there_twice_count_once() {
    let runtime = runtime();
    let story = generated(12, 40);
    let once = on_threads(&runtime, &in_memory(&runtime, &story, 100), 1);
    let twice = on_threads(&runtime, &Doubled::of(&runtime, &story), 3);
    assert_same(&once, &twice, "twice");
    assert_eq!((once.source.repeated_events, twice.source.repeated_events), (0, once.result.inputs.events));
}

#[test]
fn another_history_config_or_version_is_another_hash() {
    let runtime = runtime();
    let base = in_memory(&runtime, &generated(10, 20), 100);
    let other = in_memory(&runtime, &generated(11, 20), 100);
    let one = on_threads(&runtime, &base, 1);
    assert_ne!(one.hash, on_threads(&runtime, &other, 1).hash);
    // A label changes no figure, and is another history.
    let [plain, labelled] = ["open, use 5 team=tools", "open, use 5 team=build"]
        .map(|script| on_threads(&runtime, &in_memory(&runtime, &story(script), 100), 1));
    assert_eq!(plain.result.candidates, labelled.result.candidates);
    assert_ne!(plain.hash, labelled.hash);
    let mut fewer = candidates();
    fewer.pop();
    let question = about(&fewer);
    assert_ne!(one.hash, replay(&runtime, &base, &question).unwrap().hash);
    let mut stated = about(&fewer);
    stated.stated.cost = Some("1".parse().unwrap());
    assert_ne!(
        replay(&runtime, &base, &question).unwrap().hash,
        replay(&runtime, &base, &stated).unwrap().hash
    );
}
