//! Tools: their list, and running them in each form.

use serde_json::json;

use crate::support::{Port, has_exactly};

#[tokio::test]
async fn tools_are_listed_with_their_schemas() {
    let port = Port::new().await;
    assert_eq!(
        port.get("/api/mcp/health").await,
        (200, json!({"status": "healthy", "message": "MCP service is running"}))
    );
    let (_, told) = port.get("/api/mcp/capabilities").await;
    let named: Vec<String> = told["capabilities"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| format!("{} {}", it["name"], it["modality"]).replace('"', ""))
        .collect();
    assert_eq!(
        named,
        ["budget_management resource", "model_recommendations optimization", "budget_analytics analytics"]
    );
    let (_, told) = port.get("/api/v1/mcp/tools").await;
    assert_eq!(told["count"], json!(7));
    insta::assert_snapshot!("tools", serde_json::to_string_pretty(&told["tools"]).unwrap());
}

#[tokio::test]
async fn a_tool_runs_in_every_form() {
    let port = Port::new().await;
    let arguments = json!({"context_id": "c-1", "amount": 100, "component": "ergon"});
    for body in [
        json!({"tool_name": "AllocateBudget", "arguments": arguments, "context": {}}),
        json!({"toolName": "AllocateBudget", "arguments": arguments}),
        json!({"client_id": "x", "tool": "AllocateBudget", "parameters": arguments}),
    ] {
        let (status, told) = port.post("/api/mcp/process", body).await;
        has_exactly(&told, "status result error");
        assert_eq!(
            (status, &told["status"], &told["error"], &told["result"]["amount"]),
            (200, &json!("success"), &json!(null), &json!(100)),
            "{told}"
        );
    }
    for path in [
        "/api/mcp/tools/AllocateBudget/execute",
        "/api/tools/budget_AllocateBudget/execute",
        "/api/v1/mcp/tools/budget_AllocateBudget/execute",
    ] {
        let (status, told) = port.post(path, json!({"parameters": arguments, "context": {}})).await;
        assert_eq!(
            (status, &told["amount"], &told["context_id"]),
            (200, &json!(100), &json!("c-1")),
            "{path}: {told}"
        );
    }
    for (tool, parameters, member) in [
        ("CheckBudget", json!({"provider": "ollama", "model": "llama3"}), "allowed"),
        (
            "RecordUsage",
            json!({"provider": "ollama", "model": "llama3", "input_tokens": 1, "output_tokens": 2}),
            "recorded_tokens",
        ),
        ("GetBudgetStatus", json!({}), "summaries"),
        ("GetBudgetStatus", json!({"component": "apollo"}), "tiers"),
        ("GetModelRecommendations", json!({"provider": "ollama", "model": "llama3"}), "recommendations"),
        (
            "RouteWithBudgetAwareness",
            json!({"input_text": "hi", "default_provider": "ollama", "default_model": "llama3"}),
            "is_downgraded",
        ),
        ("GetUsageAnalytics", json!({"period": "weekly"}), "record_count"),
    ] {
        let (status, told) =
            port.post(&format!("/api/mcp/tools/{tool}/execute"), json!({"parameters": parameters})).await;
        assert!(status == 200 && told.get(member).is_some() && told.get("error").is_none(), "{tool}: {told}");
    }
}

#[tokio::test]
async fn what_fails_says_why() {
    let port = Port::new().await;
    let (_, told) = port.post("/api/mcp/process", json!({"tool_name": "Dance", "arguments": {}})).await;
    assert_eq!(told, json!({"status": "error", "result": null, "error": "Tool not found: Dance"}));
    let (_, told) = port
        .post("/api/mcp/process", json!({"tool_name": "AllocateBudget", "arguments": {"context_id": "c"}}))
        .await;
    assert_eq!(told["status"], json!("error"), "{told}");
    assert_eq!(port.post("/api/mcp/process", json!({})).await.0, 422);
    assert_eq!(port.post("/api/mcp/tools/Dance/execute", json!({})).await.0, 404);
    assert_eq!(port.post("/api/mcp/tools/CheckBudget/execute", json!({"parameters": {}})).await.0, 422);
    let body = json!({"parameters": {"context_id": "c", "amount": 5, "component": "x", "tier": "huge"}});
    let (status, told) = port.post("/api/mcp/tools/AllocateBudget/execute", body).await;
    assert_eq!(
        (status, told),
        (200, json!({"context_id": "c", "amount": 0, "remaining": 0, "error": "Invalid tier: huge"}))
    );
}
