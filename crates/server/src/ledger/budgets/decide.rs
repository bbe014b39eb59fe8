//! Deciding a tenant's commands in one order.

mod before;
mod known;
mod read_out;

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Semaphore;
use tollgate_domain::budget::decide::Extension;
use tollgate_domain::budget::{Amount, BudgetRejection, BudgetState, Figures, decide, judge, needed};
use tollgate_domain::event::{AllocationRequest, BudgetEvent, EventBody};
use tollgate_domain::ids::{BUDGET_TASK, TaskId, TenantId};
use tollgate_domain::pool::gift;
use tollgate_domain::position::{PartitionId, Position, Sequence};
use tollgate_domain::time::Timestamp;
use tollgate_log::contract::{
    AppendError, AppendOutcome, Batch, EventLog, Expected, MAX_RECORD_BYTES, NewEvent,
};

use self::known::Start;
pub(super) use self::known::is_behind;
pub(super) use self::read_out::READ_AT_ONCE;
use self::read_out::Reading;
use super::Job;
use super::command::{BRIEFLY, Command, Done, Judged, Recorded, WAIT, What, longest};
use super::exhausted::exhausted;
use super::figures::requests_of;
use super::repeated::is_latest;
use super::request::{alternatives, price_of};
use super::uses::Uses;
use crate::ledger::ask::Queries;
use crate::ledger::in_force::InForce;
use crate::ledger::own::{new_event, own};
use crate::problem::{Answer, CONTENDED, INTERNAL, REFUSED, of_append};

/// How often a group is decided anew because another decision came first.
const TRIES: usize = 16;

/// How many bytes of events a record may hold before their framing.
const ROOM_FOR_EVENTS: usize = MAX_RECORD_BYTES - 16 * 1024;

/// The most bytes that an event's frame takes beside its payload: names and lengths.
const FRAME_ROOM: usize = 512;

/// What decides about one tenant's money, one group of commands after the other.
pub(super) struct Decider {
    log: Arc<dyn EventLog>,
    ask: Arc<Queries>,
    in_force: Arc<InForce>,
    tenant: TenantId,
    partition: PartitionId,
    /// The state as of the last decision that is known here, and its record; `None`: the view has to say.
    known: Option<(BudgetState, Sequence)>,
    /// What the view has to contain: a decision by someone else.
    seen: Option<Position>,
    /// What is read out of the log while the view does not answer.
    reading: Option<Reading>,
    /// Who reads has one of these.
    turns: Arc<Semaphore>,
    /// What was used of its open allocations.
    uses: Uses,
    /// Whether it decided since this was last asked.
    is_used: bool,
}

/// A decision on its way into the log.
struct Draft {
    nth: usize,
    event: BudgetEvent,
    stored: NewEvent,
    /// How much was allocated, of an allocation that this releases.
    closed: Option<Amount>,
}

impl Decider {
    pub(super) fn new(
        log: &Arc<dyn EventLog>,
        ask: &Arc<Queries>,
        in_force: &Arc<InForce>,
        turns: &Arc<Semaphore>,
        tenant: TenantId,
    ) -> Self {
        let partition = PartitionId::of(tenant.as_str(), BUDGET_TASK);
        let (log, ask, in_force) = (Arc::clone(log), Arc::clone(ask), Arc::clone(in_force));
        Self {
            log,
            ask,
            in_force,
            tenant,
            partition,
            known: None,
            seen: None,
            reading: None,
            turns: Arc::clone(turns),
            uses: Uses::default(),
            is_used: true,
        }
    }

    /// Whether it decided nothing since this was last asked.
    pub(super) const fn was_idle(&mut self) -> bool {
        !std::mem::replace(&mut self.is_used, false)
    }

