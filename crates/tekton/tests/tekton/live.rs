//! WebSockets: what is said first, what is answered, and what is told of by itself.

use serde_json::json;

use crate::support::{Port, has_exactly};

#[tokio::test]
async fn each_path_greets_with_its_topic() {
    let port = Port::new().await;
    for (path, topic) in [
        ("/ws/budget/updates", "budget_events"),
        ("/ws/budget/alerts", "budget_alerts"),
        ("/ws/budget/allocations", "allocation_updates"),
        ("/ws/budget/prices", "price_updates"),
    ] {
        let mut socket = port.socket(path).await;
        assert_eq!(
            socket.hear().await,
            json!({"type": "budget_update", "topic": topic,
            "payload": {"message": "Connected to Budget WebSocket Server"}, "timestamp": "2026-11-20T10:00:00Z"}),
            "{path}"
        );
    }
    assert_eq!(port.get("/ws").await.0, 403);
    assert_eq!(port.get("/ws/budget/nothing").await.0, 403);
    assert_eq!(port.get("/ws/budget/updates").await.0, 400);
}

#[tokio::test]
async fn messages_are_answered_with_their_type() {
    let port = Port::new().await;
    port.budget("Team").await;
    let mut socket = port.socket("/ws/budget/allocations").await;
    socket.hear().await;
    for (said, kind, topic, payload) in [
        (
            r#"{"type":"subscription","payload":{"topic":"alerts"}}"#,
            "subscription",
            "alerts",
            json!({"success": true, "topic": "alerts"}),
        ),
        (
            r#"{"type":"subscription","topic":"x","payload":{"topic":"budget_alerts"}}"#,
            "subscription",
            "budget_alerts",
            json!({"success": true, "topic": "budget_alerts"}),
        ),
        (
            r#"{"type":"unsubscription","payload":{"topic":"budget_alerts"}}"#,
            "unsubscription",
            "budget_alerts",
            json!({"success": true, "topic": "budget_alerts"}),
        ),
        (
            r#"{"type":"authentication","payload":{"api_key":"k"}}"#,
            "authentication",
            "authentication",
            json!({"success": true}),
        ),
        (
            r#"{"type":"authentication","payload":{}}"#,
            "authentication",
            "authentication",
            json!({"success": false}),
        ),
        (
            r#"{"type":"heartbeat","topic":"budget_events","payload":{"a":1}}"#,
            "heartbeat",
            "budget_events",
            json!({"timestamp": "2026-11-20T10:00:00Z"}),
        ),
        (r#"{"type":"dance"}"#, "error", "error", json!({"error": "Unknown message type: dance"})),
        ("{", "error", "error", json!({"error": "Invalid JSON"})),
        (r#"{"payload":{}}"#, "error", "error", json!({"error": "Invalid message: no type"})),
    ] {
        socket.say(said).await;
        let heard = socket.hear().await;
        has_exactly(&heard, "type topic payload timestamp");
        assert_eq!(
            (&heard["type"], &heard["topic"], &heard["payload"]),
            (&json!(kind), &json!(topic), &payload),
            "{said}"
        );
    }
    // What only the server sends is not answered; the next answer is of the next message.
    socket.say(r#"{"type":"price_update","payload":{}}"#).await;
    socket.say(r#"{"type":"subscription"}"#).await;
    assert_eq!(socket.hear().await["type"], json!("subscription"));
    let told = socket.hear().await;
    assert_eq!((&told["type"], &told["topic"]), (&json!("budget_update"), &json!("budget_events")));
    let periods: Vec<_> =
        told["payload"]["summaries"].as_array().unwrap().iter().map(|it| it["period"].clone()).collect();
    assert_eq!(periods, [json!("daily"), json!("weekly"), json!("monthly")]);
    has_exactly(&told["payload"], "summaries budget_id summary");
}

#[tokio::test]
async fn what_happens_is_told_to_those_who_subscribed() {
    let port = Port::new().await;
    let budget = port.budget("Team").await;
    let mut budgets = port.socket("/ws/budget/updates").await;
    let mut allocations = port.socket("/ws/budget/allocations").await;
    let mut alerts = port.socket("/ws/budget/alerts").await;
    let mut prices = port.socket("/ws/budget/prices").await;
    for socket in [&mut budgets, &mut allocations, &mut alerts, &mut prices] {
        socket.hear().await;
    }
    let asked = json!({"context_id": "c-1", "component": "ergon", "tokens_allocated": 100});
    let (_, made) = port.post("/api/allocations", asked).await;
    let told = allocations.hear_of("allocation_update").await;
    assert_eq!(
        (&told["topic"], &told["payload"]["allocation_id"]),
        (&json!("allocation_updates"), &made["allocation_id"])
    );
    assert_eq!(told["payload"]["allocation"]["tokens_allocated"], json!(100));
    let used = json!({"component": "ergon", "provider": "anthropic", "model": "claude-3-haiku-20240307",
        "context_id": "c-1", "input_tokens": 20_000_000, "output_tokens": 0});
    assert_eq!(port.post("/api/usage/record", used).await.0, 201);
    let told = allocations.hear_of("allocation_update").await;
    assert_eq!(told["payload"]["allocation"]["tokens_used"], json!(20_000_000));
    // The budget is told of in percent and as a fraction, once what was used is in it.
    let told = loop {
        let told = budgets.hear_of("budget_update").await;
        if told["payload"]["summary"]["total_cost"] == json!(5) {
            break told;
        }
    };
    assert_eq!(told["payload"]["summaries"][0]["cost_usage_percentage"], json!(100));
    assert_eq!(
        (&told["payload"]["summary"]["cost_usage_percentage"], &told["payload"]["budget_id"]),
        (&json!(1), &json!(budget))
    );
    port.ledger.look_at_policies().await.unwrap();
    let told = alerts.hear_of("alert").await;
    let kinds: Vec<&str> =
        told["payload"]["alerts"].as_array().unwrap().iter().map(|it| it["type"].as_str().unwrap()).collect();
    assert!(
        kinds.contains(&"token_limit_exceeded")
            || kinds.contains(&"cost_limit_exceeded")
            || kinds.contains(&"token_limit_approaching")
            || kinds.contains(&"cost_limit_approaching"),
        "{told}"
    );
    let dearer = serde_json::from_value(json!({"entry": "anthropic/claude-3-haiku-20240307", "by": "ada",
        "usd_per_token": {"input_uncached": "0.0000003", "output": "0.0000015"}}))
    .unwrap();
    port.ledger.in_force().set_price(&dearer).await.unwrap();
    let told = prices.hear_of("price_update").await;
    has_exactly(&told["payload"], "provider model update");
    assert_eq!(
        (
            &told["payload"]["model"],
            &told["payload"]["update"]["input_cost_per_token"],
            &told["payload"]["update"]["source"]
        ),
        (&json!("claude-3-haiku-20240307"), &json!(0.0000003), &json!("manual"))
    );
}

#[tokio::test]
async fn with_keys_a_socket_is_told_after_it_gave_one_and_until_that_ends() {
    let port = Port::new().await;
    port.budget("Team").await;
    let key = port.key("reader", &["read"], &[]).await;
    let mut socket = port.socket("/ws/budget/updates").await;
    assert_eq!(socket.hear().await["type"], "budget_update", "the greeting");
    for (said, success) in [
        (r#"{"type":"subscription"}"#.to_owned(), false),
        (r#"{"type":"authentication","payload":{}}"#.to_owned(), false),
        (r#"{"type":"authentication","payload":{"api_key":"any"}}"#.to_owned(), false),
        (format!(r#"{{"type":"authentication","payload":{{"api_key":"{key}"}}}}"#), true),
        (r#"{"type":"subscription"}"#.to_owned(), true),
    ] {
        socket.say(&said).await;
        assert_eq!(socket.hear().await["payload"]["success"], json!(success), "{said}");
    }
    assert_eq!(socket.hear_of("budget_update").await["payload"]["summaries"][0]["period"], "daily");
    port.revoke("reader").await;
    assert_eq!(socket.end().await, (1008, "Authentication required".to_owned()));
}

#[tokio::test]
async fn a_socket_whose_client_sends_a_key_with_it_is_told_at_once() {
    let port = Port::new().await;
    let allocator = port.key("allocator", &["read", "decide"], &["default"]).await;
    let foreign = port.key("foreign", &["read"], &["other"]).await;
    let mut socket = port.socket_with("/ws/budget/allocations", Some(&allocator)).await;
    socket.hear().await;
    let asked = json!({"context_id": "c-1", "component": "ergon", "tokens_allocated": 100}).to_string();
    let made = port.send("POST", "/api/allocations", &[("x-api-key", &allocator)], &asked).await.json();
    let told = socket.hear_of("allocation_update").await;
    assert_eq!(told["payload"]["allocation_id"], made["allocation_id"]);
    // A key that may not see this tenant is told nothing of it.
    let mut socket = port.socket("/ws/budget/allocations").await;
    socket.hear().await;
    socket.say(&format!(r#"{{"type":"authentication","payload":{{"api_key":"{foreign}"}}}}"#)).await;
    assert_eq!(socket.hear().await["payload"]["success"], json!(false));
    let upgrade = [("connection", "upgrade"), ("upgrade", "websocket"), ("x-api-key", "any")];
    assert_eq!(port.send("GET", "/ws/budget/updates", &upgrade, "").await.status.as_u16(), 401);
}

#[tokio::test]
async fn sockets_end_when_the_port_closes() {
    let port = Port::new().await;
    let mut socket = port.socket("/ws/budget/prices").await;
    socket.hear().await;
    port.stop.send(true).unwrap();
    assert_eq!(socket.end().await, (1001, "the port closes".to_owned()));
}
