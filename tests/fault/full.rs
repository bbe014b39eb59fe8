//! A full disk: appends are refused, everything else continues, even after a restart, and nothing is set
//! aside.

use std::path::Path;
use std::time::Duration;

use serde_json::Value;
use tollgate_clock::Stopwatch;
use tollgate_tests::disk::SmallDisk;
use tollgate_tests::{Place, Server, request};

/// Longer than views wait before a commit, plus its failure and a retry.
const LONG_ENOUGH: Duration = Duration::from_secs(6);

/// How long a slow machine may take to fill what is prepared.
const SLOW: Duration = Duration::from_secs(180);

#[test]
fn on_a_full_disk_reads_and_gate_go_on_and_appends_come_back() {
    let place = Place::new();
    let Some(disk) = SmallDisk::mount(&place.path("disk"), 24) else { return };
    let server = Server::start(&place, "disk/d");
    for n in 0..20 {
        assert_eq!(append(&server, n), 201);
    }
    assert_eq!(used(&server), Some(20));
    disk.fill();
    let mut acknowledged: u64 = 20;
    let mut refused = 0;
    let begun = Stopwatch::start();
    // What is prepared ahead of the log has room for some more: on a slow machine for longer than that.
    while begun.elapsed() < LONG_ENOUGH || (refused == 0 && begun.elapsed() < SLOW) {
        match append(&server, acknowledged) {
            201 => acknowledged += 1,
            507 => refused += 1,
            other => panic!("{other}"),
        }
        assert_eq!(used(&server), Some(acknowledged), "after {:?}", begun.elapsed());
        let (status, gate) = get(&server, "/v1/tasks/T-1").unwrap();
        assert_eq!((status, gate["task"].as_str()), (200, Some("T-1")), "{gate}");
    }
    assert!(refused > 0, "the disk must be full: {acknowledged} fitted");
    assert_eq!(set_aside(&place), Vec::<String>::new());
    let (status, health) = get(&server, "/v1/health").unwrap();
    assert_eq!(status, 503, "{health}");
    assert!(health["checks"][0]["detail"].as_str().unwrap().contains("the disk of"), "{health}");

    // Killed and restarted while the disk is full, when no command finds it through the directory.
    server.kill();
    let running = place.path("disk/d/server.json");
    std::fs::remove_file(&running).unwrap();
    disk.fill();
    let server = Server::start(&place, "disk/d");
    assert_eq!(used(&server), Some(acknowledged));
    assert!(!running.exists());
    assert!(server.terminate().success());
    assert_eq!(place.totals("disk/d").0, acknowledged * EVENTS);
    assert_eq!(set_aside(&place), Vec::<String>::new());

    let server = Server::start(&place, "disk/d");
    assert_eq!(used(&server), Some(acknowledged));
    disk.free();
    let begun = Stopwatch::start();
    while append(&server, acknowledged) != 201 {
        assert!(begun.elapsed() < Duration::from_secs(30), "appends come back by themselves");
    }
    assert_eq!(used(&server), Some(acknowledged + 1));
    while get(&server, "/v1/health").unwrap().0 != 200 {
        assert!(begun.elapsed() < Duration::from_secs(90), "the views are in their stores again");
        assert_eq!(used(&server), Some(acknowledged + 1));
    }
    // It announces where it is as soon as there is room for that.
    while !running.exists() {
        assert!(begun.elapsed() < Duration::from_secs(120), "{}", running.display());
    }
    let status = place.run_line("status --data disk/d");
    assert_eq!(status.code, 0, "{status:?}");
    assert!(server.terminate().success());
    assert_eq!(set_aside(&place), Vec::<String>::new());
    assert_eq!(place.totals("disk/d").0, (acknowledged + 1) * EVENTS);
}

/// To a process, a limit on the size of its files is a full disk, not a reason to end.
#[test]
fn where_files_may_not_grow_reads_and_gate_go_on() {
    let place = Place::new();
    let args = ["--data", "disk/d", "serve", "--listen", "127.0.0.1:0"];
    let server = Server::run(place.command_with_small_files(4 << 20, &args));
    let mut acknowledged: u64 = 0;
    let refused = loop {
        match append(&server, acknowledged) {
            201 => acknowledged += 1,
            other => break other,
        }
    };
    assert_eq!(refused, 507, "as on a full disk");
    assert!(acknowledged > 0);
    for _ in 0..3 {
        assert_eq!(append(&server, acknowledged), 507);
        assert_eq!(used(&server), Some(acknowledged));
        let (status, gate) = get(&server, "/v1/tasks/T-1").unwrap();
        assert_eq!((status, gate["task"].as_str()), (200, Some("T-1")), "{gate}");
    }
    assert!(server.terminate().success());
    let server = Server::start(&place, "disk/d");
    assert_eq!(append(&server, acknowledged), 201, "without the limit it goes on");
    assert_eq!(used(&server), Some(acknowledged + 1));
    assert!(server.terminate().success());
    assert_eq!(set_aside(&place), Vec::<String>::new());
}

/// Events per request: enough to fill in a second what the log has preallocated.
const EVENTS: u64 = 200;

/// Appends a request's events; returns the status.
fn append(server: &Server, nth: u64) -> u16 {
    let model = "m".repeat(100);
    let event = |n| {
        format!(
            r#"{{"id":"e{nth}-{n}","task":"T-1","usage_recorded":{{"model":"{model}","tokens":{{"output":1}}}}}}"#
        )
    };
    let events: Vec<String> = (0..EVENTS).map(event).collect();
    let body = format!(r#"{{"producer":"p","events":[{}]}}"#, events.join(","));
    server.post("/v1/events", &body).expect("an answer").0
}

/// The number of requests whose events are in the report, as of the log's end.
fn used(server: &Server) -> Option<u64> {
    let (status, report) = get(server, "/v1/report?at_least=tail&wait_ms=10000").expect("an answer");
    assert_eq!(status, 200, "{report}");
    report["usage_events"].as_u64().map(|events| events / EVENTS)
}

fn get(server: &Server, path: &str) -> Option<(u16, Value)> {
    let (status, body) = request(&server.url, "GET", path, "")?;
    Some((status, serde_json::from_str(&body).unwrap_or_default()))
}

/// Stores of views that were set aside.
fn set_aside(place: &Place) -> Vec<String> {
    let names = std::fs::read_dir(Path::new(&place.path("disk/d/views"))).expect("the views");
    names
        .map(|entry| entry.expect("a name").file_name().to_string_lossy().into_owned())
        .filter(|name| name.contains("damaged"))
        .collect()
}
