//! Servers of a ledger on a cluster of three with a replica of the log on each: members are killed, one or
//! two at a time.

#![expect(clippy::unwrap_used, reason = "in a test an error is a failed test")]

use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use serde_json::{Value, json};
use tollgate_test_process::nats::{is_at_least, version};
use tollgate_test_process::nats_cluster::{NatsCluster, SERVERS};
use tollgate_tests::nats::{ProjectorProcess, projector};
use tollgate_tests::{Place, Server, request};

/// The first version that handles replicas as a ledger needs.
const REPLICAS: (u32, u32) = (2, 12);

/// A ledger whose log has three replicas, with its projectors.
struct Replicated {
    cluster: NatsCluster,
    place: Place,
    projectors: Vec<ProjectorProcess>,
}

impl Replicated {
    /// `None`, with a message, if the nats-server found here is refused with replicas.
    #[expect(clippy::print_stderr, reason = "a skipped test says so")]
    fn start() -> Option<Self> {
        let version = version()?;
        if !is_at_least(&version, REPLICAS) {
            eprintln!(
                "SKIPPED: nats-server {version} is refused with replicas; `tools/test` runs this with a newer one too"
            );
            return None;
        }
        let (cluster, place) = (NatsCluster::start()?, Place::new());
        let init = format!("log init --max-bytes 64MiB --replicas 3 --log {}", cluster.urls_from(0));
        // The servers may not have found each other yet.
        while place.run_line(&init).code != 0 {}
        let mut replicated = Self { cluster, place, projectors: Vec::new() };
        for view in ["status", "reports", "alerts", "spending"] {
            let args = ["projector", view, "--data", view];
            let urls = replicated.cluster.urls_from(0);
            replicated.projectors.push(projector(&replicated.place, &urls, &args));
        }
        Some(replicated)
    }

    /// A server that contacts this member first.
    fn serve(&self, first: usize) -> Server {
        Server::of(
            &self.place,
            &["--log", &self.cluster.urls_from(first), "serve", "--listen", "127.0.0.1:0"],
        )
    }
}

/// The outcome of an event, retried until it is known: the same event is sent again after every failure.
fn settled(server: &str, event: &Value) -> Value {
    let body = json!({"producer": "p", "events": [event]}).to_string();
    loop {
        let Some((_, text)) = request(server, "POST", "/v1/events", &body) else { continue };
        let answer: Value = serde_json::from_str(&text).unwrap();
        let outcome = &answer["outcomes"][0];
        let ended = ["appended", "duplicate"].iter().any(|word| outcome["outcome"] == *word);
        if !ended && outcome["code"] != "phase_already_active" {
            // Everything else is trouble that passes.
            assert_ne!(outcome["outcome"], "conflict", "{answer}");
            continue;
        }
        return outcome.clone();
    }
}

/// What a server answers once its view has everything that is in the log.
fn read(server: &Server, path: &str) -> Value {
    loop {
        let (status, text) =
            request(&server.url, "GET", &format!("{path}?at_least=tail&wait_ms=10000"), "").unwrap();
        let answer: Value = serde_json::from_str(&text).unwrap();
        if status == 200 {
            return answer;
        }
        assert_eq!(answer["retryable"], true, "{answer}");
    }
}

