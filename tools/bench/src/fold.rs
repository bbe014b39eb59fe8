//! Folding the log into the status view, and asking it.

use std::path::Path;
use std::time::Instant;

use tollgate_domain::config::BudgetConfig;
use tollgate_domain::event::{Event, EventBody, PhaseStarted, TaskOpened};
use tollgate_domain::gate::{Switches, decide};
use tollgate_domain::ids::{EventId, ProducerId, TaskId, TenantId};
use tollgate_domain::limits::task_limits;
use tollgate_domain::metadata::TaskMetadata;
use tollgate_domain::phase::{Advance, Phase};
use tollgate_domain::position::{PartitionId, Sequence};
use tollgate_domain::tokens::TokenCounts;
use tollgate_domain::usage::{Cost, NamedExecution, UsageRecorded};
use tollgate_log::contract::{Batch, Durability, EventLog, Expected, NewEvent, Partitions};
use tollgate_log::embedded::{EmbeddedLog, Options};
use tollgate_log::index::IdIndex;
use tollgate_log::key::ContentHash;
use tollgate_projection::fold::task_key;
use tollgate_projection::report::{Named, task_status};
use tollgate_projection::status::{Status, standing};
use tollgate_projector::View;
use tollgate_wire::Submitted;

use crate::cpu::process_seconds;
use crate::output::Results;
use crate::stats::{median, percentile};
use crate::{Scale, progress};

/// Tasks that the events are of.
const TASKS: u64 = 1_000;

/// Events of one record.
const BATCH: u64 = 64;

/// A commit of the view each so many seconds, as the projector does.
const COMMIT_SECONDS: f64 = 1.0;

/// Questions asked of the view.
const QUESTIONS: u64 = 20_000;

/// Builds a log, folds it from the first record to the last, with and without an id index, and asks the view.
pub(crate) fn measure(dir: &Path, scale: Scale, results: &mut Results) {
    progress(&format!("writing {} usage events of {TASKS} tasks to fold", scale.fold_events));
    let log = write_log(&dir.join("fold"), scale.fold_events);
    let (mut with, mut without) = (Vec::new(), Vec::new());
    for round in 0..3 {
        progress(&format!("fold, round {} of 3", round + 1));
        for dedup in [true, false] {
            let place = dir.join(format!("fold-{round}-{dedup}"));
            let (rate, view) = fold(&log, &place, dedup);
            if dedup {
                with.push(rate)
            } else {
                without.push(rate)
            }
            if round == 2 && dedup {
                ask(&view, results);
            }
        }
    }
    results.figure("fold_without_dedup_events_per_core_second", median(&without), "commits included");
    results.figure("fold_events_per_core_second", median(&with), "commits and id index included");
    results.ratio("fold_million_events_per_core_second", median(&with) / 1e6, "≥ 0.5");
}

/// Events per second of processor time, of all threads.
fn fold(log: &EmbeddedLog, place: &Path, dedup: bool) -> (f64, View<Status>) {
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    let mut view = runtime.block_on(View::open(Status, &place.join("view"), log)).expect("a view");
    if dedup {
        let ids = IdIndex::open(&place.join("ids"), log.epoch().id, Sequence::ZERO).expect("an id index");
        view.dedup_by(ids);
    }
    let mut reader = log.reader(Partitions::ALL, Sequence::ZERO).expect("a reader");
    let before = process_seconds();
    let mut committed = Instant::now();
    loop {
        let records = reader.read_available().expect("records");
        if records.is_empty() {
            break;
        }
        for stored in &records {
            view.apply(stored).expect("a fold");
        }
        if committed.elapsed().as_secs_f64() >= COMMIT_SECONDS {
            view.commit().expect("a commit");
            committed = Instant::now();
        }
    }
    view.commit().expect("a commit");
    let seconds = process_seconds() - before;
    (view.folded().1 as f64 / seconds, view)
}

