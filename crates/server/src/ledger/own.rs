//! Events on their way into the log, and those that the ledger writes itself.

use tollgate_domain::event::{Event, EventBody};
use tollgate_domain::hex::hex_of_sha256;
use tollgate_domain::ids::{EventId, InvalidId, ProducerId, TaskId, TenantId};
use tollgate_domain::position::PartitionId;
use tollgate_domain::time::Timestamp;
use tollgate_log::contract::{AppendError, Batch, EventLog, EventName, NewEvent, Receipt};
use tollgate_log::key::ContentHash;
use tollgate_wire::api::Problem;
use tollgate_wire::{FieldError, Submitted};

use super::OWN_PRODUCER;
use crate::problem::{of_append, of_field};

/// An event in the form the log expects: what was sent, and what `body` has beyond that.
pub(super) fn new_event(submitted: &Submitted, body: &EventBody) -> Result<NewEvent, FieldError> {
    let event = &submitted.event;
    Ok(NewEvent {
        task: event.task.clone(),
        producer: event.producer.clone(),
        id: event.id.clone(),
        content_hash: ContentHash::of_hash(submitted.content_hash()),
        payload: submitted.encode_stored(body)?,
    })
}

/// The name of an event, by which the log finds it.
pub(super) fn name_of(submitted: &Submitted) -> EventName {
    let event = &submitted.event;
    EventName {
        tenant: event.tenant.clone(),
        task: event.task.clone(),
        producer: event.producer.clone(),
        id: event.id.clone(),
    }
}

/// The id of the event that prices a usage again, after it was so many times before. Who does it at the same time as
/// somebody else takes the same id: a usage is priced again once.
pub(super) fn repricing_id(producer: &str, usage: &str, times: u64) -> String {
    format!("repriced-{}-{times}", hex_of_sha256(&format!("{producer}\n{usage}"), 16))
}

/// What the id of the event that decides about an allocation begins with; its name follows.
pub(super) const ALLOCATE: &str = "allocate";

/// A separate record for one event, with nothing added.
pub(super) fn batch_of(submitted: &Submitted) -> Result<Batch, FieldError> {
    let event = &submitted.event;
    Ok(Batch {
        tenant: event.tenant.clone(),
        partition: PartitionId::of(event.tenant.as_str(), event.task.as_str()),
        events: vec![new_event(submitted, &event.body)?],
        decision: None,
        recorded_at: None,
    })
}

/// Why one event is not in the log.
#[derive(Debug, thiserror::Error)]
pub(super) enum AppendOneError {
    /// It cannot be written.
    #[error(transparent)]
    Field(#[from] FieldError),
    /// The log did not take it.
    #[error(transparent)]
    Append(#[from] AppendError),
}

/// The problem of it.
pub(super) fn of_append_one(error: &AppendOneError) -> Box<Problem> {
    match error {
        AppendOneError::Field(error) => of_field(error),
        AppendOneError::Append(error) => of_append(error),
    }
}

/// Appends one event as a record of its own. What producers send goes through `write` instead; this is for what the
/// ledger itself, or a person through it, has to record.
pub(super) async fn append_one(log: &dyn EventLog, submitted: &Submitted) -> Result<Receipt, AppendOneError> {
    Ok(log.append(batch_of(submitted)?).await?)
}

/// Events of one task as one record: all of them or none.
pub(super) fn batch_of_all(submitted: &[Submitted]) -> Result<Batch, FieldError> {
    let mut events = Vec::with_capacity(submitted.len());
    for one in submitted {
        events.push(new_event(one, &one.event.body)?);
    }
    let (tenant, task) = submitted.first().map_or_else(
        || (TenantId::ledger(), TaskId::ledger()),
        |first| (first.event.tenant.clone(), first.event.task.clone()),
    );
    let partition = PartitionId::of(tenant.as_str(), task.as_str());
    Ok(Batch { tenant, partition, events, decision: None, recorded_at: None })
}

/// One of the ledger's own events.
pub(super) fn own(
    tenant: &TenantId,
    task: &TaskId,
    id: &str,
    occurred_at: Option<Timestamp>,
    body: EventBody,
) -> Result<Submitted, String> {
    let invalid = |error: InvalidId| error.to_string();
    let event = Event {
        tenant: tenant.clone(),
        task: task.clone(),
        producer: ProducerId::new(OWN_PRODUCER).map_err(invalid)?,
        id: EventId::new(id).map_err(invalid)?,
        occurred_at,
        trace_parent: None,
        body,
    };
    Submitted::from_event(event).map_err(|error| error.to_string())
}

/// An event that the ledger writes about itself.
pub(super) fn about_itself(
    id: &str,
    occurred_at: Option<Timestamp>,
    body: EventBody,
) -> Result<Submitted, String> {
    own(&TenantId::ledger(), &TaskId::ledger(), id, occurred_at, body)
}
