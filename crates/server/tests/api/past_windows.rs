//! Windows that were over before their policy was made.

use serde_json::{Value, json};

use crate::budgets::{set_policy, used};
use crate::support::{Service, at};

/// A policy that is made today shows what was spent before it was made, also in windows that were over; it ruled
/// nothing there, and raises no alert about them.
#[tokio::test]
async fn windows_before_a_policy_show_what_had_been_spent() {
    let service = Service::new().await;
    service.clock.set(at("2026-11-20T10:00:00Z"));
    let late = |id: &str, when: &str, tokens: u64| {
        let mut event = used(id, "T-1", None, tokens);
        event["occurred_at"] = json!(when);
        event
    };
    service
        .append(json!([
            late("u-1", "2026-10-05T12:00:00Z", 150_000),
            late("u-2", "2026-10-09T12:00:00Z", 900_000)
        ]))
        .await;
    let (from, to) = ("2026-10-01T00:00:00Z", "2026-10-08T00:00:00Z");
    let fixed = json!({"window": "fixed", "window_from": from, "window_to": to, "limit_usd": "1"});
    set_policy(&service, "sprint", fixed).await;
    set_policy(&service, "day", json!({"window": "daily", "limit_usd": "1"})).await;
    for (asked, expected) in [
        ("sprint?at=2026-10-05T00:00:00Z", json!([1, true, true, "1.5", "0", "2026-10-01T00:00:00Z"])),
        ("sprint?", json!([1, true, true, "1.5", "0", "2026-10-01T00:00:00Z"])),
        ("day?at=2026-10-09T23:00:00Z", json!([1, true, true, "9", "0", "2026-10-09T00:00:00Z"])),
        ("day?at=2026-10-08T23:00:00Z", json!([1, true, true, "0", "0", "2026-10-08T00:00:00Z"])),
        ("day?at=2026-11-20T01:00:00Z", json!([1, null, null, "0", "0", "2026-11-20T00:00:00Z"])),
        // No window of this policy contains it.
        ("sprint?at=2026-10-09T00:00:00Z", json!([1, null, null, null, null, null])),
    ] {
        let (_, found) = service.get(&format!("/v1/policies/{asked}&at_least=tail")).await;
        let status = &found["status"];
        let values = [&found["version"], &status["is_over"], &status["made_later"]];
        let figures = [&status["booked"]["usd"], &status["reserved"]["usd"], &status["window_from"]];
        assert_eq!(
            Value::from_iter(values.into_iter().chain(figures).cloned()),
            expected,
            "{asked}: {found}"
        );
    }
    assert_eq!(service.ledger.budgets().observe_levels().await.unwrap(), 0, "nothing was limited then");
}
