//! From recorded events to task rows.

use tollgate_domain::event::{
    EventBody, GateEvent, OverrideGranted, OverrideScope, RecordedEvent, TaskEvent, TaskMarked, TaskOpened,
    UsageEvent,
};
use tollgate_domain::gate::{GateDecided, Verdict};
use tollgate_domain::money::Usd;
use tollgate_domain::phase::ExecutionId;
use tollgate_domain::position::Sequence;
use tollgate_domain::task::{TaskStage, evolve};
use tollgate_domain::tokens::TokenSums;
use tollgate_domain::units::UnitSums;
use tollgate_domain::usage::{NamedExecution, Unpriced, UsageAdjusted, UsageRecorded, UsageRepriced};

use super::Status;
use super::progress::follow_progress;
use super::row::{
    Activity, Bypass, Closed, Decision, Execution, Explanation, ImportanceChange, KEPT_DECISIONS, MarkedAs,
    Opened, Override, TaskRow,
};
use crate::fold::{Projection, Rows, task_key};
use crate::kept::TaskFigures;

impl Projection for Status {
    const NAME: &'static str = "status";
    const VERSION: u32 = 15;
    const AWAITED: bool = true;
    type Row = TaskRow;
    type Kept = TaskFigures;
    type Live = ();

    fn apply<R: Rows<TaskRow>>(&self, event: &RecordedEvent<'_>, rows: &mut R) -> Result<(), R::Error> {
        if !event.concerns_task() {
            return Ok(());
        }
        let row = rows.change(&task_key(event.tenant, event.task), || TaskRow::begun_by(event))?;
        fold(row, event);
        Ok(())
    }

    fn last_decision<R: Rows<TaskRow>>(
        &self,
        tenant: &str,
        subject: &str,
        record: Sequence,
        rows: &mut R,
    ) -> Result<(), R::Error> {
        let key = task_key(tenant, subject);
        if rows.get(&key)?.is_some() {
            let row = rows.change(&key, TaskRow::default)?;
            row.last_decision = row.last_decision.max(record);
        }
        Ok(())
    }
}

/// Folds one event into the row of its task: the fold without a keeper of rows. The row of a task that had no event
/// yet begins with [`TaskRow::begun_by`].
pub fn fold(row: &mut TaskRow, event: &RecordedEvent<'_>) {
    move_on(row, event);
    fold_body(row, event);
    follow_progress(row, event.body);
}

fn fold_body(row: &mut TaskRow, event: &RecordedEvent<'_>) {
    match event.body {
        EventBody::Usage(said) => fold_usage(row, said, event),
        EventBody::Task(became) => fold_task(row, became, event),
        EventBody::Gate(GateEvent::GateDecided(decided)) => keep_decision(row, decided, event),
        EventBody::Ledger(_)
        | EventBody::Alert(_)
        | EventBody::Inbox(_)
        | EventBody::Budget(_)
        | EventBody::Price(_)
        | EventBody::Bill(_)
        | EventBody::Key(_)
        | EventBody::Report(_) => {}
    }
}

fn fold_usage(row: &mut TaskRow, said: &UsageEvent, event: &RecordedEvent<'_>) {
    match said {
        UsageEvent::UsageRecorded(usage) => record_usage(row, usage, event),
        UsageEvent::UsageAdjusted(adjusted) => adjust_usage(row, adjusted),
        UsageEvent::UsageRepriced(repriced) => reprice_usage(row, repriced),
        UsageEvent::WaitRecorded(wait) => {
            let activity = activity_of(row, wait.execution.as_ref());
            activity.wait_ms = activity.wait_ms.saturating_add(wait.wait_ms);
        }
        UsageEvent::SignalRecorded(signal) => {
            let activity = activity_of(row, signal.execution.as_ref());
            let sum = activity.signals.entry(signal.name.clone()).or_default();
            *sum = sum.saturating_add(signal.value.into());
        }
        UsageEvent::PhaseExplained(explained) => row.explanations.push(Explanation {
            sequence: event.sequence,
            at: event.occurred_at,
            execution: explained.execution.clone(),
            author: explained.author.clone(),
            text: explained.explanation.clone(),
        }),
    }
}

fn fold_task(row: &mut TaskRow, became: &TaskEvent, event: &RecordedEvent<'_>) {
    match became {
        TaskEvent::TaskOpened(opened) => row.opened = Some(describe(opened, event)),
        TaskEvent::TaskClosed(closed) => {
            row.closed = Some(Closed {
                at: event.occurred_at,
                recorded_at: event.recorded_at,
                outcome: closed.outcome,
                reason: closed.reason.clone(),
                author: closed.author.clone(),
            });
        }
        TaskEvent::PhaseStarted(started) => {
            if let Some(execution) = started.execution() {
                start(row, execution, event);
            }
            if started.concluded_by.is_some() {
                row.concluded_by.clone_from(&started.concluded_by);
            }
        }
        TaskEvent::PhaseEnded(ended) => {
            if let Some(execution) = ended.execution().and_then(|id| find(row, &id)) {
                execution.ended_at = Some(event.occurred_at);
            }
        }
        TaskEvent::OverrideGranted(granted) => row.overrides.push(set_aside(granted, event)),
        TaskEvent::ImportanceChanged(changed) => row.importance_changes.push(ImportanceChange {
            sequence: event.sequence,
            at: event.occurred_at,
            from: changed.from,
            to: changed.to,
            author: changed.author.clone(),
            reason: changed.reason.clone(),
        }),
        TaskEvent::TaskMarked(marked) => row.mark = Some(judged(marked, event)),
    }
}

