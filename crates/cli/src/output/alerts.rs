//! Alerts as a table.

use std::fmt::Write;

use tollgate_wire::api::{AlertList, DeliveryList};

use super::{counted, table, time};

/// Alerts, one per line, latest first.
pub(crate) fn alerts(list: &AlertList) -> String {
    if list.alerts.is_empty() {
        return "no alerts\n".to_owned();
    }
    let rows = list.alerts.iter().map(|alert| {
        let state = match (&alert.resolution, &alert.acknowledged_by) {
            (Some(why), _) => format!("resolved: {why}"),
            (None, Some(by)) => format!("seen by {by}"),
            (None, None) => String::new(),
        };
        let (severity, rule) = (alert.severity.to_string(), alert.rule.clone());
        vec![time(&alert.raised_at), severity, rule, alert.message.clone(), state, alert.id.clone()]
    });
    let mut text = table(&["raised", "severity", "rule", "what", "", "id"], &[], rows.collect());
    if list.more > 0 {
        // Writing to a String cannot fail.
        let _ = writeln!(text, "and {} before these", counted(list.more, "alert"));
    }
    text
}

/// Deliveries, one per line, latest first.
pub(crate) fn deliveries(list: &DeliveryList) -> String {
    if list.deliveries.is_empty() {
        return "no deliveries\n".to_owned();
    }
    let rows = list.deliveries.iter().map(|delivery| {
        let last = delivery.history.last();
        let why = last.and_then(|attempt| attempt.error.clone()).unwrap_or_default();
        let next = delivery.next_attempt_at.as_deref().map(|at| format!("again {}", time(at)));
        vec![
            last.map(|attempt| time(&attempt.at)).unwrap_or_default(),
            delivery.endpoint.clone(),
            delivery.state.to_string(),
            delivery.attempts.to_string(),
            delivery.change.to_string(),
            delivery.alert.clone(),
            next.unwrap_or_default(),
            why,
        ]
    });
    let header = ["last", "endpoint", "state", "attempts", "change", "alert", "", ""];
    let mut text = table(&header, &[3], rows.collect());
    if list.more > 0 {
        // Writing to a String cannot fail.
        let _ = writeln!(text, "and {} before these", list.more);
    }
    text
}
