//! Events from a line of words, for tests of folds: decided, numbered and stamped as an appender would.

mod noted;
mod said;
mod strategy;

use std::collections::BTreeMap;
use std::fmt::Debug;

use serde::Serialize;
use serde::de::DeserializeOwned;
use tollgate_domain::config::BudgetConfig;
use tollgate_domain::event::{
    EventBody, GateEvent, ImportanceChanged, Mark, OverrideScope, PhaseEnded, PhaseExplained, PhaseStarted,
    RecordedEvent, SignalRecorded, TaskClosed, TaskMarked, TaskOpened, TaskOutcome, WaitRecorded,
};
use tollgate_domain::gate::{self, Switches};
use tollgate_domain::limits::task_limits;
use tollgate_domain::metadata::{Enforcement, LimitOverride, TaskMetadata};
use tollgate_domain::phase::Advance;
use tollgate_domain::position::{PartitionId, Sequence};
use tollgate_domain::task;
use tollgate_domain::time::Timestamp;

use crate::alerts::{Alerts, AlertsRow};
use crate::fold::{Kept, Projection, task_key};
use crate::status::{Status, TaskRow, task_figures};

use self::said::{Said, adjusted, granted, named, repriced, used};

pub(crate) use strategy::events;

/// When every story begins: a Saturday morning in UTC.
pub(crate) const BEGIN: &str = "2026-11-21T08:00:00Z";

/// An event that owns its names.
#[derive(Clone, Debug)]
pub(crate) struct Stored {
    pub(crate) tenant: String,
    pub(crate) task: String,
    pub(crate) producer: String,
    pub(crate) sequence: u64,
    pub(crate) id: String,
    pub(crate) recorded_at: Timestamp,
    pub(crate) occurred_at: Timestamp,
    pub(crate) body: EventBody,
}

impl Stored {
    pub(crate) fn recorded(&self) -> RecordedEvent<'_> {
        self.recorded_as(self.sequence)
    }

    /// The same event in another record.
    pub(crate) fn recorded_as(&self, sequence: u64) -> RecordedEvent<'_> {
        RecordedEvent {
            sequence: Sequence(sequence),
            partition: PartitionId::of(&self.tenant, &self.task),
            recorded_at: self.recorded_at,
            tenant: &self.tenant,
            task: &self.task,
            producer: &self.producer,
            id: &self.id,
            occurred_at: self.occurred_at,
            body: &self.body,
        }
    }
}

/// What happened so far, and who does what next.
///
/// Steps are separated by commas. `in T-1`, `of TENANT`, `by PRODUCER` and `+90s` (`-5s`, `+25h`, `+1ms`) say
/// where, who and when, `ahead 90s` how far the producer's clock is wrong from here on; `config LINE` (YAML
/// with `;` for `,`) sets the config for what follows. The others append:
///
/// * `open [complexity=…] [importance=…] [multiplier=…] [title=…] [why=…] [tag=…] [PHASE=TOKENS] [tracked]`
/// * `start PHASE`, `end PHASE`, `close OUTCOME`, `raise PHASE TOKENS [MS]`, `pass ADVANCE`, `gate ADVANCE`,
///   `importance TIER`, `mark WORD`
/// * `use WHERE [in=…] [cached=…] [write=…] [out=…] [think=…] [est] [usd=…] [model=…] [provider=…] [UNIT=…]
///   [component=…] [label.KEY=…]`
/// * `adjust WHERE` with the same words, signed, `of=TIME` of the usage; `adjust ? …` for usage that was not found;
///   `reprice WHERE` with the same words, what it `was=…`
/// * `wait WHERE MS`, `signal WHERE NAME VALUE [KEY]`, `explain WHERE TEXT`
///
/// * steps about alerts: see [`noted`]
///
/// WHERE is `-` (none), `PHASE` or `PHASE/ATTEMPT`. An underscore in a text is a space.
pub(crate) struct Story {
    pub(crate) events: Vec<Stored>,
    rows: BTreeMap<Vec<u8>, TaskRow>,
    alerts: BTreeMap<Vec<u8>, AlertsRow>,
    /// How long after they happened events are appended: hours later, as a queue may deliver them, unless a
    /// story is about clocks or silence.
    appended_after_ms: i64,
    /// How far the producer's clock is ahead.
    ahead_ms: i64,
    config: BudgetConfig,
    tenant: String,
    task: String,
    producer: String,
    pub(crate) now: Timestamp,
}

