//! Given changes and attempts to deliver them, what is fresh, pending and settled.

use tollgate_domain::event::Change;
use tollgate_domain::position::{PartitionId, Sequence};
use tollgate_domain::time::Timestamp;

use crate::alerts::{AlertsRow, Delivery, EndpointProgress, delivery_key, states_of};
use crate::testing::{BEGIN, Story, story};

/// Two changes: silence raised by record 3, resolved by record 4.
const TWO: &str = "live, open, start THINK, +10min, look, use THINK out=1";

fn progress(story: &Story, endpoint: &str) -> EndpointProgress {
    let mut standing = EndpointProgress::default();
    for (_, row) in story.alert_rows().iter().filter(|(key, _)| key.starts_with(&states_of(endpoint))) {
        let AlertsRow::Endpoint(state) = row else { panic!("a state") };
        standing.take(state);
    }
    standing
}

/// What is fresh for an endpoint that wants everything: `sequence change`.
fn fresh(story: &Story, endpoint: &str) -> Vec<String> {
    let standing = progress(story, endpoint);
    let partition = PartitionId::of("default", "T-1");
    let wanted =
        |resend: &crate::alerts::Resend| resend.endpoint.as_deref().is_none_or(|name| name == endpoint);
    let changes = story.changes().into_iter().filter(|(sequence, change)| {
        let key = delivery_key(&change.alert, change.change, endpoint);
        let delivery = story.alert_rows().get(&key).and_then(AlertsRow::delivery);
        standing.is_fresh(partition, *sequence, delivery) && change.resend.as_ref().is_none_or(wanted)
    });
    changes.map(|(sequence, change)| format!("{sequence} {}", change.change)).collect()
}

/// Messages with another attempt due: `sequence change +minutes (attempts)`.
fn pending(story: &Story, endpoint: &str) -> Vec<String> {
    let begin: Timestamp = BEGIN.parse().unwrap();
    let standing = progress(story, endpoint);
    let one = |(pending, due): &(crate::alerts::PendingDelivery, crate::alerts::Due)| {
        let minutes = due.at.millis_since(begin) / 60_000;
        format!("{} {} +{minutes} ({})", pending.through, pending.change, due.attempts)
    };
    standing.pending().iter().map(one).collect()
}

fn delivery(story: &Story, change: Change, endpoint: &str) -> Delivery {
    let key = delivery_key(&story.latest("silence").id, change, endpoint);
    let Some(AlertsRow::Delivery(delivery)) = story.alert_rows().get(&key) else { panic!("a delivery") };
    (**delivery).clone()
}

/// One line per case: `steps | fresh | pending`, for the endpoint `oncall`.
#[track_caller]
fn check(table: &str) {
    for line in table.lines().map(str::trim).filter(|line| !line.is_empty()) {
        let [steps, expected_fresh, expected_pending]: [&str; 3] =
            line.split('|').map(str::trim).collect::<Vec<_>>().try_into().expect("3 columns");
        let list = |text: &str| -> Vec<String> {
            text.split(';').map(|one| one.trim().to_owned()).filter(|one| !one.is_empty()).collect()
        };
        let story = story(&format!("{TWO}, {steps}"));
        assert_eq!(fresh(&story, "oncall"), list(expected_fresh), "fresh: {line}");
        assert_eq!(pending(&story, "oncall"), list(expected_pending), "pending: {line}");
    }
}

#[test]
fn a_change_is_fresh_until_tried_and_pending_until_settled() {
    check(
        "
                                                                              | 3 raised; 4 resolved |
        deliver silence raised oncall delivered                               | 4 resolved           |
        deliver silence raised oncall failed 5                                | 4 resolved           | 3 raised +15 (1)
        deliver silence raised oncall failed 5, deliver silence raised oncall failed 30 | 4 resolved | 3 raised +40 (2)
        deliver silence raised oncall failed 5, deliver silence raised oncall delivered | 4 resolved |
        deliver silence raised oncall failed 5, deliver silence raised oncall gave_up   | 4 resolved |
        deliver silence raised oncall failed 5, deliver silence resolved oncall failed 1 |           | 3 raised +15 (1); 4 resolved +11 (1)
        deliver silence resolved oncall delivered                             |                      |
        deliver silence raised other delivered                                | 3 raised; 4 resolved |
        deliver silence raised oncall failed                                  | 4 resolved           | 3 raised +10 (1)
        ",
    );
}

