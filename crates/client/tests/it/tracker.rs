//! The tracker against a ledger that works, loses answers, is away, refuses. Time is paused, so no test
//! really waits.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::support::ledger::{Ledger, Mood};
use crate::support::{answer, serve};
use serde_json::json;
use tollgate_client::{
    Batching, Clock, Delivery, DeliveryError, Ended, FlushError, QueueBound, RejectedKind, Signal, Stamp,
    StartError, TrackError, Tracker, TrackerBuilder, Trouble, Usage, Wait,
};
use tollgate_domain::event::{EventBody, SignalRecorded};
use tollgate_domain::time::Timestamp;
use tollgate_domain::tokens::TokenCounts;

/// A clock that shows a different time at each look: a retry that looked again would be a conflict.
#[derive(Default)]
struct Ticking(AtomicU64);

impl Clock for Ticking {
    fn now(&self) -> Timestamp {
        Timestamp::default().plus_millis(self.0.fetch_add(1, Ordering::Relaxed).cast_signed())
    }
}

pub(crate) fn builder(ledger: &Arc<Ledger>) -> TrackerBuilder {
    TrackerBuilder::over(ledger.clone(), "p").clock(Arc::new(Ticking::default()))
}

pub(crate) fn start(ledger: &Arc<Ledger>) -> Tracker {
    builder(ledger).start().unwrap()
}

fn usage(id: &str) -> Usage {
    let tokens = TokenCounts { output: 1, ..TokenCounts::default() };
    let stamp = Stamp { id: Some(id.to_owned()), ..Stamp::default() };
    Usage { stamp, ..Usage::of("SPEC", "m", tokens) }
}

