//! Given events, when they are folded, then these alerts: raised once, resolved, raised again.

use std::collections::BTreeMap;

use tollgate_domain::alert::{AlertRule, Condition, Severity};
use tollgate_domain::config::BudgetConfig;
use tollgate_domain::event::{
    Change, EventBody, GateEvent, OverrideGranted, OverrideScope, PhaseEnded, PhaseStarted, RecordedEvent,
    TaskClosed, TaskOpened, TaskOutcome,
};
use tollgate_domain::gate::{Switches, decide};
use tollgate_domain::limits::task_limits;
use tollgate_domain::metadata::{LimitOverride, TaskMetadata};
use tollgate_domain::phase::{Advance, Phase};
use tollgate_domain::position::{PartitionId, Sequence};
use tollgate_domain::time::Timestamp;
use tollgate_domain::tokens::{TokenCounts, TokenSums};
use tollgate_domain::units::{UnitCounts, UnitSums};
use tollgate_domain::usage::{AdjustedUsage, Cost, NamedExecution, UsageAdjusted, UsageRecorded};

use super::row::Watch;
use super::truths::{conditions, is_unchanged};
use super::*;
use crate::fold::Projection;

mod clocks;
mod delivered;
mod golden;
mod observed;
mod once;
mod order;
mod progress;

fn unchanged_only_if_all_that_is_true_has_an_alert(watch: &Watch) {
    let mut watch = watch.clone();
    let all: Vec<Condition> = conditions(&watch, "T-1").into_keys().collect();
    assert!(all.iter().eq(watch.open.keys()) && is_unchanged(&watch, "T-1"), "{:?}", watch.open);
    for condition in all {
        let id = watch.open.remove(&condition).unwrap();
        assert!(!is_unchanged(&watch, "T-1"), "{condition:?} has no alert");
        let other = Condition { level: 7, ..condition.clone() };
        watch.open.insert(other.clone(), id.clone());
        assert!(!is_unchanged(&watch, "T-1"), "{condition:?} has none, and {other:?} one");
        watch.open.insert(condition, id);
        assert!(!is_unchanged(&watch, "T-1"), "{other:?} is not true");
        watch.open.remove(&other);
    }
}

#[derive(Default)]
struct Folded {
    rows: BTreeMap<Vec<u8>, AlertsRow>,
    sequence: u64,
}

impl Folded {
    /// A Small, medium task: 18,720 tokens; PLAN 1,920 of them, THINK 4,800.
    fn opened() -> Self {
        Self::opened_under(&BudgetConfig::built_in())
    }

    fn opened_under(config: &BudgetConfig) -> Self {
        let mut folded = Self::default();
        let metadata = TaskMetadata { complexity: Some("Small".parse().unwrap()), ..TaskMetadata::default() };
        let limits = task_limits(config, &metadata).unwrap();
        folded.fold(0, EventBody::from(TaskOpened { metadata, limits: Some(limits) }));
        folded
    }

    fn watch(&self) -> &Watch {
        match self.rows.get(&row::watch_key("default", "T-1")) {
            Some(AlertsRow::Watch(watch)) => watch,
            _ => panic!("no watch"),
        }
    }

    fn fold(&mut self, minute: i64, body: EventBody) {
        self.sequence += 1;
        let begin: Timestamp = "2026-11-21T08:00:00Z".parse().unwrap();
        let at = begin.plus_millis(minute * 60_000);
        let event = RecordedEvent {
            sequence: Sequence(self.sequence),
            partition: PartitionId::of("default", "T-1"),
            recorded_at: at,
            tenant: "default",
            task: "T-1",
            producer: "test",
            id: "e",
            occurred_at: at,
            body: &body,
        };
        Alerts.apply(&event, &mut self.rows).unwrap();
        let Some(AlertsRow::Watch(watch)) = self.rows.get(&row::watch_key("default", "T-1")) else {
            panic!("no watch")
        };
        unchanged_only_if_all_that_is_true_has_an_alert(watch);
    }

    fn start(&mut self, minute: i64, phase: &str) {
        self.fold(
            minute,
            EventBody::from(PhaseStarted { phase: named(phase), attempt: Some(1), concluded_by: None }),
        );
    }

    fn end(&mut self, minute: i64, phase: &str) {
        self.fold(minute, EventBody::from(PhaseEnded { phase: named(phase), attempt: Some(1) }));
    }

    fn use_tokens(&mut self, phase: &str, output: u64) {
        let execution = Some(NamedExecution { phase: named(phase), attempt: None });
        self.fold(
            0,
            EventBody::from(UsageRecorded {
                context: None,
                counts_as: None,
                execution,
                provider: None,
                model: None,
                component: None,
                request_id: None,
                service_tier: None,
                allocation: None,
                labels: BTreeMap::new(),
                tokens: TokenCounts { output, ..TokenCounts::default() },
                units: UnitCounts::default(),
                estimated: false,
                cost: Cost::Unpriced,
            }),
        );
    }

