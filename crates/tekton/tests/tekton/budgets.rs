//! Budgets and policies: their tables, and what is wrong with requests.

use serde_json::{Value, json};

use crate::support::{Port, has_exactly};

const BUDGET: &str = "budget_id name description owner policies created_at updated_at is_active metadata";
const POLICY: &str = "policy_id budget_id type period tier provider component task_type token_limit cost_limit \
                      warning_threshold action_threshold start_date end_date enabled metadata";
const SUMMARY: &str = "budget_id period tier provider component task_type total_tokens_allocated total_tokens_used \
                       token_limit token_usage_percentage total_cost cost_limit cost_usage_percentage active_allocations \
                       start_time end_time remaining_tokens remaining_cost token_limit_exceeded cost_limit_exceeded \
                       name input_tokens output_tokens spent limit";

#[tokio::test]
async fn a_budget_is_made_with_nineteen_policies_that_warn() {
    let port = Port::new().await;
    let asked = json!({"name": "Team", "description": "all", "owner": "ada", "metadata": {"a": {"b": [1]}}});
    let (status, made) = port.post("/api/budgets", asked).await;
    assert_eq!(status, 201);
    has_exactly(&made, BUDGET);
    assert_eq!(
        (&made["name"], &made["owner"], &made["is_active"]),
        (&json!("Team"), &json!("ada"), &json!(true))
    );
    assert_eq!(
        (&made["metadata"], &made["created_at"]),
        (&json!({"a": {"b": [1]}}), &json!("2026-11-20T10:00:00Z"))
    );
    assert_eq!(made["policies"].as_array().unwrap().len(), 19);
    let id = made["budget_id"].as_str().unwrap();
    let (status, page) = port.get(&format!("/api/budgets/{id}/policies")).await;
    assert_eq!((status, page["items"].as_array().unwrap().len(), &page["total"]), (200, 19, &json!(19)));
    let policies = page["items"].as_array().unwrap();
    has_exactly(&policies[0], POLICY);
    for policy in policies {
        assert_eq!(
            (
                &policy["type"],
                &policy["warning_threshold"],
                &policy["action_threshold"],
                &policy["budget_id"]
            ),
            (&json!("warn"), &json!(0.8), &json!(0.95), &json!(id))
        );
    }
    let limit = |tier: Value, period: &str| {
        let found = policies.iter().find(|it| it["tier"] == tier && it["period"] == period).unwrap();
        if tier.is_null() { found["cost_limit"].clone() } else { found["token_limit"].clone() }
    };
    for (tier, period, expected) in [
        (json!("local_lightweight"), "hourly", json!(1_000_000)),
        (json!("local_midweight"), "weekly", json!(25_000_000)),
        (json!("remote_heavyweight"), "per_session", json!(32_000)),
        (json!("remote_heavyweight"), "monthly", json!(20_000_000)),
        (json!(null), "hourly", json!(0.5)),
        (json!(null), "daily", json!(5)),
        (json!(null), "monthly", json!(100)),
    ] {
        assert_eq!(limit(tier.clone(), period), expected, "{tier} {period}");
    }
    // What people choose: the settings page finds limits of money of this type only.
    let hard = Port::with(|options| options.cost_limits = "hard_limit".parse_enforcement()).await;
    let id = hard.budget("Hard").await;
    let (_, page) = hard.get(&format!("/api/budgets/{id}/policies")).await;
    let hard = page["items"].as_array().unwrap().iter().filter(|it| it["type"] == "hard_limit");
    let mut periods: Vec<&str> = hard.map(|it| it["period"].as_str().unwrap()).collect();
    periods.sort_unstable();
    assert_eq!(periods, ["daily", "monthly", "weekly"]);
}

trait Word {
    fn parse_enforcement(self) -> tollgate_domain::budget::BudgetEnforcement;
}

impl Word for &str {
    fn parse_enforcement(self) -> tollgate_domain::budget::BudgetEnforcement {
        tollgate_domain::budget::BudgetEnforcement::from_word(self).unwrap()
    }
}

