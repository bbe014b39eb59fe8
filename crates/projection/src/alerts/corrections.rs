//! Corrections that subtract more than there is. Facts are never refused, so a person has to look at who made them.

use tollgate_domain::alert::{AlertRule, AlertScope, Condition};
use tollgate_domain::event::{ConditionObserved, RecordedEvent};
use tollgate_domain::gate::grouped;
use tollgate_domain::tokens::TokenSums;
use tollgate_domain::usage::UsageAdjusted;

use super::row::Watch;

/// The number of open alerts of this kind per task, each open until someone has looked at it; a script that
/// makes mistakes in a loop raises no more than these.
const MAX_STANDING: u32 = 10;

/// The condition of the next one: those already open are about other corrections.
fn next(watch: &Watch) -> Option<Condition> {
    let of = |level| Condition { rule: AlertRule::OverCorrection, scope: AlertScope::Task, level };
    (0..MAX_STANDING).map(of).find(|condition| !watch.observed.contains_key(condition))
}

/// The finding about a correction that subtracts more than was left of its usage, or names usage that the task does not
/// have.
pub(super) fn over_correction(
    event: &RecordedEvent<'_>,
    adjusted: &UsageAdjusted,
    watch: &Watch,
) -> Option<ConditionObserved> {
    let excess = adjusted.excess();
    let what = if excess > 0 {
        format!("{} more than were left of it; no more than that was taken away", grouped(excess.into()))
    } else if adjusted.outstanding().is_some() {
        "which the task does not have; nothing is taken away until it is recorded".to_owned()
    } else {
        return None;
    };
    let who = adjusted.author.as_deref().unwrap_or(event.producer);
    let (task, usage, producer) = (event.task, &adjusted.adjusts, &adjusted.adjusts_producer);
    let tokens = adjusted.tokens.total();
    let tokens = format!("{}{} tokens", if tokens < 0 { "-" } else { "" }, grouped(tokens.unsigned_abs()));
    let by = match (adjusted.tokens == TokenSums::default(), adjusted.units.is_empty()) {
        (_, true) => tokens,
        (true, false) => adjusted.units.to_string(),
        (false, false) => format!("{tokens}, {}", adjusted.units),
    };
    Some(ConditionObserved {
        condition: next(watch)?,
        active: true,
        since: event.recorded_at,
        threshold_ms: 0,
        detail: format!(
            "Task {task}: {who} corrected usage {usage} of producer {producer} by {by}, {what}; the reason given: {}",
            adjusted.reason
        ),
    })
}
