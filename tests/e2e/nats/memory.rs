//! Servers that remember what they last decided, over NATS: what others did in the meantime counts.

use serde_json::{Value, json};
use tollgate_domain::position::PartitionId;
use tollgate_log::contract::{Batch, EventLog, NewEvent};
use tollgate_log::key::ContentHash;
use tollgate_log_jetstream::{JetStreamLog, Options};
use tollgate_tests::nats::Cluster;
use tollgate_tests::{Server, request};
use tollgate_wire::{Defaults, Submitted};

/// Records whose ids a process reads when it starts; anything beyond that is forgotten.
const REMEMBERED: usize = 4096;

fn post(server: &Server, path: &str, body: &Value) -> (u16, Value) {
    let (status, text) = request(&server.url, "POST", path, &body.to_string()).unwrap();
    (status, serde_json::from_str(&text).unwrap())
}

/// Sends `start PLAN` or `end PLAN` for a task; returns outcome and code.
fn step(server: &Server, task: &str, id: &str, step: &str) -> String {
    let (kind, phase) = step.split_once(' ').unwrap();
    let kind = if kind == "start" { "phase_started" } else { "phase_ended" };
    let mut sent = json!({"id": id, "task": task});
    sent[kind] = json!({"phase": phase});
    let sent = json!({"producer": "p", "events": [sent]});
    let mut answered = post(server, "/v1/events", &sent);
    // The machine is busy with other things too: a view may take its time.
    while answered.1["outcomes"][0]["code"] == "stale" {
        answered = post(server, "/v1/events", &sent);
    }
    let (status, answer) = answered;
    let outcome = &answer["outcomes"][0];
    match (outcome["outcome"].as_str(), outcome["code"].as_str()) {
        (Some(outcome), Some(code)) => format!("{outcome} {code}"),
        (Some(outcome), None) => outcome.to_owned(),
        (None, _) => format!("{status} {}", answer["code"].as_str().unwrap_or_default()),
    }
}

fn open(server: &Server, task: &str) {
    let opened = json!({"id": "open", "task": task, "task_opened": {}});
    let (status, answer) = post(server, "/v1/events", &json!({"producer": "p", "events": [opened]}));
    assert_eq!(status, 201, "{answer}");
}

