//! Events and logs for this crate's tests.

use std::collections::BTreeMap;
use std::sync::Arc;

use tollgate_clock::ManualClock;
use tollgate_domain::event::{Event, EventBody};
use tollgate_domain::ids::{EventId, ProducerId, TaskId, TenantId};
use tollgate_domain::position::{Epoch, PartitionId, Position, Sequence};
use tollgate_domain::time::Timestamp;
use tollgate_domain::tokens::TokenCounts;
use tollgate_domain::units::UnitCounts;
use tollgate_domain::usage::{Cost, UsageRecorded};
use tollgate_log::contract::{
    AppendError, Batch, BoxFuture, DedupScope, Durability, EventLog, EventName, Expected, Found, NewEvent,
    Partitions, ReadError, Receipt, RecordReader,
};
use tollgate_log::key::{ChainHash, ContentHash};
use tollgate_log::memory::MemoryLog;
use tollgate_log::record::StoredRecord;
use tollgate_projection::status::Status;
use tollgate_wire::Submitted;

use crate::view::View;

mod life;

pub(crate) use self::life::lived;

pub(crate) fn memory() -> Arc<dyn EventLog> {
    Arc::new(MemoryLog::new(Arc::new(ManualClock::default())))
}

/// Usage with this many output tokens.
pub(crate) fn usage(task: &str, id: &str, tokens: u64) -> NewEvent {
    event(task, id, usage_body(tokens))
}

/// What is said of usage with this many output tokens.
fn usage_body(tokens: u64) -> EventBody {
    EventBody::from(UsageRecorded {
        context: None,
        counts_as: None,
        execution: None,
        provider: None,
        model: None,
        component: None,
        request_id: None,
        service_tier: None,
        allocation: None,
        labels: BTreeMap::new(),
        tokens: TokenCounts { output: tokens, ..TokenCounts::default() },
        units: UnitCounts::default(),
        estimated: false,
        cost: Cost::Unpriced,
    })
}

/// An event about a task.
pub(crate) fn event(task: &str, id: &str, body: EventBody) -> NewEvent {
    dated(task, id, None, "test", body)
}

/// An event about a task at a time, by a producer.
fn dated(task: &str, id: &str, at: Option<Timestamp>, producer: &str, body: EventBody) -> NewEvent {
    let event = Event {
        tenant: TenantId::default_tenant(),
        task: TaskId::new(task).unwrap(),
        producer: ProducerId::new(producer).unwrap(),
        id: EventId::new(id).unwrap(),
        occurred_at: at,
        trace_parent: None,
        body: body.clone(),
    };
    let submitted = Submitted::from_event(event.clone()).unwrap();
    NewEvent {
        task: event.task,
        producer: event.producer,
        id: event.id,
        content_hash: ContentHash::of_hash(submitted.content_hash()),
        payload: submitted.encode_stored(&body).unwrap(),
    }
}

/// An event that no version can read.
pub(crate) fn unreadable(task: &str, id: &str) -> NewEvent {
    NewEvent { payload: vec![0xff; 9], ..usage(task, id, 1) }
}

/// Appends events of one task as one record.
pub(crate) async fn append(log: &dyn EventLog, events: Vec<NewEvent>) -> Position {
    let tenant = TenantId::default_tenant();
    let partition = PartitionId::of(tenant.as_str(), events[0].task.as_str());
    log.append(Batch { tenant, partition, events, decision: None, recorded_at: None }).await.unwrap().position
}

/// Appends events as a record with the first decision about a task.
pub(crate) async fn decide(log: &dyn EventLog, task: &str, events: Vec<NewEvent>) {
    let tenant = TenantId::default_tenant();
    let partition = PartitionId::of(tenant.as_str(), task);
    let decision = Some(Expected { subject: task.to_owned(), last: Sequence::ZERO });
    log.append(Batch { tenant, partition, events, decision, recorded_at: None }).await.unwrap();
}

pub(crate) async fn records(log: &dyn EventLog) -> Vec<StoredRecord> {
    log.read_from(Partitions::ALL, Sequence::ZERO).await.unwrap().try_next().await.unwrap()
}

/// A task's tokens; `None` if the view has no such task.
pub(crate) fn tokens(view: &View<Status>, task: &str) -> Option<i128> {
    let key = tollgate_projection::fold::task_key("default", task);
    view.get(&key).unwrap().map(|row| tollgate_projection::status::figures(&row, None).total.tokens.total())
}

/// A log that holds records as they are, including events that are in it twice: like a stream whose server
/// forgot an id.
pub(crate) struct Stream {
    epoch: Epoch,
    records: Vec<StoredRecord>,
}

impl Stream {
    /// A log of the records of other logs, one after another.
    pub(crate) fn of(epoch: Epoch, mut records: Vec<StoredRecord>) -> Self {
        let mut chains = std::collections::HashMap::new();
        for (stored, sequence) in records.iter_mut().zip(1..) {
            let chain = chains.entry(stored.record.partition()).or_insert(ChainHash::START);
            *chain = chain.then(stored.record.hash());
            (stored.sequence, stored.chain) = (Sequence(sequence), *chain);
        }
        Self { epoch, records }
    }
}

struct StreamReader(Vec<StoredRecord>);

impl RecordReader for StreamReader {
    fn next(&mut self) -> BoxFuture<'_, Result<Vec<StoredRecord>, ReadError>> {
        Box::pin(async move {
            let left = std::mem::take(&mut self.0);
            if left.is_empty() { std::future::pending().await } else { Ok(left) }
        })
    }

    fn try_next(&mut self) -> BoxFuture<'_, Result<Vec<StoredRecord>, ReadError>> {
        Box::pin(async move { Ok(std::mem::take(&mut self.0)) })
    }
}

impl EventLog for Stream {
    fn epoch(&self) -> Epoch {
        self.epoch
    }

    fn durability(&self) -> Durability {
        Durability::PageCache
    }

    fn dedup(&self) -> DedupScope {
        DedupScope::Window
    }

    fn append(&self, _: Batch) -> BoxFuture<'_, Result<Receipt, AppendError>> {
        Box::pin(async { Err(AppendError::Malformed("it takes none".to_owned())) })
    }

    fn find(&self, names: Vec<EventName>) -> BoxFuture<'_, Result<Vec<Option<Found>>, ReadError>> {
        Box::pin(async move { Ok(vec![None; names.len()]) })
    }

    fn tail(&self) -> BoxFuture<'_, Result<Position, ReadError>> {
        let mut tail = Position::start(self.epoch.id);
        for stored in &self.records {
            tail.advance(stored.record.partition(), stored.sequence);
        }
        Box::pin(async move { Ok(tail) })
    }

    fn read_from(
        &self,
        partitions: Partitions,
        after: Sequence,
    ) -> BoxFuture<'_, Result<Box<dyn RecordReader>, ReadError>> {
        let wanted = |stored: &&StoredRecord| {
            stored.sequence > after && partitions.contains(stored.record.partition())
        };
        let records = self.records.iter().filter(wanted).cloned().collect();
        Box::pin(async move { Ok(Box::new(StreamReader(records)) as Box<dyn RecordReader>) })
    }
}
