//! Usage that is priced again, in the views that count money, and the prices that were decided.

use std::collections::BTreeMap;

use tollgate_domain::event::{
    EventBody, PriceChanged, PriceDecided, PriceProposed, PriceSourceChecked, RecordedEvent, UsageRecorded,
    UsageRepriced, WaitReason,
};
use tollgate_domain::ids::{LEDGER_TENANT, TaskId};
use tollgate_domain::position::{PartitionId, Sequence};
use tollgate_domain::time::Timestamp;
use tollgate_domain::tokens::TokenCounts;
use tollgate_domain::units::UnitCounts;
use tollgate_domain::usage::Cost;

use super::super::{Cell, PRICE_SOURCES, PRICED_ENTRIES, ReportRow, Reports, name_of_price_key};
use crate::alerts::Alerts;
use crate::fold::{Projection, task_key};
use crate::status::Status;

fn apply<P: Projection>(
    fold: &P,
    rows: &mut BTreeMap<Vec<u8>, P::Row>,
    task: &str,
    on: &str,
    body: &EventBody,
) {
    let at: Timestamp = format!("2026-{on}T08:00:00Z").parse().unwrap();
    let tenant = if task == TaskId::ledger().as_str() { LEDGER_TENANT } else { "default" };
    let event = RecordedEvent {
        sequence: Sequence(u64::try_from(rows.len()).unwrap() + 1),
        partition: PartitionId::of(tenant, task),
        recorded_at: at,
        tenant,
        task,
        producer: "agent",
        id: "e",
        occurred_at: at,
        body,
    };
    fold.apply(&event, rows).unwrap();
}

fn priced(usd: &str) -> Cost {
    Cost::Priced { usd: usd.parse().unwrap(), price_version: "v".to_owned() }
}

fn used(cost: Cost) -> EventBody {
    EventBody::from(UsageRecorded {
        context: None,
        counts_as: None,
        allocation: None,
        execution: None,
        provider: Some("openai".to_owned()),
        model: Some("gpt-5".to_owned()),
        component: None,
        request_id: None,
        service_tier: None,
        labels: BTreeMap::new(),
        tokens: TokenCounts { input_uncached: 100, ..TokenCounts::default() },
        units: UnitCounts::default(),
        estimated: false,
        cost,
    })
}

fn repriced(old: Cost, new: &str) -> EventBody {
    EventBody::from(UsageRepriced {
        counts_as: None,
        adjusts: "u".to_owned(),
        adjusts_producer: "agent".to_owned(),
        used_at: "2026-10-30T08:00:00Z".parse().unwrap(),
        execution: None,
        provider: Some("openai".to_owned()),
        model: Some("gpt-5".to_owned()),
        component: None,
        labels: std::collections::BTreeMap::new(),
        allocation: None,
        old,
        new: priced(new),
        tokens: 100,
        units: UnitCounts::default(),
        unpriced: None,
        by: "ann".to_owned(),
        reason: None,
    })
}

/// Cost, unpriced tokens and tokens of each day.
fn days(bodies: &[(&str, EventBody)]) -> BTreeMap<String, (String, i128, i128)> {
    let mut rows = BTreeMap::new();
    for (on, body) in bodies {
        apply(&Reports, &mut rows, "T-1", on, body);
    }
    let mut days = BTreeMap::new();
    for (key, row) in &rows {
        if let (true, ReportRow::Cell(cell)) = (key.starts_with(super::super::DAY_CELLS), row) {
            let from = super::super::CellKey::read(key).expect("a key").from;
            let day = Timestamp::from_micros(from * 1_000_000).unwrap().day().to_string();
            let sum: &mut Cell = days.entry(day).or_default();
            sum.add(cell);
        }
    }
    let shown = |cell: &Cell| (cell.cost.to_string(), cell.unpriced_tokens, cell.tokens.total());
    days.iter().map(|(day, cell)| (day.clone(), shown(cell))).collect()
}

#[test]
fn the_cost_of_a_closed_month_does_not_move_and_the_month_of_the_repricing_has_the_difference() {
    let day = |cost: &str, unpriced, tokens| (cost.to_owned(), unpriced, tokens);
    let corrected = days(&[("10-30", used(priced("0.5"))), ("11-02", repriced(priced("0.5"), "0.2"))]);
    assert_eq!(corrected["2026-10-30"], day("0.5", 0, 100));
    assert_eq!(corrected["2026-11-02"], day("-0.3", 0, 0));
    let unpriced = days(&[("10-30", used(Cost::Unpriced)), ("11-02", repriced(Cost::Unpriced, "0.2"))]);
    assert_eq!(unpriced["2026-10-30"], day("0", 0, 100), "what has no price is told of the usage");
    assert_eq!(unpriced["2026-11-02"], day("0.2", 0, 0));
}

/// What else was used, and its unpriced part, after the story.
fn units_after(given: &str) -> (String, String) {
    let story = crate::testing::story(given);
    let rows = crate::testing::folded(&Reports, &story.events);
    let mut sum = tollgate_domain::usage::UnitTally::default();
    for (key, row) in &rows {
        if let (true, ReportRow::Cell(cell)) = (key.starts_with(super::super::DAY_CELLS), row) {
            sum.add(&cell.units);
        }
    }
    let rows = crate::testing::folded(&Status, &story.events);
    let total = &crate::status::figures(rows.values().next().unwrap(), None).total;
    assert_eq!(sum, total.units, "the ledger and its one task: {given}");
    (sum.used.to_string(), sum.unpriced.to_string())
}

