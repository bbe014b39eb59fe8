//! What was known on a day, and what usage is told apart by.

use proptest::prelude::*;

use super::*;
use crate::money::{LineDimension, MoneyLines};

/// Cells of a table as lines by day, as far as they were recorded by the end of a day.
fn lines(rows: &BTreeMap<Vec<u8>, ReportRow>, by: &[LineDimension], known_on: Day) -> MoneyLines {
    let mut calendar = Calendar::new(Zone::utc(), Grain::Day);
    let mut lines = MoneyLines::by(by.to_vec());
    for (key, row) in rows.iter().filter(|(key, _)| key.starts_with(QUARTER_CELLS)) {
        let ReportRow::Cell(cell) = row else { panic!("a cell has a cell's key: {row:?}") };
        let key = CellKey::read(key).expect("a key");
        if key.recorded_on() <= known_on {
            lines.add(Some(&mut calendar), &Zone::utc(), &key, cell);
        }
    }
    lines
}

fn known(rows: &BTreeMap<Vec<u8>, ReportRow>, known_on: Day) -> LedgerReport {
    let calendar = Calendar::new(Zone::utc(), Grain::Day);
    let (totals, tasks) = totals_known(rows, calendar, Span::default(), known_on);
    totals.report(by(Grain::Day), None, tasks, 0, String::new())
}

/// One line per case: `steps | day of November | facts`. Stories begin on the 21st.
#[test]
fn a_report_as_known_on_a_day_has_what_was_recorded_by_its_end() {
    let late = "live, ahead -27h, use - model=m in=5 usd=0.5, ahead 0s";
    let then = "of=2026-11-20T05:00:00Z";
    for line in format!("
        live, use - in=1, +16h, in T-2, use - in=2                    | 20 | tokens=0 tasks=0 days=
        live, use - in=1, +16h, in T-2, use - in=2                    | 21 | tokens=1 tasks=1 days=2026-11-21:1
        live, use - in=1, +16h, in T-2, use - in=2                    | 22 | tokens=3 tasks=2 days=2026-11-21:1,2026-11-22:2
        {late}                                                        | 20 | tokens=0 tasks=0 days=
        {late}                                                        | 21 | tokens=5 tasks=1 days=2026-11-20:5
        {late}, +24h, adjust - model=m in=-2 usd=-0.2 {then}          | 21 | tokens=5 cost=0.5
        {late}, +24h, adjust - model=m in=-2 usd=-0.2 {then}          | 22 | tokens=3 cost=0.3 days=2026-11-20:5,2026-11-22:-2
        {late}, +24h, reprice - model=m in=5 was=0.5 usd=0.4 {then}   | 21 | cost=0.5
        {late}, +24h, reprice - model=m in=5 was=0.5 usd=0.4 {then}   | 22 | cost=0.4 day_costs=2026-11-20:0.5,2026-11-22:-0.1
        live, use - in=5, +24h, reprice - in=5 usd=1 of=2026-11-21T08:00:00Z | 21 | unpriced=5 cost=0 day_unpriced=2026-11-21:5
        live, use - in=5, +24h, reprice - in=5 usd=1 of=2026-11-21T08:00:00Z | 22 | unpriced=0 cost=1 day_unpriced=2026-11-21:0,2026-11-22:0
        live, use - in=5, +24h, adjust - in=-2 of=2026-11-21T08:00:00Z | 21 | unpriced=5 day_unpriced=2026-11-21:5
        live, use - in=5, +24h, adjust - in=-2 of=2026-11-21T08:00:00Z | 22 | unpriced=3 day_unpriced=2026-11-21:3,2026-11-22:0
        live, use - in=5, +24h, adjust - in=-2                         | 22 | unpriced=3 day_unpriced=2026-11-21:5,2026-11-22:-2
        live, ahead 27h, use - in=5                                    | 21 | tokens=5 days=2026-11-22:5
    ").lines().map(str::trim).filter(|line| !line.is_empty()) {
        let [given, on, then]: [&str; 3] =
            line.split('|').map(str::trim).collect::<Vec<_>>().try_into().expect("3 columns");
        let events = story(given).events;
        folds_alike_over_a_store(&Reports, &events, |_| true);
        let report = known(&folded(&Reports, &events), format!("2026-11-{on}").parse().expect("a day"));
        for expected in then.split_whitespace() {
            let (name, value) = expected.split_once('=').expect("name=value");
            assert_eq!(fact(name, &report), value, "{name} in case: {line}");
        }
    }
}

#[test]
fn usage_recorded_on_its_day_makes_no_more_cells() {
    let cells = |given: &str| {
        let rows = folded(&Reports, &story(given).events);
        rows.keys().filter_map(|key| CellKey::read(key)).map(|key| key.recorded).collect::<Vec<_>>()
    };
    assert_eq!(cells("live, use - in=1, +2min, use - in=1"), [None, None], "a day and a quarter of an hour");
    let late = cells("live, use - in=1, +24h, ahead -24h, use - in=1");
    assert_eq!(late.iter().flatten().count(), 2, "{late:?}");
    assert_eq!(late.len(), 4);
}

