//! The events of a history, in order of time. Memory grows with open tasks, not with events.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use tollgate_domain::event::{
    Event, EventBody, Mark, PhaseEnded, PhaseStarted, SignalRecorded, TaskClosed, TaskEvent, TaskMarked,
    TaskOpened, TaskOutcome, WaitRecorded,
};
use tollgate_domain::ids::{EventId, ProducerId, TaskId, TenantId};
use tollgate_domain::limits::{LimitError, TaskLimits, task_limits};
use tollgate_domain::metadata::TaskMetadata;
use tollgate_domain::phase::Phase;
use tollgate_domain::progress::rules::ProgressRules;
use tollgate_domain::tier::{Complexity, Importance};
use tollgate_domain::time::Timestamp;
use tollgate_domain::tokens::TokenCounts;
use tollgate_domain::usage::{Cost, NamedExecution, UsageRecorded};

use super::plan::{TaskKind, TaskPlan, cost_of, task_name};
use super::spec::Spec;

/// The price version that costs name.
const PRICE_VERSION: &str = "generated";

/// Who appends them.
const PRODUCER: &str = "generator";

/// What calls that go in circles are about.
const REPEATED: &str = "9f86d081884c7d65";

/// Tokens for each unit of progress.
const TOKENS_PER_UNIT: u64 = 500;

/// The most calls that go in circles in one phase.
const MOST_CIRCLES: u64 = 200;

/// Who marks tasks.
const REVIEWER: &str = "reviewer";

/// The events of a history.
pub struct Events<'a> {
    spec: &'a Spec,
    /// The limits of each class: complexity × importance.
    limits: Vec<TaskLimits>,
    producer: ProducerId,
    tenant: TenantId,
    /// The task that begins next.
    next: Option<TaskPlan>,
    open: BinaryHeap<Reverse<Open>>,
}

/// An open task: ordered by when its next step happens, then by number.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Open {
    at: Timestamp,
    number: u64,
    /// Steps done.
    done: usize,
    task: TaskId,
    class: (Complexity, Importance),
    /// The rest, last one first.
    steps: Vec<Step>,
}

#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Step {
    at: Timestamp,
    what: What,
}

#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum What {
    Opened,
    Started(Phase, u32),
    Called(Phase, u32, u64),
    Waited(Phase, u32, u64),
    Signalled(Phase, u32, Sign),
    Ended(Phase, u32),
    Closed(TaskOutcome),
    Marked(Mark),
}

/// A sign that a call gives.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum Sign {
    /// So many units of progress.
    Progress(i64),
    /// The same call again.
    Again,
}

impl Spec {
    /// Its events, in order of time, as a ledger stores them: with limits, attempts and costs.
    ///
    /// # Errors
    ///
    /// [`LimitError`] if the config gives a class of tasks no limits.
    pub fn events(&self) -> Result<Events<'_>, LimitError> {
        let classes = Complexity::ALL.iter().flat_map(|c| Importance::ALL.iter().map(move |i| (*c, *i)));
        let limits =
            classes.map(|class| task_limits(&self.config, &metadata(class))).collect::<Result<_, _>>()?;
        Ok(Events {
            spec: self,
            limits,
            producer: ProducerId::new(PRODUCER).expect("a word without white space is a producer"),
            tenant: TenantId::default_tenant(),
            next: (self.tasks > 0).then(|| self.plan(0)),
            open: BinaryHeap::new(),
        })
    }
}

impl Iterator for Events<'_> {
    type Item = Event;

    fn next(&mut self) -> Option<Event> {
        // Open every task that begins before the next step of those that are open.
        while let Some(plan) = &self.next {
            if self.open.peek().is_some_and(|Reverse(open)| open.at < plan.begins) {
                break;
            }
            let number = plan.number + 1;
            self.open.push(Reverse(open(self.spec, plan)));
            self.next = (number < self.spec.tasks).then(|| self.spec.plan(number));
        }
        let Reverse(mut open) = self.open.pop()?;
        let step = open.steps.pop()?;
        let event = self.event(&open, step);
        open.done += 1;
        if let Some(next) = open.steps.last() {
            open.at = next.at;
            self.open.push(Reverse(open));
        }
        Some(event)
    }
}

