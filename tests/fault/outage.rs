//! An orchestrator goes on while the server is away: what it reported is there afterwards, once.

use tollgate_client::{Ended, SpoolOptions, TrackerBuilder, Usage};
use tollgate_domain::metadata::TaskMetadata;
use tollgate_domain::tokens::TokenCounts;
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
    // Nobody answers: what was reported is on the disk when the tracker is gone.
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
