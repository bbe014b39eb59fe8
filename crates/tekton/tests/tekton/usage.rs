//! Usage: its records, its sums and their forms.

use serde_json::{Value, json};

use crate::support::{Port, has_exactly};

async fn used(
    port: &Port,
    context: &str,
    component: &str,
    (provider, model): (&str, &str),
    (input, output): (u64, u64),
) -> Value {
    let body = json!({"component": component, "provider": provider, "model": model, "task_type": "chat",
        "context_id": context, "input_tokens": input, "output_tokens": output});
    let (status, told) = port.post("/api/usage/record", body).await;
    assert_eq!(status, 201, "{told}");
    told
}

const HAIKU: (&str, &str) = ("anthropic", "claude-3-haiku-20240307");
const OPUS: (&str, &str) = ("anthropic", "claude-3-opus-20240229");
const LLAMA: (&str, &str) = ("ollama", "llama3");

/// Usage of two days.
async fn two_days() -> Port {
    let port = Port::new().await;
    port.budget("Team").await;
    used(&port, "c-1", "ergon", HAIKU, (4_000_000, 0)).await;
    port.clock.set("2026-11-21T09:00:00Z".parse().unwrap());
    used(&port, "c-1", "ergon", HAIKU, (1000, 1000)).await;
    used(&port, "c-2", "sophia", OPUS, (1000, 100)).await;
    used(&port, "c-3", "sophia", LLAMA, (50, 50)).await;
    port
}

#[tokio::test]
async fn records_are_listed_the_latest_first_and_found_by_id() {
    let port = two_days().await;
    for (path, total, first) in [
        // Without dates: today.
        ("/api/usage/records", 3, "c-3"),
        ("/api/v1/usage/records?limit=20", 3, "c-3"),
        ("/api/usage/records?start_date=2026-11-20", 4, "c-3"),
        ("/api/usage/records?start_date=2026-11-20&end_date=2026-11-20", 1, "c-1"),
        ("/api/usage/records?start_date=2026-11-20T09:00:00.500000&end_date=2026-11-21T08:00:00", 1, "c-1"),
        ("/api/usage/records?component=sophia", 2, "c-3"),
        ("/api/usage/records?provider=anthropic&model=claude-3-opus-20240229", 1, "c-2"),
        ("/api/usage/records?context_id=c-1&start_date=2026-11-01", 2, "c-1"),
        ("/api/usage/records?task_type=coding", 0, ""),
        ("/api/usage/records?page=2&limit=2", 3, "c-1"),
    ] {
        let (status, page) = port.get(path).await;
        assert_eq!((status, &page["total"]), (200, &json!(total)), "{path}: {page}");
        let found = page["items"][0]["context_id"].as_str().unwrap_or_default();
        assert_eq!(found, first, "{path}");
    }
    let (_, page) = port.get("/api/usage/records").await;
    has_exactly(&page, "items total page limit top_usage");
    has_exactly(&page["top_usage"][0], "model provider requests tokens cost");
    assert_eq!(page["top_usage"][0]["model"], json!("claude-3-haiku-20240307"));
    for item in page["items"].as_array().unwrap() {
        let path = format!("/api/usage/records/{}", item["record_id"].as_str().unwrap());
        let (status, one) = port.get(&path).await;
        assert_eq!((status, &one), (200, item), "{path}");
    }
    assert_eq!(port.get("/api/usage/records?start_date=soon").await.0, 422);
}

