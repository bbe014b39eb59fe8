//! One request over many tasks: what goes into several records waits for one sync, rather than for one after
//! the other.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::{Value, json};
use tollgate_clock::ManualClock;
use tollgate_domain::position::PartitionId;
use tollgate_log::contract::EventLog;
use tollgate_log::memory::MemoryLog;

use crate::support::{LogWith, Service, outcomes, usage};

/// How many appends are on their way, and the most that were at once.
#[derive(Default)]
struct Appends {
    here: AtomicUsize,
    most: AtomicUsize,
}

#[tokio::test]
async fn records_of_a_request_are_appended_at_once_and_those_of_a_task_together() {
    let memory = MemoryLog::new(Arc::new(ManualClock::default()));
    let log = Arc::new(LogWith {
        log: memory,
        state: Appends::default(),
        // They wait until every append that is ready has arrived.
        append: |log, appends, batch| {
            Box::pin(async move {
                let here = appends.here.fetch_add(1, Ordering::SeqCst) + 1;
                appends.most.fetch_max(here, Ordering::SeqCst);
                tokio::task::yield_now().await;
                let answer = log.append(batch).await;
                appends.here.fetch_sub(1, Ordering::SeqCst);
                answer
            })
        },
    });
    let service = Service::on(Arc::clone(&log) as Arc<_>).await;
    let tasks: Vec<String> = (0..40).map(|nth| format!("T-{nth}")).collect();
    let partitions = tasks.iter().map(|task| PartitionId::of("default", task));
    let partitions = partitions.collect::<std::collections::BTreeSet<_>>().len();
    let mut events: Vec<Value> = tasks.iter().map(|task| usage(task, "u", "", 1)).collect();
    events.extend(["D-1", "D-2", "D-3"].map(|task| json!({"id": "o", "task": task, "task_opened": {}})));
    // A task with an invalid event, in the middle: no other task waits or is refused because of it.
    events.push(usage("W", "w1", "", 1));
    events.push(json!({"id": "w2", "task": "W", "usage_recorded": {"tokens": {"output": -1}}}));
    let (_, answer) = service.append(json!(events)).await;
    let outcomes = outcomes(&answer);
    assert_eq!(
        outcomes[..43].iter().filter(|outcome| outcome.ends_with(" appended")).count(),
        43,
        "{outcomes:?}"
    );
    assert_eq!(outcomes[43..], ["w1 refused refused_with", "w2 refused invalid"]);
    // One record for the facts of each partition, and one for each task that needs a decision.
    assert_eq!(log.state.most.load(Ordering::SeqCst), partitions + 3);
    let tail = log.tail().await.unwrap();
    assert_eq!(answer["position"], tail.to_string());
}
