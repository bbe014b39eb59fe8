//! What is kept is what the rows say, however often it was brought up to date in between.

use std::collections::BTreeMap;

use proptest::prelude::*;
use tollgate_domain::time::Timestamp;

use super::*;
use crate::fold::{read_task_key, task_key};
use crate::overview::{Overview, Present, WeekFigures};
use crate::report::task_budget_status;
use crate::selection::{SelectionSums, TaskFilter};
use crate::status::{Status, TaskRow, figures};
use crate::testing::{Stored, bytes_of, events, folded, kept, story};

/// Lives in which something that is kept comes and goes again.
const LIVES: &[&str] = &[
    "use PLAN out=5, open, start PLAN, use PLAN out=20, end PLAN, +200h, close completed",
    "open, start PLAN, use PLAN out=40000 usd=1.5, end PLAN, gate VERIFY, mark runaway, mark legitimate, pass VERIFY",
    "open importance=critical, importance low, importance critical, close abandoned, use - out=9",
    "of acme, open importance=critical complexity=Small why=deadline, start PLAN, +9h, end PLAN, start THINK",
    "use - out=50 est model=m1, adjust ? out=-20, -400h, use - out=3 output_images=2",
    "in A, open, start PLAN, use PLAN out=23401, in B, open, use - out=40000, by other, in C, open, by agent, in A, end PLAN",
    "open, gate VERIFY, start PLAN, use PLAN out=90000, gate VERIFY, end PLAN, start THINK, end THINK, close completed, mark runaway",
    "config budgeted_latency: active, open, start PLAN, wait PLAN/1 9000, +1h, use - out=1, +1h, wait PLAN/1 8000, +2h, use - out=1",
    "open, start PLAN, end PLAN, start THINK, wait THINK/1 9000, +2h, use - out=1, importance high, end THINK, start VERIFY, +30h",
];

fn entries(events: &[Stored], every: usize) -> BTreeMap<Vec<u8>, Entry> {
    kept(&Status, events, |nth| nth % every == 0)
}

/// The overview of what is kept, but for tasks by name; and its numbers of tasks for review.
fn overview_kept(entries: &BTreeMap<Vec<u8>, Entry>, tenant: Option<&str>) -> (Overview, [u64; 3]) {
    let mut overview = Overview::default();
    for (key, entry) in
        entries.range(weeks_of(tenant)..).take_while(|(key, _)| key.starts_with(&weeks_of(tenant)))
    {
        let Entry::Week(tally) = entry else { panic!("{entry:?}") };
        overview.weeks.insert(week_of_key(key).unwrap(), tally.figures());
    }
    let mut reviews = [0; 3];
    if let Some(Entry::Tenant(ledger)) = entries.get(&ledger_key(tenant)) {
        overview.last_at = ledger.last_at;
        reviews = ledger.reviews;
    }
    (overview, reviews)
}

/// The same, added up from the rows.
fn overview_of_rows(rows: &BTreeMap<Vec<u8>, TaskRow>, tenant: Option<&str>) -> (Overview, [u64; 3]) {
    let mut all = Overview::default();
    let present = Present { now: Timestamp::default(), stuck_after_ms: 0 };
    for (key, row) in rows {
        let (of, task) = read_task_key(key).unwrap();
        if tenant.is_none_or(|tenant| tenant == of) {
            all.add(of, task, row, present);
        }
    }
    all.weeks.retain(|_, figures| *figures != WeekFigures::default());
    let reviews = [all.blocked.count, all.unjustified.count, all.importance_changed.count];
    (Overview { weeks: all.weeks, last_at: all.last_at, ..Overview::default() }, reviews)
}

fn follows_from_its_rows(events: &[Stored], every: usize) {
    let (found, rows) = (entries(events, every), folded(&Status, events));
    assert_eq!(bytes_of(&found), bytes_of(&entries(events, events.len() + 1)), "every {every}");
    for tenant in [None, Some("default"), Some("acme")] {
        assert_eq!(overview_kept(&found, tenant), overview_of_rows(&rows, tenant), "{tenant:?}");
    }
    assert_eq!(found.keys().filter(|key| key.starts_with(b"t")).count(), rows.len(), "each task once");
    for (key, row) in &rows {
        let (tenant, task) = read_task_key(key).unwrap();
        assert!(listed(&found, tenant, task, row).0.fits(&TaskFilter::default()));
    }
    sums_are_those_of_the_rows(&found, &rows);
}

