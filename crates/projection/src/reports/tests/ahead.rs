//! Usage that a producer's wrong clock dated in the future.

use super::*;

fn days(report: &LedgerReport) -> String {
    let day = |group: &Group| {
        let ahead = group.ahead.as_ref().map(|ahead| format!("!{}", ahead.tokens)).unwrap_or_default();
        format!("{}:{}{ahead}", group.key, group.totals.tokens.total)
    };
    report.by_day.iter().map(day).collect::<Vec<_>>().join(" ")
}

/// Stories begin on 2026-11-21.
#[test]
fn what_is_dated_ahead_counts_and_says_so() {
    for (given, then) in [
        ("live, use - out=1", "2026-11-21:1"),
        ("live, use - out=1, ahead 5min, use - out=2", "2026-11-21:3"),
        ("live, use - out=1, ahead 6min, use - out=2", "2026-11-21:3!2"),
        ("live, use - out=1, ahead 27h, use - out=2", "2026-11-21:1 2026-11-22:2!2"),
        ("live, use - out=1, ahead 613620h, use - out=2", "2026-11-21:1 2096-11-20:2!2"),
        ("live, use - out=1, ahead -27h, use - out=2", "2026-11-20:2 2026-11-21:1"),
        ("live, ahead 27h, use - out=8, adjust ? out=-4", "2026-11-22:8!8"),
    ] {
        let report = report(&story(given).events);
        assert_eq!(days(&report), then, "{given}");
        assert_eq!(sum(&report.by_day), report.totals, "{given}");
    }
    let report = report(&story("live, ahead 27h, use - out=2").events);
    let note = &report.by_day[0].ahead.as_ref().unwrap().note;
    assert!(
        note.starts_with(
            "2 tokens of 1 usage event are dated more than 5 minutes ahead of the ledger's clock"
        ),
        "{note}"
    );
}

/// A clock that runs wild does not crowd out any real day.
#[test]
fn days_that_only_a_wrong_clock_knows_leave_the_others_in_the_list() {
    let wild: String = (1..=150).map(|day| format!(", ahead {}h, use - out=1", day * 24)).collect();
    let events = story(&format!("live, use - out=500{wild}")).events;
    let (mut totals, tasks) = totals(&events);
    totals.list_periods();
    let report = totals.report(by(Grain::Day), None, tasks, 0, String::new());
    let [today, listed @ .., further] = &report.by_day[..] else { panic!("{report:?}") };
    assert_eq!((today.key.as_str(), today.totals.tokens.total, listed.len()), ("2026-11-21", 500, 100));
    assert!(listed.iter().all(|group| group.ahead.is_some()));
    assert_eq!((further.key.as_str(), further.rest_of), ("(ahead)", Some(50)));
    assert_eq!(further.ahead.as_ref().map(|ahead| ahead.tokens), Some(50));
    assert_eq!(sum(&report.by_day), report.totals);
}
