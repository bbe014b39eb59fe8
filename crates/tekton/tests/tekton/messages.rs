//! Component messages: each type with its answer, and what is said of a failure.

use serde_json::{Value, json};

use crate::support::{Port, has_exactly};

const INFO: &str = "allowed cost_estimate alternatives context_id";
const ESTIMATE: &str = "input_tokens output_tokens input_cost output_cost total_cost";

/// Sends a message; returns the answer after checking its envelope.
async fn say(port: &Port, sender: &str, kind: &str, payload: Value) -> Value {
    let asked = json!({"message_id": "m-1", "sender": sender, "message_type": kind, "timestamp": "2026-11-20T10:00:00", "payload": payload});
    let (status, told) = port.post("/api/mcp/message", asked).await;
    assert_eq!(
        (status, &told["sender"], &told["request_id"]),
        (200, &json!("budget"), &json!("m-1")),
        "{told}"
    );
    let error = if told["status"] == "error" { " error" } else { "" };
    has_exactly(&told, &format!("message_id sender message_type timestamp payload request_id status{error}"));
    told
}

const OPUS: (&str, &str) = ("anthropic", "claude-3-opus-20240229");

#[tokio::test]
async fn tokens_are_allocated_recorded_and_their_status_told() {
    let port = Port::new().await;
    port.budget("Team").await;
    let asked = json!({"context_id": "c-1", "amount": 5000, "tier": "heavyweight", "provider": OPUS.0, "model": OPUS.1, "task_type": "chat"});
    let told = say(&port, "apollo", "budget.allocate_tokens", asked).await;
    assert_eq!(
        (&told["message_type"], &told["status"]),
        (&json!("budget.allocation_response"), &json!("success"))
    );
    has_exactly(&told["payload"], "allocation_id context_id amount remaining tier provider model");
    assert_eq!(
        (&told["payload"]["amount"], &told["payload"]["remaining"], &told["payload"]["tier"]),
        (&json!(5000), &json!(5000), &json!("remote_heavyweight"))
    );
    let counts = json!({"context_id": "c-1", "provider": OPUS.0, "model": OPUS.1, "input_tokens": 1000, "output_tokens": 100});
    let told = say(&port, "apollo", "budget.record_usage", counts).await;
    let payload = &told["payload"];
    assert_eq!(
        (
            &payload["recorded_tokens"],
            &payload["remaining"],
            &payload["success"],
            &payload["allocation_id"].is_string()
        ),
        (&json!(1100), &json!(3900), &json!(true), &true),
        "{told}"
    );
    assert_eq!((&payload["component"], &payload["total_cost"]), (&json!("apollo"), &json!(0.0225)));
    let texts = json!({"context_id": "c-2", "provider": OPUS.0, "model": OPUS.1, "input_text": "x".repeat(400), "output_text": "y".repeat(40)});
    let told = say(&port, "ergon", "budget.record_usage", texts).await;
    let payload = &told["payload"];
    assert_eq!(
        (
            &payload["input_tokens"],
            &payload["output_tokens"],
            &payload["total_tokens"],
            &payload["total_cost"]
        ),
        (&json!(100), &json!(10), &json!(110), &json!(0.00225)),
        "{told}"
    );
    for name in [
        "provider",
        "model",
        "component",
        "task_type",
        "timestamp",
        "input_cost",
        "output_cost",
        "record_id",
        "context_id",
    ] {
        assert!(payload.get(name).is_some(), "{name}: {told}");
    }
}

#[tokio::test]
async fn the_status_has_the_form_that_its_asker_reads() {
    let port = Port::new().await;
    port.budget("Team").await;
    let counts = json!({"context_id": "c-1", "provider": OPUS.0, "model": OPUS.1, "input_tokens": 1110, "output_tokens": 100});
    say(&port, "apollo", "budget.record_usage", counts).await;
    // Without an amount: as much as such a task gets.
    let told =
        say(&port, "ergon", "budget.allocate_tokens", json!({"task_type": "coding", "priority": 8})).await;
    assert_eq!(told["payload"]["amount"], json!(16_000), "{told}");
    for (sender, keys) in [
        ("apollo", "lightweight midweight heavyweight all"),
        ("rhetor", "local_lightweight local_midweight remote_heavyweight all"),
    ] {
        let told = say(&port, sender, "budget.get_budget_status", json!({"period": "daily"})).await;
        has_exactly(&told["payload"], "period success tiers");
        has_exactly(&told["payload"]["tiers"], keys);
        has_exactly(
            &told["payload"]["tiers"]["all"],
            "allocated used remaining limit usage_percentage limit_exceeded",
        );
        assert_eq!(
            (&told["payload"]["tiers"]["all"]["used"], &told["payload"]["tiers"]["all"]["limit"]),
            (&json!(1210), &json!(16_000_000)),
            "{told}"
        );
    }
    let told = say(&port, "ergon", "budget.get_budget_status", json!({"tier": "heavyweight"})).await;
    has_exactly(&told["payload"], "period success summaries");
    has_exactly(
        &told["payload"]["summaries"][0],
        "budget_id tier provider component tokens_allocated tokens_used tokens_remaining \
        token_limit token_usage_percentage token_limit_exceeded cost cost_limit cost_usage_percentage cost_limit_exceeded",
    );
    assert_eq!(told["payload"]["summaries"][0]["token_usage_percentage"], json!(0.00121));
}

