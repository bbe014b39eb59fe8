//! Prices: their tables, recommendations and what is wrong with requests.

use serde_json::json;

use crate::support::{Port, has_exactly};

const PRICE: &str = "pricing_id provider model price_type input_cost_per_token output_cost_per_token input_cost_per_char \
                     output_cost_per_char cost_per_image cost_per_second fixed_cost_per_request version source source_url \
                     verified effective_date end_date metadata";
const RECOMMENDATION: &str =
    "provider model estimated_cost savings savings_percent input_cost_per_token output_cost_per_token";

#[tokio::test]
async fn prices_are_listed_with_exact_numbers() {
    let port = Port::new().await;
    let told =
        port.send("GET", "/api/prices?provider=anthropic&model=claude-3-haiku-20240307", &[], "").await;
    let list = told.json();
    assert_eq!(list.as_array().unwrap().len(), 1, "{}", told.text);
    has_exactly(&list[0], PRICE);
    assert!(
        told.text.contains("\"input_cost_per_token\":0.00000025,\"output_cost_per_token\":0.00000125,"),
        "{}",
        told.text
    );
    assert_eq!(
        (&list[0]["provider"], &list[0]["model"], &list[0]["price_type"], &list[0]["source"]),
        (&json!("anthropic"), &json!("claude-3-haiku-20240307"), &json!("token_based"), &json!("manual"))
    );
    let (_, all) = port.get("/api/v1/prices").await;
    let all = all.as_array().unwrap();
    assert!(all.len() > 100, "{}", all.len());
    let (_, of_one) = port.get("/api/prices?provider=ollama").await;
    assert!(of_one.as_array().unwrap().iter().all(|price| price["provider"] == "ollama"), "{of_one}");
    assert_eq!(port.get("/api/prices?model=nothing-such").await, (200, json!([])));
}

#[tokio::test]
async fn a_price_is_found_and_has_a_history() {
    let port = Port::new().await;
    let asked = json!({"provider": "anthropic", "model": "claude-3-haiku-20240307"});
    let (status, price) = port.post("/api/prices/current", asked).await;
    assert_eq!((status, &price["output_cost_per_token"]), (200, &json!(0.00000125)));
    let (status, told) = port.post("/api/prices/current", json!({"provider": "p", "model": "m"})).await;
    assert_eq!((status, &told["error"]), (404, &json!("No pricing found for p/m")));
    assert_eq!(port.post("/api/prices/current", json!({"provider": "p"})).await.0, 422);
    port.clock.set("2026-11-20T11:00:00Z".parse().unwrap());
    let dearer = serde_json::from_value(json!({"entry": "anthropic/claude-3-haiku-20240307", "by": "ada",
        "usd_per_token": {"input_uncached": "0.0000003", "output": "0.0000015"}}))
    .unwrap();
    port.ledger.in_force().set_price(&dearer).await.unwrap();
    let (_, history) = port.get("/api/prices/history/anthropic/claude-3-haiku-20240307").await;
    let costs: Vec<_> =
        history.as_array().unwrap().iter().map(|it| it["input_cost_per_token"].clone()).collect();
    assert_eq!(costs, [json!(0.0000003), json!(0.00000025)], "{history}");
    assert_eq!(
        (&history[1]["end_date"], &history[0]["end_date"]),
        (&json!("2026-11-20T11:00:00Z"), &json!(null))
    );
    assert_eq!(port.get("/api/prices/history/p/a/b:c").await, (200, json!([])));
}

#[tokio::test]
async fn what_a_call_costs_is_calculated() {
    let port = Port::new().await;
    let body = json!({"provider": "anthropic", "model": "claude-3-opus-20240229", "input_tokens": 1000, "output_tokens": 100});
    assert_eq!(
        port.post("/api/prices/calculate", body).await,
        (200, json!({"input_cost": 0.015, "output_cost": 0.0075, "total_cost": 0.0225}))
    );
    let body = json!({"provider": "anthropic", "model": "claude-3-opus-20240229", "input_tokens": 1});
    let told = port.send("POST", "/api/prices/calculate", &[], &body.to_string()).await;
    assert_eq!(told.text, "{\"input_cost\":0.000015,\"output_cost\":0,\"total_cost\":0.000015}");
    let body = json!({"provider": "p", "model": "m", "input_tokens": 1});
    assert_eq!(port.post("/api/prices/calculate", body).await.1["error"], json!("No pricing found for p/m"));
    assert_eq!(port.post("/api/prices/calculate", json!({"provider": "p", "model": "m"})).await.0, 422);
}

#[tokio::test]
async fn recommendations_answer_both_readers() {
    let port = Port::new().await;
    let body = json!({"provider": "anthropic", "model": "claude-3-opus-20240229", "context_size": 4000});
    let (status, told) = port.post("/api/prices/recommendations", body).await;
    assert_eq!(status, 200, "{told}");
    has_exactly(
        &told,
        "items current_model current_provider current_cost best_match alternatives optimization_tips",
    );
    // 1000 in and 3000 out.
    assert_eq!(
        (&told["current_cost"], &told["current_model"]),
        (&json!(0.24), &json!("claude-3-opus-20240229"))
    );
    let items = told["items"].as_array().unwrap();
    has_exactly(&items[0], RECOMMENDATION);
    let savings: Vec<f64> = items.iter().map(|it| it["savings"].as_f64().unwrap()).collect();
    assert!(savings.is_sorted_by(|a, b| a >= b) && savings.iter().all(|saved| *saved > 0.0), "{savings:?}");
    let haiku = items.iter().find(|it| it["model"] == "claude-3-haiku-20240307").unwrap();
    assert_eq!(
        (&haiku["model"], &haiku["savings"], &haiku["savings_percent"]),
        (&json!("claude-3-haiku-20240307"), &json!(0.236), &json!(98.333333)),
        "{told}"
    );
    // The command line names no model.
    let body = json!({"task_type": "coding", "context_size": 1000, "output_size": 100, "prefer_provider": "anthropic"});
    let (status, told) = port.post("/api/v1/prices/recommendations", body).await;
    assert_eq!(status, 200, "{told}");
    has_exactly(&told, "best_match alternatives optimization_tips");
    has_exactly(&told["best_match"], "provider model estimated_cost reason");
    assert_eq!(told["best_match"]["provider"], json!("anthropic"), "{told}");
    let (_, told) = port
        .post("/api/prices/recommendations", json!({"max_cost": 0, "prefer_provider": "anthropic"}))
        .await;
    assert_eq!(
        (&told["best_match"], told["optimization_tips"].as_array().unwrap().len()),
        (&json!(null), 2),
        "{told}"
    );
    let body = json!({"provider": "p", "model": "m"});
    assert_eq!(
        port.post("/api/prices/recommendations", body).await.1["error"],
        json!("No pricing found for p/m")
    );
    assert_eq!(port.post("/api/prices/recommendations", json!({"provider": "p"})).await.0, 422);
    // Nothing to update from.
    assert_eq!(
        port.post("/api/prices/update", json!({})).await,
        (200, json!({"updates_started": 0, "sources": []}))
    );
}