    /// Decides these commands in their order and answers each.
    pub(super) async fn decide(&mut self, jobs: Vec<Job>) {
        self.is_used = true;
        let (commands, replies): (Vec<Command>, Vec<_>) =
            jobs.into_iter().map(|job| (job.command, job.reply)).unzip();
        let mut answers: Vec<Option<Answer<Done>>> = vec![None; commands.len()];
        loop {
            let pending: Vec<usize> = (0..commands.len()).filter(|&nth| answers[nth].is_none()).collect();
            if pending.is_empty() {
                break;
            }
            let together: Vec<Command> = pending.iter().map(|&nth| commands[nth].clone()).collect();
            let decided = self.group(&together).await;
            let decided = decided.unwrap_or_else(|problem| vec![Some(Err(problem)); together.len()]);
            let some = decided.iter().any(Option::is_some);
            for (nth, answer) in pending.into_iter().zip(decided) {
                answers[nth] = answer.or_else(|| (!some).then(unanswered));
            }
        }
        for (reply, answer) in replies.into_iter().zip(answers) {
            // Nobody waits for it any more: it is in the log all the same.
            let _ = reply.send(answer.unwrap_or_else(unanswered));
        }
    }

    /// Decides as many of these as one record has room for. `None`: it had no room for this one.
    async fn group(&mut self, commands: &[Command]) -> Answer<Vec<Option<Answer<Done>>>> {
        // Whoever only asks puts nothing in force, and appends nothing.
        if !commands.iter().all(|command| command.what.is_question()) {
            self.in_force.record_settings().await;
        }
        let mut may_be_behind = self.may_be_behind(commands);
        // A view that was waited for in vain is only looked at.
        let mut wait = longest(commands);
        for _ in 0..TRIES {
            let Start { mut state, last, is_current, without_view } =
                self.current(may_be_behind, wait).await?;
            wait = wait.min(if without_view { BRIEFLY } else { WAIT });
            let before = self.recorded_before(commands).await?;
            let is_current = is_current || before.iter().all(Option::is_some);
            let at = self.ask.now();
            let figures = self.figures(&mut state, commands, &before, at, wait).await?;
            let figures = figures.unwrap_or_else(|| {
                wait = Duration::ZERO;
                Figures::default()
            });
            let mut answers: Vec<Option<Answer<Done>>> = before;
            let drafts = self.drafts(&mut state, commands, &figures, &mut answers, at)?;
            if drafts.is_empty() {
                if !is_current {
                    // What is refused is not appended, so the log cannot object if another server decided since.
                    (self.known, may_be_behind) = (Some((state, last)), true);
                    continue;
                }
                self.known = Some((state, last));
                return Ok(answers);
            }
            let receipt = match self.log.append(self.batch(&drafts, last)).await {
                Ok(receipt) => receipt,
                Err(AppendError::WrongExpected { actual, .. }) => {
                    // Another server decided: what it decided has to be seen.
                    let mut at_least = Position::start(self.log.epoch().id);
                    at_least.advance(self.partition, actual);
                    self.seen = Some(at_least);
                    continue;
                }
                Err(error) => return Err(of_append(&error)),
            };
            let position = receipt.position.to_string();
            let mut all_new = true;
            let mut through = last;
            for (draft, outcome) in drafts.into_iter().zip(&receipt.outcomes) {
                let Some(sequence) = appended(outcome) else {
                    // Its id was taken meanwhile, by a retry elsewhere: the log has the first answer.
                    all_new = false;
                    continue;
                };
                through = through.max(sequence);
                self.uses.decided(&draft.event);
                let Draft { nth, event, closed, .. } = draft;
                let position = position.clone();
                let recorded = Recorded { event, sequence, position, repeated: false, at, closed };
                answers[nth] = Some(Ok(Done::Recorded(Box::new(recorded))));
            }
            if all_new {
                self.known = Some((state, through));
                return Ok(answers);
            }
            // The log may not have looked at what this decision expects: what was refused is decided again.
            let first = self.recorded_before(commands).await?.into_iter().zip(answers);
            let is_final = |answer: &Answer<Done>| is_current || matches!(answer, Ok(Done::Recorded(_)));
            return Ok(first.map(|(first, answer)| first.or(answer.filter(is_final))).collect());
        }
        Err(CONTENDED.with(format!(
            "deciding about money of tenant `{}`: lost to a concurrent decision {TRIES} times; ask again",
            self.tenant
        )))
    }