/// What every event updates: the times of the task, its state, and what is known about clocks and blocks.
fn move_on(row: &mut TaskRow, event: &RecordedEvent<'_>) {
    // That its price is another one is nothing that the task did.
    if !matches!(event.body, EventBody::Usage(UsageEvent::UsageRepriced(_))) {
        let at = event.occurred_at.believed(event.recorded_at);
        row.first_at = row.first_at.min(at);
        row.last_at = row.last_at.max(at);
    }
    note_bypass(row, event);
    evolve(&mut row.state, event.body);
    note_skew(row, event);
    if event.body.is_decision() {
        row.last_decision = event.sequence;
    }
}

/// Records how far a producer's clock is from the ledger's, or that it is right again. Events dated in the
/// past may just be old, like imports: they only count as skew for an open task, whose producers are working
/// on it now.
fn note_skew(row: &mut TaskRow, event: &RecordedEvent<'_>) {
    if !is_dated_by_its_producer(event.body) {
        return;
    }
    match event.occurred_at.skew_ms(event.recorded_at) {
        Some(ms) if ms > 0 || row.state.stage == TaskStage::Open => {
            row.skews.insert(event.producer.to_owned(), ms);
        }
        Some(_) => {}
        None => {
            row.skews.remove(event.producer);
        }
    }
}

/// Whether the event's time is from the clock of whoever works on the task: the ledger dates its own events,
/// and people may backdate theirs.
fn is_dated_by_its_producer(body: &EventBody) -> bool {
    match body {
        EventBody::Task(
            TaskEvent::TaskOpened(_)
            | TaskEvent::TaskClosed(_)
            | TaskEvent::PhaseStarted(_)
            | TaskEvent::PhaseEnded(_),
        )
        | EventBody::Usage(
            UsageEvent::UsageRecorded(_) | UsageEvent::WaitRecorded(_) | UsageEvent::SignalRecorded(_),
        ) => true,
        EventBody::Usage(
            UsageEvent::UsageAdjusted(_) | UsageEvent::UsageRepriced(_) | UsageEvent::PhaseExplained(_),
        )
        | EventBody::Task(
            TaskEvent::OverrideGranted(_) | TaskEvent::ImportanceChanged(_) | TaskEvent::TaskMarked(_),
        )
        | EventBody::Gate(_)
        | EventBody::Ledger(_)
        | EventBody::Price(_)
        | EventBody::Alert(_)
        | EventBody::Inbox(_)
        | EventBody::Budget(_)
        | EventBody::Bill(_)
        | EventBody::Key(_)
        | EventBody::Report(_) => false,
    }
}

/// Records that a task goes on although the gate's last answer blocks it.
fn note_bypass(row: &mut TaskRow, event: &RecordedEvent<'_>) {
    let Some(went) = event.body.goes_on() else { return };
    let Some(decision) = row.blocked() else { return };
    let bypass = Bypass {
        sequence: event.sequence,
        at: event.occurred_at,
        went,
        decision: decision.sequence,
        blocked: decision.advance.clone(),
    };
    if row.bypasses.len() >= KEPT_DECISIONS {
        row.bypasses.remove(0);
    }
    row.bypasses.push(bypass);
}

fn judged(marked: &TaskMarked, event: &RecordedEvent<'_>) -> MarkedAs {
    MarkedAs {
        sequence: event.sequence,
        at: event.occurred_at,
        mark: marked.mark,
        author: marked.author.clone(),
        reason: marked.reason.clone(),
    }
}

fn record_usage(row: &mut TaskRow, usage: &UsageRecorded, event: &RecordedEvent<'_>) {
    let activity = activity_of(row, usage.execution.as_ref());
    let sums = TokenSums::from(usage.tokens);
    let total = sums.total();
    activity.tokens.add(&sums);
    activity.usage_events = activity.usage_events.saturating_add(1);
    activity.heard_at = activity.heard_at.max(Some(event.recorded_at));
    if usage.estimated {
        activity.estimated_tokens = activity.estimated_tokens.saturating_add(total);
    }
    if !usage.units.is_empty() {
        activity.units.used.add(&UnitSums::from(&usage.units));
    }
    add_cost(activity, usage.cost.usd(), &usage.unpriced());
}

