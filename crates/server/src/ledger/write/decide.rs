//! Deciding commands: state from the view, the rules, and an append that only succeeds if nothing was decided
//! in between.

use tollgate_domain::config::BypassPolicy;
use tollgate_domain::event::{AlertEvent, ConditionObserved, EventBody, TaskEvent};
use tollgate_domain::ids::{TaskId, TenantId};
use tollgate_domain::position::{PartitionId, Position, Sequence};
use tollgate_domain::task::TaskStage;
use tollgate_log::contract::{AppendError, AppendOutcome, Batch, EventName, Expected, Found, Receipt};
use tollgate_wire::api::Outcome;
use tollgate_wire::{DecodedEvent, Submitted};

use super::Writer;
use super::append::{names, part_of};
use super::outcomes::Part;
use super::plan::{Refused, Unplanned};
use crate::ledger::ask::{Ask, Decidable, TaskAnswer, Through, VIEW_WAIT};
use crate::ledger::own::{name_of, own};
use crate::problem::{Answer, CONTENDED, DEGRADED, of_append, of_query, of_read};

/// How often a decision is retried because another one came first.
const TRIES: usize = 16;

impl Writer {
    /// Decides the commands of one task and appends them with the task's facts as one record.
    pub(super) async fn decide(&self, events: &[(usize, &Submitted)]) -> Answer<Part> {
        let mut part = *part_of(events);
        let Some((tenant, task)) = names(events) else { return Ok(part) };
        let took = self.transition();
        let transition = events.iter().any(|(_, event)| is_transition(&event.event.body));
        let settings = self.ask.settings();
        let partition = PartitionId::of(tenant.as_str(), task.as_str());
        let names: Vec<EventName> = events.iter().map(|(_, event)| name_of(event)).collect();
        // The gate's answers are not what is remembered here: they are looked up where they matter.
        let goes_on = events.iter().any(|(_, event)| event.event.body.goes_on().is_some());
        let refuses = settings.config.stop_loss.on_bypass == BypassPolicy::Refuse;
        let (mut from_memory, mut seen) = (!(refuses && goes_on), None);
        for _ in 0..TRIES {
            let remembered = if from_memory { self.known.get(&tenant, &task) } else { None };
            let (decidable, known) = match &remembered {
                Some(decidable) => (decidable.clone(), self.ask.known_events(decidable, &names).await?),
                None => self.decidable(&tenant, &task, &names, seen.as_ref()).await?,
            };
            let known: Vec<bool> = known.iter().map(Option::is_some).collect();
            let plan = match self.plan(&settings, &decidable, events, &known).await {
                Ok(plan) => plan,
                Err(Unplanned::Refused(_)) if remembered.is_some() => {
                    // Others may have decided in the meantime: nothing is refused from memory.
                    from_memory = false;
                    continue;
                }
                Err(Unplanned::Failed(problem)) => return Err(problem),
                Err(Unplanned::Refused(Refused { place, code, mut reason, out_of_step })) => {
                    if let Some(seen) = out_of_step {
                        // Two orchestrators, or one that lost its place in a crash: a person has to look into
                        // it.
                        tracing::error!(%task, code, reason, "an orchestrator and the ledger disagree on the phase");
                        self.note_out_of_step(&tenant, &task, seen);
                        reason = format!(
                            "{reason}; `tollgate task recover {task}` shows it, and repairs it with --to"
                        );
                    }
                    part.refuse(place, &code, &reason);
                    return Ok(part);
                }
            };
            let subject = task.as_str().to_owned();
            let decision = plan.decides.then_some(Expected { subject, last: decidable.last });
            let batch =
                Batch { tenant: tenant.clone(), partition, events: plan.events, decision, recorded_at: None };
            let receipt = match self.log.append(batch).await {
                Ok(receipt) => receipt,
                // Another decision came first. Either it was made by this process, which remembers it, or the
                // view has to see it.
                Err(AppendError::WrongExpected { actual, .. }) => {
                    self.known.forget(&tenant, &task, decidable.last);
                    let mut at_least = Position::start(self.log.epoch().id);
                    at_least.advance(partition, actual);
                    seen = Some(at_least);
                    continue;
                }
                Err(error) => {
                    // If the outcome is unknown, so is the task.
                    self.known.forget(&tenant, &task, decidable.last);
                    return Err(of_append(&error));
                }
            };
            let is_closed = matches!(plan.decided.state.stage, TaskStage::Closed(_));
            if plan.decides && is_closed && settings.config.pool.is_some() {
                self.closed.note(&tenant, &task);
            }
            if plan.decides {
                self.remember(&tenant, &task, &decidable, plan.decided, &receipt);
            }
            let asked: Vec<usize> = plan.places.iter().flatten().copied().collect();
            part.settle(&asked, &receipt);
            self.complete(&mut part, events, &plan.attempts, plan.warnings).await?;
            if transition {
                self.measured(&took);
            }
            return Ok(part);
        }
        Err(CONTENDED.with(format!(
            "deciding about task `{task}`: lost to a concurrent decision {TRIES} times; send the same events again"
        )))
    }