#[tokio::test]
async fn a_check_says_what_a_call_costs_and_why_it_may_not_be_made() {
    let port = Port::new().await;
    let asked =
        json!({"provider": OPUS.0, "model": OPUS.1, "input_text": "x".repeat(4000), "context_id": "c-1"});
    let told = say(&port, "ergon", "budget.check_budget", asked.clone()).await;
    has_exactly(&told["payload"], "allowed info");
    let info = &told["payload"]["info"];
    has_exactly(info, INFO);
    has_exactly(&info["cost_estimate"], ESTIMATE);
    assert_eq!(
        (
            &info["cost_estimate"]["input_tokens"],
            &info["cost_estimate"]["output_tokens"],
            &info["cost_estimate"]["total_cost"]
        ),
        (&json!(1000), &json!(125), &json!(0.024375))
    );
    assert_eq!(info["alternatives"].as_array().unwrap().len(), 3, "{told}");
    let told =
        say(&port, "ergon", "budget.check_budget", json!({"provider": "ollama", "model": "llama3"})).await;
    has_exactly(&told["payload"]["info"], "allowed reason cost_estimate");
    assert_eq!(told["payload"]["info"]["reason"], json!("Free model"));
    let policy = json!({"type": "hard_limit", "period": "daily", "cost_limit": 0.02});
    assert_eq!(port.post("/api/policies", policy).await.0, 201);
    let told = say(&port, "ergon", "budget.check_budget", asked).await;
    assert_eq!((&told["payload"]["allowed"], &told["status"]), (&json!(false), &json!("success")));
    has_exactly(&told["payload"]["info"], "allowed reason limit usage estimated_cost policy cost_estimate");
    assert_eq!(
        (
            &told["payload"]["info"]["reason"],
            &told["payload"]["info"]["limit"],
            &told["payload"]["info"]["usage"],
            &told["payload"]["info"]["policy"]
        ),
        (&json!("Daily budget limit exceeded"), &json!(0.02), &json!(0), &json!("hard_limit")),
        "{told}"
    );
    // Routing goes to a model that fits.
    let asked = json!({"input_text": "x".repeat(4000), "default_provider": OPUS.0, "default_model": OPUS.1});
    let told = say(&port, "ergon", "budget.route_with_budget_awareness", asked).await;
    has_exactly(&told["payload"], "provider model warnings original_provider original_model is_downgraded");
    assert_eq!(
        (&told["payload"]["is_downgraded"], &told["payload"]["original_model"]),
        (&json!(true), &json!(OPUS.1)),
        "{told}"
    );
    let asked = json!({"input_text": "hi", "default_provider": "anthropic", "default_model": "claude-3-haiku-20240307"});
    let told = say(&port, "ergon", "budget.route_with_budget_awareness", asked).await;
    assert_eq!(
        (&told["payload"]["model"], &told["payload"]["is_downgraded"]),
        (&json!("claude-3-haiku-20240307"), &json!(false)),
        "{told}"
    );
}

