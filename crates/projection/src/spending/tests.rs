//! Rows, scans and kept sums beside a naive model: all events in a list, added up one by one.

mod summary;

use std::collections::BTreeMap;

use proptest::prelude::*;
use proptest::sample::select;
use tollgate_domain::budget::{Scope, Spent};
use tollgate_domain::event::{EventBody, WaitRecorded};
use tollgate_domain::position::{PartitionId, Position, Sequence};
use tollgate_domain::time::Timestamp;
use tollgate_domain::tokens::{TokenCounts, TokenSums};
use tollgate_domain::units::{Unit, UnitCounts, UnitSums};
use tollgate_domain::usage::{AdjustedUsage, Cost, NamedExecution, UsageAdjusted, UsageRecorded};

use super::*;
use crate::fold::Projection;
use crate::testing::{Stored, bytes_of, folded};

type Rows = BTreeMap<Vec<u8>, SpendingRow>;

/// A Saturday, in a quarter of an hour that begins an hour of India and none of UTC.
const BEGIN: &str = "2026-11-21T08:30:00Z";

fn at(seconds: i64) -> Timestamp {
    BEGIN.parse::<Timestamp>().unwrap().plus_millis(seconds * 1000)
}

/// Values as `task team model session allocation`; `-` for none.
#[derive(Clone, Debug)]
struct Said {
    words: [&'static str; 5],
    seconds: i64,
    tokens: u32,
    priced: bool,
    corrects: bool,
}

impl Said {
    /// Every fifth made images, too.
    fn units(&self) -> UnitCounts {
        UnitCounts::from_pairs([(Unit::OutputImages, if self.tokens.is_multiple_of(5) { 3 } else { 0 })])
    }