#[tokio::test]
async fn both_prefixes_answer_the_same_but_for_lists_by_name() {
    let port = Port::new().await;
    let (first, second) = (port.budget("First").await, port.budget("Second").await);
    for path in ["/api/budgets", "/api/v1/budgets"] {
        let (status, page) = port.get(path).await;
        assert_eq!(status, 200);
        has_exactly(&page, "items total page limit");
        let ids: Vec<&Value> = page["items"].as_array().unwrap().iter().map(|it| &it["budget_id"]).collect();
        assert_eq!((ids.len(), &page["total"], &page["limit"]), (2, &json!(2), &json!(20)), "{path}");
        let (_, one) = port.get(&format!("{path}/{first}")).await;
        assert_eq!(one["name"], "First");
        let (_, named) = port.get(&format!("{path}?name=Second")).await;
        // The command line wants them bare, and asks without `v1`.
        let is_bare = path == "/api/budgets";
        let list = |named: &Value| if is_bare { named.clone() } else { named["items"].clone() };
        assert_eq!(list(&named).as_array().unwrap().len(), 1, "{path}: {named}");
        assert_eq!(list(&named)[0]["budget_id"], json!(second));
        let (status, named) = port.get(&format!("{path}?name=Third")).await;
        assert_eq!((status, list(&named)), (200, json!([])));
        let (_, page) = port.get(&format!("{path}?limit=1&page=2")).await;
        assert_eq!((page["items"].as_array().unwrap().len(), &page["total"]), (1, &json!(2)));
    }
    // The oldest that is active comes first.
    port.clock.set("2026-11-20T11:00:00Z".parse().unwrap());
    let third = port.budget("Third").await;
    let (_, deleted) = port.delete(&format!("/api/budgets/{first}")).await;
    assert_eq!(deleted, json!({"message": format!("Budget {first} deleted successfully"), "data": null}));
    let (_, page) = port.get("/api/budgets").await;
    let ids: Vec<&Value> = page["items"].as_array().unwrap().iter().map(|it| &it["budget_id"]).collect();
    assert_eq!(ids, [&json!(second), &json!(third), &json!(first)]);
    let (_, page) = port.get("/api/budgets?is_active=false").await;
    assert_eq!((&page["total"], &page["items"][0]["budget_id"]), (&json!(1), &json!(first)));
}

#[tokio::test]
async fn a_budget_is_changed_by_what_is_sent_back() {
    let port = Port::new().await;
    let id = port.budget("Team").await;
    let path = format!("/api/budgets/{id}");
    let (_, mut whole) = port.get(&path).await;
    whole["name"] = json!("Renamed");
    whole["colour"] = json!("green");
    port.clock.set("2026-11-20T10:30:00Z".parse().unwrap());
    let (status, changed) = port.put(&path, whole).await;
    assert_eq!((status, &changed["name"], &changed["is_active"]), (200, &json!("Renamed"), &json!(true)));
    assert_eq!(
        (&changed["created_at"], &changed["updated_at"]),
        (&json!("2026-11-20T10:00:00Z"), &json!("2026-11-20T10:30:00Z"))
    );
    let (_, again) = port.put(&path, json!({"metadata": {"k": 1}})).await;
    assert_eq!((&again["name"], &again["metadata"]), (&json!("Renamed"), &json!({"k": 1})));
}

/// Requests that are wrong: method, path, body, status and a part of what is said.
const WRONG: &[(&str, &str, &str, u16, &str)] = &[
    ("POST", "/api/budgets", "{}", 422, "name"),
    ("POST", "/api/budgets", "{\"name\": ", 422, "JSON object expected"),
    ("POST", "/api/budgets", "{\"name\": \"\"}", 422, "name"),
    ("GET", "/api/budgets?page=0", "", 422, "page"),
    ("GET", "/api/budgets?limit=101", "", 422, "limit"),
    ("GET", "/api/budgets/nobody", "", 404, "Budget with ID nobody not found"),
    ("PUT", "/api/budgets/nobody", "{\"name\": \"x\"}", 404, "Budget with ID nobody not found"),
    ("DELETE", "/api/budgets/nobody", "", 404, "Budget with ID nobody not found"),
    ("GET", "/api/budgets/nobody/policies", "", 404, "Budget with ID nobody not found"),
    ("GET", "/api/budgets/nobody/allocations", "", 404, "Budget with ID nobody not found"),
    ("GET", "/api/budgets/nobody/summary", "", 404, "Budget with ID nobody not found"),
    ("GET", "/api/budgets/ID/summary?period=yearly", "", 400, "Invalid period: yearly"),
    ("GET", "/api/budgets/summary?period=per_task", "", 400, "Invalid period: per_task"),
    ("PUT", "/api/budgets/ID/policies", "{\"policies\": \"p\"}", 422, "policies"),
    ("PUT", "/api/budgets/ID/policies", "{\"policies\": [\"p\"]}", 404, "Policy with ID p not found"),
    (
        "POST",
        "/api/policies",
        "{\"type\": \"warn\", \"period\": \"daily\"}",
        422,
        "Either token_limit or cost_limit must be provided",
    ),
    (
        "POST",
        "/api/policies",
        "{\"type\": \"stop\", \"period\": \"daily\", \"cost_limit\": 1}",
        400,
        "'stop' is not a valid BudgetPolicyType",
    ),
    (
        "POST",
        "/api/policies",
        "{\"type\": \"warn\", \"period\": \"yearly\", \"cost_limit\": 1}",
        400,
        "Invalid period: yearly",
    ),
    (
        "POST",
        "/api/policies",
        "{\"type\": \"warn\", \"period\": \"daily\", \"cost_limit\": 1, \"tier\": \"huge\"}",
        400,
        "Invalid tier: huge",
    ),
    (
        "POST",
        "/api/policies",
        "{\"type\": \"warn\", \"period\": \"daily\", \"cost_limit\": 1, \"budget_id\": \"b\"}",
        404,
        "Budget with ID b not found",
    ),
    (
        "POST",
        "/api/policies",
        "{\"type\": \"warn\", \"period\": \"daily\", \"cost_limit\": -1}",
        422,
        "cost_limit",
    ),
    ("GET", "/api/policies?period=yearly", "", 400, "Invalid period: yearly"),
    ("GET", "/api/policies/nobody", "", 404, "Policy with ID nobody not found"),
    ("PUT", "/api/policies/nobody", "{\"enabled\": false}", 404, "Policy with ID nobody not found"),
    ("DELETE", "/api/policies/nobody", "", 404, "Policy with ID nobody not found"),
    ("PATCH", "/api/budgets", "", 405, "Method Not Allowed"),
    ("GET", "/api/nothing", "", 404, "Not Found"),
];

