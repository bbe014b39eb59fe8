//! Allocations and usage: their tables, and what is wrong with requests.

use serde_json::{Value, json};

use crate::support::{Port, has_exactly};

const ALLOCATION: &str = "allocation_id budget_id context_id component tier provider model task_type priority \
                          tokens_allocated tokens_used input_tokens_used output_tokens_used estimated_cost actual_cost \
                          creation_time expiration_time last_updated is_active metadata remaining_tokens usage_percentage";
const RECORD: &str = "record_id allocation_id budget_id context_id component provider model task_type input_tokens \
                      output_tokens input_cost output_cost total_cost pricing_version timestamp operation_id request_id \
                      user_id metadata cost total_tokens";

fn wish(context: &str, tokens: u64) -> Value {
    json!({"context_id": context, "component": "ergon", "task_type": "coding", "tokens_allocated": tokens,
        "provider": "anthropic", "model": "claude-3-haiku-20240307"})
}

#[tokio::test]
async fn tokens_are_allocated_used_and_released() {
    let port = Port::new().await;
    let budget = port.budget("Team").await;
    let mut asked = wish("c-1", 10_000);
    asked["budget_id"] = json!(budget);
    asked["metadata"] = json!({"run": 7});
    let (status, made) = port.post("/api/allocations", asked).await;
    assert_eq!(status, 201, "{made}");
    has_exactly(&made, ALLOCATION);
    let id = made["allocation_id"].as_str().unwrap().to_owned();
    assert_eq!(
        (&made["tokens_allocated"], &made["priority"], &made["tier"]),
        (&json!(10_000), &json!(5), &json!("local_midweight"))
    );
    assert_eq!(
        (&made["creation_time"], &made["expiration_time"]),
        (&json!("2026-11-20T10:00:00Z"), &json!("2026-11-21T10:00:00Z"))
    );
    assert_eq!(
        (&made["metadata"], &made["budget_id"], &made["remaining_tokens"]),
        (&json!({"run": 7}), &json!(budget), &json!(10_000))
    );
    assert!(made["estimated_cost"].as_f64().unwrap() > 0.0, "{made}");
    // Usage of the context is linked to it; what is beyond it counts, too.
    let used = json!({"component": "ergon", "provider": "anthropic", "model": "claude-3-haiku-20240307", "task_type": "coding",
        "context_id": "c-1", "input_tokens": 3000, "output_tokens": 1000, "operation_id": "op-1", "request_id": "r-1",
        "user_id": "ada", "metadata": {"k": [1, 2]}});
    let (status, used) = port.post("/api/usage/record", used).await;
    assert_eq!(status, 201, "{used}");
    has_exactly(&used, RECORD);
    assert_eq!((&used["allocation_id"], &used["budget_id"]), (&json!(id), &json!(budget)));
    assert_eq!(
        (&used["input_cost"], &used["output_cost"], &used["total_cost"], &used["cost"]),
        (&json!(0.00075), &json!(0.00125), &json!(0.002), &json!(0.002))
    );
    assert_eq!(
        (&used["operation_id"], &used["request_id"], &used["user_id"], &used["metadata"]),
        (&json!("op-1"), &json!("r-1"), &json!("ada"), &json!({"k": [1, 2]}))
    );
    let (_, one) = port.get(&format!("/api/allocations/{id}")).await;
    assert_eq!(
        (
            &one["tokens_used"],
            &one["input_tokens_used"],
            &one["output_tokens_used"],
            &one["remaining_tokens"],
            &one["usage_percentage"]
        ),
        (&json!(4000), &json!(3000), &json!(1000), &json!(6000), &json!(0.4))
    );
    assert_eq!(one["actual_cost"], json!(0.002));
    let (_, of_context) = port.get("/api/v1/allocations/context/c-1").await;
    assert_eq!(of_context["allocation_id"], json!(id));
    let (status, released) = port.post(&format!("/api/allocations/{id}/release"), json!(null)).await;
    assert_eq!(
        (status, released),
        (
            200,
            json!({"message": format!("Allocation {id} released successfully"), "data": null, "tokens_released": 6000})
        )
    );
    let (status, again) = port.post(&format!("/api/allocations/{id}/release"), json!(null)).await;
    assert_eq!((status, &again["tokens_released"]), (200, &json!(0)), "{again}");
    assert_eq!(
        port.get("/api/allocations/context/c-1").await.1["error"],
        json!("No active allocation found for context: c-1")
    );
    let (_, one) = port.get(&format!("/api/allocations/{id}")).await;
    assert_eq!(one["is_active"], json!(false));
}

