//! What fails, and how gRPC says it.

use tollgate_grpc::proto::events_client::EventsClient;
use tollgate_grpc::proto::gate_client::GateClient;
use tollgate_grpc::proto::tasks_client::TasksClient;
use tollgate_grpc::proto::{GateRequest, TaskQuery, TasksQuery};
use tollgate_server::problem::KINDS;
use tonic::Code;
use tonic_types::StatusExt;

use crate::support::{Service, code, events, used};

/// Each stable code of the API that a call can meet, by the status that it has here.
const CODES: &str = "
invalid_argument     invalid media_type too_large
unauthenticated      unauthenticated
permission_denied    forbidden_origin not_permitted
not_found            alert_unknown allocation_unknown budget_unknown key_unknown not_found policy_unknown price_not_waiting quarantine_unknown task_unknown
already_exists       conflict key_taken
aborted              contended
failed_precondition  breaker_closed config_invalid degraded key_ended other_ledger over_budget price_sources quarantine_ended refused
resource_exhausted   disk_full overloaded rate_limited
unavailable          busy crowded log_unreadable no_issuer_keys no_projector projector_failed stale stopped too_slow unknown_outcome
unimplemented        method_not_allowed
internal             internal
";

fn word(code: Code) -> String {
    let mut word = String::new();
    for letter in format!("{code:?}").chars() {
        if letter.is_uppercase() && !word.is_empty() {
            word.push('_');
        }
        word.push(letter.to_ascii_lowercase());
    }
    word
}

#[test]
fn every_code_of_the_api_has_its_status() {
    let mut expected: Vec<(String, String)> = Vec::new();
    for line in CODES.lines().filter(|line| !line.is_empty()) {
        let mut words = line.split_whitespace().map(str::to_owned);
        let status = words.next().unwrap();
        expected.extend(words.map(|code| (code, status.clone())));
    }
    let mut found: Vec<(String, String)> = KINDS
        .iter()
        .map(|kind| (kind.code.to_owned(), word(tollgate_grpc::code_of(kind.code, kind.status))))
        .collect();
    expected.sort();
    found.sort();
    assert_eq!(found, expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failure_has_the_sentence_the_code_and_the_field() {
    let service = Service::new().await;
    let mut tasks = TasksClient::new(service.calls.clone());
    let unknown = tasks.get(TaskQuery { task: "T-9".to_owned(), ..TaskQuery::default() }).await.unwrap_err();
    assert_eq!((unknown.code(), code(&unknown)), (Code::NotFound, "task_unknown"));
    let (_, problem) = service.http("GET", "/v1/tasks/T-9", "", &serde_json::Value::Null).await;
    assert_eq!(unknown.message(), problem["detail"]);
    let info = unknown.get_details_error_info().unwrap();
    assert_eq!((info.reason.as_str(), info.domain.as_str()), ("TASK_UNKNOWN", "tollgate"));
    assert_eq!((info.metadata["status"].as_str(), info.metadata["retryable"].as_str()), ("404", "false"));

    for (asked, field) in [
        (TaskQuery::default(), "task"),
        (TaskQuery { task: "T".to_owned(), tenant: "a b".to_owned(), ..TaskQuery::default() }, "tenant"),
        (TaskQuery { task: "T".to_owned(), at_least: "x".to_owned(), ..TaskQuery::default() }, "at_least"),
        (TaskQuery { task: "T".to_owned(), wait_ms: Some(u64::MAX), ..TaskQuery::default() }, "wait_ms"),
    ] {
        let refused = tasks.get(asked.clone()).await.unwrap_err();
        assert_eq!(
            (refused.code(), code(&refused)),
            (Code::InvalidArgument, "invalid"),
            "{asked:?}: {refused:?}"
        );
        let violations = refused.get_details_bad_request().unwrap().field_violations;
        assert_eq!(violations[0].field, field, "{refused:?}");
    }
    let refused = tasks.list(TasksQuery { limit: Some(0), ..TasksQuery::default() }).await.unwrap_err();
    assert_eq!(refused.get_details_bad_request().unwrap().field_violations[0].field, "limit");
    let nothing = GateRequest { task: "T".to_owned(), ..GateRequest::default() };
    let refused = GateClient::new(service.calls.clone()).decide(nothing).await.unwrap_err();
    assert_eq!(refused.code(), Code::InvalidArgument);
    assert!(refused.message().contains("advance_to"), "{refused:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_call_is_refused_in_grpc() {
    let service = Service::new().await;
    let framed = |body: &[u8]| [&[0][..], &u32::try_from(body.len()).unwrap().to_be_bytes(), body].concat();
    let get = "/tollgate.api.v1.Tasks/Get";
    let zipped = [&[1][..], &1_u32.to_be_bytes(), &[0]].concat();
    let large = framed(&vec![0; tollgate_grpc::MAX_MESSAGE_BYTES + 1]);
    for (path, headers, body, expected) in [
        (get, &[][..], framed(&[0xff, 0xff]), (Code::InvalidArgument, "invalid")),
        (get, &[], framed(&[0x0a, 0x01, 0xff]), (Code::InvalidArgument, "invalid")),
        (get, &[], large, (Code::InvalidArgument, "too_large")),
        (get, &[("grpc-timeout", "soon")], framed(&[]), (Code::InvalidArgument, "invalid")),
        (get, &[("grpc-encoding", "gzip")], zipped, (Code::Unimplemented, "unimplemented")),
        (get, &[("host", "evil.example")], framed(&[]), (Code::PermissionDenied, "forbidden_origin")),
        (
            get,
            &[("origin", "http://evil.example")],
            framed(&[]),
            (Code::PermissionDenied, "forbidden_origin"),
        ),
        (get, &[("tollgate-ledger", "other")], framed(&[]), (Code::FailedPrecondition, "other_ledger")),
        ("/tollgate.api.v1.Tasks/Put", &[], framed(&[]), (Code::Unimplemented, "unimplemented")),
        ("/tollgate.api.v2.Tasks/Get", &[], framed(&[]), (Code::Unimplemented, "unimplemented")),
        ("/v1/tasks", &[], framed(&[]), (Code::Unimplemented, "unimplemented")),
    ] {
        // Of a task, where its name has to be read.
        let body = if headers.iter().any(|(name, _)| ["host", "origin", "tollgate-ledger"].contains(name)) {
            framed(&[0x12, 0x01, b'T'])
        } else {
            body
        };
        let status = service.calls.raw(path, headers, body).await;
        assert_eq!((status.code(), code(&status)), expected, "{path} {headers:?}: {status:?}");
    }
    // On a stream a message is smaller.
    let long = "x".repeat(tollgate_grpc::MAX_STREAMED_BYTES);
    let mut event = used("1", "T-1", "", 1);
    event.trace_parent = long;
    let requests = futures_util::stream::iter([events(vec![event])]);
    let mut client = EventsClient::new(service.calls.clone());
    let mut replies = client.append_stream(requests).await.unwrap().into_inner();
    let refused = replies.message().await.unwrap_err();
    assert_eq!((refused.code(), code(&refused)), (Code::InvalidArgument, "too_large"), "{refused:?}");
}
