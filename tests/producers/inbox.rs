//! The inbox, published to with nothing but the NATS protocol, and drained by servers that die.

use std::time::Duration;

use prost::Message;
use serde_json::{Value, json};
use tollgate_tests::nats::{Cluster, RawClient};
use tollgate_tests::{Follower, Server, request};
use tollgate_wire::proto;

/// Publishes a message and waits until JetStream has it.
fn publish(client: &mut RawClient, subject: &str, headers: &[(&str, &str)], payload: &[u8]) {
    let (_, answer) = client.request(subject, headers, payload);
    let kept: Value = serde_json::from_slice(&answer).unwrap();
    assert_eq!(kept["stream"], "TOLLGATE_IN", "{kept}");
}

/// JetStream's answer to a request.
fn api(client: &mut RawClient, subject: &str, request: &Value) -> Value {
    let (_, answer) = client.request(&format!("$JS.API.{subject}"), &[], request.to_string().as_bytes());
    serde_json::from_slice(&answer).unwrap()
}

/// The number of messages in the inbox.
fn left(client: &mut RawClient) -> u64 {
    let info = api(client, "STREAM.INFO.TOLLGATE_IN", &json!({}));
    info["state"]["messages"].as_u64().unwrap_or_else(|| panic!("{info}"))
}

/// Waits until the inbox is empty.
#[track_caller]
pub(crate) fn drained(cluster: &Cluster) {
    let mut client = cluster.nats.connect();
    for _ in 0..3000 {
        if left(&mut client) == 0 {
            return;
        }
        // No message comes: this waits.
        client.silent_for(Duration::from_millis(20));
    }
    panic!("after a minute {} messages are left", left(&mut client));
}

fn follow(cluster: &Cluster) -> Follower {
    let url = cluster.nats.url();
    let args = ["--log", &url, "--format", "json", "log", "tail", "--follow", "--records", "0"];
    Follower::of(&cluster.place, &args)
}

