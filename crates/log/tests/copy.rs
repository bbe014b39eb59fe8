//! Copying a ledger into another log.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on panics")]

use std::sync::{Arc, Mutex};

use tollgate_clock::ManualClock;
use tollgate_domain::position::{Epoch, Position, Sequence};
use tollgate_log::conformance::{batch, decision, event};
use tollgate_log::contract::{
    AppendError, Batch, BoxFuture, DedupScope, Durability, EventLog, EventName, Found, InOrder, Partitions,
    ReadError, Receipt, RecordReader,
};
use tollgate_log::copy::{Copied, CopyError, copy};
use tollgate_log::digests::digests;
use tollgate_log::embedded::{EmbeddedLog, Options};
use tollgate_log::memory::MemoryLog;

fn memory() -> MemoryLog {
    MemoryLog::new(Arc::new(ManualClock::default()))
}

async fn fill(log: &dyn EventLog, records: u64) {
    let mut last = 0;
    for number in 1..=records {
        let events = |task: &str| vec![event(task, &format!("e{number}"), &format!("payload {number}"))];
        let sent = match number % 4 {
            0 => decision(std::mem::replace(&mut last, number), events("T-decided")),
            part => batch(events(&format!("T-{part}"))),
        };
        log.append(sent).await.unwrap();
    }
}

async fn copied(from: &dyn EventLog, to: &dyn EventLog) -> Result<Copied, CopyError> {
    copy(from, to, &|_| {}).await
}

/// All records without their chains' places: bytes by sequence.
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

/// A log that misbehaves on demand.
struct Troubled {
    log: Arc<dyn EventLog>,
    /// This many more records, then the log is unavailable.
    left: Mutex<usize>,
    /// Another appender writes in the middle of what is appended in order.
    shared: bool,
}

impl Troubled {
    fn after(log: &Arc<dyn EventLog>, left: usize) -> Self {
        Self { log: Arc::clone(log), left: Mutex::new(left), shared: false }
    }
}

impl EventLog for Troubled {
    fn epoch(&self) -> Epoch {
        self.log.epoch()
    }

    fn durability(&self) -> Durability {
        self.log.durability()
    }

    fn dedup(&self) -> DedupScope {
        self.log.dedup()
    }

    fn append(&self, batch: Batch) -> BoxFuture<'_, Result<Receipt, AppendError>> {
        let mut left = self.left.lock().unwrap();
        if *left == 0 {
            return Box::pin(async { Err(AppendError::Unknown { reason: "it went away".to_owned() }) });
        }
        *left -= 1;
        self.log.append(batch)
    }

    fn append_in_order(&self, batches: Vec<Batch>) -> BoxFuture<'_, InOrder> {
        Box::pin(async move {
            let (mut receipts, middle) = (Vec::new(), batches.len() / 2);
            for (nth, sent) in batches.into_iter().enumerate() {
                if self.shared && nth == middle {
                    self.log.append(batch(vec![event("T-foreign", "x", "x")])).await.unwrap();
                }
                match self.append(sent).await {
                    Ok(receipt) => receipts.push(receipt),
                    Err(error) => return InOrder { receipts, stopped: Some(error) },
                }
            }
            InOrder { receipts, stopped: None }
        })
    }

    fn find(&self, names: Vec<EventName>) -> BoxFuture<'_, Result<Vec<Option<Found>>, ReadError>> {
        self.log.find(names)
    }

    fn tail(&self) -> BoxFuture<'_, Result<Position, ReadError>> {
        self.log.tail()
    }

    fn read_from(
        &self,
        partitions: Partitions,
        after: Sequence,
    ) -> BoxFuture<'_, Result<Box<dyn RecordReader>, ReadError>> {
        self.log.read_from(partitions, after)
    }
}

