//! Many messages to receivers that fail, are slow, go away or ask for time.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinHandle;
use tollgate_clock::Timer;
use tollgate_deliver::channel::Channel;
use tollgate_deliver::config::Endpoint;
use tollgate_deliver::digest::DigestPolicy;
use tollgate_deliver::outbox::DeliveryAttempt;
use tollgate_deliver::runner::deliver;
use tollgate_domain::event::DeliveryOutcome;
use tollgate_outbound::client::Timeouts;

use crate::support::memory::MemoryOutbox;
use crate::support::receiver::{Receiver, Reply};
use crate::support::timer::ManualTimer;
use crate::support::{PATIENCE, change, endpoint, start, webhook};

/// Deliveries that are under way.
struct Running {
    outbox: Arc<MemoryOutbox>,
    timer: Arc<ManualTimer>,
    stop: watch::Sender<bool>,
    task: JoinHandle<()>,
}

impl Running {
    fn start(outbox: &Arc<MemoryOutbox>, endpoints: Vec<(Endpoint, Arc<dyn Channel>)>) -> Self {
        let timer = Arc::new(ManualTimer::at(start()));
        let stop = watch::Sender::new(false);
        let task = tokio::spawn(deliver(endpoints, outbox.clone(), timer.clone(), stop.subscribe()));
        Self { outbox: outbox.clone(), timer, stop, task }
    }

    /// Lets time pass as fast as it is waited for, until the attempts are as wanted.
    async fn pass_until(&self, wanted: impl Fn(&[DeliveryAttempt]) -> bool) -> Vec<DeliveryAttempt> {
        let passing = async {
            loop {
                self.timer.skip().await;
                tokio::task::yield_now().await;
            }
        };
        tokio::select! {
            attempts = self.outbox.recorded(wanted) => attempts,
            () = passing => self.outbox.history(),
        }
    }

    async fn stop(self) {
        self.stop.send_replace(true);
        tokio::time::timeout(PATIENCE, self.task).await.unwrap().unwrap();
    }
}

/// One by one, however many.
const SINGLY: DigestPolicy = DigestPolicy { after: 1000, window_s: 60 };

fn to(name: &str, receiver: &Receiver, digest: DigestPolicy) -> (Endpoint, Arc<dyn Channel>) {
    (endpoint(name, digest), Arc::new(webhook(receiver.address)))
}

fn delivered(attempts: &[DeliveryAttempt]) -> usize {
    attempts.iter().filter(|attempt| attempt.outcome == DeliveryOutcome::Delivered).count()
}

fn sorted<T: Ord>(items: impl IntoIterator<Item = T>) -> Vec<T> {
    let mut items: Vec<T> = items.into_iter().collect();
    items.sort();
    items
}

#[tokio::test]
async fn every_change_is_delivered_though_half_of_the_attempts_fail() {
    // Which ones fail does not depend only on the order of attempts.
    let half = |nth: usize, _: &_| {
        if (nth * 7 / 3).is_multiple_of(2) { Reply::Status(500) } else { Reply::Status(200) }
    };
    let receiver = Receiver::start(half).await;
    let outbox = Arc::new(MemoryOutbox::default());
    let running = Running::start(&outbox, vec![to("pager", &receiver, SINGLY)]);
    outbox.add((0..60).map(change));
    let attempts = running.pass_until(|attempts| delivered(attempts) == 60).await;
    running.stop().await;
    let ids = sorted(receiver.requests().iter().map(|request| request.id()));
    assert_eq!(ids.len(), attempts.len());
    let told: std::collections::BTreeSet<_> = ids.into_iter().collect();
    assert_eq!(told.len(), 60, "each change under one id");
    assert!(attempts.len() > 90, "{}: about half of them failed", attempts.len());
    for failed in attempts.iter().filter(|attempt| attempt.outcome != DeliveryOutcome::Delivered) {
        assert_eq!(failed.outcome, DeliveryOutcome::Failed);
        let next_attempt_at = failed.next_attempt_at.unwrap();
        assert!(next_attempt_at.millis_since(failed.at) >= 5000);
        assert_eq!((failed.status, failed.error.as_deref()), (Some(500), Some("status 500")));
    }
}

