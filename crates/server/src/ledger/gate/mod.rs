//! Asking the gate: a view that has seen enough, the rules, and an answer that is recorded before it is
//! given.

mod blocked;
mod money;
mod open;
mod pool;
mod question;
mod with_events;

use std::sync::Arc;
use std::time::Duration;

use tollgate_clock::Stopwatch;
use tollgate_domain::config::{Rollout, StalePolicy};
use tollgate_domain::event::{Event, EventBody, GateEvent};
use tollgate_domain::gate::{GateDecided, Reason, ReasonCode, Switches, Verdict, decide, stop_loss_disabled};
use tollgate_domain::phase::Advance;
use tollgate_domain::position::{Position, Sequence};
use tollgate_log::contract::{AppendOutcome, EventLog, Found};
use tollgate_projector::QueryError;
use tollgate_wire::api::{GateRequest, GateResponse};
use tollgate_wire::{DecodedEvent, Submitted};

pub(crate) use blocked::Name;
pub(in crate::ledger) use blocked::{BlockedTasks, sentences};

use self::money::Money;
use self::question::{Question, question, response, taken, unknown_phase, untracked, without_numbers};
use self::with_events::WithEvents;
use super::Shared;
use super::ask::{Ask, Queries, TaskAnswer, Through};
use super::breaker::{Breaker, Transition};
use super::budgets::BudgetDecisions;
use super::in_force::InForce;
use super::own::batch_of;
use super::write::Writer;
use crate::metrics::Metrics;
use crate::problem::{Answer, INVALID, TASK_UNKNOWN, of_field, of_query, of_read};

/// How long the gate waits for its view if the asker does not say.
const WAIT_MS: u64 = 2_000;

/// Longest wait that an asker may ask for.
const MAX_WAIT_MS: u64 = 60_000;

/// How long the answer waits for its own record: an unavailable log must not hold up the asker.
const RECORD_WITHIN: Duration = Duration::from_secs(3);

/// Decides whether tasks may go on.
pub struct Gate {
    log: Arc<dyn EventLog>,
    ask: Arc<Queries>,
    in_force: Arc<InForce>,
    write: Arc<Writer>,
    metrics: Arc<Metrics>,
    breaker: Arc<Breaker>,
    blocked: Arc<BlockedTasks>,
    money: Money,
    budgets: BudgetDecisions,
}

enum Recorded {
    Now(Option<Position>),
    Before(Box<GateResponse>),
}

impl Gate {
    pub(super) fn new(
        shared: &Shared,
        ask: &Arc<Queries>,
        in_force: &Arc<InForce>,
        write: &Arc<Writer>,
        blocked: &Arc<BlockedTasks>,
        budgets: &BudgetDecisions,
    ) -> Self {
        let Shared { log, metrics, breaker, .. } = shared.clone();
        let (ask, in_force) = (Arc::clone(ask), Arc::clone(in_force));
        Self {
            log,
            ask,
            in_force,
            write: Arc::clone(write),
            metrics,
            breaker,
            blocked: Arc::clone(blocked),
            money: Money::new(budgets.clone()),
            budgets: budgets.clone(),
        }
    }

    /// Decides by the rules. An error here that is not the asker's mistake is a failure of the check itself.
    ///
    /// `with`: the question came with events. It is left undecided (`None`) unless the view answers in time.
    async fn gate_checked(
        &self,
        tenant: &str,
        task: &str,
        request: &GateRequest,
        with: Option<WithEvents>,
    ) -> Answer<Option<GateResponse>> {
        let took = with.as_ref().map_or_else(|| self.write.transition(), |with| with.since);
        let (question, asked) = (question(tenant, task, request)?, Stopwatch::start());
        let settings = self.ask.settings();
        if settings.tracking_off() {
            let decided = untracked(&question, &settings);
            self.metrics.decided(decided.verdict, decided.stale);
            return Ok(Some(response(&question, decided, None)));
        }
        self.in_force.record_settings().await;
        if request.id.is_some()
            && let Some(first) = self.log_answer(&question).await?
        {
            return Ok(Some(self.again(&question, first)));
        }
        let at_least = self.asked_position(&question, request)?;
        let names = if request.id.is_some() { vec![question.name()] } else { Vec::new() };
        let wait = Duration::from_millis(request.wait_ms.unwrap_or(WAIT_MS).min(MAX_WAIT_MS));
        let ask = Ask {
            tenant: &question.tenant,
            task: &question.task,
            names: &names,
            at_least: at_least.as_ref(),
            // An asker that says what it has seen has just appended that: what others append at the same time
            // may just as well come after the answer.
            through: if at_least.is_some() { Through::Seen } else { Through::End },
            up_to: wait,
        };
        let patient = with.is_none();
        let standing = match with.and_then(|with| with.found) {
            Some(found) => Ok(self.ask.learned(&question.tenant, &question.task, found)),
            None if patient => self.ask.task_answer(ask).await?,
            // A projector that does not answer at all is not waited for either.
            None => match tokio::time::timeout(wait, self.ask.task_answer(ask)).await {
                Ok(standing) => standing?,
                Err(_) => return Ok(None),
            },
        };
        let mut decided = match standing {
            Ok(standing) if standing.found.events.iter().any(Option::is_some) => {
                // The projector knows the question from before this process started.
                let first = self.first_answer(&question).await?.ok_or_else(|| taken(&question))?;
                return Ok(Some(self.again(&question, first)));
            }
            Ok(standing) => self.by_rules(&question, standing, wait.saturating_sub(asked.elapsed())).await?,
            Err(_) if !patient => return Ok(None),
            Err(QueryError::Stale { as_of, wanted, .. }) => {
                let reason = as_of.behind(&wanted);
                self.undecided(&question, &reason, as_of.to_string())
            }
            // Nothing answers: that is no view at all, and is treated like one that is behind.
            Err(error @ QueryError::Missing { .. }) => {
                self.undecided(&question, &format!("does not answer: {error}"), String::new())
            }
            Err(error @ QueryError::OtherLog { .. }) => return Err(of_query(&error)),
            Err(
                error @ (QueryError::Rows(_)
                | QueryError::Log(_)
                | QueryError::Busy { .. }
                | QueryError::Overlap { .. }
                | QueryError::Failed { .. }),
            ) => self.failed_open(&question, &error.to_string()),
        };
        let left = request.wait_ms.map(|_| wait.saturating_sub(asked.elapsed()));
        self.money.add_exhausted(&question, left, &mut decided).await;
        self.answered(&question, decided, &took).await.map(Some)
    }

