//! Appending: one request, and many on a stream.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use futures_util::{StreamExt, stream};
use serde_json::json;
use tollgate_grpc::proto::events_client::EventsClient;
use tollgate_server::edge::ConnectionLimits;
use tollgate_wire::proto::{AppendReply, AppendRequest};
use tonic::Code;

use crate::support::{Service, code, events, opened, started, used};

/// Outcome and code of each event of a reply.
fn outcomes(reply: &AppendReply) -> Vec<String> {
    let shown = |outcome: &tollgate_wire::proto::EventOutcome| {
        format!("{} {} {}", outcome.id, outcome.outcome, outcome.code).trim_end().to_owned()
    };
    reply.outcomes.iter().map(shown).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn each_event_has_an_outcome_and_is_appended_once() {
    let service = Service::new().await;
    let mut client = EventsClient::new(service.calls.clone());
    let request = events(vec![opened("1", "T-1"), used("2", "T-1", "", 10)]);
    let first = client.append(request.clone()).await.unwrap().into_inner();
    assert_eq!(outcomes(&first), ["1 appended", "2 appended"]);
    assert!(first.problem.is_none() && first.position.contains('@'), "{first:?}");
    let again = client.append(request).await.unwrap().into_inner();
    assert_eq!(outcomes(&again), ["1 duplicate", "2 duplicate"]);
    assert_eq!(again.outcomes[0].sequence, first.outcomes[0].sequence);

    // Other content under the same id; what a rule refuses; and another task, which goes in.
    let request =
        events(vec![used("2", "T-1", "", 11), started("3", "T-2", "PLAN"), used("4", "T-3", "", 1)]);
    let reply = client.append(request).await.unwrap().into_inner();
    assert_eq!(
        outcomes(&reply),
        ["2 conflict conflict", "3 refused task_not_open", "4 appended"],
        "{reply:?}"
    );
    let problem = reply.problem.unwrap();
    assert_eq!((problem.code.as_str(), problem.status, problem.retryable), ("conflict", 409, false));

    // What cannot be read is named by its field.
    let reply = client.append(events(vec![used("5", " T", "", 1)])).await.unwrap().into_inner();
    assert_eq!(reply.outcomes[0].outcome, "refused", "{reply:?}");
    assert!(reply.outcomes[0].detail.contains("task: ` T`"), "{reply:?}");
    let many = (0..501).map(|nth| used(&format!("m{nth}"), "T-1", "", 1)).collect();
    for request in [
        events(many),
        events(Vec::new()),
        AppendRequest { tenant: "a b".to_owned(), ..events(vec![opened("1", "T")]) },
    ] {
        let refused = client.append(request).await.unwrap_err();
        assert_eq!((refused.code(), code(&refused)), (Code::InvalidArgument, "invalid"), "{refused:?}");
        assert!(
            ["events: `", "tenant: `"].iter().any(|field| refused.message().starts_with(field)),
            "{refused:?}"
        );
    }
    let task = service.get("/v1/tasks/T-1?at_least=tail").await;
    assert_eq!(task["tokens_used"], 10);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_is_answered_in_order_and_read_no_faster_than_it_is_answered() {
    let service = Service::new().await;
    let mut client = EventsClient::new(service.calls.clone());
    let read = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&read);
    // Large enough that the channel does not gather several of them before it sends.
    let requests = (0..40).map(move |nth| {
        counted.fetch_add(1, Ordering::SeqCst);
        let event = |event| used(&format!("s{nth}-{event}"), &"T".repeat(100), "", 1);
        events((0..400).map(event).chain([used("same", "T-1", "", 7)]).collect())
    });
    let mut replies = client.append_stream(stream::iter(requests)).await.unwrap().into_inner();
    for nth in 0..40 {
        let reply = replies.next().await.unwrap().unwrap();
        let same = if nth == 0 { "same appended" } else { "same duplicate" };
        let outcomes = outcomes(&reply);
        assert_eq!((outcomes[0].as_str(), outcomes[400].as_str()), (&*format!("s{nth}-0 appended"), same));
        let ahead = read.load(Ordering::SeqCst) - nth;
        // What both ends gather before they send is bounded; without back-pressure all 40 would have been read.
        assert!(ahead <= 8, "{ahead} requests were read before reply {nth} was taken");
    }
    assert!(replies.next().await.is_none());
    assert_eq!(service.get("/v1/tasks/T-1?at_least=tail").await["tokens_used"], 7);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_keeps_a_stream_open_and_a_failure_ends_it() {
    let service = Service::new().await;
    let mut client = EventsClient::new(service.calls.clone());
    let requests = vec![
        events(vec![started("1", "T-1", "PLAN")]),
        events(vec![opened("2", "T-1")]),
        events(Vec::new()),
        events(vec![used("3", "T-1", "", 1)]),
    ];
    let mut replies = client.append_stream(stream::iter(requests)).await.unwrap().into_inner();
    let refused = replies.next().await.unwrap().unwrap();
    assert_eq!(outcomes(&refused), ["1 refused task_not_open"]);
    assert_eq!(outcomes(&replies.next().await.unwrap().unwrap()), ["2 appended"]);
    let failed = replies.next().await.unwrap().unwrap_err();
    assert_eq!((failed.code(), code(&failed)), (Code::InvalidArgument, "invalid"), "{failed:?}");
    assert!(replies.next().await.is_none(), "nothing after a failure is appended");
    assert_eq!(service.get("/v1/tasks/T-1?at_least=tail").await["tokens_used"], 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_beyond_the_rate_of_its_key_waits_instead_of_failing() {
    let service = Service::new().await;
    let root = service.close().await;
    let slow = json!({"key": "slow", "scopes": ["append"], "requests_per_second": 2, "burst": 2});
    let key = service.make_key(&root, &slow).await;
    // One request of the burst is for whether the key is known.
    let requests = (0..3).map(|nth| events(vec![used(&format!("{nth}"), "T-1", "", 1)]));
    let mut client = EventsClient::new(service.calls.with(&key));
    let replies = client.append_stream(stream::iter(requests)).await.unwrap().into_inner();
    let replies: Vec<_> = replies.map(|reply| outcomes(&reply.unwrap())).collect().await;
    assert_eq!(replies, [["0 appended"], ["1 appended"], ["2 appended"]]);
    let (mut calls, mut refused) = (0, None);
    while refused.is_none() {
        refused = client.append(events(vec![used("0", "T-1", "", 1)])).await.err();
        calls += 1;
        assert!(calls < 1000, "a single call is refused beyond the rate");
    }
    let refused = refused.unwrap();
    assert_eq!((refused.code(), code(&refused)), (Code::ResourceExhausted, "rate_limited"), "{refused:?}");
    assert_eq!(refused.metadata().get("tollgate-retryable").unwrap(), "true");
}

#[tokio::test(flavor = "multi_thread")]
async fn streams_take_the_places_of_those_who_follow_and_end_with_the_server() {
    let service = Service::with(ConnectionLimits { streams: 1, ..ConnectionLimits::default() }).await;
    let mut client = EventsClient::new(service.calls.clone());
    let first = stream::iter([events(vec![used("1", "T-1", "", 1)])]).chain(stream::pending());
    let mut replies = client.append_stream(first).await.unwrap().into_inner();
    assert_eq!(outcomes(&replies.next().await.unwrap().unwrap()), ["1 appended"]);
    let second = client.append_stream(stream::pending()).await.unwrap_err();
    assert_eq!((second.code(), code(&second)), (Code::Unavailable, "crowded"), "{second:?}");
    service.stop.send(true).unwrap();
    let ended = replies.next().await.unwrap().unwrap_err();
    assert_eq!((ended.code(), code(&ended)), (Code::Unavailable, "stream_ended"), "{ended:?}");
    drop(replies);
    let third = client.append_stream(stream::pending()).await.unwrap().into_inner().next().await;
    assert_eq!(code(&third.unwrap().unwrap_err()), "stream_ended", "its place is free again");
}

#[tokio::test(flavor = "multi_thread")]
async fn http_takes_events_in_protobuf_too() {
    use prost::Message;
    let service = Service::new().await;
    let root = service.close().await;
    let reader = service.make_key(&root, &json!({"key": "reader", "scopes": ["read"]})).await;
    let body = events(vec![opened("1", "T-1")]).encode_to_vec();
    for (key, body, status, kind) in [
        (&root, body.clone(), 201, "application/x-protobuf"),
        (&root, body.clone(), 200, "application/x-protobuf"),
        (&root, events(vec![opened("2", "T-1")]).encode_to_vec(), 422, "application/x-protobuf"),
        (&root, vec![0xff], 400, "application/problem+json"),
        (&reader, body, 403, "application/problem+json"),
    ] {
        let (found, headers, read) = service.calls.with(key).protobuf("/v1/events", body).await;
        assert_eq!((found, headers["content-type"].to_str().unwrap()), (status, kind));
        if kind.ends_with("protobuf") {
            assert_eq!(AppendReply::decode(read).unwrap().outcomes.len(), 1);
        }
    }
}