#[tokio::test]
async fn usage_beyond_an_allocation_is_linked_and_counted_in_full() {
    let port = Port::new().await;
    let (_, made) = port.post("/api/allocations", wish("c-1", 1000)).await;
    for _ in 0..2 {
        let used = json!({"component": "ergon", "provider": "anthropic", "model": "claude-3-haiku-20240307",
            "allocation_id": made["allocation_id"], "input_tokens": 700, "output_tokens": 100});
        let (status, used) = port.post("/api/usage/record", used).await;
        assert_eq!(
            (status, &used["allocation_id"], &used["context_id"], &used["task_type"]),
            (201, &made["allocation_id"], &json!("c-1"), &json!("default")),
            "{used}"
        );
    }
    let (_, one) = port.get(&format!("/api/allocations/{}", made["allocation_id"].as_str().unwrap())).await;
    assert_eq!(
        (&one["tokens_used"], &one["usage_percentage"], &one["is_active"], &one["remaining_tokens"]),
        (&json!(1600), &json!(1.6), &json!(true), &json!(0))
    );
}

#[tokio::test]
async fn lists_are_bare_or_pages_as_their_readers_take_them() {
    let port = Port::new().await;
    for (context, component) in [("c-1", "ergon"), ("c-2", "ergon"), ("c-3", "sophia")] {
        let mut asked = wish(context, 500);
        asked["component"] = json!(component);
        assert_eq!(port.post("/api/allocations", asked).await.0, 201);
    }
    let (_, all) = port.get("/api/allocations?context_id=c-2").await;
    let id = all[0]["allocation_id"].as_str().unwrap().to_owned();
    assert_eq!(port.post(&format!("/api/allocations/{id}/release"), json!({})).await.0, 200);
    for (path, many, is_page) in [
        ("/api/allocations?is_active=true", 2, false),
        ("/api/allocations", 3, false),
        ("/api/allocations?component=sophia", 1, false),
        ("/api/allocations?limit=2", 2, true),
        ("/api/v1/allocations?is_active=false", 1, true),
        (
            "/api/v1/allocations?tier=midweight&provider=anthropic&model=claude-3-haiku-20240307&task_type=coding",
            3,
            true,
        ),
        ("/api/v1/allocations?task_type=chat", 0, true),
    ] {
        let (status, told) = port.get(path).await;
        assert_eq!((status, told.is_object()), (200, is_page), "{path}");
        let items = if is_page { &told["items"] } else { &told };
        assert_eq!(items.as_array().unwrap().len(), many, "{path}: {told}");
    }
    let (_, page) = port.get("/api/allocations?limit=2").await;
    assert_eq!((&page["total"], &page["page"], &page["limit"]), (&json!(3), &json!(1), &json!(2)));
}