    fn stored(&self) -> Stored {
        let given = |word: &str| (word != "-").then(|| word.to_owned());
        let [task, team, model, session, allocation] = self.words;
        // Most usage is of a phase.
        let phase = [None, Some("PLAN"), Some("VERIFY")][usize::try_from(self.tokens % 3).unwrap()];
        let execution = phase.map(|phase| NamedExecution { phase: phase.parse().unwrap(), attempt: None });
        let labels: BTreeMap<String, String> = [("team", team), ("session", session)]
            .into_iter()
            .filter_map(|(name, value)| Some((name.to_owned(), given(value)?)))
            .collect();
        let sign = if self.corrects { -1 } else { 1 };
        let usd = tollgate_domain::money::Usd::from_units(sign * i128::from(self.tokens) * 1_000);
        let cost =
            if self.priced { Cost::Priced { usd, price_version: "p".to_owned() } } else { Cost::Unpriced };
        let body = if self.corrects {
            EventBody::from(UsageAdjusted {
                adjusts: "u".to_owned(),
                adjusts_producer: "agent".to_owned(),
                tokens: TokenSums { output: -i128::from(self.tokens), ..TokenSums::default() },
                units: UnitSums::from(&self.units()).negated(),
                reason: "counted twice".to_owned(),
                author: None,
                resolved: Some(Box::new(AdjustedUsage {
                    counts_as: None,
                    service_tier: None,
                    occurred_at: self.tokens.is_multiple_of(2).then(|| at(self.seconds / 2)),
                    execution,
                    provider: None,
                    model: given(model),
                    component: None,
                    allocation: given(allocation),
                    labels,
                    cost,
                    excess: TokenCounts::default(),
                    excess_units: UnitSums::default(),
                    unpriced: None,
                })),
            })
        } else {
            EventBody::from(UsageRecorded {
                context: None,
                counts_as: None,
                execution,
                provider: None,
                model: given(model),
                component: None,
                request_id: None,
                service_tier: None,
                allocation: given(allocation),
                labels,
                tokens: TokenCounts { output: self.tokens.into(), ..TokenCounts::default() },
                units: self.units(),
                estimated: false,
                cost,
            })
        };
        Stored {
            tenant: "acme".to_owned(),
            task: task.to_owned(),
            producer: "agent".to_owned(),
            sequence: 1,
            id: "e".to_owned(),
            recorded_at: at(self.seconds),
            occurred_at: at(self.seconds),
            body,
        }
    }
}

fn begin() -> Position {
    "a832cda4422e85aaa4ea7763a3f8fce9@1:1".parse().unwrap()
}

fn ask(scope: &[(&str, &str)], from: Option<i64>, to: Option<i64>) -> SpentAsk {
    SpentAsk { scope: Scope::new(scope.iter().copied()).unwrap(), from: from.map(at), to: to.map(at) }
}

/// By adding up all events.
fn naive(events: &[Stored], ask: &SpentAsk) -> Spent {
    let mut sum = Spent::default();
    for event in events {
        let recorded = event.recorded();
        let usage = counted(&recorded).unwrap();
        for (quarter, sums) in usage.parts() {
            let quarter = Timestamp::from_micros(quarter * 1_000_000).unwrap();
            let in_window =
                ask.from.is_none_or(|from| from <= quarter) && ask.to.is_none_or(|to| quarter < to);
            if in_window && ask.scope.contains(&usage.dimensions) {
                sum.add(&sums.spent);
            }
        }
    }
    sum
}

/// By reading rows.
fn scanned(rows: &Rows, asks: &[SpentAsk]) -> Vec<Spent> {
    let (mut tally, scans) = Tally::of("acme", asks);
    for mut scan in scans {
        for (key, row) in rows.range(scan.after()..) {
            if !key.starts_with(scan.prefix()) || !tally.add(&mut scan, key, row) {
                break;
            }
        }
    }
    tally.sums()
}

/// Scopes and windows of all kinds.
fn asks() -> Vec<SpentAsk> {
    const DAY: i64 = 86_400;
    // 2026-11-22T00:00Z.
    let midnight = 15 * 3600 + 1800;
    let scopes: [&[(&str, &str)]; 12] = [
        &[],
        &[("team", "search")],
        &[("model", "gpt-5"), ("team", "search")],
        &[("task", "T-1")],
        &[("phase", "PLAN")],
        &[("phase", "verify"), ("task", "T-1")],
        &[("task", "T-1"), ("session", "S-1")],
        &[("session", "S-1")],
        &[("session", "T-1")],
        &[("label.session", "T-1")],
        &[("session", "T-2"), ("model", "gpt-5")],
        &[("tier", "remote_heavyweight"), ("label.session", "S-1"), ("session", "S-1")],
    ];
    let windows = [
        (None, None),
        (Some(0), Some(900)),
        (Some(0), Some(3600)),
        (Some(midnight), Some(midnight + DAY)),
        (Some(midnight - 1800), Some(midnight + 2 * DAY + 900)),
        (None, Some(midnight + 900)),
        (Some(midnight + DAY - 900), None),
        (Some(7), Some(1000)),
        (Some(900), Some(0)),
    ];
    let of = |scope: &&[(&str, &str)]| windows.map(|(from, to)| ask(scope, from, to));
    scopes.iter().flat_map(of).collect()
}

fn said() -> impl Strategy<Value = Said> {
    let words = (
        select(vec!["T-1", "T-2", "S-1"]),
        select(vec!["-", "search", "ads"]),
        select(vec!["-", "gpt-5", "claude-3-haiku"]),
        select(vec!["-", "S-1", "T-1"]),
        select(vec!["-", "al-1"]),
    );
    let seconds = select(vec![-1, 0, 899, 900, 901, 55_799, 55_800, 100_000, 141_299, 142_200, 4_000_000]);
    (words, seconds, 1..1000_u32, any::<bool>(), any::<bool>()).prop_map(
        |(words, seconds, tokens, priced, corrects)| {
            let words = [words.0, words.1, words.2, words.3, words.4];
            Said { words, seconds, tokens, priced, corrects }
        },
    )
}

/// What happens, in any order.
#[derive(Clone, Debug)]
enum Step {
    Use(Said),
    Ask(prop::sample::Index),
    /// One of the scans that have begun ends.
    End(prop::sample::Index),
    /// One of them never does.
    Lose(prop::sample::Index),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => said().prop_map(Step::Use),
        4 => any::<prop::sample::Index>().prop_map(Step::Ask),
        3 => any::<prop::sample::Index>().prop_map(Step::End),
        1 => any::<prop::sample::Index>().prop_map(Step::Lose),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    /// Usage, corrections, questions, scans that end late or never, and sums that are dropped: whatever is kept
    /// is what a scan finds and what the events add up to.
    #[test]
    fn kept_sums_are_those_of_a_scan_and_of_all_events(steps in prop::collection::vec(step(), 0..120)) {
        // So few asks that they meet again, and fewer places than asks.
        let asks: Vec<SpentAsk> = asks().into_iter().step_by(7).collect();
        let (mut rows, mut kept, mut events) = (Rows::new(), Asked::of(5), Vec::new());
        let mut position = begin();
        let mut scans: Vec<(SpentAsk, Position, Rows)> = Vec::new();
        for step in steps {
            match step {
                Step::Use(said) => {
                    let event = said.stored();
                    Spending.apply(&event.recorded(), &mut rows).unwrap();
                    Spending.follow(&event.recorded(), &mut kept);
                    events.push(event);
                    position.advance(PartitionId::of("acme", "T"), Sequence(events.len() as u64 + 1));
                }
                Step::Ask(nth) => {
                    let ask = nth.get(&asks);
                    match kept.sum("acme", ask) {
                        Some(sum) => prop_assert_eq!(sum, &naive(&events, ask)),
                        None => {
                            kept.begin("acme", ask, &position);
                            scans.push((ask.clone(), position.clone(), rows.clone()));
                        }
                    }
                }
                Step::End(nth) if !scans.is_empty() => {
                    let (ask, as_of, rows) = scans.remove(nth.index(scans.len()));
                    let read = scanned(&rows, std::slice::from_ref(&ask)).remove(0);
                    kept.fill("acme", &ask, &as_of, read);
                }
                Step::Lose(nth) if !scans.is_empty() => {
                    scans.remove(nth.index(scans.len()));
                }
                Step::End(_) | Step::Lose(_) => {}
            }
        }
        for ask in &asks {
            if let Some(sum) = kept.sum("acme", ask) {
                prop_assert_eq!(sum, &naive(&events, ask));
            }
        }
    }

