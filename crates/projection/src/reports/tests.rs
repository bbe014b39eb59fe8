//! given | then tables for the reports view, and the sums of its groups.

use std::collections::BTreeMap;

use proptest::prelude::*;
use tollgate_domain::event::{EventBody, UsageEvent};
use tollgate_domain::ids::LEDGER_TENANT;
use tollgate_domain::money::Usd;
use tollgate_domain::tier::{Complexity, Importance};
use tollgate_domain::time::Day;
use tollgate_domain::tokens::TokenSums;
use tollgate_domain::units::UnitSums;
use tollgate_domain::usage::Cost;
use tollgate_domain::zone::{Calendar, Grain, Zone};
use tollgate_wire::api::{Group, LedgerReport, ReportPeriod, TokenTotals, Totals};

mod ahead;
mod early;
mod known_on;
mod repriced;
mod spread;
mod zones;

use super::*;
use crate::testing::{Stored, events, folded, folds_alike_over_a_store, story};

/// One line per case: `steps | the groups of a kind`, each group as `key:tokens`, in the report's order;
/// `tasks` and the sums of the whole have no key.
#[track_caller]
fn check(table: &str) {
    for line in table.lines().map(str::trim).filter(|line| !line.is_empty()) {
        let [given, then]: [&str; 2] =
            line.split('|').map(str::trim).collect::<Vec<_>>().try_into().expect("2 columns");
        let report = report(&story(given).events);
        for expected in then.split_whitespace() {
            let (name, value) = expected.split_once('=').expect("name=value");
            assert_eq!(fact(name, &report), value, "{name} in case: {line}");
        }
    }
}

/// Folds twice, the second time over a store, and adds the cells up.
fn report(events: &[Stored]) -> LedgerReport {
    folds_alike_over_a_store(&Reports, events, |_| true);
    let (totals, tasks) = totals(events);
    totals.report(by(Grain::Day), None, tasks, 0, "9f3c@3:9".to_owned())
}

fn by(grain: Grain) -> ReportPeriod {
    ReportPeriod { by: grain.to_string(), ..ReportPeriod::default() }
}

fn totals(events: &[Stored]) -> (LedgerTotals, u64) {
    totals_of(&folded(&Reports, events), Calendar::new(Zone::utc(), Grain::Day), Span::default())
}

/// What a view with these rows answers.
fn totals_of(rows: &BTreeMap<Vec<u8>, ReportRow>, calendar: Calendar, span: Span) -> (LedgerTotals, u64) {
    totals_known(rows, calendar, span, Day(i32::MAX))
}

/// The same, as known on a day.
fn totals_known(
    rows: &BTreeMap<Vec<u8>, ReportRow>,
    mut calendar: Calendar,
    span: Span,
    known_on: Day,
) -> (LedgerTotals, u64) {
    let mut totals = LedgerTotals::default();
    let mut cells = |scan: Scan, show: &mut dyn FnMut(&mut LedgerTotals, &[u8], &Cell)| {
        let within = key_from(scan.rows, scan.from)..key_from(scan.rows, scan.to);
        for (key, row) in rows.range(within) {
            let ReportRow::Cell(cell) = row else { panic!("a cell has a cell's key: {row:?}") };
            show(&mut totals, key, cell);
        }
    };
    for scan in span.cells() {
        cells(scan, &mut |totals, key, cell| {
            let key = CellKey::read(key).expect("a key");
            if key.recorded_on() <= known_on {
                totals.add(&key, cell);
            }
        });
    }
    cells(span.quarters(), &mut |totals, key, cell| {
        let key = QuarterKey::read(key).expect("a key");
        if key.recorded_on() <= known_on {
            totals.add_quarter(&mut calendar, &key, cell);
        }
    });
    let counts =
        rows.iter().filter(|(key, _)| day_of_task_count(key).is_some_and(|(day, _)| day <= known_on));
    let tasks = counts.map(|(_, row)| if let ReportRow::TaskCount(count) = row { *count } else { 0 }).sum();
    for (key, row) in rows {
        let is_cell = CellKey::read(key).is_some() || QuarterKey::read(key).is_some();
        assert_eq!(is_cell, matches!(row, ReportRow::Cell(_)), "{row:?}");
    }
    (totals, tasks)
}

