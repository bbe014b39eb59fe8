//! Remediations: opened once per blocked task, whichever server blocks it and however often, and retried if
//! that fails.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use serde_json::json;
use tollgate_clock::{Clock, ManualClock};
use tollgate_deliver::BoxFuture;
use tollgate_deliver::channel::Channel;
use tollgate_deliver::message::Message;
use tollgate_deliver::schedule::Answer;
use tollgate_domain::time::Timestamp;
use tollgate_files::fault::FaultyDisk;
use tollgate_log::memory::MemoryLog;
use tollgate_server::reactor::{Remediations, Ways};

use crate::support::{Service, at, usage};

const ENFORCE: &str = "rollout: enforce\n";

/// A receiver that gives the configured answers, and then accepts everything.
#[derive(Default)]
struct Receiver {
    failures: Mutex<usize>,
    sent: Mutex<Vec<Message>>,
}

impl Receiver {
    fn failing(times: usize) -> Arc<Self> {
        Arc::new(Self { failures: Mutex::new(times), ..Self::default() })
    }

    fn way(self: &Arc<Self>) -> Ways {
        Ways::from(vec![("tracker".to_owned(), Arc::clone(self) as Arc<dyn Channel>)])
    }

    fn sent(&self) -> usize {
        self.sent.lock().unwrap().len()
    }
}

impl Channel for Receiver {
    fn send<'a>(&'a self, message: &'a Message, _: Timestamp) -> BoxFuture<'a, Answer> {
        self.sent.lock().unwrap().push(message.clone());
        let mut failures = self.failures.lock().unwrap();
        let fails = *failures > 0;
        *failures = failures.saturating_sub(1);
        Box::pin(async move {
            // Anyone else who is trying makes progress meanwhile.
            for _ in 0..200 {
                tokio::task::yield_now().await;
            }
            if fails {
                Answer::Failed { status: Some(500), error: "status 500".to_owned() }
            } else {
                Answer::Delivered { status: Some(204) }
            }
        })
    }
}

/// Servers of one ledger, with one clock.
async fn servers() -> (Service, Service, Arc<ManualClock>) {
    let clock = Arc::new(ManualClock::at(at("2026-11-20T10:00:00Z")));
    let log = Arc::new(MemoryLog::new(Arc::clone(&clock) as Arc<_>));
    let dir = || tempfile::tempdir().unwrap();
    let one = Service::by_clock(Arc::clone(&log) as Arc<_>, dir(), Some(ENFORCE), Arc::clone(&clock)).await;
    let other = Service::by_clock(log, dir(), Some(ENFORCE), Arc::clone(&clock)).await;
    (one, other, clock)
}

fn pass(clock: &ManualClock, ms: i64) {
    clock.set(clock.now().plus_millis(ms));
}

async fn blocked(service: &Service, task: &str) {
    let (status, answer) =
        service.post(&format!("/v1/tasks/{task}/gate"), json!({"advance_to": "REVIEW"})).await;
    assert_eq!((status.as_u16(), answer["verdict"].as_str()), (200, Some("block")), "{answer}");
}

async fn runaway(service: &Service, task: &str) {
    service.open(task).await;
    service.append(json!([usage(task, "u", "", 90_000)])).await;
    blocked(service, task).await;
}

/// State, severity and message of the alerts about remediations.
async fn alerts(service: &Service) -> Vec<(String, String, String)> {
    let (_, list) = service.get("/v1/alerts?rule=remediation&state=all&at_least=tail").await;
    let alerts = list["alerts"].as_array().unwrap().iter();
    let text = |value: &serde_json::Value| value.as_str().unwrap().to_owned();
    alerts
        .map(|alert| {
            let state = if !alert["resolved"].is_null() { "resolved" } else { "raised" };
            (state.to_owned(), text(&alert["severity"]), text(&alert["message"]))
        })
        .collect()
}

