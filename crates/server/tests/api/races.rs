//! Many tasks that advance at the same time, on a disk that fails under them.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::{Value, json};
use tollgate_files::fault::FaultyDisk;

use crate::support::{Service, usage};

const PHASES: [&str; 9] =
    ["STRATEGIZE", "SPEC", "PLAN", "THINK", "IMPLEMENT", "VERIFY", "REVIEW", "PR", "MONITOR"];

/// A disk that is full now and then: after a number of writes that succeeded, until a number of them failed.
struct Disk {
    faulty: Arc<FaultyDisk>,
    taken: AtomicUsize,
    failed: AtomicUsize,
}

impl Disk {
    fn went_through(&self) {
        if self.taken.fetch_add(1, Ordering::Relaxed) % 40 == 39 {
            self.faulty.set_room(Some(0));
        }
    }

    fn failed(&self) {
        if self.failed.fetch_add(1, Ordering::Relaxed) % 10 == 9 {
            self.faulty.set_room(None);
        }
    }
}

/// Sends the same request until it is accepted.
async fn until_taken(service: &Service, disk: &Disk, path: &str, body: Value) {
    loop {
        let (status, answer) = service.post(path, body.clone()).await;
        match status.as_u16() {
            200 | 201 => return disk.went_through(),
            507 | 503 => disk.failed(),
            _ => panic!("{path} {body}: {answer}"),
        }
        tokio::task::yield_now().await;
    }
}

async fn advance(service: Arc<Service>, disk: Arc<Disk>, task: String) {
    let opened = json!({"id": "open", "task": task, "task_opened": {}});
    until_taken(&service, &disk, "/v1/events", json!({"producer": "ci", "events": [opened]})).await;
    for phase in PHASES {
        let id = |what: &str| json!({"id": format!("{phase}-{what}"), "producer": "ci", "phase": phase});
        until_taken(&service, &disk, &format!("/v1/tasks/{task}/phases"), id("start")).await;
        let used = usage(&task, &format!("{phase}-u"), phase, 10);
        until_taken(&service, &disk, "/v1/events", json!({"producer": "ci", "events": [used]})).await;
        let end = json!({"id": format!("{phase}-end"), "producer": "ci"});
        until_taken(&service, &disk, &format!("/v1/tasks/{task}/phases/{phase}/end"), end).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pm4_ten_tasks_advance_at_once_while_writes_fail() {
    // Rule: whichever write fails under whichever task, each transition is in the log once and every view
    // says so.
    let (service, faulty) = Service::on_a_disk().await;
    let service = Arc::new(service);
    let disk = Arc::new(Disk { faulty, taken: AtomicUsize::new(0), failed: AtomicUsize::new(0) });
    let all: Vec<_> = (0..10)
        .map(|task| tokio::spawn(advance(Arc::clone(&service), Arc::clone(&disk), format!("T-{task}"))))
        .collect();
    for one in all {
        one.await.unwrap();
    }
    assert!(disk.failed.load(Ordering::Relaxed) > 20, "the disk was full under them");
    disk.faulty.set_room(None);
    for task in 0..10 {
        let (status, shown) = service.get(&format!("/v1/tasks/T-{task}?at_least=tail")).await;
        assert_eq!((status.as_u16(), shown["stage"].as_str()), (200, Some("completed")), "{shown}");
        let runs: Vec<_> = shown["executions"].as_array().unwrap().iter().collect();
        let phases: Vec<_> = runs.iter().map(|run| run["phase"].as_str().unwrap()).collect();
        assert_eq!((phases.as_slice(), shown["tokens_used"].as_u64()), (&PHASES[..], Some(90)), "{shown}");
        assert!(runs.iter().all(|run| run["attempt"] == 1 && run["state"] == "ended"), "{shown}");
    }
    let (_, log) = service.get("/v1/log?limit=1000").await;
    let started = log["events"].as_array().unwrap().iter().filter(|event| event["phase_started"].is_object());
    assert_eq!(started.count(), 90);
}
