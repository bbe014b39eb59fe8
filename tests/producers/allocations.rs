//! The program of `docs/guides/allocations.md`, against a real server.

use tollgate_tests::blocks::blocks;
use tollgate_tests::{Place, Server};
use tollgate_wire::api::{AllocationStateWord, AmountView};

#[path = "../../crates/client/examples/allocate.rs"]
#[expect(dead_code, reason = "the test calls what `main` calls")]
mod program;

/// A policy of the program's team on any day.
fn limited(place: &Place, rest: &str) -> Server {
    let window = "--window fixed --window-from 2020-01-01T00:00:00Z --window-to 2220-01-01T00:00:00Z";
    let _ = place.ok(&format!("--data d policy set search {window} --scope team=search {rest}"));
    Server::start(place, "d")
}

fn usd(amount: &Option<AmountView>) -> &str {
    amount.as_ref().map(|amount| amount.usd.as_str()).unwrap_or_default()
}

#[tokio::test]
async fn what_was_allocated_is_used_and_the_rest_released_once() {
    let place = Place::new();
    let server = limited(&place, "--limit-usd 5 --enforcement hard_limit");
    for _ in 0..2 {
        let done = program::work(&server.url, "call-1").await.unwrap();
        assert_eq!(done.state, AllocationStateWord::Released);
        // 9,000 at 0.00000125 and 1,000 at 0.00001 USD, of at most 20,000 at the dearer price.
        assert_eq!((done.amount.usd.as_str(), usd(&done.used)), ("0.2", "0.02125"));
        assert_eq!((usd(&done.released), usd(&done.overrun)), ("0.17875", "0"));
    }
    let status = place.json("--data d policy show search")["status"].clone();
    assert_eq!((&status["booked"]["usd"], &status["reserved"]["usd"]), (&"0.02125".into(), &"0".into()));
}

#[tokio::test]
async fn a_refusal_spends_nothing_and_a_cheaper_model_is_used() {
    let place = Place::new();
    let server = limited(&place, "--limit-usd 0.1 --enforcement hard_limit");
    let refused = program::work(&server.url, "call-1").await.unwrap();
    assert_eq!((refused.state, refused.policies.len()), (AllocationStateWord::Refused, 1));
    assert_eq!(place.json("--data d report")["usage_events"], 0);
    let _ = place.ok(
        "--data d policy set search --window monthly --scope team=search --limit-usd 0.1 --enforcement degrade --degrade-to gpt-5-mini",
    );
    let done = program::work(&server.url, "call-2").await.unwrap();
    assert_eq!((done.state, done.model.as_deref()), (AllocationStateWord::Released, Some("gpt-5-mini")));
    assert_eq!(usd(&done.used), "0.00425", "at the prices of gpt-5-mini");
}

#[test]
fn the_guide_shows_the_program_that_runs() {
    let shown =
        blocks("docs/guides/allocations.md").into_iter().find(|block| block.language == "rust").unwrap();
    assert_eq!(shown.text, include_str!("../../crates/client/examples/allocate.rs"));
}
