//! Usage as it was recorded, read from the log from its end.

use std::collections::BTreeMap;
use std::sync::Arc;

use tollgate_domain::budget::{Dimension, Scope};
use tollgate_domain::event::{EventBody, RecordedEvent, UsageEvent};
use tollgate_domain::ids::{EventId, ProducerId, TaskId, TenantId};
use tollgate_domain::position::{PartitionId, Sequence};
use tollgate_domain::time::Timestamp;
use tollgate_domain::usage::{Cost, NamedExecution, UsageRepriced};
use tollgate_log::contract::{DedupScope, EventName, Partitions};
use tollgate_log::record::StoredRecord;
use tollgate_projection::report::{token_totals, unit_totals};
use tollgate_projection::spending::{Counted, counted};
use tollgate_wire::api::{UsageList, UsageRecord};
use tollgate_wire::decode_stored;

use super::Queries;
use crate::asked::time_in;
use crate::problem::{Answer, INVALID, of_read};

/// The most events that are looked at for one page: a page that finds little ends there, and the next one goes on.
const LOOKED_AT: usize = 50_000;

/// The fewest and the most records that are read at once, and the bytes of events that they should have.
const BLOCK: std::ops::RangeInclusive<u64> = 16..=4_096;
const BLOCK_BYTES: usize = 1 << 20;

/// How many blocks are read for a page at most: those of one task may be few and far between.
const BLOCKS: usize = 256;

/// Which usage to list.
#[derive(Clone, Debug, Default)]
pub struct UsageQuery {
    /// Owner of the tasks.
    pub tenant: String,
    /// Only usage of this scope.
    pub scope: Scope,
    /// Only usage of this allocation.
    pub allocation: Option<String>,
    /// Only usage that happened at or after this time, or day of the config's zone.
    pub since: Option<String>,
    /// Only usage that happened before this time, or day.
    pub until: Option<String>,
    /// Only usage recorded before: the `next` of the previous page.
    pub before: Option<String>,
    /// The most records to return.
    pub limit: usize,
}

/// The same, validated.
struct Wanted {
    tenant: String,
    scope: Scope,
    allocation: Option<String>,
    since: Option<Timestamp>,
    until: Option<Timestamp>,
    limit: usize,
}

/// A place in the log: an event of a record. Pages go backwards from there, without it.
#[derive(Clone, Copy)]
struct Place {
    record: u64,
    event: usize,
}

/// A page under construction.
struct Page {
    records: Vec<UsageRecord>,
    unreadable: u64,
    looked_at: usize,
    /// Where the next page begins, if this one is full or has looked at enough.
    ends: Option<Place>,
}

impl Queries {
    /// Usage and corrections, the latest record first.
    ///
    /// # Errors
    ///
    /// The problem to answer with.
    pub async fn usage_records(&self, query: &UsageQuery) -> Answer<UsageList> {
        let zone = self.settings().config.reports.time_zone.clone();
        let time = |field: &str, text: &Option<String>| {
            text.as_deref().map(|text| time_in(field, text, &zone)).transpose()
        };
        let wanted = Arc::new(Wanted {
            tenant: query.tenant.clone(),
            scope: query.scope.clone(),
            allocation: query.allocation.clone(),
            since: time("since", &query.since)?,
            until: time("until", &query.until)?,
            limit: query.limit,
        });
        let tail = self.log.tail().await.map_err(|error| of_read(&error))?;
        let end = Place { record: tail.highest().0.saturating_add(1), event: 0 };
        let mut place = match &query.before {
            Some(text) => Place::read(text)?.within(end),
            None => end,
        };
        let partitions = match wanted.scope.get(&Dimension::Task) {
            Some(task) => Partitions::only(PartitionId::of(&wanted.tenant, task)),
            None => Partitions::ALL,
        };
        let mut page = Page { records: Vec::new(), unreadable: 0, looked_at: 0, ends: None };
        let (mut many, mut blocks) = (*BLOCK.start(), 0);
        while let Some(last) = place.last_record()
            && page.ends.is_none()
        {
            let first = last.saturating_sub(many - 1).max(1);
            let block = self.block(partitions, first, last).await?;
            let bytes: usize =
                block.iter().flat_map(|stored| stored.record.events()).map(|event| event.payload.len()).sum();
            let wanted = Arc::clone(&wanted);
            page = self.make(move || page.with(&block, place, &wanted)).await?;
            place = Place { record: first, event: 0 };
            blocks += 1;
            if blocks >= BLOCKS && page.ends.is_none() {
                page.ends = Some(place);
            }
            many = if bytes < BLOCK_BYTES { many * 4 } else { many / 4 }.clamp(*BLOCK.start(), *BLOCK.end());
        }
        let next = page.ends.filter(|ends| ends.last_record().is_some()).map(Place::written);
        let records = self.without_late_duplicates(&query.tenant, page.records).await?;
        Ok(UsageList { as_of: tail.to_string(), records, next, unreadable: page.unreadable })
    }

