//! Corrections that take away more than there is. No fact is refused, so somebody has to look at who made it.

use tollgate_domain::alert::{AlertRule, AlertScope, Condition};
use tollgate_domain::event::{ConditionObserved, RecordedEvent};
use tollgate_domain::gate::grouped;
use tollgate_domain::usage::UsageAdjusted;

use super::row::Watch;
use crate::status::figures;

/// So many of a task stand beside each other, each an alert of its own until somebody has looked at it; a
/// script that errs in a loop raises no more.
const MAX_STANDING: u32 = 10;

/// The condition of the next one: what stands already names somebody else.
fn next(watch: &Watch) -> Option<Condition> {
    let of = |level| Condition { rule: AlertRule::OverCorrection, scope: AlertScope::Task, level };
    (0..MAX_STANDING).map(of).find(|condition| !watch.observed.contains_key(condition))
}

/// What a correction shows of itself, if it takes away too much: more than was left of its usage, or, where
/// its usage was not found, more than the task has.
pub(super) fn over_correction(
    event: &RecordedEvent<'_>,
    adjusted: &UsageAdjusted,
    watch: &Watch,
) -> Option<ConditionObserved> {
    let excess = adjusted.excess();
    // Usage that was found may stand behind its correction, in the same request: the task has it then.
    let below = figures(&watch.task, None).total.tokens.total().min(0).unsigned_abs();
    let what = if excess > 0 {
        format!("{} more than were left of it; no more than that was taken away", grouped(excess.into()))
    } else if below > 0 && adjusted.tokens.total() < 0 && adjusted.resolved.is_none() {
        format!("which leaves the task {} below 0; it counts as 0", grouped(below))
    } else {
        return None;
    };
    let who = adjusted.author.as_deref().unwrap_or(event.producer);
    let (task, usage, producer) = (event.task, &adjusted.adjusts, &adjusted.adjusts_producer);
    let by = adjusted.tokens.total();
    let by = format!("{}{}", if by < 0 { "-" } else { "" }, grouped(by.unsigned_abs()));
    Some(ConditionObserved {
        condition: next(watch)?,
        active: true,
        since: event.recorded_at,
        threshold_ms: 0,
        detail: format!(
            "Task {task}: {who} corrected usage {usage} of producer {producer} by {by} tokens, {what}; the reason given: {}",
            adjusted.reason
        ),
    })
}
