//! The parts of a task's report add up to its totals.

use std::collections::BTreeMap;

use proptest::prelude::*;
use tollgate_domain::event::{EventBody, UsageEvent};
use tollgate_domain::money::Usd;
use tollgate_wire::api::{TaskReport, UsageOutside};

use crate::fold::read_task_key;
use crate::report::{Named, Similar, csv, html, markdown, task_report};
use crate::status::Status;
use crate::testing::{Stored, events, folded, story};

/// The reports of all tasks of a history.
fn reports(events: &[Stored]) -> Vec<TaskReport> {
    let rows = folded(&Status, events);
    let reports = rows.iter().map(|(key, row)| {
        let (tenant, task) = read_task_key(key).expect("a task's key");
        task_report(
            Named { tenant, task, row, degraded: false },
            &Similar::NoClass,
            None,
            "9f3c@3:9".to_owned(),
        )
    });
    reports.collect()
}

/// Cost, what of it has no price, and other units.
type Parts = (Usd, i64, BTreeMap<String, i64>, BTreeMap<String, i64>);

fn add(sum: &mut Parts, usd: &str, unpriced: i64, units: [&BTreeMap<String, i64>; 2]) {
    sum.0 = sum.0.saturating_add(usd.parse().expect("an amount"));
    sum.1 += unpriced;
    for (all, units) in [(&mut sum.2, units[0]), (&mut sum.3, units[1])] {
        for (unit, count) in units {
            *all.entry(unit.clone()).or_default() += count;
        }
        all.retain(|_, count| *count != 0);
    }
}

fn check(report: &TaskReport, also_tokens: bool) {
    let (mut parts, mut tokens) = (Parts::default(), 0);
    for it in &report.executions {
        add(&mut parts, &it.cost_usd, it.unpriced_tokens, [&it.units, &it.unpriced_units]);
        tokens += it.tokens.total;
    }
    let totals = &report.totals;
    for UsageOutside { tokens: more, cost_usd, unpriced_tokens, units, unpriced_units } in
        [&totals.unphased, &totals.unmatched].into_iter().flatten()
    {
        add(&mut parts, cost_usd, *unpriced_tokens, [units, unpriced_units]);
        tokens += more.total;
    }
    let mut whole = Parts::default();
    add(&mut whole, &totals.cost_usd, totals.unpriced_tokens, [&totals.units, &totals.unpriced_units]);
    assert_eq!(parts, whole, "{report:#?}");
    if also_tokens {
        assert_eq!(tokens, totals.tokens.total, "{report:#?}");
    }
}

#[test]
fn what_belongs_to_no_execution_has_its_cost_in_every_form() {
    let events = story(
        "open, start SPEC, use SPEC out=10 usd=0.1, use - out=7 usd=0.5, use - out=3 pages=2, use PLAN/9 out=5 usd=0.25, \
         use PLAN out=2",
    )
    .events;
    let [report] = &*reports(&events) else { panic!("one task") };
    check(report, true);
    let unphased = report.totals.unphased.as_ref().expect("something");
    assert_eq!(
        (unphased.cost_usd.as_str(), unphased.unpriced_tokens, unphased.units["pages"]),
        ("0.5", 3, 2)
    );
    let unmatched = report.totals.unmatched.as_ref().expect("something");
    assert_eq!((unmatched.cost_usd.as_str(), unmatched.unpriced_tokens), ("0.25", 2));
    let page = html(report);
    for (form, expected) in [
        (markdown(report), "| no phase named | 0.5, and 3 unpriced tokens, and 2 pages without a price |"),
        (markdown(report), "| phase not started | 0.25, and 2 unpriced tokens |"),
        (page, "0.5, and 3 unpriced tokens, and 2 pages without a price"),
        (csv(report), ",unphased,10,,0,0,0,10,0,,,,,,0.5,3,pages=2,pages=2,"),
    ] {
        assert!(form.contains(expected), "{expected}: {form}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Of any history. Tokens only if no correction takes more than there is: what is below 0 is shown as 0.
    #[test]
    fn executions_and_the_rest_add_up_to_the_total(events in events()) {
        let taken = events.iter().any(|event| {
            matches!(&event.body, EventBody::Usage(UsageEvent::UsageAdjusted(it)) if it.tokens.total() < 0)
        });
        for report in reports(&events) {
            check(&report, !taken);
        }
    }
}
