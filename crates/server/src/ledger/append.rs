//! Appending: from what was sent to one outcome per event.

use std::collections::{BTreeMap, HashMap};

use tollgate_domain::event::EventBody;
use tollgate_domain::ids::{TaskId, TenantId};
use tollgate_domain::position::{PartitionId, Position};
use tollgate_log::contract::{
    AppendError, AppendOutcome, Batch, MAX_RECORD_BYTES, MAX_RECORD_EVENTS, NewEvent, Receipt,
};
use tollgate_wire::api::{EventOutcome, Outcome, Problem};
use tollgate_wire::{Defaults, FieldError, Submitted, proto};

use super::Ledger;
use super::corrections::Corrections;
use super::facts::new_event;
use crate::problem::{Answer, CONFLICT, INVALID, REFUSED, kind_of_append};

/// What answers say while tracking is switched off.
pub(super) const TRACKING_OFF: &str = "tracking is switched off: nothing was recorded";

/// Most events of one request.
pub const MAX_REQUEST_EVENTS: usize = 500;

/// What a record may hold of events before their frame; the frame takes less than the rest.
const ROOM_FOR_EVENTS: usize = MAX_RECORD_BYTES - 16 * 1024;

/// Bytes that an event's frame takes beside its payload and id, at most.
const FRAME_ROOM: usize = 64;

/// One event of a request, as far as it could be read.
#[derive(Debug)]
pub enum ReadEvent {
    /// It keeps every rule of the edge.
    Good(Box<Submitted>),
    /// It does not.
    Bad {
        /// Its id, if it has one.
        id: String,
        /// Its tenant and task, if they could be read: that task's other events are refused with it.
        task: Option<(String, String)>,
        /// What is wrong.
        error: FieldError,
    },
}

/// What became of a request's events.
#[derive(Debug)]
pub struct Appended {
    /// One outcome per event, in their order.
    pub outcomes: Vec<EventOutcome>,
    /// Covers every event that is in the log.
    pub position: Position,
    /// The first thing that kept events out of the log without being their fault.
    pub trouble: Option<Box<Problem>>,
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

    /// Reads one event of a request.
    #[must_use]
    pub fn from_json(raw: &str, defaults: &Defaults) -> Self {
        match Submitted::from_json(raw, defaults) {
            Ok(submitted) => Self::Good(Box::new(submitted)),
            Err(error) => {
                let fields: serde_json::Value = serde_json::from_str(raw).unwrap_or_default();
                let text = |name: &str| fields.get(name).and_then(|value| value.as_str()).map(str::to_owned);
                let default = || defaults.tenant.clone().unwrap_or_else(TenantId::default_tenant);
                let tenant = text("tenant").unwrap_or_else(|| default().as_str().to_owned());
                let task = text("task").map(|task| (tenant, task));
                Self::Bad { id: text("id").unwrap_or_default(), task, error }
            }
        }
    }
}

/// Where events of one task stand in the request.
type Groups<'a> = Vec<((String, String), Vec<(usize, &'a ReadEvent)>)>;

/// Facts on their way into one record, each with its place in the request.
struct Bucket {
    tenant: TenantId,
    partition: PartitionId,
    events: Vec<(usize, NewEvent, Vec<String>)>,
    bytes: usize,
}

