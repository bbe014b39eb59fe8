//! Histories from lines of words, decided and stored as a ledger would, and ways to replay them.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::sync::Arc;

pub(crate) use crate::generated::generated;
use tokio::runtime::Runtime;
use tollgate_clock::ManualClock;
use tollgate_domain::config::BudgetConfig;
use tollgate_domain::event::{
    Event, EventBody, GateEvent, Mark, OverrideGranted, OverrideScope, PhaseEnded, PhaseStarted,
    RecordedEvent, SignalRecorded, TaskClosed, TaskMarked, TaskOpened, TaskOutcome,
};
use tollgate_domain::gate::{self, Switches};
use tollgate_domain::ids::{EventId, ProducerId, TaskId, TenantId};
use tollgate_domain::limits::task_limits;
use tollgate_domain::metadata::{Enforcement, TaskMetadata};
use tollgate_domain::position::{PartitionId, Sequence};
use tollgate_domain::task;
use tollgate_domain::time::Timestamp;
use tollgate_domain::tokens::{TokenCounts, TokenSums};
use tollgate_domain::units::{UnitCounts, UnitSums};
use tollgate_domain::usage::{AdjustedUsage, Cost, NamedExecution, UsageAdjusted, UsageRecorded};
use tollgate_log::contract::{Batch, EventLog, NewEvent};
use tollgate_log::key::ContentHash;
use tollgate_log::memory::MemoryLog;
use tollgate_projection::savings::Stated;
use tollgate_projection::status::{TaskRow, fold_task, task_figures};
use tollgate_replay::ReplayError;
use tollgate_replay::source::{History, LogHistory};
use tollgate_replay::what_if::{Candidate, Question, Replayed, Unopened, what_if};
use tollgate_wire::Submitted;

/// When every story begins.
pub(crate) const BEGIN: &str = "2026-11-21T08:00:00Z";

/// What a million tokens cost in a story: one token costs a micro-dollar.
const MICRO: i128 = 1_000_000_000_000;

/// A history in the making.
///
/// Steps are separated by commas: `in TASK`, `of TENANT`, `+90` (seconds), `live YAML` (with `;` for line ends) for the
/// config in force; `open [complexity=…] [importance=…] [enforcement=off] [PHASE=TOKENS]`,
/// `start PHASE`, `end PHASE`, `close OUTCOME`,
/// `gate ADVANCE`, `pass ADVANCE`, `mark WORD`, `signal NAME VALUE [KEY]` of the running phase, `use TOKENS
/// [unpriced] [estimated] [team=…] [ago=SECONDS] [allocation=NAME]`,
/// what [`crate::allocations`] says, `adjust TOKENS` of the latest usage, `torn` for an event that nobody can read.
pub(crate) struct Story {
    events: Vec<(Event, Timestamp)>,
    pub(crate) rows: BTreeMap<(String, String), TaskRow>,
    pub(crate) config: BudgetConfig,
    pub(crate) tenant: String,
    pub(crate) task: String,
    pub(crate) now: Timestamp,
    latest_usage: Option<(EventId, UsageRecorded, Timestamp)>,
    torn: Vec<usize>,
}

pub(crate) fn story(script: &str) -> Story {
    let mut story = Story {
        events: Vec::new(),
        rows: BTreeMap::new(),
        config: BudgetConfig::built_in(),
        tenant: "default".to_owned(),
        task: "T-1".to_owned(),
        now: BEGIN.parse().unwrap(),
        latest_usage: None,
        torn: Vec::new(),
    };
    for step in script.split(',').map(str::trim).filter(|step| !step.is_empty()) {
        story.step(step);
    }
    story
}

impl Story {
    fn step(&mut self, step: &str) {
        let words: Vec<&str> = step.split_whitespace().collect();
        match words[..] {
            ["in", task] => task.clone_into(&mut self.task),
            ["of", tenant] => tenant.clone_into(&mut self.tenant),
            ["live", ..] => {
                self.config = BudgetConfig::from_yaml(&step["live ".len()..].replace(';', "\n")).unwrap();
            }
            [time] if time.starts_with('+') => {
                self.now = self.now.plus_millis(time[1..].parse::<i64>().unwrap() * 1000);
            }
            ["open", ref said @ ..] => self.open(said),
            ["start", phase] => {
                self.decide(PhaseStarted::reported(phase.parse().unwrap()).into());
            }
            ["end", phase] => self.decide(PhaseEnded { phase: phase.parse().unwrap(), attempt: None }.into()),
            ["close", outcome] => {
                let outcome = TaskOutcome::from_word(outcome).unwrap();
                self.decide(TaskClosed { outcome, reason: None, author: None }.into());
            }
            ["mark", word] => {
                let mark = Mark::from_word(word).unwrap();
                let said = TaskMarked { mark, author: "ada".to_owned(), reason: "looked".to_owned() };
                self.append(EventBody::from(said), self.now);
            }
            ["pass", advance] => {
                let scope = OverrideScope::Block { advance: advance.parse().unwrap() };
                let (approver, reason) = ("ada".to_owned(), "worth it".to_owned());
                self.append(EventBody::from(OverrideGranted { scope, approver, reason }), self.now);
            }
            ["gate", advance] => self.ask(advance),
            ["signal", name, value, ref key @ ..] => self.signal(name, value.parse().unwrap(), key.first()),
            ["use", tokens, ref said @ ..] => self.use_tokens(tokens.parse().unwrap(), said),
            ["allocate" | "extend" | "release", ..] => self.about_allocation(&words),
            ["config"] => self.load_config(),
            ["adjust", tokens] => self.adjust(tokens.parse().unwrap()),
            ["torn"] => {
                self.torn.push(self.events.len());
                self.use_tokens(1, &[]);
            }
            _ => panic!("unknown step: {step}"),
        }
    }

