//! given | then tables for the figures of many tasks. Stories begin on a Saturday: the week of 2026-11-16.

use proptest::prelude::*;

use super::*;
use crate::fold::read_task_key;
use crate::status::Status;
use crate::testing::{Stored, Story, events, folded, story};
use tollgate_domain::config::BudgetConfig;
use tollgate_wire::api::BudgetHealth;

/// A Medium/medium task has 23,400 tokens. Blocked before VERIFY above 35,100.
const BLOCKED: &str = "open {}, start PLAN, use PLAN out=40000, end PLAN, gate VERIFY";

fn overview_of(events: &[Stored], now: tollgate_domain::time::Timestamp) -> Overview {
    let mut overview = Overview::default();
    for (key, row) in folded(&Status, events) {
        let (tenant, task) = read_task_key(&key).unwrap();
        overview.add(tenant, task, &row, Present { now, stuck_after_ms: 14_400_000 });
    }
    overview
}

fn overview(story: &Story) -> Overview {
    overview_of(&story.events, story.now)
}

/// This many tasks that each do this, with generated names.
fn tasks(prefix: &str, count: usize, steps: &str) -> String {
    (0..count).map(|nth| format!("in {prefix}-{nth}, {steps}, ")).collect()
}

fn health_of(script: &str, min_tasks: u64) -> BudgetHealth {
    let config = HealthConfig { min_tasks, ..HealthConfig::of(&BudgetConfig::built_in(), 4) };
    health(&overview(&story(script)), &config, "p".to_owned())
}

/// `verdict value: counted` of a figure.
fn figure(health: &BudgetHealth, name: &str) -> String {
    let row = health.figures.iter().find(|row| row.figure == name);
    let row = row.unwrap_or_else(|| panic!("no {name} in {health:#?}"));
    format!("{} {}: {}", row.verdict, row.value.as_deref().unwrap_or("-"), row.counted)
}

#[test]
fn weeks_begin_on_monday() {
    for (time, monday) in [
        ("2026-11-16T00:00:00Z", "2026-11-16"),
        ("2026-11-22T23:59:59Z", "2026-11-16"),
        ("2026-11-23T00:00:00Z", "2026-11-23"),
        ("1970-01-01T00:00:00Z", "1969-12-29"),
    ] {
        assert_eq!(week_of(time.parse().unwrap()).to_string(), monday, "{time}");
    }
}

/// Gate queries made today about past tasks add no week.
#[test]
fn a_week_in_which_nothing_is_counted_has_no_row() {
    let weeks = |script: &str| {
        let rows = health_of(script, 1).by_week;
        rows.iter().map(|row| row.week.clone()).collect::<Vec<_>>()
    };
    let opened = "open, close completed, +240h, by tollgate, in fix:T-1, open";
    assert_eq!(weeks(opened), ["2026-11-16"]);
    assert_eq!(weeks(&format!("{opened}, by agent, use - out=70")), ["2026-11-16", "2026-11-30"]);
}

#[test]
fn percentiles_are_values_that_occurred_to_three_digits() {
    let mut counted = Counted::default();
    assert_eq!(counted.percentile(50), None);
    for value in [1, 2, 999, 1_000, 1_001, 123_401] {
        counted.note(value);
    }
    assert_eq!(counted.0.keys().copied().collect::<Vec<_>>(), [1, 2, 999, 1_000, 1_010, 124_000]);
    let at = |percent| counted.percentile(percent).unwrap();
    assert_eq!((at(0), at(1), at(50), at(51), at(95), at(100)), (1, 1, 999, 1_000, 124_000, 124_000));
    assert_eq!((counted.up_to(998), counted.up_to(999)), (2, 3));
}

