//! Alerts that are told once: of allocations, and of tasks with a limit of their own.

use tollgate_domain::alert::{AlertRule, AlertScope, Condition, Severity};
use tollgate_domain::event::{AlertAcknowledged, ConditionObserved, EventBody};
use tollgate_domain::time::Timestamp;

use super::observed::shown;
use crate::testing::story;

#[test]
fn an_overrun_is_told_once_an_allocation_with_the_first_numbers_until_it_is_acknowledged() {
    let seen = |name: &str, active: bool, detail: &str| ConditionObserved {
        condition: Condition {
            rule: AlertRule::AllocationOverrun,
            scope: AlertScope::Allocation(name.to_owned()),
            level: 0,
        },
        active,
        since: "2026-11-21T08:00:00Z".parse().unwrap(),
        threshold_ms: 0,
        detail: detail.to_owned(),
    };
    let mut story = story("");
    for (name, active, detail) in
        [("b", false, "nothing"), ("a", true, "first"), ("a", true, "second"), ("b", true, "other")]
    {
        story.observe(seen(name, active, detail));
    }
    let raised = ["allocation_overrun allocation a 0 #1", "allocation_overrun allocation b 0 #1"];
    assert_eq!(shown(&story), raised);
    let alerts = story.alerts();
    let of = |nth: usize| (alerts[nth].severity, alerts[nth].message.as_str());
    assert_eq!((of(0), of(1)), ((Severity::Warning, "first"), (Severity::Warning, "other")));
    let (alert, by) = (alerts[0].id.clone(), "grace".to_owned());
    story.append(EventBody::from(AlertAcknowledged { alert, by, note: None }));
    story.observe(seen("a", false, "no more"));
    story.observe(seen("a", true, "third"));
    assert_eq!(shown(&story), [&format!("-{}: acknowledged by grace", raised[0]), raised[1]]);
}

#[test]
fn a_task_that_nears_a_limit_of_its_own_is_told_and_one_that_reaches_it_stays_open() {
    let seen = |of: &str, level: u32| ConditionObserved {
        condition: Condition {
            rule: AlertRule::TaskBudget,
            scope: AlertScope::Policy { name: "p".to_owned(), from: None, of: Some(of.to_owned()) },
            level,
        },
        active: true,
        since: Timestamp::default(),
        threshold_ms: 0,
        detail: format!("{of} {level}"),
    };
    let mut story = story("");
    for (of, level) in [("a", 80), ("b", 100), ("a", 80), ("a", 100), ("b", 100)] {
        story.observe(seen(of, level));
    }
    let raised = [
        "-task_budget policy p of a 80 #1: a notice, told once",
        "task_budget policy p of a 100 #1",
        "task_budget policy p of b 100 #1",
    ];
    let mut found = shown(&story);
    found.sort();
    assert_eq!(found, raised);
    let severities: Vec<_> = story.alerts().iter().map(|alert| alert.severity.as_str()).collect();
    assert_eq!(severities.iter().filter(|severity| **severity == "error").count(), 2, "{severities:?}");
}

#[test]
fn what_late_usage_reached_is_told_once_until_it_is_taken_away_or_acknowledged() {
    let seen = |level: u32, active: bool, detail: &str| ConditionObserved {
        condition: Condition {
            rule: AlertRule::LateUsage,
            scope: AlertScope::Policy { name: "p".to_owned(), from: Some(Timestamp::default()), of: None },
            level,
        },
        active,
        since: Timestamp::default(),
        threshold_ms: 0,
        detail: detail.to_owned(),
    };
    let mut story = story("");
    for (level, active, detail) in [
        (95, false, "never"),
        (80, true, "a"),
        (100, true, "b"),
        (80, true, "again"),
        (100, false, "taken away"),
        (100, false, "taken away again"),
        (100, true, "and reached again"),
    ] {
        story.observe(seen(level, active, detail));
    }
    let raised = "late_usage policy p from 1970-01-01T00:00:00Z";
    let mut found = shown(&story);
    found.sort();
    assert_eq!(found, [format!("-{raised} 100 #1: taken away"), format!("{raised} 80 #1")]);
    let open = story.alerts().into_iter().find(|alert| alert.condition.level == 80).unwrap();
    assert_eq!(open.severity, Severity::Warning);
    story.append(EventBody::from(AlertAcknowledged {
        alert: open.id.clone(),
        by: "grace".to_owned(),
        note: None,
    }));
    story.observe(seen(80, false, "too late"));
    assert!(
        shown(&story).contains(&format!("-{raised} 80 #1: acknowledged by grace")),
        "{:?}",
        shown(&story)
    );
}