#[tokio::test]
async fn what_is_wrong_is_said_with_status_and_text() {
    let port = Port::new().await;
    let id = port.budget("Team").await;
    for &(method, path, body, status, error) in WRONG {
        let path = path.replace("ID", &id);
        let told = port.send(method, &path, &[("content-type", "application/json")], body).await;
        let json = told.json();
        assert_eq!(told.status.as_u16(), status, "{method} {path} {body}: {}", told.text);
        let text = json["error"].as_str().unwrap();
        assert!(text.contains(error), "{method} {path} {body}: {text}");
        assert_eq!(
            json["detail"].is_array(),
            status == 422 && error != "Either token_limit or cost_limit must be provided",
            "{json}"
        );
    }
    let (_, wrong) = port.post("/api/budgets", json!({})).await;
    assert_eq!(
        wrong["detail"],
        json!([{"type": "missing", "loc": ["body", "name"], "msg": "Field required", "input": null}])
    );
}

#[tokio::test]
async fn policies_are_made_listed_changed_and_ended() {
    let port = Port::new().await;
    let asked = json!({"type": "hard_limit", "period": "daily", "cost_limit": 12.5, "provider": "anthropic",
        "tier": "HEAVYWEIGHT", "component": "ergon", "task_type": "coding"});
    let (status, made) = port.post("/api/policies", asked).await;
    assert_eq!(status, 201, "{made}");
    has_exactly(&made, POLICY);
    assert_eq!((&made["tier"], &made["provider"]), (&json!("remote_heavyweight"), &json!("anthropic")));
    assert_eq!(
        (&made["cost_limit"], &made["token_limit"], &made["budget_id"]),
        (&json!(12.5), &json!(null), &json!(null))
    );
    let path = format!("/api/policies/{}", made["policy_id"].as_str().unwrap());
    // As the settings page sends it back: camel case, nulls, and a threshold in percent.
    let sent = json!({"id": "x", "budgetId": null, "type": "soft_limit", "period": "daily", "tokenLimit": null,
        "costLimit": 20, "warningThreshold": 75, "actionThreshold": 0.9, "enabled": true, "tier": null});
    let (status, changed) = port.put(&path, sent).await;
    assert_eq!(status, 200, "{changed}");
    assert_eq!(
        (
            &changed["type"],
            &changed["cost_limit"],
            &changed["warning_threshold"],
            &changed["action_threshold"]
        ),
        (&json!("soft_limit"), &json!(20), &json!(0.75), &json!(0.9))
    );
    assert_eq!((&changed["tier"], &changed["period"]), (&json!("remote_heavyweight"), &json!("daily")));
    let (_, same) = port.put(&path, json!({"cost_limit": null})).await;
    assert_eq!(same["cost_limit"], json!(20));
    for (query, total) in [
        ("", 1),
        ("?period=daily", 1),
        ("?period=weekly", 0),
        ("?tier=heavyweight", 1),
        ("?provider=openai", 0),
        ("?component=ergon&task_type=coding", 1),
        ("?enabled=false", 0),
    ] {
        let (_, page) = port.get(&format!("/api/policies{query}")).await;
        assert_eq!(page["total"], json!(total), "{query}");
    }
    let (status, ended) = port.delete(&path).await;
    let id = path.rsplit('/').next().unwrap();
    assert_eq!(
        (status, ended),
        (200, json!({"message": format!("Policy {id} disabled successfully"), "data": null}))
    );
    let (_, one) = port.get(&path).await;
    assert_eq!(one["enabled"], json!(false));
    let (_, page) = port.get("/api/policies?enabled=false").await;
    assert_eq!(page["total"], json!(1));
    // The command line makes one without a budget, and attaches it.
    let (_, made) =
        port.post("/api/policies", json!({"type": "warn", "period": "weekly", "cost_limit": 1e1})).await;
    let budget = port.budget("Default Budget").await;
    let attached =
        port.put(&format!("/api/budgets/{budget}/policies"), json!({"policies": [made["policy_id"]]})).await;
    assert_eq!(attached.0, 200);
    let (_, page) = port.get(&format!("/api/budgets/{budget}/policies")).await;
    assert_eq!(page["total"], json!(20));
}

