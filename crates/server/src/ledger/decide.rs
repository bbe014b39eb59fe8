//! Deciding commands: state from the view, the rules, an append that only succeeds if nothing was decided in between.

use std::time::Duration;

use tollgate_domain::breach::{BreachStatus, Utilization};
use tollgate_domain::config::BypassPolicy;
use tollgate_domain::event::{ConditionObserved, Event, EventBody, SignalRecorded, TaskOpened};
use tollgate_domain::gate::grouped;
use tollgate_domain::ids::{TaskId, TenantId};
use tollgate_domain::limits::task_limits_or_fallback;
use tollgate_domain::metadata::TaskMetadata;
use tollgate_domain::position::{PartitionId, Position, Sequence};
use tollgate_domain::task::{Rejection, decide, evolve};
use tollgate_domain::tier::Importance;
use tollgate_domain::time::Timestamp;
use tollgate_domain::usage::NamedExecution;
use tollgate_log::contract::{
    AppendError, AppendOutcome, Batch, EventName, Expected, Found, NewEvent, Receipt,
};
use tollgate_projection::alerts::out_of_step::out_of_step;
use tollgate_wire::api::Outcome;
use tollgate_wire::{DecodedEvent, Submitted};

use super::append::{names, of_append, part_of};
use super::corrections::Corrections;
use super::facts::{name_of, new_event};
use super::known::Decidable;
use super::outcomes::Part;
use super::remediation::own;
use super::standing::{Ask, Standing, Through};
use super::{Ledger, Settings, spelling};
use crate::problem::{Answer, CONTENDED, DEGRADED, INVALID, of_field, of_query, of_read};

/// How long a decision waits for the view to see what was decided before.
pub(super) const VIEW_WAIT: Duration = Duration::from_secs(5);

/// How often a decision is made anew because another came first.
const TRIES: usize = 16;

/// The signal of an execution whose latency cannot be believed: by how many milliseconds its end lies after its start.
const LATENCY_ANOMALY: &str = "latency_anomaly_ms";

/// The end of its event's id.
const LATENCY_ANOMALY_ID: &str = "latency-anomaly";

/// Events ready for the log, with what is answered for those of the request.
#[derive(Default)]
struct Plan {
    events: Vec<NewEvent>,
    /// Place in the request of each event; `None` for one that follows from another.
    places: Vec<Option<usize>>,
    attempts: Vec<(usize, u32)>,
    warnings: Vec<(usize, String)>,
    decides: bool,
    /// The task after it.
    decided: Decidable,
}

/// Why a task's events were refused.
struct Refused {
    /// The place of the guilty one.
    place: usize,
    code: String,
    reason: String,
    /// Where who sent it does not know the phase: what there is to record.
    out_of_step: Option<Box<ConditionObserved>>,
}

impl Ledger {
    /// Decides the commands of one task and appends them with the task's facts as one record.
    pub(super) async fn decide(&self, events: &[(usize, &Submitted)]) -> Answer<Part> {
        let mut part = *part_of(events);
        let Some((tenant, task)) = names(events) else { return Ok(part) };
        let took = self.transition();
        let moves = |body: &EventBody| matches!(body, EventBody::PhaseStarted(_) | EventBody::PhaseEnded(_));
        let transition = events.iter().any(|(_, event)| moves(&event.event.body));
        let settings = self.settings();
        let partition = PartitionId::of(tenant.as_str(), task.as_str());
        let names: Vec<EventName> = events.iter().map(|(_, event)| name_of(event)).collect();
        // The gate's answers are not what is remembered here: they are looked up where they count.
        let goes_on = events.iter().any(|(_, event)| event.event.body.goes_on().is_some());
        let refuses = settings.config.stop_loss.on_bypass == BypassPolicy::Refuse;
        let (mut from_memory, mut seen) = (!(refuses && goes_on), None);
        for _ in 0..TRIES {
            let remembered = if from_memory { self.known.get(&tenant, &task) } else { None };
            let (decidable, known) = match &remembered {
                Some(decidable) => (decidable.clone(), self.known_beside(decidable, &names).await?),
                None => self.decidable(&tenant, &task, &names, seen.as_ref()).await?,
            };
            let known: Vec<bool> = known.iter().map(Option::is_some).collect();
            let plan = match self.plan(&settings, &decidable, events, &known).await? {
                Ok(plan) => plan,
                Err(_) if remembered.is_some() => {
                    // Others may have decided since: nothing is refused from memory.
                    from_memory = false;
                    continue;
                }
                Err(Refused { place, code, mut reason, out_of_step }) => {
                    if let Some(seen) = out_of_step {
                        // Two orchestrators, or one that lost its place in a crash: somebody has to look.
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
                // Somebody else decided first. Either a decision of this process, which it remembers, or the view has to see it.
                Err(AppendError::WrongExpected { actual, .. }) => {
                    self.known.forget(&tenant, &task, decidable.last);
                    let mut at_least = Position::start(self.log.epoch().id);
                    at_least.advance(partition, actual);
                    seen = Some(at_least);
                    continue;
                }
                Err(error) => {
                    // Where the outcome is not known, neither is the task.
                    self.known.forget(&tenant, &task, decidable.last);
                    return Err(of_append(&error));
                }
            };
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
            "deciding about task `{task}`: {TRIES} times another decision came first; send the same events again"
        )))
    }

