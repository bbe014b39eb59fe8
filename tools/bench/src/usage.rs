//! A log of realistic events to fold: opened tasks with limits and phases, then usage, as a server stores it.

use std::collections::BTreeMap;
use std::path::Path;

use tollgate_domain::config::BudgetConfig;
use tollgate_domain::event::{
    Event, EventBody, PhaseEnded, PhaseStarted, TaskClosed, TaskEvent, TaskOpened, TaskOutcome,
};
use tollgate_domain::ids::{EventId, ProducerId, TaskId, TenantId};
use tollgate_domain::limits::{TaskLimits, task_limits};
use tollgate_domain::metadata::TaskMetadata;
use tollgate_domain::money::Usd;
use tollgate_domain::phase::Phase;
use tollgate_domain::position::{PartitionId, Sequence};
use tollgate_domain::time::Timestamp;
use tollgate_domain::tokens::TokenCounts;
use tollgate_domain::units::UnitCounts;
use tollgate_domain::usage::{Cost, NamedExecution, UsageRecorded};
use tollgate_log::contract::{Batch, Durability, EventLog, Expected, NewEvent};
use tollgate_log::embedded::{EmbeddedLog, Options};
use tollgate_log::key::ContentHash;
use tollgate_wire::Submitted;

use crate::work::{mix, text, ulid};

/// Tasks in the log.
pub(crate) const TASKS: u64 = 1_000;

/// Usage events per record.
pub(crate) const BATCH: u64 = 64;

/// Teams, and models that they use.
pub(crate) const TEAMS: u64 = 20;
pub(crate) const MODELS: [&str; 4] = ["gpt-5", "gpt-5-mini", "claude-sonnet-4-5", "gpt-5-codex"];

/// The days on which tasks began.
pub(crate) const DAYS: u64 = 30;

const DAY_MS: u64 = 24 * 60 * 60 * 1000;

/// Thirty days.
const MONTH_MS: u64 = 30 * DAY_MS;

/// 10⁻⁹ USD in units of 10⁻¹⁸ USD.
const NANO_USD: i128 = 1_000_000_000;

/// What the log holds.
pub(crate) struct Written {
    pub(crate) log: EmbeddedLog,
    /// Events, including those that open tasks.
    pub(crate) events: u64,
    /// Tokens of all usage.
    pub(crate) tokens: u64,
    /// Bytes of the usage events' records divided by the number of those events.
    pub(crate) bytes_per_event: f64,
}

/// Writes a log with this many usage events, in whole batches, and reopens it, so that none of the writing is
/// still going on.
pub(crate) fn write(dir: &Path, usage_events: u64, tasks: u64) -> Written {
    let options = || Options { durability: Durability::PageCache, ..Options::default() };
    let log = EmbeddedLog::open_or_create(dir, options()).expect("a new log");
    let mut made = Maker::new();
    for task in 0..tasks {
        let opened = made.opened(task);
        append(&log, &task_name(task), opened, true);
    }
    let opened_bytes = log_bytes(&log);
    for batch in 0..usage_events.div_ceil(BATCH) {
        // Tasks in any order, each equally often.
        let task = mix(batch) % tasks;
        let usage = (0..BATCH).map(|_| made.usage(task)).collect();
        append(&log, &task_name(task), usage, false);
    }
    let usage_bytes = log_bytes(&log) - opened_bytes;
    log.close();
    Written {
        log: EmbeddedLog::open(dir, options()).expect("the log that was written"),
        events: made.made,
        tokens: made.tokens,
        bytes_per_event: usage_bytes as f64 / usage_events as f64,
    }
}

/// Ends all tasks of a log but every `kept`th.
pub(crate) fn end_tasks(written: &Written, tasks: u64, kept: u64) {
    let mut made = Maker::numbered_from(written.events);
    for task in (0..tasks).filter(|task| !task.is_multiple_of(kept)) {
        append(&written.log, &task_name(task), made.ended(task), false);
    }
}

