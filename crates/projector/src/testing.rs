//! Events and logs for this crate's tests.

use std::sync::Arc;

use tollgate_domain::event::{Event, EventBody};
use tollgate_domain::ids::{EventId, ProducerId, TaskId, TenantId};
use tollgate_domain::position::{PartitionId, Position, Sequence};
use tollgate_domain::tokens::TokenCounts;
use tollgate_domain::usage::{Cost, UsageRecorded};
use tollgate_log::clock::SystemClock;
use tollgate_log::contract::{Batch, EventLog, NewEvent, Partitions};
use tollgate_log::key::ContentHash;
use tollgate_log::memory::MemoryLog;
use tollgate_log::record::StoredRecord;
use tollgate_projection::status::Status;
use tollgate_wire::Submitted;

use crate::view::View;

pub(crate) fn memory() -> Arc<dyn EventLog> {
    Arc::new(MemoryLog::new(Arc::new(SystemClock)))
}

/// Usage of so many output tokens.
pub(crate) fn usage(task: &str, id: &str, tokens: u64) -> NewEvent {
    let body = EventBody::UsageRecorded(UsageRecorded {
        execution: None,
        provider: None,
        model: None,
        component: None,
        request_id: None,
        tokens: TokenCounts { output: tokens, ..TokenCounts::default() },
        estimated: false,
        cost: Cost::Unpriced,
    });
    let event = Event {
        tenant: TenantId::default_tenant(),
        task: TaskId::new(task).unwrap(),
        producer: ProducerId::new("test").unwrap(),
        id: EventId::new(id).unwrap(),
        occurred_at: None,
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

/// An event that no version reads.
pub(crate) fn unreadable(task: &str, id: &str) -> NewEvent {
    NewEvent { payload: vec![0xff; 9], ..usage(task, id, 1) }
}

/// Appends events of one task as one record.
pub(crate) async fn append(log: &dyn EventLog, events: Vec<NewEvent>) -> Position {
    let tenant = TenantId::default_tenant();
    let partition = PartitionId::of(tenant.as_str(), events[0].task.as_str());
    log.append(Batch { tenant, partition, events, decision: None }).await.unwrap().position
}

pub(crate) async fn records(log: &dyn EventLog) -> Vec<StoredRecord> {
    log.read_from(Partitions::ALL, Sequence::ZERO).await.unwrap().try_next().await.unwrap()
}

/// A task's tokens; `None`: there is no such task in the view.
pub(crate) fn tokens(view: &View<Status>, task: &str) -> Option<i128> {
    let key = tollgate_projection::fold::task_key("default", task);
    view.get(&key).unwrap().map(|row| tollgate_projection::status::figures(&row, None).total.tokens.total())
}