#[tokio::test]
async fn ec12_where_the_log_takes_nothing_the_block_holds_and_it_is_tried_again() {
    // Rule: still blocked, logged, shown by a metric to alert on, retried until it is open; then open once.
    let (service, disk) = Service::on_a_disk_with(Some(ENFORCE)).await;
    service.open("T-1").await;
    service.append(json!([usage("T-1", "u", "", 90_000)])).await;
    disk.set_room(Some(0));
    let mut filled = 0;
    while service.append(json!([usage("T-2", &format!("f{filled}"), "", 1)])).await.0 == 201 {
        filled += 1;
    }
    let mut remediations = Remediations::new(Arc::clone(&service.ledger), Ways::default());
    for _ in 0..2 {
        blocked(&service, "T-1").await;
        assert_eq!(remediations.round().await, 1, "it cannot be opened");
        let (_, metrics) = service.get("/metrics").await;
        assert!(metrics.as_str().unwrap().contains("tollgate_remediations_waiting 1\n"), "{metrics}");
        let fix = service.get("/v1/tasks/FIX-BUDGET-BREACH-T-1?at_least=tail").await;
        assert_eq!(fix.0, 404);
        pass(&service.clock, 60_000);
    }
    disk.set_room(None);
    assert_eq!(remediations.round().await, 0, "tried again, it is open");
    let (_, metrics) = service.get("/metrics").await;
    assert!(metrics.as_str().unwrap().contains("tollgate_remediations_waiting 0\n"), "{metrics}");
    let (status, fix) = service.get("/v1/tasks/FIX-BUDGET-BREACH-T-1?at_least=tail").await;
    assert_eq!((status.as_u16(), fix["stage"].as_str()), (200, Some("open")), "{fix}");
    blocked(&service, "T-1").await;
    assert_eq!(remediations.round().await, 0);
    let (_, log) = service.get("/v1/log?task=FIX-BUDGET-BREACH-T-1").await;
    assert_eq!(log["events"].as_array().map(Vec::len), Some(1), "opened once, whatever blocks again");
}

#[tokio::test]
async fn ec12_a_way_that_fails_is_a_critical_alert_until_it_worked() {
    let (service, _, clock) = servers().await;
    runaway(&service, "T-1").await;
    let receiver = Receiver::failing(3);
    let mut remediations = Remediations::new(Arc::clone(&service.ledger), receiver.way());
    // It waits 1, 2, 4 seconds, and no longer.
    for (nth, (ms, attempts)) in
        [(0, 1), (999, 1), (1, 2), (1999, 2), (1, 3), (3999, 3)].into_iter().enumerate()
    {
        pass(&clock, ms);
        assert_eq!((remediations.round().await, receiver.sent()), (1, attempts), "{nth}");
        let message = "The remediation FIX-BUDGET-BREACH-T-1 of task T-1 cannot be opened everywhere: the task stays blocked, it is \
                       tried again";
        assert_eq!(
            alerts(&service).await,
            [("raised".to_owned(), "critical".to_owned(), message.to_owned())]
        );
        blocked(&service, "T-1").await;
    }
    pass(&clock, 1);
    assert_eq!((remediations.round().await, receiver.sent()), (0, 4));
    assert_eq!(alerts(&service).await[0].0, "resolved");
    let sent = receiver.sent.lock().unwrap().clone();
    assert!(sent.iter().all(|message| message.id == sent[0].id), "one id at every attempt");
    let body: serde_json::Value = serde_json::from_slice(&sent[0].body()).unwrap();
    assert_eq!(body["data"]["message"], "Task T-1 exceeded token budget: 90,000 / 23,400 (385%)");
    assert_eq!(
        (&body["data"]["tokens_used"], &body["data"]["tokens_limit"]),
        (&json!(90_000), &json!(23_400))
    );
    // Blocked again, also by a server that knows nothing about it: notified once.
    blocked(&service, "T-1").await;
    let mut again = Remediations::new(Arc::clone(&service.ledger), receiver.way());
    again.look().await.unwrap();
    assert_eq!((remediations.round().await, again.round().await, receiver.sent()), (0, 0, 4));
}

#[tokio::test]
async fn of_several_servers_one_tells_and_another_takes_over_when_it_died() {
    let (one, other, clock) = servers().await;
    let receiver = Receiver::failing(1);
    let mut first = Remediations::new(Arc::clone(&one.ledger), receiver.way());
    let mut second = Remediations::new(Arc::clone(&other.ledger), receiver.way());
    runaway(&one, "T-1").await;
    second.look().await.unwrap();
    assert_eq!((first.round().await, receiver.sent()), (1, 1));
    assert_eq!(alerts(&other).await[0].0, "raised");
    assert_eq!((second.round().await, receiver.sent()), (1, 1), "the attempt is the other one's");
    // The first server dies.
    drop(first);
    pass(&clock, 6 * 60 * 1000);
    assert_eq!((second.round().await, receiver.sent()), (1, 1), "left alone for a while");
    pass(&clock, 1000);
    assert_eq!((second.round().await, receiver.sent()), (0, 2), "then it is tried by whoever is there");
    assert_eq!(alerts(&other).await[0].0, "resolved");
}

#[tokio::test]
async fn at_the_same_time_two_servers_tell_once() {
    let (one, other, _) = servers().await;
    let receiver = Receiver::failing(0);
    for task in ["T-1", "T-3", "T-4"] {
        runaway(&one, task).await;
        blocked(&other, task).await;
    }
    let mut first = Remediations::new(Arc::clone(&one.ledger), receiver.way());
    let mut second = Remediations::new(Arc::clone(&other.ledger), receiver.way());
    let _ = tokio::join!(first.round(), second.round());
    assert_eq!(receiver.sent(), 3);
    let (_, log) = one.get("/v1/log?limit=1000").await;
    let opened = log["events"].as_array().unwrap().iter().filter(|event| {
        event["task_opened"].is_object() && event["task"].as_str().unwrap().starts_with("FIX-")
    });
    assert_eq!(opened.count(), 3);
}