/// A correction applies where its usage was counted, and subtracts no more than was left of it. If the usage was not
/// found it subtracts nothing, and what it adds is in the task's totals only.
fn adjust_usage(row: &mut TaskRow, adjusted: &UsageAdjusted) {
    let counted = adjusted.counted();
    if adjusted.resolved.is_some() {
        let name = (adjusted.adjusts_producer.clone(), adjusted.adjusts.clone());
        row.corrections.entry(name).or_default().adjusted(adjusted);
    }
    let found = adjusted.resolved.as_ref();
    let activity = activity_of(row, found.and_then(|found| found.execution.as_ref()));
    activity.tokens.add(&counted.tokens);
    activity.units.used.add(&counted.units);
    activity.adjustments = activity.adjustments.saturating_add(1);
    let usd = found.map(|found| found.cost.usd()).unwrap_or_default();
    add_cost(activity, usd, &adjusted.unpriced());
}

/// Another price changes what its usage cost, where that was counted, and nothing else of the task.
fn reprice_usage(row: &mut TaskRow, repriced: &UsageRepriced) {
    let name = (repriced.adjusts_producer.clone(), repriced.adjusts.clone());
    if let Some(corrected) = row.corrections.get_mut(&name) {
        corrected.repriced();
    }
    let activity = activity_of(row, repriced.execution.as_ref());
    add_cost(activity, repriced.difference(), &repriced.newly_priced().negated());
}

fn add_cost(activity: &mut Activity, usd: Usd, unpriced: &Unpriced) {
    activity.cost = activity.cost.saturating_add(usd);
    activity.unpriced_tokens = activity.unpriced_tokens.saturating_add(unpriced.tokens);
    activity.units.unpriced.add(&unpriced.units);
}

/// Where something that refers to this execution is counted. Without an attempt: the latest one that has started.
fn activity_of<'a>(row: &'a mut TaskRow, named: Option<&NamedExecution>) -> &'a mut Activity {
    let Some(named) = named else { return &mut row.unphased };
    let names = |execution: &&mut Execution| {
        execution.id.phase == named.phase
            && named.attempt.is_none_or(|attempt| attempt == execution.id.attempt)
    };
    match row.executions.iter_mut().rev().find(names) {
        Some(execution) => &mut execution.activity,
        None => row.unmatched.entry(named.clone()).or_default(),
    }
}

fn find<'a>(row: &'a mut TaskRow, id: &ExecutionId) -> Option<&'a mut Execution> {
    row.executions.iter_mut().find(|execution| execution.id == *id)
}

/// Anything that referred to this execution before it started moves to it: events of several producers need
/// not arrive in order.
fn start(row: &mut TaskRow, id: ExecutionId, event: &RecordedEvent<'_>) {
    let mut activity = Activity::default();
    for attempt in [Some(id.attempt), None] {
        let named = NamedExecution { phase: id.phase.clone(), attempt };
        if let Some(early) = row.unmatched.remove(&named) {
            activity.add(&early);
        }
    }
    let (started_at, appended_at) = (event.occurred_at, event.recorded_at);
    // Most tasks have few, and an execution is long: no room for three that never come.
    if row.executions.len() == row.executions.capacity() {
        row.executions.reserve_exact(row.executions.len().div_euclid(2).max(1));
    }
    row.executions.push(Execution { id, started_at, appended_at, ended_at: None, activity });
}

fn describe(opened: &TaskOpened, event: &RecordedEvent<'_>) -> Opened {
    let metadata = &opened.metadata;
    Opened {
        at: event.occurred_at,
        recorded_at: event.recorded_at,
        sequence: event.sequence,
        title: metadata.title.clone(),
        justification: metadata.justification.clone(),
        tags: metadata.tags.clone(),
        labels: metadata.labels.clone(),
        author: metadata.author.clone(),
        producer: event.producer.to_owned(),
    }
}

fn set_aside(granted: &OverrideGranted, event: &RecordedEvent<'_>) -> Override {
    let what = match &granted.scope {
        OverrideScope::Limit { phase, limit } => {
            let parts = [(limit.tokens, "tokens"), (limit.latency_ms, "ms")];
            let parts: Vec<String> = parts
                .iter()
                .filter_map(|(value, unit)| value.map(|value| format!("{value} {unit}")))
                .collect();
            format!("limit of {phase} set to {}", parts.join(" and "))
        }
        OverrideScope::Block { advance } => format!("block of the advance to {advance} set aside"),
    };
    Override {
        sequence: event.sequence,
        at: event.occurred_at,
        what,
        approver: granted.approver.clone(),
        reason: granted.reason.clone(),
    }
}

fn keep_decision(row: &mut TaskRow, decided: &GateDecided, event: &RecordedEvent<'_>) {
    if row.decisions.len() >= KEPT_DECISIONS {
        row.decisions.remove(0);
        row.earlier_decisions = row.earlier_decisions.saturating_add(1);
    }
    let reasons = decided.reasons.iter();
    row.stopped |= decided.verdict == Verdict::Block;
    row.decisions.push(Decision {
        sequence: event.sequence,
        at: event.occurred_at,
        advance: decided.advance.clone(),
        verdict: decided.verdict,
        ruled: decided.ruled,
        reasons: reasons.map(|reason| (reason.code, reason.verdict, reason.message.clone())).collect(),
        requirements: decided.requirements.clone(),
        tokens: decided.tokens,
        latency: decided.latency,
        config_hash: decided.config_hash.clone(),
        as_of: decided.as_of.clone(),
        stale: decided.stale,
    });
}