impl Ledger {
    /// Appends the events of a request: those of one task together or not at all, tasks independent of each other.
    /// On return every event that is answered `appended` or `duplicate` is as durable as the log says.
    pub async fn append(&self, events: Vec<ReadEvent>) -> Appended {
        self.record_settings().await;
        let mut appended = Appended {
            outcomes: events.iter().map(unanswered).collect(),
            position: Position::start(self.log.epoch().id),
            trouble: None,
        };
        if self.settings().tracking_off() && !events.iter().all(is_of_people) {
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
        let mut buckets: BTreeMap<(String, u8), Bucket> = BTreeMap::new();
        for ((tenant, task), group) in grouped(&events) {
            if let Some(because) = broken_rule(&tenant, &task, &group) {
                refuse(&mut appended, &group, &because);
                continue;
            }
            let submitted: Vec<(usize, &Submitted)> = group
                .iter()
                .filter_map(|(place, event)| match event {
                    ReadEvent::Good(submitted) => Some((*place, &**submitted)),
                    ReadEvent::Bad { .. } => None,
                })
                .collect();
            let done = if submitted.iter().any(|(_, event)| event.event.body.is_decision()) {
                self.decide(&mut appended, &submitted).await
            } else {
                self.collect(&mut appended, &mut buckets, &submitted).await
            };
            if let Err(problem) = done {
                trouble(&mut appended, submitted.iter().map(|(place, _)| *place), problem);
            }
        }
        for (_, bucket) in buckets {
            self.flush(&mut appended, bucket).await;
        }
        drop(correcting);
        self.metrics.appended(&appended.outcomes);
        appended
    }

    /// Puts the facts of one task into the bucket of their partition; a full one is appended first.
    async fn collect(
        &self,
        appended: &mut Appended,
        buckets: &mut BTreeMap<(String, u8), Bucket>,
        events: &[(usize, &Submitted)],
    ) -> Answer<()> {
        let settings = self.settings();
        let mut new = Vec::with_capacity(events.len());
        let mut corrections = Corrections::of(events);
        for &(place, submitted) in events {
            let (body, warnings) = self.enriched(&settings, submitted, &mut corrections).await?;
            match new_event(submitted, &body) {
                Ok(event) => new.push((place, event, warnings)),
                Err(error) => {
                    let group: Vec<usize> = events.iter().map(|(place, _)| *place).collect();
                    refuse_places(appended, &group, place, INVALID.code, &error.to_string());
                    return Ok(());
                }
            }
        }
        let Some((_, first)) = events.first() else { return Ok(()) };
        let (tenant, task) = (&first.event.tenant, &first.event.task);
        let partition = PartitionId::of(tenant.as_str(), task.as_str());
        let key = (tenant.as_str().to_owned(), partition.number());
        let bytes: usize = new.iter().map(|(_, event, _)| size_of(event)).sum();
        if let Some(full) = buckets.get(&key)
            && (full.events.len() + new.len() > MAX_RECORD_EVENTS || full.bytes + bytes > ROOM_FOR_EVENTS)
            && let Some(full) = buckets.remove(&key)
        {
            self.flush(appended, full).await;
        }
        let bucket = buckets.entry(key).or_insert_with(|| Bucket {
            tenant: tenant.clone(),
            partition,
            events: Vec::new(),
            bytes: 0,
        });
        bucket.events.extend(new);
        bucket.bytes += bytes;
        Ok(())
    }

    async fn flush(&self, appended: &mut Appended, bucket: Bucket) {
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
                take(appended, &places, &receipt);
                for (place, warnings) in places.iter().zip(warnings) {
                    appended.outcomes[*place].warnings.extend(warnings);
                }
            }
            Err(error) => trouble(appended, places.into_iter(), of_append(&error)),
        }
    }
}

/// Notes what the log answered for the events at these places.
pub(super) fn take(appended: &mut Appended, places: &[usize], receipt: &Receipt) {
    appended.position.merge(&receipt.position);
    for (place, outcome) in places.iter().zip(&receipt.outcomes) {
        let because = match outcome {
            AppendOutcome::Refused { because } => {
                places.get(*because).map(|place| appended.outcomes[*place].id.clone())
            }
            AppendOutcome::Appended(_) | AppendOutcome::Duplicate(_) | AppendOutcome::Conflict(_) => None,
        };
        let answer = &mut appended.outcomes[*place];
        match outcome {
            AppendOutcome::Appended(sequence) => {
                (answer.outcome, answer.sequence) = (Outcome::Appended, Some(sequence.0));
            }
            AppendOutcome::Duplicate(sequence) => {
                (answer.outcome, answer.sequence) = (Outcome::Duplicate, Some(sequence.0));
            }
            AppendOutcome::Conflict(sequence) => {
                (answer.outcome, answer.sequence) = (Outcome::Conflict, Some(sequence.0));
                answer.code = Some(CONFLICT.code.to_owned());
                answer.detail = Some(format!(
                    "event id `{}` is taken, with other content, by record {sequence}: a retry must resend the very same content, \
                     another event needs an id of its own",
                    answer.id
                ));
            }
            AppendOutcome::Refused { .. } => {
                answer.code = Some("refused_with".to_owned());
                let because = because.unwrap_or_default();
                answer.detail = Some(format!(
                    "event `{because}` of the same task is in conflict, so none of the task's events was appended"
                ));
            }
        }
    }
}

