//! From the events of one task, some of them commands, to what is appended: each command is decided after
//! those before it.

use tollgate_domain::breach::{BreachStatus, Utilization};
use tollgate_domain::config::BypassPolicy;
use tollgate_domain::event::{
    ConditionObserved, Event, EventBody, SignalRecorded, TaskEvent, TaskOpened, UsageEvent,
};
use tollgate_domain::gate::grouped;
use tollgate_domain::limits::task_limits_or_fallback;
use tollgate_domain::metadata::TaskMetadata;
use tollgate_domain::phase::Advance;
use tollgate_domain::task::{Rejection, TaskState, apply, decide};
use tollgate_domain::tier::Importance;
use tollgate_domain::time::Timestamp;
use tollgate_domain::usage::NamedExecution;
use tollgate_log::contract::NewEvent;
use tollgate_projection::alerts::out_of_step::out_of_step;
use tollgate_wire::api::Problem;
use tollgate_wire::{FieldError, Submitted};

use super::corrections::Corrections;
use super::{Writer, spelling};
use crate::ledger::Settings;
use crate::ledger::ask::Decidable;
use crate::ledger::own::new_event;
use crate::problem::{Answer, INVALID, of_field};

/// The signal for an execution whose latency is not plausible: by how many milliseconds its end is after its
/// start.
const LATENCY_ANOMALY: &str = "latency_anomaly_ms";

/// The suffix of its event's id.
const LATENCY_ANOMALY_ID: &str = "latency-anomaly";

/// Events ready for the log, with what is answered for those from the request.
#[derive(Default)]
pub(super) struct Plan {
    pub(super) events: Vec<NewEvent>,
    /// Index in the request of each event; `None` for one that follows from another.
    pub(super) places: Vec<Option<usize>>,
    pub(super) attempts: Vec<(usize, u32)>,
    pub(super) warnings: Vec<(usize, String)>,
    pub(super) decides: bool,
    /// The task after it.
    pub(super) decided: Decidable,
}

/// Why there is no plan.
pub(super) enum Unplanned {
    /// A rule refuses one of the events.
    Refused(Refused),
    /// What the plan depends on could not be determined.
    Failed(Box<Problem>),
}

/// Why a task's events were refused.
pub(super) struct Refused {
    /// The index of the event that is to blame.
    pub(super) place: usize,
    pub(super) code: String,
    pub(super) reason: String,
    /// If the sender does not know the phase: what there is to record.
    pub(super) out_of_step: Option<Box<ConditionObserved>>,
}

/// A plan in progress, and the task as it is after the events so far.
struct Planning<'a> {
    settings: &'a Settings,
    decidable: &'a Decidable,
    events: &'a [(usize, &'a Submitted)],
    plan: Plan,
    state: TaskState,
    started_at: Option<Timestamp>,
}

impl Writer {
    /// Plans the events of one task; `known` says which of them the log already has.
    pub(super) async fn plan(
        &self,
        settings: &Settings,
        decidable: &Decidable,
        events: &[(usize, &Submitted)],
        known: &[bool],
    ) -> Result<Plan, Unplanned> {
        let mut planning = Planning {
            settings,
            decidable,
            events,
            plan: Plan::default(),
            state: decidable.state.clone(),
            started_at: decidable.started_at,
        };
        let mut corrections = Corrections::of(events);
        for (&(place, submitted), &known) in events.iter().zip(known) {
            // What is already in the log is not decided again: the log answers for it.
            if let EventBody::Task(command) = &submitted.event.body
                && !known
            {
                let at = submitted.event.occurred_at.unwrap_or_else(|| self.ask.now());
                planning.command(place, submitted, command, at)?;
            } else {
                let (body, warnings) = self.enriched(settings, submitted, &mut corrections).await?;
                planning.warn(place, warnings);
                planning.push(place, submitted, &body)?;
            }
        }
        Ok(planning.finish())
    }
}