/// Two servers start the same phase of each task, each under a unique id, while members of the cluster die in
/// turn: one of them wins, and usage is counted once.
#[test]
fn decisions_are_won_once_and_nothing_is_lost_while_members_of_a_cluster_die() {
    const TASKS: usize = 12;
    let Some(mut ledger) = Replicated::start() else { return };
    let (a, b) = (ledger.serve(0), ledger.serve(1));
    let done = AtomicUsize::new(0);
    let (done, urls) = (&done, [a.url.as_str(), b.url.as_str()]);
    let won = thread::scope(|scope| {
        let racing = scope.spawn(move || {
            (0..TASKS)
                .map(|number| {
                    let task = format!("T-{number}");
                    let opened = settled(urls[0], &json!({"id": "open", "task": task, "task_opened": {}}));
                    assert!(opened["outcome"] == "appended" || opened["outcome"] == "duplicate", "{opened}");
                    let outcomes = thread::scope(|scope| {
                        let starts = [0, 1].map(|at| {
                            let id = format!("start-{at}");
                            let event = json!({"id": id, "task": task, "phase_started": {"phase": "PLAN"}});
                            scope.spawn(move || settled(urls[at], &event))
                        });
                        starts.map(|start| start.join().unwrap())
                    });
                    let usage = json!({"id": "u", "task": task, "usage_recorded": {"phase": "PLAN", "tokens": {"output": 10}}});
                    let used = settled(urls[number % 2], &usage);
                    assert!(used["outcome"] == "appended" || used["outcome"] == "duplicate", "{used}");
                    done.fetch_add(1, Ordering::Relaxed);
                    outcomes.map(|outcome| outcome["outcome"].as_str().unwrap().to_owned())
                })
                .collect::<Vec<_>>()
        });
        // Each member dies once, while others decide; it comes back before the next one does.
        for member in 0..SERVERS {
            while done.load(Ordering::Relaxed) < 2 + 3 * member && !racing.is_finished() {
                thread::yield_now();
            }
            ledger.cluster.kill(member);
            while done.load(Ordering::Relaxed) < 4 + 3 * member && !racing.is_finished() {
                thread::yield_now();
            }
            ledger.cluster.restart(member);
        }
        racing.join().unwrap()
    });
    for (number, outcomes) in won.iter().enumerate() {
        let refused = outcomes.iter().filter(|outcome| *outcome == "refused").count();
        assert_eq!(refused, 1, "T-{number}: one of two wins: {outcomes:?}");
    }
    let report = read(&a, "/v1/report");
    assert_eq!(report["tokens"]["output"], 10 * TASKS, "{report}");
    for number in 0..TASKS {
        let shown = read(&b, &format!("/v1/tasks/T-{number}"));
        assert_eq!(shown["active"]["attempt"], 1, "{shown}");
        assert_eq!(shown["tokens_used"], 10, "{shown}");
    }
}

/// Without a majority nothing is acknowledged, and that is reported; once there is one again, everything
/// continues by itself.
#[test]
fn without_a_majority_nothing_is_acknowledged_until_a_member_is_back() {
    let Some(mut ledger) = Replicated::start() else { return };
    let server = ledger.serve(0);
    let event = |id: &str| json!({"id": id, "task": "T-1", "usage_recorded": {"tokens": {"output": 1}}});
    assert_eq!(settled(&server.url, &event("before"))["outcome"], "appended");
    ledger.cluster.kill(1);
    ledger.cluster.kill(2);
    let body = json!({"producer": "p", "events": [event("during")]}).to_string();
    let (status, text) = server.post("/v1/events", &body).unwrap();
    let answer: Value = serde_json::from_str(&text).unwrap();
    assert!(status >= 500 && answer["retryable"] == true, "{status} {answer}");
    assert!(!answer["detail"].as_str().unwrap_or_default().is_empty(), "{answer}");
    let (status, text) = request(&server.url, "GET", "/v1/health", "").unwrap();
    let health: Value = serde_json::from_str(&text).unwrap();
    assert_eq!((status, &health["status"]), (503, &json!("failing")), "{health}");
    let log = health["checks"].as_array().unwrap().iter().find(|check| check["name"] == "log").unwrap();
    assert_eq!(log["ok"], false, "{log}");
    ledger.cluster.restart(1);
    assert!(
        ["appended", "duplicate"]
            .contains(&settled(&server.url, &event("during"))["outcome"].as_str().unwrap())
    );
    assert_eq!(settled(&server.url, &event("after"))["outcome"], "appended");
    let report = read(&server, "/v1/report");
    assert_eq!(report["tokens"]["output"], 3, "each once: {report}");
    let healthy = || {
        let (_, text) = request(&server.url, "GET", "/v1/health", "").unwrap();
        let health: Value = serde_json::from_str(&text).unwrap();
        health["status"] == "ok"
    };
    while !healthy() {}
}