pub(crate) fn report(tracker: &Tracker, ids: &str) {
    for id in ids.split_whitespace() {
        tracker.report_usage("T", usage(id)).unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn events_travel_in_batches_and_a_flush_gives_the_position() {
    let ledger = Ledger::new();
    let batching = Batching { max_events: 3, ..Batching::default() };
    let tracker = builder(&ledger).batching(batching).start().unwrap();
    assert_eq!(tracker.flush().await, Ok(None));
    report(&tracker, "a b c d e f g");
    let position = tracker.flush().await.unwrap().unwrap();
    assert_eq!(position.to_string(), "00000000000000000000000000000007@0:7");
    assert_eq!(tracker.position(), Some(position.clone()));
    assert_eq!(ledger.state().requests, [vec!["a", "b", "c"], vec!["d", "e", "f"], vec!["g"]]);
    let stats = tracker.stats();
    assert_eq!((stats.queued, stats.appended, stats.requests, stats.waiting), (7, 7, 3, 0));
    assert_eq!(tracker.close().await, Ok(Ended::Delivered { position: Some(position) }));
}

#[tokio::test(start_paused = true)]
async fn what_lingers_is_sent_without_a_flush() {
    let ledger = Ledger::new();
    let tracker = start(&ledger);
    report(&tracker, "a b");
    ledger.after_requests(1).await;
    assert_eq!(ledger.state().requests, [["a", "b"]]);
}

#[tokio::test(start_paused = true)]
async fn an_event_has_names_time_and_an_id_of_its_own() {
    let ledger = Ledger::new();
    let tracker = builder(&ledger).tenant("acme").start().unwrap();
    let wait = Wait { kind: "queue".to_owned(), wait_ms: 5, ..Wait::default() };
    let first = tracker.report_wait("T", wait.clone()).unwrap();
    let second = tracker.report_wait("T", wait).unwrap();
    assert_ne!(first, second);
    tracker.flush().await.unwrap();
    let event = ledger.state().log[0].clone();
    let expected = json!({"tenant": "acme", "task": "T", "producer": "p", "id": first.as_str(),
        "occurred_at": "1970-01-01T00:00:00Z", "wait_recorded": {"kind": "queue", "wait_ms": 5}});
    assert_eq!(event, expected);

    let signal = Signal {
        phase: Some("spec".to_owned()),
        name: "tool_call".to_owned(),
        value: 1,
        key: Some("9f86d081".to_owned()),
        ..Signal::default()
    };
    tracker.report_signal("T", signal).unwrap();
    tracker.flush().await.unwrap();
    let event = ledger.state().log[2].clone();
    let expected = json!({"phase": "SPEC", "name": "tool_call", "value": 1, "key": "9f86d081"});
    assert_eq!(event["signal_recorded"], expected);
}

#[tokio::test(start_paused = true)]
async fn a_lost_answer_is_asked_for_again_with_the_same_ids_and_bytes() {
    let ledger = Ledger::new();
    ledger.next(&[Mood::LosesAnswer, Mood::Down]);
    let tracker = start(&ledger);
    report(&tracker, "a b");
    tracker.flush().await.unwrap();
    assert_eq!(ledger.state().requests, [["a", "b"], ["a", "b"], ["a", "b"]]);
    assert_eq!(ledger.ids(), "a b");
    let stats = tracker.stats();
    assert_eq!((stats.duplicates, stats.conflicts, stats.appended, stats.failed_requests), (2, 0, 0, 2));
}

#[tokio::test(start_paused = true)]
async fn commands_are_awaited_and_know_their_attempt() {
    let ledger = Ledger::new();
    let batching = Batching { linger: Duration::from_secs(3600), ..Batching::default() };
    let tracker = builder(&ledger).batching(batching).start().unwrap();
    let before = tokio::time::Instant::now();
    let first = tracker.start_phase("T", "spec").unwrap();
    let second = tracker.start_phase("T", "SPEC").unwrap();
    assert_eq!(first.await.unwrap().attempt(), Some(1));
    assert_eq!(second.await.unwrap().attempt(), Some(2));
    // They do not wait for a batch to fill.
    assert_eq!(before.elapsed(), Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn a_command_that_nobody_awaits_goes_with_what_follows_it() {
    let ledger = Ledger::new();
    let batching = Batching { linger: Duration::from_secs(3600), ..Batching::default() };
    let tracker = builder(&ledger).batching(batching).start().unwrap();
    let started = tracker.start_phase("T", "SPEC").unwrap();
    // The sending task has seen it by now.
    tokio::task::yield_now().await;
    let ended = tracker.end_phase("T", "SPEC", None).unwrap();
    tracker.flush().await.unwrap();
    assert_eq!(ledger.state().requests.len(), 1);
    assert_eq!(started.await.unwrap().attempt(), Some(1));
    ended.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn the_guilty_are_named_and_the_innocent_of_their_task_are_delivered() {
    let ledger = Ledger::new();
    ledger.state().refuses.extend(["bad".to_owned(), "worse".to_owned()]);
    let troubles = Arc::new(Mutex::new(Vec::new()));
    let told = troubles.clone();
    let tracker = builder(&ledger)
        .on_trouble(move |trouble| told.lock().unwrap().push(trouble.clone()))
        .start()
        .unwrap();
    report(&tracker, "a");
    tracker.flush().await.unwrap();
    let signal =
        || EventBody::from(SignalRecorded { execution: None, name: "n".to_owned(), value: 1, key: None });
    let stamp = |id: &str| Stamp { id: Some(id.to_owned()), ..Stamp::default() };
    report(&tracker, "b bad c worse d");
    let command = tracker.submit("T", signal(), stamp("bad2")).unwrap();
    // The id is already used for different content.
    let conflict = tracker.submit("T", signal(), stamp("a")).unwrap();
    report(&tracker, "e");
    tracker.flush().await.unwrap();

    assert_eq!(ledger.ids(), "a b c d bad2 e");
    assert!(matches!(command.await, Ok(Delivery::Recorded(_))));
    let Err(DeliveryError::Rejected(rejected)) = conflict.await else { panic!("no conflict") };
    assert_eq!(
        (rejected.kind, rejected.id.as_str(), rejected.task.as_str()),
        (RejectedKind::Conflict, "a", "T")
    );
    let stats = tracker.stats();
    assert_eq!((stats.refused, stats.conflicts, stats.appended, stats.failed_requests), (2, 1, 6, 0));
    let mut named: Vec<String> = troubles
        .lock()
        .unwrap()
        .iter()
        .map(|trouble| match trouble {
            Trouble::Rejected(rejected) => format!("{} {}", rejected.id, rejected.code),
            Trouble::SetAside(_) | Trouble::Undelivered { .. } => format!("{trouble:?}"),
        })
        .collect();
    named.sort();
    assert_eq!(named, ["a conflict", "bad phase_mismatch", "worse phase_mismatch"]);
}

#[tokio::test(start_paused = true)]
async fn a_request_refused_as_a_whole_is_divided_until_the_guilty_is_alone() {
    let ledger = Ledger::new();
    // Four together, two, then one alone: `a` is refused; the rest goes.
    ledger.next(&[Mood::Says(413), Mood::Says(413), Mood::Says(413)]);
    let tracker = start(&ledger);
    report(&tracker, "a b c d");
    tracker.flush().await.unwrap();
    assert_eq!(ledger.state().requests[..3], [vec!["a", "b", "c", "d"], vec!["a", "b"], vec!["a"]]);
    assert_eq!(ledger.ids(), "b c d");
    assert_eq!(tracker.stats().refused, 1);
}

#[tokio::test(start_paused = true)]
async fn without_a_spool_the_queue_is_bounded_and_nothing_is_lost_while_it_lasts() {
    let ledger = Ledger::new();
    ledger.becomes(Mood::Down);
    let bound = QueueBound { max_events: 3, ..QueueBound::default() };
    let tracker = builder(&ledger).queue_bound(bound).start().unwrap();
    report(&tracker, "a b c");
    let Err(FlushError::Away { queued, reason, .. }) = tracker.flush().await else { panic!("it is away") };
    assert_eq!((queued, reason.contains("connection refused")), (3, true));
    let error = tracker.report_usage("T", usage("d")).unwrap_err();
    assert!(matches!(error, TrackError::Full { events: 3, max_events: 3, .. }), "{error}");
    assert!(
        error.to_string().contains("connection refused") && error.to_string().contains("spool"),
        "{error}"
    );
    ledger.becomes(Mood::Up);
    tracker.flush().await.unwrap();
    report(&tracker, "d");
    tracker.flush().await.unwrap();
    assert_eq!(ledger.ids(), "a b c d");
    assert_eq!(tracker.stats().overflowed, 1);
}

#[tokio::test(start_paused = true)]
async fn bytes_are_bounded_too() {
    let ledger = Ledger::new();
    let tracker = builder(&ledger).queue_bound(QueueBound { max_events: 9, max_bytes: 300 }).start().unwrap();
    report(&tracker, "a");
    let error = tracker.report_usage("T", usage("b")).unwrap_err();
    assert!(matches!(error, TrackError::Full { events: 1, max_bytes: 300, .. }), "{error}");
    tracker.flush().await.unwrap();
    report(&tracker, "b");
}

#[tokio::test(start_paused = true)]
async fn a_ledger_that_asks_to_wait_is_left_alone_so_long() {
    let ledger = Ledger::new();
    ledger.next(&[Mood::Says(429)]);
    let tracker = start(&ledger);
    let before = tokio::time::Instant::now();
    report(&tracker, "a");
    ledger.after_requests(1).await;
    // A flush does not shorten this wait.
    tracker.flush().await.unwrap();
    assert_eq!(ledger.state().requests.len(), 2);
    assert!(before.elapsed() >= Duration::from_secs(60), "{:?}", before.elapsed());
    assert_eq!(ledger.ids(), "a");
}

#[tokio::test(start_paused = true)]
async fn a_command_hears_when_the_ledger_stays_away_and_is_delivered_later() {
    let ledger = Ledger::new();
    ledger.becomes(Mood::Says(507));
    let tracker = start(&ledger);
    let started = tracker.start_phase("T", "SPEC").unwrap();
    let id = started.id().clone();
    assert_eq!(started.await, Ok(Delivery::Kept));
    ledger.becomes(Mood::Up);
    tracker.flush().await.unwrap();
    assert_eq!(ledger.ids(), id.as_str());
}

#[tokio::test(start_paused = true)]
async fn bad_input_is_named_and_not_queued() {
    let tracker = start(&Ledger::new());
    let phase = |phase: &str| Usage { phase: Some(phase.to_owned()), ..Usage::default() };
    for (task, usage, expected) in [
        ("", Usage::default(), "task: ``: must have 1 to 128"),
        ("T", phase("1"), "phase: `1`: must be 1 to 32"),
        ("T", Usage { attempt: Some(1), ..Usage::default() }, "attempt: `1`: needs a phase"),
        (
            "T",
            Usage { model: Some(String::new()), ..Usage::default() },
            "usage_recorded.model: ``: omit it instead of sending an empty value",
        ),
    ] {
        let error = tracker.report_usage(task, usage).unwrap_err().to_string();
        assert!(error.starts_with(expected), "{error}");
    }
    assert_eq!(tracker.stats().queued, 0);
    for (batching, expected) in [
        (Batching { max_events: 501, ..Batching::default() }, "events of a batch 501: must be 1 to 500"),
        (Batching { max_bytes: 0, ..Batching::default() }, "bytes of a batch 0: must be 1 to 524288"),
    ] {
        let error = builder(&Ledger::new()).batching(batching).start().unwrap_err();
        assert_eq!(error.to_string(), expected);
    }
    let error = TrackerBuilder::to_server("ftp://x", "p").start().unwrap_err();
    assert!(matches!(error, StartError::Url(_)), "{error}");
}

#[test]
fn without_a_runtime_it_does_not_start() {
    let error = builder(&Ledger::new()).start().unwrap_err();
    assert!(matches!(error, StartError::NoRuntime), "{error}");
}

#[tokio::test(start_paused = true)]
async fn a_tracker_closed_without_spool_names_what_is_lost() {
    let ledger = Ledger::new();
    ledger.becomes(Mood::Down);
    let lost = Arc::new(Mutex::new(Vec::new()));
    let told = lost.clone();
    let tracker = builder(&ledger)
        .on_trouble(move |trouble| told.lock().unwrap().push(trouble.clone()))
        .start()
        .unwrap();
    report(&tracker, "a");
    let other = tracker.clone();
    let error = tracker.close().await.unwrap_err();
    assert!(error.events == 1 && error.reason.contains("connection refused"), "{error}");
    let lost = lost.lock().unwrap().clone();
    assert!(
        matches!(&lost[..], [Trouble::Undelivered { id, json, .. }] if id == "a" && json.contains("SPEC"))
    );
    assert!(matches!(other.report_usage("T", usage("b")), Err(TrackError::Closed { .. })));
    assert_eq!(other.flush().await, Err(FlushError::Closed));
}

#[tokio::test(start_paused = true)]
async fn dropping_the_tracker_delivers_what_is_queued() {
    let ledger = Ledger::new();
    let tracker = start(&ledger);
    report(&tracker, "a b");
    drop(tracker);
    ledger.after_requests(1).await;
    assert_eq!(ledger.ids(), "a b");
}

#[tokio::test]
async fn it_works_over_a_real_socket() {
    let server = serve(|request| {
        let body: serde_json::Value = serde_json::from_slice(&request.body).unwrap();
        let outcomes: Vec<_> = body["events"]
            .as_array()
            .unwrap()
            .iter()
            .map(|event| {
                json!({"id": event["id"],
            "outcome": "appended", "sequence": 1})
            })
            .collect();
        assert_eq!(request.authorization.as_deref(), Some("Bearer k"));
        let body = json!({"outcomes": outcomes, "position": "00000000000000000000000000000007@1:1",
            "durability": "fsync", "dedup": "life"});
        answer(201, "application/json", &body.to_string())
    })
    .await;
    let tracker = TrackerBuilder::to_server(server.url(), "p").key("k").start().unwrap();
    report(&tracker, "a b c");
    assert_eq!(tracker.flush().await.unwrap().unwrap().to_string(), "00000000000000000000000000000007@1:1");
    assert_eq!(tracker.stats().appended, 3);
}
