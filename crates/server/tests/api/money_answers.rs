//! What answers about money say to those who read them.

use serde_json::{Value, json};

use crate::budgets::set_policy;
use crate::support::{Service, at};

fn usage(id: &str, used: Value) -> Value {
    json!({"id": id, "task": "T-1", "usage_recorded": used})
}

#[tokio::test]
async fn money_that_nothing_bounds_is_absent() {
    let service = Service::new().await;
    set_policy(&service, "p", json!({"window": "daily", "limit_usd": "1"})).await;
    let pages = json!({"provider": "studio", "model": "painter", "units": {"pages": 3}});
    assert_eq!(service.append(json!([usage("u-1", pages)])).await.0, 201);
    let (_, policy) = service.get("/v1/policies/p?at_least=tail").await;
    assert_eq!(policy["status"]["unpriced"], json!({"tokens": 0}), "{policy}");
    let (_, answer) = service.post("/v1/check", json!({"usd": "0.5"})).await;
    assert_eq!(answer["policies"][0]["unpriced"], json!({"tokens": 0}), "{answer}");
    let sentence = answer["policies"][0]["sentence"].as_str().unwrap();
    assert!(sentence.contains("nothing says what they may cost"), "{sentence}");
}

#[tokio::test]
async fn the_end_of_the_window_stands_with_what_it_is_the_end_of() {
    let service = Service::new().await;
    set_policy(&service, "p", json!({"window": "monthly", "limit_usd": "1"})).await;
    let unknown = json!({"model": "nobody's", "tokens": {"output": 1000}});
    assert_eq!(service.append(json!([usage("u-1", unknown)])).await.0, 201);
    let (_, answer) = service.post("/v1/check", json!({"usd": "0.5"})).await;
    let sentence = answer["policies"][0]["sentence"].as_str().unwrap();
    assert!(sentence.contains("0.5 asked for until 2026-12-01T00:00:00Z; up to "), "{sentence}");
    assert!(sentence.ends_with("and otherwise not"), "{sentence}");
}

#[tokio::test]
async fn the_same_name_for_another_time_is_a_conflict() {
    let service = Service::new().await;
    let asks = async |ttl: Option<u64>| {
        let mut asked = json!({"allocation": "a", "tokens": 5});
        if let Some(ttl) = ttl {
            asked["ttl_s"] = ttl.into();
        }
        let (status, answer) = service.post("/v1/allocations", asked).await;
        (status.as_u16(), answer)
    };
    assert_eq!(asks(Some(60)).await.0, 200);
    service.clock.set(at("2026-11-20T10:00:07Z"));
    // One who does not say for how long asks for nothing else.
    for (ttl, expected) in [(Some(60), 200), (None, 200), (Some(61), 409), (Some(59), 409), (Some(53), 409)] {
        let (status, answer) = asks(ttl).await;
        assert_eq!(status, expected, "{ttl:?}: {answer}");
    }
}

#[tokio::test]
async fn a_provider_that_nothing_has_is_warned_of() {
    let service = Service::new().await;
    for (provider, warned) in
        [("opnai", true), ("OpenAI", false), ("openai.responses", false), ("mine", false)]
    {
        let used = json!({"provider": "mine", "model": "own", "tokens": {"output": 1}});
        assert!(service.append(json!([usage("u-1", used)])).await.0.is_success());
        let rule = json!({"window": "daily", "limit_usd": "1", "scope": {"provider": provider}});
        let answer = set_policy(&service, provider, rule).await;
        let warning = answer["warnings"][0].as_str().unwrap_or_default();
        let expected = format!("scope provider `{provider}`: the price book has no model of it");
        assert_eq!(warning.starts_with(&expected), warned, "{answer}");
        assert_eq!(answer["warnings"].as_array().map_or(0, Vec::len), usize::from(warned), "{answer}");
    }
}

#[tokio::test]
async fn a_model_in_capital_letters_is_priced() {
    let service = Service::new().await;
    let used = json!({"provider": "OpenAI", "model": "GPT-5", "tokens": {"output": 1000}});
    assert_eq!(service.append(json!([usage("u-1", used)])).await.0, 201);
    let (_, task) = service.get("/v1/tasks/T-1?at_least=tail").await;
    assert_eq!((&task["cost_usd"], &task["unpriced_tokens"]), (&json!("0.01"), &json!(0)), "{task}");
}

#[tokio::test]
async fn a_body_that_does_not_fit_is_told_its_field() {
    let service = Service::new().await;
    for (path, body, field) in [
        ("/v1/policies/p", json!({"window": "daily", "limit_usd": 5}), "limit_usd"),
        (
            "/v1/policies/p",
            json!({"window": "daily", "limit_usd": "5", "scope": {"model": 1}}),
            "scope.model",
        ),
        ("/v1/check", json!({"tokens": 1.5}), "tokens"),
        ("/v1/check", json!({"labels": {"team": ["a"]}}), "labels.team"),
        ("/v1/bills", json!({"provider": "p", "lines": [{"day": 1}]}), "lines[0].day"),
        ("/v1/events", json!({"producer": 5, "events": []}), "producer"),
    ] {
        let (status, problem) = service.post(path, body).await;
        assert_eq!((status.as_u16(), &problem["field"]), (400, &json!(field)), "{problem}");
        let detail = problem["detail"].as_str().unwrap();
        assert!(detail.starts_with(&format!("the body does not fit this operation: {field}: ")), "{detail}");
    }
}

#[tokio::test]
async fn a_price_that_cannot_be_set_is_told_what_can() {
    let service = Service::new().await;
    for (usd, because) in [
        ("-1", "input_cost_per_token `-1`: must not be negative"),
        ("1000000000", "a price book takes it as it is with `\"price_confirmed\": true` in the entry"),
    ] {
        let request = json!({"entry": "acme/large", "by": "ann", "usd_per_token": {"input_uncached": usd}});
        let (status, problem) = service.post("/v1/prices/set", request).await;
        let detail = problem["detail"].as_str().unwrap();
        assert!(status == 400 && detail.ends_with(because), "{detail}");
    }
}

#[tokio::test]
async fn amounts_whose_sums_would_not_be_exact_are_refused() {
    let service = Service::new().await;
    let absurd = "169999999999999999999";
    set_policy(&service, "p", json!({"window": "daily", "limit_usd": "1"})).await;
    let raise = json!({"usd": absurd, "until": "2026-12-24", "author": "ada", "reason": "why not"});
    for (path, body, because) in [
        ("/v1/policies/q", json!({"window": "daily", "limit_usd": absurd}), "must be at most 10^15 USD"),
        (
            "/v1/policies/q",
            json!({"window": "daily", "limit_tokens": u64::MAX}),
            "must be at most 10^18 tokens",
        ),
        ("/v1/policies/p/raise", raise, "at most 10^18 tokens and 10^15 USD"),
        ("/v1/allocations", json!({"allocation": "a", "usd": absurd}), "must be at most 10^15"),
    ] {
        let (status, problem) = service.post(path, body).await;
        let detail = problem["detail"].as_str().unwrap_or_default();
        assert!(status == 422 && detail.contains(because), "{path}: {problem}");
    }
}
