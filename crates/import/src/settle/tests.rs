//! What is appended, depending on what the ledger has.

use std::collections::BTreeMap;

use tollgate_domain::ids::{ProducerId, TaskId, TenantId};
use tollgate_domain::session_phases::activity::Activity;
use tollgate_domain::units::UnitCounts;
use tollgate_domain::usage::Cost;

use super::*;
use crate::call::Elsewhere;

fn name(text: &str) -> CallName {
    let (task, id) = text.split_once('/').unwrap();
    CallName { task: TaskId::new(task).unwrap(), id: EventId::new(id).unwrap() }
}

fn tokens(output: u64) -> TokenCounts {
    TokenCounts { output, ..TokenCounts::default() }
}

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

/// A call `TASK/ID OUTPUT`, which may be elsewhere: `=NAME` counted, `~NAME` counted if alike, `^NAME` stood
/// in, `<NAME` counted before the session began, on 2026-06-22; `copy` for one that stands in.
fn call(text: &str) -> Call {
    let words: Vec<&str> = text.split_whitespace().collect();
    let own = name(words[0]);
    let usage = UsageRecorded {
        context: None,
        counts_as: None,
        execution: None,
        provider: None,
        model: None,
        component: None,
        request_id: None,
        service_tier: None,
        allocation: None,
        labels: BTreeMap::new(),
        tokens: tokens(words[1].parse().unwrap()),
        units: UnitCounts::default(),
        estimated: false,
        cost: Cost::Unpriced,
    };
    let elsewhere = words[2..].iter().filter(|word| **word != "copy").map(|word| Elsewhere {
        name: name(&word[1..]),
        probe: None,
        means: match &word[..1] {
            "=" => Means::Counted,
            "~" => Means::CountedIfAlike,
            "^" => Means::StoodIn,
            "<" => Means::CountedBefore(at("2026-06-22T00:00:00Z")),
            ">" => Means::CountedBefore(at("2026-06-20T00:00:00Z")),
            _ => panic!("no sign: {word}"),
        },
    });
    Call {
        event: Event {
            tenant: TenantId::default_tenant(),
            task: own.task,
            producer: ProducerId::new("p").unwrap(),
            id: own.id,
            occurred_at: Some(at("2026-06-25T00:00:00Z")),
            trace_parent: None,
            body: usage.into(),
        },
        elsewhere: elsewhere.collect(),
        stands_in: text.ends_with("copy"),
        activity: Activity::default(),
    }
}

/// Bookings `NAME RECORDED`, or `NAME RECORDED>CURRENT` with one correction.
fn ledger(text: &str) -> Bookings {
    let one = |entry: &str| {
        let (own, counts) = entry.trim().split_once(' ').unwrap();
        let (recorded, current) = counts.split_once('>').unwrap_or((counts, counts));
        let booking = Booking {
            occurred_at: Some(at("2026-06-20T00:00:00Z")),
            recorded: tokens(recorded.parse().unwrap()),
            current: tokens(current.parse().unwrap()).into(),
            corrections: u32::from(counts.contains('>')),
        };
        (name(own), booking)
    };
    text.split(',').filter(|entry| !entry.trim().is_empty()).map(one).collect()
}

fn shown(events: &[Event]) -> String {
    let one = |event: &Event| {
        let (task, id) = (&event.task, &event.id);
        if let EventBody::Usage(UsageEvent::UsageRecorded(usage)) = &event.body {
            return format!("{task}/{id} {}", usage.tokens.output);
        }
        let EventBody::Usage(UsageEvent::UsageAdjusted(adjusted)) = &event.body else { panic!("{event:?}") };
        assert_eq!(event.occurred_at, Some(at("2026-06-20T00:00:00Z")), "the day that it corrects");
        format!("{task}/{id} {:+} of {}", adjusted.tokens.output, adjusted.adjusts)
    };
    events.iter().map(one).collect::<Vec<_>>().join(", ")
}

