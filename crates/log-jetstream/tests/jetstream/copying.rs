//! A ledger moved from one machine to a server, and back.

use std::path::Path;
use std::time::Duration;

use tollgate_domain::position::Sequence;
use tollgate_log::conformance::{batch, decision, event};
use tollgate_log::contract::{EventLog, Partitions};
use tollgate_log::copy::{CopyError, copy};
use tollgate_log::digests::digests;
use tollgate_log::embedded::{EmbeddedLog, Options as EmbeddedOptions};
use tollgate_log_jetstream::{JetStreamLog, Options};
use tollgate_test_process::cut::Network;
use tollgate_test_process::temporary;

use crate::support::{NatsServer, init, within};

fn embedded(dir: &Path) -> EmbeddedLog {
    EmbeddedLog::open_or_create(dir, EmbeddedOptions::default()).unwrap()
}

/// Tasks with decisions and facts interleaved; records of one event and of several.
async fn fill(log: &dyn EventLog, records: u64) {
    let mut last = [0; 5];
    for number in 1..=records {
        let task = (number % 5) as usize;
        let name = format!("task/{task}");
        let of = |nth: u64| event(&name, &format!("e{number}.{nth}"), &"x".repeat((number % 300) as usize));
        let events = (0..number % 4 + 1).map(of).collect();
        let sent = match number % 3 {
            0 => decision(std::mem::replace(&mut last[task], number), events),
            _ => batch(events),
        };
        log.append(sent).await.unwrap();
    }
}

