//! Every operation about money through both doors: over HTTP, and as NATS requests are answered. Each runs on a ledger
//! of its own; answers and problems are the same.

use serde_json::{Value, json};
use tollgate_server::nats::BudgetService;

use crate::budgets::used;
use crate::support::Service;

/// An operation: the method and path over HTTP, the operation over NATS, and the request. What the path says over HTTP
/// is in fields over NATS.
struct Both(&'static str, &'static str, Value, Value);

async fn over_http(service: &Service, Both(path, _, body, _): &Both) -> (u16, Value) {
    let (method, path) = path.split_once(' ').unwrap();
    let (status, answer) = match method {
        "GET" => service.get(path).await,
        _ => service.post(path, body.clone()).await,
    };
    (status.as_u16(), comparable(answer))
}

async fn over_nats(service: &Service, Both(_, operation, body, more): &Both) -> (u16, Value) {
    let mut fields = body.as_object().cloned().unwrap_or_default();
    fields.extend(more.as_object().cloned().unwrap_or_default());
    let payload = serde_json::to_vec(&fields).unwrap();
    match BudgetService::answer(&service.ledger, operation, &payload).await {
        Ok(answer) => (200, comparable(serde_json::from_slice(&answer).unwrap())),
        Err(problem) => (problem.status, comparable(serde_json::to_value(&problem).unwrap())),
    }
}

/// Without what differs between two ledgers: the epoch of positions.
fn comparable(answer: Value) -> Value {
    match answer {
        Value::String(text) => match text.split_once('@') {
            Some((epoch, rest)) if epoch.len() == 32 => Value::String(format!("@{rest}")),
            Some(_) | None => Value::String(text),
        },
        Value::Array(values) => values.into_iter().map(comparable).collect(),
        Value::Object(fields) => fields.into_iter().map(|(name, value)| (name, comparable(value))).collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) => answer,
    }
}

/// Budgets and policies.
fn policies() -> Vec<Both> {
    let nothing = || json!({});
    let named = |name: &str| json!({"name": name});
    let hard = json!({"window": "daily", "limit_usd": "5", "enforcement": "hard_limit", "budget": "b", "author": "ada"});
    let raise = |id: &str, from: &str| json!({"id": id, "usd": "1", "from": from, "until": "2026-11-22", "author": "a", "reason": "r"});
    let withdraw =
        |raise: &str| json!({"id": format!("w-{raise}"), "raise": raise, "author": "a", "reason": "r"});
    vec![
        Both("POST /v1/budgets/b", "set", json!({"title": "B"}), named("b")),
        Both("POST /v1/budgets/b", "set", json!({"titel": "B"}), named("b")),
        Both(
            "GET /v1/budgets/b?at_least=tail",
            "budget",
            nothing(),
            json!({"name": "b", "at_least": "tail"}),
        ),
        Both("GET /v1/budgets/bb", "budget", nothing(), named("bb")),
        Both(
            "GET /v1/budgets?at_least=tail&wait_ms=1000",
            "list",
            nothing(),
            json!({"at_least": "tail", "wait_ms": 1000}),
        ),
        Both("GET /v1/budgets?wait_ms=60001", "list", nothing(), json!({"wait_ms": 60_001})),
        Both("POST /v1/policies/p", "set_policy", hard.clone(), named("p")),
        Both("POST /v1/policies/p", "set_policy", json!({"window": "yearly", "limit_usd": "1"}), named("p")),
        Both(
            "GET /v1/policies/p?at_least=tail",
            "policy",
            nothing(),
            json!({"name": "p", "at_least": "tail"}),
        ),
        Both(
            "GET /v1/policies/p?at=2026-11-19",
            "policy",
            nothing(),
            json!({"name": "p", "at": "2026-11-19"}),
        ),
        Both(
            "GET /v1/policies/p?at=2026-11-29",
            "policy",
            nothing(),
            json!({"name": "p", "at": "2026-11-29"}),
        ),
        Both("GET /v1/policies/pp", "policy", nothing(), named("pp")),
        Both(
            "GET /v1/policies?budget=b&at=2026-11-19",
            "policies",
            nothing(),
            json!({"budget": "b", "at": "2026-11-19"}),
        ),
        Both("GET /v1/policies?budget=bb", "policies", nothing(), json!({"budget": "bb"})),
        Both("GET /v1/policies?limit=0", "policies", nothing(), json!({"limit": 0})),
        Both("POST /v1/policies/p/raise", "raise", raise("one", "2026-11-21"), named("p")),
        Both("POST /v1/policies/p/raise", "raise", raise("two", "2026-11-19"), named("p")),
        Both("POST /v1/policies/q/raise", "raise", raise("three", "2026-11-21"), named("q")),
        Both("POST /v1/policies/p/withdraw", "withdraw", withdraw("one"), named("p")),
        Both("POST /v1/policies/p/withdraw", "withdraw", withdraw("none"), named("p")),
    ]
}