    /// What these become in the log, if the last decision is this one.
    fn batch(&self, drafts: &[Draft], last: Sequence) -> Batch {
        Batch {
            tenant: self.tenant.clone(),
            partition: self.partition,
            events: drafts.iter().map(|draft| draft.stored.clone()).collect(),
            decision: Some(Expected { subject: BUDGET_TASK.to_owned(), last }),
            recorded_at: None,
        }
    }

    /// Decides those that have no answer yet, each with the state after those before it.
    fn drafts(
        &self,
        state: &mut BudgetState,
        commands: &[Command],
        figures: &Figures,
        answers: &mut [Option<Answer<Done>>],
        at: Timestamp,
    ) -> Answer<Vec<Draft>> {
        let (mut drafts, mut bytes, mut outdated) = (Vec::new(), 0, false);
        let open = commands.iter().zip(answers).enumerate().filter(|(_, (_, answer))| answer.is_none());
        for (nth, (command, answer)) in open {
            if outdated && command.what.needs_figures() {
                break;
            }
            if drafts.iter().any(|draft: &Draft| draft.stored.id == command.id) {
                // A retry that came before the first answer: it gets that one, once there is one.
                continue;
            }
            match self.one(state, command, figures, at) {
                Ok(Ok(event)) => {
                    let mut draft = self.draft(nth, command, event)?;
                    if let What::Release { allocation, .. } = &command.what {
                        draft.closed = state.open(allocation).map(|open| open.amount);
                    }
                    bytes += draft.stored.payload.len() + FRAME_ROOM;
                    if bytes > ROOM_FOR_EVENTS && !drafts.is_empty() {
                        break;
                    }
                    state.apply(&draft.event);
                    outdated |= command.what.outdates_figures();
                    drafts.push(draft);
                }
                Ok(Err(done)) => *answer = Some(Ok(done)),
                Err(problem) => *answer = Some(Err(problem)),
            }
        }
        Ok(drafts)
    }

    /// What the judgements of these commands depend on. A view that is behind is no error: `None`, nothing is known.
    async fn figures(
        &mut self,
        state: &mut BudgetState,
        commands: &[Command],
        before: &[Option<Answer<Done>>],
        at: Timestamp,
        up_to: Duration,
    ) -> Answer<Option<Figures>> {
        let settings = self.ask.settings();
        let open = commands.iter().zip(before).filter(|(_, before)| before.is_none());
        let requests: Vec<AllocationRequest> =
            open.flat_map(|(command, _)| requests_of(&command.what, &settings, state, at)).collect();
        if requests.is_empty() {
            return Ok(Some(Figures::default()));
        }
        let sums = requests.iter().flat_map(|request| needed(state, request, at)).collect();
        match self.uses.figures(&self.ask, &self.tenant, state, sums, up_to).await {
            Err(problem) if is_behind(&problem) => Ok(None),
            answered => answered.map(Some),
        }
    }

