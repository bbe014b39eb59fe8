//! What goes on for a while: alerts as they come, deadlines, health, the schema.

use std::time::Duration;

use futures_util::{StreamExt, stream};
use serde_json::json;
use tollgate_grpc::proto::alerts_client::AlertsClient;
use tollgate_grpc::proto::events_client::EventsClient;
use tollgate_grpc::proto::tasks_client::TasksClient;
use tollgate_grpc::proto::{AlertChangeView, TaskQuery, WatchRequest};
use tonic::{Code, Request, Streaming};
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;
use tonic_reflection::pb::v1::ServerReflectionRequest;
use tonic_reflection::pb::v1::server_reflection_client::ServerReflectionClient;
use tonic_reflection::pb::v1::server_reflection_request::MessageRequest;
use tonic_reflection::pb::v1::server_reflection_response::MessageResponse;

use crate::support::{Service, code, events, opened, schema, started, used};

/// Makes a task exceed the limit of its phase, which raises alerts.
async fn over(service: &Service, task: &str) {
    let request =
        events(vec![opened("1", task), started("2", task, "PLAN"), used("3", task, "PLAN", 90_000)]);
    let reply = EventsClient::new(service.calls.clone()).append(request).await.unwrap().into_inner();
    assert!(reply.problem.is_none(), "{reply:?}");
}