/// Refuses all events of a task because of one of them.
pub(super) fn refuse_places(
    appended: &mut Appended,
    group: &[usize],
    guilty: usize,
    code: &str,
    detail: &str,
) {
    let id = appended.outcomes[guilty].id.clone();
    for &place in group {
        let answer = &mut appended.outcomes[place];
        answer.outcome = Outcome::Refused;
        if place == guilty {
            (answer.code, answer.detail) = (Some(code.to_owned()), Some(detail.to_owned()));
        } else {
            answer.code = Some("refused_with".to_owned());
            answer.detail = Some(format!(
                "event `{id}` of the same task was refused, so none of the task's events was appended"
            ));
        }
    }
}

fn is_correction(event: &ReadEvent) -> bool {
    matches!(event, ReadEvent::Good(submitted) if matches!(submitted.event.body, EventBody::UsageAdjusted(_)))
}

/// Whether it is no tracking but what a person did about an alert.
fn is_of_people(event: &ReadEvent) -> bool {
    let ReadEvent::Good(submitted) = event else { return false };
    matches!(submitted.event.body, EventBody::AlertAcknowledged(_))
}

/// A failed append as a problem.
pub(super) fn of_append(error: &AppendError) -> Box<Problem> {
    kind_of_append(error).with(error.to_string())
}

/// Notes what kept these events out of the log without being their fault.
fn trouble(appended: &mut Appended, places: impl Iterator<Item = usize>, problem: Box<Problem>) {
    for place in places {
        let answer = &mut appended.outcomes[place];
        answer.outcome = Outcome::Refused;
        (answer.code, answer.detail) = (Some(problem.code.clone()), Some(problem.detail.clone()));
    }
    appended.trouble.get_or_insert(problem);
}

fn unanswered(event: &ReadEvent) -> EventOutcome {
    let id = match event {
        ReadEvent::Good(submitted) => submitted.event.id.as_str().to_owned(),
        ReadEvent::Bad { id, .. } => id.clone(),
    };
    EventOutcome {
        id,
        outcome: Outcome::Refused,
        sequence: None,
        code: None,
        detail: None,
        attempt: None,
        warnings: Vec::new(),
    }
}

/// The request's events by tenant and task, in the order of their first events. Events whose task cannot be read stand
/// alone, under no name.
fn grouped(events: &[ReadEvent]) -> Groups<'_> {
    let mut groups: Groups<'_> = Vec::new();
    let mut places: HashMap<(String, String), usize> = HashMap::new();
    for (place, event) in events.iter().enumerate() {
        let name = match event {
            ReadEvent::Good(submitted) => {
                let event = &submitted.event;
                (event.tenant.as_str().to_owned(), event.task.as_str().to_owned())
            }
            ReadEvent::Bad { task: Some(name), .. } => name.clone(),
            ReadEvent::Bad { task: None, .. } => {
                groups.push((<(String, String)>::default(), vec![(place, event)]));
                continue;
            }
        };
        let at = *places.entry(name.clone()).or_insert_with(|| {
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

fn refuse(appended: &mut Appended, group: &[(usize, &ReadEvent)], because: &Guilty) {
    let places: Vec<usize> = group.iter().map(|(place, _)| *place).collect();
    refuse_places(appended, &places, because.place, because.code, &because.detail);
    // Each bad event has its own reason.
    for (place, event) in group {
        if let ReadEvent::Bad { error, .. } = event {
            let answer = &mut appended.outcomes[*place];
            (answer.code, answer.detail) = (Some(INVALID.code.to_owned()), Some(error.to_string()));
        }
    }
}

fn size_of(event: &NewEvent) -> usize {
    event.payload.len() + event.id.as_str().len() + FRAME_ROOM
}

/// The task of a group, for the log.
pub(super) fn names(events: &[(usize, &Submitted)]) -> Option<(TenantId, TaskId)> {
    let event = &events.first()?.1.event;
    Some((event.tenant.clone(), event.task.clone()))
}
