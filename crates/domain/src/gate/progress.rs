//! Rule 5: budgets that follow progress. A phase that spins is stopped early, one that earned more says so.

use super::deciding::Deciding;
use super::message::numbers;
use super::{ReasonCode, Requirement, TaskFigures, Verdict};
use crate::breach::Utilization;
use crate::limits::TaskLimits;
use crate::printable::grouped;
use crate::progress::ProgressFigures;
use crate::progress::phase::Pace;
use crate::progress::rules::{ProgressRules, SpinningAction};

/// Adds what progress says, and its figures. Nothing if the task's budget does not follow progress.
pub(super) fn progress_rule(
    deciding: &mut Deciding,
    standing: &TaskFigures<'_>,
    limits: &TaskLimits,
    tokens: Utilization,
) {
    let (Some(rules), Some(progress)) = (limits.progress.as_deref(), standing.progress) else { return };
    let Some(figures) = progress.figures(limits) else { return };
    if figures.is_running && figures.pace == Pace::Spinning {
        let verdict = match rules.spinning_action {
            SpinningAction::Warn => Verdict::Warn,
            SpinningAction::Block => Verdict::Block,
        };
        deciding.add(ReasonCode::Spinning, verdict, || spinning(standing.task, &figures, rules));
        deciding.made.requirements.push(Requirement::Review);
    }
    let (phase, task) = (&figures.phase, standing.task);
    let limit = || grouped(figures.effective_limit().into());
    if figures.extended_tokens > 0 {
        deciding.add(ReasonCode::Extended, Verdict::Allow, || {
            let (extended, limit) = (grouped(figures.extended_tokens.into()), limit());
            format!(
                "Phase {phase} of task {task} was productive and got {extended} tokens more: its limit is {limit}"
            )
        });
    }
    if figures.carried_in_tokens > 0 {
        deciding.add(ReasonCode::CarriedForward, Verdict::Allow, || {
            let (carried, limit) = (grouped(figures.carried_in_tokens.into()), limit());
            format!(
                "Phase {phase} of task {task} has {carried} tokens that earlier phases left: its limit is {limit}"
            )
        });
    }
    if let Some(forecast) = figures.forecast_task_tokens.map(|end| Utilization::new(end, tokens.limit))
        && forecast.used > tokens.used
        && !rules.forecast_warn.is_zero()
        && forecast.above(rules.forecast_warn)
    {
        deciding.add(ReasonCode::ForecastExceeded, Verdict::Warn, || {
            format!("Task {task} is expected to end at {}", numbers(&forecast, ""))
        });
    }
    deciding.made.progress = Some(Box::new(figures));
}

fn spinning(task: &str, figures: &ProgressFigures, rules: &ProgressRules) -> String {
    let phase = &figures.phase;
    match figures
        .repeated
        .as_ref()
        .filter(|repeated| rules.spinning_repeats > 0 && repeated.times >= rules.spinning_repeats)
    {
        Some(repeated) => format!(
            "Phase {phase} of task {task} is spinning: the same call or file {} times in a row, {} are too many",
            grouped(repeated.times.into()),
            grouped(rules.spinning_repeats.into())
        ),
        None => {
            let spent = Utilization::new(figures.since_progress_tokens, figures.limit_tokens);
            let spent = numbers(&spent, " tokens");
            format!(
                "Phase {phase} of task {task} is spinning: no progress for {spent}, above {} × its limit",
                rules.spinning_share
            )
        }
    }
}

#[cfg(test)]
mod tests;