/// One line per case: `steps | dimension | its values with their tokens`.
#[test]
fn usage_is_told_apart_by_component_and_labels() {
    let two = "use - in=1 component=planner label.team=a label.user=ann, use - in=2 label.team=b, use - in=4";
    for line in format!("
        {two}                                                             | component | :6,planner:1
        {two}                                                             | team      | :4,a:1,b:2
        {two}                                                             | label.user | :6,ann:1
        {two}                                                             | labels    | :4,{{\"team\":\"a\";\"user\":\"ann\"}}:1,{{\"team\":\"b\"}}:2
        {two}, +24h, adjust - in=-1 label.team=b of=2026-11-21T08:00:00Z  | team      | :4,a:1,b:1
        {two}, reprice - in=2 usd=3 label.team=b of=2026-11-21T08:00:00Z  | team      | :4,a:1,b:2
        use - in=1 label.session=S-1 label.team=a, use - in=2 label.session=S-2 label.team=a | labels | {{\"team\":\"a\"}}:3
        use - in=1 model=gpt-5, use - in=2 provider=ollama                | tier      | local_midweight:2,remote_heavyweight:1
        use - in=1                                                        | recorded_on | 2026-11-22:1
    ").lines().map(str::trim).filter(|line| !line.is_empty()) {
        let [given, dimension, then]: [&str; 3] =
            line.split('|').map(str::trim).collect::<Vec<_>>().try_into().expect("3 columns");
        let dimension: LineDimension = dimension.parse().expect("a dimension");
        let rows = folded(&Reports, &story(given).events);
        let mut found: BTreeMap<String, i128> = BTreeMap::new();
        for line in lines(&rows, std::slice::from_ref(&dimension), Day(i32::MAX)).iter() {
            let value = line.value(&dimension).replace(',', ";");
            *found.entry(value).or_default() += line.sums.tokens.total();
        }
        let shown: Vec<String> = found.iter().map(|(value, tokens)| format!("{value}:{tokens}")).collect();
        assert_eq!(shown.join(","), then, "{line}");
    }
}

/// The unpriced part of usage of a team leaves that team.
#[test]
fn what_was_priced_since_leaves_the_labels_that_it_was_counted_under() {
    let rows = folded(
        &Reports,
        &story(
            "use - in=2 component=c label.team=b, +24h, \
             reprice - in=2 usd=3 component=c label.team=b of=2026-11-21T08:00:00Z",
        )
        .events,
    );
    let by = ["team", "component", "price_version"].map(|name| name.parse().expect("a dimension"));
    let found: Vec<(String, String, i128, String)> = lines(&rows, &by, Day(i32::MAX))
        .iter()
        .map(|line| {
            let values: Vec<&str> = line.values().map(|(_, value)| value).collect();
            let day = line.period.map(|period| period.name.clone()).unwrap_or_default();
            (day, values.join(" "), line.sums.unpriced_tokens, line.sums.cost.to_string())
        })
        .collect();
    let line = |day: &str, values: &str, unpriced, cost: &str| {
        (day.to_owned(), values.to_owned(), unpriced, cost.to_owned())
    };
    assert_eq!(found, [line("2026-11-21", "b c ", 0, "0"), line("2026-11-22", "b c p1", 0, "3")]);
}

/// A step at a time that is also that of a correction.
fn step() -> impl Strategy<Value = String> {
    let at = || (0..30_u32, 0..4_u32).prop_map(|(hours, days)| (hours, days));
    let team = || prop::sample::select(vec!["", " label.team=a", " label.team=b component=c"]);
    let usd = || prop::sample::select(vec!["", " usd=0.5", " usd=0.000001"]);
    let of = "of=2026-11-21T09:00:00Z";
    prop_oneof![
        3 => (at(), 0..50_u32, team(), usd()).prop_map(|((hours, days), n, team, usd)| format!(
            "+{}h, ahead -{hours}h, use - model=m in={n}{team}{usd}, ahead 0s, -{}h", days * 24, days * 24
        )),
        1 => (at(), -9..9_i32, team(), usd()).prop_map(move |((hours, _), n, team, usd)| format!(
            "+{hours}h, adjust - model=m in={n}{team}{usd} {of}, -{hours}h"
        )),
        1 => (at(), 0..9_u32, team()).prop_map(move |((hours, _), n, team)| format!(
            "+{hours}h, reprice - model=m in={n} usd=0.25{team} {of}, -{hours}h"
        )),
        1 => (at(), -9..9_i32).prop_map(|((hours, _), n)| format!("+{hours}h, in T-{hours}, adjust ? in={n}, -{hours}h")),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// What is known on a day is what a ledger has that ends with that day.
    #[test]
    fn what_is_known_on_a_day_is_all_that_was_recorded_by_then(steps in prop::collection::vec(step(), 0..20)) {
        let mut events = story(&format!("live, {}", steps.join(", "))).events;
        // As a ledger records them.
        events.sort_by_key(|event| event.recorded_at);
        let rows = folded(&Reports, &events);
        let mut dimensions = LineDimension::named();
        dimensions.push("team".parse().expect("a dimension"));
        for day in 20..28 {
            let day: Day = format!("2026-11-{day}").parse().expect("a day");
            let until: Vec<Stored> =
                events.iter().filter(|event| event.recorded_at.day() <= day).cloned().collect();
            let then = folded(&Reports, &until);
            prop_assert_eq!(known(&rows, day), known(&then, Day(i32::MAX)));
            prop_assert_eq!(lines(&rows, &dimensions, day), lines(&then, &dimensions, Day(i32::MAX)));
        }
        for dimension in dimensions {
            let whole = lines(&rows, &[], Day(i32::MAX)).total();
            prop_assert_eq!(lines(&rows, &[dimension], Day(i32::MAX)).total(), whole);
        }
    }
}
