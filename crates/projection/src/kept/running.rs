//! What time makes of a task whose executions have not all ended, without its row.

use serde::{Deserialize, Serialize};
use tollgate_domain::breach::{BreachStatus, Utilization};
use tollgate_domain::config::BudgetedLatency;
use tollgate_domain::task::TaskStage;
use tollgate_domain::time::{Day, Timestamp};
use tollgate_wire::api::BudgetStatus;

use super::facet::Facet;
use crate::overview::planned;
use crate::status::{Execution, TaskRow, TaskSums};

/// What time makes of a task: its latency grows while an execution runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Running {
    /// Whether it has an active execution.
    pub active: bool,
    /// Since when the earliest execution of an open task has been running; `None`: it is not planned or not open.
    pub since: Option<Timestamp>,
    /// The day on which the task began.
    pub began: Day,
    /// From when on it is above its limits; `None`: it is already, or never.
    warning_from: Option<Timestamp>,
    /// From when on it is above 1.5 times its limits; likewise.
    exceeded_from: Option<Timestamp>,
}

impl Running {
    /// That of a task; `None`: time makes nothing of it.
    pub(super) fn of(row: &TaskRow, sums: &TaskSums) -> Option<Self> {
        let active = row.state.active.is_some();
        if !active && row.executions.iter().all(|execution| execution.ended_at.is_some()) {
            return None;
        }
        let open = planned(row).filter(|_| row.state.stage == TaskStage::Open);
        let since = open.and_then(|_| row.running().map(Execution::running_since).min());
        let (mut warning_from, mut exceeded_from) = (None, None);
        if let Some(limits) = row.state.limits.as_deref() {
            let (tokens, limit) = (sums.tokens.used(), limits.total_latency_ms());
            let now = Utilization::new(tokens, limits.total_tokens())
                .breach()
                .max(Utilization::new(sums.latency_ms, limit).breach());
            let [warning, exceeded] = above(limit);
            if now < BreachStatus::Warning {
                warning_from = reaches(row, sums.latency_ms, warning);
            }
            if now < BreachStatus::Exceeded {
                exceeded_from = reaches(row, sums.latency_ms, exceeded);
            }
        }
        let found = Self { active, since, began: row.began_at().day(), warning_from, exceeded_from };
        let matters = active || since.is_some() || warning_from.is_some() || exceeded_from.is_some();
        matters.then_some(found)
    }

    /// Its budget status at a time, if it is listed by this facet.
    #[must_use]
    pub fn status(&self, facet: &Facet, now: Timestamp) -> &'static str {
        if self.exceeded_from.is_some_and(|from| now >= from) {
            BudgetStatus::Exceeded.as_str()
        } else if self.warning_from.is_some_and(|from| now >= from) {
            BudgetStatus::Warning.as_str()
        } else {
            facet.status()
        }
    }
}

/// The smallest latencies with which a limit is passed, and passed 1.5 times.
fn above(limit: u64) -> [u128; 2] {
    let limit = u128::from(limit);
    [limit.saturating_add(1), limit.saturating_mul(3).div_euclid(2).saturating_add(1)]
}

/// When the latency of a task reaches a number of milliseconds, which it has not with those of ended executions alone.
fn reaches(row: &TaskRow, ended_ms: u64, wanted: u128) -> Option<Timestamp> {
    let missing = i128::try_from(wanted.saturating_sub(ended_ms.into())).ok()?;
    let waits = row.budgeted() == BudgetedLatency::Active;
    let running = || row.executions.iter().filter(|execution| execution.ended_at.is_none());
    let mut all = running();
    let first = all.next()?;
    if all.next().is_none() {
        let wait = if waits { first.activity.wait_ms } else { 0 };
        let after = missing.saturating_add(wait.into()).saturating_mul(1000);
        let at = i128::from(first.started_at.micros()).saturating_add(after);
        return Timestamp::from_micros(i64::try_from(at).ok()?).ok();
    }
    // Several at once: the first time at which together they have taken as long.
    let reached = |at: Timestamp| {
        let latency = running().map(|execution| execution.latency(row.budgeted(), Some(at)).counted());
        latency.fold(0_i128, |sum, ms| sum.saturating_add(ms.into())) >= missing
    };
    let (mut before, mut from) =
        (running().map(|execution| execution.started_at).min()?.micros(), 253_402_300_799_999_999_i64);
    if !reached(Timestamp::from_micros(from).ok()?) {
        return None;
    }
    while from.saturating_sub(before) > 1 {
        let middle = before.saturating_add(from.saturating_sub(before).div_euclid(2));
        if reached(Timestamp::from_micros(middle).ok()?) {
            from = middle;
        } else {
            before = middle;
        }
    }
    Timestamp::from_micros(from).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_are_passed_by_one_millisecond() {
        for limit in [0_u64, 1, 2, 3, 999, 1000, 1001] {
            let [warning, exceeded] = above(limit);
            for (used, expected) in [
                (warning - 1, BreachStatus::Within),
                (
                    exceeded - 1,
                    if exceeded == warning { BreachStatus::Within } else { BreachStatus::Warning },
                ),
                (exceeded, BreachStatus::Exceeded),
            ] {
                assert_eq!(Utilization::new(used, limit).breach(), expected, "{used} of {limit}");
            }
        }
    }
}
