//! Appending a history to a log, in large batches.

use tollgate_domain::event::Event;
use tollgate_domain::ids::TenantId;
use tollgate_domain::position::PartitionId;
use tollgate_domain::time::Timestamp;
use tollgate_log::contract::{AppendError, Batch, EventLog, MAX_RECORD_BYTES, MAX_RECORD_EVENTS, NewEvent};
use tollgate_log::key::ContentHash;
use tollgate_wire::{FieldError, Submitted};

/// Bytes of a record for events: the rest is for names, lengths and hashes, at most 300 an event.
const BATCH_BYTES: usize = MAX_RECORD_BYTES - MAX_RECORD_EVENTS * 300;

/// Records that are appended together.
const TOGETHER: usize = 16;

/// Why a history was not appended.
#[derive(Debug, thiserror::Error)]
pub enum HistoryError {
    /// An event breaks a rule of the ledger.
    #[error("appending a generated history: event {id} of task {task}: {rule}")]
    Event {
        /// Which event.
        id: String,
        /// Of which task.
        task: String,
        /// Field, value and rule.
        #[source]
        rule: FieldError,
    },
    /// The log refused a batch.
    #[error("appending a generated history, {appended} events are in the log")]
    Append {
        /// Events of the batches before.
        appended: u64,
        /// Why.
        #[source]
        reason: AppendError,
    },
}

/// Events of a partition that wait for a full record.
#[derive(Default)]
struct Waiting {
    events: Vec<NewEvent>,
    /// Of their payloads.
    bytes: usize,
}

/// Appends events in their order, each at the time when it happened, and returns how many there were. Nobody
/// else should append meanwhile. Memory does not grow with their number.
///
/// # Errors
///
/// [`HistoryError`]: what was appended before stays in the log.
pub async fn append(events: impl Iterator<Item = Event>, log: &dyn EventLog) -> Result<u64, HistoryError> {
    let mut waiting: Vec<Waiting> = PartitionId::all().map(|_| Waiting::default()).collect();
    let mut full: Vec<Batch> = Vec::new();
    let (mut appended, mut last) = (0, None);
    let tenant = TenantId::default_tenant();
    for event in events {
        last = event.occurred_at.max(last);
        let partition = PartitionId::of(tenant.as_str(), event.task.as_str());
        // Partitions are numbered by their place.
        let of_partition = &mut waiting[usize::from(partition.number())];
        let event = encoded(event)?;
        let bytes = of_partition.bytes + event.payload.len();
        if of_partition.events.len() == MAX_RECORD_EVENTS || bytes > BATCH_BYTES {
            full.push(batch(partition, std::mem::take(of_partition).events, last));
        }
        of_partition.bytes += event.payload.len();
        of_partition.events.push(event);
        if full.len() >= TOGETHER {
            appended = flush(log, std::mem::take(&mut full), appended).await?;
        }
    }
    for (partition, Waiting { events, .. }) in PartitionId::all().zip(waiting) {
        if !events.is_empty() {
            full.push(batch(partition, events, last));
        }
    }
    flush(log, full, appended).await
}

fn batch(partition: PartitionId, events: Vec<NewEvent>, recorded_at: Option<Timestamp>) -> Batch {
    Batch { tenant: TenantId::default_tenant(), partition, events, decision: None, recorded_at }
}

async fn flush(log: &dyn EventLog, batches: Vec<Batch>, appended: u64) -> Result<u64, HistoryError> {
    let sizes: Vec<u64> = batches.iter().map(|batch| batch.events.len() as u64).collect();
    let done = log.append_in_order(batches).await;
    let appended = appended + sizes.iter().take(done.receipts.len()).sum::<u64>();
    match done.stopped {
        None => Ok(appended),
        Some(reason) => Err(HistoryError::Append { appended, reason }),
    }
}

fn encoded(event: Event) -> Result<NewEvent, HistoryError> {
    let (id, task) = (event.id.to_string(), event.task.to_string());
    let refused = |rule| HistoryError::Event { id: id.clone(), task: task.clone(), rule };
    let submitted = Submitted::from_event(event).map_err(refused)?;
    let payload = submitted.encode_stored(&submitted.event.body).map_err(refused)?;
    Ok(NewEvent {
        content_hash: ContentHash::of_hash(submitted.content_hash()),
        task: submitted.event.task,
        producer: submitted.event.producer,
        id: submitted.event.id,
        payload,
    })
}
