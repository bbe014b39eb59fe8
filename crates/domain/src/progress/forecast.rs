//! Where phases and the task will end, in whole tokens: from what ended phases used of their limits, or from a phase's
//! own rate where its points are expected.

use serde::{Deserialize, Serialize};

use super::phase::{PhaseProgress, PhaseStage};
use super::rules::ProgressRules;
use crate::breach::Utilization;
use crate::limits::TaskLimits;
use crate::phase::Phase;

/// What is expected when a phase ends.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Forecast {
    /// The phase that ended.
    pub after: Phase,
    /// The tokens of each later phase, in order.
    pub phases: Vec<(Phase, u64)>,
    /// The tokens of the task.
    pub task_tokens: u64,
}

/// What is expected when a phase ends. `None`: too few phases have ended.
pub(super) fn at_end_of(
    phase: &Phase,
    elsewhere: i128,
    phases: &[PhaseProgress],
    limits: &TaskLimits,
    rules: &ProgressRules,
) -> Option<Forecast> {
    let later = later_phases(phases, limits, rules)?;
    let task_tokens = task_tokens(elsewhere, phases, limits, rules)?;
    Some(Forecast { after: phase.clone(), phases: later, task_tokens })
}

/// Where a phase that runs will end: by its own rate if its points are expected, otherwise like the phases that have
/// ended; never below what it has used. `None`: nothing is known of either.
#[must_use]
pub fn phase_tokens(
    phase: &PhaseProgress,
    phases: &[PhaseProgress],
    limits: &TaskLimits,
    rules: &ProgressRules,
) -> Option<u64> {
    let used = phase.used();
    let expected = rules.signals_of(&phase.phase).and_then(|signals| signals.expected_points);
    let by_rate = expected
        .filter(|_| phase.best_points > 0 && used > 0)
        .map(|expected| scaled(used, Utilization::new(expected, phase.best_points)));
    let by_others = || {
        let limit = limits.phase(&phase.phase)?.tokens;
        Some(scaled(limit, ratio(phases, limits, rules)?))
    };
    Some(by_rate.or_else(by_others)?.max(used))
}

/// Where the task will end. `None`: too few phases have ended.
#[must_use]
pub fn task_tokens(
    elsewhere: i128,
    phases: &[PhaseProgress],
    limits: &TaskLimits,
    rules: &ProgressRules,
) -> Option<u64> {
    let later = later_phases(phases, limits, rules)?;
    let elsewhere = u64::try_from(elsewhere.max(0)).unwrap_or(u64::MAX);
    let known = phases.iter().map(|phase| match phase.stage {
        PhaseStage::Running => phase_tokens(phase, phases, limits, rules).unwrap_or_else(|| phase.used()),
        PhaseStage::Waiting | PhaseStage::Ended => phase.used(),
    });
    Some(known.chain(later.iter().map(|(_, tokens)| *tokens)).fold(elsewhere, u64::saturating_add))
}

/// The phases after the furthest that has started, each with what is expected of it. Those before it that did not start
/// were left out by the task.
fn later_phases(
    phases: &[PhaseProgress],
    limits: &TaskLimits,
    rules: &ProgressRules,
) -> Option<Vec<(Phase, u64)>> {
    let ratio = ratio(phases, limits, rules)?;
    let started = |phase: &Phase| {
        phases.iter().any(|known| known.phase == *phase && known.stage != PhaseStage::Waiting)
    };
    let furthest = limits.phases.iter().rposition(|limit| started(&limit.phase));
    let first = furthest.map_or(0, |place| place.saturating_add(1));
    let later = limits.phases.iter().skip(first);
    Some(later.map(|limit| (limit.phase.clone(), scaled(limit.tokens, ratio))).collect())
}

/// What ended phases used, beside their own limits.
fn ratio(phases: &[PhaseProgress], limits: &TaskLimits, rules: &ProgressRules) -> Option<Utilization> {
    let mut sum = Utilization::default();
    let mut ended: u64 = 0;
    for phase in phases.iter().filter(|phase| phase.stage == PhaseStage::Ended) {
        let limit = limits.phase(&phase.phase)?.tokens;
        sum.used = sum.used.saturating_add(phase.used().into());
        sum.limit = sum.limit.saturating_add(limit.into());
        ended = ended.saturating_add(1);
    }
    (ended >= rules.forecast_min_phases && sum.limit > 0).then_some(sum)
}

/// `amount × used / limit`, rounded up.
fn scaled(amount: u64, ratio: Utilization) -> u64 {
    let product = u128::from(amount).saturating_mul(ratio.used);
    let rounded =
        product.checked_add(ratio.limit.saturating_sub(1)).and_then(|sum| sum.checked_div(ratio.limit));
    u64::try_from(rounded.unwrap_or(u128::MAX)).unwrap_or(u64::MAX)
}