    /// What decisions about a task depend on, as of the log's end, and which of these events it has already.
    async fn decidable(
        &self,
        tenant: &TenantId,
        task: &TaskId,
        names: &[EventName],
        at_least: Option<&Position>,
    ) -> Answer<(Decidable, Vec<Option<Found>>)> {
        let mut found = self.log.find(names.to_vec()).await.map_err(|error| of_read(&error))?;
        let ask = Ask { tenant, task, names, at_least, through: Through::End, up_to: VIEW_WAIT };
        let Standing { found: standing, as_of } =
            self.standing(ask).await?.map_err(|error| of_query(&error))?;
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

    /// Remembers a task as it is after a decision, if all of that is in the log as it was decided.
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

    async fn plan(
        &self,
        settings: &Settings,
        decidable: &Decidable,
        events: &[(usize, &Submitted)],
        known: &[bool],
    ) -> Answer<Result<Plan, Refused>> {
        let mut plan = Plan::default();
        let mut corrections = Corrections::of(events);
        let (mut state, mut started_at) = (decidable.state.clone(), decidable.started_at);
        for (&(place, submitted), &known) in events.iter().zip(known) {
            let invalid =
                |error: tollgate_wire::FieldError| Refused::by(place, INVALID.code, error.to_string());
            let body = if known || !submitted.event.body.is_decision() {
                // What is known already is not decided again: the log answers for it.
                let (body, warnings) = self.enriched(settings, submitted, &mut corrections).await?;
                plan.warnings.extend(warnings.into_iter().map(|warning| (place, warning)));
                body
            } else {
                let command = match limited(settings, submitted.event.body.clone()) {
                    Ok((command, warnings)) => {
                        let warnings = warnings.into_iter().chain(spelling::warning(&submitted.event));
                        plan.warnings.extend(warnings.map(|warning| (place, warning)));
                        command
                    }
                    Err(rejection) => return Ok(Err(Refused::of(place, &rejection))),
                };
                if settings.config.stop_loss.on_bypass == BypassPolicy::Refuse
                    && command.goes_on().is_some()
                    && let Some(advance) = decidable.blocked.as_ref().filter(|at| !state.passes.contains(at))
                {
                    return Ok(Err(Refused::of(place, &Rejection::Blocked(advance.clone()))));
                }
                plan.decides = true;
                let decided = match decide(&state, command) {
                    Ok(decided) => decided,
                    Err(rejection) => {
                        let Event { task, body, .. } = &submitted.event;
                        let seen = out_of_step(task.as_str(), &decidable.phases, body, &rejection);
                        let out_of_step = seen.map(Box::new);
                        return Ok(Err(Refused { out_of_step, ..Refused::of(place, &rejection) }));
                    }
                };
                evolve(&mut state, &decided.event);
                let over = over_at_opening(&decided.event, decidable.used, events);
                plan.warnings.extend(over.into_iter().map(|warning| (place, warning)));
                if let EventBody::PhaseStarted(started) = &decided.event {
                    plan.attempts.extend(started.attempt.map(|attempt| (place, attempt)));
                }
                match new_event(submitted, &decided.event) {
                    Ok(event) => plan.push(Some(place), event),
                    Err(error) => return Ok(Err(invalid(error))),
                }
                let at = submitted.event.occurred_at.unwrap_or_else(|| self.clock.now());
                let mut followed_by = decided.followed_by;
                let bodies = std::iter::once(&decided.event).chain(followed_by.iter().map(|(_, body)| body));
                let anomaly = bodies.filter_map(|body| latency_anomaly(body, at, &mut started_at)).next();
                followed_by.extend(anomaly.map(|body| (LATENCY_ANOMALY_ID, body)));
                for (suffix, body) in followed_by {
                    evolve(&mut state, &body);
                    let event = follower(&submitted.event, suffix, body).map_err(|error| of_field(&error))?;
                    plan.push(None, event);
                }
                continue;
            };
            match new_event(submitted, &body) {
                Ok(event) => plan.push(Some(place), event),
                Err(error) => return Ok(Err(invalid(error))),
            }
        }
        // Those of the request first: their outcomes are read by place.
        plan.sort();
        plan.decided = Decidable { state, started_at, ..decidable.clone() };
        Ok(Ok(plan))
    }

    /// Notes a refusal, for the alert. What is refused stays refused, whether this can be recorded or not.
    fn note_out_of_step(&self, tenant: &TenantId, task: &TaskId, seen: Box<ConditionObserved>) {
        let id = seen.event_id();
        let body = EventBody::ConditionObserved(seen);
        // When it is recorded counts: the moment that it follows from may be long ago.
        match own(tenant, task, id.as_str(), None, body) {
            Ok(submitted) => self.out_of_step.note(submitted.event),
            Err(error) => tracing::error!(%task, error, "a refusal of a phase could not be recorded"),
        }
    }

    /// Completes the outcomes: the attempt of a start, also of one that was there already, and warnings.
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
            let is_start = matches!(submitted.event.body, EventBody::PhaseStarted(_));
            if is_start && answer.outcome == Outcome::Duplicate {
                let recorded = self.recorded(name_of(submitted)).await?;
                if let Some((_, DecodedEvent { body: EventBody::PhaseStarted(started), .. })) = recorded {
                    part.at(*place).attempt = started.attempt;
                }
            }
        }
        Ok(())
    }
}

