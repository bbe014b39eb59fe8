//! How fast history is run through other limits, on this machine: makes a ledger of many tasks, replays it through
//! three configs on one thread and on all, and prints events per second.
//!
//! `cargo run --release -p tollgate-replay --example what_if_speed -- [TASKS]`

#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "a measurement on the command line")]

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use tollgate_clock::Stopwatch;
use tollgate_domain::config::BudgetConfig;
use tollgate_domain::event::{Event, EventBody, GateEvent, RecordedEvent, TaskEvent};
use tollgate_domain::event::{PhaseEnded, PhaseStarted, TaskClosed, TaskOpened, TaskOutcome};
use tollgate_domain::gate::{self, Switches};
use tollgate_domain::ids::{EventId, ProducerId, TaskId, TenantId};
use tollgate_domain::limits::task_limits;
use tollgate_domain::metadata::TaskMetadata;
use tollgate_domain::phase::{Advance, Phase};
use tollgate_domain::position::{PartitionId, Sequence};
use tollgate_domain::task;
use tollgate_domain::tier::{Complexity, Importance};
use tollgate_domain::time::Timestamp;
use tollgate_domain::tokens::TokenCounts;
use tollgate_domain::usage::{Cost, NamedExecution, UsageRecorded};
use tollgate_log::contract::{Batch, Durability, EventLog, NewEvent};
use tollgate_log::embedded::{EmbeddedLog, Options};
use tollgate_log::key::ContentHash;
use tollgate_projection::savings::Stated;
use tollgate_projection::status::{TaskRow, fold_task, task_figures};
use tollgate_replay::source::LedgerHistory;
use tollgate_replay::what_if::{Candidate, Question, Unopened, what_if};
use tollgate_wire::Submitted;

/// As the binary has it.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Calls of the model in a phase.
const CALLS: u64 = 6;

fn main() {
    let tasks: u64 = std::env::args().nth(1).map_or(20_000, |text| text.parse().unwrap());
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let dir = tempfile::tempdir().unwrap();
    let ledger = dir.path().join("ledger");
    let options = Options { durability: Durability::PageCache, ..Options::default() };
    let log = EmbeddedLog::open_or_create(&ledger, options).unwrap();
    let config = BudgetConfig::built_in();
    let made = Stopwatch::start();
    for first in (0..tasks).step_by(64) {
        let batches = (first..tasks.min(first + 64)).map(|number| Maker::task(&config, number)).collect();
        assert_eq!(runtime.block_on(log.append_in_order(batches)).stopped, None);
    }
    drop(log);
    println!("{tasks} tasks made in {:?}", made.elapsed());
    let candidates = ["strict", "loose", "graduated"].map(|name| {
        let yaml = format!("rollout: enforce\nstop_loss:\n  profile: {name}\n");
        Candidate { name: name.to_owned(), config: BudgetConfig::from_yaml(&yaml).unwrap() }
    });
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    for threads in [1, cores] {
        let question = Question {
            candidates: &candidates,
            policies: None,
            unopened: Unopened::LeaveOut,
            stated: Stated::default(),
            threads,
            out: None,
            checkpoint_records: u64::MAX,
        };
        let (watch, before) = (Stopwatch::start(), cpu_ms());
        let history = LedgerHistory::open(&ledger).unwrap();
        let replayed =
            what_if(&history, &question, runtime.handle(), &|_| ControlFlow::Continue(())).unwrap();
        let (events, micros) =
            (u128::from(replayed.result.inputs.events), watch.elapsed().as_micros().max(1));
        let busy = cpu_ms().zip(before).map_or(0, |(after, before)| u128::from(after - before));
        println!(
            "{threads} threads: {events} events in {:?}: {} events/s, {} events/s of a core; blocked {:?}; {}",
            watch.elapsed(),
            events * 1_000_000 / micros,
            (events * 1_000).checked_div(busy).unwrap_or_default(),
            replayed.result.candidates.iter().map(|candidate| candidate.blocked).collect::<Vec<_>>(),
            replayed.hash,
        );
    }
}

/// What this process has used of its cores, in milliseconds; `None`: this system does not say it so.
fn cpu_ms() -> Option<u64> {
    let stat = std::fs::read_to_string("/proc/self/stat").ok()?;
    let (_, fields) = stat.rsplit_once(')')?;
    let ticks = fields.split_whitespace().skip(11).take(2).map(|field| field.parse::<u64>().ok());
    // A tick is a hundredth of a second on every Linux in use.
    Some(ticks.sum::<Option<u64>>()? * 10)
}