/// The next change about a task.
async fn next(changes: &mut Streaming<AlertChangeView>, task: &str) -> AlertChangeView {
    loop {
        let change = changes.message().await.unwrap().unwrap();
        if change.alert.as_ref().unwrap().task == task {
            return change;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn alerts_are_told_from_a_record_on_and_as_they_come() {
    let service = Service::new().await;
    over(&service, "T-1").await;
    let mut client = AlertsClient::new(service.calls.clone());
    let mut changes = client.watch(WatchRequest { after: 0 }).await.unwrap().into_inner();
    let first = next(&mut changes, "T-1").await;
    assert_eq!(first.change, "raised");
    over(&service, "T-2").await;
    let second = next(&mut changes, "T-2").await;
    assert!(second.sequence > first.sequence);
    let mut later = client.watch(WatchRequest { after: second.sequence - 1 }).await.unwrap().into_inner();
    assert_eq!(next(&mut later, "T-2").await, second, "it goes on where it was");
    let page = service.get("/v1/alerts/changes?wait_ms=0").await;
    let shown = serde_json::to_value(&second).unwrap();
    assert_eq!(
        page["changes"].as_array().unwrap().iter().find(|one| one["sequence"] == shown["sequence"]).unwrap()
            ["alert"]["id"],
        shown["alert"]["id"]
    );
    service.ledger.close_waits();
    let ended = loop {
        if let Err(ended) = changes.message().await {
            break ended;
        }
    };
    assert_eq!((ended.code(), code(&ended)), (Code::Unavailable, "stream_ended"), "{ended:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_is_revoked_ends_what_it_follows() {
    let service = Service::new().await;
    let root = service.close().await;
    let key = service.make_key(&root, &json!({"key": "watcher", "scopes": ["read"]})).await;
    let mut client = AlertsClient::new(service.calls.with(&key));
    let mut changes = client.watch(WatchRequest { after: 0 }).await.unwrap().into_inner();
    let (status, _) = service.http("POST", "/v1/keys/watcher/revoke", &root, &json!({})).await;
    assert_eq!(status, 200);
    let appender = EventsClient::new(service.calls.with(&root));
    let request = events(vec![opened("1", "T"), started("2", "T", "PLAN"), used("3", "T", "PLAN", 90_000)]);
    let _ = appender.clone().append(request).await.unwrap();
    let ended = changes.message().await.unwrap_err();
    assert_eq!(code(&ended), "stream_ended", "{ended:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_work_of_a_call_is_given_up_at_its_deadline() {
    let service = Service::new().await;
    over(&service, "T-1").await;
    let position = service.get("/v1/position").await["position"].as_str().unwrap().to_owned();
    // One record more than there is: the view would wait for it for a minute.
    let (log, parts) = position.split_once('@').unwrap();
    let (partition, _) = parts.split(',').next().unwrap().split_once(':').unwrap();
    let ahead = format!("{log}@{partition}:999999");
    let asked =
        TaskQuery { task: "T-1".to_owned(), at_least: ahead, wait_ms: Some(60_000), ..TaskQuery::default() };
    let mut asked = Request::new(asked);
    asked.set_timeout(Duration::from_millis(50));
    let late = TasksClient::new(service.calls.clone()).get(asked).await.unwrap_err();
    assert_eq!((late.code(), code(&late)), (Code::DeadlineExceeded, "deadline_exceeded"), "{late:?}");

    let mut asked = Request::new(WatchRequest { after: 0 });
    asked.set_timeout(Duration::from_millis(200));
    let mut changes = AlertsClient::new(service.calls.clone()).watch(asked).await.unwrap().into_inner();
    let late = loop {
        if let Err(late) = changes.message().await {
            break late;
        }
    };
    assert_eq!((late.code(), code(&late)), (Code::DeadlineExceeded, "deadline_exceeded"), "{late:?}");

    let mut requests = Request::new(stream::pending());
    requests.set_timeout(Duration::from_millis(50));
    let mut replies =
        EventsClient::new(service.calls.clone()).append_stream(requests).await.unwrap().into_inner();
    assert_eq!(replies.next().await.unwrap().unwrap_err().code(), Code::DeadlineExceeded);
}

#[tokio::test(flavor = "multi_thread")]
async fn health_is_told_without_a_key() {
    let service = Service::new().await;
    let _ = service.close().await;
    let mut client = HealthClient::new(service.calls.clone());
    for name in ["", "tollgate.api.v1.Gate", "tollgate.api.v1.Events"] {
        let asked = HealthCheckRequest { service: name.to_owned() };
        let told = client.check(asked).await.unwrap().into_inner();
        assert_eq!(told.status(), ServingStatus::Serving, "{name}");
    }
    let nobody = HealthCheckRequest { service: "nobody".to_owned() };
    let unknown = client.check(nobody.clone()).await.unwrap_err();
    assert_eq!((unknown.code(), code(&unknown)), (Code::NotFound, "not_found"), "{unknown:?}");
    let mut watched = client.watch(HealthCheckRequest::default()).await.unwrap().into_inner();
    assert_eq!(watched.message().await.unwrap().unwrap().status(), ServingStatus::Serving);
    let mut of_nobody = client.watch(nobody).await.unwrap().into_inner();
    assert_eq!(of_nobody.message().await.unwrap().unwrap().status(), ServingStatus::ServiceUnknown);
    service.stop.send(true).unwrap();
    assert_eq!(watched.message().await.unwrap_err().code(), Code::Unavailable);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_schema_is_told_to_those_with_a_key() {
    let service = Service::new().await;
    let root = service.close().await;
    let reader = service.make_key(&root, &json!({"key": "reader", "scopes": ["read"]})).await;
    let asked = ServerReflectionRequest {
        host: String::new(),
        message_request: Some(MessageRequest::ListServices(String::new())),
    };
    let requests = || stream::iter([asked.clone()]);
    let refused = ServerReflectionClient::new(service.calls.clone()).server_reflection_info(requests()).await;
    let refused = refused.unwrap_err();
    assert_eq!((refused.code(), code(&refused)), (Code::Unauthenticated, "unauthenticated"), "{refused:?}");
    let mut client = ServerReflectionClient::new(service.calls.with(&reader));
    let mut told = client.server_reflection_info(requests()).await.unwrap().into_inner();
    let told = told.message().await.unwrap().unwrap().message_response.unwrap();
    let MessageResponse::ListServicesResponse(list) = told else { panic!("{told:?}") };
    let names: Vec<&str> = list.service.iter().map(|service| service.name.as_str()).collect();
    for service in schema().services() {
        assert!(names.contains(&service.full_name()), "{names:?}");
    }
    assert!(names.contains(&"grpc.health.v1.Health"), "{names:?}");
}
