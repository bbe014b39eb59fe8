//! The calls of sessions as the events of tasks that began and ended their phases.

use std::collections::{BTreeMap, HashMap};

use tollgate_domain::event::{Event, EventBody, PhaseEnded, PhaseStarted, UsageEvent};
use tollgate_domain::ids::{EventId, InvalidId, TaskId};
use tollgate_domain::phase::ExecutionId;
use tollgate_domain::session_phases::activity::Activity;
use tollgate_domain::session_phases::{Placed, SessionCall, Sorted, classify, executions, placed};
use tollgate_domain::tokens::TokenCounts;
use tollgate_domain::usage::NamedExecution;

use super::Rules;
use super::coverage::PhaseCoverage;
use super::plan::{PhasePlan, PlannedCall};

/// Takes calls, and gives the events of their tasks.
pub(crate) struct Sorting<'a> {
    rules: &'a Rules,
    coverage: PhaseCoverage,
    /// The sessions in the order in which they were met, each with its calls.
    order: Vec<TaskId>,
    sessions: HashMap<TaskId, Vec<(Event, Activity)>>,
}

impl<'a> Sorting<'a> {
    pub(crate) fn new(rules: &'a Rules, agent: &str) -> Self {
        let coverage = PhaseCoverage::new(rules, agent);
        Self { rules, coverage, order: Vec::new(), sessions: HashMap::new() }
    }

    /// Adds a call.
    pub(crate) fn add(&mut self, event: Event, activity: Activity) {
        if !self.sessions.contains_key(&event.task) {
            self.order.push(event.task.clone());
        }
        self.sessions.entry(event.task.clone()).or_default().push((event, activity));
    }

    /// The events of all sessions, one session after the other, and what their phases came from.
    ///
    /// # Errors
    ///
    /// [`InvalidId`]: never for ids as they are made here.
    pub(crate) fn into_events(mut self) -> Result<(Vec<Event>, PhaseCoverage), InvalidId> {
        let mut events = Vec::new();
        let concluded_by = self.rules.label();
        for task in std::mem::take(&mut self.order) {
            let Some(calls) = self.sorted(&task) else { continue };
            phased(&concluded_by, calls, &mut events)?;
        }
        Ok((events, self.coverage))
    }

    /// What the rules say of the calls of each session, for a ledger that may have some of them.
    pub(crate) fn into_plan(mut self) -> PhasePlan {
        let mut sessions = BTreeMap::new();
        for task in std::mem::take(&mut self.order) {
            let Some(calls) = self.sorted(&task) else { continue };
            let calls = calls.into_iter().map(|(event, sorted)| PlannedCall {
                id: event.id,
                at: event.occurred_at,
                sorted,
            });
            sessions.insert(task, calls.collect());
        }
        PhasePlan { concluded_by: self.rules.label(), coverage: self.coverage, sessions }
    }

    /// The calls of a session in the order of time, each with what the rules say of it.
    fn sorted(&mut self, task: &TaskId) -> Option<Vec<(Event, Sorted)>> {
        let mut calls = self.sessions.remove(task)?;
        // Calls of several files of a session, or of its sub-agents, follow each other by time.
        calls.sort_by_key(|(event, _)| event.occurred_at);
        let asked: Vec<SessionCall<'_>> = calls
            .iter()
            .map(|(event, activity)| {
                let written_tokens = tokens(event).map_or(0, |it| it.output.saturating_sub(it.reasoning));
                SessionCall { at: event.occurred_at.unwrap_or_default(), activity, written_tokens }
            })
            .collect();
        let sorted = classify(&self.rules.phases, &asked);
        let counted: Vec<(u64, bool)> = calls
            .iter()
            .map(|(event, activity)| {
                (tokens(event).map_or(0, |tokens| tokens.total()), !activity.tools.is_empty())
            })
            .collect();
        self.coverage.add(&self.rules.phases, &counted, &sorted, &executions(&sorted));
        Some(calls.into_iter().map(|(event, _)| event).zip(sorted).collect())
    }
}

/// The events of a session whose phases begin and end with their calls.
fn phased(concluded_by: &str, calls: Vec<(Event, Sorted)>, events: &mut Vec<Event>) -> Result<(), InvalidId> {
    let (calls, sorted): (Vec<Event>, Vec<Sorted>) = calls.into_iter().unzip();
    let Placed { executions, calls: places } = placed(&sorted, &[]);
    let mut running = executions.into_iter().peekable();
    for (nth, (mut event, place)) in calls.into_iter().zip(places).enumerate() {
        let Some(execution) = running.peek().filter(|execution| execution.first <= nth) else {
            events.push(event);
            continue;
        };
        if execution.first == nth {
            events.push(beside(&event, start_of(&execution.id, concluded_by)?));
        }
        let ended = (execution.last == nth).then(|| end_of(&execution.id)).transpose()?;
        let ended = ended.map(|ended| beside(&event, ended));
        if let EventBody::Usage(UsageEvent::UsageRecorded(usage)) = &mut event.body {
            usage.execution = place.map(named);
        }
        events.push(event);
        if let Some(ended) = ended {
            events.push(ended);
            running.next();
        }
    }
    Ok(())
}

/// The execution that usage names.
pub(super) fn named(id: ExecutionId) -> NamedExecution {
    NamedExecution { phase: id.phase, attempt: Some(id.attempt) }
}

/// The name and the content of an event that begins an execution.
pub(super) fn start_of(id: &ExecutionId, concluded_by: &str) -> Result<(EventId, EventBody), InvalidId> {
    let started = PhaseStarted {
        phase: id.phase.clone(),
        attempt: Some(id.attempt),
        concluded_by: Some(concluded_by.to_owned()),
    };
    Ok((name_of(id, "started")?, started.into()))
}

/// The name and the content of an event that ends an execution.
pub(super) fn end_of(id: &ExecutionId) -> Result<(EventId, EventBody), InvalidId> {
    let ended = PhaseEnded { phase: id.phase.clone(), attempt: Some(id.attempt) };
    Ok((name_of(id, "ended")?, ended.into()))
}

/// The same for every import of a session: what is in a ledger is not added again.
fn name_of(id: &ExecutionId, what: &str) -> Result<EventId, InvalidId> {
    EventId::new(format!("phase:{}:{}:{what}", id.phase, id.attempt))
}

/// An event of the same moment as a call.
fn beside(call: &Event, (id, body): (EventId, EventBody)) -> Event {
    Event { id, body, trace_parent: None, ..call.clone() }
}

fn tokens(event: &Event) -> Option<&TokenCounts> {
    match &event.body {
        EventBody::Usage(UsageEvent::UsageRecorded(usage)) => Some(&usage.tokens),
        EventBody::Usage(_)
        | EventBody::Task(_)
        | EventBody::Gate(_)
        | EventBody::Ledger(_)
        | EventBody::Alert(_)
        | EventBody::Inbox(_)
        | EventBody::Price(_)
        | EventBody::Budget(_)
        | EventBody::Bill(_)
        | EventBody::Key(_)
        | EventBody::Report(_) => None,
    }
}