impl Refused {
    fn by(place: usize, code: &str, reason: String) -> Self {
        Self { place, code: code.to_owned(), reason, out_of_step: None }
    }

    fn of(place: usize, rejection: &Rejection) -> Self {
        Self::by(place, rejection.code(), rejection.to_string())
    }
}

impl Plan {
    fn push(&mut self, place: Option<usize>, event: NewEvent) {
        self.places.push(place);
        self.events.push(event);
    }

    /// Events that follow from others go to the end, where no outcome of the request is expected.
    fn sort(&mut self) {
        let mut both: Vec<_> = self.places.drain(..).zip(self.events.drain(..)).collect();
        both.sort_by_key(|(place, _)| place.is_none());
        (self.places, self.events) = both.into_iter().unzip();
    }
}

/// What an opening should say of a task that was used before it was opened: it may be above its limits from its first moment.
fn over_at_opening(
    decided: &EventBody,
    (tokens, latency_ms): (u128, u128),
    events: &[(usize, &Submitted)],
) -> Option<String> {
    let EventBody::TaskOpened(opened) = decided else { return None };
    let limits = opened.limits.as_ref()?;
    let with_it = events.iter().filter_map(|(_, submitted)| {
        if let EventBody::UsageRecorded(usage) = &submitted.event.body {
            Some(usage.tokens.total())
        } else {
            None
        }
    });
    let tokens = with_it.fold(tokens, |sum, more| sum.saturating_add(more.into()));
    let tokens = Utilization::new(tokens, limits.total_tokens());
    let latency = Utilization::new(latency_ms, limits.total_latency_ms());
    let above: Vec<String> = [("tokens", "", tokens), ("latency", " ms", latency)]
        .into_iter()
        .filter(|(_, _, of)| of.breach() != BreachStatus::Within)
        .map(|(what, unit, of)| {
            let percent = of.shown_percent().unwrap_or_default();
            format!("{what} {} / {}{unit} ({percent}%)", grouped(of.used), grouped(of.limit))
        })
        .collect();
    (!above.is_empty()).then(|| format!("the task is above its limits as it opens: {}", above.join(", ")))
}

/// An opening gets its limits here: computed once, from the config in force, and stored with it.
fn limited(settings: &Settings, body: EventBody) -> Result<(EventBody, Vec<String>), Rejection> {
    let EventBody::TaskOpened(opened) = body else { return Ok((body, Vec::new())) };
    let limits = task_limits_or_fallback(&settings.config, &opened.metadata)?;
    let mut warnings = limits.warnings.clone();
    if limits.importance == Importance::Critical {
        let missing = [
            ("a justification", opened.metadata.justification.is_none()),
            ("an author", opened.metadata.author.is_none()),
        ];
        let missing: Vec<&str> = missing.into_iter().filter_map(|(what, is)| is.then_some(what)).collect();
        if !missing.is_empty() {
            let missing = missing.join(" and ");
            warnings.push(format!("critical importance without {missing} is flagged for review"));
        }
    }
    let metadata: TaskMetadata = opened.metadata;
    Ok((EventBody::TaskOpened(Box::new(TaskOpened { metadata, limits: Some(limits) })), warnings))
}

/// Notes when an execution starts; of one that ends and cannot have taken what was measured, the signal that says so.
fn latency_anomaly(body: &EventBody, at: Timestamp, started_at: &mut Option<Timestamp>) -> Option<EventBody> {
    if let EventBody::PhaseStarted(_) = body {
        *started_at = Some(at);
    }
    let EventBody::PhaseEnded(ended) = body else { return None };
    let value = at.latency_since(started_at.take()?).err()?;
    let execution = Some(NamedExecution { phase: ended.phase.clone(), attempt: ended.attempt });
    Some(EventBody::SignalRecorded(SignalRecorded { execution, name: LATENCY_ANOMALY.to_owned(), value }))
}

/// The record of an event that was new.
const fn stored_new(outcome: &AppendOutcome) -> Option<Sequence> {
    match outcome {
        AppendOutcome::Appended(sequence) => Some(*sequence),
        AppendOutcome::Duplicate(_) | AppendOutcome::Conflict(_) | AppendOutcome::Refused { .. } => None,
    }
}

/// An event that follows from a command: the same sender and time, an id derived from the command's.
fn follower(command: &Event, suffix: &str, body: EventBody) -> Result<NewEvent, tollgate_wire::FieldError> {
    let event = Event { id: command.id.derived(suffix), body: body.clone(), ..command.clone() };
    new_event(&Submitted::from_event(event)?, &body)
}