/// The events of a script.
pub(crate) fn story(script: &str) -> Story {
    let mut story = Story {
        events: Vec::new(),
        rows: BTreeMap::new(),
        alerts: BTreeMap::new(),
        appended_after_ms: 20 * 3_600_000,
        ahead_ms: 0,
        config: BudgetConfig::from_yaml("rollout: enforce\n").unwrap(),
        tenant: "default".to_owned(),
        task: "T-1".to_owned(),
        producer: "agent".to_owned(),
        now: BEGIN.parse().unwrap(),
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
            ["by", producer] => producer.clone_into(&mut self.producer),
            ["config", ..] => self.configure(&step["config ".len()..].replace(';', ",")),
            [time] if time.starts_with(['+', '-']) => self.now = self.now.plus_millis(millis(time)),
            ["ahead", time] => self.ahead_ms = millis(time),
            ["live"] => self.appended_after_ms = 0,
            [..] if self.noted(&words) => {}
            [..] => {
                let EventBody::Task(command) = self.body(&words) else {
                    return self.append(self.body(&words));
                };
                let state = self.row().map(|row| row.state.clone()).unwrap_or_default();
                let decided = task::decide(&state, command)
                    .unwrap_or_else(|rejection| panic!("step `{step}`: {rejection}"));
                let followed = decided.followed_by.into_iter().map(|(_, event)| event);
                for event in std::iter::once(decided.event).chain(followed) {
                    self.append(event.into());
                }
            }
        }
    }

    pub(crate) fn append(&mut self, body: EventBody) {
        self.append_as("e", self.now.plus_millis(self.ahead_ms), body);
    }

    fn append_as(&mut self, id: &str, occurred_at: Timestamp, body: EventBody) {
        let event = Stored {
            tenant: self.tenant.clone(),
            task: self.task.clone(),
            producer: self.producer.clone(),
            sequence: self.events.len() as u64 + 1,
            id: id.to_owned(),
            recorded_at: self.now.plus_millis(self.appended_after_ms),
            occurred_at,
            body,
        };
        let Ok(()) = Status.apply(&event.recorded(), &mut self.rows);
        let Ok(()) = Alerts.apply(&event.recorded(), &mut self.alerts);
        self.events.push(event);
    }

    fn body(&self, words: &[&str]) -> EventBody {
        let phase = |name: &str| name.parse().unwrap();
        match *words {
            ["open", ref said @ ..] => self.opened(said),
            ["close", outcome] => EventBody::from(TaskClosed {
                outcome: TaskOutcome::from_word(outcome).unwrap(),
                reason: None,
                author: None,
            }),
            ["start", name] => EventBody::from(PhaseStarted::reported(phase(name))),
            ["end", name] => EventBody::from(PhaseEnded { phase: phase(name), attempt: None }),
            ["raise", name, tokens, ref ms @ ..] => granted(OverrideScope::Limit {
                phase: phase(name),
                limit: LimitOverride {
                    tokens: Some(tokens.parse().unwrap()),
                    latency_ms: ms.first().map(|ms| ms.parse().unwrap()),
                },
            }),
            ["pass", advance] => granted(OverrideScope::Block { advance: advance.parse().unwrap() }),
            ["importance", tier] => EventBody::from(ImportanceChanged {
                from: None,
                to: tier.parse().unwrap(),
                author: "grace".to_owned(),
                reason: "the customer waits".to_owned(),
            }),
            ["mark", word] => EventBody::from(TaskMarked {
                mark: Mark::from_word(word).unwrap(),
                author: "grace".to_owned(),
                reason: "looked at it".to_owned(),
            }),
            ["gate", advance] => self.decided(&advance.parse().unwrap()),
            ["use", place, ref said @ ..] => used(place, &Said::read(said)).into(),
            ["adjust", place, ref said @ ..] => adjusted(place, &Said::read(said)).into(),
            ["reprice", place, ref said @ ..] => repriced(place, &Said::read(said)).into(),
            ["explain", place, text] => EventBody::from(PhaseExplained {
                execution: named(place).unwrap(),
                author: "ada".to_owned(),
                explanation: text.replace('_', " "),
            }),
            ["wait", place, ms] => EventBody::from(WaitRecorded {
                execution: named(place),
                kind: "queue".to_owned(),
                wait_ms: ms.parse().unwrap(),
            }),
            ["signal", place, name, value, ref key @ ..] => EventBody::from(SignalRecorded {
                execution: named(place),
                name: name.to_owned(),
                value: value.parse().unwrap(),
                key: key.first().map(|key| (*key).to_owned()),
            }),
            _ => panic!("unknown step: {words:?}"),
        }
    }

    fn opened(&self, said: &[&str]) -> EventBody {
        let mut metadata = TaskMetadata { author: Some("ada".to_owned()), ..TaskMetadata::default() };
        for word in said {
            match word.split_once('=') {
                Some(("complexity", value)) => metadata.complexity = Some(value.parse().unwrap()),
                Some(("importance", value)) => metadata.importance = Some(value.parse().unwrap()),
                Some(("multiplier", value)) => metadata.budget_multiplier = Some(value.parse().unwrap()),
                Some(("title", value)) => metadata.title = Some(value.replace('_', " ")),
                Some(("why", value)) => metadata.justification = Some(value.replace('_', " ")),
                Some(("tag", value)) => metadata.tags.push(value.to_owned()),
                Some((phase, tokens)) => {
                    let limit = LimitOverride { tokens: Some(tokens.parse().unwrap()), latency_ms: None };
                    metadata.budget_overrides.insert(phase.parse().unwrap(), limit);
                }
                None if *word == "tracked" => metadata.enforcement = Enforcement::Off,
                None => panic!("unknown word: {word}"),
            }
        }
        let limits = Some(task_limits(&self.config, &metadata).unwrap());
        EventBody::from(TaskOpened { metadata, limits })
    }

    /// The gate's decision based on what was folded so far.
    fn decided(&self, advance: &Advance) -> EventBody {
        let none = TaskRow::default();
        let figures = task_figures(&self.task, self.row().unwrap_or(&none), Some(self.now));
        let mut decided = gate::decide(&figures, advance, Switches::from(&self.config));
        decided.config_hash = self.config.hash();
        decided.as_of = format!("9f3c@3:{}", self.events.len());
        EventBody::Gate(GateEvent::GateDecided(Box::new(decided)))
    }

    fn configure(&mut self, line: &str) {
        let rollout = if line.contains("rollout:") { "" } else { "rollout: enforce\n" };
        self.config = BudgetConfig::from_yaml(&format!("{rollout}{line}\n"))
            .unwrap_or_else(|error| panic!("config `{line}`: {error:?}"));
    }

    /// The current task's row.
    pub(crate) fn row(&self) -> Option<&TaskRow> {
        self.rows.get(&task_key(&self.tenant, &self.task))
    }
}