    fn take_back(&mut self, phase: &str, output: i128) {
        let resolved = AdjustedUsage {
            counts_as: None,
            execution: Some(NamedExecution { phase: named(phase), attempt: None }),
            provider: None,
            model: None,
            component: None,
            allocation: None,
            labels: BTreeMap::new(),
            service_tier: None,
            occurred_at: None,
            cost: Cost::Unpriced,
            excess: TokenCounts::default(),
            excess_units: UnitSums::default(),
            unpriced: None,
        };
        self.fold(
            0,
            EventBody::from(UsageAdjusted {
                adjusts: "e".to_owned(),
                adjusts_producer: "test".to_owned(),
                tokens: TokenSums { output: -output, ..TokenSums::default() },
                units: UnitSums::default(),
                reason: "counted twice".to_owned(),
                author: None,
                resolved: Some(Box::new(resolved)),
            }),
        );
    }

    /// Asks the gate as the server does, and records its answer.
    fn ask_gate(&mut self, to: &str) {
        let advance: Advance = to.parse().unwrap();
        let Some(AlertsRow::Watch(watch)) = self.rows.get(&row::watch_key("default", "T-1")) else {
            panic!()
        };
        let standing = crate::status::task_figures("T-1", &watch.task, None);
        let mut switches = Switches::from(&BudgetConfig::built_in());
        switches.rollout = tollgate_domain::config::Rollout::Enforce;
        let decided = decide(&standing, &advance, switches);
        self.fold(0, EventBody::Gate(GateEvent::GateDecided(Box::new(decided))));
    }

    fn alerts(&self) -> Vec<Alert> {
        let mut alerts: Vec<Alert> = self.rows.values().filter_map(|row| row.alert().cloned()).collect();
        alerts.sort_by_key(|alert| (alert.raised, alert.condition.clone(), alert.generation));
        alerts
    }

    /// Each alert as `rule scope level generation`; those that ended have a minus.
    fn shown(&self) -> Vec<String> {
        self.alerts()
            .iter()
            .map(|alert| {
                let sign = if alert.resolved.is_some() { "-" } else { "" };
                let condition = &alert.condition;
                format!(
                    "{sign}{} {} {} #{}",
                    condition.rule, condition.scope, condition.level, alert.generation
                )
            })
            .collect()
    }
}

fn named(phase: &str) -> Phase {
    phase.parse().unwrap()
}

#[test]
fn each_level_is_announced_once_on_the_way_up() {
    let mut folded = Folded::opened();
    folded.start(0, "THINK");
    folded.use_tokens("THINK", 2_300);
    assert!(folded.shown().is_empty());
    folded.use_tokens("THINK", 100);
    assert_eq!(folded.shown(), ["pressure THINK 50 #1"]);
    folded.use_tokens("THINK", 100);
    assert_eq!(folded.shown(), ["pressure THINK 50 #1"], "not again");
    folded.use_tokens("THINK", 2_000);
    assert_eq!(folded.shown()[1..], ["pressure THINK 90 #1"], "80 is folded into it");
    let advice = folded
        .alerts()
        .iter()
        .map(|alert| alert.message.contains("consider wrapping up"))
        .collect::<Vec<_>>();
    assert_eq!(advice, [false, true]);
    folded.use_tokens("THINK", 3_000);
    assert_eq!(folded.shown()[2..], ["breach THINK 150 #1"], "as are 100 and 150, and the lower breach");
    let last = &folded.alerts()[2];
    assert_eq!(last.message, "THINK of task T-1 is above 150% of its token budget: 7,500 / 4,800 (156%)");
    assert_eq!((last.severity, last.folded.len()), (Severity::Critical, 3));
}

#[test]
fn what_is_true_no_more_is_resolved_and_armed_again() {
    let mut folded = Folded::opened();
    folded.start(0, "THINK");
    folded.use_tokens("THINK", 2_400);
    folded.take_back("THINK", 1_000);
    assert_eq!(folded.shown(), ["-pressure THINK 50 #1"]);
    folded.use_tokens("THINK", 1_000);
    assert_eq!(folded.shown(), ["-pressure THINK 50 #1", "pressure THINK 50 #2"]);
    let [first, second] = &folded.alerts()[..] else { panic!("two alerts") };
    assert_ne!(first.id, second.id);
    assert_eq!(
        first.resolved.as_ref().map(|end| (end.by, end.why.as_str())),
        Some((Sequence(4), "the condition no longer holds"))
    );
}

