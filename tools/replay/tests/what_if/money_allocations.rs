//! given | then: what sets of policies would have said to requests for allocations, and what becomes of allocations
//! whose task is stopped.

use std::collections::BTreeMap;

use proptest::prelude::*;
use tollgate_replay::what_if::result::MoneyCandidate;

use crate::money_candidates::{assert_requests, of_one, policies, through};
use crate::story::story;

#[test]
fn allocations_are_judged_by_the_rules_of_the_ledger() {
    assert_requests(&[
        // A reservation counts until it is released, or its time is over.
        (
            "{window: daily, limit_tokens: 1000, enforcement: hard_limit}",
            "in A, allocate a 700 expires=60, in B, use 400, +61, in C, use 400",
            [3, 2, 0, 1, 0, 0],
        ),
        (
            "{window: daily, limit_tokens: 1000, enforcement: hard_limit}",
            "in A, allocate a 700, +1, release a, +1, in B, use 400",
            [2, 2, 0, 0, 0, 0],
        ),
        // What is used beyond an allocation is spent, and more of it has to fit.
        (
            "{window: daily, limit_tokens: 1000, enforcement: hard_limit}",
            "in A, allocate a 100, use 950 allocation=a, +1, extend a 200, use 5 allocation=a, in B, use 60",
            [3, 1, 0, 2, 1, 1],
        ),
        // Nobody uses an allocation that was not made.
        (
            "{window: daily, limit_tokens: 1000, enforcement: hard_limit}",
            "in A, allocate a 2000, use 10 allocation=a, in B, use 1",
            [2, 1, 0, 1, 1, 0],
        ),
        (
            "{window: daily, limit_tokens: 1000, enforcement: hard_limit}",
            "in A, allocate a 2000 nobody, use 10 allocation=a, use 5, in B, use 1",
            [2, 1, 0, 1, 1, 0],
        ),
        // What the ledger refused reserves nothing.
        (
            "{window: daily, limit_tokens: 1000, enforcement: hard_limit}",
            "in A, allocate a 700 refused, in B, use 700",
            [2, 2, 0, 0, 0, 0],
        ),
    ]);
}

const DAY: &str = "{window: daily, limit_tokens: 1000, enforcement: hard_limit}";

#[test]
fn a_stopped_task_gets_no_more_of_its_allocation() {
    let script = "in A, allocate a 100, use 901, +1, extend a 200, in B, use 850";
    assert_requests(&[(DAY, script, [3, 1, 1, 1, 1, 0])]);
    assert_eq!(pairs(&of_one(script, DAY)), [("allowed", "allowed", 1), ("allowed", "stopped", 1)]);
}

#[test]
fn an_allocation_ends_with_its_task_and_covers_nothing_afterwards() {
    assert_requests(&[
        (DAY, "in A, allocate a 600, use 500, in B, use 900", [3, 1, 1, 1, 0, 0]),
        // Of none that is stopped: it is reserved still.
        (DAY, "in A, allocate a 600 nobody, use 500, in B, use 900", [3, 1, 0, 2, 0, 0]),
        // Who uses the allocation of a stopped task asks for itself; so does who uses one that was released or whose
        // time is over.
        (DAY, "in A, allocate a 600, use 500, in B, use 1001 allocation=a", [3, 1, 0, 2, 0, 0]),
        (DAY, "in A, allocate a 600, release a, +1, use 1001 allocation=a", [2, 1, 0, 1, 0, 0]),
        (DAY, "in A, allocate a 600 expires=60, +60, use 1001 allocation=a", [2, 1, 0, 1, 0, 0]),
        (DAY, "in A, allocate a 600 expires=60, +59, use 1001 allocation=a", [1, 1, 0, 0, 0, 1]),
    ]);
}

#[test]
fn a_use_dated_before_its_allocation_uses_it_as_in_the_ledger() {
    assert_requests(&[
        (DAY, "in A, allocate a 300, use 300 allocation=a ago=1, in B, use 600", [2, 1, 1, 0, 0, 1]),
        (DAY, "in A, allocate a 300, use 100 allocation=a ago=1, in B, use 690", [2, 1, 1, 0, 0, 1]),
        (DAY, "in A, allocate a 300, use 100 allocation=a ago=1, in B, use 701", [2, 1, 0, 1, 0, 1]),
    ]);
    // If the allocation is not made, the use was made before that, and asks for itself.
    let script = "in A, allocate a 2000, use 10 allocation=a ago=60, use 5 allocation=a";
    assert_requests(&[(DAY, script, [2, 1, 0, 1, 1, 0])]);
    assert_eq!(of_one(script, DAY).after_block.tokens, 5);
}