    /// The records from one to another, both included.
    async fn block(&self, partitions: Partitions, first: u64, last: u64) -> Answer<Vec<StoredRecord>> {
        let read = self.log.read_unchained(partitions, Sequence(first - 1)).await;
        let mut reader = read.map_err(|error| of_read(&error))?;
        let mut block = Vec::new();
        loop {
            let records = reader.try_next().await.map_err(|error| of_read(&error))?;
            let ends = records.last().is_none_or(|stored| stored.sequence.0 >= last);
            block.extend(records.into_iter().filter(|stored| stored.sequence.0 <= last));
            if ends {
                return Ok(block);
            }
        }
    }

    /// Leaves out what stands in the log a second time, on logs where that can be: views count it once.
    async fn without_late_duplicates(
        &self,
        tenant: &str,
        records: Vec<UsageRecord>,
    ) -> Answer<Vec<UsageRecord>> {
        if self.log.dedup() == DedupScope::Life {
            return Ok(records);
        }
        let mut by_task: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
        for (nth, record) in records.iter().enumerate() {
            by_task.entry(&record.task).or_default().push(nth);
        }
        let mut stays = vec![true; records.len()];
        for (task, places) in by_task {
            let name = |nth: &usize| {
                Some(EventName {
                    tenant: TenantId::new(tenant).ok()?,
                    task: TaskId::new(task).ok()?,
                    producer: ProducerId::new(records[*nth].producer.as_str()).ok()?,
                    id: EventId::new(records[*nth].id.as_str()).ok()?,
                })
            };
            let Some(names) = places.iter().map(name).collect::<Option<Vec<_>>>() else { continue };
            for (nth, found) in places.into_iter().zip(self.find(names).await?) {
                stays[nth] = found.is_none_or(|found| found.sequence.0 == records[nth].sequence);
            }
        }
        let mut stays = stays.into_iter();
        Ok(records.into_iter().filter(|_| stays.next() == Some(true)).collect())
    }
}

impl Place {
    /// The last record before it, or its own if events of it come before; `None`: it is the beginning.
    fn last_record(self) -> Option<u64> {
        let last = if self.event > 0 { self.record } else { self.record.saturating_sub(1) };
        (last > 0).then_some(last)
    }

    /// This place, or the end of the log if it is beyond that.
    const fn within(self, end: Self) -> Self {
        if self.record > end.record { end } else { self }
    }

    fn written(self) -> String {
        format!("{}.{}", self.record, self.event)
    }

    fn read(text: &str) -> Answer<Self> {
        let read = text.split_once('.').and_then(|(record, event)| {
            Some(Self { record: record.parse().ok()?, event: event.parse().ok()? })
        });
        read.ok_or_else(|| INVALID.of_field("before", text, "must be the `next` of a page of usage"))
    }
}

impl Page {
    /// Adds what is wanted of a block of records, from a place backwards.
    fn with(mut self, block: &[StoredRecord], before: Place, wanted: &Wanted) -> Self {
        for stored in block.iter().rev() {
            let record = stored.sequence.0;
            if self.looked_at >= LOOKED_AT {
                self.ends = Some(Place { record: record.saturating_add(1), event: 0 });
                return self;
            }
            let all: Vec<_> = stored.record.events().collect();
            let many = if record == before.record { before.event.min(all.len()) } else { all.len() };
            self.looked_at += all.len();
            if stored.record.tenant() != wanted.tenant {
                continue;
            }
            for (event, frame) in all[..many].iter().enumerate().rev() {
                let decoded = match decode_stored(frame.payload) {
                    Ok(decoded) => decoded,
                    Err(_) => {
                        self.unreadable += 1;
                        continue;
                    }
                };
                let recorded_at = stored.record.recorded_at();
                let said = RecordedEvent {
                    sequence: stored.sequence,
                    partition: stored.record.partition(),
                    recorded_at,
                    tenant: stored.record.tenant(),
                    task: frame.task,
                    producer: frame.producer,
                    id: frame.id,
                    occurred_at: decoded.occurred_at.unwrap_or(recorded_at),
                    body: &decoded.body,
                };
                let Some(usage) = counted(&said).filter(|usage| wanted.has(&said, usage)) else { continue };
                self.records.push(written(&said, &usage));
                if self.records.len() >= wanted.limit {
                    self.ends = Some(Place { record, event });
                    return self;
                }
            }
        }
        self
    }
}

