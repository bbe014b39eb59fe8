//! Appends by several processes to one stream, and what the server refuses.

use std::sync::Arc;
use std::time::Duration;

use async_nats::jetstream::stream::Config;
use futures_util::StreamExt;
use tollgate_clock::{Clock, ManualClock};
use tollgate_domain::position::{PartitionId, Sequence};
use tollgate_log::conformance::{batch, decision, event, named};
use tollgate_log::contract::{AppendError, AppendOutcome, EventLog, Hints, Partitions};
use tollgate_log_jetstream::{JetStreamLog, Options, Setup};

use crate::support::{NatsServer, all_ids, init, setup, within};

/// A process that has seen nothing of what was appended before.
async fn newcomer(server: &NatsServer) -> JetStreamLog {
    JetStreamLog::connect(Options { known_records: 0, ..server.options() }).await.unwrap()
}

#[tokio::test]
async fn the_server_tells_a_process_that_has_forgotten() {
    let Some(server) = NatsServer::start() else { return };
    init(&server.options()).await;
    let first = JetStreamLog::connect(server.options()).await.unwrap();
    let sent = batch(vec![event("T-1", "a", "x"), event("T-1", "b", "x")]);
    first.append(sent.clone()).await.unwrap();
    drop(first);
    let receipt = newcomer(&server).await.append(sent).await.unwrap();
    assert_eq!(receipt.outcomes, [AppendOutcome::Duplicate(Sequence(1)); 2]);
    let other_content = batch(vec![event("T-1", "a", "x"), event("T-1", "b", "not x")]);
    let receipt = newcomer(&server).await.append(other_content).await.unwrap();
    assert_eq!(
        receipt.outcomes,
        [AppendOutcome::Duplicate(Sequence(1)), AppendOutcome::Conflict(Sequence(1))]
    );
    let log = newcomer(&server).await;
    assert_eq!(all_ids(&log).await, ["T-1/a", "T-1/b"]);
}

#[tokio::test]
async fn of_two_processes_that_append_the_same_at_the_same_time_one_appended_it() {
    // Servers claim work by appending one event: their records may be the same, byte by byte.
    let Some(server) = NatsServer::start() else { return };
    init(&server.options()).await;
    let clock: Arc<dyn Clock> = Arc::new(ManualClock::default());
    let options = || Options { known_records: 0, clock: Arc::clone(&clock), ..server.options() };
    let logs =
        [JetStreamLog::connect(options()).await.unwrap(), JetStreamLog::connect(options()).await.unwrap()];
    for round in 1..=20 {
        let claim = batch(vec![event("T-1", &format!("claim/{round}"), "x")]);
        let (one, two) = tokio::join!(logs[0].append(claim.clone()), logs[1].append(claim));
        let mut outcomes = [one.unwrap().outcomes, two.unwrap().outcomes].concat();
        outcomes.sort_by_key(|outcome| matches!(outcome, AppendOutcome::Duplicate(_)));
        let at = Sequence(round);
        assert_eq!(outcomes, [AppendOutcome::Appended(at), AppendOutcome::Duplicate(at)], "round {round}");
    }
}

#[tokio::test]
async fn a_process_learns_what_another_one_appends() {
    let Some(server) = NatsServer::start() else { return };
    init(&server.options()).await;
    let options = Options { follow_ids: true, ..server.options() };
    let here = JetStreamLog::connect(options).await.unwrap();
    let there = JetStreamLog::connect(server.options()).await.unwrap();
    there.append(batch(vec![event("T-1", "a", "x"), event("T-1", "b", "x")])).await.unwrap();
    within(async {
        while here.find(vec![named("T-1", "b")]).await.unwrap() == [None] {
            tokio::task::yield_now().await;
        }
    })
    .await;
    let rebatched = batch(vec![event("T-1", "b", "x"), event("T-1", "c", "x")]);
    let receipt = here.append(rebatched).await.unwrap();
    assert_eq!(
        receipt.outcomes,
        [AppendOutcome::Duplicate(Sequence(1)), AppendOutcome::Appended(Sequence(2))]
    );
}

#[tokio::test]
async fn the_end_of_a_partition_contains_what_others_appended() {
    let Some(server) = NatsServer::start() else { return };
    init(&server.options()).await;
    let logs = [
        JetStreamLog::connect(server.options()).await.unwrap(),
        JetStreamLog::connect(server.options()).await.unwrap(),
    ];
    for (number, appender) in [0, 0, 1, 0, 1, 1, 0].into_iter().enumerate() {
        let sent = batch(vec![event(&format!("T-{}", number % 3), &format!("e{number}"), "x")]);
        let partition = sent.partition;
        let receipt = logs[appender].append(sent).await.unwrap();
        for log in &logs {
            assert_eq!(log.tail_of(partition).await.unwrap(), receipt.position.get(partition), "{number}");
            let all = log.tail().await.unwrap();
            for partition in PartitionId::all() {
                assert_eq!(log.tail_of(partition).await.unwrap(), all.get(partition), "{number}");
            }
        }
    }
}

