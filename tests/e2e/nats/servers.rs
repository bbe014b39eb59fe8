//! Several servers of one ledger, with commands alongside.

use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::{Value, json};
use tollgate_tests::nats::Cluster;
use tollgate_tests::{Server, request};

fn usage(task: &str, id: &str, tokens: u64) -> Value {
    json!({"id": id, "task": task, "usage_recorded": {"tokens": {"output": tokens}}})
}

fn post(server: &Server, path: &str, body: &Value) -> (u16, Value) {
    let (status, text) = request(&server.url, "POST", path, &body.to_string()).unwrap();
    (status, serde_json::from_str(&text).unwrap())
}

fn append(server: &Server, events: &[Value]) -> (u16, Value) {
    post(server, "/v1/events", &json!({"producer": "p", "events": events}))
}

#[test]
fn what_one_says_the_others_see_at_once() {
    let Some(cluster) = Cluster::start() else { return };
    let (first, second) = (cluster.serve(), cluster.serve());
    let own = format!("--log {}", cluster.nats.url());
    let ways = [format!("--server {}", first.url), format!("--server {}", second.url), own];
    let mut used = 0;
    for (number, writes) in ways.iter().enumerate() {
        let task = format!("T-{number}");
        let _ = cluster.place.ok(&format!("{writes} task open {task} --complexity Small --id o"));
        let _ = cluster.place.ok(&format!("{writes} phase start {task} THINK --id s"));
        let _ = cluster.place.ok(&format!("{writes} usage record {task} --output 100 --id u"));
        used += 100;
        for reads in &ways {
            let shown = cluster.place.json(&format!("{reads} task show {task}"));
            assert_eq!(shown["active"]["phase"], "THINK", "{writes}, {reads}: {shown}");
            assert_eq!(cluster.place.json(&format!("{reads} report"))["tokens"]["total"], used);
            // What is already there is a duplicate at each of them.
            let again = cluster.place.ok(&format!("{reads} usage record {task} --output 100 --id u"));
            assert!(again.contains("it was there already"), "{writes}, {reads}: {again}");
            let told = cluster.place.fails(3, &format!("{reads} phase start {task} PLAN --id x-{task}"));
            assert!(told.contains("phase already active"), "{writes}, {reads}: {told}");
        }
    }
}

#[test]
fn what_comes_again_in_other_batches_through_another_server_counts_once() {
    let Some(cluster) = Cluster::start() else { return };
    let first = cluster.serve();
    let events: Vec<Value> = (0..40).map(|n| usage(&format!("T-{}", n % 3), &format!("u{n}"), 1)).collect();
    assert_eq!(append(&first, &events).0, 201);
    let report = || {
        let report = cluster.json("report");
        (report["usage_events"].as_u64().unwrap(), report["tokens"]["total"].as_u64().unwrap())
    };
    assert_eq!(report(), (40, 40));
    first.kill();
    // Another process, which has seen none of it, gets the same events in batches of a different size:
    // messages that the nats-server's window cannot know, as after the window has passed.
    let second = cluster.serve();
    for some in events.chunks(7) {
        let (status, answer) = append(&second, some);
        assert!(matches!(status, 200 | 201), "{status} {answer}");
    }
    // And mixed with new ones.
    let grown: Vec<Value> = (20..60).map(|n| usage(&format!("T-{}", n % 3), &format!("u{n}"), 1)).collect();
    assert!(matches!(append(&second, &grown).0, 200 | 201));
    assert_eq!(report(), (60, 60));
    let url = cluster.nats.url();
    // Different content under an old id: it is not counted, and that is reported.
    let (status, answer) = append(&cluster.serve(), &[usage("T-0", "u0", 1_000)]);
    assert!(matches!(status, 201 | 409), "{status} {answer}");
    assert_eq!(report(), (60, 60));
    if status == 201 {
        let alerts = cluster.place.ok(&format!("--log {url} alerts"));
        assert!(alerts.contains("conflict"), "{alerts}");
    }
    let rebuilt = cluster.json("view rebuild");
    assert!(rebuilt.as_array().unwrap().iter().all(|view| view["identical"] == true), "{rebuilt}");
}

#[test]
fn usage_at_full_rate_never_makes_a_decision_wait_for_another_try() {
    let Some(cluster) = Cluster::start() else { return };
    let servers = [cluster.serve(), cluster.serve()];
    assert_eq!(post(&servers[0], "/v1/tasks", &json!({"task": "T-1", "id": "o", "producer": "p"})).0, 201);
    let stop = AtomicBool::new(false);
    let recorded: usize = std::thread::scope(|scope| {
        let producers: Vec<_> = (0..4)
            .map(|producer| {
                let (server, stop) = (&servers[producer % 2], &stop);
                scope.spawn(move || {
                    let mut batches = 0;
                    while !stop.load(Ordering::Relaxed) {
                        let event = |n: usize| usage("T-1", &format!("{producer}-{batches}-{n}"), 1);
                        let (status, answer) = append(server, &(0..20).map(event).collect::<Vec<_>>());
                        assert_eq!(status, 201, "{answer}");
                        batches += 1;
                    }
                    batches * 20
                })
            })
            .collect();
        for n in 0..30 {
            let (start, end) = ("/v1/tasks/T-1/phases", "/v1/tasks/T-1/phases/THINK/end");
            for (nth, path) in [start, end].into_iter().enumerate() {
                let body = json!({"id": format!("d{n}-{nth}"), "producer": "p", "phase": "THINK"});
                let body = if nth == 0 { body } else { json!({"id": body["id"], "producer": "p"}) };
                // To the servers in turn: each has to learn of the other's decisions.
                let (status, answer) = post(&servers[(n + nth) % 2], path, &body);
                assert_eq!(status, 201, "decision {n} {path}: {answer}");
            }
        }
        stop.store(true, Ordering::Relaxed);
        producers.into_iter().map(|producer| producer.join().unwrap()).sum()
    });
    assert!(recorded > 100, "only {recorded} events came beside the decisions");
    let shown = cluster.json("task show T-1");
    assert_eq!(shown["tokens_used"].as_u64(), Some(recorded as u64), "{shown}");
}