/// How a task is listed.
fn listed(
    found: &BTreeMap<Vec<u8>, Entry>,
    tenant: &str,
    task: &str,
    row: &TaskRow,
) -> (Facet, Option<Running>) {
    let facet = Part::of(row).facet;
    let entry = found.get(&[&tasks_of(tenant, &facet), task.as_bytes()].concat());
    let running = match entry {
        Some(Entry::Running(running)) => Some(*running),
        Some(Entry::Task) => None,
        other => panic!("{task}: {other:?}"),
    };
    assert_eq!(running.is_some(), facet.runs());
    (facet, running)
}

fn sums_are_those_of_the_rows(found: &BTreeMap<Vec<u8>, Entry>, rows: &BTreeMap<Vec<u8>, TaskRow>) {
    let (mut from_kept, mut from_rows) = (SelectionSums::default(), SelectionSums::default());
    for (key, entry) in found.range(sums_of(Some("default"))..) {
        let (Some(("default", facet)), Entry::Sums(sums)) = (Facet::of_sums_key(key), entry) else { break };
        assert_eq!(facet.sums_key("default"), *key);
        from_kept.add_all(facet.status(), sums);
    }
    for (key, row) in rows.iter().filter(|(key, _)| key.starts_with(&task_key("default", ""))) {
        from_rows.add(row, None);
        time_makes_the_same_of_it(key, row, found);
    }
    assert_eq!(from_kept, from_rows);
}

/// The budget status at any time: of the row, and of what is kept.
fn time_makes_the_same_of_it(key: &[u8], row: &TaskRow, found: &BTreeMap<Vec<u8>, Entry>) {
    let (tenant, task) = read_task_key(key).unwrap();
    let (facet, running) = listed(found, tenant, task, row);
    for after_ms in [-3_600_000, 0, 1, 60_000, 900_000, 3_600_000, 7_200_000, 86_400_000, 864_000_000] {
        let now = row.last_at.plus_millis(after_ms);
        let expected = task_budget_status(row, &figures(row, Some(now)));
        let status = running.map_or(facet.status(), |running| running.status(&facet, now));
        assert_eq!(status, expected.as_str(), "{key:?} {after_ms}");
    }
}

#[test]
fn what_comes_and_goes_leaves_nothing_behind() {
    for life in LIVES {
        let story = story(life);
        for every in 1..=story.events.len() {
            follows_from_its_rows(&story.events, every);
        }
    }
    let all: Vec<String> =
        LIVES.iter().enumerate().map(|(nth, life)| format!("in T-{nth}, {life}")).collect();
    follows_from_its_rows(&story(&all.join(", ")).events, 3);
}

#[test]
fn the_moment_at_which_a_limit_is_passed_is_exact() {
    // The limits of a Medium/medium task, and one execution that runs, or two.
    for (life, wait) in [
        ("open, start PLAN, use PLAN out=1", 0),
        ("open, start PLAN, +60s, end PLAN, start THINK, wait THINK/1 5000, use - out=1", 0),
        (
            "config budgeted_latency: active, open, start PLAN, +60s, end PLAN, start THINK, wait THINK/1 5000, use - out=1",
            5000,
        ),
    ] {
        let story = story(life);
        let row = folded(&Status, &story.events).into_values().next().unwrap();
        let Part { facet, running, .. } = Part::of(&row);
        let running = running.unwrap();
        let limit = row.state.limits.as_deref().unwrap().total_latency_ms();
        let began = row.executions.last().unwrap().started_at;
        let ended: u64 = figures(&row, None).latency_ms;
        for (ms, status) in [
            (limit, "within"),
            (limit + 1, "warning"),
            (limit * 3 / 2, "warning"),
            (limit * 3 / 2 + 1, "exceeded"),
        ] {
            let at = began.plus_millis(i64::try_from(ms - ended + wait).unwrap());
            assert_eq!(running.status(&facet, at), status, "{life}: {ms} ms");
            assert_eq!(
                task_budget_status(&row, &figures(&row, Some(at))).as_str(),
                status,
                "{life}: {ms} ms"
            );
        }
    }
}

proptest! {
    #[test]
    fn what_is_kept_follows_from_the_rows(events in events(), every in 1..9_usize) {
        follows_from_its_rows(&events, every);
    }
}