/// Writes a log of usage of many tasks and teams over a month: ten calls of a task at a time, in any order.
pub(crate) fn write_of_teams(dir: &Path, usage_events: u64, tasks: u64) -> Written {
    const TOGETHER: u64 = 10;
    let options = || Options { durability: Durability::PageCache, ..Options::default() };
    let log = EmbeddedLog::open_or_create(dir, options()).expect("a new log");
    let mut made = Maker::new();
    for batch in 0..usage_events.div_ceil(TOGETHER) {
        let task = mix(batch) % tasks;
        let usage = (0..TOGETHER).map(|_| made.usage_of_a_team(task, usage_events)).collect();
        append(&log, &task_name(task), usage, false);
    }
    let bytes = log_bytes(&log);
    log.close();
    Written {
        log: EmbeddedLog::open(dir, options()).expect("the log that was written"),
        events: made.made,
        tokens: made.tokens,
        bytes_per_event: bytes as f64 / usage_events as f64,
    }
}

/// The name of a team.
pub(crate) fn team(number: u64) -> String {
    format!("team-{number}")
}

/// The name of a task in this log.
pub(crate) fn task_name(number: u64) -> String {
    format!("PAY-{number:04}")
}

/// The time at which an event of this number happened.
pub(crate) fn time(number: u64) -> Timestamp {
    const BEGIN: i64 = 1_773_734_400_000_000;
    Timestamp::from_micros(BEGIN + number.cast_signed()).expect("a time of this century")
}

/// So many days in milliseconds.
pub(crate) const fn days_ms(days: u64) -> i64 {
    (days * DAY_MS).cast_signed()
}

/// The phase that usage belongs to.
pub(crate) fn phase(name: &str) -> Phase {
    name.parse().expect("a phase of the built-in config")
}

fn append(log: &EmbeddedLog, task: &str, events: Vec<NewEvent>, decides: bool) {
    pollster::block_on(append_to(log, task, events, decides));
}

/// Appends the events of a task; `decides`: they are the first of it.
pub(crate) async fn append_to(log: &EmbeddedLog, task: &str, events: Vec<NewEvent>, decides: bool) {
    let tenant = TenantId::default_tenant();
    let partition = PartitionId::of(tenant.as_str(), task);
    let decision = decides.then(|| Expected { subject: task.to_owned(), last: Sequence::ZERO });
    let batch = Batch { tenant, partition, events, decision, recorded_at: None };
    log.append(batch).await.expect("an append");
}

/// Bytes of the records so far.
fn log_bytes(log: &EmbeddedLog) -> u64 {
    let mut reader = log.reader(tollgate_log::contract::Partitions::ALL, Sequence::ZERO).expect("a reader");
    let mut bytes = 0;
    loop {
        let records = reader.read_available().expect("the log can be read");
        if records.is_empty() {
            return bytes;
        }
        bytes += records.iter().map(|stored| stored.record.bytes().len() as u64).sum::<u64>();
    }
}

/// Generates events, each with a unique id.
pub(crate) struct Maker {
    limits: TaskLimits,
    made: u64,
    tokens: u64,
}

impl Maker {
    fn new() -> Self {
        Self::numbered_from(0)
    }

    /// One whose events are none of another one's.
    pub(crate) fn numbered_from(made: u64) -> Self {
        let limits = task_limits(&BudgetConfig::built_in(), &TaskMetadata::default());
        Self { limits: limits.expect("the built-in config gives limits"), made, tokens: 0 }
    }

    /// A task is opened, ends its first phase and begins the next.
    pub(crate) fn opened(&mut self, task: u64) -> Vec<NewEvent> {
        let title = Some(format!("Work on part {task} of the payment service"));
        let metadata = TaskMetadata { title, ..TaskMetadata::default() };
        let opened = TaskOpened { metadata, limits: Some(self.limits.clone()) };
        let attempt = Some(1);
        let bodies = [
            EventBody::Task(TaskEvent::TaskOpened(Box::new(opened))),
            EventBody::from(PhaseStarted { phase: phase("PLAN"), attempt, concluded_by: None }),
            EventBody::from(PhaseEnded { phase: phase("PLAN"), attempt }),
            EventBody::from(PhaseStarted { phase: phase("IMPLEMENT"), attempt, concluded_by: None }),
        ];
        bodies.into_iter().map(|body| self.event(task, body, self.at(task))).collect()
    }

