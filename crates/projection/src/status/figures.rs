//! Figures that follow from a task's row and, while an execution runs, from the current time.

use tollgate_domain::breach::{BreachStatus, Utilization};
use tollgate_domain::config::BudgetedLatency;
use tollgate_domain::gate::{PhaseFigures, TaskFigures};
use tollgate_domain::limits::PhaseLimit;
use tollgate_domain::phase::Phase;
use tollgate_domain::time::Timestamp;

use super::row::{Activity, Execution, TaskRow};

/// Figures of a task as a whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Figures {
    /// Everything recorded about it.
    pub total: Activity,
    /// Budgeted latency over all executions, in milliseconds.
    pub latency_ms: u64,
    /// Tokens against the limit.
    pub tokens: Option<Utilization>,
    /// Latency against the limit.
    pub latency: Option<Utilization>,
    /// The higher of the two; `None` without limits.
    pub breach: Option<BreachStatus>,
    /// The highest pressure level reached, in percent.
    pub level: Option<u32>,
    /// Tokens that named an execution that has not started.
    pub unmatched_tokens: i128,
}

/// How long an execution took.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Latency {
    /// Budgeted milliseconds; up to now for a running execution.
    Known(u64),
    /// It ended before its start or more than a day after it: counts as 0, and no limit is enforced. The
    /// value is what was measured.
    Anomalous(i64),
}

impl Latency {
    /// The milliseconds that count: 0 if they are implausible.
    #[must_use]
    pub const fn counted(self) -> u64 {
        match self {
            Self::Known(ms) => ms,
            Self::Anomalous(_) => 0,
        }
    }
}

impl Execution {
    /// How long it took, in the kind of time that is budgeted. A running execution counts up to `now`,
    /// whatever its age: it is considered plausible until it has ended. Without `now` it counts as 0 so far.
    #[must_use]
    pub fn latency(&self, budgeted: BudgetedLatency, now: Option<Timestamp>) -> Latency {
        let measured = match (self.ended_at, now) {
            (Some(end), _) => end.latency_since(self.started_at),
            // Clocks of two machines differ a little: a start in the future has taken no time so far.
            (None, Some(now)) => Ok(u64::try_from(now.millis_since(self.started_at)).unwrap_or(0)),
            (None, None) => Ok(0),
        };
        match (measured, budgeted) {
            (Ok(ms), BudgetedLatency::Full) => Latency::Known(ms),
            (Ok(ms), BudgetedLatency::Active) => Latency::Known(ms.saturating_sub(self.activity.wait_ms)),
            (Err(measured), _) => Latency::Anomalous(measured),
        }
    }
}

impl TaskRow {
    /// The tokens that a phase may use: those of its limit, with what was added for progress, carried to it and left
    /// by it.
    #[must_use]
    pub fn tokens_limit(&self, limit: &PhaseLimit) -> u64 {
        let known = self.progress.as_deref().and_then(|progress| progress.phase(&limit.phase));
        known.map_or(limit.tokens, |known| known.effective_limit(limit.tokens))
    }

    /// The limit of a phase, with the tokens that it may use; `None`: it has none.
    #[must_use]
    pub fn limit_of(&self, phase: &Phase) -> Option<(&PhaseLimit, u64)> {
        let limit = self.state.limits.as_deref()?.phase(phase)?;
        Some((limit, self.tokens_limit(limit)))
    }

    /// The breach status of an execution against its phase's limit.
    #[must_use]
    pub fn breach(&self, execution: &Execution, limit: &PhaseLimit, latency: Latency) -> BreachStatus {
        let used = execution.activity.tokens.used();
        let tokens = Utilization::new(used, self.tokens_limit(limit)).breach();
        match latency {
            Latency::Known(ms) => tokens.max(Utilization::new(ms, limit.latency_ms).breach()),
            Latency::Anomalous(_) => tokens,
        }
    }