#[test]
fn each_call_is_counted_once() {
    for (given, has, expected) in [
        // Nothing is known about it: it is appended. A `copy` after what is appended: it is counted elsewhere.
        ("S/k 5", "", "S/k 5"),
        ("S/k 5 ~S/1 ^P/c", "", "S/k 5"),
        // Already there: nothing. With less: it is raised. With more: the copy is the smaller report.
        ("S/k 5", "S/k 5", ""),
        ("S/k 5", "S/k 3", "S/k~1 +2 of k"),
        ("S/k 5", "S/k 2>3", "S/k~2 +2 of k"),
        ("S/k 5", "S/k 9", ""),
        // An earlier version counted it under a number: it stays there, if it is the same.
        ("S/k 5 ~S/1", "S/1 5", ""),
        ("S/k 5 ~S/1", "S/1 4", "S/k 5"),
        ("S/k 5 ~S/1", "S/1 5>0", "S/k 5"),
        ("S/k 5 ~S/1", "S/1 5, S/k 5", "S/1~1 -5 of 1"),
        // A copy stood in for it: that is taken back once the call itself is there.
        ("P/k 5 ^P/c", "P/c 5", "P/c~1 -5 of c, P/k 5"),
        ("P/k 5 ^P/c", "P/c 5>0, P/k 5", ""),
        // A copy of a counted call adds nothing, whether under its key or under a number.
        ("P/c 5 =P/k copy", "P/k 5", "copy"),
        ("P/c 5 =P/k ~P/1 copy", "P/1 5", "copy"),
        ("P/c 5 =P/k copy", "", "P/c 5"),
        ("P/c 5 =P/k copy", "P/c 5", ""),
        ("P/c 5 =P/k copy", "P/c 5>0, P/k 5", "copy"),
        // The copy came first, and both were counted: the copy is taken back.
        ("P/c 5 =P/k copy", "P/c 5, P/k 5", "P/c~1 -5 of c copy"),
        // Another session of the conversation has it.
        ("F/m 5 =S/m", "S/m 5", "copy"),
        ("F/m 5 =S/m", "S/m 3", "S/m~1 +2 of m copy"),
        ("F/m 5 =S/m", "S/m 5, F/m 5", "S/m~1 -5 of m"),
        // The session that this one was copied from had it before: it belongs to that session. Anything later
        // there is another call.
        ("F/k 5 <P/k", "", "F/k 5"),
        ("F/k 5 <P/k", "P/k 5", "copy"),
        ("F/k 5 <P/k", "P/k 5, F/k 5", "F/k~1 -5 of k copy"),
        ("F/k 5 <P/k ^P/c", "P/k 5", "copy"),
        ("F/k 5 >P/k", "P/k 5", "F/k 5"),
        ("F/k 5 >P/k", "P/k 5, F/k 5", ""),
        // No longer counted anywhere: it is counted again.
        ("S/k 5", "S/k 5>0", "S/k~2 +5 of k"),
    ] {
        let settled = settle(&call(given), &ledger(has));
        let copy = if settled.is_copy { " copy" } else { "" };
        assert_eq!(format!("{}{copy}", shown(&settled.events)).trim(), expected, "{given} | {has}");
    }
}

#[test]
fn what_was_counted_wrongly_is_taken_back_once_and_only_if_it_came_from_this_file() {
    let miscounted = |output, day: &str| Miscounted {
        name: name("F/1"),
        probe: name("F/1"),
        occurred_at: at(day),
        tokens: tokens(output),
    };
    let (tenant, producer) = (TenantId::default_tenant(), ProducerId::new("p").unwrap());
    let take = |miscounted: &Miscounted, has| {
        let event = take_back(miscounted, &tenant, &producer, &ledger(has));
        shown(event.as_slice())
    };
    let day = "2026-06-20T00:00:00Z";
    assert_eq!(take(&miscounted(5, day), "F/1 5"), "F/1~1 -5 of 1");
    assert_eq!(take(&miscounted(5, day), "F/1 5>0"), "");
    assert_eq!(take(&miscounted(5, day), ""), "");
    // Another file of the same thread counted that number.
    assert_eq!(take(&miscounted(4, day), "F/1 5"), "");
    assert_eq!(take(&miscounted(5, "2026-06-21T00:00:00Z"), "F/1 5"), "");
}

#[test]
fn of_two_reports_the_better_one_is_kept() {
    let mut kept = call("S/k 5 =A/k");
    merge(&mut kept, call("S/k 9 =B/k =A/k"));
    assert_eq!(kept.elsewhere.len(), 2);
    merge(&mut kept, call("S/k 7"));
    assert_eq!(shown(&[kept.event]), "S/k 9");
}