#[test]
fn an_allocation_that_no_policy_judged_is_reserved_under_those_that_begin_later() {
    let later = "{window: daily, limit_tokens: 1000, enforcement: hard_limit, from: '2026-11-21T08:01:00Z'}";
    assert_requests(&[
        (later, "in A, allocate a 600, +120, in B, use 500", [1, 0, 0, 1, 0, 0]),
        // And more of it is judged.
        (later, "in A, allocate a 600, +120, extend a 500, in B, use 300", [2, 0, 1, 1, 0, 0]),
    ]);
}

#[test]
fn what_the_ledger_said_to_more_of_an_allocation_counts_for_its_task() {
    let script = "in A, open, allocate a 10, extend a 500 warned, use 5 allocation=a, close completed";
    let (money, _) = through(
        &story(script),
        &[policies("p.yaml", "{window: daily, limit_tokens: 100, enforcement: hard_limit}")],
    );
    assert_eq!((money.live.allowed, money.live.warned), (1, 1));
    let [task] = &money.differing[..] else { panic!("A is stopped: {:?}", money.differing) };
    assert_eq!((task.task.as_str(), task.live), ("A", Some("warned")));
}

fn pairs(it: &MoneyCandidate) -> Vec<(&str, &str, u64)> {
    it.decisions.iter().map(|pair| (pair.live, pair.candidate, pair.times)).collect()
}

/// A month of allocations, uses of them and beside them, extensions and releases, of a few tasks. With what is used
/// beyond what is allocated then, if all is allowed.
fn scripted(steps: &[(u8, u8, u64)]) -> (String, u64) {
    let (mut script, mut beyond, mut made) = (String::from("in T0, use 0"), 0, 0_u64);
    // `None`: it was released, and who names it asks.
    let mut left: BTreeMap<String, Option<u64>> = BTreeMap::new();
    for &(task, what, tokens) in steps {
        let name = left.keys().nth(usize::from(task) % left.len().max(1)).cloned();
        script += &format!(", in T{}, +1, ", task % 4);
        script += &match (what % 6, name) {
            (0, _) | (1..=3, None) => {
                made += 1;
                left.insert(format!("a{made}"), Some(tokens));
                format!("allocate a{made} {tokens}{}", if task % 5 == 0 { " nobody" } else { "" })
            }
            (1 | 2, Some(name)) => {
                if let Some(Some(has)) = left.get_mut(&name) {
                    beyond += tokens.saturating_sub(*has);
                    *has = has.saturating_sub(tokens);
                }
                format!("use {tokens} allocation={name}")
            }
            (3, Some(name)) => {
                left.insert(name.clone(), None);
                format!("release {name}")
            }
            (_, _) => format!("use {tokens}"),
        };
    }
    (script, beyond)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// What is let through is within a hard limit, but for what is used beyond allocations: nobody asks for that.
    #[test]
    fn only_what_is_used_beyond_allocations_is_above_a_hard_limit(
        steps in prop::collection::vec((any::<u8>(), any::<u8>(), 1_u64..400), 1..60),
        limit in 1_u64..6_000,
    ) {
        let policy = |limit: u64| format!("{{window: monthly, limit_tokens: {limit}, enforcement: hard_limit}}");
        let (script, beyond) = scripted(&steps);
        let (money, used) = through(
            &story(&script),
            &[policies("tight", &policy(limit)), policies("none", &policy(10_000_000_000))],
        );
        let [tight, none] = &money.candidates[..] else { panic!("two candidates") };
        let through = used.tokens - tight.after_block.tokens;
        prop_assert!(through <= i64::try_from(limit + beyond).unwrap(), "{} of {}: {}", through, limit, script);
        prop_assert_eq!((none.blocked, none.after_block.tokens), (0, 0));
        let asked = &tight.requests;
        prop_assert_eq!(asked.judged, asked.allowed + asked.warned + asked.refused);
    }
}