#[tokio::test]
async fn recommendations_and_analytics_are_told() {
    let port = Port::new().await;
    let told = say(
        &port,
        "ergon",
        "budget.get_model_recommendations",
        json!({"provider": OPUS.0, "model": OPUS.1, "task_type": "chat"}),
    )
    .await;
    has_exactly(&told["payload"], "provider model task_type context_size recommendations");
    assert_eq!(told["payload"]["context_size"], json!(4000));
    assert!(!told["payload"]["recommendations"].as_array().unwrap().is_empty());
    let told =
        say(&port, "ergon", "budget.get_model_recommendations", json!({"provider": "p", "model": "m"})).await;
    assert_eq!((&told["status"], &told["payload"]["recommendations"]), (&json!("success"), &json!([])));
    let told = say(&port, "ergon", "budget.get_usage_analytics", json!({})).await;
    assert_eq!((&told["payload"]["time_series"], &told["payload"]["providers"]), (&json!(null), &json!({})));
    let counts = json!({"context_id": "c-1", "provider": OPUS.0, "model": OPUS.1, "input_tokens": 1000, "output_tokens": 100});
    say(&port, "ergon", "budget.record_usage", counts).await;
    let told = say(
        &port,
        "ergon",
        "budget.get_usage_analytics",
        json!({"start_date": "2026-11-19", "end_date": "2026-11-20"}),
    )
    .await;
    let payload = &told["payload"];
    has_exactly(
        payload,
        "period start_date end_date total_input_tokens total_output_tokens total_tokens total_cost record_count \
        providers components task_types time_series budget_id",
    );
    assert_eq!(
        (&payload["period"], &payload["total_cost"], &payload["record_count"]),
        (&json!("custom"), &json!(0.0225), &json!(1))
    );
    has_exactly(
        &payload["providers"]["anthropic"],
        "input_tokens output_tokens total_tokens cost count models",
    );
    has_exactly(
        &payload["providers"]["anthropic"]["models"][OPUS.1],
        "input_tokens output_tokens total_tokens cost count",
    );
    assert_eq!(
        payload["time_series"],
        json!({"labels": ["2026-11-20"], "input_tokens": [1000], "output_tokens": [100], "costs": [0.0225], "counts": [1]})
    );
}

/// Messages that fail: type, payload, type and payload of the answer.
fn failures() -> Vec<(&'static str, Value, &'static str, Value)> {
    vec![
        (
            "budget.allocate_tokens",
            json!({"context_id": "c", "amount": 100}),
            "budget.allocation_response",
            json!({"context_id": "c", "amount": 0, "remaining": 0}),
        ),
        (
            "budget.allocate_tokens",
            json!({"context_id": "c", "tier": "huge"}),
            "budget.allocation_response",
            json!({"context_id": "c", "amount": 0, "remaining": 0}),
        ),
        (
            "budget.record_usage",
            json!({"context_id": "c", "provider": "p", "model": "m"}),
            "budget.usage_response",
            json!({"context_id": "c", "recorded_tokens": 0, "remaining": 0, "success": false}),
        ),
        (
            "budget.record_usage",
            json!({"context_id": "c", "input_tokens": 1}),
            "budget.usage_response",
            json!({"context_id": "c", "recorded_tokens": 0, "remaining": 0, "success": false}),
        ),
        (
            "budget.get_budget_status",
            json!({"period": "yearly"}),
            "budget.status_response",
            json!({"period": "yearly", "success": false}),
        ),
        (
            "budget.get_model_recommendations",
            json!({"provider": "p"}),
            "budget.recommendations_response",
            json!({"provider": "p", "model": "", "recommendations": []}),
        ),
        (
            "budget.get_usage_analytics",
            json!({"period": "yearly"}),
            "budget.analytics_response",
            json!({"period": "yearly", "success": false, "error": "Invalid period: yearly"}),
        ),
        ("budget.dance", json!({}), "budget.error", json!({})),
    ]
}

#[tokio::test]
async fn failures_have_their_own_payloads() {
    let port = Port::new().await;
    let policy = json!({"type": "hard_limit", "period": "daily", "token_limit": 10});
    assert_eq!(port.post("/api/policies", policy).await.0, 201);
    for (kind, payload, answered, expected) in failures() {
        let told = say(&port, "ergon", kind, payload).await;
        assert_eq!(
            (&told["status"], &told["message_type"], &told["payload"]),
            (&json!("error"), &json!(answered), &expected),
            "{kind}: {told}"
        );
    }
    let told = say(&port, "ergon", "budget.check_budget", json!({"provider": "p"})).await;
    assert_eq!(told["payload"]["allowed"], json!(false));
    assert!(told["payload"]["info"]["error"].is_string(), "{told}");
    let told = say(
        &port,
        "ergon",
        "budget.route_with_budget_awareness",
        json!({"default_provider": "p", "default_model": "m"}),
    )
    .await;
    assert_eq!(
        (&told["payload"]["provider"], &told["payload"]["is_downgraded"]),
        (&json!("p"), &json!(false))
    );
    assert!(told["payload"]["warnings"][0].as_str().unwrap().starts_with("Error: "), "{told}");
    let told = say(&port, "ergon", "budget.dance", json!({})).await;
    assert_eq!(told["error"], json!("Unknown message type: budget.dance"));
    for body in [json!({"sender": "x"}), json!({"message_type": "budget.check_budget"})] {
        assert_eq!(port.post("/api/v1/mcp/message", body).await.0, 422);
    }
}