#[tokio::test]
async fn sums_are_told_in_both_readings() {
    let port = two_days().await;
    let (status, sums) = port.post("/api/usage/summary", json!({"period": "daily", "days": 3})).await;
    assert_eq!(status, 200, "{sums}");
    has_exactly(
        &sums,
        "period total_input_tokens total_output_tokens total_tokens total_cost count start_time end_time groups \
        input_tokens output_tokens providers models components daily_usage",
    );
    assert_eq!(
        (&sums["total_input_tokens"], &sums["total_output_tokens"], &sums["total_tokens"], &sums["count"]),
        (&json!(2050), &json!(1150), &json!(3200), &json!(3))
    );
    // 0.0015 of haiku, 0.015 + 0.0075 of opus.
    assert_eq!(sums["total_cost"], json!(0.024));
    let providers = sums["providers"].as_array().unwrap();
    has_exactly(&providers[0], "provider name tokens cost percentage");
    assert_eq!((&providers[0]["provider"], &providers[0]["percentage"]), (&json!("anthropic"), &json!(100)));
    has_exactly(&sums["models"][0], "provider model name tokens cost percentage");
    assert_eq!(
        (&sums["models"][0]["model"], &sums["models"][0]["cost"], &sums["models"][0]["percentage"]),
        (&json!("claude-3-opus-20240229"), &json!(0.0225), &json!(93.75))
    );
    has_exactly(&sums["components"][0], "name tokens cost");
    has_exactly(&sums["groups"], "provider model component task_type");
    has_exactly(&sums["groups"]["provider"]["ollama"], "input_tokens output_tokens total_tokens cost count");
    assert_eq!(
        sums["daily_usage"],
        json!([
            {"date": "2026-11-19", "cost": 0, "limit": 5},
            {"date": "2026-11-20", "cost": 1, "limit": 5},
            {"date": "2026-11-21", "cost": 0.024, "limit": 5},
        ])
    );
    let (_, empty) =
        port.post("/api/v1/usage/summary", json!({"period": "daily", "provider": "mistral"})).await;
    assert_eq!((&empty["groups"], &empty["count"], &empty["providers"]), (&json!({}), &json!(0), &json!([])));
    assert_eq!(empty["daily_usage"].as_array().unwrap().len(), 30);
    let (_, custom) = port
        .post(
            "/api/usage/summary",
            json!({"period": "daily", "start_time": "2026-11-20", "end_time": "2026-11-20"}),
        )
        .await;
    assert_eq!(
        (&custom["total_cost"], &custom["start_time"], &custom["end_time"]),
        (&json!(1), &json!("2026-11-20T00:00:00Z"), &json!("2026-11-21T00:00:00Z"))
    );
    let (_, month) =
        port.post("/api/usage/summary", json!({"period": "monthly", "component": "ergon"})).await;
    assert_eq!(month["total_tokens"], json!(4_002_000));
    for (body, status, error) in [
        (json!({}), 422, "period"),
        (json!({"period": "yearly"}), 400, "Invalid period: yearly"),
        (json!({"period": "daily", "days": 0}), 422, "days"),
        (json!({"period": "daily", "budget_id": "b"}), 404, "Budget with ID b not found"),
    ] {
        let (found, told) = port.post("/api/usage/summary", body).await;
        assert_eq!(found, status, "{told}");
        assert!(told["error"].as_str().unwrap().contains(error), "{told}");
    }
}

#[tokio::test]
async fn analytics_have_a_row_for_each_bucket_and_group() {
    let port = two_days().await;
    // As the command line sends it: local times with microseconds and no zone.
    let range = "start_date=2026-11-14T09:00:00.123456&end_date=2026-11-21T09:30:00.654321";
    let (status, rows) = port.get(&format!("/api/usage/analytics?period=daily&{range}")).await;
    assert_eq!(status, 200, "{rows}");
    let rows = rows.as_array().unwrap();
    has_exactly(
        &rows[0],
        "date provider model component request_count input_tokens output_tokens total_cost",
    );
    assert_eq!((rows.len(), &rows[0]["date"], &rows[0]["total_cost"]), (4, &json!("2026-11-20"), &json!(1)));
    let (_, rows) = port.get("/api/usage/analytics?period=monthly&component=sophia").await;
    assert_eq!((rows.as_array().unwrap().len(), &rows[0]["date"]), (2, &json!("2026-11")));
    assert_eq!(port.get("/api/usage/analytics").await.0, 422);
    assert_eq!(port.get("/api/usage/analytics?period=per_task").await.0, 400);
}

#[tokio::test]
async fn usage_without_a_price_says_so_and_is_never_free() {
    let port = Port::new().await;
    let told = used(&port, "c-1", "ergon", ("unknown", "model-x"), (10, 10)).await;
    assert_eq!(
        (&told["total_cost"], &told["unpriced"], &told["pricing_version"]),
        (&json!(0), &json!(true), &json!(null))
    );
    let told = used(&port, "c-1", "ergon", LLAMA, (10, 10)).await;
    assert_eq!((&told["total_cost"], told.get("unpriced")), (&json!(0), None));
}

#[tokio::test]
async fn a_context_that_cannot_be_a_task_is_kept_as_it_is() {
    let port = Port::new().await;
    let context = format!("_{}", "long/ context ".repeat(20));
    let told = used(&port, &context, "ergon", LLAMA, (1, 1)).await;
    assert_eq!(told["context_id"], json!(context));
    let (_, page) = port.get("/api/usage/records").await;
    assert_eq!(page["items"][0]["context_id"], json!(context));
}
