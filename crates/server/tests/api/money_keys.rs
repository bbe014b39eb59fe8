//! Retries of what is decided about money change nothing, and a raise can be taken back.

use axum::body::Body;
use http::Request;
use serde_json::{Value, json};

use crate::budgets::set_policy;
use crate::support::Service;

async fn post(service: &Service, path: &str, key: &str, body: &Value) -> (u16, Value) {
    let request = Request::post(path)
        .header("content-type", "application/json")
        .header("idempotency-key", key)
        .body(Body::from(body.to_string()))
        .unwrap();
    let (status, text) = service.send(request).await;
    (status.as_u16(), serde_json::from_str(&text).unwrap())
}

#[tokio::test]
async fn one_key_decides_once_and_another_request_under_it_is_a_conflict() {
    let service = Service::new().await;
    set_policy(&service, "p", json!({"window": "monthly", "limit_usd": "5", "enforcement": "hard_limit"}))
        .await;
    let (_, made) = service.post("/v1/allocations", json!({"allocation": "a", "usd": "1"})).await;
    assert_eq!(made["state"], "open", "{made}");
    let raise = json!({"usd": "1", "until": "2030-01-01T00:00:00Z", "author": "ada", "reason": "r"});
    let version =
        json!({"window": "monthly", "limit_usd": "7", "enforcement": "hard_limit", "author": "ada"});
    let cases = [
        ("/v1/policies/p/raise", raise, "usd", "2"),
        ("/v1/allocations/a/extend", json!({"usd": "0.5"}), "usd", "0.75"),
        ("/v1/policies/p", version, "limit_usd", "8"),
        ("/v1/budgets/b", json!({"title": "B", "owner": "ada"}), "title", "C"),
    ];
    for (path, body, field, other) in cases {
        let (status, first) = post(&service, path, "k-1", &body).await;
        assert_eq!(status, 200, "{path}: {first}");
        let (status, again) = post(&service, path, "k-1", &body).await;
        assert_eq!(status, 200, "{path}: {again}");
        for what in ["raises", "versions", "amount", "title"] {
            assert_eq!(again[what], first[what], "{path} {what}");
        }
        let mut changed = body.clone();
        changed[field] = json!(other);
        let (status, problem) = post(&service, path, "k-1", &changed).await;
        assert_eq!((status, &problem["code"]), (409, &json!("conflict")), "{path}: {problem}");
        let mut named = body;
        named["id"] = json!("k-2");
        let (status, problem) = post(&service, path, "k-1", &named).await;
        assert_eq!(status, 400, "{path}: {problem}");
    }
}

#[tokio::test]
async fn what_a_policy_says_already_makes_no_version() {
    let service = Service::new().await;
    let says = json!({"window": "monthly", "limit_usd": "5", "author": "ada", "reason": "r"});
    set_policy(&service, "p", says.clone()).await;
    let again = set_policy(&service, "p", says.clone()).await;
    assert_eq!(again["versions"].as_array().unwrap().len(), 1, "{again}");
    for (field, value) in [("limit_usd", "6"), ("reason", "s"), ("from", "2026-12-01T00:00:00Z")] {
        let mut other = says.clone();
        other[field] = json!(value);
        set_policy(&service, "p", other).await;
    }
    let (_, shown) = service.get("/v1/policies/p?at_least=tail").await;
    assert_eq!(shown["versions"].as_array().unwrap().len(), 4, "{shown}");
    let by = json!({"version": 3, "author": "ada", "reason": "s"});
    assert_eq!(shown["set_by"][2], by, "{shown}");
}

#[tokio::test]
async fn a_raise_is_withdrawn_from_now_on_and_says_by_whom() {
    let service = Service::new().await;
    set_policy(&service, "p", json!({"window": "monthly", "limit_usd": "5", "enforcement": "hard_limit"}))
        .await;
    let raise =
        json!({"id": "r-1", "usd": "2", "until": "2030-01-01T00:00:00Z", "author": "ada", "reason": "r"});
    let (_, raised) = service.post("/v1/policies/p/raise", raise).await;
    let shown = &raised["raises"][0];
    assert_eq!((&shown["raise"], &shown["state"]), (&json!("r-1"), &json!("in_force")), "{raised}");
    assert_eq!(raised["status"]["limit"]["usd"], "7", "{raised}");
    let take_back = json!({"raise": "r-1", "author": "bob", "reason": "over"});
    let (status, withdrawn) = post(&service, "/v1/policies/p/withdraw", "w-1", &take_back).await;
    assert_eq!((status, &withdrawn["status"]["limit"]["usd"]), (200, &json!("5")), "{withdrawn}");
    let shown = &withdrawn["raises"][0];
    assert_eq!(
        (&shown["state"], &shown["withdrawn_by"], &shown["withdrawn_because"]),
        (&json!("withdrawn"), &json!("bob"), &json!("over"))
    );
    let (status, _) = post(&service, "/v1/policies/p/withdraw", "w-1", &take_back).await;
    assert_eq!(status, 200);
    let (status, problem) = service.post("/v1/policies/p/withdraw", take_back).await;
    assert_eq!((status.as_u16(), &problem["code"]), (422, &json!("invalid_raise")), "{problem}");
}

