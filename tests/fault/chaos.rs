//! The chaos run, in short: `tools/chaos` runs it for ten minutes.

use std::time::Duration;

use tollgate_tests::chaos::Chaos;

#[test]
fn whatever_is_killed_everything_acknowledged_is_counted_once_everywhere() {
    let Some(outcome) = (Chaos { time: Duration::from_secs(12), seed: 7 }).run() else { return };
    for kind in [
        "nats-server",
        "server 1",
        "server 2",
        "projector status",
        "projector reports",
        "projector alerts",
        "projector spending",
    ] {
        assert!(outcome.kills.get(kind).is_some_and(|kills| *kills > 0), "no {kind} was killed: {outcome:?}");
    }
    assert!(outcome.usage_events > 100 && outcome.retries > 0 && outcome.alerts > 0, "{outcome:?}");
}