/// A leading alert ends before the conditions folded into it: those are reported anew, under their own name.
#[test]
fn what_is_true_still_when_its_alert_ends_is_told_anew() {
    let mut folded = Folded::opened();
    folded.start(0, "THINK");
    folded.use_tokens("THINK", 5_000);
    assert_eq!(folded.shown(), ["breach THINK 100 #1"]);
    folded.take_back("THINK", 300);
    assert_eq!(folded.shown(), ["-breach THINK 100 #1", "pressure THINK 90 #1"]);
    folded.take_back("THINK", 500);
    assert_eq!(folded.shown()[1..], ["-pressure THINK 90 #1", "pressure THINK 80 #1"]);
    folded.take_back("THINK", 4_200);
    assert!(folded.shown().iter().all(|alert| alert.starts_with('-')), "{:?}", folded.shown());
    assert_eq!(folded.alerts().len(), 3, "what was folded ends without a word");
}

#[test]
fn a_raised_limit_and_a_closed_task_end_what_was_raised() {
    let mut folded = Folded::opened();
    folded.start(0, "THINK");
    folded.use_tokens("THINK", 5_000);
    let limit = LimitOverride { tokens: Some(100_000), latency_ms: None };
    folded.fold(
        1,
        EventBody::from(OverrideGranted {
            scope: OverrideScope::Limit { phase: named("THINK"), limit },
            approver: "ada".to_owned(),
            reason: "worth it".to_owned(),
        }),
    );
    assert!(folded.shown().iter().all(|alert| alert.starts_with('-')), "{:?}", folded.shown());
    folded.use_tokens("THINK", 60_000);
    assert!(folded.shown().contains(&"pressure task 50 #1".to_owned()), "{:?}", folded.shown());
    folded
        .fold(2, EventBody::from(TaskClosed { outcome: TaskOutcome::Cancelled, reason: None, author: None }));
    assert!(folded.shown().iter().all(|alert| alert.starts_with('-')), "{:?}", folded.shown());
    let last = folded.alerts().last().unwrap().resolved.clone().unwrap();
    assert_eq!(last.why, "the task is cancelled");
}

#[test]
fn latency_counts_when_an_execution_has_ended() {
    let mut folded = Folded::opened();
    folded.start(0, "PLAN");
    folded.use_tokens("PLAN", 1);
    assert!(folded.shown().is_empty());
    // PLAN of a Small task has 48 s.
    folded.end(2, "PLAN");
    assert_eq!(folded.shown(), ["breach PLAN 150 #1"]);
    assert!(
        folded.alerts()[0].message.contains("latency budget: 120,000 / 48,000 ms (250%)"),
        "{}",
        folded.alerts()[0].message
    );
}

#[test]
fn a_block_is_critical_until_a_person_or_a_later_decision_lifts_it() {
    let mut folded = Folded::opened();
    folded.start(0, "THINK");
    folded.use_tokens("THINK", 40_000);
    folded.end(0, "THINK");
    folded.ask_gate("IMPLEMENT");
    let blocked = |folded: &Folded| -> Vec<(u32, bool)> {
        let alerts = folded.alerts();
        let stops = alerts.iter().filter(|alert| alert.condition.rule == AlertRule::StopLoss);
        stops.map(|alert| (alert.generation, alert.resolved.is_some())).collect()
    };
    assert_eq!(blocked(&folded), [(1, false)]);
    folded.ask_gate("IMPLEMENT");
    assert_eq!(blocked(&folded), [(1, false)], "asked again: the same alert");
    folded.fold(
        1,
        EventBody::from(OverrideGranted {
            scope: OverrideScope::Block { advance: "IMPLEMENT".parse().unwrap() },
            approver: "ada".to_owned(),
            reason: "worth it".to_owned(),
        }),
    );
    assert_eq!(blocked(&folded), [(1, true)]);
    folded.ask_gate("VERIFY");
    assert_eq!(blocked(&folded), [(1, true), (2, false)]);
    let alert =
        folded.alerts().into_iter().find(|alert| alert.condition.rule == AlertRule::StopLoss).unwrap();
    assert!(
        alert.message.starts_with("Task T-1 is blocked before IMPLEMENT: Task T-1 exceeded token budget"),
        "{}",
        alert.message
    );
}

#[test]
fn changes_stand_in_the_order_of_the_log_and_a_task_without_limits_raises_none() {
    let mut folded = Folded::opened();
    folded.start(0, "THINK");
    folded.use_tokens("THINK", 2_400);
    folded.take_back("THINK", 1_000);
    let changes: Vec<_> = folded.rows.iter().filter(|(key, _)| key.starts_with(CHANGES)).collect();
    let raised: Vec<_> = changes
        .iter()
        .map(|(_, row)| matches!(row, AlertsRow::Change(AlertChange { change: Change::Raised, .. })))
        .collect();
    assert_eq!(raised, [true, false]);
    let behind =
        folded.rows.range(change_after(Sequence(3))..).filter(|(key, _)| key.starts_with(CHANGES)).count();
    assert_eq!(behind, 1);
    let mut implicit = Folded::default();
    implicit.use_tokens("THINK", 9_000_000);
    assert!(implicit.alerts().is_empty());
}