impl Planning<'_> {
    /// Decides a command, which happens at this time, and adds its consequences to the plan.
    fn command(
        &mut self,
        place: usize,
        submitted: &Submitted,
        command: &TaskEvent,
        at: Timestamp,
    ) -> Result<(), Unplanned> {
        let refused = |rejection: &Rejection| Refused::of(place, rejection);
        let (completed, warnings) =
            limited(self.settings, command.clone()).map_err(|error| refused(&error))?;
        self.warn(place, warnings.into_iter().chain(spelling::warning(&submitted.event)));
        let bypassed = self.bypassed(command);
        if let Some(blocked) = &bypassed
            && self.settings.config.stop_loss.on_bypass == BypassPolicy::Refuse
        {
            return Err(refused(&Rejection::Blocked(blocked.clone())).into());
        }
        if let TaskEvent::TaskMarked(_) = command
            && !self.decidable.is_known
            && self.plan.events.is_empty()
        {
            return Err(refused(&Rejection::TaskUnknown).into());
        }
        self.plan.decides = true;
        let decided = decide(&self.state, completed).map_err(|rejection| {
            let task = submitted.event.task.as_str();
            let seen = out_of_step(task, &self.decidable.phases, command, &rejection);
            Refused { out_of_step: seen.map(Box::new), ..refused(&rejection) }
        })?;
        self.warn(place, bypassed.map(|blocked| went_on(submitted.event.task.as_str(), &blocked)));
        self.warn(place, over_at_opening(&decided.event, self.decidable.used, self.events));
        if let TaskEvent::PhaseStarted(started) = &decided.event {
            self.plan.attempts.extend(started.attempt.map(|attempt| (place, attempt)));
        }
        let mut anomaly = self.moved(&decided.event, at);
        self.push(place, submitted, &decided.event.into())?;
        for (suffix, event) in decided.followed_by {
            anomaly = anomaly.or(self.moved(&event, at));
            self.follow(submitted, suffix, event.into())?;
        }
        if let Some(signal) = anomaly {
            self.follow(submitted, LATENCY_ANOMALY_ID, signal.into())?;
        }
        Ok(())
    }

    /// The block that a command takes the task past.
    fn bypassed(&self, command: &TaskEvent) -> Option<Advance> {
        command.goes_on()?;
        self.decidable.blocked.clone().filter(|at| !self.state.passes.contains(at))
    }

    /// Advances the task by what was decided; returns the signal if an execution's latency is not plausible.
    fn moved(&mut self, event: &TaskEvent, at: Timestamp) -> Option<SignalRecorded> {
        apply(&mut self.state, event);
        latency_anomaly(event, at, &mut self.started_at)
    }

    fn warn(&mut self, place: usize, warnings: impl IntoIterator<Item = String>) {
        self.plan.warnings.extend(warnings.into_iter().map(|warning| (place, warning)));
    }

    fn push(&mut self, place: usize, submitted: &Submitted, body: &EventBody) -> Result<(), Refused> {
        let event = new_event(submitted, body)
            .map_err(|error| Refused::by(place, INVALID.code, error.to_string()))?;
        self.plan.places.push(Some(place));
        self.plan.events.push(event);
        Ok(())
    }

    /// Adds what follows from a command.
    fn follow(&mut self, command: &Submitted, suffix: &str, body: EventBody) -> Answer<()> {
        let event = follower(&command.event, suffix, body).map_err(|error| of_field(&error))?;
        self.plan.places.push(None);
        self.plan.events.push(event);
        Ok(())
    }

    /// Events that follow from others go to the end, where no outcome of the request is expected.
    fn finish(self) -> Plan {
        let Self { mut plan, decidable, state, started_at, .. } = self;
        let mut both: Vec<_> = plan.places.drain(..).zip(plan.events.drain(..)).collect();
        both.sort_by_key(|(place, _)| place.is_none());
        (plan.places, plan.events) = both.into_iter().unzip();
        plan.decided = Decidable { state, started_at, is_known: true, ..decidable.clone() };
        plan
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

impl From<Refused> for Unplanned {
    fn from(refused: Refused) -> Self {
        Self::Refused(refused)
    }
}

impl From<Box<Problem>> for Unplanned {
    fn from(problem: Box<Problem>) -> Self {
        Self::Failed(problem)
    }
}

/// What an opening should say about a task that was used before it was opened: it may be over its limits from
/// the start.
fn over_at_opening(
    decided: &TaskEvent,
    (tokens, latency_ms): (u128, u128),
    events: &[(usize, &Submitted)],
) -> Option<String> {
    let TaskEvent::TaskOpened(opened) = decided else { return None };
    let limits = opened.limits.as_ref()?;
    let with_it = events.iter().filter_map(|(_, submitted)| {
        if let EventBody::Usage(UsageEvent::UsageRecorded(usage)) = &submitted.event.body {
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
fn limited(settings: &Settings, command: TaskEvent) -> Result<(TaskEvent, Vec<String>), Rejection> {
    let TaskEvent::TaskOpened(opened) = command else { return Ok((command, Vec::new())) };
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
    Ok((TaskOpened { metadata, limits: Some(limits) }.into(), warnings))
}

/// Notes when an execution starts; when one ends and cannot have taken as long as measured, returns the
/// signal that says so.
fn latency_anomaly(
    event: &TaskEvent,
    at: Timestamp,
    started_at: &mut Option<Timestamp>,
) -> Option<SignalRecorded> {
    if let TaskEvent::PhaseStarted(_) = event {
        *started_at = Some(at);
    }
    let TaskEvent::PhaseEnded(ended) = event else { return None };
    let value = at.latency_since(started_at.take()?).err()?;
    let execution = Some(NamedExecution { phase: ended.phase.clone(), attempt: ended.attempt });
    Some(SignalRecorded { execution, name: LATENCY_ANOMALY.to_owned(), value, key: None })
}

/// An event that follows from a command: same sender and time, with an id derived from the command's.
fn follower(command: &Event, suffix: &str, body: EventBody) -> Result<NewEvent, FieldError> {
    let event = Event { id: command.id.derived(suffix), body: body.clone(), ..command.clone() };
    new_event(&Submitted::from_event(event)?, &body)
}

/// The warning for a command that takes its task past a block.
fn went_on(task: &str, blocked: &Advance) -> String {
    format!(
        "the gate blocks task `{task}` before {blocked}: it continued anyway, which raises a critical alert; `tollgate task explain {task}` says why"
    )
}
