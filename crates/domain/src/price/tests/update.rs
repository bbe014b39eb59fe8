//! What an update changes, and what of it waits.

use super::*;
use crate::event::{PriceChanged, PriceDecided, PriceDisputed, PriceEvent, PriceProposed, WaitReason};
use crate::position::Sequence;

const NOW: &str = "2026-11-29T12:00:00Z";

/// One list: `entry input cached output`, in micro-dollars a million tokens; `-`: not given.
fn sources(lists: &[(&str, u16, bool, &[&str])]) -> Vec<SourceList> {
    let of = |(source, trust, scraped, lines): &(&str, u16, bool, &[&str])| {
        let mut listed: BTreeMap<ModelName, Vec<Listed>> = BTreeMap::new();
        for line in *lines {
            let words: Vec<&str> = line.split_whitespace().collect();
            let (entry, rest) = words.split_first().unwrap();
            let names = ["input_cost_per_token", "cache_read_input_token_cost", "output_cost_per_token"];
            let given: Vec<String> = names
                .iter()
                .zip(rest)
                .filter(|(_, rate)| **rate != "-")
                .map(|(name, rate)| format!("\"{name}\": {rate}e-6"))
                .collect();
            let rates = format!("{{\"litellm_provider\": \"p\", {}}}", given.join(", "));
            let one = Listed::read(entry, &rates).unwrap();
            listed.entry(one.model.clone()).or_default().push(one);
        }
        SourceList {
            source: (*source).to_owned(),
            trust: Trust::from_thousandths(*trust),
            scraped: *scraped,
            listed,
        }
    };
    lists.iter().map(of).collect()
}

/// The book of these tests: `p/m` at 100, 10 and 500, and `p/cached` at 100, 100 and 500.
fn in_force() -> PriceBook {
    let text = r#"{"p/m": {"litellm_provider": "p", "input_cost_per_token": 100e-6,
        "cache_read_input_token_cost": 10e-6, "output_cost_per_token": 500e-6},
        "p/cached": {"litellm_provider": "p", "input_cost_per_token": 100e-6,
        "cache_read_input_token_cost": 100e-6, "output_cost_per_token": 500e-6}}"#;
    PriceBook::from_litellm(text, "test").unwrap().0
}

fn rules() -> UpdateRules {
    UpdateRules { unverified: Unverified::Apply, new_models: true }
}

fn planned(lists: &[SourceList], history: &PriceHistory, rules: UpdateRules) -> UpdatePlan {
    plan(&in_force(), history, lists, rules, NOW.parse().unwrap())
}

/// `entry source percent verified|unverified: waits`, of each change.
fn told(plan: &UpdatePlan) -> Vec<String> {
    let one = |update: &PriceUpdate| {
        let percent = update.percent.map_or("-".to_owned(), |percent| percent.to_string());
        let verified = if update.verified { "verified" } else { "unverified" };
        let waits: Vec<&str> = update.waits.iter().map(|wait| wait.as_str()).collect();
        format!("{} {} {percent} {verified}:{}", update.entry, update.source, waits.join(","))
    };
    plan.updates.iter().map(one).collect()
}