    /// Records a decision and answers with it.
    async fn answered(
        &self,
        question: &Question,
        decided: GateDecided,
        took: &Transition,
    ) -> Answer<GateResponse> {
        self.metrics.decided(decided.verdict, decided.stale);
        let blocks = decided.verdict == Verdict::Block;
        let recorded = self.record_decision(question, &decided).await?;
        self.write.measured(took);
        let answer = match recorded {
            Recorded::Now(position) => response(question, decided, position),
            Recorded::Before(first) => *first,
        };
        self.ask.gated(&question.tenant, &question.task, blocks.then(|| question.advance.clone()));
        self.blocked.note(&question.tenant, &question.task, &answer, self.ask.now());
        Ok(answer)
    }

    /// An earlier answer. The process that gave it may have died before it opened the remediation.
    fn again(&self, question: &Question, first: GateResponse) -> GateResponse {
        self.blocked.note(&question.tenant, &question.task, &first, self.ask.now());
        first
    }

    /// The position that the asker has seen, for the task's partition.
    fn asked_position(&self, question: &Question, request: &GateRequest) -> Answer<Option<Position>> {
        let given = request.at_least.as_deref().filter(|text| !text.is_empty() && *text != "tail");
        let Some(text) = given else { return Ok(None) };
        let rule = "must be a position that an append's answer gave";
        let asked: Position = text.parse().map_err(|_| INVALID.of_field("at_least", text, rule))?;
        if asked.epoch() != self.log.epoch().id {
            let rule = "is a position of another ledger; leave it out";
            return Err(INVALID.of_field("at_least", text, rule));
        }
        Ok(Some(asked.only(question.partition())))
    }

    /// Applies the rules to the task's state, and draws from the pool of its owner if there is one and that helps,
    /// within this time.
    async fn by_rules(
        &self,
        question: &Question,
        standing: TaskAnswer,
        up_to: Duration,
    ) -> Answer<GateDecided> {
        let settings = self.ask.settings();
        let switches = Switches { breaker: self.ask.breaker_is_open().await, ..settings.switches() };
        let TaskAnswer { found, as_of } = standing;
        let Some(mut state) = found.task else {
            return Err(TASK_UNKNOWN.with(format!(
                "asking the gate for task `{}` of tenant `{}`: no events recorded for it; open it first",
                question.task, question.tenant
            )));
        };
        if let (Advance::Phase(phase), Some(limits)) = (&question.advance, state.state.limits.as_deref())
            && limits.phase(phase).is_none()
        {
            return Err(unknown_phase(phase.as_str(), limits));
        }
        let task = question.task.as_str();
        let mut decided = decide(&state.figures(task), &question.advance, switches);
        if let Some(pool) = &settings.config.pool {
            decided = self.with_pool(question, &mut state, decided, (pool, switches), up_to).await;
        }
        if found.degraded {
            let message =
                format!("Some events of task {task} could not be read; its figures do not include them");
            decided.reasons.push(Reason { code: ReasonCode::Degraded, verdict: Verdict::Warn, message });
            decided.verdict = decided.verdict.max(Verdict::Warn);
        }
        decided.config_hash.clone_from(&settings.config_hash);
        decided.as_of = as_of.to_string();
        Ok(decided)
    }