#[tokio::test]
async fn a_copy_has_the_same_records_at_the_same_sequences() {
    let (source, target) = (memory(), tempfile::tempdir().unwrap());
    fill(&source, 1000).await;
    let target = EmbeddedLog::open_or_create(target.path(), Options::default()).unwrap();
    let progress = Mutex::new(Vec::new());
    let result = copy(&source, &target, &|step| progress.lock().unwrap().push(step)).await.unwrap();
    assert_eq!((result.records, result.events, result.present, result.repeated), (1000, 1000, 0, 0));
    assert!(result.is_equal() && result.sequences_kept);
    assert_eq!(records(&target).await, records(&source).await, "times and subjects included");
    let progress = progress.into_inner().unwrap();
    let last = progress.last().unwrap();
    assert_eq!((last.through, last.end, last.events), (Sequence(1000), Sequence(1000), 1000));
    assert!(progress.is_sorted_by_key(|step| step.through) && progress.len() > 3);
    let again = copied(&source, &target).await.unwrap();
    assert_eq!((again.records, again.events, again.present), (0, 0, 1000));
    assert!(again.is_equal() && again.sequences_kept);
    // Later records are copied later, decisions in their order.
    source.append(decision(1000, vec![event("T-decided", "later", "x")])).await.unwrap();
    let more = copied(&source, &target).await.unwrap();
    assert_eq!((more.records, more.present), (1, 1000));
    assert_eq!(records(&target).await, records(&source).await);
}

#[tokio::test]
async fn an_interrupted_copy_goes_on() {
    let source = memory();
    fill(&source, 900).await;
    let target: Arc<dyn EventLog> = Arc::new(memory());
    for left in [0, 1, 255, 300, 200] {
        let failing = Troubled::after(&target, left);
        let before = target.tail().await.unwrap().highest().0;
        let error = copied(&source, &failing).await.unwrap_err();
        let next = Sequence(before + left as u64 + 1);
        assert!(matches!(error, CopyError::Append { sequence, .. } if sequence == next), "{left}: {error}");
    }
    let result = copied(&source, &*target).await.unwrap();
    assert_eq!((result.records, result.present), (144, 756));
    assert!(result.is_equal() && result.sequences_kept);
    assert_eq!(records(&*target).await, records(&source).await);
}

#[tokio::test]
async fn another_event_under_an_id_stops_the_copy_and_is_named() {
    let (source, target) = (memory(), memory());
    fill(&source, 10).await;
    target.append(batch(vec![event("T-2", "e6", "something else")])).await.unwrap();
    let error = copied(&source, &target).await.unwrap_err();
    let CopyError::Conflict { task, id, source_record, target: in_target, .. } = &error else {
        panic!("{error}")
    };
    assert_eq!((task.as_str(), id.as_str()), ("T-2", "e6"));
    assert_eq!((*source_record, *in_target), (Sequence(6), Sequence(1)));
    assert!(error.to_string().contains("two histories"), "{error}");
    assert_eq!(records(&target).await.len(), 6, "what came before it is copied");
}

#[tokio::test]
async fn a_target_with_other_tasks_keeps_them_and_says_that_sequences_differ() {
    let (source, target) = (memory(), memory());
    fill(&source, 10).await;
    target.append(batch(vec![event("T-other", "x", "x")])).await.unwrap();
    target.append(decision(0, vec![event("T-decided", "e4", "payload 4")])).await.unwrap();
    let result = copied(&source, &target).await.unwrap();
    assert_eq!((result.records, result.present), (9, 1));
    assert!(result.is_equal() && !result.sequences_kept);
    assert_eq!(result.target.tasks(), result.source.tasks() + 1);
    assert_eq!(result.source, digests(&source).await.unwrap());
    assert_eq!(result.target, digests(&target).await.unwrap());
}

#[tokio::test]
async fn a_target_that_says_more_of_a_task_is_not_equal() {
    let (source, target) = (memory(), memory());
    fill(&source, 10).await;
    copied(&source, &target).await.unwrap();
    target.append(batch(vec![event("T-1", "more", "x")])).await.unwrap();
    let result = copied(&source, &target).await.unwrap();
    assert!(!result.is_equal());
    let difference = result.difference().unwrap();
    assert_eq!(difference.task, "T-1");
    assert!(difference.to_string().contains("3 events"), "{difference}");
}

#[tokio::test]
async fn a_target_that_others_write_to_stops_the_copy() {
    let source = memory();
    let target = Troubled { log: Arc::new(memory()), left: Mutex::new(100), shared: true };
    fill(&source, 10).await;
    let error = copied(&source, &target).await.unwrap_err();
    let CopyError::NotAlone { sequence, expected, found } = error else { panic!("{error}") };
    assert_eq!((sequence, expected, found), (Sequence(6), Sequence(6), Sequence(7)));
    assert!(error.to_string().contains("somebody else appends"), "{error}");
}