    /// Decides one command.
    fn one(
        &self,
        state: &BudgetState,
        command: &Command,
        figures: &Figures,
        at: Timestamp,
    ) -> Answer<Result<BudgetEvent, Done>> {
        let refused = |error: BudgetRejection| {
            let mut problem = REFUSED.with(format!("{}: {error}", command.what.in_words()));
            error.code().clone_into(&mut problem.code);
            problem
        };
        let settings = self.ask.settings();
        let event = match command.what.clone() {
            What::Budget(change) => decide::set_budget(state, change, at),
            What::Policy { ref policy, if_version, ref author, ref reason }
                if if_version.is_none() && is_latest(state, policy, command.from_given, (author, reason)) =>
            {
                return Ok(Err(Done::Unchanged));
            }
            What::Policy { policy, if_version, author, reason } => {
                if command.from_given {
                    decide::changes_no_past(state, &policy, at).map_err(refused)?;
                }
                decide::set_policy(state, *policy, if_version, author, reason)
            }
            What::Raise(raised) => decide::raise_limit(state, raised, at),
            What::Withdraw { policy, raise, author, reason } => {
                decide::withdraw_raise(state, policy, raise, (author, reason), at)
            }
            What::Allocate(mut request) => {
                // By a retry the time shows how long was asked for.
                request.expires_at = command.ttl_given.map_or(request.expires_at, |ttl| at.plus_millis(ttl));
                let others = alternatives(&settings, state, &request, at);
                decide::allocate(state, *request, &others, figures, at)
            }
            What::Extend { allocation, by, ttl_ms, priced } => {
                let open = state.open(&allocation).map(|open| &open.request);
                let (by, is_priced) = match open {
                    Some(request) if !priced && by.tokens > 0 => price_of(&settings, request, by, at),
                    Some(_) | None => (by, true),
                };
                let expires_at = ttl_ms.map(|ttl| at.plus_millis(ttl));
                let extension = Extension { by, is_priced, expires_at };
                match decide::extend(state, &allocation, extension, figures, at).map_err(refused)? {
                    Ok(event) => Ok(event),
                    Err(judgement) => {
                        command.what.is_known(&judgement.policies)?;
                        return Ok(Err(Done::DoesNotFit { by, judgement }));
                    }
                }
            }
            What::Release { allocation, author } => decide::release(state, &allocation, author, at),
            What::Expire { allocation } => decide::expire(state, &allocation, at),
            What::Draw { demand, rules } => match state.pool().draw(&rules, &demand, at) {
                Ok(Some(drawn)) => Ok(drawn.into()),
                Ok(None) => return Ok(Err(Done::Drawn(state.pool().drawn_by(&demand.task)))),
                Err(refused) => return Ok(Err(Done::NotDrawn(refused))),
            },
            What::Give { closed, rules } => match gift(state.pool(), &rules, &closed, at) {
                Some(given) => Ok(given.into()),
                None => return Ok(Err(Done::Unchanged)),
            },
            What::Check(request) => {
                let others = alternatives(&settings, state, &request, at);
                return Ok(Err(Done::Judged(Judged::of(state, &request, &others, figures, at))));
            }
            What::Route(candidates) => {
                let judge = |each: &AllocationRequest| judge(state, each, each.amount, figures, at);
                let judgements = candidates.iter().map(judge).collect();
                return Ok(Err(Done::Routed { judgements, as_of: figures.as_of.clone() }));
            }
            What::Exhausted { task, requests } => {
                let others = |request: &_| alternatives(&settings, state, request, at);
                return Ok(Err(Done::Exhausted(exhausted(state, &task, &requests, others, figures, at))));
            }
        };
        let event = event.map_err(refused)?;
        if let BudgetEvent::AllocationRefused(found) = &event {
            command.what.is_known(&found.policies)?;
        }
        Ok(Ok(event))
    }

    fn draft(&self, nth: usize, command: &Command, event: BudgetEvent) -> Answer<Draft> {
        let body = EventBody::Budget(event.clone());
        let submitted = own(&self.tenant, &TaskId::budget(), command.id.as_str(), None, body.clone())
            .map_err(|error| REFUSED.with(format!("{}: {error}", command.what.in_words())))?;
        let stored = new_event(&submitted, &body).map_err(|error| INTERNAL.with(error.to_string()))?;
        Ok(Draft { nth, event, stored, closed: None })
    }
}

fn unanswered() -> Answer<Done> {
    Err(INTERNAL.with("a decision about money has no outcome; ask again with the same name"))
}

const fn appended(outcome: &AppendOutcome) -> Option<Sequence> {
    match outcome {
        AppendOutcome::Appended(sequence) => Some(*sequence),
        AppendOutcome::Duplicate(_) | AppendOutcome::Conflict(_) | AppendOutcome::Refused { .. } => None,
    }
}
