//! What a task used in total, as far as figures of many tasks need it. They are made for each row that changed, so
//! nothing is copied that they do not need.

use tollgate_domain::breach::{BreachStatus, Utilization};
use tollgate_domain::money::Usd;
use tollgate_domain::tokens::TokenSums;
use tollgate_domain::units::UnitSums;

use super::row::TaskRow;

/// What a task used; the same as in its [`Figures`](super::Figures) at no time.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TaskSums {
    /// Tokens, corrections included.
    pub tokens: TokenSums,
    /// Tokens that were estimated from text lengths.
    pub estimated_tokens: i128,
    /// What it cost, as far as prices are known.
    pub cost: Usd,
    /// Tokens for which no price was known.
    pub unpriced_tokens: i128,
    /// Other units without a price.
    pub unpriced_units: UnitSums,
    /// Usage events.
    pub usage_events: u64,
    /// Budgeted latency of the executions that have ended, in milliseconds.
    pub latency_ms: u64,
}

impl TaskSums {
    /// What the task of a row used.
    #[must_use]
    pub fn of(row: &TaskRow) -> Self {
        let mut sums = Self::default();
        let executions = row.executions.iter().map(|execution| &execution.activity);
        for activity in [&row.unphased].into_iter().chain(row.unmatched.values()).chain(executions) {
            sums.tokens.add(&activity.tokens);
            sums.estimated_tokens = sums.estimated_tokens.saturating_add(activity.estimated_tokens);
            sums.cost = sums.cost.saturating_add(activity.cost);
            sums.unpriced_tokens = sums.unpriced_tokens.saturating_add(activity.unpriced_tokens);
            sums.unpriced_units.add(&activity.units.unpriced);
            sums.usage_events = sums.usage_events.saturating_add(activity.usage_events);
        }
        for execution in &row.executions {
            let latency = execution.latency(row.budgeted(), None).counted();
            sums.latency_ms = sums.latency_ms.saturating_add(latency);
        }
        sums
    }

    /// The breach status as long as running executions take no time; `None` without limits.
    #[must_use]
    pub fn breach(&self, row: &TaskRow) -> Option<BreachStatus> {
        let limits = row.state.limits.as_deref()?;
        let tokens = Utilization::new(self.tokens.used(), limits.total_tokens()).breach();
        Some(tokens.max(Utilization::new(self.latency_ms, limits.total_latency_ms()).breach()))
    }
}
