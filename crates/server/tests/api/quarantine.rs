//! What the inbox refused: listed, accepted after all, abandoned.

use serde_json::{Value, json};
use tollgate_domain::event::{Event, EventBody, InboxEvent, InboxRejected};
use tollgate_domain::ids::{EventId, ProducerId, TaskId, TenantId};
use tollgate_server::ledger::ReadEvent;
use tollgate_wire::Submitted;

use crate::support::{Service, at};

/// Refuses a message as a drainer of the inbox does; returns its id.
async fn refuse(service: &Service, subject: &str, payload: &[u8], headers: &[(&str, &str)]) -> String {
    let arrived = at("2026-11-20T09:59:00Z");
    let headers = headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    let rejected =
        InboxRejected::new(subject, 7, payload, "ab".repeat(32), "invalid", "task: `5`: must be text")
            .with_headers(headers);
    let id = rejected.event_id(arrived);
    let tenant = subject.split('.').nth(3).and_then(|tenant| TenantId::new(tenant).ok());
    let event = Event {
        tenant: tenant.unwrap_or_else(TenantId::ledger),
        task: TaskId::ledger(),
        producer: ProducerId::new("tollgate").unwrap(),
        id: id.clone(),
        occurred_at: Some(arrived),
        trace_parent: None,
        body: EventBody::Inbox(InboxEvent::InboxRejected(Box::new(rejected))),
    };
    let submitted = Submitted::from_event(event).unwrap();
    let appended = service.ledger.write().append(vec![ReadEvent::Good(Box::new(submitted))]).await;
    assert!(appended.trouble.is_none());
    EventId::as_str(&id).to_owned()
}

fn by(reason: &str) -> Value {
    json!({"by": "grace", "reason": reason})
}

async fn alerts(service: &Service) -> Vec<String> {
    let (_, list) = service.get("/v1/alerts?at_least=tail&state=all").await;
    let alerts = list["alerts"].as_array().unwrap().iter();
    alerts
        .map(|alert| format!("{} {} {}", alert["rule"], alert["scope"], alert["state"]).replace('"', ""))
        .collect()
}

#[tokio::test]
async fn a_message_waits_with_an_alert_until_it_is_dropped() {
    let service = Service::new().await;
    let id = refuse(&service, "tollgate.v1.in.default.T-1", b"\xff\x00", &[]).await;
    assert_eq!(alerts(&service).await, ["quarantine inbox raised"]);
    let (_, list) = service.get("/v1/quarantine?at_least=tail").await;
    let message = &list["messages"][0];
    assert_eq!(
        (message["id"].as_str(), message["state"].as_str(), message["payload_hex"].as_str()),
        (Some(id.as_str()), Some("open"), Some("ff00"))
    );
    let (status, ended) = service.post(&format!("/v1/quarantine/{id}/drop"), by("a test")).await;
    assert_eq!((status.as_u16(), ended["message"]["state"].as_str()), (200, Some("dropped")), "{ended}");
    assert_eq!(alerts(&service).await, ["quarantine inbox resolved"]);
    assert!(service.get("/v1/quarantine").await.1["messages"].as_array().unwrap().is_empty());
    assert_eq!(service.get("/v1/quarantine?state=all").await.1["messages"].as_array().unwrap().len(), 1);
    for what in ["drop", "redrive"] {
        let (status, problem) = service.post(&format!("/v1/quarantine/{id}/{what}"), by("again")).await;
        assert_eq!((status.as_u16(), problem["code"].as_str()), (409, Some("quarantine_ended")), "{problem}");
    }
    let (status, problem) = service.post("/v1/quarantine/rejected-0/drop", by("no")).await;
    assert_eq!((status.as_u16(), problem["code"].as_str()), (404, Some("quarantine_unknown")));
    assert_eq!(service.get("/v1/tasks/T-1?at_least=tail").await.0, 404, "a refusal makes no task");
    assert_eq!(service.get("/v1/tasks/_ledger").await.0, 404);
}

