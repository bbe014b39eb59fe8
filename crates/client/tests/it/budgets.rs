//! Budgets, policies and allocations as typed calls.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use tollgate_client::{AllocationSearch, Client, ClientError, PolicySearch, Read};
use tollgate_wire::api::{
    AllocateRequest, AllocationStateWord, BudgetRequest, DefaultsRequest, ExtendRequest, PolicyRequest,
    PolicyRule, RaiseRequest, ReleaseRequest, RouteRequest,
};

use crate::support::{Scripted, answer};

fn asked() -> AllocateRequest {
    AllocateRequest {
        allocation: Some("a/1".to_owned()),
        model: Some("gpt-5".to_owned()),
        tokens: Some(10_000),
        labels: BTreeMap::from([("team".to_owned(), "search".to_owned())]),
        ..AllocateRequest::default()
    }
}

#[tokio::test]
async fn calls_go_to_their_addresses_and_are_about_the_clients_tenant() {
    let transport = Scripted::answering(|_| answer(500, "text/plain", "no"));
    let client = Client::new(transport.clone()).of_tenant(Some("acme".to_owned()));
    let read = Read { at_least: Some("tail".to_owned()), wait_ms: Some(9) };
    let rule = PolicyRule {
        window: "monthly".to_owned(),
        limit_usd: Some("5".to_owned()),
        scope: BTreeMap::from([("team".to_owned(), "search".to_owned())]),
        ..PolicyRule::default()
    };
    let policies = PolicySearch {
        budget: Some("b".to_owned()),
        after: Some("p".to_owned()),
        limit: Some(7),
        at: Some("2026-10-31T12:00:00Z".to_owned()),
    };
    let allocations = AllocationSearch {
        context: Some("c".to_owned()),
        task: Some("T-1".to_owned()),
        state: Some("open".to_owned()),
        before: Some(3),
        limit: Some(7),
        ..AllocationSearch::default()
    };
    let _ = client.set_budget("b/1", &BudgetRequest::default()).await;
    let _ = client.budget("b/1", &read).await;
    let _ = client.budgets(&read).await;
    let _ = client.set_default_policies(&DefaultsRequest::default()).await;
    let _ = client.set_policy("p", &PolicyRequest { rule, ..PolicyRequest::default() }).await;
    let _ = client.policy("p", &read).await;
    let _ = client.policies(&policies, &read).await;
    let _ = client.raise_limit("p", &RaiseRequest::default()).await;
    let _ = client.check(&asked()).await;
    let _ = client.route(&RouteRequest { request: asked(), ..RouteRequest::default() }).await;
    let _ = client.allocate(&asked()).await;
    let _ = client.allocation("a/1", &read).await;
    let _ = client.allocations(&allocations, &read).await;
    let _ = client.extend_allocation("a/1", &ExtendRequest::default()).await;
    let _ = client.release_allocation("a/1", &ReleaseRequest::default()).await;
    let seen = transport.requests();
    let addresses: Vec<&str> = seen.iter().map(|it| it.endpoint.as_str()).collect();
    assert_eq!(
        addresses,
        [
            "POST /v1/budgets/b%2F1",
            "GET /v1/budgets/b%2F1?tenant=acme&at_least=tail&wait_ms=9",
            "GET /v1/budgets?tenant=acme&at_least=tail&wait_ms=9",
            "POST /v1/budgets/default-policies",
            "POST /v1/policies/p",
            "GET /v1/policies/p?tenant=acme&at_least=tail&wait_ms=9",
            "GET /v1/policies?tenant=acme&budget=b&after=p&limit=7&at=2026-10-31T12:00:00Z&at_least=tail&wait_ms=9",
            "POST /v1/policies/p/raise",
            "POST /v1/check",
            "POST /v1/route",
            "POST /v1/allocations",
            "GET /v1/allocations/a%2F1?tenant=acme&at_least=tail&wait_ms=9",
            "GET /v1/allocations?tenant=acme&context=c&task=T-1&state=open&before=3&limit=7&at_least=tail&wait_ms=9",
            "POST /v1/allocations/a%2F1/extend",
            "POST /v1/allocations/a%2F1/release",
        ]
    );
    let bodies = seen.iter().filter(|it| it.endpoint.starts_with("POST"));
    let bodies: Vec<Value> = bodies.map(|it| serde_json::from_slice(&it.body).unwrap()).collect();
    assert!(bodies.iter().all(|body| body["tenant"] == "acme"), "{bodies:?}");
    let policy =
        json!({"tenant": "acme", "window": "monthly", "limit_usd": "5", "scope": {"team": "search"}});
    assert_eq!(bodies[2], policy, "what is not said is not sent");
}

#[tokio::test]
async fn a_tenant_that_a_request_names_is_meant() {
    let transport = Scripted::answering(|_| answer(500, "text/plain", "no"));
    let client = Client::new(transport.clone()).of_tenant(Some("acme".to_owned()));
    let _ = client.allocate(&AllocateRequest { tenant: Some("other".to_owned()), ..asked() }).await;
    let _ = client.of_tenant(None).allocate(&asked()).await;
    let bodies = transport.requests();
    let tenants =
        bodies.iter().map(|it| serde_json::from_slice::<Value>(&it.body).unwrap()["tenant"].clone());
    assert_eq!(tenants.collect::<Vec<_>>(), [json!("other"), Value::Null]);
}

#[tokio::test]
async fn a_refusal_is_an_answer_and_a_conflict_is_a_problem() {
    let amount = json!({"tokens": 0, "usd": "0"});
    let refused = json!({"allocation": "a", "tenant": "default", "state": "refused", "priority": 5, "amount": amount,
        "used": amount, "remaining": amount, "released": amount, "expired": amount, "overrun": amount,
        "expires_at": "2026-11-30T00:00:00Z", "decided_at": "2026-11-29T00:00:00Z", "policies": [],
        "repeated": false, "as_of": ""});
    let transport = Scripted::answering(move |_| answer(200, "application/json", &refused.to_string()));
    let answered = Client::new(transport).allocate(&asked()).await.unwrap();
    assert_eq!(answered.state, AllocationStateWord::Refused);
    let conflict = json!({"type": "about:tollgate/conflict", "title": "t", "status": 409, "detail": "another request",
        "code": "conflict", "retryable": false});
    let transport =
        Scripted::answering(move |_| answer(409, "application/problem+json", &conflict.to_string()));
    let failed = Client::new(transport).allocate(&asked()).await;
    assert!(
        matches!(&failed, Err(ClientError::Problem(problem)) if problem.code == "conflict"),
        "{failed:?}"
    );
}
