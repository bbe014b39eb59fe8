//! One task under all candidates, while it is open.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use tollgate_domain::config::BudgetedLatency;
use tollgate_domain::event::{
    EventBody, GateEvent, OverrideScope, RecordedEvent, TaskEvent, TaskOutcome, UsageEvent,
};
use tollgate_domain::gate::{GateDecided, TaskFigures, Verdict, decide_without_sentences as decide};
use tollgate_domain::ids::LEDGER_PRODUCER;
use tollgate_domain::limits::TaskLimits;
use tollgate_domain::metadata::{Enforcement, TaskMetadata};
use tollgate_domain::phase::Advance;
use tollgate_domain::pool::PoolRules;
use tollgate_domain::progress::TaskProgress;
use tollgate_domain::task::TaskStage;
use tollgate_domain::time::Timestamp;
use tollgate_projection::savings::SavedTask;
use tollgate_projection::status::{TaskRow, figures, fold_task, unlimited_figures};

use super::anomaly::Class;
use super::candidate::{Given, Rules};
use super::compared::Compared;
use super::crossing::{Asked, Crossing, Live, crossing};
use super::following::Following;
use super::held::HeldPhases;
use super::pool::Asking;
use super::settled::{Settled, SettledUnder, Used};
use super::thresholds::{Passing, add_usage};

/// Whether a task was opened, and what is done if not.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Unopened {
    /// It has no limits, as in the ledger: it is counted and left out.
    #[default]
    LeaveOut,
    /// It gets the limits of a Medium task of medium importance, and the gate decides before each call whether it may
    /// go on in the call's phase, or be completed if the call has none.
    Judge,
}

/// A task that may still go on.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct OpenTask {
    row: TaskRow,
    /// Only of a task that nobody opened, where such are judged.
    held: HeldPhases,
    under: Vec<Under>,
    /// The advance that was decided last, if nothing happened since.
    asked: Option<Advance>,
    live: Live,
}

/// The task under one candidate.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct Under {
    limits: Option<Arc<TaskLimits>>,
    unknown_phase: bool,
    outcome: Outcome,
    /// Only where budgets follow progress.
    following: Option<Box<Following>>,
    /// Only where tasks share a pool.
    asking: Option<Box<Asking>>,
}

/// What the gate said of it.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct Outcome {
    /// The most severe decision; `None`: the gate was never asked.
    worst: Option<Verdict>,
    /// The decision that would have blocked it first, otherwise the one that warned first.
    first: Option<Box<Crossing>>,
    /// The task's tokens at the decision that was made last.
    asked: u128,
    passing: Passing,
}

impl OpenTask {
    pub(super) fn new(event: &RecordedEvent<'_>, rules: &[Rules], unopened: Unopened) -> Self {
        let mut under = vec![Under::default(); rules.len()];
        let row = TaskRow::begun_by(event);
        if unopened == Unopened::Judge {
            for (under, rules) in under.iter_mut().zip(rules) {
                under.begin(&row, rules.limits_of(&TaskMetadata::default()), rules.pool.as_ref());
            }
        }
        Self { row, held: HeldPhases::default(), under, asked: None, live: Live::default() }
    }

    /// Takes the next event of the task. Returns whether it is closed now.
    pub(super) fn take(
        &mut self,
        event: &RecordedEvent<'_>,
        rules: &[Rules],
        unopened: Unopened,
        compared: &mut [Compared],
    ) -> bool {
        if unopened == Unopened::Judge && self.row.opened.is_none() {
            if self.held.hold(event) {
                return false;
            }
            for _ in 0..self.held.due(event) {
                let mut held = std::mem::take(&mut self.held);
                held.pass_next(|earlier| {
                    self.take_now(earlier, rules, unopened, compared);
                });
                self.held = held;
            }
        }
        self.take_now(event, rules, unopened, compared)
    }