/// One task in the making: opened, six phases, each asked of the gate and with some calls, closed.
struct Maker {
    task: String,
    row: TaskRow,
    events: Vec<NewEvent>,
    now: Timestamp,
}

impl Maker {
    fn task(config: &BudgetConfig, number: u64) -> Batch {
        let begin: Timestamp = "2026-11-21T08:00:00Z".parse().unwrap();
        let now = begin.plus_millis(i64::try_from(number).unwrap() * 1000);
        let mut it = Self { task: format!("T-{number}"), row: TaskRow::default(), events: Vec::new(), now };
        let pick =
            |of: u64| usize::try_from((number.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 33) % of).unwrap();
        let metadata = TaskMetadata {
            complexity: Some(Complexity::ALL[pick(4)]),
            importance: Some(Importance::ALL[pick(3)]),
            ..TaskMetadata::default()
        };
        let limits = Some(task_limits(config, &metadata).unwrap());
        it.command(TaskOpened { metadata, limits }.into());
        for name in ["STRATEGIZE", "SPEC", "PLAN", "THINK", "IMPLEMENT", "VERIFY"] {
            let phase: Phase = name.parse().unwrap();
            it.gate(config, &Advance::Phase(phase.clone()));
            it.command(PhaseStarted { phase: phase.clone(), attempt: None }.into());
            for call in 0..CALLS {
                it.usage(&phase, 200 + (number.wrapping_mul(31) + call * 97) % 700);
            }
            it.command(PhaseEnded { phase, attempt: None }.into());
        }
        it.gate(config, &Advance::Completion);
        it.command(TaskClosed { outcome: TaskOutcome::Completed, reason: None, author: None }.into());
        let tenant = TenantId::default_tenant();
        let partition = PartitionId::of(tenant.as_str(), &it.task);
        Batch { tenant, partition, events: it.events, decision: None, recorded_at: Some(it.now) }
    }

    fn command(&mut self, command: TaskEvent) {
        let decided = task::decide(&self.row.state, command).unwrap();
        let followed = decided.followed_by.into_iter().map(|(_, event)| event);
        for event in std::iter::once(decided.event).chain(followed) {
            self.push(event.into());
        }
    }

    fn gate(&mut self, config: &BudgetConfig, advance: &Advance) {
        let figures = task_figures(&self.task, &self.row, Some(self.now));
        let mut decided = gate::decide(&figures, advance, Switches::from(config));
        decided.config_hash = config.hash();
        self.push(EventBody::Gate(GateEvent::GateDecided(Box::new(decided))));
    }

    fn usage(&mut self, phase: &Phase, tokens: u64) {
        self.now = self.now.plus_millis(900);
        let usd = tollgate_domain::money::Usd::from_units(i128::from(tokens) * 1_000_000_000_000);
        self.push(EventBody::from(UsageRecorded {
            execution: Some(NamedExecution { phase: phase.clone(), attempt: Some(1) }),
            provider: Some("openai".to_owned()),
            model: Some("gpt-5".to_owned()),
            component: None,
            request_id: None,
            service_tier: None,
            allocation: None,
            labels: BTreeMap::new(),
            tokens: TokenCounts { input_uncached: tokens / 2, output: tokens / 2, ..TokenCounts::default() },
            units: tollgate_domain::units::UnitCounts::default(),
            estimated: false,
            cost: Cost::Priced { usd, price_version: "v".to_owned() },
        }));
    }

    fn push(&mut self, body: EventBody) {
        let event = Event {
            tenant: TenantId::default_tenant(),
            task: TaskId::new(&*self.task).unwrap(),
            producer: ProducerId::new("agent").unwrap(),
            id: EventId::new(format!("e{}", self.events.len())).unwrap(),
            occurred_at: Some(self.now),
            trace_parent: None,
            body,
        };
        let recorded = RecordedEvent {
            sequence: Sequence(1),
            partition: PartitionId::of("default", &self.task),
            recorded_at: self.now,
            tenant: "default",
            task: &self.task,
            producer: "agent",
            id: event.id.as_str(),
            occurred_at: self.now,
            body: &event.body,
        };
        fold_task(&mut self.row, &recorded);
        let submitted = Submitted::from_event(event).unwrap();
        self.events.push(NewEvent {
            task: submitted.event.task.clone(),
            producer: submitted.event.producer.clone(),
            id: submitted.event.id.clone(),
            content_hash: ContentHash::of_hash(submitted.content_hash()),
            payload: submitted.encode_stored(&submitted.event.body).unwrap(),
        });
    }
}
