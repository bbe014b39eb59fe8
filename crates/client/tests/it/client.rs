//! The typed calls, over a fake transport and over a real socket.

use std::sync::Arc;
use std::time::Duration;

use crate::support::{Scripted, answer, serve};
use serde_json::json;
use tollgate_client::{Client, ClientError, HttpTransport, Read, Timeouts};
use tollgate_wire::api::{AppendRequest, GateRequest, HealthStatus};

fn position() -> serde_json::Value {
    json!({"position": "00000000000000000000000000000007@3:1", "epoch": "07", "created_at": "2026-01-01T00:00:00Z",
        "durability": "fsync"})
}

fn over(transport: &Arc<Scripted>) -> Client {
    Client::new(transport.clone())
}

#[tokio::test]
async fn calls_go_to_their_addresses_with_key_and_tenant() {
    let transport = Scripted::answering(|_| answer(500, "text/plain", "no"));
    let client = over(&transport).of_tenant(Some("acme".to_owned())).with_key("s3cret").unwrap();
    let read = Read { at_least: Some("tail".to_owned()), wait_ms: Some(9) };
    let gate = GateRequest { advance_to: "SPEC".to_owned(), ..GateRequest::default() };
    let append = AppendRequest { tenant: None, producer: None, events: Vec::new(), gates: Vec::new() };
    let body = json!({"id": "e1"});
    let _ = client.append(&append).await;
    let _ = client.command(None, "", &body).await;
    let _ = client.command(Some("a/b"), "phases/SPEC/end", &body).await;
    let _ = client.gate("T-1", &gate).await;
    let _ = client.task_report_markdown("T-1", &read).await;
    let _ = client.rebuild("status").await;
    let seen: Vec<String> = transport.requests().iter().map(|it| it.endpoint.clone()).collect();
    assert_eq!(
        seen,
        [
            "POST /v1/events",
            "POST /v1/tasks?tenant=acme",
            "POST /v1/tasks/a%2Fb/phases/SPEC/end?tenant=acme",
            "POST /v1/tasks/T-1/gate?tenant=acme",
            "GET /v1/tasks/T-1/report?tenant=acme&at_least=tail&wait_ms=9&format=md",
            "POST /v1/views/status/rebuild",
        ]
    );
    assert!(transport.requests().iter().all(|it| it.authorization.as_deref() == Some("Bearer s3cret")));
    assert!(!format!("{client:?}").contains("s3cret"));
}

#[tokio::test]
async fn answers_are_values_problems_or_named_as_unreadable() {
    let problem = json!({"type": "about:tollgate/stale", "title": "t", "status": 503, "detail": "behind",
        "code": "stale", "retryable": true});
    for (status, body, expected) in [
        (200, position().to_string(), "fsync"),
        (503, problem.to_string(), "behind"),
        (200, "<html>".to_owned(), "GET /v1/position: status 200, and an answer that is none"),
        (502, "<html>".to_owned(), "GET /v1/position: status 502, and an answer that is none"),
    ] {
        let transport = Scripted::answering(move |_| answer(status, "application/json", &body));
        let found = match over(&transport).position().await {
            Ok(position) => position.durability,
            Err(error) => error.to_string(),
        };
        assert!(found.starts_with(expected), "{found}");
    }
}

#[tokio::test]
async fn a_failing_ledger_still_says_how_it_is() {
    let health = json!({"status": "failing", "version": "0", "checks": [], "views": []}).to_string();
    let transport = Scripted::answering(move |_| answer(503, "application/json", &health));
    assert_eq!(over(&transport).health().await.unwrap().status, HealthStatus::Failing);
}

#[tokio::test]
async fn a_real_socket_carries_requests_and_answers() {
    let server = serve(|request| {
        assert_eq!(request.host.as_deref(), Some(request.listens_on.as_str()));
        let problem = json!({"type": "x", "title": "t", "status": 429, "detail": "wait", "code": "overloaded",
            "retryable": true});
        answer(429, "application/problem+json", &problem.to_string())
    })
    .await;
    let transport = HttpTransport::new(&server.url()).unwrap();
    let error = Client::new(Arc::new(transport)).position().await.unwrap_err();
    assert_eq!(error.code(), Some("overloaded"));
    assert!(error.is_retryable());
}

#[tokio::test]
async fn no_answer_names_method_address_and_reason() {
    let away = crate::support::closed_address().await;
    let transport = HttpTransport::new(&format!("http://{away}")).unwrap();
    let error = Client::new(Arc::new(transport)).position().await.unwrap_err();
    assert!(error.to_string().starts_with(&format!("GET http://{away}/v1/position: no answer: ")), "{error}");
    assert!(error.is_retryable());

    let mute = crate::support::mute().await;
    let timeouts = Timeouts { answer: Duration::from_millis(20), ..Timeouts::default() };
    let transport = HttpTransport::with_timeouts(&format!("http://{mute}"), timeouts).unwrap();
    let error = Client::new(Arc::new(transport)).position().await.unwrap_err();
    assert!(
        matches!(&error, ClientError::Transport(error) if error.reason == "nothing within 20 ms"),
        "{error}"
    );
}
