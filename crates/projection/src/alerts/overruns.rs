//! More was used of an allocation than was allocated: one alert for each allocation, whenever and by however many it
//! is seen, until a person acknowledges it.
//!
//! There may be as many as allocations, so they are not kept in the watch of the tenant's money: the alert itself is
//! what says that it was raised.

use tollgate_domain::alert::{Severity, alert_id};
use tollgate_domain::event::{ConditionObserved, RecordedEvent};
use tollgate_domain::time::Timestamp;

use super::row::{Alert, AlertsRow, alert_key};
use crate::fold::Rows;

/// The alert of an observation; `None`: the allocation has one already, or this says that nothing is wrong.
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
    Ok(Some(Alert {
        id,
        tenant: event.tenant.to_owned(),
        task: event.task.to_owned(),
        condition: condition.clone(),
        folded: Vec::new(),
        generation: 1,
        severity: Severity::of_observed(condition.rule),
        message: detail.clone(),
        raised: event.sequence,
        raised_at: at,
        acknowledged: None,
        resolved: None,
    }))
}