    fn open(&mut self, said: &[&str]) {
        let mut metadata = TaskMetadata::default();
        for word in said {
            match word.split_once('=').unwrap() {
                ("complexity", value) => metadata.complexity = Some(value.parse().unwrap()),
                ("enforcement", "off") => metadata.enforcement = Enforcement::Off,
                ("importance", value) => metadata.importance = Some(value.parse().unwrap()),
                (phase, tokens) => {
                    let limit = metadata.budget_overrides.entry(phase.parse().unwrap()).or_default();
                    limit.tokens = Some(tokens.parse().unwrap());
                }
            }
        }
        let limits = Some(task_limits(&self.config, &metadata).unwrap());
        self.decide(TaskOpened { metadata, limits }.into());
    }

    fn decide(&mut self, command: tollgate_domain::event::TaskEvent) {
        let state = self.row().map(|row| row.state.clone()).unwrap_or_default();
        let decided = task::decide(&state, command).unwrap();
        let followed = decided.followed_by.into_iter().map(|(_, event)| event);
        for event in std::iter::once(decided.event).chain(followed) {
            self.append(event.into(), self.now);
        }
    }

    /// The live gate decides, and its decision is recorded.
    fn ask(&mut self, advance: &str) {
        let none = TaskRow::default();
        let figures = task_figures(&self.task, self.row().unwrap_or(&none), Some(self.now));
        let mut decided = gate::decide(&figures, &advance.parse().unwrap(), Switches::from(&self.config));
        decided.config_hash = self.config.hash();
        decided.as_of = "p".to_owned();
        self.append(EventBody::Gate(GateEvent::GateDecided(Box::new(decided))), self.now);
    }

    fn use_tokens(&mut self, tokens: u64, said: &[&str]) {
        let active = self.row().and_then(|row| row.state.active.clone());
        let mut usage = UsageRecorded {
            context: None,
            counts_as: None,
            execution: active.map(|it| NamedExecution { phase: it.phase, attempt: Some(it.attempt) }),
            provider: None,
            model: Some("m".to_owned()),
            component: None,
            request_id: None,
            service_tier: None,
            allocation: None,
            labels: BTreeMap::new(),
            tokens: TokenCounts { output: tokens, ..TokenCounts::default() },
            units: UnitCounts::default(),
            estimated: false,
            cost: cost(tokens.into()),
        };
        let (mut at, mut named) = (self.now, None);
        for word in said {
            match word.split_once('=') {
                Some(("id", name)) => named = Some(EventId::new(name).unwrap()),
                Some(("allocation", name)) => usage.allocation = Some(name.to_owned()),
                Some(("ago", seconds)) => at = at.plus_millis(-seconds.parse::<i64>().unwrap() * 1000),
                Some((key, value)) => {
                    usage.labels.insert(key.to_owned(), value.to_owned());
                }
                None if *word == "estimated" => usage.estimated = true,
                None => usage.cost = Cost::Unpriced,
            }
        }
        let id = named.unwrap_or_else(|| self.next_id());
        self.append_as(id.clone(), EventBody::from(usage.clone()), at);
        self.latest_usage = Some((id, usage, at));
    }

    fn signal(&mut self, name: &str, value: i64, key: Option<&&str>) {
        let active = self.row().and_then(|row| row.state.active.clone());
        let execution = active.map(|it| NamedExecution { phase: it.phase, attempt: Some(it.attempt) });
        let key = key.map(|key| (*key).to_owned());
        let said = SignalRecorded { execution, name: name.to_owned(), value, key };
        self.append(EventBody::from(said), self.now);
    }

    fn adjust(&mut self, tokens: i128) {
        let (id, usage, at) = self.latest_usage.clone().unwrap();
        let adjusted = UsageAdjusted {
            adjusts: id.to_string(),
            adjusts_producer: "agent".to_owned(),
            tokens: TokenSums { output: tokens, ..TokenSums::default() },
            units: UnitSums::default(),
            reason: "counted wrong".to_owned(),
            author: None,
            resolved: Some(Box::new(AdjustedUsage {
                counts_as: None,
                execution: usage.execution,
                provider: None,
                model: usage.model,
                component: None,
                allocation: None,
                labels: BTreeMap::new(),
                service_tier: None,
                occurred_at: Some(at),
                cost: cost(tokens),
                excess: TokenCounts::default(),
                excess_units: UnitSums::default(),
                unpriced: None,
            })),
        };
        self.append(EventBody::from(adjusted), self.now);
    }

