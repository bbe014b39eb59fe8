//! What every request passes: origins, keys, and what is switched off.

use serde_json::json;
use tollgate_tekton::Capability;

use crate::support::Port;

#[tokio::test]
async fn pages_of_any_origin_may_ask() {
    let port = Port::new().await;
    let origin = ("origin", "http://localhost:8080");
    let asked = [
        origin,
        ("access-control-request-method", "GET"),
        ("access-control-request-headers", "content-type,x-api-key"),
    ];
    let told = port.send("OPTIONS", "/api/budgets", &asked, "").await;
    let header = |name: &str| told.headers.get(name).map(|value| value.to_str().unwrap().to_owned());
    assert_eq!(told.status.as_u16(), 200);
    assert_eq!(header("access-control-allow-origin").as_deref(), Some("http://localhost:8080"));
    assert_eq!(header("access-control-allow-methods").as_deref(), Some("GET, POST, PUT, DELETE, OPTIONS"));
    assert_eq!(header("access-control-allow-headers").as_deref(), Some("content-type,x-api-key"));
    assert_eq!(header("access-control-allow-credentials").as_deref(), Some("true"));
    for path in ["/api/budgets", "/health", "/api/budgets/nobody"] {
        let told = port.send("GET", path, &[origin], "").await;
        assert_eq!(told.headers["access-control-allow-origin"], "http://localhost:8080", "{path}");
    }
}

#[tokio::test]
async fn keys_of_the_ledger_are_asked_for_once_it_has_one() {
    let port = Port::new().await;
    // Before that, credentials are accepted and ignored.
    assert_eq!(port.send("GET", "/api/budgets", &[("x-api-key", "any")], "").await.status.as_u16(), 200);
    let key = port.key("reader", &["read"], &[]).await;
    let other = Port::new().await.key("stranger", &["read"], &[]).await;
    let (bearer, basic) = (format!("Bearer {key}"), format!("Basic {key}"));
    for (headers, status, error) in [
        (vec![], 401, "Authentication required"),
        (vec![("x-api-key", "")], 401, "Authentication required"),
        (vec![("authorization", &*basic)], 401, "Authentication required"),
        (vec![("x-api-key", "any")], 401, "what was sent is no key"),
        (vec![("x-api-key", &*other)], 401, "this ledger has no such key"),
        (vec![("x-api-key", &*key)], 200, ""),
        (vec![("authorization", &*bearer)], 200, ""),
    ] {
        let told = port.send("GET", "/api/v1/budgets", &headers, "").await;
        assert_eq!(told.status.as_u16(), status, "{headers:?}");
        if status == 401 {
            assert_eq!(told.headers["www-authenticate"], "Bearer");
            assert!(told.json()["error"].as_str().unwrap().starts_with(error), "{headers:?}: {}", told.text);
            assert!(!told.text.contains(&key) && !told.text.contains(&other), "{}", told.text);
        }
    }
    port.revoke("reader").await;
    let told = port.send("GET", "/api/budgets", &[("x-api-key", &key)], "").await;
    assert_eq!(told.status.as_u16(), 401, "{}", told.text);
}

/// Every path is asked without a key and with one that opens nothing but itself.
#[tokio::test]
async fn nothing_but_health_is_told_without_a_key() {
    let port = Port::new().await;
    port.key("reader", &["read"], &[]).await;
    let health = ["/health", "/ready", "/api/v1/health", "/api/mcp/health", "/api/v1/mcp/health"];
    for (method, path, _) in tollgate_tekton::paths::PATHS {
        let v1 = path.replacen("/api/v1/", "/api/", 1).replacen("/api/", "/api/v1/", 1);
        for path in [(*path).to_owned(), v1] {
            let status = port.send(method, &path, &[], "{}").await.status.as_u16();
            let is_health = health.contains(&&*path);
            assert_eq!(status, if is_health { 200 } else { 401 }, "{method} {path}");
        }
    }
    for path in ["/", "/nowhere", "/api/nowhere", "/api/v1/openapi.json", "/api/v1/docs"] {
        assert_eq!(port.send("GET", path, &[], "").await.status.as_u16(), 401, "{path}");
    }
    // Pages may still ask what they may ask.
    let asked = [("origin", "http://localhost:8080"), ("access-control-request-method", "GET")];
    assert_eq!(port.send("OPTIONS", "/api/budgets", &asked, "").await.status.as_u16(), 200);
}