    fn take_now(
        &mut self,
        event: &RecordedEvent<'_>,
        rules: &[Rules],
        unopened: Unopened,
        compared: &mut [Compared],
    ) -> bool {
        let at = event.occurred_at.believed(event.recorded_at);
        match event.body {
            EventBody::Gate(GateEvent::GateDecided(decided)) => {
                self.live.take(decided, at);
                let asked = Asked { task: event.task, advance: &decided.advance, at };
                self.ask(&asked, rules, Some((decided, compared)));
            }
            EventBody::Task(TaskEvent::PhaseStarted(started)) => {
                let advance = Advance::Phase(started.phase.clone());
                self.ask(&Asked { task: event.task, advance: &advance, at }, rules, None);
                self.live.went_on = true;
            }
            EventBody::Task(TaskEvent::TaskClosed(closed)) if closed.outcome == TaskOutcome::Completed => {
                self.ask(&Asked { task: event.task, advance: &Advance::Completion, at }, rules, None);
            }
            EventBody::Usage(UsageEvent::UsageRecorded(usage))
                if unopened == Unopened::Judge && self.row.opened.is_none() =>
            {
                let named = usage.execution.as_ref().map(|named| &named.phase);
                // Usage outside of phases, and of one that was not begun, is judged as the task's.
                let begun = &self.row.state.attempts;
                let phase = named.filter(|phase| begun.contains_key(*phase)).cloned();
                let advance = phase.map_or(Advance::Completion, Advance::Phase);
                self.ask(&Asked { task: event.task, advance: &advance, at }, rules, None);
            }
            EventBody::Task(TaskEvent::OverrideGranted(granted)) => self.override_with(&granted.scope),
            EventBody::Task(_)
            | EventBody::Usage(_)
            | EventBody::Ledger(_)
            | EventBody::Alert(_)
            | EventBody::Inbox(_)
            | EventBody::Price(_)
            | EventBody::Budget(_)
            | EventBody::Bill(_)
            | EventBody::Key(_)
            | EventBody::Report(_) => {}
        }
        fold_task(&mut self.row, event);
        // Before anything is decided because of it: what led to a block is not after it.
        if let EventBody::Usage(usage) = event.body {
            for under in &mut self.under {
                let asked = under.asking.iter_mut().flat_map(|asking| asking.crossings_mut());
                for crossing in under.outcome.first.as_deref_mut().into_iter().chain(asked) {
                    crossing.after.take(usage, at, Some(crossing.at));
                }
            }
            add_usage(self.under.iter_mut().flat_map(|under| under.outcome.passing.steps_mut()), usage, at);
        }
        for (under, rules) in self.under.iter_mut().zip(rules) {
            if let EventBody::Task(TaskEvent::TaskOpened(opened)) = event.body {
                under.begin(&self.row, rules.limits_of(&opened.metadata), rules.pool.as_ref());
            } else {
                under.follow(&self.row, event, at, rules);
            }
        }
        if !matches!(event.body, EventBody::Gate(_)) {
            self.asked = None;
        }
        let is_closed = matches!(event.body, EventBody::Task(TaskEvent::TaskClosed(_)));
        if is_closed {
            for under in &mut self.under {
                under.close(&self.row, at);
            }
        }
        is_closed
    }

    /// Every candidate's gate decides whether the task may advance, as of this moment. What the live gate decided then
    /// is put beside it.
    fn ask(&mut self, asked: &Asked<'_>, rules: &[Rules], live: Option<(&GateDecided, &mut [Compared])>) {
        if live.is_none() && self.asked.as_ref() == Some(asked.advance) {
            return;
        }
        self.asked = Some(asked.advance.clone());
        let (live, compared) = live.map_or((None, &mut [][..]), |(live, compared)| (Some(live), compared));
        let mut compared = compared.iter_mut();
        // Figures do not depend on limits, but for which latency they budget.
        let (mut full, mut active) = (None, None);
        for (under, rules) in self.under.iter_mut().zip(rules) {
            let beside = compared.next();
            let Some(limits) = under.limits.clone() else { continue };
            let known = match limits.budgeted_latency {
                BudgetedLatency::Full => &mut full,
                BudgetedLatency::Active => &mut active,
            };
            let of_kind = known.get_or_insert_with(|| {
                unlimited_figures(asked.task, &self.row, limits.budgeted_latency, Some(asked.at))
            });
            let decided = under.decide(asked, of_kind, &limits, rules);
            under.decide_fixed(asked, of_kind, rules);
            if let (Some(live), Some(beside)) = (live, beside) {
                beside.add(live, &decided);
            }
        }
    }

    /// What a person set aside holds under every candidate: it is a fact of the history.
    fn override_with(&mut self, scope: &OverrideScope) {
        for under in &mut self.under {
            if let Some(following) = &mut under.following {
                following.override_with(scope);
            }
            match scope {
                OverrideScope::Limit { phase, limit } => {
                    if let Some(limits) = &mut under.limits {
                        Arc::make_mut(limits).set_aside(phase, *limit);
                    }
                }
                OverrideScope::Block { advance } => {
                    let asked = under.asking.iter_mut().flat_map(|asking| asking.crossings_mut());
                    let crossings = under.outcome.first.as_deref_mut().into_iter().chain(asked);
                    for crossing in crossings.filter(|crossing| crossing.advance == *advance) {
                        crossing.set_aside = true;
                    }
                    under.outcome.passing.set_aside(advance);
                }
            }
        }
    }

    /// What is kept of the task once its outcome is settled.
    pub(super) fn settle(mut self) -> Settled {
        self.held.pass_rest(|event| fold_task(&mut self.row, event));
        let total = figures(&self.row, None).total;
        let opened = self.row.opened.as_ref();
        let is_completed = self.row.state.stage == TaskStage::Closed(TaskOutcome::Completed);
        let limits = self.under.iter().find_map(|under| under.limits.as_deref());
        let followed = self.under.iter().find_map(|under| under.following.as_deref());
        let class = limits.map(|limits| Class::of(&self.row, limits, followed.map(|it| &it.progress)));
        let under = self.under.into_iter().map(|under| SettledUnder {
            limit_tokens: under.limits.as_ref().map(|limits| limits.total_tokens()),
            total_tokens: under.total_tokens(),
            asked_tokens: under.outcome.asked,
            unknown_phase: under.unknown_phase,
            worst: under.outcome.worst,
            first: under.outcome.first,
            passed: under.outcome.passing.settle(),
            progress: under.following.map(|following| Box::new(following.settle(is_completed))),
            pool: under.asking,
        });
        let saved = SavedTask::of(&self.row).map(Box::new);
        Settled {
            is_remediation: opened.is_some_and(|opened| opened.producer == LEDGER_PRODUCER),
            stage: self.row.state.stage,
            class,
            is_opened: opened.is_some(),
            enforcement: self.row.state.enforcement,
            mark: self.row.mark.as_ref().map(|marked| marked.mark),
            used: Used {
                tokens: total.tokens.total(),
                cost: total.cost,
                unpriced_tokens: total.unpriced_tokens,
                unpriced_units: total.units.unpriced.clone(),
            },
            live: self.live,
            stopped_live: self.row.blocked().is_some() && !self.live.went_on && !is_completed,
            saved,
            under: under.collect(),
        }
    }
}

