//! Cases: readers, look-ups, the tail, the chains.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tollgate_domain::position::{PartitionId, Position, Sequence};

use super::Backend;
use super::support::{append, batch, event, named, read_all};
use crate::contract::Partitions;
use crate::groups::Groups;
use crate::key::ChainHash;

pub(super) async fn a_reader_begins_after_any_sequence_and_keeps_to_its_partitions(backend: &dyn Backend) {
    let log = backend.fresh().await;
    for number in 0..60 {
        append(&log, batch(vec![event(&format!("T-{number}"), "e", "x")])).await;
    }
    let all = read_all(&log).await;
    for after in [0, 1, 30, 59, 60] {
        for partitions in [Partitions::ALL, Partitions::only(PartitionId::of("default", "T-7"))] {
            let expected: Vec<Sequence> = all
                .iter()
                .filter(|stored| stored.sequence.0 > after && partitions.contains(stored.record.partition()))
                .map(|stored| stored.sequence)
                .collect();
            let mut reader = log.read_from(partitions, Sequence(after)).await.expect("a reader");
            let mut read = Vec::new();
            loop {
                let more = reader.try_next().await.expect("readable");
                if more.is_empty() {
                    break;
                }
                read.extend(more.iter().map(|stored| stored.sequence));
            }
            assert_eq!(read, expected, "after {after}");
        }
    }
}

pub(super) async fn a_reader_that_caught_up_waits_for_the_next_record(backend: &dyn Backend) {
    let log = backend.fresh().await;
    append(&log, batch(vec![event("T-1", "e0", "x")])).await;
    let mut reader = log.read_from(Partitions::ALL, Sequence(1)).await.expect("a reader");
    assert!(reader.try_next().await.expect("readable").is_empty());
    let waiting = tokio::spawn(async move { reader.next().await.map(|records| records[0].sequence) });
    tokio::task::yield_now().await;
    let appender = Arc::clone(&log);
    append(&appender, batch(vec![event("T-1", "e1", "x")])).await;
    assert_eq!(waiting.await.expect("no panic").expect("readable"), Sequence(2));
}

pub(super) async fn a_reader_in_groups_gets_every_record_in_order(backend: &dyn Backend) {
    let log = backend.fresh().await;
    let only = PartitionId::of("default", "T-1");
    let mut readers = Vec::new();
    for partitions in [Partitions::ALL, Partitions::only(only)] {
        let mut reader = log.read_from(partitions, Sequence::ZERO).await.expect("a reader");
        reader.in_groups();
        readers.push((partitions, reader, Vec::new()));
    }
    for number in 0..30_u32 {
        let task = if number % 3 == 0 { "T-1".to_owned() } else { format!("T-{number}") };
        append(&log, batch(vec![event(&task, &format!("e{number}"), "x")])).await;
        // Sometimes there is one record, sometimes many; and a cancelled wait loses nothing.
        for (_, reader, read) in readers.iter_mut().filter(|_| number % 7 == 2 || number == 29) {
            if let Ok(records) = tokio::time::timeout(Duration::from_millis(3), reader.next()).await {
                read.extend(records.expect("readable"));
            }
        }
    }
    let all = read_all(&log).await;
    for (partitions, mut reader, mut read) in readers {
        let expected: Vec<Sequence> = all
            .iter()
            .filter(|stored| partitions.contains(stored.record.partition()))
            .map(|stored| stored.sequence)
            .collect();
        let mut groups = Groups::default();
        while read.len() < expected.len() {
            read.extend(groups.next(&mut *reader, |_| async {}).await.expect("readable"));
        }
        assert_eq!(read.iter().map(|stored| stored.sequence).collect::<Vec<_>>(), expected, "{partitions}");
        assert!(reader.try_next().await.expect("readable").is_empty(), "there is no more");
    }
}

pub(super) async fn find_answers_without_appending(backend: &dyn Backend) {
    let log = backend.fresh().await;
    let sent = event("T-1", "e1", "one");
    append(&log, batch(vec![sent.clone()])).await;
    let found =
        log.find(vec![named("T-1", "e1"), named("T-1", "e2"), named("T-2", "e1")]).await.expect("an answer");
    assert_eq!(found.iter().map(Option::is_some).collect::<Vec<_>>(), [true, false, false]);
    let found = found[0].expect("the first is there");
    assert_eq!(found.sequence, Sequence(1));
    assert_eq!(found.content, sent.content_hash.mark());
    assert_eq!(read_all(&log).await.len(), 1);
}

pub(super) async fn the_tail_covers_every_receipt(backend: &dyn Backend) {
    let log = backend.fresh().await;
    assert_eq!(log.tail().await.expect("a tail"), Position::start(log.epoch().id));
    let mut all = Position::start(log.epoch().id);
    for number in 0..40 {
        let receipt = append(&log, batch(vec![event(&format!("T-{number}"), "e", "x")])).await;
        all.merge(&receipt.position);
        assert!(log.tail().await.expect("a tail").covers(&receipt.position), "{number}");
    }
    assert_eq!(log.tail().await.expect("a tail"), all);
    for partition in PartitionId::all() {
        assert_eq!(log.tail_of(partition).await.expect("a tail"), all.get(partition), "{partition}");
    }
}

pub(super) async fn chains_can_be_recomputed_from_the_records(backend: &dyn Backend) {
    let log = backend.fresh().await;
    for number in 0..40 {
        append(&log, batch(vec![event(&format!("T-{}", number % 5), &format!("e{number}"), "x")])).await;
    }
    let mut chains: BTreeMap<PartitionId, ChainHash> = BTreeMap::new();
    for stored in read_all(&log).await {
        let chain = chains.entry(stored.record.partition()).or_insert(ChainHash::START);
        *chain = chain.then(stored.record.hash());
        assert_eq!(stored.chain, *chain, "record {}", stored.sequence);
    }
}
