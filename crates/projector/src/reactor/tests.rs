//! What is sent to endpoints, through failures, restarts, rebuilds and storms.

mod life;

use std::sync::Arc;

use tollgate_deliver::config::{Endpoint, Filter};
use tollgate_deliver::digest::DigestPolicy;
use tollgate_deliver::message::{Content, Message};
use tollgate_deliver::schedule::Answer;
use tollgate_domain::event::{AlertAcknowledged, AlertEvent, EventBody};
use tollgate_domain::position::PartitionId;
use tollgate_projection::alerts::Delivery;

use self::life::{Life, Receiver, SINGLY, alert_of, endpoint, event, failed, raise, raised, resend};
use crate::testing::{append, memory};

#[tokio::test(flavor = "multi_thread")]
async fn each_change_is_told_once_and_never_again_after_restart_rebuild_or_a_new_view() {
    let (log, dir) = (memory(), tempfile::tempdir().unwrap());
    raise(&log, [1]).await;
    let receiver = Arc::new(Receiver::default());
    let to = || vec![(endpoint("pager", SINGLY), Arc::clone(&receiver))];
    let life = Life::begin(&log, dir.path(), to()).await;
    life.known("pager").await;
    raise(&log, [2, 3]).await;
    receiver.got(2).await;
    let seen = AlertAcknowledged { alert: alert_of("T-2"), by: "dana".to_owned(), note: None };
    append(&*log, vec![event("T-2", "ack", &EventBody::Alert(AlertEvent::AlertAcknowledged(seen)))]).await;
    receiver.got(4).await;
    let rebuilt = life.alerts.rebuild().await.unwrap();
    assert_eq!(rebuilt.len(), 1);
    raise(&log, [4]).await;
    receiver.got(5).await;
    life.recorded("pager", |all| all.iter().filter(|it| it.delivered_at.is_some()).count() == 5).await;
    life.end().await;
    // Another life on the same view, and one on a view that is built from the log alone.
    let other = tempfile::tempdir().unwrap();
    for (nth, dir) in [dir.path(), other.path()].into_iter().enumerate() {
        let life = Life::begin(&log, dir, to()).await;
        let task = 5 + u32::try_from(nth).unwrap();
        raise(&log, [task]).await;
        receiver.got(6 + nth).await;
        life.recorded("pager", |all| all.iter().filter(|it| it.delivered_at.is_some()).count() == 6 + nth)
            .await;
        life.end().await;
    }
    // Alerts raised before anyone listened are not sent.
    let expected = [
        "T-2 raised",
        "T-3 raised",
        "T-2 acknowledged",
        "T-2 resolved",
        "T-4 raised",
        "T-5 raised",
        "T-6 raised",
    ];
    assert_eq!(receiver.words(), expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_sent_and_not_noted_is_sent_again_under_the_same_id() {
    for digest in [SINGLY, DigestPolicy { after: 2, window_s: 60 }] {
        let (log, dir) = (memory(), tempfile::tempdir().unwrap());
        let receiver = Arc::new(Receiver::default());
        let to = || vec![(endpoint("pager", digest), Arc::clone(&receiver))];
        let life = Life::begin(&log, dir.path(), to()).await;
        life.known("pager").await;
        life.end().await;
        raise(&log, 0..5).await;
        let life = Life::begin_cut_off(&log, dir.path(), to(), true).await;
        receiver.got(1).await;
        life.kill().await;
        // It belongs to another message.
        raise(&log, [5]).await;
        let life = Life::begin(&log, dir.path(), to()).await;
        let all = if digest == SINGLY { 7 } else { 3 };
        receiver.got(2).await;
        life.pass(60);
        let sent = receiver.got(all).await;
        assert_eq!(sent.len(), all, "{:?}", receiver.words());
        assert_eq!((&sent[0].id, sent[0].body()), (&sent[1].id, sent[1].body()));
        life.end().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failure_is_tried_again_when_it_is_due_and_noted_each_time() {
    let (log, dir) = (memory(), tempfile::tempdir().unwrap());
    let receiver = Arc::new(Receiver::default());
    receiver.answers(&[failed(), failed()]);
    let life = Life::begin(&log, dir.path(), vec![(endpoint("pager", SINGLY), Arc::clone(&receiver))]).await;
    life.known("pager").await;
    raise(&log, [1]).await;
    for (attempts, wait_s) in [(1, 6), (2, 331)] {
        let noted = |all: &[Delivery]| all.iter().any(|it| it.attempts == attempts);
        life.recorded("pager", noted).await;
        assert_eq!(receiver.words().len(), attempts as usize);
        life.pass(wait_s);
    }
    let done = life.recorded("pager", |all| all.iter().any(|it| it.delivered_at.is_some())).await;
    let delivery = done.iter().find(|it| it.alert == alert_of("T-1")).unwrap();
    let history: Vec<(u32, &str, Option<u32>)> =
        delivery.history.iter().map(|it| (it.number, it.outcome.as_str(), it.status_code)).collect();
    assert_eq!(history, [(1, "failed", Some(500)), (2, "failed", Some(500)), (3, "delivered", Some(204))]);
    let sent = receiver.got(3).await;
    assert!(sent.iter().all(|message| message.id == sent[0].id));
    life.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn endpoints_do_not_share_their_fate_and_a_disabled_one_waits_for_somebody() {
    let (log, dir) = (memory(), tempfile::tempdir().unwrap());
    let (gone, fine) = (Arc::new(Receiver::default()), Arc::new(Receiver::default()));
    gone.answers(&[Answer::Gone, Answer::Gone]);
    let to =
        vec![(endpoint("gone", SINGLY), Arc::clone(&gone)), (endpoint("fine", SINGLY), Arc::clone(&fine))];
    let life = Life::begin(&log, dir.path(), to).await;
    life.known("gone").await;
    life.known("fine").await;
    raise(&log, 1..=3).await;
    fine.got(3).await;
    life.recorded("gone", |all| all.iter().any(|it| it.outcome.as_str() == "disabled")).await;
    // Requested once, the endpoint refuses it too.
    resend(&log, "T-1", "gone", "again-1").await;
    gone.got(2).await;
    raise(&log, [4]).await;
    fine.got(4).await;
    life.pass(1);
    // Requested once more, it accepts it; what it missed while it was disabled is left out, what comes from
    // now on is sent.
    resend(&log, "T-3", "gone", "again-2").await;
    gone.got(3).await;
    life.recorded("gone", |all| all.iter().any(|it| it.delivered_at.is_some())).await;
    raise(&log, [5]).await;
    gone.got(4).await;
    fine.got(5).await;
    assert_eq!(gone.words(), ["T-1 raised", "T-1 raised", "T-3 raised", "T-5 raised"]);
    assert_eq!(fine.words(), ["T-1 raised", "T-2 raised", "T-3 raised", "T-4 raised", "T-5 raised"]);
    life.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_given_up_goes_out_again_when_somebody_asks_and_its_schedule_begins_anew() {
    let (log, dir) = (memory(), tempfile::tempdir().unwrap());
    let receiver = Arc::new(Receiver::default());
    receiver.answers(&vec![failed(); 11]);
    let life = Life::begin(&log, dir.path(), vec![(endpoint("pager", SINGLY), Arc::clone(&receiver))]).await;
    life.known("pager").await;
    raise(&log, [1]).await;
    for attempt in 1..=10 {
        life.recorded("pager", |all| all.iter().any(|it| it.attempts == attempt)).await;
        life.pass(100_000);
    }
    let noted = |outcome: &'static str, attempts| {
        move |all: &[Delivery]| all.iter().any(|it| it.outcome.as_str() == outcome && it.attempts == attempts)
    };
    life.recorded("pager", noted("gave_up", 10)).await;
    resend(&log, "T-1", "pager", "again").await;
    life.recorded("pager", noted("failed", 11)).await;
    life.pass(6);
    life.recorded("pager", noted("delivered", 12)).await;
    let sent = receiver.got(12).await;
    assert!(sent.iter().all(|message| message.id == sent[0].id));
    life.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_storm_is_one_digest_and_what_somebody_asked_for_comes_by_itself() {
    let (log, dir) = (memory(), tempfile::tempdir().unwrap());
    let receiver = Arc::new(Receiver::default());
    let to = || vec![(endpoint("pager", DigestPolicy { after: 20, window_s: 60 }), Arc::clone(&receiver))];
    let life = Life::begin(&log, dir.path(), to()).await;
    life.known("pager").await;
    raise(&log, [9999]).await;
    receiver.got(1).await;
    life.recorded("pager", |all| all.iter().any(|it| it.delivered_at.is_some())).await;
    life.end().await;
    raise(&log, 0..1500).await;
    resend(&log, "T-9999", "pager", "again").await;
    // The digest fails at first: later it still covers the same.
    receiver.answers(&[failed(), failed()]);
    let life = Life::begin(&log, dir.path(), to()).await;
    receiver.got(3).await;
    let has_failed = |it: &&Delivery| {
        it.next_attempt_at.is_some() && it.history.last().is_some_and(|attempt| attempt.number == 1)
    };
    life.recorded("pager", |all| all.iter().filter(has_failed).count() == 2).await;
    raise(&log, 2000..2003).await;
    life.pass(61);
    let sent = receiver.got(8).await;
    let mut words = receiver.words();
    words[1..3].sort();
    words[3..].sort();
    let expected = [
        "T-9999 raised",
        "T-9999 raised",
        "digest 1500",
        "T-2000 raised",
        "T-2001 raised",
        "T-2002 raised",
        "T-9999 raised",
        "digest 1500",
    ];
    assert_eq!(words, expected);
    let digests: Vec<&Message> = sent.iter().filter(|it| matches!(it.content, Content::Digest(_))).collect();
    assert_eq!((&digests[0].id, digests[0].body()), (&digests[1].id, digests[1].body()));
    life.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn changes_of_one_record_do_not_hide_each_other() {
    let (log, dir) = (memory(), tempfile::tempdir().unwrap());
    let receiver = Arc::new(Receiver::default());
    let to = || vec![(endpoint("pager", SINGLY), Arc::clone(&receiver))];
    let life = Life::begin(&log, dir.path(), to()).await;
    life.known("pager").await;
    let partition = |n: u32| PartitionId::of("default", &format!("T-{n}"));
    let together: Vec<u32> = (1..).filter(|n| partition(*n) == partition(1)).take(3).collect();
    let events = together.iter().map(|n| raised(&format!("T-{n}"))).collect();
    receiver.answers(&[Answer::Delivered { status: None }, failed()]);
    append(&*log, events).await;
    let sent = receiver.got(3).await;
    life.recorded("pager", |all| all.iter().map(|it| it.attempts).sum::<u32>() == 3).await;
    life.pass(6);
    let all = receiver.got(4).await;
    assert_eq!(all[3].id, sent[1].id);
    assert_eq!(receiver.words().len(), 4);
    life.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_endpoint_is_told_what_it_wants() {
    let (log, dir) = (memory(), tempfile::tempdir().unwrap());
    let receiver = Arc::new(Receiver::default());
    let picky = Endpoint {
        filter: Filter { tenants: vec!["other".to_owned()], ..Filter::default() },
        ..endpoint("picky", SINGLY)
    };
    let (nothing, everything) = (Arc::new(Receiver::default()), Arc::clone(&receiver));
    let to = vec![(picky, Arc::clone(&nothing)), (endpoint("all", SINGLY), everything)];
    let life = Life::begin(&log, dir.path(), to).await;
    life.known("picky").await;
    life.known("all").await;
    raise(&log, 0..30).await;
    receiver.got(30).await;
    assert_eq!(nothing.words(), [""; 0]);
    life.end().await;
}