impl Events<'_> {
    fn event(&self, open: &Open, step: Step) -> Event {
        let body = match step.what {
            What::Opened => self.opened(open.class),
            What::Started(phase, attempt) => {
                EventBody::from(PhaseStarted { phase, attempt: Some(attempt), concluded_by: None })
            }
            What::Called(phase, attempt, tokens) => call(named(phase, attempt), tokens),
            What::Waited(phase, attempt, wait_ms) => {
                let execution = Some(named(phase, attempt));
                EventBody::from(WaitRecorded { execution, kind: "human".to_owned(), wait_ms })
            }
            What::Signalled(phase, attempt, sign) => signal(named(phase, attempt), &sign),
            What::Ended(phase, attempt) => EventBody::from(PhaseEnded { phase, attempt: Some(attempt) }),
            What::Closed(outcome) => EventBody::from(TaskClosed { outcome, reason: None, author: None }),
            What::Marked(mark) => EventBody::from(TaskMarked {
                mark,
                author: REVIEWER.to_owned(),
                reason: "planted".to_owned(),
            }),
        };
        Event {
            tenant: self.tenant.clone(),
            task: open.task.clone(),
            producer: self.producer.clone(),
            id: EventId::new(open.done.to_string()).expect("a number is an event id"),
            occurred_at: Some(step.at),
            trace_parent: None,
            body,
        }
    }

    fn opened(&self, class: (Complexity, Importance)) -> EventBody {
        let place = class.0 as usize * Importance::ALL.len() + class.1 as usize;
        let opened = TaskOpened { metadata: metadata(class), limits: self.limits.get(place).cloned() };
        EventBody::Task(TaskEvent::TaskOpened(Box::new(opened)))
    }
}

fn metadata((complexity, importance): (Complexity, Importance)) -> TaskMetadata {
    let justification = (importance == Importance::Critical).then(|| "generated".to_owned());
    let author = Some(PRODUCER.to_owned());
    TaskMetadata {
        complexity: Some(complexity),
        importance: Some(importance),
        justification,
        author,
        ..TaskMetadata::default()
    }
}

fn named(phase: Phase, attempt: u32) -> NamedExecution {
    NamedExecution { phase, attempt: Some(attempt) }
}

/// A sign of progress in the phase, or of none.
fn signal(execution: NamedExecution, sign: &Sign) -> EventBody {
    let (name, value, key) = match sign {
        Sign::Progress(units) => (signal_of(&execution.phase), *units, None),
        Sign::Again => ("tool_call".to_owned(), 1, Some(REPEATED.to_owned())),
    };
    EventBody::from(SignalRecorded { execution: Some(execution), name, value, key })
}

/// The signal that counts in a phase by default; `done` where none does.
fn signal_of(phase: &Phase) -> String {
    let rules = ProgressRules::of_phases(std::slice::from_ref(phase));
    let names = rules.phases.iter().flat_map(|signals| signals.points.keys());
    names.last().cloned().unwrap_or_else(|| "done".to_owned())
}

/// A model call: most of its input from a cache, a fifth of it output.
fn call(execution: NamedExecution, tokens: u64) -> EventBody {
    let (output, cached_input) = (tokens / 5, tokens / 5 * 3);
    let input_uncached = tokens - output - cached_input;
    EventBody::from(UsageRecorded {
        context: None,
        counts_as: None,
        execution: Some(execution),
        provider: Some("openai".to_owned()),
        model: Some("gpt-5-codex".to_owned()),
        component: None,
        request_id: None,
        service_tier: None,
        allocation: None,
        labels: std::collections::BTreeMap::new(),
        tokens: TokenCounts { input_uncached, cached_input, output, ..TokenCounts::default() },
        units: tollgate_domain::units::UnitCounts::default(),
        estimated: false,
        cost: Cost::Priced { usd: cost_of(tokens), price_version: PRICE_VERSION.to_owned() },
    })
}