#[tokio::test]
async fn a_message_that_never_gets_through_is_given_up_after_three_days() {
    let receiver = Receiver::start(|_, _| Reply::Status(404)).await;
    let outbox = Arc::new(MemoryOutbox::default());
    let running = Running::start(&outbox, vec![to("pager", &receiver, SINGLY)]);
    outbox.add([change(1)]);
    let attempts = running.pass_until(|attempts| attempts.len() == 10).await;
    let took_h = attempts[9].at.millis_since(attempts[0].at) / 3_600_000;
    assert!((75..=83).contains(&took_h), "{took_h} h");
    assert_eq!(attempts[9].outcome, DeliveryOutcome::GaveUp);
    // The timestamp is that of the attempt, the id and the body are those of the message.
    let requests = receiver.requests();
    assert_eq!(requests.len(), 10);
    assert!(
        requests.iter().all(|request| request.id() == requests[0].id() && request.body == requests[0].body)
    );
    let stamps: Vec<i64> =
        requests.iter().map(|it| it.headers["webhook-timestamp"].parse().unwrap()).collect();
    assert!(stamps.is_sorted() && stamps[1] - stamps[0] >= 5, "{stamps:?}");
    // When requested again, it is sent under the same id, and the schedule starts over.
    outbox.resend("pager", 0, running.timer.now());
    let attempts = running.outbox.recorded(|attempts| attempts.len() == 11).await;
    assert_eq!((attempts[10].attempt, &attempts[10].message), (1, &attempts[0].message));
    assert!(attempts[10].outcome == DeliveryOutcome::Failed);
    running.stop().await;
}

#[tokio::test]
async fn one_endpoints_failure_does_not_delay_another() {
    let hangs = Receiver::start(|_, _| Reply::Never).await;
    let works = Receiver::start(|_, _| Reply::Status(200)).await;
    let outbox = Arc::new(MemoryOutbox::default());
    let slow = webhook(hangs.address).with_timeouts(Timeouts { total: PATIENCE * 10, ..Timeouts::default() });
    let endpoints =
        vec![(endpoint("slow", SINGLY), Arc::new(slow) as Arc<dyn Channel>), to("works", &works, SINGLY)];
    let running = Running::start(&outbox, endpoints);
    outbox.add((0..50).map(change));
    hangs.received(1).await;
    let attempts = outbox.recorded(|attempts| delivered(attempts) == 50).await;
    assert!(attempts.iter().all(|attempt| attempt.endpoint == "works"));
    assert_eq!(hangs.requests().len(), 1, "the slow one still holds the first");
    running.task.abort();
}

#[tokio::test]
async fn gone_disables_the_endpoint_until_somebody_asks() {
    let receiver = Receiver::start(|nth, _| Reply::Status(if nth == 1 { 410 } else { 200 })).await;
    let other = Receiver::start(|_, _| Reply::Status(200)).await;
    let outbox = Arc::new(MemoryOutbox::default());
    let running = Running::start(&outbox, vec![to("pager", &receiver, SINGLY), to("chat", &other, SINGLY)]);
    outbox.add((0..5).map(change));
    let to_pager = |attempts: &[DeliveryAttempt]| attempts.iter().filter(|it| it.endpoint == "pager").count();
    outbox.recorded(|attempts| to_pager(attempts) == 2 && delivered(attempts) == 6).await;
    outbox.add([change(5)]);
    let attempts = outbox.recorded(|attempts| delivered(attempts) == 7).await;
    assert_eq!(to_pager(&attempts), 2, "nothing more is sent to it");
    assert_eq!(attempts.iter().filter(|attempt| attempt.outcome == DeliveryOutcome::Disabled).count(), 1);
    outbox.resend("pager", 1, running.timer.now());
    outbox.recorded(|attempts| delivered(attempts) == 12).await;
    let tasks = sorted(receiver.requests()[2..].iter().map(|it| it.json()["data"]["task"].to_string()));
    assert_eq!(tasks, [1, 2, 3, 4, 5].map(|n| format!("\"T-{n}\"")));
    running.stop().await;
}

#[tokio::test]
async fn a_receiver_that_asks_for_time_gets_it_for_all_messages() {
    let reply =
        |nth: usize, _: &_| if nth == 0 { Reply::With(429, "retry-after: 120") } else { Reply::Status(200) };
    let receiver = Receiver::start(reply).await;
    let outbox = Arc::new(MemoryOutbox::default());
    let running = Running::start(&outbox, vec![to("pager", &receiver, SINGLY)]);
    outbox.add((0..3).map(change));
    outbox.recorded(|attempts| attempts.len() == 1).await;
    let until = running.timer.waited_for().await;
    let waits_s = until.millis_since(start()) / 1000;
    assert!((120..=132).contains(&waits_s), "{waits_s} s");
    // It is waited for, whatever else arrives, and nothing is sent before it.
    outbox.add([change(3)]);
    running.timer.set(until.plus_millis(-1));
    assert_eq!(running.timer.waited_for().await, until);
    assert_eq!(receiver.requests().len(), 1);
    running.timer.set(until);
    outbox.recorded(|attempts| delivered(attempts) == 4).await;
    running.stop().await;
}

