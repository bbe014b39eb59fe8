//! A task under a candidate whose budgets follow progress, and beside it under the same limits as fixed ones.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use tollgate_domain::event::{EventBody, OverrideScope};
use tollgate_domain::gate::{GateDecided, Verdict};
use tollgate_domain::limits::TaskLimits;
use tollgate_domain::phase::Phase;
use tollgate_domain::progress::TaskProgress;
use tollgate_domain::progress::phase::{Measure, Pace, PhaseStage};
use tollgate_domain::time::Timestamp;
use tollgate_projection::status::{TaskRow, progress_of};

/// What is followed of an open task.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Following {
    pub(super) progress: TaskProgress,
    /// The same limits, without progress.
    pub(super) fixed: Arc<TaskLimits>,
    /// The most severe decision under these.
    fixed_worst: Option<Verdict>,
    fixed_block: Option<Block>,
    block: Option<Block>,
}

/// The first block of a task.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Block {
    pub(super) at: Timestamp,
    /// The task's tokens then.
    pub(super) tokens: u128,
}

/// What is kept of it once the task's outcome is settled.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct SettledProgress {
    /// Whether anybody reported progress.
    pub(super) is_reported: bool,
    pub(super) extended_tokens: u64,
    pub(super) carried_tokens: u64,
    pub(super) fixed_worst: Option<Verdict>,
    pub(super) fixed_block: Option<Block>,
    pub(super) block: Option<Block>,
    /// By phase, how far its tokens were from what was expected before it started, per mille of its tokens.
    pub(super) phase_errors: Vec<(Phase, u64)>,
    /// By phase, how far the task's tokens were from what was expected when it ended, per mille of the task's.
    pub(super) task_errors: Vec<(Phase, u64)>,
}

impl Following {
    /// Follows a task with these limits, if they say what counts as progress.
    pub(super) fn begin(row: &TaskRow, limits: &TaskLimits) -> Option<Box<Self>> {
        limits.progress.as_ref()?;
        let fixed = TaskLimits { progress: None, ..limits.clone() };
        let progress = progress_of(row, limits);
        let fixed = Arc::new(fixed);
        Some(Box::new(Self { progress, fixed, fixed_worst: None, fixed_block: None, block: None }))
    }

    /// Takes an event. Returns the phase in which the gate is to be asked now: it has passed a check, or began to spin.
    pub(super) fn take(&mut self, limits: &TaskLimits, event: &EventBody) -> Option<Phase> {
        let before = self.current(limits);
        self.progress.observe(limits, event);
        let (phase, checked, is_spinning) = self.current(limits)?;
        let (known, was_checked, was_spinning) = before?;
        let is_due = known == phase && (checked > was_checked || (is_spinning && !was_spinning));
        is_due.then_some(phase)
    }

    /// The phase that runs, how often it was checked, and whether it spins.
    fn current(&self, limits: &TaskLimits) -> Option<(Phase, u64, bool)> {
        let phase = self.progress.phase(self.progress.current.as_ref()?)?;
        let limit = limits.phase(&phase.phase)?.tokens;
        let measure =
            Measure { rules: limits.progress.as_deref()?, limit, is_reported: self.progress.is_reported };
        let is_spinning = phase.pace(measure) == Pace::Spinning;
        (phase.stage == PhaseStage::Running).then(|| (phase.phase.clone(), phase.checked, is_spinning))
    }

    /// What a person set aside holds for both.
    pub(super) fn override_with(&mut self, scope: &OverrideScope) {
        if let OverrideScope::Limit { phase, limit } = scope {
            Arc::make_mut(&mut self.fixed).set_aside(phase, *limit);
        }
    }

    /// Notes what was decided under the candidate.
    pub(super) fn decided(&mut self, decided: &GateDecided, at: Timestamp, tokens: u128) {
        if decided.verdict == Verdict::Block && self.block.is_none() {
            self.block = Some(Block { at, tokens });
        }
    }

    /// Notes what was decided under the fixed limits.
    pub(super) fn decided_fixed(&mut self, decided: &GateDecided, at: Timestamp, tokens: u128) {
        self.fixed_worst = self.fixed_worst.max(Some(decided.verdict));
        if decided.verdict == Verdict::Block && self.fixed_block.is_none() {
            self.fixed_block = Some(Block { at, tokens });
        }
    }

    /// What is kept. Forecasts are compared with how it ended, if it did.
    pub(super) fn settle(self, is_completed: bool) -> SettledProgress {
        let sum = |of: fn(&tollgate_domain::progress::phase::PhaseProgress) -> u64| {
            self.progress.phases.iter().map(of).fold(0, u64::saturating_add)
        };
        let (phase_errors, task_errors) =
            if is_completed { errors(&self.progress) } else { Default::default() };
        SettledProgress {
            is_reported: self.progress.is_reported,
            extended_tokens: sum(|phase| phase.extended),
            carried_tokens: sum(|phase| phase.carried_in),
            fixed_worst: self.fixed_worst,
            fixed_block: self.fixed_block,
            block: self.block,
            phase_errors,
            task_errors,
        }
    }
}

type Errors = Vec<(Phase, u64)>;

/// How far forecasts were from how the task ended: of each phase by the last one before it started, of the task by
/// each of them.
fn errors(progress: &TaskProgress) -> (Errors, Errors) {
    let elsewhere = u64::try_from(progress.elsewhere_tokens.max(0)).unwrap_or(u64::MAX);
    let all = progress.phases.iter().map(|phase| phase.used()).fold(elsewhere, u64::saturating_add);
    let of_phases = progress.phases.iter().filter_map(|phase| {
        let expected = progress.forecasts.iter().rev().find_map(|forecast| {
            forecast.phases.iter().find(|(later, _)| *later == phase.phase).map(|(_, tokens)| *tokens)
        })?;
        Some((phase.phase.clone(), permille(expected, phase.used())?))
    });
    let of_task = progress
        .forecasts
        .iter()
        .filter_map(|forecast| Some((forecast.after.clone(), permille(forecast.task_tokens, all)?)));
    (of_phases.collect(), of_task.collect())
}

/// How far a forecast was from the truth, per mille of the truth, rounded up; `None` if that is nothing.
fn permille(forecast: u64, truth: u64) -> Option<u64> {
    let off = u128::from(forecast.abs_diff(truth)) * 1000;
    (truth > 0).then(|| u64::try_from(off.div_ceil(truth.into())).unwrap_or(u64::MAX))
}