/// The calls of an attempt, useful ones and those that go in circles, each with its tokens and the sign after it.
fn calls(spec: &Spec, tokens: u64, wasted: u64) -> Vec<(u64, Option<Sign>)> {
    let progress = |of_call: u64| {
        let units = i64::try_from((of_call / TOKENS_PER_UNIT).max(1)).unwrap_or(i64::MAX);
        spec.signals.then_some(Sign::Progress(units))
    };
    let useful = parts(tokens, spec.calls_per_phase.into());
    let size = useful.first().copied().unwrap_or(1).max(1);
    let circles = if wasted > 0 { parts(wasted, (wasted / size).clamp(1, MOST_CIRCLES)) } else { Vec::new() };
    let useful = useful.into_iter().map(|of_call| (of_call, progress(of_call)));
    useful.chain(circles.into_iter().map(|of_call| (of_call, Some(Sign::Again)))).collect()
}

/// Tokens in equal parts; the last one has what does not divide evenly.
fn parts(tokens: u64, count: u64) -> Vec<u64> {
    let count = count.clamp(1, tokens.max(1));
    let part = tokens / count;
    (1..=count).map(|nth| if nth == count { tokens - part * (count - 1) } else { part }).collect()
}

/// The steps of a task, from its plan.
fn open(spec: &Spec, plan: &TaskPlan) -> Open {
    let mut steps = vec![Step { at: plan.begins, what: What::Opened }];
    let mut now = plan.begins;
    let after = |at: Timestamp, ms: u64| at.plus_millis(i64::try_from(ms).unwrap_or(i64::MAX));
    for phase in &plan.phases {
        now = after(now, phase.pause_ms);
        let attempts = u64::from(phase.attempts);
        for attempt in 1..=phase.attempts {
            // The last attempt has what does not divide evenly.
            let part = |all: u64| {
                if attempt == phase.attempts { all - all / attempts * (attempts - 1) } else { all / attempts }
            };
            // With signals, all that runs away does so in the last attempt, in calls of its own.
            let wasted = if spec.signals { phase.wasted_tokens } else { 0 };
            let (tokens, latency_ms) = (part(phase.tokens - wasted), part(phase.latency_ms));
            // The first one waits.
            let wait_ms = if attempt == 1 { phase.wait_ms } else { 0 };
            let mut step = |ms: u64, what| steps.push(Step { at: after(now, ms), what });
            step(0, What::Started(phase.phase.clone(), attempt));
            let calls = calls(spec, tokens, if attempt == phase.attempts { wasted } else { 0 });
            let all = calls.len() as u64;
            for (nth, (of_call, sign)) in (1..).zip(calls) {
                let ms = latency_ms * nth / (all + 1);
                step(ms, What::Called(phase.phase.clone(), attempt, of_call));
                if let Some(sign) = sign {
                    step(ms, What::Signalled(phase.phase.clone(), attempt, sign));
                }
            }
            let whole_ms = latency_ms + wait_ms;
            if wait_ms > 0 {
                step(whole_ms, What::Waited(phase.phase.clone(), attempt, wait_ms));
            }
            step(whole_ms, What::Ended(phase.phase.clone(), attempt));
            now = after(now, whole_ms);
        }
    }
    let (outcome, mark) = match plan.kind {
        TaskKind::Ordinary => (TaskOutcome::Completed, None),
        TaskKind::Runaway => (TaskOutcome::Completed, Some(Mark::Runaway)),
        TaskKind::Large => (TaskOutcome::Completed, Some(Mark::Legitimate)),
        TaskKind::Failed => (TaskOutcome::Abandoned, None),
    };
    steps.push(Step { at: now, what: What::Closed(outcome) });
    steps.extend(mark.map(|mark| Step { at: after(now, 60_000), what: What::Marked(mark) }));
    steps.reverse();
    Open {
        at: plan.begins,
        number: plan.number,
        done: 0,
        task: TaskId::new(task_name(plan.number)).expect("letters and digits are a task"),
        class: (plan.complexity, plan.importance),
        steps,
    }
}