/// Each request with the scopes that the ledger asks for what it does.
#[tokio::test]
async fn a_key_may_do_here_what_it_may_do_with_the_ledger() {
    let port = Port::new().await;
    let budget = port.budget("Team").await;
    let mut made = 0;
    let mut name = || {
        made += 1;
        format!("key-{made}")
    };
    let foreign = port.key("foreign", &["read", "append", "decide", "operate"], &["other"]).await;
    let spend =
        json!({"context_id": "c-1", "component": "ergon", "task_type": "chat", "tokens_allocated": 10});
    let used = json!({"component": "ergon", "provider": "openai", "model": "gpt-4", "context_id": "c-1",
        "input_tokens": 1, "output_tokens": 1});
    for (method, path, body, status, scopes) in [
        ("GET", "/api/budgets".to_owned(), json!({}), 200, "read"),
        ("GET", format!("/api/budgets/{budget}/summary"), json!({}), 200, "read"),
        ("GET", "/api/usage/records".to_owned(), json!({}), 200, "read"),
        ("GET", "/api/alerts".to_owned(), json!({}), 200, "read"),
        ("GET", "/api/prices".to_owned(), json!({}), 200, "read"),
        ("POST", "/api/allocations".to_owned(), spend, 201, "decide read"),
        ("POST", "/api/usage/record".to_owned(), used, 201, "append read"),
        ("POST", "/api/alerts/check".to_owned(), json!({}), 200, "operate read"),
        ("POST", "/api/budgets".to_owned(), json!({"name": "b"}), 201, "operate read"),
        ("DELETE", format!("/api/budgets/{budget}"), json!({}), 200, "operate read"),
    ] {
        let all: Vec<&str> = scopes.split(' ').collect();
        let body = body.to_string();
        // One scope less, and it is refused before anything is done.
        for left_out in &all {
            let mut fewer: Vec<&str> = all.iter().copied().filter(|scope| scope != left_out).collect();
            fewer.push("read_reports");
            let key = port.key(&name(), &fewer, &[]).await;
            let told = port.send(method, &path, &[("x-api-key", &key)], &body).await;
            assert_eq!(told.status.as_u16(), 403, "{method} {path} with {fewer:?}: {}", told.text);
        }
        let told = port.send(method, &path, &[("x-api-key", &foreign)], &body).await;
        // Prices are nobody's.
        assert_eq!(
            told.status.as_u16(),
            if path == "/api/prices" { 200 } else { 403 },
            "{method} {path}: {}",
            told.text
        );
        let key = port.key(&name(), &all, &[]).await;
        let told = port.send(method, &path, &[("x-api-key", &key)], &body).await;
        assert_eq!(told.status.as_u16(), status, "{method} {path} with {all:?}: {}", told.text);
    }
    let key = port.key(&name(), &["read"], &[]).await;
    for (path, count) in [("usage/records", 1), ("budgets", 2), ("allocations", 1)] {
        let told = port.send("GET", &format!("/api/v1/{path}"), &[("x-api-key", &key)], "").await.json();
        assert_eq!(told["total"], json!(count), "{path}: {told}");
    }
}

#[tokio::test]
async fn a_key_that_sends_too_much_is_told_when_to_come_again() {
    let port = Port::new().await;
    port.key("reader", &["read"], &[]).await;
    let request = json!({"key": "slow", "scopes": ["read"], "requests_per_second": 1, "burst": 3});
    let made = port.own.create_key(&serde_json::from_value(request).unwrap()).await.unwrap();
    let key = made.secret.unwrap().0;
    let refused = loop {
        let told = port.send("GET", "/api/budgets", &[("x-api-key", &key)], "").await;
        if told.status.as_u16() != 200 {
            break told;
        }
    };
    assert_eq!((refused.status.as_u16(), &refused.headers["retry-after"]), (429, &"1".parse().unwrap()));
}

#[tokio::test]
async fn what_is_switched_off_is_not_there_and_the_rest_is() {
    let port = Port::with(|options| options.off = [Capability::Prices, Capability::Live].into()).await;
    let (status, told) = port.get("/api/prices").await;
    assert_eq!((status, &told["error"]), (404, &json!("prices is switched off on this port")));
    assert_eq!(port.get("/ws/budget/updates").await.0, 404);
    assert_eq!(port.get("/api/budgets").await.0, 200);
    assert_eq!(port.get("/health").await.0, 200);
}

/// What is off is off through every door, and no door names it.
#[tokio::test]
async fn what_is_switched_off_is_done_by_no_tool_message_or_command() {
    let off = [Capability::Allocations, Capability::Alerts];
    let port = Port::with(|options| options.off = off.into()).await;
    let wish = json!({"context_id": "c", "amount": 10, "component": "e"});
    let (_, told) =
        port.post("/api/mcp/process", json!({"tool_name": "AllocateBudget", "arguments": wish})).await;
    assert_eq!(
        (&told["status"], &told["error"]),
        (&json!("error"), &json!("allocations is switched off on this port"))
    );
    let asked = json!({"sender": "x", "message_type": "budget.allocate_tokens", "payload": wish});
    let (_, told) = port.post("/api/mcp/message", asked).await;
    assert_eq!((&told["status"], &told["payload"]["amount"]), (&json!("error"), &json!(0)), "{told}");
    let (_, told) = port.post("/api/command", json!({"command": "/alerts"})).await;
    assert_eq!(told["success"], json!(false), "{told}");
    let (_, listed) = port.get("/api/mcp/tools").await;
    assert_eq!(listed["count"], json!(6));
    assert!(!listed.to_string().contains("AllocateBudget"), "{listed}");
    let (_, told) =
        port.post("/api/mcp/process", json!({"tool_name": "GetBudgetStatus", "arguments": {}})).await;
    assert_eq!(told["status"], json!("success"), "{told}");
}
