//! Appending: from what was sent to one outcome per event.

use std::collections::btree_map::{self, Entry};
use std::collections::{BTreeMap, HashMap};

use futures_util::stream::{self, StreamExt};
use serde_json::value::RawValue;
use tollgate_domain::event::{AlertEvent, EventBody, UsageEvent};
use tollgate_domain::ids::{TaskId, TenantId};
use tollgate_domain::position::{PartitionId, Position};
use tollgate_log::contract::{Batch, MAX_RECORD_BYTES, MAX_RECORD_EVENTS, NewEvent};
use tollgate_wire::api::Outcome;
use tollgate_wire::{Defaults, FieldError, Submitted, proto};

use super::Writer;
use super::corrections::Corrections;
use super::outcomes::{Appended, Part};
use crate::ledger::own::new_event;
use crate::problem::{INVALID, REFUSED, of_append};

/// The notice in answers while tracking is switched off.
pub(super) const TRACKING_OFF: &str = "tracking is switched off: nothing was recorded";

/// Maximum number of events in one request.
pub const MAX_REQUEST_EVENTS: usize = 500;

/// How many bytes of events a record may hold before their framing; the framing takes less than the
/// remainder.
const ROOM_FOR_EVENTS: usize = MAX_RECORD_BYTES - 16 * 1024;

/// How many records of a request may be on their way into the log at once: those of all partitions, plus some
/// whose task needs a decision.
const AT_ONCE: usize = 32;

/// The most bytes that an event's frame takes in addition to its payload and id.
const FRAME_ROOM: usize = 64;

/// One event of a request, as far as it could be read.
#[derive(Debug)]
pub enum ReadEvent {
    /// It satisfies every rule of the edge.
    Good(Box<Submitted>),
    /// It does not.
    Bad {
        /// Its id, if it has one.
        id: String,
        /// Its tenant and task, if they could be read: that task's other events are refused along with it.
        task: Option<(String, String)>,
        /// What is wrong.
        error: FieldError,
    },
}

impl ReadEvent {
    /// Reads one event of a request in protobuf.
    #[must_use]
    pub fn from_proto(sent: proto::Event, defaults: &Defaults) -> Self {
        let (id, tenant, task) = (sent.id.clone(), sent.tenant.clone(), sent.task.clone());
        match Submitted::from_proto(sent, defaults) {
            Ok(submitted) => Self::Good(Box::new(submitted)),
            Err(error) => {
                let default = || defaults.tenant.clone().unwrap_or_else(TenantId::default_tenant);
                let tenant = if tenant.is_empty() { default().as_str().to_owned() } else { tenant };
                Self::Bad { id, task: (!task.is_empty()).then_some((tenant, task)), error }
            }
        }
    }

    /// Its id; empty if it has none.
    fn id(&self) -> String {
        match self {
            Self::Good(submitted) => submitted.event.id.as_str().to_owned(),
            Self::Bad { id, .. } => id.clone(),
        }
    }

    /// Reads one event of a request.
    #[must_use]
    pub fn from_json(raw: &RawValue, defaults: &Defaults) -> Self {
        match Submitted::from_value(raw, defaults) {
            Ok(submitted) => Self::Good(Box::new(submitted)),
            Err(error) => {
                let fields: serde_json::Value = serde_json::from_str(raw.get()).unwrap_or_default();
                let text = |name: &str| fields.get(name).and_then(|value| value.as_str()).map(str::to_owned);
                let default = || defaults.tenant.clone().unwrap_or_else(TenantId::default_tenant);
                let tenant = text("tenant").unwrap_or_else(|| default().as_str().to_owned());
                let task = text("task").map(|task| (tenant, task));
                Self::Bad { id: text("id").unwrap_or_default(), task, error }
            }
        }
    }
}

