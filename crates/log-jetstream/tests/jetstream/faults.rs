//! The server killed, its store replaced by an older copy, the stream created again.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tollgate_domain::position::Sequence;
use tollgate_log::conformance::{batch, event};
use tollgate_log::contract::{AppendError, AppendOutcome, EventLog, Partitions, ReadError};
use tollgate_log_jetstream::{JetStreamLog, Options};

use crate::support::{NatsServer, all_ids, init, setup, within};

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_server_loses_nothing_that_was_acknowledged() {
    let Some(mut server) = NatsServer::start() else { return };
    init(&server.options()).await;
    let options = Options {
        ack_timeout: Duration::from_millis(500),
        append_timeout: Duration::from_secs(60),
        ..server.options()
    };
    let log = Arc::new(JetStreamLog::connect(options).await.unwrap());
    let acknowledged = watch::Sender::new(0);
    let appenders = (0..4).map(|appender| {
        let (log, acknowledged) = (Arc::clone(&log), acknowledged.clone());
        tokio::spawn(async move {
            let mut sequences = Vec::new();
            for number in 0..300 {
                let sent = batch(vec![event(&format!("T-{appender}"), &format!("e{number:03}"), "x")]);
                let receipt = log.append(sent).await.unwrap();
                sequences.push(receipt.position.highest());
                acknowledged.send_modify(|count| *count += 1);
            }
            sequences
        })
    });
    let appenders: Vec<_> = appenders.collect();
    let mut count = acknowledged.subscribe();
    for kill_at in [200, 700] {
        within(count.wait_for(|count| *count >= kill_at)).await.unwrap();
        server.kill();
        let when_dead = *count.borrow_and_update();
        assert!(when_dead < 1200, "it was killed in the middle");
        server.restart();
    }
    let mut reader = log.read_from(Partitions::ALL, Sequence::ZERO).await.unwrap();
    let mut stored = Vec::new();
    let mut sequences = Vec::new();
    for appender in appenders {
        sequences.extend(within(appender).await.unwrap());
    }
    while stored.len() < 1200 {
        for record in within(reader.next()).await.unwrap() {
            stored.push(record.sequence);
        }
    }
    sequences.sort_unstable();
    assert_eq!(stored, sequences, "each once, at the sequence that was acknowledged");
    let ids = all_ids(&*log).await;
    assert_eq!(ids.len(), 1200, "nothing is there twice");
    let again = batch(vec![event("T-0", "e000", "x")]);
    let receipt = log.append(again).await.unwrap();
    assert!(matches!(receipt.outcomes[0], AppendOutcome::Duplicate(_)), "{receipt:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unknown_outcome_is_settled_by_the_same_ids() {
    let Some(mut server) = NatsServer::start() else { return };
    init(&server.options()).await;
    let options = Options {
        ack_timeout: Duration::from_millis(100),
        append_timeout: Duration::from_millis(300),
        ..server.options()
    };
    let log = JetStreamLog::connect(options).await.unwrap();
    server.kill();
    let sent = batch(vec![event("T-1", "a", "x")]);
    let error = log.append(sent.clone()).await.unwrap_err();
    assert!(matches!(error, AppendError::Unknown { .. }) && error.is_retryable(), "{error}");
    server.restart();
    let receipt = within(async {
        loop {
            if let Ok(receipt) = log.append(sent.clone()).await {
                return receipt;
            }
        }
    })
    .await;
    assert_eq!(receipt.position.highest(), Sequence(1));
    assert_eq!(all_ids(&log).await, ["T-1/a"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_waiting_reader_goes_on_after_a_restart() {
    let Some(mut server) = NatsServer::start() else { return };
    init(&server.options()).await;
    let log = JetStreamLog::connect(server.options()).await.unwrap();
    log.append(batch(vec![event("T-1", "a", "x")])).await.unwrap();
    let mut reader = log.read_from(Partitions::ALL, Sequence::ZERO).await.unwrap();
    assert_eq!(within(reader.next()).await.unwrap()[0].sequence, Sequence(1));
    // Dropped while it waits: nothing is lost.
    assert!(tokio::time::timeout(Duration::from_millis(50), reader.next()).await.is_err());
    let waiting = tokio::spawn(async move {
        let records = reader.next().await.unwrap();
        (reader, records[0].sequence)
    });
    server.restart();
    within(log.append(batch(vec![event("T-1", "b", "x")]))).await.unwrap();
    let (mut reader, sequence) = within(waiting).await.unwrap();
    assert_eq!(sequence, Sequence(2));
    assert!(reader.try_next().await.unwrap().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_that_went_back_is_never_followed() {
    let Some(mut server) = NatsServer::start() else { return };
    init(&server.options()).await;
    let log = JetStreamLog::connect(server.options()).await.unwrap();
    let mut epoch = None;
    for (number, id) in ["a", "b", "c", "d"].into_iter().enumerate() {
        if number == 2 {
            server.kill();
            server.copy_store("older");
            server.restart();
        }
        let receipt = within(log.append(batch(vec![event("T-1", id, "x")]))).await.unwrap();
        epoch = Some(receipt.position.epoch());
    }
    let mut reader = log.read_from(Partitions::ALL, Sequence::ZERO).await.unwrap();
    while within(reader.next()).await.unwrap().last().unwrap().sequence < Sequence(4) {}
    server.kill();
    server.replace_store("older");
    server.restart();
    let error = within(reader.next()).await.unwrap_err();
    assert!(matches!(error, ReadError::Regressed { .. }), "{error}");
    assert!(error.to_string().contains("ends at record 2, record 4 was seen"), "{error}");
    let error = within(log.append(batch(vec![event("T-1", "e", "x")]))).await.unwrap_err();
    assert!(matches!(error, AppendError::Stopped { .. }), "{error}");
    assert!(matches!(log.tail().await, Err(ReadError::Regressed { .. })));
    assert!(log.failed().unwrap().contains("went back"));
    // The copy has the same epoch: a later process recognizes it by its checkpoint.
    let later = JetStreamLog::connect(server.options()).await.unwrap();
    assert_eq!(Some(later.epoch().id), epoch);
    assert_eq!(all_ids(&later).await, ["T-1/a", "T-1/b"], "the refused append is not in it");
    let error = later.read_from(Partitions::ALL, Sequence(4)).await.err().unwrap();
    assert!(matches!(error, ReadError::Regressed { .. }), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_made_anew_is_never_followed() {
    let Some(server) = NatsServer::start() else { return };
    let context = server.context().await;
    let made = setup().init(&context).await.unwrap();
    assert!(context.get_stream(&made.config.name).await.unwrap().purge().await.is_err(), "it denies a purge");
    let log = JetStreamLog::connect(server.options()).await.unwrap();
    for id in ["a", "b"] {
        log.append(batch(vec![event("T-1", id, "x")])).await.unwrap();
    }
    let mut reader = log.read_from(Partitions::ALL, Sequence(2)).await.unwrap();
    assert!(reader.try_next().await.unwrap().is_empty());
    context.delete_stream("TOLLGATE").await.unwrap();
    setup().init(&context).await.unwrap();
    let error = within(reader.next()).await.unwrap_err();
    assert!(error.to_string().contains("the stream was replaced"), "{error}");
    let error = within(log.append(batch(vec![event("T-1", "c", "x")]))).await.unwrap_err();
    assert!(matches!(error, AppendError::Stopped { .. }), "{error}");
    let later = JetStreamLog::connect(server.options()).await.unwrap();
    assert_ne!(later.epoch().id, log.epoch().id);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_append_notices_a_sequence_that_is_given_again() {
    let Some(server) = NatsServer::start() else { return };
    let context = server.context().await;
    setup().init(&context).await.unwrap();
    let log = JetStreamLog::connect(server.options()).await.unwrap();
    for id in ["a", "b"] {
        log.append(batch(vec![event("T-1", id, "x")])).await.unwrap();
    }
    // On the same connection, so that only the acknowledgement can tell.
    context.delete_stream("TOLLGATE").await.unwrap();
    setup().init(&context).await.unwrap();
    let error = within(log.append(batch(vec![event("T-1", "c", "x")]))).await.unwrap_err();
    assert!(matches!(error, AppendError::Stopped { .. }), "{error}");
    assert!(log.failed().is_some());
}