/// Rows encoded with bincode, as the view store keeps them.
fn encoded<Row: Serialize>(row: &Row) -> Vec<u8> {
    bincode::serde::encode_to_vec(row, bincode::config::standard()).unwrap()
}

/// Folds events in one go.
pub(crate) fn folded<P: Projection>(projection: &P, events: &[Stored]) -> BTreeMap<Vec<u8>, P::Row> {
    let mut rows = BTreeMap::new();
    for event in events {
        let Ok(()) = projection.apply(&event.recorded(), &mut rows);
    }
    rows
}

/// Folds events in one go, and once more over a store: before an event for which `pause` is true, and at the
/// end, every row is written and read back. Both produce the same rows, and the same bytes.
#[track_caller]
pub(crate) fn folds_alike_over_a_store<P>(projection: &P, events: &[Stored], pause: impl Fn(usize) -> bool)
where
    P: Projection<Row: PartialEq + Debug>,
    EntryOf<P>: PartialEq + Debug,
{
    let mut rows: BTreeMap<Vec<u8>, P::Row> = BTreeMap::new();
    for (nth, event) in events.iter().enumerate() {
        if pause(nth) {
            rows.values_mut().for_each(store);
        }
        let Ok(()) = projection.apply(&event.recorded(), &mut rows);
    }
    rows.values_mut().for_each(store);
    let at_once = folded(projection, events);
    assert_eq!(rows, at_once, "the rows of `{}`", P::NAME);
    assert_eq!(bytes_of(&rows), bytes_of(&at_once), "the bytes of `{}`", P::NAME);
    let (often, once) = (kept(projection, events, pause), kept(projection, events, |_| false));
    assert_eq!(bytes_of(&often), bytes_of(&once), "what `{}` keeps beside its rows", P::NAME);
}

