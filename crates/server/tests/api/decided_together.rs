//! Requests about a tenant's money that arrive at the same time and are decided as one group.

use serde_json::json;
use tollgate_wire::api::{AllocateRequest, ReleaseRequest};

use crate::budgets::used;
use crate::support::Service;

/// Sums that were read before a policy began are none of that policy's.
#[tokio::test]
async fn what_is_asked_for_together_with_a_new_policy_is_judged_by_it() {
    let service = Service::new().await;
    service.append(json!([used("u-1", "T-1", None, 450_000)])).await;
    let budgets = service.ledger.budgets();
    let policy = json!({"window": "monthly", "limit_usd": "5", "enforcement": "hard_limit"});
    let policy = serde_json::from_value(policy).unwrap();
    let asked = |name: &str, usd: &str| {
        serde_json::from_value::<AllocateRequest>(json!({"allocation": name, "usd": usd})).unwrap()
    };
    let (fits, exceeds) = (asked("fits", "0.5"), asked("exceeds", "0.000001"));
    // All three are sent before the first of them is decided.
    let (set, fits, exceeds) =
        tokio::join!(budgets.set_policy("p", &policy), budgets.allocate(&fits), budgets.allocate(&exceeds));
    assert_eq!(set.unwrap().policy, "p");
    let states = [fits, exceeds].map(|made| made.unwrap().state.as_str());
    assert_eq!(states, ["open", "refused"]);
}

/// A retry that comes before the first answer, as from a caller whose connection broke.
#[tokio::test]
async fn the_same_request_twice_at_once_is_decided_once_and_keeps_nobody_else_from_an_answer() {
    let service = Service::new().await;
    let budgets = service.ledger.budgets();
    let asked = |name: &str, tokens: u64| {
        serde_json::from_value::<AllocateRequest>(json!({"allocation": name, "tokens": tokens})).unwrap()
    };
    let (mine, another, other) = (asked("a", 100), asked("a", 200), asked("b", 100));
    let (first, again, conflict, others) = tokio::join!(
        budgets.allocate(&mine),
        budgets.allocate(&mine),
        budgets.allocate(&another),
        budgets.allocate(&other)
    );
    let (first, again, others) = (first.unwrap(), again.unwrap(), others.unwrap());
    assert_eq!((first.repeated, again.repeated, others.repeated), (false, true, false));
    assert_eq!((first.decided_at, first.policies), (again.decided_at, again.policies));
    assert_eq!(conflict.unwrap_err().code, "conflict");
    let release = ReleaseRequest::default();
    let (first, again) = tokio::join!(budgets.release("a", &release), budgets.release("a", &release));
    assert_eq!((first.unwrap().repeated, again.unwrap().repeated), (false, true));
}