/// The indexes in the request of one task's events.
type Groups<'a> = Vec<(TaskOf<'a>, Vec<(usize, &'a ReadEvent)>)>;

/// The tenant and the name of a task; empty if they could not be read.
type TaskOf<'a> = (&'a str, &'a str);

/// Facts on their way into one record, each with its index in the request.
struct Bucket {
    tenant: TenantId,
    partition: PartitionId,
    events: Vec<(usize, NewEvent, Vec<String>)>,
    bytes: usize,
}

/// The facts of a request, grouped by partition.
#[derive(Default)]
struct Buckets {
    filling: BTreeMap<(String, u8), Bucket>,
    full: Vec<Bucket>,
}

impl Writer {
    /// Appends the events of a request: those of one task all or nothing, the tasks independently and
    /// concurrently. On return every event that is answered `appended` or `duplicate` is as durable as the
    /// log says.
    pub async fn append(&self, events: Vec<ReadEvent>) -> Appended {
        self.in_force.record_settings().await;
        let start = Position::start(self.log.epoch().id);
        let mut appended = Appended::unanswered(events.iter().map(ReadEvent::id), start);
        if self.ask.settings().tracking_off() && !events.iter().all(is_of_people) {
            for answer in &mut appended.outcomes {
                answer.outcome = Outcome::Ignored;
                answer.warnings.push(TRACKING_OFF.to_owned());
            }
            self.metrics.appended(&appended.outcomes);
            return appended;
        }
        let correcting = match events.iter().any(is_correction) {
            true => Some(self.correcting.lock().await),
            false => None,
        };
        let (mut buckets, mut deciding) = (Buckets::default(), Vec::new());
        for ((tenant, task), group) in grouped(&events) {
            if let Some(because) = broken_rule(tenant, task, &group) {
                appended.add(refused(&group, &because));
                continue;
            }
            let submitted: Vec<(usize, &Submitted)> = group
                .iter()
                .filter_map(|(place, event)| match event {
                    ReadEvent::Good(submitted) => Some((*place, &**submitted)),
                    ReadEvent::Bad { .. } => None,
                })
                .collect();
            if submitted.iter().any(|(_, event)| event.event.body.is_decision()) {
                deciding.push(submitted);
                continue;
            }
            match self.facts(&submitted).await {
                Ok(bucket) => buckets.extend(bucket),
                Err(part) => appended.add(*part),
            }
        }
        let (mut decided, mut noted) = (Vec::new(), Vec::new());
        for events in deciding {
            decided.push(self.decided(events));
        }
        for bucket in buckets {
            noted.push(self.flush(bucket));
        }
        let decided = stream::iter(decided).buffer_unordered(AT_ONCE);
        let noted = stream::iter(noted).buffer_unordered(AT_ONCE);
        let mut parts: Vec<Part> = stream::select(decided, noted).collect().await;
        // The trouble reported is that of the first event, whichever came back first.
        parts.sort_by_key(Part::first);
        for part in parts {
            appended.add(part);
        }
        drop(correcting);
        self.metrics.appended(&appended.outcomes);
        appended
    }

    /// Completes the facts of one task. If that is impossible: their outcomes.
    async fn facts(&self, events: &[(usize, &Submitted)]) -> Result<Option<Bucket>, Box<Part>> {
        let Some((tenant, task)) = names(events) else { return Ok(None) };
        let settings = self.ask.settings();
        let partition = PartitionId::of(tenant.as_str(), task.as_str());
        let mut bucket = Bucket { tenant, partition, events: Vec::with_capacity(events.len()), bytes: 0 };
        let mut corrections = Corrections::of(events);
        for &(place, submitted) in events {
            let enriched = self.enriched(&settings, submitted, &mut corrections).await;
            let (body, warnings) = enriched.map_err(|problem| {
                let mut part = part_of(events);
                part.fail(problem);
                part
            })?;
            let event = new_event(submitted, &body).map_err(|error| {
                let mut part = part_of(events);
                part.refuse(place, INVALID.code, &error.to_string());
                part
            })?;
            bucket.bytes += size_of(&event);
            bucket.events.push((place, event, warnings));
        }
        Ok(Some(bucket))
    }

    async fn decided(&self, events: Vec<(usize, &Submitted)>) -> Part {
        match self.decide(&events).await {
            Ok(part) => part,
            Err(problem) => {
                let mut part = part_of(&events);
                part.fail(problem);
                *part
            }
        }
    }

    async fn flush(&self, bucket: Bucket) -> Part {
        let ids = bucket.events.iter().map(|(place, event, _)| (*place, event.id.to_string()));
        let mut part = Part::unanswered(ids);
        let (mut places, mut events, mut warnings) = (Vec::new(), Vec::new(), Vec::new());
        for (place, event, warned) in bucket.events {
            places.push(place);
            events.push(event);
            warnings.push(warned);
        }
        let batch = Batch {
            tenant: bucket.tenant,
            partition: bucket.partition,
            events,
            decision: None,
            recorded_at: None,
        };
        match self.log.append(batch).await {
            Ok(receipt) => {
                part.settle(&places, &receipt);
                for (place, warnings) in places.into_iter().zip(warnings) {
                    part.at(place).warnings.extend(warnings);
                }
            }
            Err(error) => part.fail(of_append(&error)),
        }
        part
    }
}

impl Buckets {
    /// Adds the facts of one task to those of their partition, if a record has room for both.
    fn extend(&mut self, bucket: Option<Bucket>) {
        let Some(new) = bucket else { return };
        match self.filling.entry((new.tenant.as_str().to_owned(), new.partition.number())) {
            Entry::Vacant(free) => {
                free.insert(new);
            }
            Entry::Occupied(mut taken) => {
                let filling = taken.get_mut();
                if filling.events.len() + new.events.len() > MAX_RECORD_EVENTS
                    || filling.bytes + new.bytes > ROOM_FOR_EVENTS
                {
                    self.full.push(std::mem::replace(filling, new));
                } else {
                    filling.bytes += new.bytes;
                    filling.events.extend(new.events);
                }
            }
        }
    }
}

impl IntoIterator for Buckets {
    type Item = Bucket;
    type IntoIter = std::iter::Chain<std::vec::IntoIter<Bucket>, btree_map::IntoValues<(String, u8), Bucket>>;

    fn into_iter(self) -> Self::IntoIter {
        self.full.into_iter().chain(self.filling.into_values())
    }
}

fn is_correction(event: &ReadEvent) -> bool {
    matches!(event, ReadEvent::Good(submitted) if matches!(submitted.event.body, EventBody::Usage(UsageEvent::UsageAdjusted(_))))
}

/// Whether it is not tracking but something a person did about an alert.
fn is_of_people(event: &ReadEvent) -> bool {
    let ReadEvent::Good(submitted) = event else { return false };
    matches!(submitted.event.body, EventBody::Alert(AlertEvent::AlertAcknowledged(_)))
}

/// The events of one task, with no outcome yet.
pub(super) fn part_of(events: &[(usize, &Submitted)]) -> Box<Part> {
    let ids = events.iter().map(|(place, submitted)| (*place, submitted.event.id.to_string()));
    Box::new(Part::unanswered(ids))
}

/// The request's events by tenant and task, in the order of their first events. Events whose task cannot be
/// read each form a group without a name.
fn grouped(events: &[ReadEvent]) -> Groups<'_> {
    let mut groups: Groups<'_> = Vec::new();
    let mut places: HashMap<TaskOf<'_>, usize> = HashMap::new();
    for (place, event) in events.iter().enumerate() {
        let name = match event {
            ReadEvent::Good(submitted) => {
                let event = &submitted.event;
                (event.tenant.as_str(), event.task.as_str())
            }
            ReadEvent::Bad { task: Some((tenant, task)), .. } => (tenant.as_str(), task.as_str()),
            ReadEvent::Bad { task: None, .. } => {
                groups.push((TaskOf::default(), vec![(place, event)]));
                continue;
            }
        };
        let at = *places.entry(name).or_insert_with(|| {
            groups.push((name, Vec::new()));
            groups.len() - 1
        });
        groups[at].1.push((place, event));
    }
    groups
}

