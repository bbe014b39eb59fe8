//! Given a story and an observer with a clock, the resulting alerts: silence, stuck, drift, conflict, lag,
//! quarantine, and phases that differ from the ledger's.

use tollgate_domain::alert::{AlertRule, Severity};
use tollgate_domain::config::WatchConfig;
use tollgate_domain::event::{AlertEvent, PhaseStarted, TaskEvent};
use tollgate_domain::task::decide;
use tollgate_domain::time::Timestamp;

use crate::alerts::out_of_step::{Phases, out_of_step};
use crate::alerts::watch::{observed, outlook};
use crate::testing::{Story, story};

/// The alerts of a story except levels and breaches: `rule scope level #generation`; those that ended have a
/// minus and the reason.
pub(super) fn shown(story: &Story) -> Vec<String> {
    let one = |alert: &&crate::alerts::Alert| {
        let condition = &alert.condition;
        let what =
            format!("{} {} {} #{}", condition.rule, condition.scope, condition.level, alert.generation);
        match &alert.resolved {
            Some(end) => format!("-{what}: {}", end.why),
            None => what,
        }
    };
    let of_limit = |alert: &&&crate::alerts::Alert| {
        !matches!(alert.condition.rule, AlertRule::Pressure | AlertRule::Breach)
    };
    story.alerts().iter().filter(of_limit).map(one).collect()
}

/// One line per case: `story | alert; alert`.
#[track_caller]
fn check(table: &str) {
    for line in table.lines().map(str::trim).filter(|line| !line.is_empty()) {
        let (script, expected) = line.split_once('|').expect("2 columns");
        let expected: Vec<&str> =
            expected.split(';').map(str::trim).filter(|alert| !alert.is_empty()).collect();
        assert_eq!(shown(&story(&format!("live, {script}"))), expected, "case: {line}");
    }
}

#[test]
fn a_critical_task_that_nobody_justified_is_to_be_reviewed() {
    check(
        "
        open importance=critical                                              | unjustified task 0 #1
        open importance=critical why=data_is_lost                             |
        open importance=high                                                  |
        open importance=critical, importance high                             | -unjustified task 0 #1: the condition no longer holds
        open importance=critical, close cancelled                             | -unjustified task 0 #1: the task is cancelled
        open importance=high, importance critical                             |
        open tag=security                                                     | unjustified task 0 #1
        ",
    );
}

#[test]
fn an_execution_that_runs_and_reports_no_usage_is_silent() {
    check(
        "
        open, start THINK, +599s, look                                                   |
        open, start THINK, +10min, look                                                  | silence THINK 0 #1
        open, start THINK, +10min, look, look, +1min, look                               | silence THINK 0 #1
        open, start THINK, +9min, use THINK out=1, +9min, look                           |
        open, start THINK, +9min, use THINK out=1, +10min, look                          | silence THINK 0 #1
        open, start THINK, +10min, look, use THINK out=1                                 | -silence THINK 0 #1: usage was reported
        open, start THINK, +10min, look, end THINK                                       | -silence THINK 0 #1: THINK ended
        open, start THINK, +10min, look, close cancelled                                 | -silence THINK 0 #1: the task is cancelled
        open, start THINK, +10min, look, use THINK out=1, +10min, look                   | -silence THINK 0 #1: usage was reported; silence THINK 0 #2
        open, start THINK, +10min, look, signal THINK files_read 3, wait THINK 9, use - out=1 | silence THINK 0 #1
        open, start THINK, end THINK, +10min, look                                       |
        open, start THINK, end THINK, start THINK, +10min, look                          | silence THINK attempt 2 0 #1
        open, +10min, look                                                               |
        use THINK out=1, +10min, look                                                    |
        ",
    );
}

