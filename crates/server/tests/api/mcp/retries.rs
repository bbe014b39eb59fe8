//! A retry with the same idempotency key counts once.

use serde_json::json;

use crate::support::Service;

#[tokio::test]
async fn usage_is_counted_once() {
    let service = Service::new().await;
    let usage =
        json!({"idempotency_key": "call-1", "task": "T-1", "model": "gpt-5", "tokens": {"output": 100}});
    for outcome in ["appended", "duplicate", "duplicate"] {
        let answer = service.does("RecordUsage", &usage).await;
        assert_eq!(answer["outcomes"][0]["outcome"], outcome, "{answer}");
    }
    let status = service.does("GetBudgetStatus", &json!({"task": "T-1"})).await;
    assert_eq!(status["task"]["tokens"]["total"], 100, "{status}");
    let mut other = usage.clone();
    other["tokens"]["output"] = json!(7);
    let (did, text) = service.tool("", "RecordUsage", &other).await;
    assert!(!did && text.contains("call-1") && text.contains("conflict"), "{text}");
}

#[tokio::test]
async fn budget_is_reserved_once() {
    let service = Service::new().await;
    let (status, answer) = service.post("/v1/budgets/all", json!({})).await;
    assert!(status.is_success(), "{answer}");
    let (status, answer) = service
        .post(
            "/v1/policies/daily",
            json!({"budget": "all", "window": "daily", "limit_tokens": 1000, "enforcement": "hard_limit"}),
        )
        .await;
    assert!(status.is_success(), "{answer}");
    let reserve = json!({"idempotency_key": "a-1", "task": "T-1", "model": "gpt-5", "tokens": 600});
    for repeated in [false, true, true] {
        let answer = service.does("AllocateBudget", &reserve).await;
        assert_eq!(
            (&answer["state"], answer["repeated"] == json!(true)),
            (&json!("open"), repeated),
            "{answer}"
        );
    }
    let status = service.does("GetBudgetStatus", &json!({"policy": "daily"})).await;
    assert_eq!(status["policy"]["status"]["reserved"]["tokens"], 600, "{status}");
    let mut second = reserve.clone();
    second["idempotency_key"] = json!("a-2");
    let refused = service.does("AllocateBudget", &second).await;
    assert_eq!(refused["state"], "refused", "{refused}");
    let checked = service.does("CheckBudget", &json!({"tokens": 600, "model": "gpt-5"})).await;
    assert_eq!(checked["allowed"], false, "{checked}");
}

#[tokio::test]
async fn the_gate_decides_once() {
    let service = Service::new().await;
    service.open("T-1").await;
    let question = json!({"task": "T-1", "advance_to": "PLAN", "idempotency_key": "g-1"});
    let first = service.does("gate", &question).await;
    let again = service.does("gate", &question).await;
    assert_eq!(first["verdict"], again["verdict"], "{first} {again}");
    let decided = async || {
        let (_, page) = service.get("/v1/log?task=T-1").await;
        page.to_string().matches("\"gate_decided\"").count()
    };
    assert_eq!(decided().await, 1);
    service.does("gate", &json!({"task": "T-1", "advance_to": "PLAN", "idempotency_key": "g-2"})).await;
    assert_eq!(decided().await, 2);
}

#[tokio::test]
async fn every_argument_of_usage_is_one_that_the_ledger_knows() {
    let service = Service::new().await;
    let counted = json!({
        "tenant": "acme", "producer": "p", "idempotency_key": "1", "task": "T-1",
        "occurred_at": "2026-11-20T09:00:00Z", "phase": "PLAN", "attempt": 1, "provider": "openai", "model": "gpt-5",
        "component": "c", "request_id": "r", "service_tier": "standard", "units": {"output_images": 1},
        "context": "x", "labels": {"team": "core"},
        "tokens": {
            "input_uncached": 1, "cached_input": 2, "cache_write": 4, "cache_write_1h": 3, "output": 5, "reasoning": 1
        },
    });
    let estimated = json!({
        "idempotency_key": "2", "task": "T-2", "prompt_chars": 400, "completion_chars": 40, "allocation": "a",
    });
    let tools = service.result("tools/list", json!({})).await;
    let tool = tools["tools"].as_array().unwrap().iter().find(|tool| tool["name"] == "RecordUsage").unwrap();
    for (name, schema) in tool["inputSchema"]["properties"].as_object().unwrap() {
        let given = counted.get(name).or(estimated.get(name));
        assert!(given.is_some(), "{name} is not in this test");
        for inner in schema["properties"].as_object().into_iter().flatten() {
            assert!(given.unwrap().get(inner.0).is_some(), "{name}.{} is not in this test", inner.0);
        }
    }
    for arguments in [counted, estimated] {
        let answer = service.does("RecordUsage", &arguments).await;
        assert_eq!(answer["outcomes"][0]["outcome"], "appended", "{answer}");
    }
    let (_, page) = service.get("/v1/log?task=T-1&tenant=acme").await;
    let event = page.to_string();
    for part in [
        "\"cache_write_1h\":3",
        "\"reasoning\":1",
        "\"team\":\"core\"",
        "2026-11-20T09:00:00",
        "output_images",
    ] {
        assert!(event.contains(part), "{part}: {event}");
    }
}
