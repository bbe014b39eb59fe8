//! A tool may do what the key of its caller may do, and nothing else.

use axum::body::Body;
use http::Request;
use serde_json::{Value, json};

use super::{asked, message};
use crate::support::Service;

/// Each tool, with arguments for each operation that it is, and the scope that the operation needs.
fn calls() -> Vec<(&'static str, Value, &'static str)> {
    let spend = json!({"tokens": 10, "model": "gpt-5"});
    let with = |more: Value| {
        let mut arguments = spend.clone();
        arguments.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        arguments
    };
    vec![
        ("CheckBudget", spend.clone(), "decide"),
        ("AllocateBudget", with(json!({"idempotency_key": "a"})), "decide"),
        ("RecordUsage", json!({"idempotency_key": "u", "task": "T-1", "tokens": {"output": 1}}), "append"),
        ("GetBudgetStatus", json!({}), "read"),
        ("GetBudgetStatus", json!({"task": "T-1"}), "read"),
        ("GetBudgetStatus", json!({"policy": "p"}), "read"),
        ("GetModelRecommendations", spend.clone(), "decide"),
        ("RouteWithBudgetAwareness", spend.clone(), "decide"),
        ("GetUsageAnalytics", json!({"group_by": "model"}), "read"),
        ("GetBudgetReport", json!({}), "read_reports"),
        ("GetBudgetReport", json!({"task": "T-1"}), "read_reports"),
        ("gate", json!({"task": "T-1", "advance_to": "PLAN", "idempotency_key": "g"}), "decide"),
        ("explain", json!({"task": "T-1"}), "read_reports"),
    ]
}

#[tokio::test]
async fn a_tool_needs_the_scope_and_the_tenant_of_the_operation_behind_it() {
    let service = Service::new().await;
    let root = service.close().await;
    let listed = service.tell(&root, &asked("tools/list", &json!({}))).await.1;
    let names = listed["result"]["tools"].as_array().unwrap().iter().map(|tool| tool["name"].clone());
    for name in names {
        assert!(calls().iter().any(|(called, ..)| name == *called), "{name} is not in this test");
    }
    for scope in ["append", "decide", "read", "read_reports", "operate", "admin"] {
        let all = service.make_key(&root, &json!({"key": format!("all-{scope}"), "scopes": [scope]})).await;
        let of_acme = json!({"key": format!("acme-{scope}"), "scopes": [scope], "tenants": ["acme"]});
        let of_acme = if scope == "admin" { None } else { Some(service.make_key(&root, &of_acme).await) };
        for (name, arguments, needs) in calls() {
            for tenant in [None, Some("acme"), Some("rival")] {
                let mut arguments = arguments.clone();
                if let Some(tenant) = tenant {
                    arguments["tenant"] = json!(tenant);
                }
                for (key, covers) in [(Some(&all), true), (of_acme.as_ref(), tenant != Some("rival"))] {
                    let Some(key) = key else { continue };
                    let (_, text) = service.tool(key, name, &arguments).await;
                    let may = (scope == "admin" || scope == needs) && covers;
                    // What is let in may break another rule: there is no such task.
                    assert_eq!(
                        !text.contains("not_permitted"),
                        may,
                        "{name} {arguments} with {scope}, restricted: {}: {text}",
                        of_acme.as_ref() == Some(key)
                    );
                }
            }
        }
    }
}

#[tokio::test]
async fn what_is_asked_with_a_key_of_one_tenant_and_producer_is_about_these() {
    let service = Service::new().await;
    let root = service.close().await;
    let scopes = ["append", "decide", "read", "read_reports"];
    let key = json!({"key": "ci", "scopes": scopes, "tenants": ["acme"], "producers": ["ci"]});
    let key = service.make_key(&root, &key).await;
    let usage = json!({"idempotency_key": "u", "task": "T-1", "tokens": {"output": 7}});
    assert!(service.tool(&key, "RecordUsage", &usage).await.0);
    let path = "/v1/usage?tenant=acme";
    let (_, recorded) = service.ask_with(&root, "GET", path, &Value::Null).await;
    assert_eq!(recorded["records"][0]["producer"], "ci", "{recorded}");
    let (is_answer, text) = service.tool(&key, "explain", &json!({"task": "T-1"})).await;
    assert!(is_answer, "{text}");
    let read = asked("resources/read", &json!({"uri": "tollgate://tasks/T-1/report"}));
    let (_, read) = service.tell(&key, &read).await;
    assert!(
        read["result"]["contents"][0]["text"].as_str().is_some_and(|text| text.contains("T-1")),
        "{read}"
    );
    // Of two tenants, none is meant more than the other.
    let both = json!({"key": "both", "scopes": scopes, "tenants": ["acme", "rival"]});
    let both = service.make_key(&root, &both).await;
    let (is_answer, text) = service.tool(&both, "explain", &json!({"task": "T-1"})).await;
    assert!(!is_answer && text.contains("not_permitted"), "{text}");
}

#[tokio::test]
async fn a_ledger_with_keys_answers_no_message_without_one() {
    let service = Service::new().await;
    service.close().await;
    for key in ["", "tg_00000000000000000000000000000000q3msqq"] {
        for method in ["initialize", "tools/list", "tools/call", "ping"] {
            let answer = service.answer(message(key, &asked(method, &json!({})))).await;
            assert_eq!(answer.status(), 401, "{method}");
            assert_eq!(answer.headers()["www-authenticate"], "Bearer realm=\"tollgate\"");
        }
    }
}

#[tokio::test]
async fn a_call_of_a_tool_counts_as_one_request_of_its_key() {
    let service = Service::new().await;
    let root = service.close().await;
    let slow = json!({"key": "slow", "scopes": ["read"], "requests_per_second": 1, "burst": 2});
    let slow = service.make_key(&root, &slow).await;
    for _ in 0..2 {
        assert!(service.tool(&slow, "GetBudgetStatus", &json!({})).await.0);
    }
}

#[tokio::test]
async fn a_report_is_read_by_the_key_of_the_caller() {
    let service = Service::new().await;
    let root = service.close().await;
    let key = service.make_key(&root, &json!({"key": "agent", "scopes": ["append", "read_reports"]})).await;
    let usage = json!({"idempotency_key": "u", "task": "T-1", "tokens": {"output": 1}});
    assert!(service.tool(&key, "RecordUsage", &usage).await.0);
    assert!(service.tool(&key, "explain", &json!({"task": "T-1"})).await.0);
    let path = "/v1/report/accesses?at_least=tail";
    let (_, accesses) = service.ask_with(&root, "GET", path, &Value::Null).await;
    assert_eq!(accesses["accesses"][0]["reader"], "agent", "{accesses}");
}

#[tokio::test]
async fn a_web_page_and_another_name_are_refused() {
    let service = Service::new().await;
    let list = asked("tools/list", &json!({})).to_string();
    for (host, origin, status) in [
        ("localhost:7070", "", 200),
        ("localhost:7070", "http://localhost:7070", 200),
        ("localhost:7070", "http://localhost:3000", 403),
        ("localhost:7070", "https://evil.example", 403),
        ("localhost:7070", "null", 403),
        ("evil.example", "", 403),
        ("evil.example", "http://evil.example", 403),
    ] {
        let mut request =
            Request::post("/mcp").header("host", host).header("content-type", "application/json");
        request = request.header("accept", "application/json, text/event-stream");
        if !origin.is_empty() {
            request = request.header("origin", origin);
        }
        let (found, text) = service.send(request.body(Body::from(list.clone())).unwrap()).await;
        assert_eq!(found, status, "{host} {origin}: {text}");
    }
}