#[test]
fn what_changes_and_what_of_it_waits_for_a_person() {
    type Case<'a> = (&'a str, &'a [(&'a str, u16, bool, &'a [&'a str])], &'a [&'a str]);
    let cases: &[Case<'_>] = &[
        ("the same", &[("a", 900, false, &["p/m 100 10 500"])], &[]),
        ("the same, with fewer rates", &[("a", 900, false, &["p/m 100 - 500"])], &[]),
        ("one trusted source", &[("a", 900, false, &["p/m 120 10 500"])], &["p/m a 20 unverified:"]),
        ("one other source", &[("a", 700, false, &["p/m 120 10 500"])], &["p/m a 20 unverified:unverified"]),
        (
            "two that agree",
            &[("a", 700, false, &["p/m 120 10 500"]), ("b", 600, false, &["p/m 121 10 500"])],
            &["p/m a 20 verified:"],
        ),
        (
            "a poisoned price, verified or not",
            &[("a", 900, false, &["p/m 0.1 10 500"]), ("b", 900, false, &["p/m 0.1 10 500"])],
            &["p/m a 100 verified:large_change"],
        ),
        (
            "half as much again is no more than half",
            &[("a", 900, false, &["p/m 150 15 750"])],
            &["p/m a 50 unverified:"],
        ),
        (
            "free where others take money",
            &[("a", 900, false, &["p/new 0 0 0"]), ("b", 100, false, &["p/new 5 5 5"])],
            &["p/new a - unverified:free"],
        ),
        ("free for all", &[("a", 900, false, &["p/new 0 0 0"])], &["p/new a - unverified:"]),
        (
            "a rate that is no longer given",
            &[("a", 900, false, &["p/m 110 - 500"])],
            &["p/m a 1000 unverified:large_change,rate_missing"],
        ),
        (
            "a rate that is no longer given, and cost as much",
            &[("a", 900, false, &["p/cached 110 - 500"])],
            &["p/cached a 10 unverified:rate_missing"],
        ),
        ("a page for people", &[("a", 900, true, &["p/m 110 10 500"])], &["p/m a 10 unverified:scraped"]),
        (
            "a dispute goes to the trusted one",
            &[("a", 900, false, &["p/m 110 10 500"]), ("b", 700, false, &["p/m 130 10 500"])],
            &["p/m a 10 unverified:"],
        ),
    ];
    for (name, lists, expected) in cases {
        let plan = planned(&sources(lists), &PriceHistory::default(), rules());
        assert_eq!(told(&plan), *expected, "{name}");
    }
}

#[test]
fn the_config_says_whether_unverified_prices_wait_and_new_models_are_added() {
    let lists = sources(&[("a", 900, false, &["p/m 110 10 500", "p/new 1 1 1"])]);
    let wait = UpdateRules { unverified: Unverified::Wait, new_models: false };
    let plan = planned(&lists, &PriceHistory::default(), wait);
    assert_eq!(told(&plan), ["p/m a 10 unverified:unverified"]);
    assert_eq!((plan.left_out, plan.unchanged), (1, 0));
}

#[test]
fn a_dispute_is_told_once_and_its_end_too() {
    let lists = sources(&[("a", 900, false, &["p/m 100 10 500"]), ("b", 700, false, &["p/m 200 10 500"])]);
    let plan = planned(&lists, &PriceHistory::default(), rules());
    let [dispute] = plan.disputes.as_slice() else { panic!("one dispute: {plan:?}") };
    assert_eq!((dispute.entry.as_str(), dispute.said.len()), ("p/m", 2));
    let mut history = PriceHistory::default();
    let said = dispute.said.clone();
    history.apply(
        Timestamp::default(),
        Sequence::default(),
        &PriceEvent::from(PriceDisputed { entry: "p/m".to_owned(), said }),
    );
    assert!(planned(&lists, &history, rules()).disputes.is_empty());
    let plan = planned(&lists[..1], &history, rules());
    assert_eq!(plan.disputes, [Dispute { entry: "p/m".to_owned(), said: Vec::new() }]);
}

#[test]
fn what_waits_already_or_was_rejected_is_not_proposed_again() {
    let lists = sources(&[("a", 900, false, &["p/m 900 10 500"])]);
    let mut history = PriceHistory::default();
    let update = planned(&lists, &history, rules()).updates.remove(0);
    assert!(!update.known && update.waits == [WaitReason::LargeChange]);
    let proposed = PriceProposed {
        entry: update.entry.clone(),
        rates: update.rates.clone(),
        source: update.source.clone(),
        price_version: update.version.clone(),
        verified: false,
        old_version: None,
        percent: None,
        waits: update.waits.clone(),
    };
    history.apply(Timestamp::default(), Sequence::default(), &proposed.into());
    assert!(planned(&lists, &history, rules()).updates[0].known);
    let (entry, price_version, by) = (update.entry, update.version, "ann".to_owned());
    let rejected = PriceDecided { entry, price_version, approved: false, by, reason: None };
    history.apply(Timestamp::default(), Sequence::default(), &rejected.into());
    assert!(planned(&lists, &history, rules()).updates.is_empty());
}

#[test]
fn a_rejected_price_is_not_applied_when_it_would_need_nobody() {
    let lists = sources(&[("a", 900, false, &["p/m 110 10 500"])]);
    let mut history = PriceHistory::default();
    let update = planned(&lists, &history, rules()).updates.remove(0);
    assert!(update.waits.is_empty());
    let (entry, price_version, by) = (update.entry, update.version, "ann".to_owned());
    let rejected = PriceDecided { entry, price_version, approved: false, by, reason: None };
    history.apply(Timestamp::default(), Sequence::default(), &rejected.into());
    assert_eq!(planned(&lists, &history, rules()).updates, []);
}

