//! Cases: many appenders at once.

use std::collections::BTreeMap;
use std::sync::Arc;

use tollgate_domain::position::Sequence;

use super::Backend;
use super::support::{append, batch, contents, event};
use crate::contract::AppendOutcome;

pub(super) async fn concurrent_appends_are_each_stored_once_and_in_their_order(backend: &dyn Backend) {
    let log = backend.fresh().await;
    let appenders = (0..8).map(|appender| {
        let log = Arc::clone(&log);
        tokio::spawn(async move {
            for number in 0..50 {
                let task = format!("T-{appender}");
                let ids = [format!("a{number:03}"), format!("b{number:03}")];
                let events = ids.iter().map(|id| event(&task, id, "x")).collect();
                append(&log, batch(events)).await;
            }
        })
    });
    for appender in appenders.collect::<Vec<_>>() {
        appender.await.expect("no panic");
    }
    let mut by_task: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for content in contents(&log).await {
        let (task, id) = content.split_once('/').expect("task/id");
        by_task.entry(task.to_owned()).or_default().push(id.to_owned());
    }
    let order: Vec<String> =
        (0..50).flat_map(|number| [format!("a{number:03}=x"), format!("b{number:03}=x")]).collect();
    assert_eq!(by_task.len(), 8);
    for (task, ids) in by_task {
        assert_eq!(ids, order, "{task}");
    }
}

pub(super) async fn concurrent_retries_of_one_batch_store_it_once(backend: &dyn Backend) {
    let log = backend.fresh().await;
    for round in 0..20 {
        let sent =
            batch(vec![event("T-1", &format!("e{round}"), "x"), event("T-1", &format!("f{round}"), "y")]);
        let retries = (0..6).map(|_| {
            let (log, sent) = (Arc::clone(&log), sent.clone());
            tokio::spawn(async move { append(&log, sent).await })
        });
        let mut new = 0;
        for retry in retries.collect::<Vec<_>>() {
            let receipt = retry.await.expect("no panic");
            let sequence = Sequence(round + 1);
            for outcome in receipt.outcomes {
                match outcome {
                    AppendOutcome::Appended(at) | AppendOutcome::Duplicate(at) => assert_eq!(at, sequence),
                    AppendOutcome::Conflict(_) | AppendOutcome::Refused { .. } => panic!("{outcome:?}"),
                }
                new += u32::from(outcome == AppendOutcome::Appended(sequence));
            }
            // A duplicate is answered when its original is durable, not before.
            assert!(log.tail().await.expect("a tail").covers(&receipt.position));
        }
        assert_eq!(new, 2, "round {round}");
    }
    assert_eq!(contents(&log).await.len(), 40);
}
