//! An orchestrator continues while the server is down: what it reported is there afterwards, once.

use std::time::Duration;

use tollgate_client::{Ended, SpoolOptions, Timeouts, TrackerBuilder, Usage};
use tollgate_domain::metadata::TaskMetadata;
use tollgate_domain::tokens::TokenCounts;
use tollgate_test_process::cut::Network;
use tollgate_tests::{Place, Server};

#[tokio::test]
async fn a_tracker_spools_through_an_outage_and_delivers_once() {
    let place = Place::new();
    let server = Server::start(&place, "d");
    let (url, spool) = (server.url.clone(), place.path("spool"));
    let tracker = || TrackerBuilder::to_server(&url, "bot").spool(SpoolOptions::new(&spool)).start().unwrap();
    let used = TokenCounts { output: 1, ..TokenCounts::default() };
    let first = tracker();
    first.open_task("T-1", TaskMetadata::default()).unwrap().await.unwrap();
    let report = |count: u32| {
        for _ in 0..count {
            first.report_usage("T-1", Usage::of("PLAN", "gpt-5", used)).unwrap();
        }
    };
    report(100);
    first.flush().await.unwrap();
    server.kill();
    report(100);
    // Nothing answers: what was reported is on disk once the tracker is gone.
    assert!(first.flush().await.is_err());
    let ended = first.close().await.unwrap();
    assert!(matches!(ended, Ended::Kept { .. }), "{ended:?}");
    let address = url.trim_start_matches("http://");
    let server = Server::start_at(&place, "d", address);
    // The next process of the orchestrator finds the spool and delivers it.
    let second = tracker();
    second.flush().await.unwrap();
    second.close().await.unwrap();
    assert!(server.terminate().success());
    assert_eq!(place.totals("d").0, 200);
}

#[tokio::test]
async fn a_tracker_delivers_once_through_a_network_that_is_cut() {
    let place = Place::new();
    let server = Server::start(&place, "d");
    let network = Network::before(server.url.trim_start_matches("http://"));
    let spool = place.path("spool");
    let tracker = TrackerBuilder::to_server(network.url(), "bot").spool(SpoolOptions::new(&spool)).start();
    let tracker = tracker.unwrap();
    tracker.open_task("T-1", TaskMetadata::default()).unwrap().await.unwrap();
    let used = TokenCounts { output: 1, ..TokenCounts::default() };
    let mut reported = 0;
    let mut report = |count: u64| {
        for _ in 0..count {
            tracker.report_usage("T-1", Usage::of("PLAN", "gpt-5", used)).unwrap();
        }
        reported += count;
    };
    for round in 0..4 {
        // The server receives what is sent, but its answer gets lost.
        network.cut_answers_after(1 + round * 20);
        report(50);
        assert!(tracker.flush().await.is_err(), "round {round}: an answer came through");
        network.cut_answers_after(0);
        // Then nothing gets through.
        network.down();
        report(50);
        assert!(tracker.flush().await.is_err(), "round {round}: something came through");
        network.up();
        report(50);
        tracker.flush().await.unwrap();
    }
    let ended = tracker.close().await.unwrap();
    assert!(!matches!(ended, Ended::Kept { .. }), "{ended:?}");
    assert!(network.cuts() >= 8, "only {} connections were cut", network.cuts());
    assert!(server.terminate().success());
    assert_eq!(place.totals("d").0, reported);
}

#[tokio::test]
async fn a_tracker_gives_up_a_connection_that_leads_nowhere() {
    let place = Place::new();
    let server = Server::start(&place, "d");
    let network = Network::before(server.url.trim_start_matches("http://"));
    let patience = Timeouts { connect: Duration::from_secs(2), answer: Duration::from_secs(1) };
    let tracker = TrackerBuilder::to_server(network.url(), "bot").timeouts(patience).start().unwrap();
    tracker.open_task("T-1", TaskMetadata::default()).unwrap().await.unwrap();
    let used = TokenCounts { output: 1, ..TokenCounts::default() };
    for _ in 0..3 {
        network.forget();
        tracker.report_usage("T-1", Usage::of("PLAN", "gpt-5", used)).unwrap();
        // The first try is lost silently; the next one uses another connection.
        while tracker.flush().await.is_err() {}
    }
    network.slow(Duration::from_millis(100));
    tracker.report_usage("T-1", Usage::of("PLAN", "gpt-5", used)).unwrap();
    tracker.flush().await.unwrap();
    tracker.close().await.unwrap();
    assert!(
        network.swallowed() >= 3 && network.delayed() > 0,
        "{} {}",
        network.swallowed(),
        network.delayed()
    );
    assert!(server.terminate().success());
    assert_eq!(place.totals("d").0, 4);
}