fn fact(name: &str, report: &LedgerReport) -> String {
    let groups = |groups: &[Group]| {
        let shown = groups.iter().map(|group| format!("{}:{}", group.key, group.totals.tokens.total));
        shown.collect::<Vec<_>>().join(",")
    };
    let costs = |groups: &[Group]| {
        let shown = groups.iter().map(|group| format!("{}:{}", group.key, group.totals.cost_usd));
        shown.collect::<Vec<_>>().join(",")
    };
    match name {
        "tasks" => report.tasks.to_string(),
        "calls" => report.totals.usage_events.to_string(),
        "tokens" => report.totals.tokens.total.to_string(),
        "estimated" => report.totals.estimated_tokens.to_string(),
        "cost" => report.totals.cost_usd.clone(),
        "unpriced" => report.totals.unpriced_tokens.to_string(),
        "days" => groups(&report.by_day),
        "models" => groups(&report.by_model),
        "model_costs" => costs(&report.by_model),
        "day_costs" => costs(&report.by_day),
        "day_unpriced" => {
            let shown = |group: &Group| format!("{}:{}", group.key, group.totals.unpriced_tokens);
            report.by_day.iter().map(shown).collect::<Vec<_>>().join(",")
        }
        "providers" => groups(&report.by_provider),
        "producers" => groups(&report.by_producer),
        "phases" => groups(&report.by_phase),
        "complexity" => groups(&report.by_complexity),
        "importance" => groups(&report.by_importance),
        _ => panic!("unknown fact: {name}"),
    }
}

#[test]
fn usage_is_summed_by_each_of_its_properties() {
    check(
        "
                                                        | tasks=0 tokens=0 cost=0 days= models=
        use - out=1 model=m1, use - out=2 model=m2      | tokens=3 calls=2 models=m2:2,m1:1
        use - out=1 model=m1, use - out=1 model=m0      | models=m0:1,m1:1
        use - out=1 model=m provider=p, use - in=4      | models=unknown:4,m:1 providers=unknown:4,p:1
        by ci, use - out=1, by agent, use - out=2       | producers=agent:2,ci:1
        open, start SPEC, use SPEC out=1, use - out=2   | phases=unphased:2,SPEC:1
        open, start SPEC, use SPEC/1 out=1, use PLAN/7 out=2 | phases=PLAN:2,SPEC:1
        use - out=1, +16h, use - out=2, -24h, use - out=4    | days=2026-11-21:5,2026-11-22:2
        use - out=1, +15h, +59min, +59s, use - out=2, +1s, use - out=4 | days=2026-11-21:3,2026-11-22:4
        ",
    );
}

#[test]
fn tiers_are_those_of_the_task_when_the_usage_was_recorded() {
    check(
        "
        use - out=1, open complexity=Large importance=critical, use - out=2 | complexity=Large:2,implicit:1 importance=critical:2,implicit:1
        open, use - out=1, in T-2, open tag=security, use - out=2           | complexity=Medium:3 importance=critical:2,medium:1
        open complexity=Tiny, close completed, use - out=4                  | complexity=Tiny:4 importance=medium:4
        of acme, open complexity=Tiny, of other, use - out=4                | complexity=implicit:4 tasks=2
        ",
    );
}

#[test]
fn what_has_no_price_is_unpriced_and_not_free() {
    check(
        "
        use - out=10                                         | cost=0 unpriced=10 tokens=10
        use - out=10 usd=0                                   | cost=0 unpriced=0 tokens=10
        use - out=10 usd=0.000000075, use - in=3 cached=4    | cost=0.000000075 unpriced=7 tokens=17
        use - out=10 est, use - out=5                        | estimated=10 tokens=15
        use - in=1 out=8 think=8                             | tokens=9
        ",
    );
}

#[test]
fn every_task_with_an_event_is_counted_once() {
    check(
        "
        use - out=1, use - out=1                   | tasks=1
        use - out=1, in T-2, use - out=1           | tasks=2
        use - out=1, of acme, use - out=1          | tasks=2
        of a, in bc, use - out=1, of ab, in c, use - out=1 | tasks=2
        open, start SPEC, end SPEC, gate PLAN      | tasks=1 calls=0 days=
        signal - files_read 3, in T-2, wait - 5    | tasks=2 calls=0
        ",
    );
    let mut story = story("use - out=1");
    LEDGER_TENANT.clone_into(&mut story.events[0].tenant);
    assert!(folded(&Reports, &story.events).is_empty(), "facts of the ledger are no task's");
}