#[test]
fn who_does_not_know_the_phase_is_told_of_once_until_the_task_goes_on() {
    check(
        "
        open, start THINK, refuse start PLAN                                  | phase_already_active THINK 0 #1
        open, start THINK, refuse start PLAN, +1min, refuse start PLAN, refuse start VERIFY | phase_already_active THINK 0 #1
        open, start THINK, refuse start THINK                                 | phase_already_active THINK 0 #1
        open, start THINK, refuse start PLAN, use THINK out=1, wait THINK 9   | phase_already_active THINK 0 #1
        open, start THINK, refuse start PLAN, +1min, end THINK                | -phase_already_active THINK 0 #1: the task went on
        open, start THINK, refuse start PLAN, +1min, close cancelled          | -phase_already_active THINK 0 #1: the task is cancelled
        open, start THINK, refuse end PLAN                                    | phase_mismatch THINK 0 #1
        open, start THINK, refuse end THINK 2, refuse end THINK 7             | phase_mismatch THINK 0 #1
        open, start THINK, refuse start PLAN, refuse end PLAN                 | phase_already_active THINK 0 #1; phase_mismatch THINK 0 #1
        open, refuse end PLAN                                                 | phase_mismatch task 0 #1
        open, refuse end PLAN, +1min, start THINK                             | -phase_mismatch task 0 #1: the task went on
        open, refuse end PLAN, +1min, start THINK, +1min, end THINK, refuse end PLAN | -phase_mismatch task 0 #1: the task went on; phase_mismatch task 0 #2
        ",
    );
    let message = |script: &str, rule: &str| story(&format!("live, {script}")).latest(rule).message;
    assert_eq!(
        message("open, start THINK, refuse end PLAN", "phase_mismatch"),
        "Task T-1: phase mismatch: the end of PLAN was refused, the ledger's active phase is THINK as of record 2; two orchestrators \
         work on it, or one lost its place: `tollgate task recover T-1` shows it, and repairs it with --to"
    );
    let twice = message("open, start THINK, refuse start PLAN", "phase_already_active");
    assert!(twice.contains("two phases at once: the start of PLAN was refused"), "{twice}");
    let none = message("open, refuse end PLAN", "phase_mismatch");
    assert!(none.contains("the ledger has no active phase as of record 1"), "{none}");
    assert!(
        story("live, open, refuse end PLAN")
            .alerts()
            .iter()
            .all(|alert| alert.severity == Severity::Critical)
    );
}

#[test]
fn what_was_outrun_before_it_was_recorded_raises_nothing() {
    let row = story("live, open, start THINK").row().cloned().unwrap();
    let command = TaskEvent::from(PhaseStarted::reported("PLAN".parse().unwrap()));
    let rejection = decide(&row.state, command.clone()).unwrap_err();
    let seen = out_of_step("T-1", &Phases::of(&row), &command, &rejection).unwrap();
    let mut later = story("live, open, start THINK, +1min, end THINK");
    later.observe(seen);
    assert_eq!(shown(&later), Vec::<String>::new());
}

#[test]
fn an_execution_that_runs_far_too_long_is_stuck() {
    // PLAN of a Medium task has 60 s: ten times that is 10 min; usage keeps it from being silent.
    check(
        "
        open, start PLAN, use PLAN out=1, +599s, use PLAN out=1, look                     |
        open, start PLAN, +10min, use PLAN out=1, look                                    | stuck PLAN 0 #1
        open, start PLAN, +10min, use PLAN out=1, look, +1min, use PLAN out=1, look        | stuck PLAN 0 #1
        open, start PLAN, +10min, use PLAN out=1, look, end PLAN                          | -stuck PLAN 0 #1: PLAN ended
        config alerts: {stuck_factor: 0}, open, start PLAN, +239min, use PLAN out=1, look | 
        config alerts: {stuck_factor: 0}, open, start PLAN, +240min, use PLAN out=1, look | stuck PLAN 0 #1
        ",
    );
    let story = story("live, open, start PLAN, +10min, use PLAN out=1, look");
    assert_eq!(
        story.latest("stuck").message,
        "PLAN of task T-1 has been running for more than 10 min; its latency limit is 1 min"
    );
}

#[test]
fn waits_are_no_sign_of_being_stuck_where_they_are_not_budgeted() {
    check(
        "
        config budgeted_latency: active, open, start PLAN, wait PLAN 60000, +10min, use PLAN out=1, look | 
        config budgeted_latency: active, open, start PLAN, wait PLAN 60000, +11min, use PLAN out=1, look | stuck PLAN 0 #1
        open, start PLAN, wait PLAN 60000, +10min, use PLAN out=1, look                  | stuck PLAN 0 #1
        ",
    );
}

#[test]
fn what_the_task_has_outrun_counts_no_more() {
    let mut late = story("live, open, start THINK, +10min");
    let row = late.row().unwrap().clone();
    let seen = observed("T-1", &row, late.now, &WatchConfig::default());
    assert_eq!(seen.len(), 1);
    for step in ["use THINK out=1", "end THINK"] {
        let mut after = story(&format!("live, open, start THINK, +10min, {step}"));
        after.observe(seen[0].clone());
        assert!(shown(&after).is_empty(), "{step} came first");
    }
    late.observe(seen[0].clone());
    assert_eq!(shown(&late), ["silence THINK 0 #1"]);
}