#[tokio::test]
async fn killed_between_sending_and_marking_it_sends_again_under_the_same_id() {
    for digest in [SINGLY, DigestPolicy { after: 2, window_s: 60 }] {
        let receiver = Receiver::start(|_, _| Reply::Status(200)).await;
        let outbox = Arc::new(MemoryOutbox::default());
        outbox.add((0..5).map(change));
        // No record succeeds in this life.
        outbox.failures.store(usize::MAX, Ordering::SeqCst);
        let killed = Running::start(&outbox, vec![to("pager", &receiver, digest)]);
        receiver.received(1).await;
        killed.timer.waited_for().await;
        killed.task.abort();
        assert!(killed.task.await.unwrap_err().is_cancelled());
        // More changes come before the next life; they belong to another message.
        outbox.add([change(5)]);
        outbox.failures.store(0, Ordering::SeqCst);
        let running = Running::start(&outbox, vec![to("pager", &receiver, digest)]);
        let all = if digest == SINGLY { 6 } else { 2 };
        running.pass_until(|attempts| delivered(attempts) == all).await;
        running.stop().await;
        let requests = receiver.requests();
        assert_eq!(requests.len(), all + 1, "one message twice");
        assert_eq!((requests[0].id(), &requests[0].body), (requests[1].id(), &requests[1].body));
    }
}

#[tokio::test]
async fn what_is_not_recorded_is_recorded_once_the_log_is_back_and_not_sent_again() {
    let receiver = Receiver::start(|_, _| Reply::Status(200)).await;
    let outbox = Arc::new(MemoryOutbox::default());
    outbox.failures.store(3, Ordering::SeqCst);
    let running = Running::start(&outbox, vec![to("pager", &receiver, SINGLY)]);
    outbox.add([change(1), change(2)]);
    running.pass_until(|attempts| delivered(attempts) == 2).await;
    assert_eq!(receiver.requests().len(), 2);
    running.stop().await;
}

#[tokio::test]
async fn a_stop_lets_the_attempt_under_way_end() {
    let receiver = Receiver::start(|_, _| Reply::Never).await;
    let outbox = Arc::new(MemoryOutbox::default());
    let short = Timeouts { total: Duration::from_millis(500), ..Timeouts::default() };
    let channel = Arc::new(webhook(receiver.address).with_timeouts(short));
    let running = Running::start(&outbox, vec![(endpoint("pager", SINGLY), channel)]);
    outbox.add((0..9).map(change));
    receiver.received(1).await;
    running.stop().await;
    let attempts = outbox.history();
    assert_eq!(attempts.len(), 1, "the one under way is recorded, the others are left");
    assert!(attempts[0].error.as_ref().unwrap().contains("no answer within 500 ms"));
}

#[tokio::test]
async fn a_storm_is_told_as_a_digest() {
    let receiver = Receiver::start(|_, _| Reply::Status(200)).await;
    let outbox = Arc::new(MemoryOutbox::default());
    let policy = DigestPolicy { after: 20, window_s: 60 };
    let running = Running::start(&outbox, vec![to("pager", &receiver, policy)]);
    outbox.add((0..5000).map(change));
    outbox.recorded(|attempts| attempts.len() == 1).await;
    // Further changes in the same minute wait for its end.
    outbox.add((5000..6000).map(change));
    assert_eq!(running.timer.waited_for().await, start().plus_millis(60_000));
    assert_eq!(receiver.requests().len(), 1);
    running.timer.set(start().plus_millis(60_000));
    outbox.recorded(|attempts| attempts.len() == 2).await;
    running.timer.set(start().plus_millis(200_000));
    outbox.add((6000..6003).map(change));
    outbox.recorded(|attempts| attempts.len() == 5).await;
    running.stop().await;
    let bodies: Vec<serde_json::Value> = receiver.requests().iter().map(|it| it.json()).collect();
    let kinds: Vec<&str> = bodies.iter().map(|body| body["type"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["alert.digest", "alert.digest", "alert.raised", "alert.raised", "alert.raised"]);
    assert_eq!((&bodies[0]["data"]["changes"], &bodies[1]["data"]["changes"]), (&5000.into(), &1000.into()));
}