#[test]
fn two_servers_and_commands_take_turns() {
    let Some(cluster) = Cluster::start() else { return };
    let (a, b) = (cluster.serve(), cluster.serve());
    open(&a, "T-1");
    for (id, server, what, then) in [
        ("1", &a, "start PLAN", "appended"),
        ("2", &b, "end PLAN", "appended"),
        ("3", &a, "end PLAN", "refused phase_mismatch"),
        ("4", &a, "start SPEC", "appended"),
        ("5", &b, "start SPEC", "refused phase_already_active"),
        ("6", &b, "end SPEC", "appended"),
        ("7", &b, "start SPEC", "appended"),
        ("4", &b, "start SPEC", "duplicate"),
        ("8", &a, "end SPEC", "appended"),
        ("7", &a, "start SPEC", "duplicate"),
        ("9", &b, "start THINK", "appended"),
        ("10", &a, "start PLAN", "refused phase_already_active"),
    ] {
        assert_eq!(step(server, "T-1", id, what), then, "{id}");
    }
    // A command brings the task to where the work is; neither server was involved.
    let url = cluster.nats.url();
    let _ = cluster.place.ok(&format!("--log {url} task recover T-1 --to REVIEW --id r"));
    assert_eq!(step(&a, "T-1", "11", "end THINK"), "refused phase_mismatch");
    assert_eq!(step(&b, "T-1", "12", "end REVIEW"), "appended");
    let shown = cluster.json("task show T-1");
    let attempts = |phase: &str| {
        let runs = shown["executions"].as_array().unwrap().iter();
        runs.filter(|run| run["phase"] == phase && run["state"] == "ended").count()
    };
    let ended = ["PLAN", "SPEC", "THINK", "REVIEW"].map(attempts);
    assert_eq!((ended, &shown["active"]), ([1, 2, 1, 1], &Value::Null), "{shown}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_id_of_long_ago_is_no_new_decision() {
    let Some(cluster) = Cluster::start() else { return };
    let first = cluster.serve();
    open(&first, "T-1");
    for (id, what) in [("s1", "start PLAN"), ("e1", "end PLAN")] {
        assert_eq!(step(&first, "T-1", id, what), "appended");
    }
    first.kill();
    let log = JetStreamLog::connect(Options::new(cluster.nats.url())).await.unwrap();
    let filled = fill(&log).await;
    assert_eq!(filled, REMEMBERED + 1);
    let second = cluster.serve();
    // It now remembers the task, but not what became of it before.
    for (id, what) in [("s2", "start SPEC"), ("e2", "end SPEC")] {
        assert_eq!(step(&second, "T-1", id, what), "appended");
    }
    // In a different batch than before, so that the nats-server's window does not know it.
    let again = json!({"id": "s1", "task": "T-1", "phase_started": {"phase": "PLAN"}});
    let usage =
        json!({"id": "u", "task": "T-1", "usage_recorded": {"phase": "PLAN", "tokens": {"output": 3}}});
    let (status, answer) = post(&second, "/v1/events", &json!({"producer": "p", "events": [again, usage]}));
    assert!(matches!(status, 200 | 201), "{answer}");
    assert_eq!(step(&second, "T-1", "e3", "end PLAN"), "refused phase_mismatch", "nothing was started");
    assert_eq!(step(&second, "T-1", "s3", "start PLAN"), "appended");
    let shown = cluster.json("task show T-1");
    assert_eq!(
        (&shown["active"]["phase"], &shown["active"]["attempt"]),
        (&json!("PLAN"), &json!(2)),
        "{shown}"
    );
    assert_eq!(shown["tokens_used"], 3, "{shown}");
}

/// Appends records until earlier ones are forgotten.
async fn fill(log: &JetStreamLog) -> usize {
    let record = |number: usize| {
        let usage = json!({"id": format!("f{number}"), "producer": "p", "task": "F-1", "usage_recorded": {"tokens": {"output": 1}}});
        let submitted = Submitted::from_json(&usage.to_string(), &Defaults::default()).unwrap();
        let Submitted { event, .. } = &submitted;
        let new = NewEvent {
            task: event.task.clone(),
            producer: event.producer.clone(),
            id: event.id.clone(),
            content_hash: ContentHash::of_hash(submitted.content_hash()),
            payload: submitted.encode_stored(&event.body).unwrap(),
        };
        let partition = PartitionId::of(event.tenant.as_str(), event.task.as_str());
        Batch {
            tenant: event.tenant.clone(),
            partition,
            events: vec![new],
            decision: None,
            recorded_at: None,
        }
    };
    log.append_in_order((0..=REMEMBERED).map(record).collect()).await.receipts.len()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_decided_from_memory_in_a_stream_that_took_the_place_of_the_first() {
    let Some(cluster) = Cluster::start() else { return };
    let server = cluster.serve();
    open(&server, "T-1");
    assert_eq!(step(&server, "T-1", "s", "start PLAN"), "appended");
    let mut client = cluster.nats.connect();
    let (_, said) = client.request("$JS.API.STREAM.DELETE.TOLLGATE", &[], b"");
    assert!(String::from_utf8_lossy(&said).contains("\"success\":true"));
    let _ = cluster.place.ok(&format!("log init --max-bytes 256MiB --log {}", cluster.nats.url()));
    let end = json!({"id": "e", "task": "T-1", "phase_ended": {"phase": "PLAN"}});
    let end = json!({"producer": "p", "events": [end]}).to_string();
    // Queries made after its readers saw the other stream find no server: then it ends.
    if let Some((_, answer)) = server.post("/v1/events", &end) {
        let answer: Value = serde_json::from_str(&answer).unwrap();
        assert_eq!(answer["outcomes"][0]["code"], "internal", "the log has stopped: {answer}");
    }
    let (status, said) = server.ends();
    assert!(!status.success() && said.contains("the stream was replaced"), "{status}: {said}");
    let log = JetStreamLog::connect(Options::new(cluster.nats.url())).await.unwrap();
    let tail = log.tail().await.unwrap();
    assert_eq!(tail.highest().0, 0, "nothing of the old ledger is in the new one");
}