/// One line per case: `rates in force | rates of the list | change`.
#[test]
fn a_change_that_no_usage_point_sees_is_one() {
    for line in r#"
        "output_cost_per_token_above_200k_tokens": 600e-6 | "output_cost_per_token_above_200k_tokens": 6000e-6 | 600 large_change
        "output_cost_per_token_above_200k_tokens": 600e-6 | "output_cost_per_token_above_200k_tokens": 660e-6 | 7
        "input_cost_per_token_flex": 50e-6, "output_cost_per_token_flex": 250e-6 | "input_cost_per_token_flex": 500e-6, "output_cost_per_token_flex": 2500e-6 | 900 large_change
        "input_cost_per_token_flex": 50e-6, "output_cost_per_token_flex": 250e-6 | "mode": "chat" | same
        "mode": "chat" | "input_cost_per_token_flex": 50e-6, "output_cost_per_token_flex": 250e-6 | same
        "input_cost_per_token_flex": 50e-6, "output_cost_per_token_flex": 250e-6 | "input_cost_per_token": 110e-6 | 10 rate_missing
    "#
    .lines()
    .map(str::trim)
    .filter(|line| !line.is_empty())
    {
        let [now, new, then]: [&str; 3] =
            line.split('|').map(str::trim).collect::<Vec<_>>().try_into().expect("3 columns");
        let base = |more: &str| {
            let input = if more.contains("input_cost_per_token\"") { "" } else { "\"input_cost_per_token\": 100e-6, " };
            format!(r#"{{"litellm_provider": "p", {input}"output_cost_per_token": 500e-6, {more}}}"#)
        };
        let (book, _) = PriceBook::from_litellm(&format!(r#"{{"p/m": {}}}"#, base(now)), "test").unwrap();
        let one = Listed::read("p/m", &base(new)).unwrap();
        let list = SourceList {
            source: "a".to_owned(),
            trust: Trust::from_thousandths(900),
            scraped: false,
            listed: BTreeMap::from([(one.model.clone(), vec![one])]),
        };
        let plan = plan(&book, &PriceHistory::default(), &[list], rules(), NOW.parse().unwrap());
        let shown = plan.updates.first().map_or("same".to_owned(), |update| {
            let percent = update.percent.map_or("-".to_owned(), |percent| percent.to_string());
            let waits = update.waits.iter().map(|wait| format!(" {}", wait.as_str()));
            percent + &waits.collect::<String>()
        });
        assert_eq!(shown, then, "{line}");
    }
}

#[test]
fn a_list_that_lost_more_than_a_tenth_has_shrunk() {
    for (before, now, shrunk) in
        [(0, 0, false), (100, 90, false), (100, 89, true), (10, 0, true), (5, 50, false)]
    {
        assert_eq!(has_shrunk(before, now), shrunk, "{before} {now}");
    }
}

#[test]
fn a_price_that_a_person_set_stays_until_a_person_says_otherwise() {
    let now: Timestamp = NOW.parse().unwrap();
    let lists = sources(&[("a", 900, false, &["p/m 110 10 500"]), ("b", 900, false, &["p/m 110 10 500"])]);
    for (source, waits) in [("a", vec![]), (BY_HAND, vec![WaitReason::SetByHand])] {
        let mut history = PriceHistory::default();
        let set = sources(&[("x", 900, false, &["p/m 105 10 500"])]).remove(0);
        let listed = set.listed.values().flatten().next().unwrap().clone();
        let changed = PriceChanged {
            entry: "p/m".to_owned(),
            rates: listed.rates.clone(),
            from: now,
            source: source.to_owned(),
            price_version: listed.version(source),
            verified: true,
            old_version: None,
            percent: None,
            approved_by: None,
            reason: None,
        };
        history.apply(now, Sequence::default(), &changed.into());
        let plan = plan(&in_force().with(&history), &history, &lists, rules(), now);
        let [update] = plan.updates.as_slice() else { panic!("one update: {plan:?}") };
        assert_eq!(update.waits, waits, "{source}");
    }
}