#[tokio::test]
async fn a_message_that_is_refused_again_waits_on_and_is_taken_once_its_task_is_open() {
    let service = Service::new().await;
    // It starts a phase of a task that has not been opened yet; its id is in the header.
    let payload = br#"{"phase_started": {"phase": "THINK"}}"#;
    let headers = [("Nats-Msg-Id", "m-1"), ("Tollgate-Producer", "edge")];
    let id = refuse(&service, "tollgate.v1.in.default.T-1", payload, &headers).await;
    let path = format!("/v1/quarantine/{id}/redrive");
    let (status, problem) = service.post(&path, by("now?")).await;
    assert_eq!(
        (status.as_u16(), problem["outcomes"][0]["code"].as_str()),
        (422, Some("task_not_open")),
        "{problem}"
    );
    assert_eq!(alerts(&service).await, ["quarantine inbox raised"]);
    service.open("T-1").await;
    let (status, ended) = service.post(&path, by("opened now")).await;
    assert_eq!(status, 200, "{ended}");
    assert_eq!(
        (ended["outcomes"][0]["id"].as_str(), ended["message"]["ended_because"].as_str()),
        (Some("m-1"), Some("opened now"))
    );
    let (_, task) =
        service.get(&format!("/v1/tasks/T-1?at_least={}", ended["position"].as_str().unwrap())).await;
    assert_eq!(task["active"]["phase"], "THINK", "{task}");
    assert_eq!(alerts(&service).await, ["quarantine inbox resolved"]);
}

#[tokio::test]
async fn a_repaired_message_takes_the_place_of_a_broken_one_but_not_another_tenants() {
    let service = Service::new().await;
    let id = refuse(&service, "tollgate.v1.in.acme.T-1", br#"{"task": 5}"#, &[]).await;
    let path = format!("/v1/quarantine/{id}/redrive");
    let with =
        |payload: &str| json!({"by": "grace", "reason": "repaired", "producer": "edge", "payload": payload});
    let usage = r#""usage_recorded": {"tokens": {"output": 1000000000000}}"#;
    for (payload, field) in [
        (format!(r#"{{"id": "u", "tenant": "default", {usage}}}"#), "tenant"),
        (format!(r#"{{"id": "u", "task": "T-2", {usage}}}"#), "task"),
        (format!("{{{usage}}}"), "id"),
    ] {
        let (status, problem) = service.post(&path, with(&payload)).await;
        assert!(matches!(status.as_u16(), 400 | 422), "{problem}");
        assert!(problem["detail"].as_str().unwrap().contains(field), "{problem}");
    }
    let (status, problem) = service.post(&path, by("as it is")).await;
    assert_eq!(status, 422, "{problem}");
    let repaired = r#"{"events": [{"id": "a", "usage_recorded": {"tokens": {"output": 1}}}, {"id": "b", "usage_recorded": {"tokens": {"output": 2}}}]}"#;
    let (status, ended) = service.post(&path, with(repaired)).await;
    assert_eq!((status.as_u16(), ended["outcomes"].as_array().unwrap().len()), (200, 2), "{ended}");
    let (_, task) = service.get("/v1/tasks/T-1?tenant=acme&at_least=tail").await;
    assert_eq!(task["tokens"]["total"], 3, "{task}");
}

#[tokio::test]
async fn what_is_cut_or_has_no_tenant_cannot_be_redriven() {
    let service = Service::new().await;
    let long = refuse(&service, "tollgate.v1.in.default.T-1", &vec![b' '; 20_000], &[]).await;
    let (status, problem) = service.post(&format!("/v1/quarantine/{long}/redrive"), by("r")).await;
    assert_eq!(status, 422);
    assert!(problem["detail"].as_str().unwrap().contains("only 12288 of its 20000 bytes"), "{problem}");
    let nameless = refuse(&service, "tollgate.v1.in._x.T-1", b"{}", &[]).await;
    let (status, problem) = service.post(&format!("/v1/quarantine/{nameless}/redrive"), by("r")).await;
    assert_eq!(status, 422);
    assert!(problem["detail"].as_str().unwrap().contains("has no valid tenant in its subject"), "{problem}");
    let (_, list) = service.get("/v1/quarantine?tenant=_ledger&at_least=tail").await;
    assert_eq!(list["messages"].as_array().unwrap().len(), 1);
    assert_eq!(service.post(&format!("/v1/quarantine/{nameless}/drop"), by("r")).await.0, 200);
    let (status, problem) = service.post(&format!("/v1/quarantine/{long}/drop"), json!({"by": "g"})).await;
    assert_eq!(status, 400, "{problem}");
}
