//! The calls of sessions as the events of tasks that began and ended their phases.

use std::collections::HashMap;

use tollgate_domain::event::{Event, EventBody, PhaseEnded, PhaseStarted, UsageEvent};
use tollgate_domain::hex::hex;
use tollgate_domain::ids::{EventId, InvalidId, TaskId};
use tollgate_domain::phase::ExecutionId;
use tollgate_domain::session_phases::activity::Activity;
use tollgate_domain::session_phases::{SessionCall, classify, executions};
use tollgate_domain::tokens::TokenCounts;
use tollgate_domain::usage::NamedExecution;

use super::Rules;
use super::coverage::PhaseCoverage;

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
        for task in std::mem::take(&mut self.order) {
            let Some(calls) = self.sessions.remove(&task) else { continue };
            self.phased(&task, calls, &mut events)?;
        }
        Ok((events, self.coverage))
    }

    fn phased(
        &mut self,
        task: &TaskId,
        mut calls: Vec<(Event, Activity)>,
        events: &mut Vec<Event>,
    ) -> Result<(), InvalidId> {
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
        let executions = executions(&sorted);
        let counted: Vec<(u64, bool)> = calls
            .iter()
            .map(|(event, activity)| {
                (tokens(event).map_or(0, |tokens| tokens.total()), !activity.tools.is_empty())
            })
            .collect();
        self.coverage.add(&self.rules.phases, &counted, &sorted, &executions);
        let mut number = 0;
        let mut running = executions.into_iter().peekable();
        for (nth, ((mut event, _), sorted)) in calls.into_iter().zip(sorted).enumerate() {
            let Some(execution) = running.peek().filter(|execution| execution.first <= nth) else {
                events.push(event);
                continue;
            };
            let ExecutionId { phase, attempt } = execution.id.clone();
            if execution.first == nth {
                number += 1;
                let started = PhaseStarted { phase: phase.clone(), attempt: Some(attempt) };
                events.push(beside(&event, task, number, "started", started.into())?);
            }
            if let EventBody::Usage(UsageEvent::UsageRecorded(usage)) = &mut event.body
                && sorted.phase.is_some()
            {
                usage.execution = Some(NamedExecution { phase: phase.clone(), attempt: Some(attempt) });
            }
            let ended = (execution.last == nth)
                .then(|| {
                    let ended = PhaseEnded { phase, attempt: Some(attempt) };
                    beside(&event, task, number, "ended", ended.into())
                })
                .transpose()?;
            events.push(event);
            if let Some(ended) = ended {
                events.push(ended);
                running.next();
            }
        }
        Ok(())
    }
}

/// An event of the same moment as a call.
fn beside(call: &Event, task: &TaskId, number: u64, what: &str, body: EventBody) -> Result<Event, InvalidId> {
    // The task's own name may fill an id.
    let hash = hex(&blake3::hash(task.as_str().as_bytes()).as_bytes()[..16]);
    Ok(Event {
        tenant: call.tenant.clone(),
        task: task.clone(),
        producer: call.producer.clone(),
        id: EventId::new(format!("phase:{hash}:{number}:{what}"))?,
        occurred_at: call.occurred_at,
        trace_parent: None,
        body,
    })
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
        | EventBody::Report(_) => None,
    }
}