    /// The answer of a gate whose view is behind: the config's policy, and `stale`.
    fn undecided(&self, question: &Question, reason: &str, as_of: String) -> GateDecided {
        let settings = self.ask.settings();
        let switches = Switches { breaker: self.breaker.is_open(), ..settings.switches() };
        // A gate that never blocks does not block here either.
        let enforced = switches.enabled && !switches.breaker && switches.rollout != Rollout::Observe;
        let closed = settings.config.stop_loss.on_stale == StalePolicy::Closed && enforced;
        let verdict = if closed { Verdict::Block } else { Verdict::Allow };
        let (task, policy) = (&question.task, settings.config.stop_loss.on_stale);
        let message =
            format!("The view of task {task} {reason}: no decision was made; applied on_stale = {policy}");
        tracing::error!(%task, reason, verdict = verdict.as_str(), "gate answered from its policy, its view is behind");
        let reason = Reason { code: ReasonCode::Stale, verdict, message };
        let reasons = self.undecided_because(reason);
        without_numbers(question, reasons, &settings, as_of, true)
    }

    /// The answer when the check itself failed: allow, and say so.
    fn failed_open(&self, question: &Question, detail: &str) -> GateDecided {
        let (task, verdict) = (&question.task, Verdict::Allow);
        tracing::error!(critical = true, %task, detail, "the gate's check failed, the task goes on");
        let message = format!("Could not read task {task}'s usage; allowing it to continue: {detail}");
        let reason = Reason { code: ReasonCode::Degraded, verdict, message };
        without_numbers(
            question,
            self.undecided_because(reason),
            &self.ask.settings(),
            self.ask.status().position().map(|position| position.to_string()).unwrap_or_default(),
            false,
        )
    }

    /// Why an answer without figures is what it is, and that the stop-loss is off if it is.
    fn undecided_because(&self, reason: Reason) -> Vec<Reason> {
        let disabled = (!self.ask.settings().switches().enabled).then(stop_loss_disabled);
        [reason].into_iter().chain(disabled).collect()
    }

    /// Appends the decision. If the log accepts no appends, the answer is given without a record: the check
    /// fails open.
    async fn record_decision(&self, question: &Question, decided: &GateDecided) -> Answer<Recorded> {
        let event = Event {
            tenant: question.tenant.clone(),
            task: question.task.clone(),
            producer: question.producer.clone(),
            id: question.id.clone(),
            occurred_at: Some(self.ask.now()),
            trace_parent: None,
            body: EventBody::Gate(GateEvent::GateDecided(Box::new(decided.clone()))),
        };
        let submitted = Submitted::from_event(event).map_err(|error| of_field(&error))?;
        let batch = batch_of(&submitted).map_err(|error| of_field(&error))?;
        match self.append_within(RECORD_WITHIN, batch).await {
            Ok(receipt) => match receipt.outcomes.first() {
                Some(AppendOutcome::Conflict(_)) => {
                    // The same question came twice at the same time: the answer that was recorded first
                    // holds.
                    match self.first_answer(question).await? {
                        Some(first) => Ok(Recorded::Before(Box::new(first))),
                        None => Err(taken(question)),
                    }
                }
                _ => Ok(Recorded::Now(Some(receipt.position))),
            },
            Err(error) => {
                tracing::error!(task = %question.task, %error, "a decision of the gate could not be recorded; answering anyway");
                Ok(Recorded::Now(None))
            }
        }
    }

    /// The answer for a retry: the one recorded under its id.
    async fn first_answer(&self, question: &Question) -> Answer<Option<GateResponse>> {
        let found = self.ask.find(vec![question.name()]).await?;
        self.answer_at(question, found).await
    }

    /// The same, as far as the log itself knows it.
    async fn log_answer(&self, question: &Question) -> Answer<Option<GateResponse>> {
        let found = self.log.find(vec![question.name()]).await.map_err(|error| of_read(&error))?;
        self.answer_at(question, found).await
    }

    async fn answer_at(
        &self,
        question: &Question,
        found: Vec<Option<Found>>,
    ) -> Answer<Option<GateResponse>> {
        let Some(Some(found)) = found.first().copied() else { return Ok(None) };
        match self.ask.event_at(&question.name(), found.sequence).await? {
            DecodedEvent { body: EventBody::Gate(GateEvent::GateDecided(decided)), .. }
                if decided.advance == question.advance =>
            {
                let position = self.position_of(question, found.sequence);
                let settings = self.ask.settings();
                // Older decisions do not record the rollout: only the config in force can tell it.
                let noted = decided
                    .rollout
                    .or((decided.config_hash == settings.config_hash).then_some(settings.config.rollout));
                Ok(Some(response(question, GateDecided { rollout: noted, ..*decided }, Some(position))))
            }
            _ => Err(taken(question)),
        }
    }

    fn position_of(&self, question: &Question, sequence: Sequence) -> Position {
        let mut position = Position::start(self.log.epoch().id);
        position.advance(question.partition(), sequence);
        position
    }
}