/// The recorded events, one JSON value each.
fn recorded(cluster: &Cluster) -> Vec<Value> {
    let line = format!("--log {} --format json log tail --records 0", cluster.nats.url());
    let out = cluster.place.ok(&line);
    out.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// Tenant and task in the subject, headers, and what is published.
type Published = (&'static str, &'static [(&'static str, &'static str)], Vec<u8>);

const OF_PRODUCER: (&str, &str) = ("Tollgate-Producer", "p");
const PROTOBUF: (&str, &str) = ("Content-Type", "application/x-protobuf");

fn usage(id: &str, output: u64) -> Value {
    json!({"id": id, "producer": "p", "usage_recorded": {"tokens": {"output": output}}})
}

/// Each form once, and one event twice.
fn right() -> Vec<Published> {
    let text = |value: Value| value.to_string().into_bytes();
    let tokens = proto::TokenCounts { output: 1000, ..Default::default() };
    let recorded = proto::UsageRecorded { tokens: Some(tokens), ..Default::default() };
    let body = Some(proto::event::Body::UsageRecorded(recorded));
    let event = proto::Event { id: "d".to_owned(), body, ..Default::default() };
    let bare = json!({"usage_recorded": {"tokens": {"output": 100}}});
    let mut named = usage("b", 10);
    (named["tenant"], named["task"]) = (json!("default"), json!("T-1"));
    let several = json!({"producer": "q", "events": [usage("e", 10_000), usage("f", 10_000)]});
    vec![
        ("default.T-1", &[], text(usage("a", 1))),
        ("default.T-1", &[], text(named)),
        ("default.T-1", &[("Nats-Msg-Id", "c"), OF_PRODUCER], text(bare)),
        ("default.T-1", &[PROTOBUF, OF_PRODUCER], event.encode_to_vec()),
        ("default.T-1", &[], text(several)),
        ("default.T-1", &[], text(usage("a", 1))),
        ("default.task", &[("Tollgate-Task", "any name/of a task")], text(usage("a", 7))),
        ("acme.T-1", &[], text(usage("a", 5))),
    ]
}

/// What is wrong, each message under its code.
fn wrong() -> Vec<(&'static str, Published)> {
    let text = |code, text: &str| (code, ("default.T-1", &[][..], text.as_bytes().to_vec()));
    vec![
        text("conflict", r#"{"id": "a", "producer": "p", "usage_recorded": {"tokens": {"output": 2}}}"#),
        text("invalid", ""),
        text("invalid", "[]"),
        text("invalid", r#"{"events": []}"#),
        text("invalid", r#"{"producer": "p", "usage_recorded": {"tokens": {"output": 1}}}"#),
        text(
            "invalid",
            r#"{"task": "T-2", "id": "x", "producer": "p", "usage_recorded": {"tokens": {"output": 1}}}"#,
        ),
        text(
            "invalid",
            r#"{"tenant": "acme", "id": "x", "producer": "p", "usage_recorded": {"tokens": {"output": 1}}}"#,
        ),
        text(
            "invalid",
            r#"{"producer": "p", "events": [{"id": "g", "usage_recorded": {"tokens": {"output": 1}}}, {"id": "h", "usage": 1}]}"#,
        ),
        // The last one lacks a producer: the test accepts it after all.
        ("invalid", ("default.T-1", &[], b"\xff\x00garbage".to_vec())),
        ("invalid", ("default.T-1", &[PROTOBUF], b"\xff\xff\xff".to_vec())),
        ("invalid", ("a$b.T-1", &[], usage("a", 1).to_string().into_bytes())),
        (
            "invalid",
            (
                "default.T-1",
                &[("Nats-Msg-Id", "kept")],
                br#"{"usage_recorded": {"tokens": {"output": 1}}}"#.to_vec(),
            ),
        ),
    ]
}

/// Accepts the message that only lacks a producer, under the id in its header.
fn redrive_the_last(cluster: &Cluster, server: &Server, waiting: usize) {
    let get = |path: &str| -> Value {
        let (status, answer) = request(&server.url, "GET", path, "").unwrap();
        assert_eq!(status, 200, "{answer}");
        serde_json::from_str(&answer).unwrap()
    };
    let list = get("/v1/quarantine?at_least=tail");
    let messages = list["messages"].as_array().unwrap();
    assert_eq!(messages.len(), waiting, "{list}");
    let last = messages.iter().find(|message| message["headers"]["Nats-Msg-Id"] == "kept").unwrap();
    let end = json!({"by": "grace", "reason": "its producer is known", "producer": "p"}).to_string();
    let path = format!("/v1/quarantine/{}/redrive", last["id"].as_str().unwrap());
    let (status, ended) = request(&server.url, "POST", &path, &end).unwrap();
    assert_eq!(status, 200, "{ended}");
    assert!(recorded(cluster).iter().any(|event| event["id"] == "kept"), "{ended}");
    assert_eq!(cluster.json("task show T-1")["tokens"]["output"], 21_112);
    assert_eq!(get("/v1/quarantine?at_least=tail")["messages"].as_array().unwrap().len(), waiting - 1);
}

#[test]
fn each_form_is_appended_and_what_is_wrong_is_kept_as_rejected() {
    let Some(cluster) = Cluster::start() else { return };
    let mut client = cluster.nats.connect();
    let (right, wrong) = (right(), wrong());
    for (subject, headers, payload) in right.iter().chain(wrong.iter().map(|(_, published)| published)) {
        publish(&mut client, &format!("tollgate.v1.in.{subject}"), headers, payload);
    }
    // Nothing was lost while nothing was draining.
    assert_eq!(left(&mut client), (right.len() + wrong.len()) as u64);
    let server = cluster.serve();
    drained(&cluster);
    assert_eq!(cluster.json("task show T-1")["tokens"]["output"], 21_111);
    assert_eq!(cluster.json("task show \"any name/of a task\"")["tokens"]["output"], 7);
    assert_eq!(cluster.json("--tenant acme task show T-1")["tokens"]["output"], 5);
    assert_eq!(cluster.json("report")["usage_events"], 8);
    let mut rejected: Vec<(u64, String)> = recorded(&cluster)
        .iter()
        .filter_map(|event| {
            let body = &event["inbox_rejected"];
            Some((body["received_sequence"].as_u64()?, body["code"].as_str()?.to_owned()))
        })
        .collect();
    rejected.sort();
    let expected: Vec<(u64, String)> = (right.len() as u64 + 1..)
        .zip(&wrong)
        .map(|(sequence, (code, _))| (sequence, (*code).to_owned()))
        .collect();
    assert_eq!(rejected, expected);
    let (_, metrics) = request(&server.url, "GET", "/metrics", "").unwrap();
    assert!(metrics.contains("tollgate_inbox_messages_total{outcome=\"rejected\"} 12"), "{metrics}");
    assert!(!metrics.contains("outcome=\"later\""), "one was refused for another one: {metrics}");
    redrive_the_last(&cluster, &server, wrong.len());
}

#[test]
fn a_server_killed_while_it_drains_and_two_that_go_on_count_each_message_once() {
    const MESSAGES: usize = 3000;
    let Some(cluster) = Cluster::start() else { return };
    let mut client = cluster.nats.connect();
    // What a dead server holds is redelivered soon.
    let config = json!({"durable_name": "drain", "deliver_policy": "all", "ack_policy": "explicit", "replay_policy": "instant",
        "ack_wait": 2_000_000_000_u64, "max_deliver": -1, "max_ack_pending": 64});
    let made = api(
        &mut client,
        "CONSUMER.DURABLE.CREATE.TOLLGATE_IN.drain",
        &json!({"stream_name": "TOLLGATE_IN", "config": config}),
    );
    assert_eq!(made["config"]["ack_wait"], 2_000_000_000_u64, "{made}");
    for task in 0..8 {
        let subject = format!("tollgate.v1.in.default.T-{task}");
        publish(
            &mut client,
            &subject,
            &[],
            br#"{"id": "open", "producer": "p", "task_opened": {"complexity": "Large"}}"#,
        );
        publish(
            &mut client,
            &subject,
            &[],
            br#"{"id": "start", "producer": "p", "phase_started": {"phase": "PLAN"}}"#,
        );
    }
    for nth in 0..MESSAGES {
        publish_usage(&mut client, nth);
    }
    let server = cluster.serve();
    let mut follower = follow(&cluster);
    follower.wait_for(MESSAGES / 4);
    server.kill();
    drop(follower);
    let before = left(&mut client);
    assert!(before > 64, "the inbox was empty before its server was killed: {before}");
    let both = [cluster.serve(), cluster.serve()];
    drained(&cluster);
    let published = until_both_drain(&mut client, &cluster, &both, MESSAGES);
    let list = cluster.json("task list");
    let tasks = list["tasks"].as_array().unwrap();
    assert_eq!(tasks.len(), 8, "{list}");
    for task in tasks {
        assert_eq!((&task["stage"], &task["active"]["phase"]), (&json!("open"), &json!("PLAN")), "{task}");
    }
    let report = cluster.json("report");
    assert_eq!(
        (&report["usage_events"], &report["tokens"]["output"]),
        (&json!(published), &json!(published))
    );
    for server in &both {
        let metrics = metrics(server);
        assert!(!metrics.contains("outcome=\"rejected\""), "{metrics}");
    }
    let rebuilt = cluster.place.ok(&format!("--log {} view rebuild", cluster.nats.url()));
    assert_eq!(rebuilt.matches("identical, byte for byte").count(), 4, "{rebuilt}");
}

/// One token of one of eight tasks.
fn publish_usage(client: &mut RawClient, nth: usize) {
    let event = json!({"id": format!("u{nth}"), "producer": "p", "usage_recorded": {"phase": "PLAN", "tokens": {"output": 1}}});
    publish(client, &format!("tollgate.v1.in.default.T-{}", nth % 8), &[], event.to_string().as_bytes());
}

/// Publishes more, some at a time, until each of the servers has appended some: the first of them may have found the
/// inbox empty again before the other had started. Returns how many were published in all.
fn until_both_drain(
    client: &mut RawClient,
    cluster: &Cluster,
    both: &[Server; 2],
    mut published: usize,
) -> usize {
    const AT_A_TIME: usize = 200;
    for _ in 0..50 {
        if both
            .iter()
            .all(|server| metrics(server).contains("tollgate_inbox_messages_total{outcome=\"appended\"}"))
        {
            return published;
        }
        for nth in published..published + AT_A_TIME {
            publish_usage(client, nth);
        }
        published += AT_A_TIME;
        drained(cluster);
    }
    panic!("one did not drain while {published} messages came");
}

fn metrics(server: &Server) -> String {
    request(&server.url, "GET", "/metrics", "").unwrap().1
}