/// A status question and a decision of the gate, in process.
fn ask(view: &View<Status>, results: &mut Results) {
    let switches = Switches::from(&BudgetConfig::built_in());
    let advance = Advance::Phase("VERIFY".parse().expect("a phase"));
    let (mut statuses, mut decisions) = (Vec::new(), Vec::new());
    for question in 0..QUESTIONS {
        let task = task_name(question.wrapping_mul(7919) % TASKS);
        let key = task_key("default", &task);
        let start = Instant::now();
        let row = view.get(&key).expect("a look-up").expect("the task is there");
        let status = task_status(
            Named { tenant: "default", task: &task, row: &row, degraded: false },
            None,
            String::new(),
        );
        statuses.push(start.elapsed().as_secs_f64() * 1e6);
        assert!(status.summary.tokens_used > 0);
        let start = Instant::now();
        let row = view.get(&key).expect("a look-up").expect("the task is there");
        let decided = decide(&standing(&task, &row, None), &advance, switches);
        decisions.push(start.elapsed().as_secs_f64() * 1e6);
        assert!(decided.tokens.is_some());
    }
    results.figure("query_status_p50_microseconds", percentile(&statuses, 50), "in process, from the view");
    results.figure("query_status_p99_microseconds", percentile(&statuses, 99), "");
    results.figure("gate_decision_p50_microseconds", percentile(&decisions, 50), "in process, from the view");
    results.figure("gate_decision_p99_microseconds", percentile(&decisions, 99), "");
}

/// A log of opened tasks with one phase each, and usage of it.
fn write_log(place: &Path, events: u64) -> EmbeddedLog {
    let options = Options { durability: Durability::PageCache, ..Options::default() };
    let log = EmbeddedLog::open_or_create(place, options).expect("a log");
    let config = BudgetConfig::built_in();
    let metadata = TaskMetadata::default();
    let limits = task_limits(&config, &metadata).expect("limits");
    for task in 0..TASKS {
        let opened = TaskOpened { metadata: metadata.clone(), limits: Some(limits.clone()) };
        let started = PhaseStarted { phase: phase(), attempt: Some(1) };
        let events = [EventBody::TaskOpened(Box::new(opened)), EventBody::PhaseStarted(started)];
        let events =
            events.into_iter().enumerate().map(|(nth, body)| event(task, &format!("open-{nth}"), body));
        append(&log, task, events.collect(), true);
    }
    let mut number = 0;
    while number < events {
        let task = (number / BATCH).wrapping_mul(7919) % TASKS;
        let batch = (number..number + BATCH).map(|number| {
            let body = EventBody::UsageRecorded(UsageRecorded {
                execution: Some(NamedExecution { phase: phase(), attempt: Some(1) }),
                provider: Some("openai".to_owned()),
                model: Some("gpt-5".to_owned()),
                component: None,
                request_id: None,
                tokens: TokenCounts {
                    input_uncached: 900 + number % 100,
                    cached_input: 4_000,
                    output: 250,
                    ..TokenCounts::default()
                },
                estimated: false,
                cost: Cost::Priced {
                    usd: "0.004375".parse().expect("an amount"),
                    price_version: "shipped@0123456789ab".to_owned(),
                },
            });
            event(task, &format!("01JD0000000000{number:012}"), body)
        });
        append(&log, task, batch.collect(), false);
        number += BATCH;
    }
    log
}

fn append(log: &EmbeddedLog, task: u64, events: Vec<NewEvent>, decides: bool) {
    let tenant = TenantId::default_tenant();
    let subject = task_name(task);
    let partition = PartitionId::of(tenant.as_str(), &subject);
    let decision = decides.then_some(Expected { subject, last: Sequence::ZERO });
    pollster::block_on(log.append(Batch { tenant, partition, events, decision })).expect("an append");
}

fn event(task: u64, id: &str, body: EventBody) -> NewEvent {
    let event = Event {
        tenant: TenantId::default_tenant(),
        task: TaskId::new(task_name(task)).expect("a task"),
        producer: ProducerId::new("bench").expect("a producer"),
        id: EventId::new(id).expect("an id"),
        occurred_at: Some("2026-03-17T08:00:00Z".parse().expect("a time")),
        trace_parent: None,
        body: body.clone(),
    };
    let submitted = Submitted::from_event(event).expect("a valid event");
    NewEvent {
        task: submitted.event.task.clone(),
        producer: submitted.event.producer.clone(),
        id: submitted.event.id.clone(),
        content_hash: ContentHash::of_hash(submitted.content_hash()),
        payload: submitted.encode_stored(&body).expect("an event that fits"),
    }
}

fn task_name(number: u64) -> String {
    format!("task-{number}")
}

fn phase() -> Phase {
    "IMPLEMENT".parse().expect("a phase")
}
