//! What following progress changed, beside the same limits as fixed ones: sums over tasks, and each task that ended
//! otherwise.

use std::collections::BTreeMap;

use serde::Serialize;
use tollgate_domain::gate::{ReasonCode, Verdict};
use tollgate_domain::phase::Phase;
use tollgate_projection::fold::read_task_key;
use tollgate_projection::overview::Counted;

use super::figures::count;
use super::following::SettledProgress;
use super::settled::{Settled, SettledUnder};

/// What following progress changed under one candidate.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct ProgressResult {
    /// Judged tasks of which nobody reported progress: only their repetitions are judged.
    pub unreported: u64,
    /// Tasks with a phase whose limit was extended.
    pub extended: u64,
    /// The tokens of that.
    pub extended_tokens: u64,
    /// Tasks with a phase that had what earlier ones left.
    pub carried: u64,
    /// The tokens of that.
    pub carried_tokens: u64,
    /// Tasks that fixed limits would have blocked.
    pub blocked_by_fixed: u64,
    /// Of these, good ones: completed and not marked runaway, or marked legitimate.
    pub good_blocked_by_fixed: u64,
    /// Tasks that fixed limits would have blocked, and that were not blocked.
    pub spared: u64,
    /// Of these, good ones.
    pub good_spared: u64,
    /// Tasks that were blocked because a phase was spinning.
    pub stopped_spinning: u64,
    /// Of these, good ones.
    pub good_stopped_spinning: u64,
    /// Tasks that were blocked, and that fixed limits would have blocked later or not at all.
    pub stopped_earlier: u64,
    /// The tokens between both, or until the end of the task.
    pub stopped_earlier_tokens: u64,
    /// Tasks that were blocked, and that fixed limits would have blocked before.
    pub stopped_later: u64,
    /// Each task that ended otherwise, by owner and id.
    pub changed: Vec<ChangedTask>,
    /// By phase, in their order: how far completed phases were from what was expected before they started.
    pub phase_forecasts: Vec<ForecastError>,
    /// By phase, in their order: how far completed tasks were from what was expected when it ended.
    pub task_forecasts: Vec<ForecastError>,
}

/// A task that did not end as it would have under fixed limits.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct ChangedTask {
    /// Owner.
    pub tenant: String,
    /// The task.
    pub task: String,
    /// Why: `spinning`, `checked` (another rule, asked at a check), `extended` or `carried_forward`.
    pub because: &'static str,
    /// What fixed limits would have said of it at worst: `allow`, `warn` or `block`.
    pub fixed: &'static str,
    /// What was said at worst.
    pub following: &'static str,
    /// Tokens between both blocks, or until the end of the task.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub earlier_tokens: Option<u64>,
}

/// How far forecasts were from the truth, in per mille of it, to three digits.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ForecastError {
    /// The phase.
    pub phase: String,
    /// Completed tasks in which it ended, and something was expected.
    pub tasks: u64,
    /// Half of them were no further off.
    pub median_permille: u64,
    /// Nine of ten were no further off.
    pub p90_permille: u64,
}

/// Sums for [`ProgressResult`].
#[derive(Clone, Debug, Default)]
pub(super) struct ProgressSums {
    result: ProgressResult,
    phase_errors: BTreeMap<Phase, Counted>,
    task_errors: BTreeMap<Phase, Counted>,
    any: bool,
}

impl ProgressSums {
    /// Adds a judged task.
    pub(super) fn add(&mut self, key: &[u8], task: &Settled, under: &SettledUnder) {
        let Some(progress) = &under.progress else { return };
        self.any = true;
        let is_good = task.is_good();
        let sums = &mut self.result;
        count(&mut sums.unreported, !progress.is_reported);
        count(&mut sums.extended, progress.extended_tokens > 0);
        sums.extended_tokens = sums.extended_tokens.saturating_add(progress.extended_tokens);
        count(&mut sums.carried, progress.carried_tokens > 0);
        sums.carried_tokens = sums.carried_tokens.saturating_add(progress.carried_tokens);
        count(&mut sums.blocked_by_fixed, progress.fixed_block.is_some());
        count(&mut sums.good_blocked_by_fixed, progress.fixed_block.is_some() && is_good);
        let is_spinning = is_stopped_spinning(under);
        count(&mut sums.stopped_spinning, is_spinning);
        count(&mut sums.good_stopped_spinning, is_spinning && is_good);
        self.compare(key, task, under, progress);
        for (phase, error) in &progress.phase_errors {
            self.phase_errors.entry(phase.clone()).or_default().note(*error);
        }
        for (phase, error) in &progress.task_errors {
            self.task_errors.entry(phase.clone()).or_default().note(*error);
        }
    }

    fn compare(&mut self, key: &[u8], task: &Settled, under: &SettledUnder, progress: &SettledProgress) {
        let sums = &mut self.result;
        let (because, earlier_tokens) = match (progress.block, progress.fixed_block) {
            (Some(block), fixed) if fixed.is_none_or(|fixed| block.tokens < fixed.tokens) => {
                let until =
                    fixed.map_or_else(|| task.used.tokens.max(0).unsigned_abs(), |fixed| fixed.tokens);
                let earlier = u64::try_from(until.saturating_sub(block.tokens)).unwrap_or(u64::MAX);
                count(&mut sums.stopped_earlier, true);
                sums.stopped_earlier_tokens = sums.stopped_earlier_tokens.saturating_add(earlier);
                (if is_stopped_spinning(under) { "spinning" } else { "checked" }, Some(earlier))
            }
            (Some(block), Some(fixed)) if block.tokens > fixed.tokens => {
                count(&mut sums.stopped_later, true);
                (raised(progress), None)
            }
            (None, Some(_)) => {
                count(&mut sums.spared, true);
                count(&mut sums.good_spared, task.is_good());
                (raised(progress), None)
            }
            (Some(_), _) | (None, None) => return,
        };
        let (tenant, name) = read_task_key(key).unwrap_or_default();
        sums.changed.push(ChangedTask {
            tenant: tenant.to_owned(),
            task: name.to_owned(),
            because,
            fixed: progress.fixed_worst.unwrap_or(Verdict::Allow).as_str(),
            following: under.worst.unwrap_or(Verdict::Allow).as_str(),
            earlier_tokens,
        });
    }

    /// What is said; `None` of a candidate whose budgets do not follow progress. Phases in the order of the candidate.
    pub(super) fn result(self, phases: &[Phase]) -> Option<ProgressResult> {
        let Self { mut result, phase_errors, task_errors, any } = self;
        result.changed.sort();
        result.phase_forecasts = errors(&phase_errors, phases);
        result.task_forecasts = errors(&task_errors, phases);
        any.then_some(result)
    }
}

fn raised(progress: &SettledProgress) -> &'static str {
    if progress.extended_tokens > 0 { "extended" } else { "carried_forward" }
}

fn is_stopped_spinning(under: &SettledUnder) -> bool {
    let first = under.first.as_deref().filter(|first| first.verdict == Verdict::Block);
    first.is_some_and(|first| first.code == ReasonCode::Spinning)
}

fn errors(by_phase: &BTreeMap<Phase, Counted>, phases: &[Phase]) -> Vec<ForecastError> {
    let known = phases.iter().filter_map(|phase| Some((phase, by_phase.get(phase)?)));
    let error = |(phase, errors): (&Phase, &Counted)| ForecastError {
        phase: phase.to_string(),
        tasks: errors.count(),
        median_permille: errors.percentile(50).unwrap_or_default(),
        p90_permille: errors.percentile(90).unwrap_or_default(),
    };
    known.map(error).collect()
}
