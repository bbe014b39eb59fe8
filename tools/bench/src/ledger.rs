//! Tollgate's embedded log doing the peers' work, through its public contract.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tollgate_domain::ids::{EventId, ProducerId, TaskId, TenantId};
use tollgate_domain::position::PartitionId;
use tollgate_log::contract::{AppendOutcome, Batch, EventLog, EventName, NewEvent};
use tollgate_log::embedded::{EmbeddedLog, Options};
use tollgate_log::key::ContentHash;

use crate::driver::Append;
use crate::work::{Event, text};

/// An open embedded log, class `fsync`.
pub(crate) struct Ledger {
    pub(crate) log: Arc<EmbeddedLog>,
    stored: AtomicU64,
}

impl Ledger {
    pub(crate) fn open(dir: &Path) -> Self {
        let log = EmbeddedLog::open_or_create(&dir.join("tollgate"), Options::default()).expect("a log");
        Self { log: Arc::new(log), stored: AtomicU64::new(0) }
    }

    /// The number of events that were new.
    pub(crate) fn stored(&self) -> u64 {
        self.stored.load(Ordering::Relaxed)
    }
}

impl Append for Ledger {
    /// Hashing the content is part of the work.
    async fn append(&self, events: Vec<Event>) {
        let receipt = self.log.append(batch(events)).await.expect("an append");
        let new = receipt.outcomes.iter().filter(|outcome| matches!(outcome, AppendOutcome::Appended(_)));
        self.stored.fetch_add(new.count() as u64, Ordering::Relaxed);
    }
}

/// The name under which an event of the work is in the log.
pub(crate) fn name(event: &Event) -> EventName {
    EventName {
        tenant: TenantId::default_tenant(),
        task: task_id(event.task),
        producer: producer(),
        id: EventId::new(text(&event.id)).expect("an event id"),
    }
}

/// A tracker's batch is about one task, so its names are made once.
pub(crate) fn batch(events: Vec<Event>) -> Batch {
    let tenant = TenantId::default_tenant();
    let producer = producer();
    let task = task_id(events.first().map_or(0, |event| event.task));
    let partition = PartitionId::of(tenant.as_str(), task.as_str());
    let new = |event: Event| NewEvent {
        content_hash: ContentHash::of_hash(blake3::hash(&event.body).into()),
        task: task.clone(),
        producer: producer.clone(),
        id: EventId::new(text(&event.id)).expect("an event id"),
        payload: event.body,
    };
    Batch {
        tenant: tenant.clone(),
        partition,
        events: events.into_iter().map(new).collect(),
        decision: None,
        recorded_at: None,
    }
}

fn producer() -> ProducerId {
    ProducerId::new("bench").expect("a producer")
}

fn task_id(number: u64) -> TaskId {
    TaskId::new(format!("task-{number}")).expect("a task id")
}