#[tokio::test]
async fn what_was_seen_of_a_partition_is_what_was_appended_or_read_here() {
    let Some(server) = NatsServer::start() else { return };
    init(&server.options()).await;
    let here = JetStreamLog::connect(server.options()).await.unwrap();
    let there = JetStreamLog::connect(server.options()).await.unwrap();
    let sent = |id: &str| batch(vec![event("T-1", id, "x")]);
    let (of_task, other) = (sent("a").partition, PartitionId::of("default", "T-2"));
    assert_ne!(of_task, other);
    let _ = here.append(sent("a")).await.unwrap();
    assert_eq!((here.seen_of(of_task), here.seen_of(other)), (Sequence(1), Sequence::ZERO));
    let _ = there.append(sent("b")).await.unwrap();
    assert_eq!(here.seen_of(of_task), Sequence(1), "nobody has read it here, and nobody was asked");
    let mut reader = here.read_unchained(Partitions::only(other), Sequence::ZERO).await.unwrap();
    assert!(reader.try_next().await.unwrap().is_empty());
    assert_eq!(here.seen_of(of_task), Sequence(2), "a reader sees the records of all partitions");
}

#[tokio::test(flavor = "multi_thread")]
async fn two_processes_racing_for_a_decision_never_both_win() {
    let Some(server) = NatsServer::start() else { return };
    init(&server.options()).await;
    let logs = [
        Arc::new(JetStreamLog::connect(server.options()).await.unwrap()),
        Arc::new(JetStreamLog::connect(server.options()).await.unwrap()),
    ];
    let mut last = 0;
    for round in 0..40 {
        let racers = (0..4).map(|racer| {
            let log = Arc::clone(&logs[racer % 2]);
            let event = event("T-1", &format!("r{round}-{racer}"), "x");
            tokio::spawn(async move { log.append(decision(last, vec![event])).await })
        });
        let mut winners = Vec::new();
        let mut losers = Vec::new();
        for racer in racers.collect::<Vec<_>>() {
            match racer.await.unwrap() {
                Ok(receipt) => winners.push(receipt.position.highest()),
                Err(AppendError::WrongExpected { actual, expected, .. }) => losers.push((expected, actual)),
                Err(error) => panic!("{error}"),
            }
        }
        assert_eq!(winners.len(), 1, "round {round}");
        assert_eq!(losers, vec![(Sequence(last), winners[0]); 3], "the losers are told who won");
        last = winners[0].0;
    }
    assert_eq!(all_ids(&*logs[0]).await.len(), 40);
}

#[tokio::test]
async fn a_decision_under_another_batch_id_is_a_duplicate_while_it_is_the_last() {
    let Some(server) = NatsServer::start() else { return };
    init(&server.options()).await;
    let log = newcomer(&server).await;
    log.append(decision(0, vec![event("T-1", "open", "x"), event("T-1", "fact", "x")])).await.unwrap();
    // The server does not know this batch id, but it knows another last decision; that one is this very
    // decision.
    let part = decision(0, vec![event("T-1", "open", "x")]);
    let receipt = newcomer(&server).await.append(part).await.unwrap();
    assert_eq!(receipt.outcomes, [AppendOutcome::Duplicate(Sequence(1))]);
    for refused in [vec![event("T-1", "open", "x"), event("T-1", "new", "x")], vec![event("T-1", "new", "x")]]
    {
        let error = newcomer(&server).await.append(decision(0, refused)).await.unwrap_err();
        assert!(matches!(error, AppendError::WrongExpected { actual: Sequence(1), .. }), "{error}");
    }
}

