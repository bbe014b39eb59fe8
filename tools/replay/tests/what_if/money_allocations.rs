//! given | then: what sets of policies would have said to requests for allocations, and what becomes of allocations
//! whose task is stopped.

use tollgate_replay::what_if::result::MoneyCandidate;

use crate::money_candidates::{assert_requests, of_one};

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

fn pairs(it: &MoneyCandidate) -> Vec<(&str, &str, u64)> {
    it.decisions.iter().map(|pair| (pair.live, pair.candidate, pair.times)).collect()
}
