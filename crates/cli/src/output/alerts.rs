//! Alerts as a table.

use std::fmt::Write;

use tollgate_wire::api::AlertList;

use super::{counted, table, time};

/// Alerts, one a line, the latest first.
pub(crate) fn alerts(list: &AlertList) -> String {
    if list.alerts.is_empty() {
        return "no alerts\n".to_owned();
    }
    let rows = list.alerts.iter().map(|alert| {
        let state = match &alert.resolution {
            Some(why) => format!("resolved: {why}"),
            None => String::new(),
        };
        vec![time(&alert.raised_at), alert.severity.clone(), alert.rule.clone(), alert.message.clone(), state]
    });
    let mut text = table(&["raised", "severity", "rule", "what", ""], &[], rows.collect());
    if list.more > 0 {
        // Writing to a String cannot fail.
        let _ = writeln!(text, "and {} before these", counted(list.more, "alert"));
    }
    text
}