#[test]
fn each_figure_says_what_it_follows_from_and_when_it_says_nothing() {
    let blocked = |count, mark: &str| tasks("B", count, &format!("{}{mark}", BLOCKED.replace("{}", "")));
    let well = |count| tasks("W", count, "open, start PLAN, use PLAN out=16000, end PLAN, close completed");
    for (script, name, expected) in [
        (well(19), "within_limits", "not enough data 100 %: 19 of 19 tasks"),
        (well(20), "within_limits", "ok 100 %: 20 of 20 tasks"),
        (well(18) + &blocked(2, ""), "within_limits", "watch 90 %: 18 of 20 tasks"),
        (well(15) + &blocked(5, ""), "within_limits", "bad 75 %: 15 of 20 tasks"),
        (well(40) + &blocked(2, ""), "breach_rate", "ok 4.76 %: 2 of 42 tasks above 1.5 times their limits"),
        (well(19) + &blocked(1, ""), "stop_loss_rate", "watch 5 %: 1 of 20 tasks blocked by the gate"),
        (
            well(18) + &blocked(2, ""),
            "tasks_stopped",
            "ok 10 %: 2 of 20 tasks; above this, budgets block legitimate work",
        ),
        (
            well(17) + &blocked(3, ""),
            "tasks_stopped",
            "bad 15 %: 3 of 20 tasks; above this, budgets block legitimate work",
        ),
        (
            well(17) + &blocked(3, ""),
            "would_stop",
            "bad 15 %: 3 of 20 tasks that the rules would block once enforced",
        ),
        (well(20), "utilization", "ok 68.37 %: 320,000 of 468,000 tokens of closed tasks"),
        (
            well(1),
            "false_positives",
            "not enough data -: 0 legitimate, 0 runaway, 0 not marked, of 0 stopped by the rules",
        ),
        (
            blocked(1, ""),
            "false_positives",
            "not enough data 0 %: 0 legitimate, 0 runaway, 1 not marked, of 1 stopped by the rules",
        ),
        (
            blocked(60, ", mark runaway"),
            "false_positives of medium",
            "ok 0 %: 0 legitimate, 60 runaway, 0 not marked, of 60 stopped by the rules",
        ),
        (
            blocked(60, ", mark runaway") + "in B-0, mark legitimate",
            "false_positives",
            "ok 1.66 %: 1 legitimate, 59 runaway, 0 not marked, of 60 stopped by the rules",
        ),
        (
            blocked(20, ", mark runaway") + "in B-0, mark legitimate",
            "false_positives",
            "watch 5 %: 1 legitimate, 19 runaway, 0 not marked, of 20 stopped by the rules",
        ),
        (
            blocked(3, ", mark legitimate"),
            "false_positives of medium",
            "bad 100 %: 3 legitimate, 0 runaway, 0 not marked, of 3 stopped by the rules",
        ),
        (well(20), "medium_share", "watch 100 %: 20 of 20 tasks"),
        (
            well(18) + &tasks("C", 2, "open importance=critical"),
            "critical_share",
            "watch 10 %: 2 of 20 tasks",
        ),
        (well(17) + &tasks("C", 3, "open importance=critical"), "critical_share", "bad 15 %: 3 of 20 tasks"),
        (well(20) + "in E, use - out=80000 est", "estimated_usage", "watch 20 %: 80,000 of 400,000 tokens"),
    ] {
        assert_eq!(figure(&health_of(&script, 20), name), expected, "{script}");
    }
}

#[test]
fn a_week_whose_tokens_move_by_more_than_a_fifth_is_named() {
    let week = |prefix, tokens: u64| {
        tasks(prefix, 3, &format!("open, start PLAN, use PLAN out={tokens}, end PLAN, close completed"))
    };
    for (before, now, expected) in [
        (10_000, 12_000, "ok 120 % of the week before: week of 2026-11-23: p50 12,000 tokens, before 10,000"),
        (
            10_000,
            12_100,
            "bad 121 % of the week before: week of 2026-11-23: p50 12,100 tokens, before 10,000",
        ),
        (10_000, 8_000, "ok 80 % of the week before: week of 2026-11-23: p50 8,000 tokens, before 10,000"),
        (10_000, 7_990, "bad 79.9 % of the week before: week of 2026-11-23: p50 7,990 tokens, before 10,000"),
    ] {
        let script = format!("{}+48h, {}", week("A", before), week("B", now));
        assert_eq!(figure(&health_of(&script, 3), "token_trend"), expected);
        let alone = "not enough data -: needs two weeks in a row with 4 completed tasks each";
        assert_eq!(figure(&health_of(&script, 4), "token_trend"), alone);
        let gap = format!("{}+216h, {}", week("A", before), week("B", now));
        assert!(figure(&health_of(&gap, 3), "token_trend").starts_with("not enough data"));
    }
}