#[tokio::test]
async fn what_a_server_blocked_before_it_died_is_found_unless_a_person_set_it_aside() {
    let (one, other, _) = servers().await;
    for task in ["T-1", "T-2"] {
        runaway(&one, task).await;
    }
    let pass = json!({"block": {"advance": "REVIEW"}, "approver": "ada", "reason": "legitimate"});
    let event = json!([{"id": "o", "task": "T-2", "override_granted": pass}]);
    let (status, answer) = one.append(event).await;
    assert_eq!(status, 201, "{answer}");
    let receiver = Receiver::failing(0);
    let mut second = Remediations::new(Arc::clone(&other.ledger), receiver.way());
    assert_eq!(second.round().await, 0, "nothing was blocked here");
    second.look().await.unwrap();
    assert_eq!((second.round().await, receiver.sent()), (0, 1));
    let (status, fix) = other.get("/v1/tasks/FIX-BUDGET-BREACH-T-1?at_least=tail").await;
    assert_eq!((status.as_u16(), fix["stage"].as_str()), (200, Some("open")), "{fix}");
    assert_eq!(other.get("/v1/tasks/FIX-BUDGET-BREACH-T-2?at_least=tail").await.0, 404);
}

/// A receiver that is notified, after which the ledger's disk is full.
struct Filling {
    service: Arc<Service>,
    disk: Arc<FaultyDisk>,
    told: AtomicUsize,
}

impl Channel for Filling {
    fn send<'a>(&'a self, _: &'a Message, _: Timestamp) -> BoxFuture<'a, Answer> {
        Box::pin(async move {
            let _ = self.told.fetch_add(1, Ordering::SeqCst);
            self.disk.set_room(Some(0));
            let mut filled = 0;
            while self.service.append(json!([usage("T-2", &format!("f{filled}"), "", 1)])).await.0 == 201 {
                filled += 1;
            }
            Answer::Delivered { status: Some(204) }
        })
    }
}

#[tokio::test]
async fn what_was_told_while_the_log_took_nothing_is_recorded_later_and_not_told_again() {
    let (service, disk) = Service::on_a_disk_with(Some(ENFORCE)).await;
    let service = Arc::new(service);
    runaway(&service, "T-1").await;
    let receiver = Arc::new(Filling {
        service: Arc::clone(&service),
        disk: Arc::clone(&disk),
        told: AtomicUsize::new(0),
    });
    let ways = Ways::from(vec![("tracker".to_owned(), Arc::clone(&receiver) as Arc<dyn Channel>)]);
    let mut remediations = Remediations::new(Arc::clone(&service.ledger), ways);
    assert_eq!(remediations.round().await, 1, "the log does not know that it was told");
    disk.set_room(None);
    pass(&service.clock, 60_000);
    assert_eq!(remediations.round().await, 0, "then it does");
    assert_eq!(receiver.told.load(Ordering::SeqCst), 1);
    let (_, log) = service.get("/v1/log?limit=1000").await;
    let told = |event: &&serde_json::Value| event["signal_recorded"]["name"] == "remediation.tracker.told";
    assert_eq!(log["events"].as_array().unwrap().iter().filter(told).count(), 1);
}

/// A receiver that never answers.
struct Silent;

impl Channel for Silent {
    fn send<'a>(&'a self, _: &'a Message, _: Timestamp) -> BoxFuture<'a, Answer> {
        Box::pin(std::future::pending())
    }
}

#[tokio::test]
async fn a_receiver_that_never_answers_keeps_neither_tasks_from_people_nor_a_server_from_stopping() {
    let (service, _, _) = servers().await;
    for task in ["T-1", "T-2", "T-3"] {
        runaway(&service, task).await;
    }
    let ways = Ways::from(vec![("tracker".to_owned(), Arc::new(Silent) as Arc<dyn Channel>)]);
    let (stop, stopped) = tokio::sync::watch::channel(false);
    let running = tokio::spawn(Remediations::new(Arc::clone(&service.ledger), ways).run(stopped));
    let mut after = 0;
    let mut opened = 0;
    while opened < 3 {
        let (_, log) = service.get(&format!("/v1/log?after={after}&wait_ms=20000")).await;
        let events = log["events"].as_array().unwrap();
        assert!(!events.is_empty(), "only {opened} were opened");
        let of_people = |event: &&serde_json::Value| {
            event["task_opened"].is_object() && event["task"].as_str().unwrap().starts_with("FIX-")
        };
        opened += events.iter().filter(of_people).count();
        after = log["last"].as_u64().unwrap();
    }
    stop.send(true).unwrap();
    tokio::time::timeout(std::time::Duration::from_secs(30), running).await.unwrap().unwrap();
}