    /// What decisions about a task depend on, as of the log's end, and which of these events are already in
    /// the log.
    async fn decidable(
        &self,
        tenant: &TenantId,
        task: &TaskId,
        names: &[EventName],
        at_least: Option<&Position>,
    ) -> Answer<(Decidable, Vec<Option<Found>>)> {
        let mut found = self.log.find(names.to_vec()).await.map_err(|error| of_read(&error))?;
        let ask = Ask { tenant, task, names, at_least, through: Through::End, up_to: VIEW_WAIT };
        let TaskAnswer { found: standing, as_of } =
            self.ask.task_answer(ask).await?.map_err(|error| of_query(&error))?;
        if standing.degraded {
            return Err(DEGRADED.with(format!(
                "deciding about task `{task}`: one of its events cannot be read, so its state is not known; see the \
                 view's health, then upgrade or restore"
            )));
        }
        for (found, indexed) in found.iter_mut().zip(standing.events) {
            *found = found.or(indexed.map(Found::from));
        }
        let partition = PartitionId::of(tenant.as_str(), task.as_str());
        let begun_after = Some(as_of.get(partition));
        let decidable = standing.task.as_ref().map(Decidable::of);
        Ok((decidable.unwrap_or(Decidable { begun_after, ..Decidable::default() }), found))
    }

    /// Remembers a task as it is after a decision, if all of that is in the log as decided.
    fn remember(
        &self,
        tenant: &TenantId,
        task: &TaskId,
        before: &Decidable,
        after: Decidable,
        receipt: &Receipt,
    ) {
        let stored: Option<Vec<Sequence>> = receipt.outcomes.iter().map(stored_new).collect();
        let last = stored.and_then(|stored| stored.into_iter().max());
        match last {
            Some(last) => self.known.note(tenant, task, Decidable { last, ..after }),
            None => self.known.forget(tenant, task, before.last),
        }
    }

    /// Notes a refusal, for the alert. What is refused stays refused, whether or not this can be recorded.
    fn note_out_of_step(&self, tenant: &TenantId, task: &TaskId, seen: Box<ConditionObserved>) {
        let id = seen.event_id();
        let body = EventBody::Alert(AlertEvent::ConditionObserved(seen));
        // What counts is when it is recorded: the event behind it may have happened long ago.
        match own(tenant, task, id.as_str(), None, body) {
            Ok(submitted) => self.out_of_step.note(submitted.event),
            Err(error) => tracing::error!(%task, error, "a refusal of a phase could not be recorded"),
        }
    }

    /// Completes the outcomes: the attempt number of a start, including one that was already in the log, and
    /// warnings.
    async fn complete(
        &self,
        part: &mut Part,
        events: &[(usize, &Submitted)],
        attempts: &[(usize, u32)],
        warnings: Vec<(usize, String)>,
    ) -> Answer<()> {
        for (place, attempt) in attempts {
            part.at(*place).attempt = Some(*attempt);
        }
        for (place, warning) in warnings {
            part.at(place).warnings.push(warning);
        }
        for (place, submitted) in events {
            let answer = part.at(*place);
            let is_start = matches!(submitted.event.body, EventBody::Task(TaskEvent::PhaseStarted(_)));
            if is_start && answer.outcome == Outcome::Duplicate {
                let recorded = self.ask.recorded(name_of(submitted)).await?;
                if let Some((
                    _,
                    DecodedEvent { body: EventBody::Task(TaskEvent::PhaseStarted(started)), .. },
                )) = recorded
                {
                    part.at(*place).attempt = started.attempt;
                }
            }
        }
        Ok(())
    }
}

/// The record of an event that was new.
const fn stored_new(outcome: &AppendOutcome) -> Option<Sequence> {
    match outcome {
        AppendOutcome::Appended(sequence) => Some(*sequence),
        AppendOutcome::Duplicate(_) | AppendOutcome::Conflict(_) | AppendOutcome::Refused { .. } => None,
    }
}

const fn is_transition(body: &EventBody) -> bool {
    matches!(body, EventBody::Task(TaskEvent::PhaseStarted(_) | TaskEvent::PhaseEnded(_)))
}
