//! Given producers whose clocks are wrong, usage still counts, silence and stuck follow the ledger's clock,
//! and the skew is reported until it ends.

use tollgate_domain::alert::AlertRule;
use tollgate_domain::time::Timestamp;

use crate::report::{Named, task_status};
use crate::testing::{Story, story};

/// The alerts about time; those that ended have a minus and the reason.
fn shown(story: &Story) -> String {
    let timely = |rule| matches!(rule, AlertRule::Silence | AlertRule::Stuck | AlertRule::ClockSkew);
    let mut alerts = story.alerts();
    alerts.sort_by_key(|alert| (alert.condition.rule, alert.generation));
    let alerts =
        alerts.iter().filter(|alert| timely(alert.condition.rule)).map(|alert| match &alert.resolved {
            Some(end) => format!("-{}: {}", alert.condition.rule, end.why),
            None => alert.condition.rule.to_string(),
        });
    alerts.collect::<Vec<_>>().join("; ")
}

/// One line per case: `story | the skew of the task in minutes | alerts`.
#[track_caller]
fn check(table: &str) {
    for line in table.lines().map(str::trim).filter(|line| !line.is_empty()) {
        let [given, skew, alerts]: [&str; 3] =
            line.split('|').map(str::trim).collect::<Vec<_>>().try_into().expect("3 columns");
        let story = story(&format!("live, {given}"));
        let found = story.row().and_then(crate::status::TaskRow::skew_ms).map(|ms| (ms / 60_000).to_string());
        assert_eq!(found.as_deref().unwrap_or("-"), skew, "{line}");
        assert_eq!(shown(&story), alerts, "{line}");
    }
}

#[test]
fn failure_18_silence_and_stuck_follow_the_clock_of_the_ledger() {
    check(
        "
        open, start THINK, +10min, look                                           | -      | silence
        open, ahead 27h, start THINK, +10min, look                                | 1620   | silence; clock_skew
        open, ahead 613620h, start THINK, +10min, look                            | 36817200 | silence; clock_skew
        open, ahead -27h, start THINK, +10min, look                               | -1620  | silence; clock_skew
        open, ahead 3h, start THINK, +5min, use THINK out=1, +4h, look            | 180    | stuck; silence; clock_skew
        open, ahead 613620h, start THINK, +5min, use THINK out=1, +4h, look       | 36817200 | stuck; silence; clock_skew
        open, ahead -27h, start THINK, +1min, look                                | -1620  | clock_skew
        open, ahead -27h, start THINK, +5min, use THINK out=1, +4h, look          | -1620  | stuck; silence; clock_skew
        open, ahead 4min, start THINK, +10min, look                               | -      | silence
        open, ahead 27h, start THINK, +10min, look, use THINK out=1               | 1620   | -silence: usage was reported; clock_skew
        ",
    );
}

#[test]
fn a_skew_is_told_of_until_times_can_be_believed_again() {
    check(
        "
        open, ahead 6min, start THINK                                    | 6     | clock_skew
        open, ahead 6min, start THINK, ahead 0s, use THINK out=1         | -     | -clock_skew: the latest timestamps are plausible
        open, ahead 6min, start THINK, ahead 0s, gate PLAN               | 6     | clock_skew
        open, ahead 27h, start THINK, by other, ahead 0s, use THINK out=1 | 1620 | clock_skew
        open, ahead 27h, start THINK, by other, ahead -30h, use THINK out=1 | -1800 | clock_skew
        open, ahead 6min, start THINK, ahead 0s, close cancelled         | -     | -clock_skew: the task is cancelled
        open, ahead 6min, start THINK, close cancelled                   | 6     | -clock_skew: the task is cancelled
        ahead 27h, use - out=1                                           | 1620  | clock_skew
        ahead -2000h, use - out=1                                        | -     |
        ahead -2000h, use - out=1, open                                  | -120000 | clock_skew
        open, ahead -23h, use - out=1                                    | -     |
        ",
    );
}

#[test]
fn usage_counts_at_once_and_the_alert_says_what_is_wrong_by_the_ledgers_clock() {
    let story = story(
        "live, open, by ci, ahead 27h, start THINK, use THINK out=7, by bot, ahead -50h, use THINK out=5",
    );
    let row = story.row().unwrap();
    let named = Named { tenant: "default", task: "T-1", row, degraded: false };
    let status = task_status(named, Some(story.now), String::new());
    assert_eq!((status.summary.tokens_used, status.summary.clock_skew_ms), (12, Some(-50 * 3_600_000)));
    assert!(
        status.warnings.iter().any(|warning| warning.contains("50 h after they happened")),
        "{:?}",
        status.warnings
    );
    let alert =
        story.alerts().into_iter().find(|alert| alert.condition.rule == AlertRule::ClockSkew).unwrap();
    assert_eq!(alert.raised_at, story.now, "not tomorrow");
    assert_eq!(
        alert.message,
        "Task T-1 has implausible timestamps: the clock of producer ci is 27 h ahead of the ledger's"
    );
}

/// Earlier versions recorded the start time of the producer's clock: such observations stay true.
#[test]
fn what_was_observed_by_earlier_versions_still_holds() {
    use tollgate_domain::event::{AlertEvent, EventBody, TaskEvent};
    let mut story = story("live, open, ahead 27h, start THINK, ahead 0s, use THINK out=1, +4h, look");
    let started: Timestamp = story
        .events
        .iter()
        .find(|event| matches!(event.body, EventBody::Task(TaskEvent::PhaseStarted(_))))
        .unwrap()
        .occurred_at;
    for event in &mut story.events {
        if let EventBody::Alert(AlertEvent::ConditionObserved(seen)) = &mut event.body
            && seen.condition.rule == AlertRule::Stuck
        {
            assert_ne!(seen.since, started);
            seen.since = started;
        }
    }
    let rows = crate::testing::folded(&crate::alerts::Alerts, &story.events);
    let stuck = rows
        .values()
        .filter_map(crate::alerts::AlertsRow::alert)
        .any(|alert| alert.condition.rule == AlertRule::Stuck);
    assert!(stuck);
}