/// A closed month keeps its reported figures: a correction counts on the day it was made.
#[test]
fn an_adjustment_lands_on_its_own_day_and_the_model_of_the_usage() {
    let used = "open, start SPEC, use SPEC/1 out=100 usd=1 model=m1 provider=p1";
    check(&format!(
        "
        {used}, +24h, adjust SPEC/1 out=-40 usd=-0.4 model=m1 provider=p1 | days=2026-11-21:100,2026-11-22:-40 day_costs=2026-11-21:1,2026-11-22:-0.4
        {used}, +24h, adjust SPEC/1 out=-40 usd=-0.4 model=m1 provider=p1 | models=m1:60 model_costs=m1:0.6 providers=p1:60 phases=SPEC:60 calls=1
        {used}, by ci, adjust SPEC/1 out=-40 usd=-0.4 model=m1            | producers=agent:100,ci:-40
        {used}, adjust SPEC/1 out=-40 model=m1                            | cost=1 unpriced=-40 models=m1:60
        {used}, adjust ? out=-40                                          | models=m1:100 phases=SPEC:100 unpriced=0 complexity=Medium:100
        ",
    ));
}

#[test]
fn keys_round_trip_and_sort_by_time() {
    let labels = BTreeMap::from([("team".to_owned(), "search".to_owned())]);
    let key = |from: i64| CellKey {
        from,
        tenant: "acme",
        producer: "",
        component: "planner",
        provider: "pröv",
        model: "m\0n",
        phase: "SPEC",
        tiers: Some((Complexity::Large, Importance::Low)),
        service_tier: "batch",
        price_version: "shipped@0123456789ab",
        corrects: Some(-900),
        recorded: Some(Day(-3)),
        labels: Labels::Of(&labels),
    };
    let plain = CellKey { tiers: None, corrects: None, price_version: "", ..key(5) };
    let known = CellKey { labels: Labels::NONE, ..plain };
    let on_its_day = CellKey { recorded: None, ..plain };
    let bare = CellKey { recorded: None, ..known };
    for key in [key(20_778), key(0), key(-1), plain, known, on_its_day, bare] {
        let bytes = key.to_bytes(DAY_CELLS);
        assert_eq!(CellKey::read(&bytes), Some(key));
        assert_eq!(CellKey::read(&key.to_bytes(QUARTER_CELLS)), Some(key));
        let (from, recorded) = (key.from, key.recorded);
        let quarter = QuarterKey { from, ahead: from > 0, recorded, tenant: key.tenant };
        assert_eq!(QuarterKey::read(&quarter.to_bytes()), Some(quarter));
        assert_eq!((QuarterKey::read(&bytes), CellKey::read(&quarter.to_bytes())), (None, None));
        for cut in 0..bytes.len() {
            assert_eq!(CellKey::read(&bytes[..cut]), None, "a key cut to {cut} bytes");
        }
    }
    let sorted = [i64::MIN, -1, 0, 1, i64::MAX].map(|from| key(from).to_bytes(DAY_CELLS));
    assert!(sorted.is_sorted());
    let counted = cell::task_count_key(Day(-7), "acme");
    assert_eq!(day_of_task_count(&counted), Some((Day(-7), "acme")));
    assert!(CellKey::read(&counted).is_none());
    let days = [key(0), on_its_day].map(|key| key.recorded_on().0);
    assert_eq!(days, [-3, 0], "that of its time, unless it says another");
    // What is left of a text's end cannot be mistaken for the next text.
    let moved = CellKey { tenant: "ac", producer: "me", ..key(1) };
    let whole = CellKey { tenant: "acme", producer: "", ..key(1) };
    assert_ne!(moved.to_bytes(DAY_CELLS), whole.to_bytes(DAY_CELLS));
}

proptest! {
    // Each case folds about 80 events twice.
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// The groups of every kind add up to the whole, and the whole to the events.
    #[test]
    fn groups_sum_to_the_totals_and_the_totals_to_the_events(events in events()) {
        let report = report(&events);
        // Totals from other processes arrive as JSON, and in parts.
        let mut parts = LedgerTotals::default();
        let (one, other): (Vec<_>, Vec<_>) = events.iter().cloned().partition(|event| event.task.ends_with('1'));
        for part in [one, other] {
            let json = serde_json::to_string(&totals(&part).0).unwrap();
            parts.merge(&serde_json::from_str(&json).unwrap());
        }
        let in_parts = parts.report(by(Grain::Day), None, report.tasks, 0, report.as_of.clone());
        prop_assert_eq!(&in_parts.totals, &report.totals);
        prop_assert_eq!(&in_parts.by_day, &report.by_day);
        prop_assert_eq!(&in_parts.by_model, &report.by_model);
        let all = [
            &report.by_day, &report.by_model, &report.by_provider, &report.by_producer, &report.by_phase,
            &report.by_complexity, &report.by_importance,
        ];
        for groups in all {
            prop_assert_eq!(&sum(groups), &report.totals);
            let names: BTreeMap<&str, &Totals> =
                groups.iter().map(|group| (group.key.as_str(), &group.totals)).collect();
            prop_assert_eq!(names.len(), groups.len(), "a key stands once");
        }
        prop_assert_eq!(&of_events(&events), &report.totals);
        prop_assert_eq!(report.tasks, 2);
    }
}

