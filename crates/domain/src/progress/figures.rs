//! What the gate sees, records and answers about a task's progress.

use serde::{Deserialize, Serialize};

use super::forecast;
use super::phase::{Measure, Pace, PhaseStage, Repeated};
use super::task::TaskProgress;
use crate::limits::TaskLimits;
use crate::phase::Phase;

/// The phase that started last, in figures. Recorded with each decision, so that it can be explained.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProgressFigures {
    /// Which phase.
    pub phase: Phase,
    /// Whether it still runs.
    pub is_running: bool,
    /// What it achieves for its tokens.
    pub pace: Pace,
    /// Its tokens.
    pub tokens: u64,
    /// The most points that it has had.
    pub points: u64,
    /// Tokens since it last made progress.
    pub since_progress_tokens: u64,
    /// What came up last, and how often in a row.
    pub repeated: Option<Repeated>,
    /// Its own limit in tokens.
    pub limit_tokens: u64,
    /// What checks added to it.
    pub extended_tokens: u64,
    /// What earlier phases left to it.
    pub carried_in_tokens: u64,
    /// What it left to later phases.
    pub carried_out_tokens: u64,
    /// Reported waits in milliseconds.
    pub wait_ms: u64,
    /// The latest check, in percent of its own limit; 0: none so far.
    pub checked_percent: u64,
    /// Tokens until the next check; `None`: there is none.
    pub next_check_tokens: Option<u64>,
    /// Where it will end; `None`: it has ended, or nothing is known.
    pub forecast_phase_tokens: Option<u64>,
    /// Where the task will end; `None`: too little is known.
    pub forecast_task_tokens: Option<u64>,
}

impl ProgressFigures {
    /// The limit that holds for the phase.
    #[must_use]
    pub fn effective_limit(&self) -> u64 {
        let raised = self.limit_tokens.saturating_add(self.extended_tokens);
        raised.saturating_add(self.carried_in_tokens).saturating_sub(self.carried_out_tokens)
    }
}

impl TaskProgress {
    /// The figures of the phase that started last; `None`: none has, or there are no rules.
    #[must_use]
    pub fn figures(&self, limits: &TaskLimits) -> Option<ProgressFigures> {
        let rules = limits.progress.as_deref()?;
        let phase = self.phase(self.current.as_ref()?)?;
        let limit = limits.phase(&phase.phase)?.tokens;
        let measure = Measure { rules, limit, is_reported: self.is_reported };
        let is_running = phase.stage == PhaseStage::Running;
        let next = u128::from(phase.checked).saturating_add(1).saturating_mul(rules.check_percent.into());
        let next = u128::from(limit).saturating_mul(next).div_ceil(100);
        let left = next.saturating_sub(phase.used().into());
        Some(ProgressFigures {
            phase: phase.phase.clone(),
            is_running,
            pace: phase.pace(measure),
            tokens: phase.used(),
            points: phase.best_points,
            since_progress_tokens: phase.since_progress(),
            repeated: phase.repeated.clone(),
            limit_tokens: limit,
            extended_tokens: phase.extended,
            carried_in_tokens: phase.carried_in,
            carried_out_tokens: phase.carried_out,
            wait_ms: phase.wait_ms,
            checked_percent: phase.checked.saturating_mul(rules.check_percent.into()),
            next_check_tokens: u64::try_from(left).ok().filter(|_| is_running && limit > 0),
            forecast_phase_tokens: is_running
                .then(|| forecast::phase_tokens(phase, &self.phases, limits, rules))
                .flatten(),
            forecast_task_tokens: forecast::task_tokens(self.elsewhere_tokens, &self.phases, limits, rules),
        })
    }
}
