//! The network between the processes of a ledger fails: nothing acknowledged is lost or counted twice, and
//! everything recovers by itself.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use serde_json::json;
use tollgate_clock::Stopwatch;
use tollgate_test_process::cut::Network;
use tollgate_tests::nats::Cluster;
use tollgate_tests::{Server, request};

/// Producers that send concurrently.
const PRODUCERS: usize = 4;

/// Maximum number of "not now" answers to each producer before something gets through again. The server tries
/// each append for 15 s, and gives up a dead connection after 6 s.
const REFUSED_EACH: u64 = 2;

/// Maximum number of "not now" answers to one query before it is answered. The server waits 2 s before each.
const REFUSED_QUESTIONS: u32 = 12;

/// Producers that continue whatever happens, with the same ids until they are acknowledged.
struct Producers<'a> {
    server: &'a Server,
    stop: AtomicBool,
    acknowledged: AtomicU64,
    refused: AtomicU64,
}

impl Producers<'_> {
    fn work(&self, number: usize) {
        for batch in 0.. {
            if self.stop.load(Ordering::SeqCst) {
                return;
            }
            let event = |n: usize| {
                let id = format!("{number}-{batch}-{n}");
                json!({"id": id, "task": format!("T-{}", n % 3), "usage_recorded": {"tokens": {"output": 1}}})
            };
            let events: Vec<_> = (0..6).map(event).collect();
            let body = json!({"producer": "p", "events": events}).to_string();
            loop {
                match request(&self.server.url, "POST", "/v1/events", &body) {
                    Some((200 | 201, _)) => break,
                    Some((503, answer)) => {
                        assert!(answer.contains("\"retryable\":true"), "{answer}");
                        self.refused.fetch_add(1, Ordering::SeqCst);
                    }
                    other => panic!("{other:?}"),
                }
            }
            self.acknowledged.fetch_add(6, Ordering::SeqCst);
        }
    }

    /// Waits until this many more have been acknowledged; returns how long that took.
    fn go_on(&self, what: &str, events: u64) -> Duration {
        let (begun, wanted) = (Stopwatch::start(), self.acknowledged.load(Ordering::SeqCst) + events);
        let refused_before = self.refused.load(Ordering::SeqCst);
        while self.acknowledged.load(Ordering::SeqCst) < wanted {
            let refused = self.refused.load(Ordering::SeqCst) - refused_before;
            assert!(
                refused <= REFUSED_EACH * PRODUCERS as u64,
                "{what}: nothing comes through, {refused} refused"
            );
            std::thread::yield_now();
        }
        begun.elapsed()
    }
}

#[test]
fn a_server_goes_on_whatever_happens_between_it_and_nats() {
    let Some(cluster) = Cluster::start() else { return };
    let network = Network::before(cluster.nats.url().trim_start_matches("nats://"));
    let log = format!("nats://{}", network.address());
    let server = Server::of(&cluster.place, &["--log", &log, "serve", "--listen", "127.0.0.1:0"]);
    let producers = Producers {
        server: &server,
        stop: AtomicBool::new(false),
        acknowledged: AtomicU64::new(0),
        refused: AtomicU64::new(0),
    };
    std::thread::scope(|scope| {
        for number in 0..PRODUCERS {
            let producers = &producers;
            scope.spawn(move || producers.work(number));
        }
        producers.go_on("at the beginning", 100);
        for round in 0..3 {
            // The message has arrived, its acknowledgement has not.
            network.cut_answers_after(300 + round * 40);
            let cuts = network.cuts();
            while network.cuts() < cuts + 2 {
                std::thread::yield_now();
            }
            network.cut_answers_after(0);
            producers.go_on("acknowledgements were cut off", 60);
            network.down();
            network.up();
            producers.go_on("everything was cut", 60);
        }
        network.slow(Duration::from_millis(40));
        producers.go_on("everything is slow", 60);
        network.slow(Duration::ZERO);
        producers.go_on("it is fast again", 60);
        let swallowed = network.swallowed();
        network.forget();
        let healed = producers.go_on("connections lead nowhere", 60);
        assert!(network.swallowed() > swallowed, "nothing was sent into the void");
        assert!(healed > Duration::from_millis(500), "it was not even noticed: {healed:?}");
        producers.stop.store(true, Ordering::SeqCst);
    });
    assert!(network.cuts() >= 9 && network.delayed() > 0, "{} {}", network.cuts(), network.delayed());
    let acknowledged = producers.acknowledged.load(Ordering::SeqCst);
    let report = cluster.json("report");
    assert_eq!(report["usage_events"].as_u64(), Some(acknowledged), "{report}");
    assert_eq!(report["tokens"]["total"].as_u64(), Some(acknowledged));
    assert!(cluster.place.ok(&format!("--log {} log verify", cluster.nats.url())).starts_with("passed: "));
}

#[test]
fn a_projector_goes_on_whatever_happens_between_it_and_nats() {
    let Some(mut cluster) = Cluster::start() else { return };
    let network = Network::before(cluster.nats.url().trim_start_matches("nats://"));
    let through = format!("nats://{}", network.address());
    cluster.projectors.clear();
    for view in ["status", "reports", "alerts", "spending"] {
        let projector = cluster.projector_at(&through, &["projector", view, "--data", view]);
        cluster.projectors.push(projector);
    }
    let server = cluster.serve();
    let mut sent: u64 = 0;
    let mut send = || {
        let event = |n: u64| json!({"id": format!("u{}", sent + n), "task": format!("T-{}", n % 5), "usage_recorded": {"tokens": {"output": 1}}});
        let body = json!({"producer": "p", "events": (0..50).map(event).collect::<Vec<_>>()});
        assert_eq!(server.post("/v1/events", &body.to_string()).unwrap().0, 201);
        sent += 50;
        sent
    };
    // A queried view waits for what is there; while nothing answers, the caller is told so and asks again.
    let contains = |what: &str, wanted: u64| {
        let mut refused = 0;
        loop {
            let (status, answer) = request(&server.url, "GET", "/v1/report?at_least=tail", "").unwrap();
            let report: serde_json::Value = serde_json::from_str(&answer).unwrap();
            if status == 200 {
                let found = report["usage_events"].as_u64().unwrap();
                assert_eq!(found, wanted, "{what}");
                return;
            }
            assert_eq!(status, 503, "{what}: {answer}");
            refused += 1;
            assert!(refused <= REFUSED_QUESTIONS, "{what}: still {answer}");
        }
    };
    contains("at the beginning", send());
    for _ in 0..3 {
        network.down();
        let wanted = send();
        network.up();
        contains("everything was cut", wanted);
    }
    network.slow(Duration::from_millis(30));
    contains("everything is slow", send());
    network.slow(Duration::ZERO);
    network.forget();
    contains("connections lead nowhere", send());
    assert!(network.cuts() >= 9 && network.delayed() > 0, "{} {}", network.cuts(), network.delayed());
    let rebuilt = cluster.json("view rebuild");
    assert!(rebuilt.as_array().unwrap().iter().all(|view| view["identical"] == true), "{rebuilt}");
}