fn sum(groups: &[Group]) -> Totals {
    add_up(groups.iter().map(|group| &group.totals))
}

fn add_up<'a>(parts: impl Iterator<Item = &'a Totals>) -> Totals {
    let mut all = Totals { cost_usd: "0".to_owned(), ..Totals::default() };
    let mut cost = Usd::ZERO;
    for totals in parts {
        all.usage_events += totals.usage_events;
        all.estimated_tokens += totals.estimated_tokens;
        all.unpriced_tokens += totals.unpriced_tokens;
        for (sums, units) in
            [(&mut all.units, &totals.units), (&mut all.unpriced_units, &totals.unpriced_units)]
        {
            add_units(sums, units.iter().map(|(unit, count)| (unit.as_str(), *count)));
        }
        add(&mut all.tokens, &totals.tokens);
        cost = cost.checked_add(totals.cost_usd.parse().unwrap()).unwrap();
    }
    all.cost_usd = cost.to_string();
    all
}

/// A second way to compute the same numbers: directly from the events, without cells.
fn of_events(events: &[Stored]) -> Totals {
    let mut all = Totals::default();
    let mut total_cost = Usd::ZERO;
    for event in events {
        let (tokens, units, cost) = if let EventBody::Usage(UsageEvent::UsageRecorded(usage)) = &event.body {
            all.usage_events += 1;
            all.estimated_tokens += if usage.estimated { usage.tokens.total() as i64 } else { 0 };
            (usage.tokens.into(), UnitSums::from(&usage.units), &usage.cost)
        } else if let EventBody::Usage(UsageEvent::UsageAdjusted(adjusted)) = &event.body {
            // What is taken from usage that nobody knows is not taken.
            let counts = |count: i128| if adjusted.resolved.is_none() { count.max(0) } else { count };
            let units = adjusted.units.iter().map(|(unit, count)| (unit, counts(count)));
            let tokens = TokenSums {
                input_uncached: counts(adjusted.tokens.input_uncached),
                cached_input: counts(adjusted.tokens.cached_input),
                cache_write: counts(adjusted.tokens.cache_write),
                output: counts(adjusted.tokens.output),
                reasoning: counts(adjusted.tokens.reasoning),
            };
            let cost = adjusted.resolved.as_ref().map_or(&Cost::Unpriced, |usage| &usage.cost);
            (tokens, UnitSums::from_pairs(units), cost)
        } else {
            continue;
        };
        let tokens = crate::report::token_totals(&tokens);
        add(&mut all.tokens, &tokens);
        let words: Vec<(&str, i64)> =
            units.iter().map(|(unit, count)| (unit.as_str(), i64::try_from(count).unwrap())).collect();
        add_units(&mut all.units, words.iter().copied());
        if *cost == Cost::Unpriced {
            add_units(&mut all.unpriced_units, words.into_iter());
        }
        match cost {
            Cost::Priced { usd, .. } => total_cost = total_cost.checked_add(*usd).unwrap(),
            Cost::Unpriced => all.unpriced_tokens += tokens.total,
        }
    }
    all.cost_usd = total_cost.to_string();
    all
}

fn add_units<'a>(sums: &mut BTreeMap<String, i64>, units: impl Iterator<Item = (&'a str, i64)>) {
    for (unit, count) in units {
        *sums.entry(unit.to_owned()).or_default() += count;
    }
    sums.retain(|_, sum| *sum != 0);
}

fn add(sum: &mut TokenTotals, other: &TokenTotals) {
    sum.total += other.total;
    sum.input_uncached += other.input_uncached;
    sum.cached_input += other.cached_input;
    sum.cache_write += other.cache_write;
    sum.output += other.output;
    sum.reasoning += other.reasoning;
}
