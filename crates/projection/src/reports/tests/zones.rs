//! Reports by the hours, days, weeks and months of a zone, for a time range.

use tollgate_domain::time::Timestamp;
use tollgate_domain::tokens::TokenCounts;
use tollgate_domain::units::UnitCounts;
use tollgate_domain::usage::UsageRecorded;
use tollgate_domain::zone::quarter;

use super::*;

fn at(text: &str) -> Timestamp {
    text.parse().unwrap_or_else(|error| panic!("{error}"))
}

/// Usage of these numbers of tokens at these times, recorded long after.
fn used(list: &[(Timestamp, u64)]) -> Vec<Stored> {
    let event = |(nth, (at, tokens)): (usize, &(Timestamp, u64))| Stored {
        tenant: "default".to_owned(),
        task: format!("T-{}", nth % 2),
        producer: ["ci", "agent"][nth % 2].to_owned(),
        sequence: nth as u64 + 1,
        id: nth.to_string(),
        recorded_at: Timestamp::from_micros(253_402_300_799_999_999).unwrap(),
        occurred_at: *at,
        body: EventBody::from(UsageRecorded {
            context: None,
            counts_as: None,
            tokens: TokenCounts { output: *tokens, ..TokenCounts::default() },
            execution: None,
            provider: None,
            model: Some(["gpt-5", "opus", "haiku"][nth % 3].to_owned()),
            component: None,
            request_id: None,
            service_tier: None,
            allocation: None,
            labels: BTreeMap::new(),
            units: UnitCounts::default(),
            estimated: false,
            cost: Cost::Unpriced,
        }),
    };
    list.iter().enumerate().map(event).collect()
}

fn asked(events: &[Stored], zone: &Zone, grain: Grain, span: Span) -> LedgerReport {
    let (totals, tasks) = totals_of(&folded(&Reports, events), Calendar::new(zone.clone(), grain), span);
    totals.report(by(grain), None, tasks, 0, "9f3c@3:9".to_owned())
}

fn periods(report: &LedgerReport) -> &[Group] {
    [&report.by_hour, &report.by_day, &report.by_week, &report.by_month]
        .into_iter()
        .find(|groups| !groups.is_empty())
        .map_or(&[], Vec::as_slice)
}

/// Around midnight of Shanghai and Berlin, and around the change to summer time.
const MIDNIGHTS: [(&str, u64); 6] = [
    ("2025-06-01T15:59:59.999Z", 1),
    ("2025-06-01T16:00:00Z", 20),
    ("2025-06-01T22:00:00Z", 300),
    ("2026-03-28T22:59:59Z", 4_000),
    ("2026-03-28T23:00:00Z", 50_000),
    ("2026-03-29T22:00:00Z", 600_000),
];

/// One line per case: `usage (time=tokens, or the midnights) | zone, period, since..until | periods`.
#[track_caller]
fn check(table: &str) {
    for line in table.lines().map(str::trim).filter(|line| !line.is_empty()) {
        let [given, when, then]: [&str; 3] =
            line.split('|').map(str::trim).collect::<Vec<_>>().try_into().expect("3 columns");
        let list: Vec<(Timestamp, u64)> = if given == "midnights" {
            MIDNIGHTS.map(|(text, tokens)| (at(text), tokens)).to_vec()
        } else {
            let read =
                |word: &str| word.split_once('=').map(|(text, tokens)| (at(text), tokens.parse().unwrap()));
            given.split_whitespace().map(|word| read(word).expect("time=tokens")).collect()
        };
        let mut words = when.split_whitespace();
        let mut word = || words.next().expect("zone, period, range");
        let zone: Zone = word().parse().unwrap();
        let grain = Grain::from_word(word()).unwrap();
        let (since, until) = word().split_once("..").expect("since..until");
        let end = |text: &str| (!text.is_empty()).then(|| at(text).micros() / 1_000_000);
        let report = asked(&used(&list), &zone, grain, Span { since: end(since), until: end(until) });
        let shown =
            periods(&report).iter().map(|group| format!("{}:{}", group.key, group.totals.tokens.total));
        assert_eq!(shown.collect::<Vec<_>>().join(" "), then, "{line}");
        assert_eq!(sum(periods(&report)), report.totals, "{line}");
        assert_eq!(sum(&report.by_producer), report.totals, "{line}");
    }
}

