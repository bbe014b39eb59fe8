//! What the watch appends: observed conditions as events of the log.

use tollgate_domain::event::{AlertEvent, ConditionObserved, Event, EventBody};
use tollgate_domain::ids::{ProducerId, TaskId, TenantId};
use tollgate_domain::position::PartitionId;
use tollgate_log::contract::{Batch, NewEvent};
use tollgate_log::key::ContentHash;
use tollgate_wire::{FieldError, Submitted};

/// The producer of events that the ledger writes itself.
const PRODUCER: &str = "tollgate";

/// One record of the observations about a task.
///
/// An end has no time of its own: nothing in the state says when a view caught up, so the time of the append
/// counts, which is not part of the content.
pub(super) fn record(
    tenant: &TenantId,
    task: &TaskId,
    observed: &[ConditionObserved],
) -> Result<Batch, FieldError> {
    let events: Result<Vec<NewEvent>, FieldError> =
        observed.iter().map(|seen| new_event(tenant, task, seen)).collect();
    Ok(Batch {
        tenant: tenant.clone(),
        partition: PartitionId::of(tenant.as_str(), task.as_str()),
        events: events?,
        decision: None,
        recorded_at: None,
    })
}

fn new_event(tenant: &TenantId, task: &TaskId, seen: &ConditionObserved) -> Result<NewEvent, FieldError> {
    let producer = ProducerId::new(PRODUCER).expect("a plain word is a producer");
    let body = EventBody::Alert(AlertEvent::ConditionObserved(Box::new(seen.clone())));
    let submitted = Submitted::from_event(Event {
        tenant: tenant.clone(),
        task: task.clone(),
        producer: producer.clone(),
        id: seen.event_id(),
        occurred_at: seen.active.then(|| seen.due()),
        trace_parent: None,
        body: body.clone(),
    })?;
    Ok(NewEvent {
        task: task.clone(),
        producer,
        id: seen.event_id(),
        content_hash: ContentHash::of_hash(submitted.content_hash()),
        payload: submitted.encode_stored(&body)?,
    })
}