    fn next_id(&self) -> EventId {
        EventId::new(format!("e{}", self.events.len())).unwrap()
    }

    pub(crate) fn append(&mut self, body: EventBody, at: Timestamp) -> EventId {
        let id = self.next_id();
        self.append_as(id.clone(), body, at);
        id
    }

    fn append_as(&mut self, id: EventId, body: EventBody, at: Timestamp) {
        let event = Event {
            tenant: TenantId::new(&*self.tenant).unwrap_or_else(|_| TenantId::ledger()),
            task: TaskId::new(&*self.task).unwrap(),
            producer: ProducerId::new("agent").unwrap(),
            id: id.clone(),
            occurred_at: Some(at),
            trace_parent: None,
            body,
        };
        let recorded = RecordedEvent {
            sequence: Sequence(self.events.len() as u64 + 1),
            partition: PartitionId::of(&self.tenant, &self.task),
            recorded_at: self.now,
            tenant: &self.tenant,
            task: &self.task,
            producer: "agent",
            id: id.as_str(),
            occurred_at: at,
            body: &event.body,
        };
        let key = (self.tenant.clone(), self.task.clone());
        fold_task(self.rows.entry(key).or_insert_with(|| TaskRow::begun_by(&recorded)), &recorded);
        self.events.push((event, self.now));
    }

    fn row(&self) -> Option<&TaskRow> {
        self.rows.get(&(self.tenant.clone(), self.task.clone()))
    }

    /// The events as records, at most so many of one task and moment in each.
    pub(crate) fn batches(&self, most: usize) -> Vec<Batch> {
        let mut batches: Vec<Batch> = Vec::new();
        let mut last: Option<(&str, &str)> = None;
        for (nth, (event, recorded_at)) in self.events.iter().enumerate() {
            let submitted = Submitted::from_event(event.clone()).unwrap();
            let mut payload = submitted.encode_stored(&event.body).unwrap();
            if self.torn.contains(&nth) {
                payload = vec![0xff; 3];
            }
            let new = NewEvent {
                task: event.task.clone(),
                producer: event.producer.clone(),
                id: event.id.clone(),
                content_hash: ContentHash::of_hash(submitted.content_hash()),
                payload,
            };
            let whose = (event.tenant.as_str(), event.task.as_str());
            match batches.last_mut() {
                Some(batch)
                    if last == Some(whose)
                        && batch.events.len() < most
                        && batch.recorded_at == Some(*recorded_at) =>
                {
                    batch.events.push(new);
                }
                _ => batches.push(Batch {
                    tenant: event.tenant.clone(),
                    partition: PartitionId::of(whose.0, whose.1),
                    events: vec![new],
                    decision: None,
                    recorded_at: Some(*recorded_at),
                }),
            }
            last = Some(whose);
        }
        batches
    }

    /// Appends everything to a log.
    pub(crate) fn append_to(&self, runtime: &Runtime, log: &dyn EventLog, most: usize) {
        let appended = runtime.block_on(log.append_in_order(self.batches(most)));
        assert_eq!(appended.stopped, None);
    }

    /// The same in memory.
    pub(crate) fn history(&self, runtime: &Runtime) -> LogHistory {
        let log = Arc::new(MemoryLog::new(Arc::new(ManualClock::default())));
        self.append_to(runtime, &*log, 100);
        runtime.block_on(LogHistory::open("a story".to_owned(), log)).unwrap()
    }
}

/// What so many tokens cost in a story.
pub(crate) fn usd(tokens: i128) -> tollgate_domain::money::Usd {
    tollgate_domain::money::Usd::from_units(tokens * MICRO)
}

fn cost(tokens: i128) -> Cost {
    let usd = usd(tokens);
    Cost::Priced { usd, price_version: "v".to_owned() }
}

pub(crate) fn runtime() -> Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap()
}

pub(crate) fn candidate(name: &str, yaml: &str) -> Candidate {
    Candidate { name: name.to_owned(), config: BudgetConfig::from_yaml(yaml).unwrap() }
}

/// A question about these candidates, on one thread.
pub(crate) fn about(candidates: &[Candidate]) -> Question<'_> {
    Question {
        candidates,
        policies: &[],
        pool: None,
        unopened: Unopened::LeaveOut,
        marks: None,
        session_phases: None,
        stated: Stated::default(),
        threads: 1,
        out: None,
        checkpoint_events: u64::MAX,
    }
}

pub(crate) fn replay(
    runtime: &Runtime,
    history: &dyn History,
    question: &Question<'_>,
) -> Result<Replayed, ReplayError> {
    what_if(history, question, runtime.handle(), &|_| ControlFlow::Continue(()))
}

/// A script replayed through configs, each given as YAML.
pub(crate) fn replayed(script: &str, configs: &[&str]) -> Replayed {
    let runtime = runtime();
    let history = story(script).history(&runtime);
    let candidates: Vec<Candidate> =
        configs.iter().enumerate().map(|(nth, yaml)| candidate(&format!("c{nth}"), yaml)).collect();
    replay(&runtime, &history, &about(&candidates)).unwrap()
}
