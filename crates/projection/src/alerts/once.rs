//! What is told once: more was used of an allocation than was allocated, a task or session reached a threshold of a
//! policy that looks at each by itself, or late usage reached one in a window that was over. One alert for each,
//! whenever and by however many it is seen.
//!
//! There may be as many as allocations or tasks, so they are not kept in the watch of the tenant's money: the alert
//! itself is what says that it was raised.

use tollgate_domain::alert::{AlertRule, Condition, Severity, alert_id};
use tollgate_domain::event::{ConditionObserved, RecordedEvent};
use tollgate_domain::time::Timestamp;

use super::row::{Alert, AlertsRow, Resolved, alert_key};
use crate::fold::Rows;

/// Whether this rule's observations raise alerts of their own.
pub(super) const fn is_told_once(rule: AlertRule) -> bool {
    matches!(rule, AlertRule::AllocationOverrun | AlertRule::TaskBudget | AlertRule::LateUsage)
}

/// The alert of an observation; `None`: there is one already, or this says that nothing is wrong.
pub(super) fn raised<R: Rows<AlertsRow>>(
    rows: &mut R,
    event: &RecordedEvent<'_>,
    at: Timestamp,
    seen: &ConditionObserved,
) -> Result<Option<Alert>, R::Error> {
    let ConditionObserved { condition, active, detail, .. } = seen;
    let id = alert_id(event.tenant, event.task, condition, 1);
    if !active || rows.get(&alert_key(&id))?.is_some() {
        return Ok(None);
    }
    let ended = || Resolved { by: event.sequence, at, why: "a notice, told once".to_owned() };
    Ok(Some(Alert {
        id,
        tenant: event.tenant.to_owned(),
        task: event.task.to_owned(),
        condition: condition.clone(),
        folded: Vec::new(),
        generation: 1,
        severity: Severity::of_condition(condition),
        message: detail.clone(),
        raised: event.sequence,
        raised_at: at,
        acknowledged: None,
        resolved: is_notice(condition).then(ended),
    }))
}

/// The alert that an observation ends, with the reason: what late usage reached can be taken away again. `None`: there
/// is none that is open, or only a person ends it.
pub(super) fn ended<R: Rows<AlertsRow>>(
    rows: &mut R,
    event: &RecordedEvent<'_>,
    at: Timestamp,
    seen: &ConditionObserved,
) -> Result<Option<(String, Resolved)>, R::Error> {
    let ConditionObserved { condition, active, detail, .. } = seen;
    if *active || condition.rule != AlertRule::LateUsage {
        return Ok(None);
    }
    let id = alert_id(event.tenant, event.task, condition, 1);
    let row = rows.get(&alert_key(&id))?;
    let is_open = row.and_then(AlertsRow::alert).is_some_and(|alert| alert.resolved.is_none());
    Ok(is_open.then(|| (id, Resolved { by: event.sequence, at, why: detail.clone() })))
}

/// Whether nobody has to end it: a task that nears what it may spend may never reach it.
fn is_notice(condition: &Condition) -> bool {
    condition.rule == AlertRule::TaskBudget && condition.level < 100
}