#[test]
fn the_latest_weeks_stand_beside_the_first_ones() {
    let week = |prefix, tokens: u64, end: &str| {
        tasks(prefix, 2, &format!("open, start PLAN, use PLAN out={tokens}, +10s, end PLAN, close {end}"))
    };
    let script = format!("{}+840h, {}", week("A", 10_000, "completed"), week("B", 9_000, "completed"));
    let health = health_of(&script, 2);
    assert_eq!(
        figure(&health, "completion_rate"),
        "ok 100 %: 2 of 2 closed tasks completed; baseline 2 of 2"
    );
    assert_eq!(
        figure(&health, "tokens_p50"),
        "ok 90 % of the baseline: p50 9,000 tokens; baseline 10,000 tokens"
    );
    assert_eq!(
        figure(&health, "duration_p95"),
        "watch 100 % of the baseline: p95 10,000 ms; baseline 10,000 ms"
    );
    assert_eq!(health.weeks, ["2026-12-21"], "of the first week nothing is left");
    let early = format!("{}+168h, {}", week("A", 10_000, "completed"), week("B", 9_000, "cancelled"));
    assert!(figure(&health_of(&early, 2), "tokens_p50").starts_with("not enough data"));
    assert!(figure(&health_of(&early, 2), "completion_rate").starts_with("not enough data"));
}

#[test]
fn a_tier_with_too_many_false_positives_gets_a_proposal_with_its_numbers() {
    // A high task has 35,100 tokens.
    let high = tasks(
        "H",
        4,
        &format!("{}, mark runaway", BLOCKED.replace("{}", "importance=high").replace("40000", "70200")),
    );
    let medium = tasks("M", 4, &format!("{}, mark runaway", BLOCKED.replace("{}", "")));
    let script = format!(
        "{high}{medium}in H-0, mark legitimate, in H-3, use - out=50000, in M-9, {}",
        BLOCKED.replace("{}", "")
    );
    let health = health_of(&script, 20);
    let [proposal] = &health.proposals[..] else { panic!("{:#?}", health.proposals) };
    assert_eq!(
        proposal.text,
        "high: 1 of 4 stopped tasks were legitimate, 95 of 100 of them used at most 200 % of their limit. Raise \
         importance_multipliers.high from 1.5 to 2.5 (this tier alone) or stop_loss.cumulative_token_threshold from 1.2 to 2 \
         (every tier): 1 of 1 legitimate ones would have passed, and 2 of 3 runaways"
    );
}

#[test]
fn what_somebody_should_look_at_is_named() {
    let script = format!(
        "in B, {}, in P, {}, pass VERIFY, in S, open, start THINK, in C, open importance=critical, in J, open \
         importance=critical why=data_is_lost, in R, open, importance critical, in L, open, start PLAN, +4h, +1ms, in L, end PLAN, \
         in Z, open importance=critical, close cancelled",
        BLOCKED.replace("{}", ""),
        BLOCKED.replace("{}", "")
    );
    let health = health_of(&script, 20);
    let named = |list: &tollgate_wire::api::ReviewList| -> Vec<String> {
        list.tasks.iter().map(|task| format!("{}: {}", task.task, task.why)).collect()
    };
    assert_eq!(named(&health.stuck), ["S: THINK runs since 2026-11-21T08:00:00Z"]);
    assert_eq!(named(&health.unjustified), ["C: opened as critical by ada without a justification"]);
    assert_eq!(
        named(&health.importance_changed),
        ["R: medium to critical by grace at 2026-11-21T08:00:00Z: the customer waits"]
    );
    let blocked =
        "B: before VERIFY since 2026-11-21T08:00:00Z: Task B exceeded token budget: 40,000 / 23,400 (171%)";
    assert!(named(&health.blocked)[0].starts_with(blocked), "{:?}", health.blocked);
    assert_eq!(health.blocked.count, 1, "a block that was set aside is none");
}

#[test]
fn phases_have_classes_of_utilization() {
    // PLAN has 2,400 tokens.
    let tokens = [0, 600, 601, 2_400, 2_401, 4_801];
    let script: String = tokens
        .iter()
        .enumerate()
        .map(|(nth, tokens)| {
            format!("in T-{nth}, open, start PLAN, use PLAN out={tokens}, +6s, end PLAN, start THINK, ")
        })
        .collect();
    let health = health_of(&script, 1);
    let [plan] = &health.by_phase[..] else { panic!("{:#?}", health.by_phase) };
    let classes: Vec<u64> = plan.classes.iter().map(|class| class.executions).collect();
    assert_eq!(classes, [2, 1, 0, 0, 0, 1, 1, 0, 1]);
    assert_eq!((plan.executions, plan.tokens, plan.token_limits), (6, 10_803, 14_400));
    assert_eq!((plan.percent.as_deref(), plan.latency_ms), (Some("75.02"), 36_000));
}