impl Wanted {
    fn has(&self, event: &RecordedEvent<'_>, usage: &Counted<'_>) -> bool {
        let at = event.occurred_at;
        self.since.is_none_or(|since| since <= at)
            && self.until.is_none_or(|until| at < until)
            && self.allocation.as_deref().is_none_or(|wanted| usage.allocation == Some(wanted))
            && self.scope.contains(&usage.dimensions)
    }
}

/// What another price adds to the cost so far.
fn difference(priced: &UsageRepriced) -> Cost {
    match &priced.new {
        Cost::Priced { price_version, .. } => {
            Cost::Priced { usd: priced.difference(), price_version: price_version.clone() }
        }
        Cost::Unpriced => Cost::Unpriced,
    }
}

fn written(event: &RecordedEvent<'_>, usage: &Counted<'_>) -> UsageRecord {
    let unphased: (Option<&NamedExecution>, _, _, _) = (None, false, &Cost::Unpriced, None);
    let added;
    let (execution, estimated, cost, adjusts) = match event.body {
        EventBody::Usage(UsageEvent::UsageRepriced(priced)) => {
            added = difference(priced);
            (priced.execution.as_ref(), false, &added, Some(priced.adjusts.clone()))
        }
        EventBody::Usage(UsageEvent::UsageRecorded(usage)) => {
            (usage.execution.as_ref(), usage.estimated, &usage.cost, None)
        }
        EventBody::Usage(UsageEvent::UsageAdjusted(adjusted)) => {
            let found = adjusted.resolved.as_ref();
            let execution = found.and_then(|found| found.execution.as_ref());
            (
                execution,
                false,
                found.map_or(&Cost::Unpriced, |found| &found.cost),
                Some(adjusted.adjusts.clone()),
            )
        }
        EventBody::Usage(
            UsageEvent::WaitRecorded(_) | UsageEvent::SignalRecorded(_) | UsageEvent::PhaseExplained(_),
        )
        | EventBody::Task(_)
        | EventBody::Gate(_)
        | EventBody::Ledger(_)
        | EventBody::Alert(_)
        | EventBody::Inbox(_)
        | EventBody::Price(_)
        | EventBody::Budget(_)
        | EventBody::Bill(_)
        | EventBody::Key(_)
        | EventBody::Report(_) => unphased,
    };
    let (cost_usd, price_version) = match cost {
        Cost::Priced { usd, price_version } => (Some(usd.to_string()), Some(price_version.clone())),
        Cost::Unpriced => (None, None),
    };
    let given = |text: Option<&str>| text.map(str::to_owned);
    let said =
        if let EventBody::Usage(UsageEvent::UsageRecorded(usage)) = event.body { Some(usage) } else { None };
    let mut labels = usage.dimensions.labels.clone();
    // What its allocation says is added to what it says itself, notes included.
    labels.extend(said.into_iter().flat_map(|usage| usage.labels.clone()));
    UsageRecord {
        sequence: event.sequence.0,
        occurred_at: event.occurred_at.to_string(),
        recorded_at: event.recorded_at.to_string(),
        task: event.task.to_owned(),
        producer: event.producer.to_owned(),
        id: event.id.to_owned(),
        adjusts,
        phase: given(usage.dimensions.phase),
        attempt: execution.and_then(|execution| execution.attempt),
        component: given(usage.dimensions.component),
        provider: given(usage.dimensions.provider),
        model: given(usage.dimensions.model),
        allocation: given(usage.allocation),
        context: said.and_then(|usage| usage.context.clone()),
        request_id: said.and_then(|usage| usage.request_id.clone()),
        labels,
        tokens: token_totals(&usage.sums.tokens),
        units: unit_totals(&usage.sums.spent.units),
        estimated,
        cost_usd,
        price_version,
    }
}
