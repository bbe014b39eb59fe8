//! What a connection is doing, for how long it may, and which one gives way.

use super::*;

const fn s(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

#[test]
fn each_stage_has_its_time() {
    let limits = ConnectionLimits { head: s(15), idle: s(75), stalled: s(30), ..Default::default() };
    for (stage, since, stalled, now, cut) in [
        (Stage::New, 0, None, 15, None),
        (Stage::New, 0, None, 16, Some(Cut::Head)),
        (Stage::Head, 100, None, 115, None),
        (Stage::Head, 100, None, 116, Some(Cut::Head)),
        (Stage::Idle, 100, None, 175, None),
        (Stage::Idle, 100, None, 176, Some(Cut::Idle)),
        (Stage::Busy, 0, None, 1_000_000, None),
        (Stage::Busy, 0, Some(100), 130, None),
        (Stage::Busy, 0, Some(100), 131, Some(Cut::Stalled)),
        (Stage::Idle, 100, Some(100), 131, Some(Cut::Stalled)),
    ] {
        let (stalled_since, requests) = (stalled.map(s), usize::from(stage == Stage::Busy));
        let is_multiplexed = false;
        let state = State {
            stage,
            requests,
            is_multiplexed,
            since: s(since),
            stalled: stalled_since,
            cut: None,
            seat: None,
        };
        assert_eq!(state.overdue(s(now), &limits), cut, "{stage:?} {since} {stalled:?} {now}");
    }
}

#[tokio::test]
async fn where_all_places_are_taken_the_most_idle_gives_way_and_never_a_request() {
    let limits = ConnectionLimits { connections: 3, ..Default::default() };
    let all = Arc::new(Connections::new(limits, ConnectionMetrics::default()));
    let mut places = Vec::new();
    for _ in 0..3 {
        places.push(all.place().await.expect("there is room"));
    }
    let [busy, idle, head] = <[Place; 3]>::try_from(places).ok().expect("three");
    let asked = busy.connection.asked();
    head.connection.read();
    drop(idle.connection.asked());
    let mut later = Vec::new();
    for gives_way in [head, idle] {
        // As a connection's task does: it ends when it is to be cut.
        let ends = async {
            assert_eq!(gives_way.connection.to_be_cut().await, Cut::Crowded);
            assert_eq!(*all.count.borrow(), 3, "its place is taken until its descriptor is free");
            drop(gives_way);
        };
        let (place, ()) = tokio::join!(all.place(), ends);
        later.push(place.expect("one gives way"));
    }
    let more: Vec<Asked> = later.iter().map(|place| place.connection.asked()).collect();
    assert!(all.place().await.is_none(), "requests are worked on in all of them");
    assert_eq!(lock(&busy.connection.state).cut, None);
    drop((asked, busy));
    assert!(all.place().await.is_some(), "a place is free again");
    drop((more, later));
    assert_eq!(*all.count.borrow(), 0);
}

#[tokio::test]
async fn a_connection_of_http_2_is_idle_once_its_last_request_is_answered_whatever_else_it_sends() {
    let limits = ConnectionLimits { connections: 1, ..Default::default() };
    let all = Arc::new(Connections::new(limits, ConnectionMetrics::default()));
    let place = all.place().await.expect("there is room");
    let connection = &place.connection;
    // What sets TLS up are bytes, too.
    connection.read();
    connection.multiplexed();
    let stage = || lock(&connection.state).stage;
    assert_eq!(stage(), Stage::Idle);
    connection.read();
    assert_eq!(stage(), Stage::Idle, "a ping is no request");
    let (first, second) = (connection.asked(), connection.asked());
    drop(first);
    assert_eq!(stage(), Stage::Busy);
    drop(second);
    assert_eq!(stage(), Stage::Idle);
}

#[tokio::test]
async fn a_connection_that_was_upgraded_is_busy_until_it_ends_and_is_cut_only_if_its_client_stops_reading() {
    let limits = ConnectionLimits { connections: 1, ..Default::default() };
    let all = Arc::new(Connections::new(limits, ConnectionMetrics::default()));
    let place = all.place().await.expect("there is room");
    let connection = &place.connection;
    let asked = connection.asked();
    connection.upgraded(None);
    drop(asked);
    connection.read();
    assert_eq!(lock(&connection.state).stage, Stage::Busy);
    assert!(all.place().await.is_none(), "it gives way to nobody");
    connection.written(false);
    let overdue = |at| lock(&connection.state).overdue(at, &limits);
    let now = all.clock.elapsed();
    assert_eq!((overdue(now), overdue(now + s(31))), (None, Some(Cut::Stalled)));
}