#[test]
fn days_are_those_of_the_zone_and_add_up() {
    check(
        "
        midnights | UTC day ..              | 2025-06-01:321 2026-03-28:54000 2026-03-29:600000
        midnights | Asia/Shanghai day ..    | 2025-06-01:1 2025-06-02:320 2026-03-29:54000 2026-03-30:600000
        midnights | Europe/Berlin day ..    | 2025-06-01:21 2025-06-02:300 2026-03-28:4000 2026-03-29:50000 2026-03-30:600000
        midnights | Pacific/Chatham day ..  | 2025-06-02:321 2026-03-29:54000 2026-03-30:600000
        midnights | America/New_York day .. | 2025-06-01:321 2026-03-28:54000 2026-03-29:600000
        midnights | Europe/Berlin week ..   | 2025-W22:21 2025-W23:300 2026-W13:54000 2026-W14:600000
        midnights | Asia/Shanghai month ..  | 2025-06:321 2026-03:654000
        2025-05-31T16:00:00Z=1 2025-05-31T15:45:00Z=2 | Asia/Shanghai month .. | 2025-05:2 2025-06:1
        2026-10-25T00:30:00Z=1 2026-10-25T01:30:00Z=2 | Europe/Berlin hour .. | 2026-10-25T02:00+02:00:1 2026-10-25T02:00+01:00:2
        2026-03-29T00:30:00Z=1 2026-03-29T01:30:00Z=2 | Europe/Berlin hour .. | 2026-03-29T01:00+01:00:1 2026-03-29T03:00+02:00:2
        2026-04-04T14:59:00Z=1 2026-04-04T15:00:00Z=2 | Australia/Lord_Howe hour .. | 2026-04-05T01:00+11:00:1 2026-04-05T01:00+10:30:2
        2026-01-31T18:14:59Z=1 2026-01-31T18:15:00Z=2 | Asia/Kathmandu day .. | 2026-01-31:1 2026-02-01:2
        1971-06-01T00:44:29Z=1 1971-06-01T00:44:30Z=2 | Africa/Monrovia day .. | 1971-05-31:1 1971-06-01:2
        2022-10-01T16:00:59Z=1 2022-10-01T16:01:00Z=2 | Antarctica/Casey hour .. | 2022-10-02T00:00+08:00:1 2022-10-02T03:00+11:00:2
        0001-01-01T00:00:00Z=1 9999-12-31T23:59:59Z=2 | UTC day .. | 0001-01-01:1 9999-12-31:2
        ",
    );
}

#[test]
fn a_range_counts_what_lies_in_it_in_every_list() {
    check(
        "
        midnights | Asia/Shanghai day 2025-06-01T16:00:00Z..2025-06-02T16:00:00Z | 2025-06-02:320
        midnights | Asia/Shanghai day 2026-03-28T16:00:00Z.. | 2026-03-29:54000 2026-03-30:600000
        midnights | Europe/Berlin day ..2026-03-28T23:00:00Z | 2025-06-01:21 2025-06-02:300 2026-03-28:4000
        midnights | Europe/Berlin day 2026-03-28T23:00:00Z..2026-03-29T22:00:00Z | 2026-03-29:50000
        midnights | UTC day 2025-06-01T15:45:00Z..2025-06-01T16:00:00Z | 2025-06-01:1
        midnights | UTC day 2025-06-02T00:00:00Z..2026-03-28T00:00:00Z |
        1999-12-31T23:59:58Z=1 1999-12-31T23:59:59Z=2 | UTC day 1999-12-31T23:59:59Z.. | 1999-12-31:2
        ",
    );
}