#[test]
fn what_should_be_told_of_many_tasks() {
    let blocked = |count, mark: &str| tasks("B", count, &format!("{}{mark}", BLOCKED.replace("{}", "")));
    let well = |prefix, count, tokens: u64| {
        tasks(prefix, count, &format!("open, start PLAN, use PLAN out={tokens}, end PLAN, close completed"))
    };
    let critical = |count| tasks("C", count, "open importance=critical why=x");
    for (script, expected) in [
        (well("W", 20, 10_000), ""),
        (well("W", 18, 10_000) + &critical(2), ""),
        (well("W", 17, 10_000) + &critical(3), "critical_share"),
        (well("W", 16, 10_000) + &critical(3), ""),
        (well("W", 17, 10_000) + &blocked(3, ""), "stopped_share"),
        (format!("config rollout: observe, {}{}", well("W", 17, 10_000), blocked(3, "")), ""),
        (blocked(1, ", mark legitimate"), "false_positives"),
        (blocked(10, ", mark runaway") + "in B-0, mark legitimate", ""),
        (blocked(9, ", mark runaway") + "in B-0, mark legitimate", "false_positives"),
        (well("W", 20, 10_000) + "+48h, " + &well("X", 20, 12_000), ""),
        (well("W", 20, 10_000) + "+48h, " + &well("X", 20, 12_100), "token_trend"),
        (well("W", 20, 10_000) + "+48h, " + &well("X", 20, 7_990), "token_trend"),
    ] {
        let story = story(&script);
        let found = conditions(&overview(&story), &BudgetConfig::built_in().alerts);
        let rules: Vec<&str> = found.iter().map(|seen| seen.rule().as_str()).collect();
        assert_eq!(rules.join(" "), expected, "{script}");
        assert!(found.iter().all(|seen| seen.since == story.now), "it follows from the latest event");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Partitions merge: figures of parts, sent as JSON, add up to the figures of the whole.
    #[test]
    fn parts_add_up_to_the_whole(events in events()) {
        let now = "2026-11-22T08:00:00Z".parse().unwrap();
        let whole = overview_of(&events, now);
        let mut parts = Overview::default();
        let (one, other): (Vec<_>, Vec<_>) = events.iter().cloned().partition(|event| event.task.ends_with('1'));
        for part in [other, one] {
            let json = serde_json::to_string(&overview_of(&part, now)).unwrap();
            parts.merge(serde_json::from_str(&json).unwrap());
        }
        prop_assert_eq!(parts, whole);
    }
}

/// In the year 9897, not far from the last one that can be written.
const FAR_AHEAD: &str = "ahead 69000000h";

#[test]
fn what_comes_from_a_clock_that_is_far_ahead_does_not_move_the_window() {
    let week = tasks("A", 40, "open, start PLAN, use PLAN out=100, end PLAN, close completed");
    let expected = health_of(&week, 5);
    assert_eq!((expected.tasks, expected.weeks.as_slice()), (40, &["2026-11-16".to_owned()][..]));
    for late in [
        "open, start PLAN, use PLAN out=100, end PLAN, close completed",
        "open",
        // Implicit: it was never opened.
        "use - out=100",
    ] {
        let health = health_of(&format!("{week} {FAR_AHEAD}, in Z, {late}"), 5);
        // A story is recorded hours after it happened: that week or the next, and no other.
        assert!(health.tasks >= 40, "{late}: {}", health.tasks);
        let last = health.by_week.last().unwrap();
        assert!(last.week == "2026-11-16" || last.week == "2026-11-23", "{late}: {}", last.week);
        assert!(health.weeks.first().is_some_and(|week| week == "2026-11-16"), "{late}: {:?}", health.weeks);
    }
}

#[test]
fn a_task_that_ends_in_the_year_9999_takes_no_eight_thousand_years() {
    let story = story(&format!("open, start PLAN, use PLAN out=1, end PLAN, {FAR_AHEAD}, close completed"));
    let overview = overview(&story);
    let longest: Vec<u64> =
        overview.weeks.values().flat_map(|week| week.closed.duration_ms.0.keys().copied()).collect();
    // Twenty hours: from the time it was recorded.
    assert_eq!(longest, [72_000_000]);
    assert!(overview.last_at <= story.now.plus_millis(3 * 86_400_000), "{}", overview.last_at);
}

#[test]
fn the_list_of_weeks_has_a_bound() {
    let script: String = (0..530).map(|nth| format!("in T-{nth}, open, +168h, ")).collect();
    let health = health_of(&script, 5);
    assert_eq!((health.by_week.len(), health.earlier_weeks), (520, Some(10)));
    assert_eq!(health.by_week.last().map(|row| row.opened), Some(1));
    let health = health_of("open", 5);
    assert_eq!((health.by_week.len(), health.earlier_weeks), (1, None));
}
