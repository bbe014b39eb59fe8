//! The assistant, slash commands, and what the component says about itself.

use serde_json::json;

use crate::support::{Port, has_exactly};

#[tokio::test]
async fn the_assistant_answers_from_the_figures() {
    let port = Port::new().await;
    port.budget("Team").await;
    let used = json!({"component": "ergon", "provider": "anthropic", "model": "claude-3-opus-20240229",
        "context_id": "c-1", "input_tokens": 100_000, "output_tokens": 10_000});
    assert_eq!(port.post("/api/usage/record", used).await.0, 201);
    let (status, told) = port.post("/api/assistant/analyze", json!({"period": "daily", "days": 7})).await;
    assert_eq!((status, &told["success"], told.get("raw_data")), (200, &json!(true), None));
    let text = told["analysis"].as_str().unwrap();
    assert!(text.starts_with("In the last 7 days: 2.25 USD for 110000 tokens"), "{text}");
    let (_, told) =
        port.post("/api/v1/assistant/optimize", json!({"period": "daily", "include_raw_data": true})).await;
    has_exactly(&told, "success recommendations error raw_data");
    assert!(
        told["recommendations"].as_str().unwrap().contains("claude-3-opus-20240229 cost 2.25 USD"),
        "{told}"
    );
    let workload = json!({"task_description": "summaries", "input_length": 1000, "output_length": 100, "usage_frequency": 10,
        "budget_limit": 0.5, "priority_areas": "cost"});
    let (_, told) = port.post("/api/assistant/recommend-model", workload).await;
    assert!(told["recommendations"].as_str().unwrap().contains("anthropic/"), "{told}");
    for (path, body) in [
        ("/api/assistant/analyze", json!({"days": 366})),
        ("/api/assistant/recommend-model", json!({})),
        (
            "/api/assistant/recommend-model",
            json!({"task_description": "x", "input_length": 0, "output_length": 1, "usage_frequency": 1,
            "budget_limit": 0, "priority_areas": "x"}),
        ),
        ("/api/v1/assistant", json!({})),
    ] {
        assert_eq!(port.post(path, body.clone()).await.0, 422, "{path} {body}");
    }
    let (status, told) =
        port.post("/api/v1/assistant", json!({"message": "/help <b>", "context": "budget_management"})).await;
    assert_eq!((status, &told["response"]), (200, &json!(told["response"].as_str().unwrap())));
    assert!(!told["response"].as_str().unwrap().contains('<'), "{told}");
}

#[tokio::test]
async fn slash_commands_succeed_or_say_why_not() {
    let port = Port::new().await;
    port.budget("Team").await;
    for command in [
        "/budget weekly",
        "limits",
        "/usage",
        "/models ollama",
        "/prices ollama llama3",
        "/alerts",
        "/analyze 3",
        "/optimize",
        "/help",
        "",
    ] {
        let (status, told) = port.post("/api/command", json!({"command": format!("{command} ")})).await;
        let success = !command.is_empty();
        assert_eq!((status == 200, told["success"] == json!(true)), (success, success), "{command}: {told}");
    }
    for command in ["/limits daily 7.5", "/alerts clear"] {
        let (_, told) = port.post("/api/command", json!({"command": command})).await;
        assert_eq!(told["success"], json!(false), "nothing was done: {told}");
    }
    let (_, told) = port.post("/api/command", json!({"command": "/dance"})).await;
    assert_eq!(told["success"], json!(false));
    let (status, told) = port.get("/api/command/help?command=budget").await;
    assert_eq!((status, &told["result"]["commands"][0]["usage"]), (200, &json!("/budget [period]")));
    assert_eq!(port.get("/api/v1/command/help?command=dance").await.1["success"], json!(false));
}

#[tokio::test]
async fn the_component_says_what_it_is() {
    let port = Port::new().await;
    let (status, health) = port.get("/health").await;
    has_exactly(
        &health,
        "status component version timestamp uptime port registered_with_hermes dependencies metrics details",
    );
    assert_eq!(
        (status, &health["status"], &health["component"], &health["version"]),
        (200, &json!("healthy"), &json!("budget"), &json!("0.1.0"))
    );
    assert_eq!(
        health["details"],
        json!({"services": ["budget_allocation", "cost_tracking", "assistant_service"]})
    );
    let (status, ready) = port.get("/ready").await;
    has_exactly(&ready, "ready component version initialization_time timestamp");
    assert_eq!((status, &ready["ready"]), (200, &json!(true)));
    let (_, root) = port.get("/").await;
    has_exactly(&root, "component description version status");
    has_exactly(&port.get("/api/v1/health").await.1, "status component version timestamp");
    let (_, discovery) = port.get("/api/v1/discovery").await;
    has_exactly(&discovery, "component version description endpoints capabilities dependencies metadata");
    has_exactly(&discovery["endpoints"][0], "path method description tags");
    assert_eq!(port.get("/api/v1/openapi.json").await.1["openapi"], json!("3.1.0"));
    let docs = port.send("GET", "/api/v1/docs", &[], "").await;
    assert!(docs.text.contains("<code>/api/budgets</code>"), "{}", docs.text);
    assert_eq!(port.post("/workflow", json!({})).await.1["status"], json!("not_implemented"));
}

/// Every path that is said to be answered is, under both prefixes.
#[tokio::test]
async fn every_path_that_is_listed_is_answered() {
    let port = Port::new().await;
    for (method, path, _) in tollgate_tekton::paths::PATHS {
        let filled = path
            .replace("{id}", "x")
            .replace("{tool}", "CheckBudget")
            .replace("{provider}", "p")
            .replace("{model}", "m")
            .replace("{context}", "c");
        let second = filled
            .strip_prefix("/api/")
            .filter(|rest| !rest.starts_with("v1/"))
            .map(|rest| format!("/api/v1/{rest}"));
        for path in std::iter::once(filled.clone()).chain(second) {
            let told = port.send(method, &path, &[], "").await;
            let text = &told.text;
            assert!(
                told.status.as_u16() != 405 && !text.contains("Not Found: "),
                "{method} {path}: {} {text}",
                told.status
            );
        }
    }
}
