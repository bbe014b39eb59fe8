//! Corrections that subtract more than there is. Facts are never refused, so a person has to look at who made them.

use tollgate_domain::alert::{AlertRule, AlertScope, Condition};
use tollgate_domain::event::{ConditionObserved, RecordedEvent};
use tollgate_domain::gate::grouped;
use tollgate_domain::usage::UsageAdjusted;

use super::row::Watch;
use crate::status::figures;

/// The number of open alerts of this kind per task, each open until someone has looked at it; a script that
/// makes mistakes in a loop raises no more than these.
const MAX_STANDING: u32 = 10;

/// The condition of the next one: those already open are about other corrections.
fn next(watch: &Watch) -> Option<Condition> {
    let of = |level| Condition { rule: AlertRule::OverCorrection, scope: AlertScope::Task, level };
    (0..MAX_STANDING).map(of).find(|condition| !watch.observed.contains_key(condition))
}

/// The finding about a correction that subtracts too much: more than was left of its usage or, if its usage
/// was not found, more than the task has.
pub(super) fn over_correction(
    event: &RecordedEvent<'_>,
    adjusted: &UsageAdjusted,
    watch: &Watch,
) -> Option<ConditionObserved> {
    let excess = adjusted.excess();
    // Usage that was found may come after its correction in the same request: then the task already has it.
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