    /// Every scope and window at once, in one pass over the rows.
    #[test]
    fn a_scan_finds_what_all_events_add_up_to(said in prop::collection::vec(said(), 0..40)) {
        let mut rows = Rows::new();
        let events: Vec<Stored> = said.iter().map(Said::stored).collect();
        for event in &events {
            Spending.apply(&event.recorded(), &mut rows).unwrap();
        }
        let asks = asks();
        for (ask, found) in asks.iter().zip(scanned(&rows, &asks)) {
            prop_assert_eq!(found, naive(&events, ask), "{:?}", ask);
        }
        let used = BTreeMap::get(&rows, &Table::Allocations.named("acme", "al-1"))
            .and_then(SpendingRow::sums)
            .map(|sums| sums.spent.tokens);
        let expected: i128 = said
            .iter()
            .filter(|said| said.words[4] == "al-1")
            .map(|said| i128::from(said.tokens) * if said.corrects { -1 } else { 1 })
            .sum();
        prop_assert_eq!(used.unwrap_or_default(), expected);
    }
}

fn used(words: [&'static str; 5], seconds: i64, tokens: u32) -> Said {
    Said { words, seconds, tokens, priced: true, corrects: false }
}

#[test]
fn a_kept_sum_moves_with_each_usage_and_the_least_recently_asked_is_dropped() {
    let [search, ads, all] =
        [ask(&[("team", "search")], None, None), ask(&[("team", "ads")], None, None), ask(&[], None, None)];
    let (mut kept, as_of) = (Asked::of(2), begin());
    for ask in [&search, &ads] {
        assert_eq!(kept.sum("acme", ask), None);
        kept.begin("acme", ask, &as_of);
        assert_eq!(kept.sum("acme", ask), None, "nobody has read it yet");
        kept.fill("acme", ask, &as_of, Spent { tokens: 5, ..Spent::default() });
    }
    Spending.follow(&used(["T-1", "search", "-", "-", "-"], 0, 10).stored().recorded(), &mut kept);
    assert_eq!(kept.sum("other", &search), None, "of another tenant");
    assert_eq!(kept.sum("acme", &search).map(|sum| (sum.events, sum.tokens)), Some((1, 15)));
    kept.begin("acme", &all, &as_of);
    assert_eq!(kept.sum("acme", &ads), None);
    assert_eq!(kept.sum("acme", &search).map(|sum| sum.tokens), Some(15));
    // A scan of rows before what was folded meanwhile fills nothing that was begun later.
    let mut later = as_of.clone();
    later.advance(PartitionId::of("acme", "T"), Sequence(2));
    let elsewhere: Position = "b832cda4422e85aaa4ea7763a3f8fce9@1:1".parse().unwrap();
    kept.begin("acme", &all, &later);
    kept.fill("acme", &all, &elsewhere, Spent::default());
    assert_eq!(kept.sum("acme", &all), None);
    kept.fill("acme", &all, &later, Spent::default());
    assert_eq!(kept.sum("acme", &all), Some(&Spent::default()));
}

#[test]
fn usage_dated_ahead_counts_when_it_was_recorded_and_other_events_count_nowhere() {
    let mut rows = Rows::new();
    let ahead = used(["T-1", "-", "-", "-", "-"], 400 * 86_400, 10).stored();
    let ahead = Stored { recorded_at: at(0), ..ahead };
    Spending.apply(&ahead.recorded(), &mut rows).unwrap();
    let (now, then) = (ask(&[], None, Some(86_400)), ask(&[], Some(399 * 86_400), None));
    let sums = scanned(&rows, &[now, then]);
    assert_eq!(sums.iter().map(|sum| sum.tokens).collect::<Vec<_>>(), [10, 0]);
    assert_eq!(rows.len(), 3, "a day, a quarter, a task");
    let labelled = used(["T-1", "-", "-", "S-1", "al-1"], 0, 10).stored();
    Spending.apply(&labelled.recorded(), &mut rows).unwrap();
    assert_eq!(rows.len(), 6, "those, a session, an allocation, and that it was used");
    let wait = EventBody::from(WaitRecorded { execution: None, kind: "human".to_owned(), wait_ms: 1 });
    Spending.apply(&Stored { body: wait, ..labelled }.recorded(), &mut rows).unwrap();
    assert_eq!(rows.len(), 6);
}

proptest! {
    /// What waited in quarantine is folded late, and in its place when the view is built again.
    #[test]
    fn rows_do_not_depend_on_the_order_of_usage(
        said in proptest::collection::vec(said(), 0..40),
        other in any::<u64>(),
    ) {
        let mut events: Vec<Stored> = said.iter().map(Said::stored).collect();
        let rows = folded(&Spending, &events);
        let length = |row: &SpendingRow| row.cells(&[0; 8]).count();
        prop_assert!(rows.values().all(|row| length(row) <= 3));
        let mut draw = other;
        events.sort_by_cached_key(|_| {
            draw = draw.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            draw >> 33
        });
        prop_assert_eq!(bytes_of(&folded(&Spending, &events)), bytes_of(&rows));
    }
}

#[test]
fn the_kinds_of_a_tasks_usage_are_those_of_a_day_the_latest_first() {
    // 2026-11-21 and the day after it.
    let said = [
        used(["T-1", "search", "gpt-5", "-", "-"], 0, 1),
        used(["T-1", "search", "gpt-5", "-", "-"], 100_000, 2),
        used(["T-1", "ads", "gpt-5", "-", "-"], 101_000, 3),
        used(["T-2", "ads", "claude-3-haiku", "-", "-"], 101_000, 3),
    ];
    let events: Vec<Stored> = said.iter().map(Said::stored).collect();
    let rows = folded(&Spending, &events);
    for (day, expected) in
        [(at(0), vec!["ads", "search"]), (at(100_000), vec!["ads", "search"]), (at(200_000), vec![])]
    {
        let mut kinds = UsageKinds::of_task("acme", "T-1", day);
        for (key, row) in
            rows.range(kinds.after()..).filter(|(key, _)| key.starts_with(kinds.prefix())).collect::<Vec<_>>()
        {
            assert!(kinds.add(key, row));
        }
        assert_eq!(kinds.is_empty(), expected.is_empty());
        let teams: Vec<String> = kinds.latest(8).iter().map(|kind| kind.labels["team"].clone()).collect();
        assert_eq!(teams, expected, "from {day}");
    }
}
