//! What a calibration learns from: what one phase of one task took.

use tollgate_domain::config::BudgetedLatency;
use tollgate_domain::event::{Mark, TaskOutcome};
use tollgate_domain::ids::{TaskId, TenantId};
use tollgate_domain::money::Usd;
use tollgate_domain::phase::Phase;
use tollgate_domain::task::TaskStage;
use tollgate_domain::tier::{Complexity, Importance};
use tollgate_domain::time::Timestamp;
use tollgate_projection::status::{Activity, Execution, Latency, TaskRow};

tollgate_domain::words!(
    /// How a task ended, as far as limits can be learned from it.
    Outcome {
        /// It was completed.
        Finished = "finished",
        /// A person said that it needed what it used.
        Legitimate = "legitimate",
        /// Nobody said how it ended: an imported session.
        Unknown = "unknown",
        /// It was cancelled or abandoned.
        Failed = "failed",
        /// A person said that it wasted what it used.
        Runaway = "runaway",
        /// It is still open.
        Unfinished = "unfinished"
    }
);

impl Outcome {
    /// Whether limits are to fit it: stopping such a task would be a false positive.
    #[must_use]
    pub const fn is_good(self) -> bool {
        match self {
            Self::Finished | Self::Legitimate | Self::Unknown => true,
            Self::Failed | Self::Runaway | Self::Unfinished => false,
        }
    }
}

/// What one phase of one task took, over all its attempts. Several samples of the same phase of a task are added up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sample {
    /// Owner of the task.
    pub tenant: TenantId,
    /// Which task.
    pub task: TaskId,
    /// Which phase; `None`: usage of the task outside of its phases, which counts in its total only.
    pub phase: Option<Phase>,
    /// The task's complexity when it opened.
    pub complexity: Complexity,
    /// The task's importance when it opened.
    pub importance: Importance,
    /// Tokens used.
    pub tokens: u64,
    /// Milliseconds without waits; `None`: not known.
    pub latency_ms: Option<u64>,
    /// What it cost; `None`: part of it has no price.
    pub cost: Option<Usd>,
    /// When the task began; the earliest of its samples counts.
    pub at: Timestamp,
    /// How the task ended.
    pub outcome: Outcome,
}

/// The samples of a task: a row of the view `status`. `mark`: what a person says that it was, before what its row says.
#[must_use]
pub fn samples_of(tenant: &TenantId, task: &TaskId, row: &TaskRow, mark: Option<Mark>) -> Vec<Sample> {
    let limits = row.state.limits.as_deref();
    let sample = |phase: Option<Phase>, activity: &Activity, latency_ms: Option<u64>| Sample {
        tenant: tenant.clone(),
        task: task.clone(),
        phase,
        complexity: limits.map(|limits| limits.complexity).unwrap_or_default(),
        importance: limits.map(|limits| limits.importance).unwrap_or_default(),
        tokens: u64::try_from(activity.tokens.used()).unwrap_or(u64::MAX),
        latency_ms,
        cost: is_priced(activity).then_some(activity.cost),
        at: row.began_at(),
        outcome: outcome_of(row, mark),
    };
    let mut samples: Vec<Sample> = row
        .executions
        .iter()
        .map(|execution| sample(Some(execution.id.phase.clone()), &execution.activity, active_ms(execution)))
        .collect();
    let unmatched = row.unmatched.iter().map(|(named, activity)| {
        // It adds no time to executions that are known. Without any, how long the phase took is not known.
        let ran = row.executions.iter().any(|execution| execution.id.phase == named.phase);
        sample(Some(named.phase.clone()), activity, ran.then_some(0))
    });
    samples.extend(unmatched);
    if row.unphased.usage_events > 0 || row.unphased.adjustments > 0 {
        samples.push(sample(None, &row.unphased, Some(0)));
    }
    samples
}

/// Whether all that was used has a price.
fn is_priced(activity: &Activity) -> bool {
    activity.unpriced_tokens == 0 && activity.units.unpriced.is_empty()
}

fn active_ms(execution: &Execution) -> Option<u64> {
    execution.ended_at?;
    match execution.latency(BudgetedLatency::Active, None) {
        Latency::Known(ms) => Some(ms),
        Latency::Anomalous(_) => None,
    }
}

/// A person's word counts before how the task was closed.
fn outcome_of(row: &TaskRow, mark: Option<Mark>) -> Outcome {
    match mark.or(row.mark.as_ref().map(|marked| marked.mark)) {
        Some(Mark::Legitimate) => return Outcome::Legitimate,
        Some(Mark::Runaway) => return Outcome::Runaway,
        None => {}
    }
    match row.state.stage {
        TaskStage::Implicit => Outcome::Unknown,
        TaskStage::Open => Outcome::Unfinished,
        TaskStage::Closed(TaskOutcome::Completed) => Outcome::Finished,
        TaskStage::Closed(TaskOutcome::Cancelled | TaskOutcome::Abandoned) => Outcome::Failed,
    }
}

#[cfg(test)]
mod tests {
    use tollgate_domain::units::{Unit, UnitSums};

    use super::*;

    #[test]
    fn what_something_without_a_price_cost_is_not_known() {
        let pages = UnitSums::from_pairs([(Unit::Pages, 2)]);
        for (tokens, units, known) in
            [(0, UnitSums::default(), true), (7, UnitSums::default(), false), (0, pages.clone(), false)]
        {
            let mut row = TaskRow::default();
            row.unphased.usage_events = 1;
            row.unphased.unpriced_tokens = tokens;
            row.unphased.units.unpriced = units;
            let samples = samples_of(&TenantId::default_tenant(), &TaskId::new("T").unwrap(), &row, None);
            assert_eq!(samples[0].cost.is_some(), known, "{tokens}");
        }
    }
}
