//! What each phase of a task used over all its attempts.

use tollgate_domain::breach::Utilization;
use tollgate_domain::config::BudgetedLatency;
use tollgate_domain::decimal::Decimal;
use tollgate_domain::phase::Phase;
use tollgate_domain::time::Timestamp;

use super::words::used_of_limit;
use crate::status::{Activity, Execution, Latency, TaskRow};

/// Above this utilization a phase is an anomaly.
pub(super) const FAR_ABOVE: Decimal = Decimal::new(15, 1);

/// Below this token utilization a phase that ended is an anomaly.
pub(super) const FAR_BELOW: Decimal = Decimal::new(5, 1);

/// What a phase used over all its attempts, against its one limit.
pub(super) struct PhaseUse<'a> {
    pub(super) phase: &'a Phase,
    attempts: usize,
    pub(super) usage_events: u64,
    pub(super) runs: bool,
    pub(super) tokens: Utilization,
    pub(super) latency: Utilization,
    /// Milliseconds of the attempts that ended, waits included.
    pub(super) took_ms: u64,
}

impl PhaseUse<'_> {
    /// `3,881 / 2,400 tokens (162%) in 2 attempts`.
    pub(super) fn tokens(&self) -> String {
        format!("{}{}", used_of_limit(&self.tokens), self.attempts())
    }

    pub(super) fn attempts(&self) -> String {
        match self.attempts {
            1 => String::new(),
            attempts => format!(" in {attempts} attempts"),
        }
    }
}

/// The phases that have started, in order.
pub(super) fn phases(row: &TaskRow, now: Option<Timestamp>) -> impl Iterator<Item = PhaseUse<'_>> {
    let limits = row.state.limits.iter().flat_map(|limits| &limits.phases);
    limits.filter_map(move |limit| {
        let of_phase = || row.executions.iter().filter(|execution| execution.id.phase == limit.phase);
        let latency = |execution: &Execution| u128::from(execution.latency(row.budgeted(), now).counted());
        let mut total = Activity::default();
        of_phase().for_each(|execution| total.add(&execution.activity));
        let attempts = of_phase().count();
        (attempts > 0).then(|| PhaseUse {
            phase: &limit.phase,
            attempts,
            usage_events: total.usage_events,
            runs: of_phase().any(|execution| execution.ended_at.is_none()),
            tokens: Utilization::new(total.tokens.used(), row.tokens_limit(limit)),
            latency: Utilization::new(of_phase().map(latency).sum::<u128>(), limit.latency_ms),
            took_ms: of_phase()
                .map(|execution| execution.latency(BudgetedLatency::Full, None).counted())
                .sum(),
        })
    })
}

/// Every execution of a phase with a limit: tokens, and latency if its limit is enforced.
pub(super) fn utilizations(
    row: &TaskRow,
    now: Option<Timestamp>,
) -> impl Iterator<Item = (&Execution, Utilization, Option<Utilization>)> {
    row.executions.iter().filter_map(move |execution| {
        let (limit, tokens) = row.limit_of(&execution.id.phase)?;
        let tokens = Utilization::new(execution.activity.tokens.used(), tokens);
        let latency = match execution.latency(row.budgeted(), now) {
            Latency::Known(ms) => Some(Utilization::new(ms, limit.latency_ms)),
            Latency::Anomalous(_) => None,
        };
        Some((execution, tokens, latency))
    })
}
