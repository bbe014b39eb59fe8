//! What a closed task leaves to its owner's pool.

use tollgate_domain::event::TaskOutcome;
use tollgate_domain::metadata::Enforcement;
use tollgate_domain::pool::Settling;
use tollgate_domain::task::TaskStage;

use super::figures;
use super::row::TaskRow;

/// What a task has to do with its owner's pool now that it is closed; `None`: nothing, or it is not closed. Only a task
/// that the gate could block and that was completed gives: one that was called off left nothing over, it was not done.
#[must_use]
pub fn settling(task: &str, row: &TaskRow) -> Option<Settling> {
    let (TaskStage::Closed(outcome), Some(closed)) = (row.state.stage, &row.closed) else { return None };
    let limits = row.state.limits.as_deref()?;
    let total = row.progress.as_deref().map_or_else(|| limits.total_tokens(), |it| it.total_limit(limits));
    let own = u128::from(total.saturating_sub(limits.drawn_tokens));
    let used = figures(row, None).total.tokens.used();
    let small = |tokens: u128| u64::try_from(tokens).unwrap_or(u64::MAX);
    let gives = outcome == TaskOutcome::Completed && row.state.enforcement == Enforcement::On;
    let unused = if gives { small(own.saturating_sub(used)) } else { 0 };
    let settling = Settling {
        task: task.to_owned(),
        unused,
        beyond: small(used.saturating_sub(own)),
        closed_at: closed.at.believed(closed.recorded_at),
    };
    (unused > 0 || limits.drawn_tokens > 0 || settling.beyond > 0).then_some(settling)
}