#[tokio::test]
async fn a_full_stream_refuses_cleanly_and_goes_on_with_more_room() {
    let Some(server) = NatsServer::start() else { return };
    let context = server.context().await;
    let small = Setup { max_bytes: 256 << 10, ..setup() };
    small.init(&context).await.unwrap();
    let log = JetStreamLog::connect(server.options()).await.unwrap();
    let payload = "x".repeat(10_000);
    let mut stored = 0;
    let error = loop {
        match log.append(batch(vec![event("T-1", &format!("e{stored}"), &payload)])).await {
            Ok(_) => stored += 1,
            Err(error) => break error,
        }
        assert!(stored < 100, "it never fills");
    };
    assert!(matches!(error, AppendError::DiskFull { .. }), "{error}");
    assert!(error.is_retryable() && error.to_string().contains("max_bytes"), "{error}");
    assert!(stored > 10);
    let ids: Vec<String> = (0..stored).map(|number| format!("T-1/e{number}")).collect();
    assert_eq!(all_ids(&log).await, ids, "what was acknowledged is there, the refused one is not");
    context.update_stream(Config { max_bytes: 1 << 20, ..small.config() }).await.unwrap();
    let again = batch(vec![event("T-1", &format!("e{stored}"), &payload)]);
    let receipt = log.append(again).await.unwrap();
    assert_eq!(receipt.outcomes, [AppendOutcome::Appended(Sequence(stored + 1))]);
}

#[tokio::test]
async fn more_than_may_wait_is_refused() {
    let Some(mut server) = NatsServer::start() else { return };
    init(&server.options()).await;
    let options = Options {
        max_waiting_bytes: 1_000,
        ack_timeout: Duration::from_millis(200),
        append_timeout: Duration::from_secs(30),
        ..server.options()
    };
    let log = JetStreamLog::connect(options).await.unwrap();
    server.kill();
    let mut waiting = log.append(batch(vec![event("T-1", "a", &"x".repeat(2_000))]));
    assert!(tokio::time::timeout(Duration::from_millis(50), &mut waiting).await.is_err());
    let error = within(log.append(batch(vec![event("T-1", "b", "x")]))).await.unwrap_err();
    assert!(matches!(error, AppendError::Overloaded { limit: 1_000, .. }), "{error}");
    server.restart();
    within(waiting).await.unwrap();
}

#[tokio::test]
async fn a_reader_in_the_middle_has_the_chains_of_one_from_the_start() {
    let Some(server) = NatsServer::start() else { return };
    init(&server.options()).await;
    let log = JetStreamLog::connect(server.options()).await.unwrap();
    for number in 0..60 {
        let task = format!("T-{}", number % 7);
        log.append(batch(vec![event(&task, &format!("e{number}"), "x")])).await.unwrap();
    }
    let read = async |log: &JetStreamLog, after: u64| {
        let mut reader = log.read_from(Partitions::ALL, Sequence(after)).await.unwrap();
        let mut read = Vec::new();
        loop {
            let more = reader.try_next().await.unwrap();
            if more.is_empty() {
                return read;
            }
            read.extend(more.into_iter().map(|stored| (stored.sequence, stored.chain)));
        }
    };
    let all = read(&log, 0).await;
    assert_eq!(all.len(), 60);
    let fresh = newcomer(&server).await;
    for after in [40, 59, 41, 13, 60] {
        assert_eq!(read(&fresh, after).await, all[after as usize..], "after {after}");
    }
}

#[tokio::test]
async fn a_reader_begins_at_the_anchor_of_a_checkpoint() {
    let Some(server) = NatsServer::start() else { return };
    init(&server.options()).await;
    let log = JetStreamLog::connect(server.options()).await.unwrap();
    for number in 0..60 {
        log.append(batch(vec![event("T-1", &format!("e{number}"), "x")])).await.unwrap();
    }
    let partition = PartitionId::of("default", "T-1");
    let mut reader = log.read_from(Partitions::only(partition), Sequence::ZERO).await.unwrap();
    let mut read = Vec::new();
    while read.len() < 60 {
        read.extend(reader.next().await.unwrap());
    }
    // What a projector sees after a restart: no chains except those of its checkpoint.
    let later = newcomer(&server).await;
    let client = later.client();
    let mut made = client.subscribe("$JS.API.CONSUMER.CREATE.>").await.unwrap();
    client.flush().await.unwrap();
    later.anchor(Sequence(50), &[(partition, read[49].chain)]);
    let mut reader = later.read_from(Partitions::only(partition), Sequence(52)).await.unwrap();
    let next = reader.next().await.unwrap();
    assert_eq!(next[0].sequence, Sequence(53));
    assert_eq!(next[0].chain, read[52].chain, "its chain is that of a reader from the first record");
    // The other consumer belongs to the log itself, which learns the ids of what arrives.
    let mut begun = 0;
    while begun == 0 || begun == 61 {
        let asked = within(made.next()).await.unwrap();
        let asked: serde_json::Value = serde_json::from_slice(&asked.payload).unwrap();
        begun = asked["config"]["opt_start_seq"].as_u64().unwrap();
    }
    assert_eq!(begun, 51, "it asks for what is after the anchor");
}