#[tokio::test]
async fn what_is_wrong_is_said_with_status_and_text() {
    let port = Port::new().await;
    let base = json!({"component": "c", "provider": "p", "model": "m", "task_type": "t", "input_tokens": 1, "output_tokens": 1});
    let without = |name: &str| {
        let mut body = base.clone();
        body.as_object_mut().unwrap().remove(name);
        body["context_id"] = json!("c-1");
        body
    };
    let of_context = |name: &str, value: Value| {
        let mut body = wish("c-1", 10);
        body[name] = value;
        body
    };
    for (path, body, status, error) in [
        ("/api/allocations", json!({}), 422, "context_id"),
        ("/api/allocations", of_context("tokens_allocated", json!(0)), 422, "tokens_allocated"),
        ("/api/allocations", of_context("tokens_allocated", json!("many")), 422, "tokens_allocated"),
        ("/api/allocations", of_context("component", json!(null)), 422, "component"),
        ("/api/allocations", of_context("tier", json!("huge")), 400, "Invalid tier: huge"),
        ("/api/allocations", of_context("budget_id", json!("b")), 404, "Budget with ID b not found"),
        ("/api/allocations", of_context("priority", json!(11)), 422, "priority"),
        ("/api/allocations", of_context("expiration_time", json!("2020-01-01")), 422, "expiration_time"),
        ("/api/allocations", of_context("expiration_time", json!("soon")), 422, "expiration_time"),
        ("/api/allocations/nobody/release", json!({}), 404, "Allocation with ID nobody not found"),
        ("/api/usage/record", base.clone(), 400, "Either context_id or allocation_id must be provided"),
        ("/api/usage/record", without("component"), 422, "component"),
        ("/api/usage/record", without("provider"), 422, "provider"),
        ("/api/usage/record", without("model"), 422, "model"),
        ("/api/usage/record", without("input_tokens"), 422, "input_tokens"),
        ("/api/usage/record", without("output_tokens"), 422, "output_tokens"),
    ] {
        let (found, told) = port.post(path, body.clone()).await;
        assert_eq!(found, status, "{path} {body}: {told}");
        assert!(told["error"].as_str().unwrap().contains(error), "{path} {body}: {told}");
    }
    for (path, error) in [
        ("/api/allocations/nobody", "Allocation with ID nobody not found"),
        ("/api/allocations/context/nobody", "No active allocation found for context: nobody"),
        ("/api/usage/records/nobody", "Usage record with ID nobody not found"),
    ] {
        assert_eq!(port.get(path).await.1["error"], json!(error), "{path}");
    }
    // The guide's example: no task type, and a tier in capitals.
    let (status, made) = port
        .post(
            "/api/allocations",
            json!({"context_id": "c", "component": "x", "tokens_allocated": 5, "tier": "REMOTE_HEAVYWEIGHT"}),
        )
        .await;
    assert_eq!(
        (status, &made["task_type"], &made["tier"]),
        (201, &json!("default"), &json!("remote_heavyweight")),
        "{made}"
    );
    let (_, made) = port
        .post(
            "/api/allocations",
            json!({"context_id": "c", "component": "x", "tokens_allocated": 5, "tier": "lightweight"}),
        )
        .await;
    assert_eq!(made["tier"], json!("local_lightweight"), "{made}");
    assert_eq!(port.post("/api/usage/record", without("task_type")).await.0, 201);
}

#[tokio::test]
async fn what_a_hard_limit_refuses_is_a_conflict_with_the_reason() {
    let port = Port::new().await;
    let asked = json!({"type": "hard_limit", "period": "daily", "token_limit": 1000, "component": "ergon"});
    assert_eq!(port.post("/api/policies", asked).await.0, 201);
    assert_eq!(port.post("/api/allocations", wish("c-1", 900)).await.0, 201);
    let (status, told) = port.post("/api/allocations", wish("c-2", 200)).await;
    assert_eq!(status, 409, "{told}");
    assert!(told["error"].as_str().unwrap().starts_with("Allocation denied: policy `"), "{told}");
    // Refused ones are none.
    assert_eq!(port.get("/api/allocations").await.1.as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn a_request_under_a_key_is_done_once() {
    let port = Port::new().await;
    for path in ["/api/allocations", "/api/usage/record"] {
        let mut body = wish("c-1", 10);
        body["input_tokens"] = json!(1);
        body["output_tokens"] = json!(2);
        let headers = [("content-type", "application/json"), ("idempotency-key", "k-1")];
        let first = port.send("POST", path, &headers, &body.to_string()).await;
        let again = port.send("POST", path, &headers, &body.to_string()).await;
        assert_eq!(
            (first.status.as_u16(), again.status.as_u16()),
            (201, 201),
            "{} {}",
            first.text,
            again.text
        );
        let id = |told: &Value| told.get("record_id").or(told.get("allocation_id")).cloned();
        assert_eq!(id(&first.json()), id(&again.json()), "{path}");
    }
    assert_eq!(port.get("/api/usage/records").await.1["total"], json!(1));
}
