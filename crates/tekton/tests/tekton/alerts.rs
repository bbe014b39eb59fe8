//! Alerts: raised by policies, listed in both forms, acknowledged.

use serde_json::{Value, json};

use crate::support::{Port, has_exactly};

const ALERT: &str = "alert_id budget_id policy_id severity type message details timestamp acknowledged acknowledged_by \
                     acknowledged_at title";

async fn over(port: &Port) -> String {
    let budget = port.budget("Team").await;
    let policy = json!({"type": "warn", "period": "daily", "cost_limit": 1, "budget_id": budget, "component": "ergon"});
    assert_eq!(port.post("/api/policies", policy).await.0, 201);
    let used = json!({"component": "ergon", "provider": "anthropic", "model": "claude-3-haiku-20240307",
        "context_id": "c-1", "input_tokens": 5_000_000, "output_tokens": 0});
    assert_eq!(port.post("/api/usage/record", used).await.0, 201);
    budget
}

#[tokio::test]
async fn a_check_tells_once_of_what_is_exceeded() {
    let port = Port::new().await;
    let budget = over(&port).await;
    let (status, told) =
        port.post(&format!("/api/alerts/check?budget_id={budget}&period=daily"), json!({})).await;
    assert_eq!(status, 200, "{told}");
    let alerts = told.as_array().unwrap();
    has_exactly(&alerts[0], ALERT);
    let mut kinds: Vec<String> = alerts
        .iter()
        .map(|it| {
            format!("{} {} {}", it["type"], it["severity"], it["details"]["level_percent"]).replace('"', "")
        })
        .collect();
    kinds.sort();
    assert_eq!(
        kinds,
        [
            "cost_limit_approaching warning 80",
            "cost_limit_approaching warning 95",
            "cost_limit_exceeded error 100",
            "token_limit_approaching warning 80",
            "token_limit_approaching warning 95",
            "token_limit_exceeded error 100"
        ]
    );
    assert_eq!(port.post("/api/alerts/check", json!({})).await, (200, json!([])));
    assert_eq!(
        port.post("/api/alerts/check?budget_id=b", json!({})).await.1["error"],
        json!("Budget with ID b not found")
    );
    assert_eq!(port.post("/api/alerts/check?period=yearly", json!({})).await.0, 400);
}

#[tokio::test]
async fn alerts_are_listed_and_acknowledged() {
    let port = Port::new().await;
    let budget = over(&port).await;
    port.post("/api/alerts/check", json!({})).await;
    for (path, many, is_page) in [
        ("/api/alerts".to_owned(), 13, false),
        ("/api/alerts?severity=error&type=cost_limit_exceeded".to_owned(), 2, false),
        (format!("/api/alerts?budget_id={budget}&acknowledged=false&page=1&limit=20"), 13, true),
        ("/api/v1/alerts?type=token_limit_exceeded".to_owned(), 3, true),
        ("/api/v1/alerts?acknowledged=true".to_owned(), 0, true),
    ] {
        let (status, told) = port.get(&path).await;
        assert_eq!((status, told.is_object()), (200, is_page), "{path}");
        let items = if is_page { &told["items"] } else { &told };
        assert_eq!(items.as_array().unwrap().len(), many, "{path}: {told}");
    }
    let (_, found) = port.get("/api/alerts?type=cost_limit_exceeded").await;
    assert_eq!(
        (&found[0]["title"], &found[0]["budget_id"], &found[0]["acknowledged"]),
        (&json!("Cost limit exceeded"), &json!(budget), &json!(false))
    );
    let id = found[0]["alert_id"].as_str().unwrap();
    let (status, one) = port.get(&format!("/api/alerts/{id}")).await;
    assert_eq!((status, &one), (200, &found[0]));
    let (status, told) = port.post(&format!("/api/alerts/{id}/acknowledge"), Value::Null).await;
    assert_eq!(
        (status, &told["acknowledged"], &told["acknowledged_by"], &told["acknowledged_at"]),
        (200, &json!(true), &json!("default-user"), &json!("2026-11-20T10:00:00Z")),
        "{told}"
    );
    port.clock.set("2026-11-20T11:00:00Z".parse().unwrap());
    assert_eq!(port.post(&format!("/api/v1/alerts/{id}/acknowledge"), json!({})).await, (200, told));
    assert_eq!(port.get("/api/alerts?type=cost_limit_exceeded").await.1.as_array().unwrap().len(), 1);
    let (_, found) = port.get("/api/alerts?acknowledged=true").await;
    assert_eq!(found[0]["alert_id"], json!(id));
    assert_eq!(port.get("/api/alerts/nobody").await.1["error"], json!("Alert with ID nobody not found"));
    assert_eq!(port.post("/api/alerts/nobody/acknowledge", json!({})).await.0, 404);
}
