//! Tollgate's embedded log doing the peers' work, through its public contract.

use std::path::Path;
use std::sync::Arc;

use tollgate_domain::ids::{EventId, ProducerId, TaskId, TenantId};
use tollgate_domain::position::PartitionId;
use tollgate_log::contract::{Batch, Durability, EventLog, NewEvent};
use tollgate_log::embedded::{EmbeddedLog, Options};
use tollgate_log::key::ContentHash;

use crate::work::Event;

/// An open embedded log.
pub(crate) struct Ledger {
    pub(crate) log: Arc<EmbeddedLog>,
}

impl Ledger {
    pub(crate) fn open(dir: &Path) -> Self {
        Self::open_with(dir, Durability::Fsync)
    }

    pub(crate) fn open_with(dir: &Path, durability: Durability) -> Self {
        let options = Options { durability, ..Options::default() };
        let log = EmbeddedLog::open_or_create(&dir.join("tollgate"), options).expect("a log");
        Self { log: Arc::new(log) }
    }

    /// Appends a batch and waits until it is durable. Hashing the content is part of the work.
    pub(crate) async fn append(&self, events: Vec<Event>) {
        let receipt = self.log.append(batch(events)).await.expect("an append");
        assert!(!receipt.outcomes.is_empty());
    }
}

/// A tracker's batch is of one task, so its names are made once.
fn batch(events: Vec<Event>) -> Batch {
    let tenant = TenantId::default_tenant();
    let producer = ProducerId::new("bench").expect("a producer");
    let number = events.first().map_or(0, |event| event.task);
    let task = TaskId::new(format!("task-{number}")).expect("a task id");
    let partition = PartitionId::of(tenant.as_str(), task.as_str());
    let new = |event: Event| NewEvent {
        content_hash: ContentHash::of_hash(blake3::hash(&event.body).into()),
        task: task.clone(),
        producer: producer.clone(),
        id: EventId::new(ulid(&event.id)).expect("an event id"),
        payload: event.body,
    };
    Batch { tenant: tenant.clone(), partition, events: events.into_iter().map(new).collect(), decision: None }
}

/// A 16-byte id as text, in the 26 characters of a ULID.
fn ulid(id: &[u8; 16]) -> String {
    const DIGITS: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";
    let mut number = u128::from_be_bytes(*id);
    let mut text = vec![0; 26];
    for place in text.iter_mut().rev() {
        *place = DIGITS[(number & 31) as usize];
        number >>= 5;
    }
    String::from_utf8(text).expect("digits are ASCII")
}
