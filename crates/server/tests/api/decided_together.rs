//! Requests about a tenant's money that arrive at the same time and are decided as one group.

use serde_json::json;
use tollgate_wire::api::AllocateRequest;

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
