//! How fast a limit is used up.

use serde_json::json;

use crate::budgets::{set_policy, used};
use crate::support::{Service, at};

#[tokio::test]
async fn how_fast_a_limit_is_used_up_is_said_with_its_error() {
    let service = Service::new().await;
    let spent = [(1, 10_000_u64), (2, 30_000), (3, 20_000)];
    for (day, output) in spent {
        let mut usage = used(&format!("u-{day}"), "T-1", None, output);
        usage["occurred_at"] = json!(format!("2026-11-{day:02}T12:00:00Z"));
        service.append(json!([usage])).await;
    }
    service.clock.set(at("2026-11-04T00:00:00Z"));
    let monthly = json!({"window": "monthly", "limit_usd": "2", "from": "2026-11-01T00:00:00Z"});
    let policy = set_policy(&service, "tenant", monthly).await;
    let burn = &policy["status"]["burn"];
    assert_eq!((&burn["per_period"]["usd"], &burn["periods"]), (&json!("0.2"), &json!(3)), "{burn}");
    assert_eq!(
        burn["sentence"],
        "at 0.2 USD a day the limit is reached on 2026-11-11 (2026-11-08 to 2026-11-18)"
    );
}

#[tokio::test]
async fn a_rate_that_leaves_out_what_has_no_price_says_so() {
    let service = Service::new().await;
    let mut usage = used("u-1", "T-1", None, 10_000);
    usage["occurred_at"] = json!("2026-11-01T12:00:00Z");
    usage["usage_recorded"]["model"] = json!("nobody-knows");
    service.append(json!([usage])).await;
    service.clock.set(at("2026-11-04T00:00:00Z"));
    let monthly = json!({"window": "monthly", "limit_usd": "2", "from": "2026-11-01T00:00:00Z"});
    let policy = set_policy(&service, "money", monthly).await;
    let says = |policy: &serde_json::Value| policy["status"]["burn"]["sentence"].as_str().unwrap().to_owned();
    assert!(says(&policy).ends_with("by then, without what has no price"), "{policy}");
    let tokens = json!({"window": "monthly", "limit_tokens": 2_000_000, "from": "2026-11-01T00:00:00Z"});
    let policy = set_policy(&service, "tokens", tokens).await;
    assert!(says(&policy).starts_with("at 3,333 tokens a day"), "{policy}");
}