#[test]
fn whoever_looks_at_the_same_state_writes_the_same_events() {
    let story = story("live, open, start PLAN, +5min, use PLAN out=1");
    let row = story.row().unwrap();
    let config = WatchConfig::default();
    let at = |minutes: i64| -> Timestamp {
        crate::testing::BEGIN.parse::<Timestamp>().unwrap().plus_millis(minutes * 60_000)
    };
    let early = outlook("T-1", row, at(0), &config);
    assert_eq!((early.observed.len(), early.next), (0, Some(at(10))), "stuck comes first");
    let first = outlook("T-1", row, at(10), &config);
    assert_eq!((first.observed.len(), first.next), (1, Some(at(15))));
    let both = outlook("T-1", row, at(15), &config);
    assert_eq!((both.observed.len(), both.next), (2, None));
    let later = outlook("T-1", row, at(4000), &config);
    assert_eq!(later, both, "the clock of who looks is no part of it");
    let ids: Vec<_> = both.observed.iter().map(|seen| seen.event_id()).collect();
    assert_eq!(first.observed[0].event_id(), ids[1]);
    let off = WatchConfig {
        silence_after_ms: 0,
        stuck_after_ms: 0,
        stuck_factor: tollgate_domain::decimal::Decimal::ZERO,
        ..config
    };
    assert_eq!(outlook("T-1", row, at(4000), &off), crate::alerts::watch::Outlook::default());
}

#[test]
fn importance_that_rises_by_two_tiers_drifts() {
    check(
        "
        open, importance high                                             |
        open importance=low, importance high                              | drift task 2 #1
        open importance=low, importance critical                          | drift task 3 #1
        open importance=low, importance medium, importance high           | drift task 2 #1
        open importance=high, importance low, importance high             | drift task 2 #1
        open importance=low, importance high, importance critical         | -drift task 2 #1: the condition no longer holds; drift task 3 #1
        open importance=low, importance critical, importance medium       | -drift task 3 #1: the condition no longer holds
        open importance=low, importance critical, importance low, importance critical | -drift task 3 #1: the condition no longer holds; drift task 3 #2
        open importance=low, importance critical, close cancelled         | -drift task 3 #1: the task is cancelled
        ",
    );
    let story = story("open importance=low, importance critical");
    let alert = story.latest("drift");
    assert_eq!(alert.severity.as_str(), "error");
    assert_eq!(
        alert.message,
        "Task T-1 went from low to critical importance after it was opened; the last step by grace: the customer waits"
    );
}

#[test]
fn an_acknowledged_alert_stays_raised_and_a_conflict_ends_with_it() {
    check(
        "
        open, start THINK, +10min, look, ack silence                      | silence THINK 0 #1
        open, conflict e7                                                 | conflict task 0 #1
        open, conflict e7, conflict e8                                    | conflict task 0 #1
        open, conflict e7, close cancelled                                | conflict task 0 #1
        open, conflict e7, ack conflict                                   | -conflict task 0 #1: acknowledged by grace
        open, conflict e7, ack conflict, use - out=1, conflict e8         | -conflict task 0 #1: acknowledged by grace; conflict task 0 #2
        use - out=1, conflict e7                                          | conflict task 0 #1
        ",
    );
    let story = story("live, open, start THINK, +10min, look, ack silence, +1s, ack silence");
    let alert = story.latest("silence");
    let seen = alert.acknowledged.unwrap();
    assert_eq!((seen.by.as_str(), seen.note.as_deref(), seen.sequence.0), ("grace", Some("on it"), 4));
    let changes: Vec<_> = story.changes().iter().map(|(at, change)| (at.0, change.change.as_str())).collect();
    assert_eq!(changes, [(3, "raised"), (4, "acknowledged")], "the first acknowledgement counts");
}

#[test]
fn a_completed_task_is_told_once_with_its_report() {
    check(
        "
        open, close completed                                             | -completed task 0 #1: a notice, told once
        open, close completed, use - out=1                                | -completed task 0 #1: a notice, told once
        open, start MONITOR, end MONITOR                                  | -completed task 0 #1: a notice, told once
        open, close cancelled                                             |
        open, close abandoned                                             |
        use - out=1                                                       |
        ",
    );
    let story = story("open, use - out=24000, close completed, use - out=1");
    let alert = story.latest("completed");
    assert_eq!(alert.severity.as_str(), "info");
    assert_eq!(
        alert.message,
        "Task T-1 is completed, above its limits: tokens 24,000 / 23,400 (103%), latency 0 / 573,000 ms (0%); its report: \
         /v1/tasks/T-1/report?tenant=default"
    );
    let told: Vec<_> = story.changes().into_iter().filter(|(_, change)| change.alert == alert.id).collect();
    let changes: Vec<_> = told.iter().map(|(at, change)| (at.0, change.change.as_str())).collect();
    assert_eq!(changes, [(3, "raised")], "nobody is told of its end");
}