/// What is kept beside the rows of events, when it is brought up to date before each event for which `pause` is true
/// and at the end. Its entries are read back as they would be stored.
pub(crate) fn kept<P: Projection>(
    projection: &P,
    events: &[Stored],
    pause: impl Fn(usize) -> bool,
) -> BTreeMap<Vec<u8>, EntryOf<P>>
where
    EntryOf<P>: PartialEq + Debug,
{
    let mut rows: BTreeMap<Vec<u8>, P::Row> = BTreeMap::new();
    let (mut parts, mut entries) = (BTreeMap::new(), BTreeMap::new());
    for nth in 0..=events.len() {
        if nth == events.len() || pause(nth) {
            let mut gathered = <P::Kept as Kept<P::Row>>::Gathered::default();
            for (key, row) in &rows {
                let now = P::Kept::part(key, row);
                let Ok(()) = P::Kept::change(key, parts.get(key), &now, &mut gathered, &mut entries);
                parts.insert(key.clone(), now);
            }
            let Ok(()) = P::Kept::settle(gathered, &mut entries);
            entries.values_mut().for_each(store);
        }
        if let Some(event) = events.get(nth) {
            let Ok(()) = projection.apply(&event.recorded(), &mut rows);
        }
    }
    entries
}

/// What a fold keeps beside its rows under a key.
type EntryOf<P> = <<P as Projection>::Kept as Kept<<P as Projection>::Row>>::Entry;

/// Writes a row and reads it back.
fn store<Row: Serialize + DeserializeOwned>(row: &mut Row) {
    let bytes = encoded(row);
    let (read, length) = bincode::serde::decode_from_slice(&bytes, bincode::config::standard()).unwrap();
    assert_eq!(length, bytes.len(), "all of a row is read");
    *row = read;
}

/// Rows as bytes.
pub(crate) fn bytes_of<Row: Serialize>(rows: &BTreeMap<Vec<u8>, Row>) -> BTreeMap<Vec<u8>, Vec<u8>> {
    rows.iter().map(|(key, row)| (key.clone(), encoded(row))).collect()
}

fn millis(text: &str) -> i64 {
    let unit = text.trim_start_matches(|c: char| c.is_ascii_digit() || c == '+' || c == '-');
    let number: i64 = text[..text.len() - unit.len()].parse().unwrap();
    number
        * match unit {
            "ms" => 1,
            "s" => 1000,
            "min" => 60_000,
            "h" => 3_600_000,
            _ => panic!("unknown unit: {text}"),
        }
}