impl Under {
    /// It has limits from now on.
    fn begin(&mut self, row: &TaskRow, given: Given, pool: Option<&PoolRules>) {
        self.following = Following::begin(row, &given.limits);
        self.asking = pool.map(|_| Box::new(Asking::of(given.limits.importance)));
        (self.limits, self.unknown_phase) = (Some(given.limits), given.unknown_phase);
    }

    /// It closes: what it leaves of its limit is for others.
    fn close(&mut self, row: &TaskRow, at: Timestamp) {
        let (Some(asking), Some(limits)) = (&mut self.asking, &self.limits) else { return };
        let gives = row.state.stage == TaskStage::Closed(TaskOutcome::Completed)
            && row.state.enforcement == Enforcement::On;
        let used = figures(row, None).total.tokens.total();
        let progress = self.following.as_deref().map(|following| &following.progress);
        let limit = total_limit(limits, progress);
        asking.close(at, gives && used > 0, used, limit);
    }

    /// The limit of all phases together, with what progress added to it; nothing without limits.
    fn total_tokens(&self) -> u64 {
        let progress = self.following.as_deref().map(|following| &following.progress);
        self.limits.as_deref().map_or(0, |limits| total_limit(limits, progress))
    }

    /// Where its budget follows progress: takes what happened, and asks the gate if that is due.
    fn follow(&mut self, row: &TaskRow, event: &RecordedEvent<'_>, at: Timestamp, rules: &Rules) {
        let (Some(following), Some(limits)) = (&mut self.following, self.limits.clone()) else { return };
        let Some(phase) = following.take(&limits, event.body) else { return };
        let asked = Asked { task: event.task, advance: &Advance::Phase(phase), at };
        let figures = unlimited_figures(event.task, row, limits.budgeted_latency, Some(at));
        self.decide(&asked, &figures, &limits, rules);
    }

    fn decide(
        &mut self,
        asked: &Asked<'_>,
        of_kind: &TaskFigures<'_>,
        limits: &TaskLimits,
        rules: &Rules,
    ) -> GateDecided {
        let progress = self.following.as_deref().map(|following| &following.progress);
        let figures = TaskFigures { limits: Some(limits), progress, ..of_kind.clone() };
        let decided = self.outcome.decide(asked, &figures, limits, rules);
        if let (Some(asking), Some(pool), Verdict::Block) = (&mut self.asking, &rules.pool, decided.verdict) {
            asking.ask(pool, &decided, asked.at, || crossing(asked, &decided, &figures, limits, rules));
        }
        if let Some(following) = &mut self.following {
            following.decided(&decided, asked.at, of_kind.tokens_used);
        }
        decided
    }

    /// What the same limits say as fixed ones.
    fn decide_fixed(&mut self, asked: &Asked<'_>, of_kind: &TaskFigures<'_>, rules: &Rules) {
        let Some(following) = &mut self.following else { return };
        let fixed = Arc::clone(&following.fixed);
        let figures = TaskFigures { limits: Some(&fixed), ..of_kind.clone() };
        let decided = decide(&figures, asked.advance, rules.enforced);
        following.decided_fixed(&decided, asked.at, of_kind.tokens_used);
    }
}

impl Outcome {
    fn decide(
        &mut self,
        asked: &Asked<'_>,
        figures: &TaskFigures<'_>,
        limits: &TaskLimits,
        rules: &Rules,
    ) -> GateDecided {
        let decided = decide(figures, asked.advance, rules.enforced);
        let verdict = decided.verdict;
        if let Some(tokens) = decided.tokens {
            self.passing.ask(asked.advance, asked.at, tokens);
            self.asked = tokens.used;
        }
        let is_worse = self.first.as_ref().is_none_or(|first| first.verdict < verdict);
        self.worst = self.worst.max(Some(verdict));
        if verdict == Verdict::Allow || !is_worse {
            return decided;
        }
        if let Some(crossing) = crossing(asked, &decided, figures, limits, rules) {
            self.first = Some(Box::new(crossing));
        }
        decided
    }
}

fn total_limit(limits: &TaskLimits, progress: Option<&TaskProgress>) -> u64 {
    progress.map_or_else(|| limits.total_tokens(), |progress| progress.total_limit(limits))
}