#[tokio::test]
async fn units_and_service_tiers_cost_at_most_what_they_may_be_billed() {
    let service = Service::new().await;
    set_policy(&service, "p", json!({"window": "monthly", "limit_usd": "5", "enforcement": "hard_limit"}))
        .await;
    let (_, plain) = service.post("/v1/check", json!({"model": "gpt-5", "tokens": 100_000})).await;
    let asked = json!({"model": "gpt-5", "tokens": 100_000, "service_tier": "priority"});
    let (_, priority) = service.post("/v1/check", asked).await;
    assert_eq!(
        (&plain["amount"]["usd"], &priority["amount"]["usd"]),
        (&json!("1"), &json!("2")),
        "{priority}"
    );
    // Input may be written to a cache for an hour, at 6 USD a million.
    let asked = json!({"model": "claude-sonnet-4-6", "tokens": 100_000, "input_tokens": 100_000});
    let (_, cached) = service.post("/v1/check", asked).await;
    assert_eq!(cached["amount"]["usd"], "0.6", "{cached}");
    let price = json!({"entry": "painter", "provider": "house", "by": "ada",
        "usd_per_unit": {"output_images": "0.25"}});
    let (status, answer) = service.post("/v1/prices/set", price).await;
    assert_eq!(status, 200, "{answer}");
    for (images, allowed, usd) in [(4, true, "1"), (21, false, "5.25")] {
        let asked = json!({"model": "painter", "provider": "house", "units": {"output_images": images}});
        let (_, check) = service.post("/v1/check", asked).await;
        let found = (&check["allowed"], &check["amount"]["usd"], &check["amount"]["tokens"]);
        assert_eq!(found, (&json!(allowed), &json!(usd), &json!(0)), "{check}");
    }
    let (status, problem) =
        service.post("/v1/check", json!({"model": "painter", "units": {"pictures": 1}})).await;
    assert_eq!((status.as_u16(), &problem["field"]), (400, &json!("units")), "{problem}");
}

#[tokio::test]
async fn allocations_are_listed_by_policy_model_and_labels() {
    let service = Service::new().await;
    let policy = json!({"scope": {"team": "search"}, "window": "monthly", "limit_usd": "5", "enforcement": "hard_limit"});
    set_policy(&service, "search", policy).await;
    for (name, team, model) in
        [("a", "search", "gpt-5"), ("b", "search", "gpt-5-2026-01-31"), ("c", "ads", "gpt-5-mini")]
    {
        let request = json!({"allocation": name, "tokens": 10, "model": model, "labels": {"team": team, "user": "ada"}});
        let (_, made) = service.post("/v1/allocations", request).await;
        assert_eq!(made["state"], "open", "{made}");
    }
    for (filter, names) in [
        ("policy=search", vec!["b", "a"]),
        ("policy=none", vec![]),
        ("model=gpt-5", vec!["b", "a"]),
        ("model=gpt-5-2026-01-31", vec!["b"]),
        ("labels=team=ads", vec!["c"]),
        ("labels=team=search,user=ada&model=gpt-5", vec!["b", "a"]),
        ("labels=team=search,user=bob", vec![]),
    ] {
        let (status, list) = service.get(&format!("/v1/allocations?{filter}&at_least=tail")).await;
        assert_eq!(status, 200, "{list}");
        let found = list["allocations"].as_array().unwrap().iter();
        let found: Vec<&str> = found.map(|found| found["allocation"].as_str().unwrap()).collect();
        assert_eq!(found, names, "{filter}");
    }
    let (status, problem) = service.get("/v1/allocations?labels=team").await;
    assert_eq!((status.as_u16(), &problem["field"]), (400, &json!("labels")), "{problem}");
}
