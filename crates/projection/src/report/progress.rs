//! What phases achieved for their tokens, in sentences: of tasks whose budget follows progress.

use tollgate_domain::breach::Utilization;
use tollgate_domain::gate::grouped;
use tollgate_domain::limits::TaskLimits;
use tollgate_domain::progress::phase::{Check, Measure, Pace, PhaseProgress, PhaseStage};
use tollgate_domain::progress::rules::ProgressRules;

use super::words::{counted, tokens_of_limit, used_of_limit};
use crate::status::TaskRow;

/// Each phase with its pace, its points and the limit that holds, and what is expected of the task; nothing if its
/// budget does not follow progress.
pub(super) fn progress_lines(row: &TaskRow) -> Vec<String> {
    let Some(((limits, rules), progress)) = rules(row).zip(row.progress.as_deref()) else {
        return Vec::new();
    };
    let of_phase = |phase: &PhaseProgress| {
        let limit = limits.phase(&phase.phase)?.tokens;
        let pace = phase.pace(Measure { rules, limit, is_reported: progress.is_reported });
        Some(format!("{}  {pace}: {}{}", phase.phase, achieved(phase), limit_of(phase, limit)))
    };
    let mut lines: Vec<String> = progress.phases.iter().filter_map(of_phase).collect();
    let expected = progress.figures(limits).and_then(|figures| figures.forecast_task_tokens);
    if let Some(tokens) = expected.filter(|_| row.closed.is_none() && !lines.is_empty()) {
        let expected = Utilization::new(tokens, progress.total_limit(limits));
        lines.push(format!("at this rate the task ends at {}", tokens_of_limit(&expected)));
    }
    lines
}

/// Phases that span, each with the latest check that found it, or as they run now.
pub(super) fn anomalies(row: &TaskRow) -> Vec<String> {
    let Some(((limits, rules), progress)) = rules(row).zip(row.progress.as_deref()) else {
        return Vec::new();
    };
    let spinning = progress.phases.iter().filter_map(|phase| {
        let limit = limits.phase(&phase.phase)?.tokens;
        let measure = Measure { rules, limit, is_reported: progress.is_reported };
        let found = phase.checks.iter().rev().find(|check| check.pace == Pace::Spinning);
        let verb = if phase.stage == PhaseStage::Running { "is" } else { "was" };
        match (phase.too_often(rules), phase.too_long(measure), found) {
            (Some(repeated), ..) => Some(format!(
                "{} {verb} spinning: the same call or file {} times in a row, {} are too many",
                phase.phase,
                grouped(repeated.times.into()),
                grouped(rules.spinning_repeats.into())
            )),
            (None, Some(spent), _) => Some(format!(
                "{} {verb} spinning: no progress for {}, above {} × its limit",
                phase.phase,
                used_of_limit(&spent),
                rules.spinning_share
            )),
            (None, None, Some(check)) => Some(spun(phase, check)),
            (None, None, None) => None,
        }
    });
    spinning.collect()
}

fn spun(phase: &PhaseProgress, check: &Check) -> String {
    format!("{} was spinning at {}% of its limit", phase.phase, grouped(check.percent.into()))
}

/// `12 points for 3,600 tokens (3.33 per 1,000)`.
fn achieved(phase: &PhaseProgress) -> String {
    let (points, used) = (phase.best_points, phase.used());
    let hundredths = u128::from(points).saturating_mul(100_000).checked_div(used.into());
    let rate = hundredths.map(|hundredths| {
        let (whole, rest) = (hundredths.div_euclid(100), hundredths.rem_euclid(100));
        format!(" ({}.{rest:02} per 1,000)", grouped(whole))
    });
    let points = counted(points.into(), "point");
    format!("{points} for {} tokens{}", grouped(used.into()), rate.unwrap_or_default())
}

/// `; limit 4,375 = 3,500 + 875 for being productive`; nothing where the limit is the phase's own.
fn limit_of(phase: &PhaseProgress, limit: u64) -> String {
    let parts = [
        (phase.extended, '+', "for being productive"),
        (phase.carried_in, '+', "left by earlier phases"),
        (phase.carried_out, '-', "left to later phases"),
    ];
    let parts: Vec<String> = parts
        .iter()
        .filter(|(tokens, ..)| *tokens > 0)
        .map(|(tokens, sign, why)| format!(" {sign} {} {why}", grouped((*tokens).into())))
        .collect();
    if parts.is_empty() {
        return String::new();
    }
    let effective = grouped(phase.effective_limit(limit).into());
    format!("; limit {effective} = {}{}", grouped(limit.into()), parts.concat())
}

fn rules(row: &TaskRow) -> Option<(&TaskLimits, &ProgressRules)> {
    let limits = row.state.limits.as_deref()?;
    Some((limits, limits.progress.as_deref()?))
}

#[cfg(test)]
mod tests;
