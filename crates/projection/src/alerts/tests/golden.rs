//! A day of alerts as a golden file: what was raised, acknowledged, delivered and resolved.

use std::fmt::Write;

use crate::alerts::AlertsRow;
use crate::testing::{Story, story};

/// A task that falls silent, is reported twice and acknowledged; one whose importance drifts; a conflict; a
/// view that lags; the inbox; a digest; a request to deliver again.
const DAY: &str = "live, in T-7, open complexity=Small importance=low title=Move_billing, +5s, start PLAN, \
    use PLAN/1 in=900 out=700 usd=0.01, +10min, look, deliver silence raised oncall failed 5, deliver silence raised log delivered, \
    +1min, ack silence, +4min, deliver silence raised oncall delivered, look, use PLAN/1 out=80 usd=0.001, \
    deliver silence resolved oncall delivered, +1s, end PLAN, importance critical, \
    in T-8, use - out=5, conflict u-3, +1min, ack conflict, \
    lag status 3 on, +2min, reject {x, +3s, reject {y, dropped 1, digest log delivered, redriven 2, \
    deliver conflict raised oncall gave_up, resend conflict raised oncall, digest oncall failed";

fn written(story: &Story) -> String {
    let mut text = String::new();
    for alert in story.alerts() {
        let condition = &alert.condition;
        writeln!(
            text,
            "{} {} {}/{} {} {} {} #{} {}: {}",
            alert.raised,
            alert.raised_at,
            alert.tenant,
            alert.task,
            condition.rule,
            condition.scope,
            condition.level,
            alert.generation,
            alert.severity.as_str(),
            alert.message
        )
        .unwrap();
        writeln!(text, "    id {}", alert.id).unwrap();
        if let Some(seen) = &alert.acknowledged {
            let note = seen.note.as_deref().unwrap_or_default();
            writeln!(text, "    acknowledged by {} ({}): {note}", seen.by, seen.sequence).unwrap();
        }
        if let Some(end) = &alert.resolved {
            writeln!(text, "    resolved {} ({}): {}", end.at, end.by, end.why).unwrap();
        }
    }
    for (sequence, change) in story.changes() {
        let again = change.resend.as_ref().map(|resend| format!(" again to {:?}", resend.endpoint));
        writeln!(text, "{sequence} {} {}{}", change.change, change.alert, again.unwrap_or_default()).unwrap();
    }
    for row in story.alert_rows().values() {
        match row {
            AlertsRow::Delivery(it) => {
                let next = it.next_attempt_at.map(|at| format!(", again at {at}")).unwrap_or_default();
                let (through, attempts) = (it.through, it.attempts);
                writeln!(
                    text,
                    "{} to {} of {}: {} after {attempts} (through {through}){next}",
                    it.change, it.endpoint, it.alert, it.outcome
                )
                .unwrap();
            }
            AlertsRow::Endpoint(it) => {
                let counts =
                    format!("{} delivered, {} failed, {} given up", it.delivered, it.failed, it.gave_up);
                let (tried, covered) = (it.tried, it.covered);
                let pending = it.pending.len();
                writeln!(
                    text,
                    "endpoint {} partition {}: tried {tried}, covered {covered}, {pending} pending, {counts}",
                    it.endpoint, it.partition
                )
                .unwrap();
            }
            AlertsRow::Quarantined(it) => {
                let payload = String::from_utf8_lossy(&it.payload);
                writeln!(text, "{} {}: {} `{payload}` {}", it.id, it.state(), it.code, it.reason).unwrap();
            }
            AlertsRow::Watch(_) | AlertsRow::Alert(_) | AlertsRow::Change(_) => {}
        }
    }
    text
}

#[test]
fn a_day_of_alerts() {
    insta::assert_snapshot!(written(&story(DAY)));
}