#[tokio::test]
async fn money_is_a_number_with_the_digits_that_the_ledger_has() {
    let port = Port::new().await;
    let body = "{\"type\": \"warn\", \"period\": \"daily\", \"cost_limit\": 0.123456789012345678}";
    let told = port.send("POST", "/api/policies", &[], body).await;
    assert!(told.text.contains("\"cost_limit\":0.123456789012345678,"), "{}", told.text);
    let body = "{\"type\": \"warn\", \"period\": \"weekly\", \"cost_limit\": 7.5e-8}";
    let told = port.send("POST", "/api/policies", &[], body).await;
    assert!(told.text.contains("\"cost_limit\":0.000000075,"), "{}", told.text);
}

#[tokio::test]
async fn summaries_are_in_the_unit_that_their_reader_takes() {
    let port = Port::new().await;
    let id = port.budget("Team").await;
    let used = json!({"component": "ergon", "provider": "anthropic", "model": "claude-3-haiku-20240307", "task_type": "chat",
        "context_id": "c-1", "input_tokens": 1_000_000, "output_tokens": 800_000});
    let (status, used) = port.post("/api/usage/record", used).await;
    assert_eq!((status, &used["total_cost"]), (201, &json!(1.25)), "{used}");
    // The page's cards: one element, in percent.
    let (_, cards) = port.get("/api/budgets/summary?period=daily").await;
    has_exactly(&cards[0], SUMMARY);
    let card = &cards[0];
    assert_eq!(cards.as_array().unwrap().len(), 1);
    assert_eq!(
        (&card["period"], &card["total_cost"], &card["cost_limit"], &card["cost_usage_percentage"]),
        (&json!("daily"), &json!(1.25), &json!(5), &json!(25))
    );
    assert_eq!(
        (&card["total_tokens_used"], &card["input_tokens"], &card["output_tokens"]),
        (&json!(1_800_000), &json!(1_000_000), &json!(800_000))
    );
    assert_eq!((&card["name"], &card["spent"], &card["limit"]), (&json!("Team"), &json!(1.25), &json!(5)));
    assert_eq!(
        (&card["start_time"], &card["end_time"]),
        (&json!("2026-11-20T00:00:00Z"), &json!("2026-11-21T00:00:00Z"))
    );
    // The budget's own: all policies, money without a tier first, as fractions.
    let (_, all) = port.get(&format!("/api/v1/budgets/{id}/summary?period=daily")).await;
    let all = all.as_array().unwrap();
    assert_eq!(
        (all.len(), &all[0]["tier"], &all[0]["cost_usage_percentage"]),
        (4, &json!(null), &json!(0.25))
    );
    let mid = all.iter().find(|it| it["tier"] == "local_midweight").unwrap();
    assert_eq!(
        (&mid["total_tokens_used"], &mid["token_usage_percentage"]),
        (&json!(1_800_000), &json!(0.36))
    );
    let heavy = all.iter().find(|it| it["tier"] == "remote_heavyweight").unwrap();
    assert_eq!((&heavy["total_tokens_used"], &heavy["token_limit_exceeded"]), (&json!(0), &json!(false)));
    // The command line's: what is not limited is absent.
    let (_, lines) = port.get("/api/usage/summary?period=daily&tier=midweight").await;
    assert_eq!(lines.as_array().unwrap().len(), 1);
    assert_eq!((lines[0].get("cost_limit"), &lines[0]["token_usage_percentage"]), (None, &json!(0.36)));
    // Without a policy there is the usage.
    let (_, lines) = port.get("/api/usage/summary?period=daily&provider=anthropic").await;
    assert_eq!(
        (&lines[0]["total_cost"], &lines[0]["provider"], lines[0].get("limit")),
        (&json!(1.25), &json!("anthropic"), None)
    );
}