#[test]
fn nobody_acknowledges_what_others_watch() {
    let mut story = story("live, open, start THINK, +10min, look");
    let alert = story.latest("silence").id;
    for script in ["in T-2", "of acme"] {
        let other = crate::testing::story(script);
        let acknowledged = tollgate_domain::event::AlertAcknowledged {
            alert: alert.clone(),
            by: "eve".to_owned(),
            note: None,
        };
        story.append_elsewhere(
            &other,
            tollgate_domain::event::EventBody::Alert(AlertEvent::AlertAcknowledged(acknowledged)),
        );
    }
    assert_eq!(story.latest("silence").acknowledged, None);
    assert_eq!(story.changes().len(), 1);
}

#[test]
fn views_that_lag_or_cannot_read_are_the_ledgers_own() {
    check(
        "
        lag status 3 on                                                   | lag view status/3 0 #1
        lag status 3 on, lag status 4 on                                  | lag view status/3 0 #1; lag view status/4 0 #1
        lag status 3 on, +1min, lag status 3 on                           | lag view status/3 0 #1
        lag status 3 on, lag status 3 off                                 | -lag view status/3 0 #1: the condition no longer holds
        lag status 3 on, lag status 3 off, lag status 3 off               | -lag view status/3 0 #1: the condition no longer holds
        lag status 3 on, lag status 3 off, +1min, lag status 3 on         | -lag view status/3 0 #1: the condition no longer holds; lag view status/3 0 #2
        lag status 3 on, -5s, lag status 3 off                            | lag view status/3 0 #1
        unreadable status 3 on                                            | quarantine view status/3 0 #1
        unreadable status 3 on, unreadable status 3 off                   | -quarantine view status/3 0 #1: the condition no longer holds
        ",
    );
}

#[test]
fn the_inbox_alerts_while_a_message_waits() {
    check(
        "
        reject a                                          | quarantine inbox 0 #1
        reject a, reject b                                | quarantine inbox 0 #1
        reject a, reject b, dropped 1                     | quarantine inbox 0 #1
        reject a, reject b, dropped 1, dropped 1          | quarantine inbox 0 #1
        reject a, reject b, dropped 1, redriven 2         | -quarantine inbox 0 #1: the condition no longer holds
        reject a, dropped 1, reject b                     | -quarantine inbox 0 #1: the condition no longer holds; quarantine inbox 0 #2
        reject a, of acme, reject b                       | quarantine inbox 0 #1; quarantine inbox 0 #1
        ",
    );
    let story = story("reject a, redriven 1, dropped 1");
    let [one] = story.quarantined()[..] else { panic!("one message") };
    assert_eq!((one.state().as_str(), one.payload.as_slice(), one.is_cut()), ("redriven", &b"a"[..], false));
    let expected = "A message of the inbox was refused and waits in quarantine: task: is required (subject tollgate.v1.in.default.T-9)";
    assert_eq!(story.alerts()[0].message, expected);
}

#[test]
fn an_id_that_was_taken_raises_the_same_alert_as_one_that_was_observed() {
    use crate::fold::{Conflict, Projection};
    let observed = story("use - out=1, conflict e7");
    let plain = story("use - out=1");
    let mut rows = plain.alert_rows().clone();
    let conflict = Conflict {
        sequence: tollgate_domain::position::Sequence(1),
        original: tollgate_domain::position::Sequence(1),
        recorded_at: plain.now,
        tenant: "default",
        task: "T-1",
        producer: "agent",
        id: "e7",
    };
    let Ok(()) = crate::alerts::Alerts.conflict(&conflict, &mut rows);
    let Ok(()) = crate::alerts::Alerts.conflict(&conflict, &mut rows);
    let found: Vec<_> = rows.values().filter_map(crate::alerts::AlertsRow::alert).collect();
    let [one] = found[..] else { panic!("one alert") };
    let other = observed.latest("conflict");
    assert_eq!((&one.id, &one.message, one.raised_at), (&other.id, &other.message, other.raised_at));
}