/// Hours of more than six weeks, in parts as projectors have them: the latest thousand are whole, and nothing
/// is lost.
#[test]
fn more_periods_than_are_listed_stand_in_one_row() {
    let hours = |from: i32, to: i32| {
        let at = |hour: i32| at("2026-01-01T00:30:00Z").plus_millis(i64::from(hour) * 3_600_000);
        used(&(from..to).map(|hour| (at(hour), 1)).collect::<Vec<_>>())
    };
    let mut all = LedgerTotals::default();
    for events in [hours(0, 1500), hours(0, 700), hours(1499, 1501)] {
        let rows = folded(&Reports, &events);
        let (mut totals, _) = totals_of(&rows, Calendar::new(Zone::utc(), Grain::Hour), Span::default());
        totals.list_periods();
        all.merge(&totals);
    }
    all.list_periods();
    let report = all.report(by(Grain::Hour), None, 1, 0, String::new());
    let [earlier, listed @ ..] = &report.by_hour[..] else { panic!("{report:?}") };
    assert_eq!((earlier.key.as_str(), listed.len()), ("(earlier)", 1000));
    assert_eq!((earlier.totals.tokens.total, earlier.rest_of), (501 + 501, Some(500 + 501)));
    let tokens: Vec<i64> = listed.iter().map(|group| group.totals.tokens.total).collect();
    assert_eq!((tokens[0], tokens[198], tokens[199], tokens[998], tokens[999]), (2, 2, 1, 2, 1));
    assert_eq!(sum(&report.by_hour), report.totals);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// In every zone, periods of every length add up to the total, each contains what happened in it, and two
    /// adjacent ranges contain what both together contain, in each list.
    #[test]
    fn periods_and_ranges_add_up_in_every_zone(
        nth in 0usize..700,
        times in proptest::collection::vec((1_640_000_000i64..1_900_000_000, 1u64..1000), 1..20),
        cut in 1_640_000_000i64..1_900_000_000,
    ) {
        let zones: Vec<Zone> = ["UTC", "Asia/Kathmandu", "Australia/Lord_Howe", "America/St_Johns", "Pacific/Apia", "Africa/Casablanca",
            "Asia/Gaza", "Antarctica/Troll", "America/Vancouver", "Pacific/Chatham"].iter().map(|name| name.parse().unwrap()).collect();
        let zone = &zones[nth % zones.len()];
        let list: Vec<(Timestamp, u64)> =
            times.iter().map(|(second, tokens)| (Timestamp::from_micros(second * 1_000_000).unwrap(), *tokens)).collect();
        let events = used(&list);
        let cut = Some(quarter(Timestamp::from_micros(cut * 1_000_000).unwrap()));
        for grain in Grain::NAMES.map(|word| Grain::from_word(word).unwrap()) {
            let whole = asked(&events, zone, grain, Span::default());
            prop_assert_eq!(&sum(periods(&whole)), &whole.totals);
            let mut expected: BTreeMap<String, i64> = BTreeMap::new();
            for (at, tokens) in &list {
                *expected.entry(Calendar::new(zone.clone(), grain).period_of(*at).name).or_default() += *tokens as i64;
            }
            let found = periods(&whole).iter().map(|group| (group.key.clone(), group.totals.tokens.total));
            prop_assert_eq!(found.collect::<BTreeMap<_, _>>(), expected);
            let before = asked(&events, zone, grain, Span { since: None, until: cut });
            let after = asked(&events, zone, grain, Span { since: cut, until: None });
            prop_assert_eq!(add_up([&before.totals, &after.totals].into_iter()), whole.totals);
            for part in [&before, &after] {
                for groups in [periods(part), &part.by_model, &part.by_producer, &part.by_phase] {
                    prop_assert_eq!(&sum(groups), &part.totals);
                }
            }
        }
    }
}