async fn records(log: &dyn EventLog) -> Vec<(Sequence, Vec<u8>)> {
    let mut reader = log.read_from(Partitions::ALL, Sequence::ZERO).await.unwrap();
    let mut all = Vec::new();
    loop {
        let more = reader.try_next().await.unwrap();
        if more.is_empty() {
            return all;
        }
        all.extend(more.into_iter().map(|stored| (stored.sequence, stored.record.bytes().to_vec())));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_ledger_goes_to_a_server_and_back_unchanged() {
    let Some(server) = NatsServer::start() else { return };
    init(&server.options()).await;
    let (here, back) = (temporary(), temporary());
    let (here, back) = (embedded(here.path()), embedded(back.path()));
    fill(&here, 1200).await;
    let there = JetStreamLog::connect(server.options()).await.unwrap();
    let result = within(copy(&here, &there, &|_| {})).await.unwrap();
    assert!(result.is_equal() && result.sequences_kept, "{:?}", result.difference());
    assert_eq!((result.records, result.present), (1200, 0));
    assert_eq!(records(&there).await, records(&here).await);
    // Another process, which has seen nothing of it.
    let there = JetStreamLog::connect(server.options()).await.unwrap();
    let again = within(copy(&here, &there, &|_| {})).await.unwrap();
    assert_eq!((again.records, again.present), (0, result.events));
    let result = within(copy(&there, &back, &|_| {})).await.unwrap();
    assert!(result.is_equal() && result.sequences_kept);
    assert_eq!(records(&back).await, records(&here).await);
    assert_eq!(digests(&back).await.unwrap().overall(), digests(&here).await.unwrap().overall());
    // The ledger continues there, with its decisions where they were.
    let next = decision(1200, vec![event("task/0", "next", "x")]);
    let receipt = there.append(next).await.unwrap();
    assert_eq!(receipt.position.highest(), Sequence(1201));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_killed_in_the_middle_of_a_copy_changes_nothing() {
    let Some(mut server) = NatsServer::start() else { return };
    init(&server.options()).await;
    let here = temporary();
    let here = embedded(here.path());
    fill(&here, 2000).await;
    let options = Options {
        ack_timeout: Duration::from_millis(300),
        append_timeout: Duration::from_secs(60),
        ..server.options()
    };
    let there = JetStreamLog::connect(options).await.unwrap();
    let (reached, mut at) = tokio::sync::watch::channel(Sequence::ZERO);
    let copying = async {
        let progress = |step: tollgate_log::copy::Progress| {
            reached.send_replace(step.through);
        };
        copy(&here, &there, &progress).await
    };
    let mut copying = std::pin::pin!(within(copying));
    let mut killed_at = 0;
    for place in [300, 900] {
        tokio::select! {
            ended = &mut copying => panic!("it ended too early: {:?}", ended.map(|copied| copied.records)),
            reached = at.wait_for(|through| through.0 >= place) => killed_at = reached.unwrap().0,
        }
        server.restart();
    }
    let result = copying.await;
    assert!(killed_at < 2000, "it was killed in the middle");
    let result = result.unwrap();
    assert!(result.is_equal() && result.sequences_kept, "{:?}", result.difference());
    assert_eq!(records(&there).await, records(&here).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_that_two_processes_published_is_copied_once() {
    let Some(mut server) = NatsServer::start() else { return };
    init(&server.options()).await;
    let newcomer = async |server: &NatsServer| {
        JetStreamLog::connect(Options { known_records: 0, ..server.options() }).await.unwrap()
    };
    newcomer(&server)
        .await
        .append(batch(vec![event("T-1", "a", "x"), event("T-1", "b", "x")]))
        .await
        .unwrap();
    // Batched differently by a process that has forgotten: the server cannot tell. One event has different
    // content.
    newcomer(&server)
        .await
        .append(batch(vec![event("T-1", "b", "x"), event("T-1", "c", "x")]))
        .await
        .unwrap();
    newcomer(&server).await.append(batch(vec![event("T-1", "a", "other")])).await.unwrap();
    newcomer(&server).await.append(batch(vec![event("T-1", "d", "x")])).await.unwrap();
    let there = JetStreamLog::connect(server.options()).await.unwrap();
    let dir = temporary();
    let here = embedded(dir.path());
    let result = within(copy(&there, &here, &|_| {})).await.unwrap();
    assert_eq!((result.records, result.events, result.repeated), (3, 4, 2));
    assert!(result.is_equal(), "{:?}", result.difference());
    assert!(!result.sequences_kept, "a record of repetitions only is not copied, so later ones moved up");
    let again = within(copy(&there, &here, &|_| {})).await.unwrap();
    assert_eq!((again.records, again.present, again.repeated), (0, 4, 2));
    server.kill();
}

#[tokio::test(flavor = "multi_thread")]
async fn other_events_of_the_same_id_on_the_server_stop_the_copy() {
    let Some(server) = NatsServer::start() else { return };
    init(&server.options()).await;
    let there = JetStreamLog::connect(server.options()).await.unwrap();
    there.append(batch(vec![event("task/2", "e2.0", "another one")])).await.unwrap();
    let dir = temporary();
    let here = embedded(dir.path());
    fill(&here, 10).await;
    let error = within(copy(&here, &there, &|_| {})).await.unwrap_err();
    assert!(matches!(&error, CopyError::Conflict { id, .. } if id == "e2.0"), "{error}");
    assert_eq!(records(&there).await.len(), 2, "only what came before it");
}

#[tokio::test(flavor = "multi_thread")]
async fn records_on_their_way_do_not_wait_for_each_other() {
    let Some(server) = NatsServer::start() else { return };
    init(&server.options()).await;
    let network = Network::before(server.url().trim_start_matches("nats://"));
    let (url, never) = (format!("nats://{}", network.address()), Duration::from_secs(3600));
    let options = Options { url, ack_timeout: never, append_timeout: never, ..server.options() };
    let there = JetStreamLog::connect(options).await.unwrap();
    // From here on nothing is answered: whoever waits for an answer sends one record, which is one piece.
    network.forget();
    let of = |number: u32| batch(vec![event("T-1", &format!("e{number}"), &"x".repeat(500))]);
    let batches: Vec<_> = (0..200).map(of).collect();
    let sending = tokio::spawn(async move { there.append_in_order(batches).await });
    within(async {
        while network.swallowed() < 16 {
            tokio::task::yield_now().await;
        }
    })
    .await;
    assert!(!sending.is_finished(), "nothing was acknowledged");
    sending.abort();
}
