//! Reading the log: one event by its name, pages of it in order.

use std::time::Duration;

use tollgate_domain::position::{PartitionId, Sequence};
use tollgate_log::contract::{DedupScope, EventName, Found, Partitions, ReadError};
use tollgate_log::record::{Record, StoredRecord};
use tollgate_projector::Wait;
use tollgate_projector::queries::FindEvents;
use tollgate_wire::api::LogPage;
use tollgate_wire::{DecodedEvent, Place, decode_stored};

use super::Queries;
use crate::problem::{Answer, INTERNAL, of_query, of_read};

/// How long to wait for a projector's id index.
const FIND_WAIT: Duration = Duration::from_secs(5);

/// Which part of the log to return.
#[derive(Clone, Debug, Default)]
pub struct LogQuery {
    /// Records after this one.
    pub after: u64,
    /// Only events of this task.
    pub task: Option<String>,
    /// Only events of this tenant.
    pub tenant: Option<String>,
    /// Maximum number of events; a record is never split, so there may be a few more.
    pub limit: usize,
    /// How long to wait for something new at the end of the log.
    pub wait: Duration,
}

impl Queries {
    /// What the log has under these names, all of one task. If the log itself only knows them within a
    /// window, the projector of the task's partition is asked: its id index knows them for life.
    pub(in crate::ledger) async fn find(&self, names: Vec<EventName>) -> Answer<Vec<Option<Found>>> {
        self.find_within(names, FIND_WAIT).await
    }

    /// Like [`Self::find`], but waits for the projector no longer than this.
    pub(in crate::ledger) async fn find_within(
        &self,
        names: Vec<EventName>,
        up_to: Duration,
    ) -> Answer<Vec<Option<Found>>> {
        let mut found = self.log.find(names.clone()).await.map_err(|error| of_read(&error))?;
        if self.log.dedup() == DedupScope::Life || found.iter().all(Option::is_some) {
            return Ok(found);
        }
        let (Some(query), Some(first)) = (FindEvents::of(&names), names.first()) else { return Ok(found) };
        let partition = PartitionId::of(first.tenant.as_str(), first.task.as_str());
        let tail = self.log.tail().await.map_err(|error| of_read(&error))?;
        let wait = Wait { at_least: Some(&tail.only(partition)), up_to };
        let asked = self.status.ask(partition, wait, &query).await;
        let indexed = asked.map_err(|error| of_query(&error))?.answer;
        for (found, indexed) in found.iter_mut().zip(indexed) {
            *found = found.or(indexed.map(Found::from));
        }
        Ok(found)
    }

    /// The recorded event under a name, with the sequence of its record. If its producer did not say when it occurred,
    /// it occurred when it was recorded, as in every view.
    pub(in crate::ledger) async fn recorded(
        &self,
        name: EventName,
    ) -> Answer<Option<(Sequence, DecodedEvent)>> {
        let found = self.find(vec![name.clone()]).await?;
        let Some(Some(found)) = found.first().copied() else { return Ok(None) };
        let record = self.record_at(found.sequence).await.map_err(|error| of_read(&error))?;
        let mut event = decoded(&record, &name, found.sequence)?;
        event.occurred_at.get_or_insert_with(|| record.recorded_at());
        Ok(Some((found.sequence, event)))
    }

    /// The recorded events under these names, which are all of one task.
    ///
    /// # Errors
    ///
    /// The problem to answer with.
    pub async fn find_events(&self, names: Vec<EventName>) -> Answer<Vec<Option<serde_json::Value>>> {
        let found = self.find(names.clone()).await?;
        let mut events = Vec::with_capacity(names.len());
        // Neighbours often belong to one record.
        let mut latest: Option<(Sequence, Record)> = None;
        for (name, found) in names.iter().zip(found) {
            let Some(found) = found else {
                events.push(None);
                continue;
            };
            let sequence = found.sequence;
            let record = match latest.take() {
                Some((at, record)) if at == sequence => record,
                _ => self.record_at(sequence).await.map_err(|error| of_read(&error))?,
            };
            let decoded = decoded(&record, name, sequence)?;
            let place = Place {
                sequence,
                partition: record.partition(),
                recorded_at: record.recorded_at(),
                tenant: record.tenant(),
                task: name.task.as_str(),
                producer: name.producer.as_str(),
                id: name.id.as_str(),
            };
            events.push(Some(decoded.to_json(&place)));
            latest = Some((sequence, record));
        }
        Ok(events)
    }

    /// The event of this name in this record.
    pub(in crate::ledger) async fn event_at(
        &self,
        name: &EventName,
        sequence: Sequence,
    ) -> Answer<DecodedEvent> {
        let record = self.record_at(sequence).await.map_err(|error| of_read(&error))?;
        decoded(&record, name, sequence)
    }

    async fn record_at(&self, sequence: Sequence) -> Result<Record, ReadError> {
        self.log.record_at(sequence).await?.ok_or_else(|| ReadError::Damaged {
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
        let read = self.log.read_unchained(Partitions::ALL, Sequence(query.after)).await;
        let mut reader = read.map_err(failed)?;
        let mut page = LogPage { events: Vec::new(), last: query.after, tail: 0 };
        let mut waited = query.wait.is_zero();
        while page.events.len() < query.limit {
            let mut records = reader.try_next().await.map_err(failed)?;
            if records.is_empty() && page.events.is_empty() && !waited {
                waited = true;
                // Nothing arrived in time: an empty page.
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

fn decoded(record: &Record, name: &EventName, sequence: Sequence) -> Answer<DecodedEvent> {
    let (task, producer, id) = (name.task.as_str(), name.producer.as_str(), name.id.as_str());
    let frame = record.events().find(|event| (event.task, event.producer, event.id) == (task, producer, id));
    let Some(frame) = frame else {
        let said = format!("record {sequence} does not hold event `{id}`, as the id index says");
        return Err(INTERNAL.with(said));
    };
    decode_stored(frame.payload).map_err(|error| INTERNAL.with(error.to_string()))
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
            // It is shown with what is known about it, never left out.
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
