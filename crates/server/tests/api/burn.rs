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
