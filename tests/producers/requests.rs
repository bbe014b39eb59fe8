//! Appending by a request, using nothing but the NATS protocol.

use prost::Message;
use serde_json::{Value, json};
use tollgate_tests::nats::{Cluster, Headers, RawClient};
use tollgate_wire::proto;

const APPEND: &str = "tollgate.v1.append";
const PROTOBUF: [(&str, &str); 1] = [("Content-Type", "application/x-protobuf")];

/// A request, and the status, outcomes and code of its answer.
type Line = (&'static str, Vec<u8>, u16, &'static [&'static str], &'static str);

fn usage(task: &str, id: &str, output: u64) -> Value {
    json!({"id": id, "task": task, "usage_recorded": {"tokens": {"output": output}}})
}

/// Sends a request in JSON; returns the status that HTTP would answer with, and the answer.
fn append(client: &mut RawClient, request: &[u8]) -> (u16, Value) {
    let (headers, answer) = client.request(APPEND, &[], request);
    assert_eq!(headers.get("Content-Type").map(String::as_str), Some("application/json"), "{headers:?}");
    (status(&headers), serde_json::from_slice(&answer).unwrap())
}

fn status(headers: &Headers) -> u16 {
    headers.get("Nats-Service-Error-Code").map_or(200, |code| code.parse().unwrap())
}

fn outcomes(answer: &Value) -> Vec<String> {
    let one = |one: &Value| {
        let texts = ["id", "outcome", "code"].map(|field| one[field].as_str().unwrap_or_default());
        texts.join(" ").trim_end().to_owned()
    };
    answer["outcomes"].as_array().map(|all| all.iter().map(one).collect()).unwrap_or_default()
}

fn of(events: &[Value]) -> Vec<u8> {
    serde_json::to_vec(&json!({"producer": "raw", "events": events})).unwrap()
}

#[test]
fn every_kind_of_answer_comes_over_the_bare_protocol() {
    let Some(cluster) = Cluster::start() else { return };
    let (headers, _) = cluster.nats.connect().request(APPEND, &[], b"{}");
    assert!(headers["Status"].starts_with("503"), "nobody listens before a server is there: {headers:?}");
    let _server = cluster.serve();
    let mut client = cluster.nats.connect();
    let many: Vec<Value> = (0..501).map(|nth| usage("T-9", &format!("m{nth}"), 1)).collect();
    let table: &[Line] = &[
        ("new", of(&[usage("T-1", "a", 10)]), 200, &["a appended"], ""),
        ("the same again", of(&[usage("T-1", "a", 10)]), 200, &["a duplicate"], ""),
        (
            "other content",
            of(&[usage("T-1", "a", 11), usage("T-2", "b", 1)]),
            409,
            &["a conflict conflict", "b appended"],
            "conflict",
        ),
        (
            "a rule",
            of(&[json!({"id": "c", "task": "T-1", "phase_ended": {"phase": "PLAN"}})]),
            422,
            &["c refused task_not_open"],
            "refused",
        ),
        (
            "a field",
            of(&[json!({"id": "d", "task": "T-1", "usage_recorded": {"tokens": {"output": -1}}})]),
            422,
            &["d refused invalid"],
            "refused",
        ),
        ("no id", of(&[json!({"task": "T-1", "usage_recorded": {}})]), 422, &[" refused invalid"], "refused"),
        ("no events", of(&[]), 400, &[], "invalid"),
        ("too many", of(&many), 400, &[], "invalid"),
        ("no JSON", b"\xff\x00garbage".to_vec(), 400, &[], "invalid"),
        ("nothing", Vec::new(), 400, &[], "invalid"),
        ("no list", br#"{"events": "all"}"#.to_vec(), 400, &[], "invalid"),
        ("another tenant", br#"{"tenant": "a b", "events": [{}]}"#.to_vec(), 400, &[], "invalid"),
    ];
    for (what, request, wanted, expected, code) in table {
        let (status, answer) = append(&mut client, request);
        assert_eq!(
            (status, outcomes(&answer)),
            (*wanted, expected.iter().map(|&line| line.to_owned()).collect()),
            "{what}: {answer}"
        );
        assert_eq!(answer["code"].as_str().unwrap_or_default(), *code, "{what}: {answer}");
    }
    assert_eq!(cluster.json("task show T-1")["tokens"]["output"], 10);
    assert_eq!(cluster.json("report")["usage_events"], 2);
}

#[test]
fn protobuf_is_taken_and_answered_where_the_header_says_so() {
    let Some(cluster) = Cluster::start() else { return };
    let _server = cluster.serve();
    let mut client = cluster.nats.connect();
    let mut ask = |request: &[u8]| {
        let (headers, answer) = client.request(APPEND, &PROTOBUF, request);
        assert_eq!(headers["Content-Type"], PROTOBUF[0].1, "{headers:?}");
        (status(&headers), proto::AppendReply::decode(answer.as_slice()).unwrap())
    };
    let event = |output| {
        let tokens = proto::TokenCounts { output, ..Default::default() };
        let usage = proto::UsageRecorded { tokens: Some(tokens), ..Default::default() };
        let body = Some(proto::event::Body::UsageRecorded(usage));
        proto::Event { task: "T-1".to_owned(), id: "a".to_owned(), body, ..Default::default() }
    };
    let request = |output| {
        let request = proto::AppendRequest {
            producer: "raw".to_owned(),
            events: vec![event(output)],
            ..Default::default()
        };
        request.encode_to_vec()
    };
    let outcome = |reply: &proto::AppendReply| reply.outcomes[0].outcome.clone();
    let (status, first) = ask(&request(10));
    assert_eq!(
        (status, outcome(&first).as_str(), first.problem.is_none()),
        (200, "appended", true),
        "{first:?}"
    );
    let (_, again) = ask(&request(10));
    assert_eq!((outcome(&again).as_str(), &again.position), ("duplicate", &first.position), "{again:?}");
    let (status, other) = ask(&request(11));
    assert_eq!((status, outcome(&other).as_str(), other.problem.unwrap().status), (409, "conflict", 409));
    let (status, garbage) = ask(b"\xff\xff\xff");
    assert_eq!((status, garbage.problem.unwrap().code.as_str()), (400, "invalid"));
    assert_eq!(cluster.json("task show T-1")["tokens"]["output"], 10);
}
