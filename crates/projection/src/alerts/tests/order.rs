//! Properties of the alerts view: one alert per condition and generation, even for duplicates; and rows that
//! depend only on the order within a partition.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use proptest::sample::{Index, select};
use tollgate_domain::alert::{Condition, alert_id};
use tollgate_domain::event::{AlertEvent, Change, EventBody};
use tollgate_domain::position::PartitionId;

use crate::alerts::{Alerts, AlertsRow, change_sequence};
use crate::testing::{Stored, bytes_of, folded, folds_alike_over_a_store, story};

/// A step that is possible anywhere in a task that is open and whose phases run in turn.
fn step() -> impl Strategy<Value = &'static str> {
    select(vec![
        "+3min",
        "+10min",
        "look",
        "look",
        "use THINK out=900",
        "use THINK/2 out=3000",
        "adjust THINK/1 out=-2000 usd=0",
        "conflict e7",
        "lag status 3 on",
        "lag status 3 off",
        "unreadable status 3 on",
        "reject a",
        "of acme",
        "of default",
        "digest oncall delivered",
        "digest oncall failed",
    ])
}

/// A step that needs an alert of a rule: taken if there is one.
fn of_alert() -> impl Strategy<Value = &'static str> {
    select(vec![
        "ack silence",
        "ack conflict",
        "ack stuck",
        "deliver silence raised oncall failed 5",
        "deliver silence raised oncall delivered",
        "deliver silence raised log delivered",
        "deliver conflict raised oncall gave_up",
        "resend silence raised",
        "resend conflict raised oncall",
    ])
}

/// Events of three tasks in different partitions: each begins, runs THINK twice, and has observations
/// recorded about it.
fn events() -> impl Strategy<Value = Vec<Stored>> {
    let one = || (select(vec!["T-1", "T-2", "T-4"]), step(), of_alert());
    prop::collection::vec(one(), 0..40).prop_map(|steps| {
        let mut script = String::from("live");
        for task in ["T-1", "T-2", "T-4"] {
            script.push_str(&format!(", in {task}, open, start THINK"));
        }
        for (nth, (task, step, of_alert)) in steps.iter().enumerate() {
            script.push_str(&format!(", in {task}, {step}"));
            if nth == 20 {
                script.push_str(", in T-1, of default, end THINK, start THINK");
            }
            let rule = of_alert.split_whitespace().nth(1).unwrap();
            // Right after this there is certainly an alert of the rule: a conflict always raises one, unless
            // it is open.
            if rule == "conflict" {
                script.push_str(&format!(", conflict x{nth}, {of_alert}"));
            } else {
                script.push_str(&format!(", +10min, look, maybe {of_alert}"));
            }
        }
        story(&script).events
    })
}

/// A different order of the same events that preserves the order within each partition.
fn interleaved(events: &[Stored], choices: &[Index]) -> Vec<Stored> {
    let mut parts: BTreeMap<PartitionId, Vec<&Stored>> = BTreeMap::new();
    for event in events.iter().rev() {
        parts.entry(event.recorded().partition).or_default().push(event);
    }
    let mut order = Vec::new();
    for nth in 0.. {
        parts.retain(|_, rest| !rest.is_empty());
        if parts.is_empty() {
            break;
        }
        let at = choices[nth % choices.len()].index(parts.len());
        order.push(parts.values_mut().nth(at).unwrap().pop().unwrap().clone());
    }
    order
}

fn alerts(rows: &BTreeMap<Vec<u8>, AlertsRow>) -> Vec<&crate::alerts::Alert> {
    rows.values().filter_map(AlertsRow::alert).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn rows_depend_on_nothing_but_the_order_within_a_partition(
        events in events(), choices in prop::collection::vec(any::<Index>(), 32),
    ) {
        let expected = bytes_of(&folded(&Alerts, &events));
        let other = bytes_of(&folded(&Alerts, &interleaved(&events, &choices)));
        let differ = expected.keys().chain(other.keys()).find(|key| expected.get(*key) != other.get(*key));
        prop_assert_eq!(differ.map(|key| String::from_utf8_lossy(key).into_owned()), None);
    }

    /// Several observers write the same observation. The log keeps one; and even if it kept two, the second
    /// would change nothing.
    #[test]
    fn observations_that_come_twice_change_nothing(events in events()) {
        let mut once = BTreeMap::new();
        let mut twice = BTreeMap::new();
        for event in &events {
            use crate::fold::Projection;
            let Ok(()) = Alerts.apply(&event.recorded(), &mut once);
            let Ok(()) = Alerts.apply(&event.recorded(), &mut twice);
            if matches!(event.body, EventBody::Alert(AlertEvent::ConditionObserved(_))) {
                let Ok(()) = Alerts.apply(&event.recorded_as(u64::MAX), &mut twice);
            }
        }
        prop_assert!(bytes_of(&twice) == bytes_of(&once));
    }

    #[test]
    fn each_alert_is_one_of_its_condition_and_generation_with_its_changes(events in events()) {
        let rows = folded(&Alerts, &events);
        let mut latest: BTreeMap<(&str, &str, &Condition), u32> = BTreeMap::new();
        let mut open = 0_usize;
        for alert in alerts(&rows) {
            prop_assert_eq!(
                &alert.id,
                &alert_id(&alert.tenant, &alert.task, &alert.condition, alert.generation)
            );
            let count = latest.entry((&alert.tenant, &alert.task, &alert.condition)).or_default();
            *count = (*count).max(alert.generation);
            open += usize::from(alert.resolved.is_none());
            let changes = |change: Change| {
                rows.iter()
                    .filter(|(_, row)| matches!(row, AlertsRow::Change(one)
                        if one.alert == alert.id && one.change == change && one.resend.is_none()))
                    .filter_map(|(key, _)| change_sequence(key))
                    .collect::<Vec<_>>()
            };
            prop_assert_eq!(changes(Change::Raised), vec![alert.raised]);
            let resolved: Vec<_> = alert.resolved.iter().map(|end| end.by).collect();
            prop_assert_eq!(changes(Change::Resolved), resolved);
            let acknowledged: Vec<_> = alert.acknowledged.iter().map(|seen| seen.sequence).collect();
            prop_assert_eq!(changes(Change::Acknowledged), acknowledged);
        }
        let raised: u32 = latest.values().sum();
        prop_assert_eq!(raised as usize, alerts(&rows).len(), "every generation has its alert");
        let watched: usize = rows
            .values()
            .map(|row| if let AlertsRow::Watch(watch) = row { watch.open.values().collect::<BTreeSet<_>>().len() } else { 0 })
            .sum();
        prop_assert_eq!(watched, open);
    }

    #[test]
    fn a_store_between_any_two_events_changes_nothing_and_rows_survive_json(
        events in events(), pauses in prop::collection::vec(any::<bool>(), 400),
    ) {
        folds_alike_over_a_store(&Alerts, &events, |nth| pauses[nth % pauses.len()]);
        for row in folded(&Alerts, &events).into_values() {
            let json = serde_json::to_string(&row).unwrap();
            prop_assert_eq!(serde_json::from_str::<AlertsRow>(&json).unwrap(), row, "{}", json);
        }
    }
}
