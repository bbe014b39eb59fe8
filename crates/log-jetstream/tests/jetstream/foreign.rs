//! Messages in the ledger's subjects that no server wrote.

use async_nats::HeaderMap;
use bytes::Bytes;
use tollgate_domain::position::{PartitionId, Sequence};
use tollgate_log::conformance::{batch, decision, event};
use tollgate_log::contract::{AppendError, EventLog, Hints, Partitions, ReadError};
use tollgate_log::copy::copy;
use tollgate_log::embedded::{EmbeddedLog, Options as EmbeddedOptions};
use tollgate_log_jetstream::{JetStreamLog, Options};

use crate::support::{NatsServer, all_ids, init, within};

/// Publishes without being a server of the ledger.
async fn publish(options: &Options, subject: &str, headers: &[(&str, &str)], payload: &[u8]) {
    let (client, _) = options.client().await.unwrap();
    let mut map = HeaderMap::new();
    headers.iter().for_each(|(name, value)| map.insert(*name, *value));
    let context = async_nats::jetstream::new(client);
    let payload = Bytes::copy_from_slice(payload);
    let sent = context.publish_with_headers(subject.to_owned(), map, payload).await.unwrap();
    sent.await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn they_are_named_passed_and_hold_up_nothing() {
    let Some(server) = NatsServer::start() else { return };
    let options = server.options();
    init(&options).await;
    let log = JetStreamLog::connect(options.clone()).await.unwrap();
    let partition = PartitionId::of("default", "T-1");
    let [facts, decisions] = ["ev", "dec"].map(|kind| format!("tollgate.v1.{kind}.{partition}.default"));
    let decisions = format!("{decisions}.T-1");
    within(log.append(batch(vec![event("T-1", "a", "x")]))).await.unwrap();
    within(log.append(decision(0, vec![event("T-1", "b", "x")]))).await.unwrap();
    let real = within(log.record_at(Sequence(1))).await.unwrap().unwrap();

    // No header; a foreign header; a record with the wrong hash; one that is truncated; one of another
    // partition; no partition.
    let ours = [("Tollgate-Hash", "00"), ("Tollgate-Schema", "1")];
    publish(&options, &decisions, &[], b"garbage").await;
    publish(&options, &facts, &ours, b"garbage").await;
    publish(&options, &facts, &ours, real.bytes()).await;
    publish(&options, &facts, &ours, &real.bytes()[..30]).await;
    publish(&options, &facts, &[], real.bytes()).await;
    publish(&options, "tollgate.v1.ev.somewhere.default", &[], b"").await;
    publish(&options, "tollgate.v1.ev.99.default", &[], b"").await;
    publish(&options, &decisions, &[], b"more").await;

    // What comes after them is appended and read, including a decision about the subject that they are on.
    let wrong = within(log.append(decision(0, vec![event("T-1", "c", "x")]))).await.unwrap_err();
    let AppendError::WrongExpected { actual, .. } = wrong else { panic!("{wrong}") };
    assert_eq!(actual, Sequence(2), "the last decision, not what stands behind it");
    let wrong = within(log.append(decision(90, vec![event("T-1", "c", "x")]))).await.unwrap_err();
    let AppendError::WrongExpected { actual, .. } = wrong else { panic!("{wrong}") };
    assert_eq!(actual, Sequence(2), "also where a later one is expected than any that stands");
    within(log.append(decision(2, vec![event("T-1", "c", "x")]))).await.unwrap();
    within(log.append(batch(vec![event("T-1", "d", "x")]))).await.unwrap();
    for log in [&log, &JetStreamLog::connect(options.clone()).await.unwrap()] {
        assert_eq!(within(all_ids(log)).await, ["T-1/a", "T-1/b", "T-1/c", "T-1/d"]);
        assert_eq!(within(log.tail()).await.unwrap().get(partition), Sequence(12));
    }

    // They are named at their sequences, and verification reports them.
    let found = within(tollgate_log::verify::verify(&log, &[], &|_| Ok(()))).await.unwrap();
    assert!(found.passed(), "{:?}", found.difference);
    assert_eq!((found.records, found.events), (4, 4));
    let named: Vec<u64> = found.foreign.iter().map(|(sequence, _)| sequence.0).collect();
    assert_eq!(named, [3, 4, 5, 6, 7, 10]);
    let says = |nth: usize| &*found.foreign[nth].1;
    assert!(says(0).contains("no `Tollgate-Hash` header") && says(0).contains("\"garbage\""), "{}", says(0));
    assert!(says(0).contains(&decisions) && says(1).contains("schema 1"), "{} {}", says(0), says(1));
    assert!(says(2).contains("not the hash of its events"), "{}", says(2));
    assert!(says(3).contains("not a record"), "{}", says(3));

    // A copy takes only what belongs to the ledger.
    let dir = tempfile::tempdir().unwrap();
    let here = EmbeddedLog::open_or_create(dir.path(), EmbeddedOptions::default()).unwrap();
    let copied = within(copy(&log, &here, &|_| {})).await.unwrap();
    assert!(copied.is_equal(), "{:?}", copied.difference());
    assert_eq!((copied.records, copied.events), (4, 4));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_end_of_a_partition_is_reached_where_a_foreign_message_is_last() {
    let Some(server) = NatsServer::start() else { return };
    let options = server.options();
    init(&options).await;
    publish(&options, "tollgate.v1.ev.7.default", &[], b"garbage").await;
    let log = JetStreamLog::connect(options.clone()).await.unwrap();
    let tail = within(log.tail()).await.unwrap();
    let mut reader = log.read_from(Partitions::ALL, Sequence::ZERO).await.unwrap();
    let records = within(reader.try_next()).await.unwrap();
    let [one] = &records[..] else { panic!("{records:?}") };
    assert!(one.record.foreign().is_some());
    assert_eq!(tail.get(one.record.partition()), one.sequence);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_record_of_a_newer_version_is_not_passed() {
    let Some(server) = NatsServer::start() else { return };
    let options = server.options();
    init(&options).await;
    let newer = [("Tollgate-Hash", "00"), ("Tollgate-Schema", "2")];
    publish(&options, "tollgate.v1.ev.7.default", &newer, &[2, 1, 7, 0]).await;
    let log = JetStreamLog::connect(options.clone()).await.unwrap();
    let mut reader = log.read_from(Partitions::ALL, Sequence::ZERO).await.unwrap();
    let error = within(reader.try_next()).await.unwrap_err();
    assert!(matches!(error, ReadError::Newer { sequence: Sequence(1), .. }), "{error}");
}