    /// Which time is budgeted: full if the task has no limits.
    #[must_use]
    pub fn budgeted(&self) -> BudgetedLatency {
        self.state.limits.as_ref().map_or(BudgetedLatency::Full, |limits| limits.budgeted_latency)
    }
}

/// The figures of a task; `now` is the time up to which running executions count.
#[must_use]
pub fn figures(row: &TaskRow, now: Option<Timestamp>) -> Figures {
    let mut total = row.unphased.clone();
    let mut unmatched_tokens: i128 = 0;
    for activity in row.unmatched.values() {
        total.add(activity);
        unmatched_tokens = unmatched_tokens.saturating_add(activity.tokens.total());
    }
    let mut latency_ms: u64 = 0;
    for execution in &row.executions {
        total.add(&execution.activity);
        latency_ms = latency_ms.saturating_add(execution.latency(row.budgeted(), now).counted());
    }
    let limits = row.state.limits.as_deref();
    let tokens = limits.map(|limits| {
        let progress = row.progress.as_deref();
        let limit = progress.map_or_else(|| limits.total_tokens(), |progress| progress.total_limit(limits));
        Utilization::new(total.tokens.used(), limit)
    });
    let latency = limits.map(|limits| Utilization::new(latency_ms, limits.total_latency_ms()));
    let breach = tokens.zip(latency).map(|(tokens, latency)| tokens.breach().max(latency.breach()));
    let level = limits.and_then(|limits| {
        let reached = |utilization: Option<Utilization>| utilization?.level(&limits.pressure_levels);
        reached(tokens).max(reached(latency))
    });
    Figures { total, latency_ms, tokens, latency, breach, level, unmatched_tokens }
}

/// The phase that a task is about to leave, over all its attempts: the active one, otherwise the one that ended last.
#[must_use]
pub fn leaving(row: &TaskRow, now: Option<Timestamp>) -> Option<PhaseFigures> {
    leaving_by(row, row.budgeted(), now)
}

fn leaving_by(row: &TaskRow, budgeted: BudgetedLatency, now: Option<Timestamp>) -> Option<PhaseFigures> {
    let active = row.state.active.as_ref().map(|active| &active.phase);
    let phase: Phase = active.or_else(|| row.executions.last().map(|execution| &execution.id.phase))?.clone();
    let mut figures = PhaseFigures { phase, tokens_used: 0, latency_ms: 0 };
    for execution in row.executions.iter().filter(|execution| execution.id.phase == figures.phase) {
        figures.tokens_used = figures.tokens_used.saturating_add(execution.activity.tokens.used());
        let latency = execution.latency(budgeted, now).counted();
        figures.latency_ms = figures.latency_ms.saturating_add(latency.into());
    }
    Some(figures)
}

/// The figures of a task for the gate.
#[must_use]
pub fn task_figures<'a>(task: &'a str, row: &'a TaskRow, now: Option<Timestamp>) -> TaskFigures<'a> {
    TaskFigures {
        limits: row.state.limits.as_deref(),
        progress: row.progress.as_deref(),
        ..unlimited_figures(task, row, row.budgeted(), now)
    }
}

/// The figures of a task for the gate, to be compared with other limits than its own: those that budget this kind of
/// latency.
#[must_use]
pub fn unlimited_figures<'a>(
    task: &'a str,
    row: &'a TaskRow,
    budgeted: BudgetedLatency,
    now: Option<Timestamp>,
) -> TaskFigures<'a> {
    let mut tokens = row.unphased.tokens;
    row.unmatched.values().for_each(|activity| tokens.add(&activity.tokens));
    let mut latency_ms: u64 = 0;
    for execution in &row.executions {
        tokens.add(&execution.activity.tokens);
        latency_ms = latency_ms.saturating_add(execution.latency(budgeted, now).counted());
    }
    TaskFigures {
        task,
        limits: None,
        enforcement: row.state.enforcement,
        tokens_used: tokens.used(),
        latency_ms: latency_ms.into(),
        leaving: leaving_by(row, budgeted, now),
        active: row.state.active.as_ref(),
        passes: &row.state.passes,
        progress: None,
    }
}
