//! Reading the log: one event by its name, pages of it in order.

use std::time::Duration;

use tollgate_domain::position::Sequence;
use tollgate_log::contract::{EventName, Partitions, ReadError};
use tollgate_log::record::StoredRecord;
use tollgate_wire::api::LogPage;
use tollgate_wire::{DecodedEvent, Place, decode_stored};

use super::Ledger;
use crate::problem::{Answer, INTERNAL, of_read};

/// Which part of the log is asked for.
#[derive(Clone, Debug, Default)]
pub struct LogQuery {
    /// Records after this one.
    pub after: u64,
    /// Only events of this task.
    pub task: Option<String>,
    /// Only events of this tenant.
    pub tenant: Option<String>,
    /// Events at most; a record is never split, so there may be a few more.
    pub limit: usize,
    /// How long to wait for something new at the end of the log.
    pub wait: Duration,
}

impl Ledger {
    /// The recorded event under a name, with the sequence of its record.
    pub(super) async fn recorded(&self, name: EventName) -> Answer<Option<(Sequence, DecodedEvent)>> {
        let found = self.log.find(vec![name.clone()]).await.map_err(|error| of_read(&error))?;
        let Some(Some(found)) = found.first().copied() else { return Ok(None) };
        let stored = self.record_at(found.sequence).await.map_err(|error| of_read(&error))?;
        let (task, producer, id) = (name.task.as_str(), name.producer.as_str(), name.id.as_str());
        let frame = stored
            .record
            .events()
            .find(|event| (event.task, event.producer, event.id) == (task, producer, id));
        let Some(frame) = frame else {
            return Err(INTERNAL.with(format!(
                "record {} does not hold event `{id}`, as the id index says",
                found.sequence
            )));
        };
        let decoded = decode_stored(frame.payload).map_err(|error| INTERNAL.with(error.to_string()))?;
        Ok(Some((found.sequence, decoded)))
    }

    async fn record_at(&self, sequence: Sequence) -> Result<StoredRecord, ReadError> {
        let mut reader = self.log.read_from(Partitions::ALL, sequence.previous()).await?;
        let records = reader.try_next().await?;
        records.into_iter().find(|stored| stored.sequence == sequence).ok_or_else(|| ReadError::Damaged {
            path: "the log".to_owned(),
            offset: 0,
            sequence,
            what: "the id index names this record, and it is not there".to_owned(),
        })
    }

    /// A page of the log.
    ///
    /// # Errors
    ///
    /// The problem to answer with.
    pub async fn log_page(&self, query: &LogQuery) -> Answer<LogPage> {
        let failed = |error: ReadError| of_read(&error);
        let mut reader = self.log.read_from(Partitions::ALL, Sequence(query.after)).await.map_err(failed)?;
        let mut page = LogPage { events: Vec::new(), last: query.after, tail: 0 };
        let mut waited = query.wait.is_zero();
        while page.events.len() < query.limit {
            let mut records = reader.try_next().await.map_err(failed)?;
            if records.is_empty() && page.events.is_empty() && !waited {
                waited = true;
                // Nothing within the time: an empty page.
                if let Some(more) = self.wait_up_to(query.wait, reader.next()).await {
                    records = more.map_err(failed)?;
                }
            }
            if records.is_empty() {
                break;
            }
            for stored in &records {
                if page.events.len() >= query.limit {
                    break;
                }
                page.last = stored.sequence.0;
                add_events(&mut page, stored, query);
            }
        }
        page.tail = self.log.tail().await.map_err(failed)?.highest().0;
        Ok(page)
    }
}

fn add_events(page: &mut LogPage, stored: &StoredRecord, query: &LogQuery) {
    let record = &stored.record;
    if query.tenant.as_deref().is_some_and(|tenant| tenant != record.tenant()) {
        return;
    }
    for event in record.events() {
        if query.task.as_deref().is_some_and(|task| task != event.task) {
            continue;
        }
        let place = Place {
            sequence: stored.sequence,
            partition: record.partition(),
            recorded_at: record.recorded_at(),
            tenant: record.tenant(),
            task: event.task,
            producer: event.producer,
            id: event.id,
        };
        page.events.push(match decode_stored(event.payload) {
            Ok(decoded) => decoded.to_json(&place),
            // Shown with what is known of it, never left out.
            Err(error) => serde_json::json!({
                "sequence": stored.sequence.0,
                "tenant": record.tenant(),
                "task": event.task,
                "producer": event.producer,
                "id": event.id,
                "unreadable": error.to_string(),
            }),
        });
    }
}
