//! Phases of imported sessions: what rules conclude from the files is recorded before the usage that names it.

use std::collections::{BTreeSet, HashMap, HashSet};

use serde_json::Value;
use tollgate_domain::event::{Event, EventBody, TaskEvent, UsageEvent};
use tollgate_domain::ids::{EventId, TaskId};
use tollgate_domain::phase::ExecutionId;
use tollgate_domain::session_phases::Recorded;
use tollgate_domain::usage::NamedExecution;
use tollgate_import::call::CallName;
use tollgate_replay::session_phases::{PhaseCoverage, PhasePlan, SessionPlaces};
use tollgate_wire::api::{EventOutcome, Outcome};

use super::ledger::ImportTarget;
use super::outcomes::{Outcomes, requests};
use crate::exit::Failure;

/// What rules say of the sessions of an import, and what became of it.
pub(super) struct Phasing {
    plan: PhasePlan,
    /// The sessions that were placed so far: the calls that are yet to be recorded.
    placed: HashMap<TaskId, HashMap<EventId, NamedExecution>>,
    /// Executions that this import began.
    pub(super) begun: u64,
    /// Calls that this import sent with a phase.
    pub(super) calls: u64,
    /// Calls that rules give a phase, but that the ledger has without one.
    pub(super) recorded_without: u64,
    /// What people should know, a sentence each.
    pub(super) messages: Vec<String>,
}

impl Phasing {
    pub(super) fn new(plan: PhasePlan) -> Self {
        Self { plan, placed: HashMap::new(), begun: 0, calls: 0, recorded_without: 0, messages: Vec::new() }
    }

    /// What the phases came from.
    pub(super) fn coverage(&self) -> &PhaseCoverage {
        &self.plan.coverage
    }

    /// Lets usage that is about to be recorded name its execution, and records the executions first.
    pub(super) async fn place(
        &mut self,
        ledger: &ImportTarget<'_>,
        events: &mut [Event],
    ) -> Result<(), Failure> {
        let tasks: BTreeSet<TaskId> = events.iter().filter(|event| is_usage(event)).map(task_of).collect();
        for task in tasks {
            if !self.placed.contains_key(&task) {
                let places = self.session(ledger, &task).await?;
                self.placed.insert(task, places);
            }
        }
        for event in events {
            let place = self.placed.get_mut(&event.task).and_then(|places| places.remove(&event.id));
            if let EventBody::Usage(UsageEvent::UsageRecorded(usage)) = &mut event.body
                && let Some(execution) = place
            {
                self.calls += 1;
                usage.execution = Some(execution);
            }
        }
        Ok(())
    }

    /// Records the executions of a session; returns where its calls belong: nowhere, if the ledger refuses them.
    async fn session(
        &mut self,
        ledger: &ImportTarget<'_>,
        task: &TaskId,
    ) -> Result<HashMap<EventId, NamedExecution>, Failure> {
        let names = self.plan.calls(task).map(|id| CallName { task: task.clone(), id: id.clone() });
        let found = ledger.find(names.collect()).await?;
        let recorded = |id: &EventId| {
            let name = CallName { task: task.clone(), id: id.clone() };
            found.get(&name).and_then(Option::as_ref).map_or(Recorded::No, recorded)
        };
        let whose = (&ledger.tenant, task, &ledger.producer);
        let session = self.plan.place(whose, recorded).map_err(|error| Failure::failed(error.to_string()))?;
        let SessionPlaces { events, places, recorded_without } = session;
        self.recorded_without += recorded_without;
        let mut outcomes = Outcomes::default();
        let mut refused = HashSet::new();
        for request in requests(events, &mut outcomes) {
            let answers = ledger.send(&request).await?;
            for ((event, _), answer) in request.iter().zip(&answers) {
                let starts = matches!(event.body, EventBody::Task(TaskEvent::PhaseStarted(_)));
                self.begun += u64::from(starts && answer.outcome == Outcome::Appended);
                if let Some(why) = why_refused(answer) {
                    refused.insert(why.to_owned());
                }
            }
            if !refused.is_empty() {
                break;
            }
        }
        if refused.is_empty() {
            return Ok(places);
        }
        let mut why: Vec<String> = refused.into_iter().collect();
        why.sort_unstable();
        self.messages.push(format!("session {task} is imported without phases: {}", why.join("; ")));
        Ok(HashMap::new())
    }
}

/// Why an event is not in the ledger. One of another content under its id is there: what was concluded first stays.
fn why_refused(answer: &EventOutcome) -> Option<&str> {
    match answer.outcome {
        Outcome::Appended | Outcome::Duplicate | Outcome::Conflict => None,
        Outcome::Refused if answer.code.as_deref() == Some("refused_with") => None,
        Outcome::Refused => Some(answer.detail.as_deref().unwrap_or("refused")),
        Outcome::Ignored => Some(answer.warnings.first().map_or("ignored", String::as_str)),
    }
}

fn is_usage(event: &Event) -> bool {
    matches!(event.body, EventBody::Usage(UsageEvent::UsageRecorded(_)))
}

fn task_of(event: &Event) -> TaskId {
    event.task.clone()
}

/// Where the ledger has usage, as it answers.
fn recorded(event: &Value) -> Recorded {
    let usage = &event["usage_recorded"];
    let execution = usage["phase"].as_str().and_then(|phase| {
        let attempt = usage["attempt"].as_u64().map_or(Some(1), |attempt| u32::try_from(attempt).ok())?;
        Some(ExecutionId { phase: phase.parse().ok()?, attempt })
    });
    Recorded::In(execution)
}