/// The event that keeps its task's events out, with code and reason.
struct Guilty {
    place: usize,
    code: &'static str,
    detail: String,
}

fn broken_rule(tenant: &str, task: &str, group: &[(usize, &ReadEvent)]) -> Option<Guilty> {
    let bad = group.iter().find_map(|(place, event)| match event {
        ReadEvent::Good(_) => None,
        ReadEvent::Bad { error, .. } => {
            Some(Guilty { place: *place, code: INVALID.code, detail: error.to_string() })
        }
    });
    if bad.is_some() {
        return bad;
    }
    let bytes: usize = group
        .iter()
        .map(|(_, event)| match event {
            ReadEvent::Good(submitted) => {
                submitted.content().len() + submitted.event.id.as_str().len() + FRAME_ROOM
            }
            ReadEvent::Bad { .. } => 0,
        })
        .sum();
    let last = group.last()?.0;
    let too_many = group.len() > MAX_RECORD_EVENTS || bytes > ROOM_FOR_EVENTS;
    too_many.then(|| Guilty {
        place: last,
        code: REFUSED.code,
        detail: format!(
            "{} events of task `{task}` of tenant `{tenant}` with {bytes} bytes: events of one task in one request are appended \
             together, at most {MAX_RECORD_EVENTS} events and {ROOM_FOR_EVENTS} bytes; send them in several requests",
            group.len()
        ),
    })
}

fn refused(group: &[(usize, &ReadEvent)], because: &Guilty) -> Part {
    let mut part = Part::unanswered(group.iter().map(|(place, event)| (*place, event.id())));
    part.refuse(because.place, because.code, &because.detail);
    // Each bad event has its own reason.
    for (place, event) in group {
        if let ReadEvent::Bad { error, .. } = event {
            let answer = part.at(*place);
            (answer.code, answer.detail) = (Some(INVALID.code.to_owned()), Some(error.to_string()));
        }
    }
    part
}

fn size_of(event: &NewEvent) -> usize {
    event.payload.len() + event.id.as_str().len() + FRAME_ROOM
}

/// The task of a group, for the log.
pub(super) fn names(events: &[(usize, &Submitted)]) -> Option<(TenantId, TaskId)> {
    let event = &events.first()?.1.event;
    Some((event.tenant.clone(), event.task.clone()))
}