#[test]
fn what_is_settled_is_opened_by_a_request_and_by_nothing_else() {
    check(
        "
        deliver silence resolved oncall delivered, deliver silence resolved oncall failed 5 |     |
        deliver silence resolved oncall gave_up, deliver silence resolved oncall delivered  |     |
        deliver silence resolved oncall delivered, resend silence raised          | 6 raised           |
        deliver silence resolved oncall delivered, resend silence raised oncall   | 6 raised           |
        deliver silence resolved oncall delivered, resend silence raised other    |                    |
        deliver silence resolved oncall delivered, resend silence raised, deliver silence raised oncall failed 5    | | 6 raised +15 (1)
        deliver silence resolved oncall delivered, resend silence resolved, deliver silence resolved oncall failed 5 | | 6 resolved +15 (2)
        deliver silence resolved oncall failed 5, resend silence resolved, deliver silence resolved oncall delivered | |
        ",
    );
}

#[test]
fn a_digest_covers_what_was_not_tried() {
    check(
        "
        digest oncall delivered                                               |            |
        digest oncall skipped                                                 |            |
        digest oncall failed                                                  |            | 4 digest +15 (1)
        digest oncall failed, digest oncall delivered                         |            |
        digest other delivered                                                | 3 raised; 4 resolved |
        deliver silence raised oncall failed 5, digest oncall delivered       |            | 3 raised +15 (1)
        digest oncall delivered, +10min, look                                 | 6 raised   |
        ",
    );
}

#[test]
fn a_delivery_keeps_its_latest_attempts_and_counts_all() {
    let failures = "deliver silence raised oncall failed 5, +1min, ".repeat(30);
    let story = story(&format!("{TWO}, {failures} deliver silence raised oncall delivered"));
    let delivery = delivery(&story, Change::Raised, "oncall");
    assert_eq!((delivery.attempts, delivery.history.len()), (31, super::KEPT_ATTEMPTS));
    let last = delivery.history.last().unwrap();
    assert_eq!((last.number, last.outcome.as_str(), last.status_code), (31, "delivered", Some(204)));
    assert_eq!((delivery.history[0].number, delivery.next_attempt_at), (12, None));
    assert_eq!(delivery.delivered_at, Some(story.now));
    let standing = progress(&story, "oncall");
    assert_eq!((standing.delivered, standing.failed, standing.gave_up), (1, 30, 0));
}

#[test]
fn changes_of_one_record_are_fresh_one_by_one() {
    // Opened above its limits, and critical without a reason: two alerts from one record.
    let script = "use - out=90000, open importance=critical";
    let all = story(script);
    assert_eq!(fresh(&all, "oncall"), ["2 raised", "2 raised"]);
    assert_eq!(progress(&all, "oncall").fresh_after(), Sequence::ZERO);
    let one = story(&format!("{script}, deliver breach raised oncall delivered"));
    assert_eq!(fresh(&one, "oncall"), ["2 raised"]);
    let mut later = progress(&one, "oncall");
    for partition in PartitionId::all() {
        let mut state = crate::alerts::EndpointState::new("oncall", partition);
        state.tried = Sequence(2);
        later.take(&state);
    }
    assert_eq!(later.fresh_after(), Sequence(1), "the record that was tried last may hold more");
}

#[test]
fn due_is_what_the_time_has_come_for() {
    let story = story(&format!(
        "{TWO}, deliver silence raised oncall failed 5, deliver silence resolved oncall failed 1"
    ));
    let standing = progress(&story, "oncall");
    let due = |minutes: i64| standing.due(story.now.plus_millis(minutes * 60_000)).count();
    assert_eq!((due(0), due(1), due(4), due(5)), (0, 1, 1, 2));
    assert_eq!(standing.next_due(), Some(story.now.plus_millis(60_000)));
    let missing = PartitionId::all().find(|other| *other != PartitionId::of("default", "T-1")).unwrap();
    assert!(standing.is_fresh(missing, Sequence(1), None), "nothing of another partition was tried");
    assert_eq!(standing.fresh_after(), Sequence::ZERO);
}

#[test]
fn an_endpoint_is_off_from_disabled_to_the_next_delivery() {
    let off = |steps: &str| progress(&story(&format!("{TWO}, {steps}")), "oncall").is_disabled();
    assert!(!off("deliver silence raised oncall failed 5"));
    assert!(off("deliver silence raised oncall disabled"));
    assert!(off("deliver silence raised oncall delivered, +1s, deliver silence resolved oncall disabled"));
    assert!(!off("deliver silence raised oncall disabled, +1s, deliver silence resolved oncall delivered"));
}

#[test]
fn a_request_for_an_alert_of_another_task_is_nothing() {
    use tollgate_domain::event::{AlertEvent, DeliveryRequested, EventBody};
    let mut one = story(TWO);
    let alert = one.latest("silence").id;
    let requested = DeliveryRequested {
        alert,
        change: Change::Raised,
        endpoint: None,
        by: "eve".to_owned(),
        reason: "curious".to_owned(),
    };
    one.append_elsewhere(
        &story("in T-2"),
        EventBody::Alert(AlertEvent::DeliveryRequested(Box::new(requested))),
    );
    assert_eq!(one.changes().len(), 2);
}