/// Requests and allocations.
fn allocations() -> Vec<Both> {
    let nothing = || json!({});
    let named = |name: &str| json!({"name": name});
    let asks = json!({"model": "gpt-5", "tokens": 1000});
    let makes =
        json!({"allocation": "a", "model": "gpt-5", "tokens": 1000, "context": "night", "task": "T-1"});
    vec![
        Both("POST /v1/check", "check", asks.clone(), nothing()),
        Both("POST /v1/check", "check", json!({"model": "gpt-5", "tokens": 10_000_000}), nothing()),
        Both("POST /v1/check", "check", json!({"tokens": 0}), nothing()),
        Both("POST /v1/route", "route", json!({"tokens": 1000}), nothing()),
        Both("POST /v1/route", "route", json!({"tokens": 10, "tier": "heavy"}), nothing()),
        Both("POST /v1/allocations", "allocate", makes.clone(), nothing()),
        Both(
            "POST /v1/allocations",
            "allocate",
            json!({"allocation": "c", "tokens": 10_000_000, "model": "gpt-5"}),
            nothing(),
        ),
        Both("POST /v1/allocations/a/extend", "extend", json!({"tokens": 10}), named("a")),
        Both("POST /v1/allocations/none/extend", "extend", json!({"tokens": 10}), named("none")),
        Both(
            "GET /v1/allocations/a?at_least=tail",
            "allocation",
            nothing(),
            json!({"name": "a", "at_least": "tail"}),
        ),
        Both("GET /v1/allocations/none", "allocation", nothing(), named("none")),
        Both(
            "GET /v1/allocations?context=night&task=T-1&state=open&limit=5&at_least=tail",
            "allocations",
            nothing(),
            json!({"context": "night", "task": "T-1", "state": "open", "limit": 5, "at_least": "tail"}),
        ),
        Both("GET /v1/allocations?state=released", "allocations", nothing(), json!({"state": "released"})),
        Both("GET /v1/allocations?state=opn", "allocations", nothing(), json!({"state": "opn"})),
        Both("POST /v1/allocations/a/release", "release", json!({"author": "ada"}), named("a")),
        Both("POST /v1/allocations/a/release", "release", json!({"author": "ada"}), named("a")),
        Both("POST /v1/budgets/default-policies", "set_defaults", json!({"author": "ada"}), nothing()),
    ]
}

#[tokio::test]
async fn every_operation_about_money_is_the_same_through_both_doors() {
    let (http, nats) = (Service::new().await, Service::new().await);
    for service in [&http, &nats] {
        service.append(json!([used("u-1", "T-1", None, 100_000)])).await;
    }
    for both in policies().into_iter().chain(allocations()) {
        let (one, other) = (over_http(&http, &both).await, over_nats(&nats, &both).await);
        let is_ok = one.0 < 300;
        assert_eq!(is_ok, other.0 < 300, "{} {}: {} {}", both.0, both.2, one.1, other.1);
        if is_ok {
            assert_eq!(one.1, other.1, "{} {}", both.0, both.2);
            continue;
        }
        // What a request that cannot be read says of its form differs; the rest does not.
        let is_form = one.1["detail"].as_str().is_some_and(|detail| detail.contains("unknown field"));
        let of = |(status, problem): &(u16, Value)| (*status, problem["code"].clone());
        assert_eq!(of(&one), of(&other), "{} {}: {} {}", both.0, both.2, one.1, other.1);
        assert!(is_form || one.1 == other.1, "{} {}: {} {}", both.0, both.2, one.1, other.1);
    }
    // Usage, one by one and added up.
    for both in [
        Both("GET /v1/usage?model=gpt-5&limit=5", "usage", json!({}), json!({"model": "gpt-5", "limit": 5})),
        Both(
            "GET /v1/usage/summary?group_by=model&by=day&at_least=tail",
            "usage_summary",
            json!({}),
            json!({"group_by": "model", "by": "day", "at_least": "tail"}),
        ),
        Both("GET /v1/usage?modell=gpt-5", "usage", json!({}), json!({"modell": "gpt-5"})),
        Both("GET /v1/usage/summary?group_by=mood", "usage_summary", json!({}), json!({"group_by": "mood"})),
    ] {
        let (one, other) = (over_http(&http, &both).await, over_nats(&nats, &both).await);
        assert_eq!(one.0, other.0, "{}: {} {}", both.0, one.1, other.1);
        if one.0 == 200 {
            assert_eq!(one.1, other.1, "{}", both.0);
        }
    }
    // What one operation takes, another does not: a filter that would be ignored is refused, as over HTTP.
    for (path, operation, request) in [
        ("/v1/allocations?at=2026-11-19", "allocations", json!({"at": "2026-11-19"})),
        ("/v1/budgets?context=night", "list", json!({"context": "night"})),
    ] {
        let (status, refused) = http.get(path).await;
        assert_eq!(status, 400, "{refused}");
        let refused =
            BudgetService::answer(&nats.ledger, operation, &serde_json::to_vec(&request).unwrap()).await;
        assert_eq!(refused.unwrap_err().status, 400);
    }
}