    /// Now, on the day of a task: each began on one of thirty days.
    fn at(&self, task: u64) -> Timestamp {
        time(self.made).plus_millis(-days_ms(task % DAYS))
    }

    /// A task ends its phase and is closed.
    fn ended(&mut self, task: u64) -> Vec<NewEvent> {
        let closed = TaskClosed { outcome: TaskOutcome::Completed, reason: None, author: None };
        let bodies = [
            EventBody::from(PhaseEnded { phase: phase("IMPLEMENT"), attempt: Some(1) }),
            EventBody::Task(TaskEvent::TaskClosed(closed)),
        ];
        bodies.into_iter().map(|body| self.event(task, body, self.at(task))).collect()
    }

    /// A model call, priced.
    pub(crate) fn usage(&mut self, task: u64) -> NewEvent {
        let body = self.call(BTreeMap::new(), "gpt-5-codex");
        self.event(task, body, self.at(task))
    }

    /// A model call of one of many teams, at its time of a month.
    fn usage_of_a_team(&mut self, task: u64, of: u64) -> NewEvent {
        let labels = BTreeMap::from([("team".to_owned(), team(mix(task) % TEAMS))]);
        let body = self.call(labels, MODELS[(mix(self.made) % 4) as usize]);
        let at = time(0).plus_millis((self.made.saturating_mul(MONTH_MS) / of).cast_signed());
        self.event(task, body, at)
    }

    fn call(&mut self, labels: BTreeMap<String, String>, model: &str) -> EventBody {
        let word = mix(self.made);
        let tokens = TokenCounts {
            input_uncached: 500 + word % 4_000,
            cached_input: 20_000 + (word >> 16) % 60_000,
            cache_write: 0,
            output: 100 + (word >> 32) % 1_500,
            reasoning: (word >> 48) % 100,
            cache_write_1h: 0,
        };
        self.tokens += tokens.total();
        let phase = phase(if word.is_multiple_of(4) { "PLAN" } else { "IMPLEMENT" });
        let nanos = 1_250 * tokens.input_uncached + 125 * tokens.cached_input + 10_000 * tokens.output;
        EventBody::from(UsageRecorded {
            context: None,
            counts_as: None,
            execution: Some(NamedExecution { phase, attempt: Some(1) }),
            provider: Some("openai".to_owned()),
            model: Some(model.to_owned()),
            component: Some("coder".to_owned()),
            request_id: None,
            service_tier: None,
            allocation: None,
            labels,
            tokens,
            units: UnitCounts::default(),
            estimated: false,
            cost: Cost::Priced {
                usd: Usd::from_units(i128::from(nanos) * NANO_USD),
                price_version: "2026-03-01".to_owned(),
            },
        })
    }

    fn event(&mut self, task: u64, body: EventBody, at: Timestamp) -> NewEvent {
        let number = self.made;
        self.made += 1;
        // Ids that sort by time, like those of trackers.
        let id = ulid((u128::from(number) << 64) | u128::from(mix(number)));
        let event = Event {
            tenant: TenantId::default_tenant(),
            task: TaskId::new(task_name(task)).expect("a task id"),
            producer: ProducerId::new("orchestrator").expect("a producer"),
            id: EventId::new(text(&id)).expect("an event id"),
            occurred_at: Some(at),
            trace_parent: None,
            body,
        };
        let submitted = Submitted::from_event(event).expect("the event keeps every rule");
        let payload = submitted.encode_stored(&submitted.event.body).expect("the event is small");
        NewEvent {
            content_hash: ContentHash::of_hash(submitted.content_hash()),
            task: submitted.event.task,
            producer: submitted.event.producer,
            id: submitted.event.id,
            payload,
        }
    }
}