#[test]
fn other_units_are_counted_and_those_without_a_price_shown_until_they_have_one() {
    for (given, used, unpriced) in [
        ("use - model=m output_images=3 usd=0.12", "3 output images", ""),
        ("use - model=m output_images=3", "3 output images", "3 output images"),
        (
            "use - model=m output_images=3, adjust - model=m output_images=-1",
            "2 output images",
            "2 output images",
        ),
        ("use - model=m output_images=3, adjust - model=m output_images=-3", "", ""),
        (
            "use - model=m output_images=3 usd=0.12, adjust - model=m output_images=-1 usd=-0.04",
            "2 output images",
            "",
        ),
        (
            "use - model=m output_images=3 pages=1, reprice - model=m output_images=3 pages=1 usd=0.2 of=2026-11-21T08:30:00Z",
            "3 output images, 1 page",
            "",
        ),
        ("use - model=m output_images=3, adjust ? output_images=-1", "3 output images", "3 output images"),
    ] {
        assert_eq!(units_after(given), (used.to_owned(), unpriced.to_owned()), "{given}");
    }
}

#[test]
fn a_task_costs_what_its_usage_was_last_priced_at_and_does_nothing_by_it() {
    let mut rows = BTreeMap::new();
    apply(&Status, &mut rows, "T-1", "10-30", &used(Cost::Unpriced));
    let before = rows[&task_key("default", "T-1")].clone();
    apply(&Status, &mut rows, "T-1", "11-02", &repriced(Cost::Unpriced, "0.2"));
    let after = &rows[&task_key("default", "T-1")];
    assert_eq!((after.unphased.cost.to_string().as_str(), after.unphased.unpriced_tokens), ("0.2", 0));
    assert_eq!((after.last_at, after.unphased.tokens), (before.last_at, before.unphased.tokens));
    assert_eq!(after.unphased.usage_events, before.unphased.usage_events);
}

fn proposed() -> EventBody {
    EventBody::from(PriceProposed {
        entry: "gpt-5".to_owned(),
        rates: "{}".to_owned(),
        source: "litellm".to_owned(),
        price_version: "litellm@1".to_owned(),
        verified: false,
        old_version: None,
        percent: Some(900),
        waits: vec![WaitReason::LargeChange],
    })
}

fn decided() -> EventBody {
    let (entry, price_version, by) = ("gpt-5".to_owned(), "litellm@1".to_owned(), "ann".to_owned());
    EventBody::from(PriceDecided { entry, price_version, approved: true, by, reason: None })
}

#[test]
fn what_was_decided_is_kept_by_entry_and_what_is_known_of_a_source_by_its_id() {
    let changed = EventBody::from(PriceChanged {
        entry: "gpt-5".to_owned(),
        rates: "{}".to_owned(),
        from: Timestamp::default(),
        source: "litellm".to_owned(),
        price_version: "litellm@1".to_owned(),
        verified: false,
        old_version: None,
        percent: None,
        approved_by: Some("ann".to_owned()),
        reason: None,
    });
    let checked = EventBody::from(PriceSourceChecked {
        source: "litellm".to_owned(),
        problem: None,
        models: 3,
        checksum: "c".to_owned(),
        fetched_at: None,
    });
    let mut rows = BTreeMap::new();
    for body in [proposed(), decided(), changed, checked] {
        apply(&Reports, &mut rows, "_ledger", "11-02", &body);
    }
    let priced = rows.iter().filter(|(_, row)| !matches!(row, ReportRow::PriceMark(..)));
    let kept: Vec<(&[u8], &str)> =
        priced.map(|(key, _)| key).map(|key| (&key[..1], name_of_price_key(key).unwrap())).collect();
    assert_eq!(kept, [(PRICED_ENTRIES, "gpt-5"), (PRICE_SOURCES, "litellm")]);
    let Some(ReportRow::Price(history)) = rows.values().next() else { panic!("{rows:?}") };
    assert_eq!((history.changes.len(), history.waiting.is_none()), (1, true));
}

#[test]
fn a_price_that_waits_raises_an_alert_that_ends_with_the_decision() {
    let mut rows = BTreeMap::new();
    let alerts = |rows: &BTreeMap<Vec<u8>, _>| -> Vec<(String, bool)> {
        let found = rows.values().filter_map(|row: &crate::alerts::AlertsRow| row.alert());
        found.map(|alert| (alert.condition.scope.to_string(), alert.resolved.is_some())).collect()
    };
    apply(&Alerts, &mut rows, "_ledger", "11-02", &proposed());
    apply(&Alerts, &mut rows, "_ledger", "11-03", &proposed());
    assert_eq!(alerts(&rows), [("price gpt-5".to_owned(), false)]);
    apply(&Alerts, &mut rows, "_ledger", "11-04", &decided());
    assert_eq!(alerts(&rows), [("price gpt-5".to_owned(), true)]);
}
