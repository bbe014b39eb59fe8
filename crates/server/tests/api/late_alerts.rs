//! Alerts of windows that were over when late usage reached a level.

use std::sync::Arc;

use serde_json::{Value, json};
use tollgate_clock::ManualClock;
use tollgate_log::memory::MemoryLog;

use crate::budgets::{set_policy, used};
use crate::support::{Service, at};

/// Servers that share a log and a clock.
struct Ground {
    clock: Arc<ManualClock>,
    log: Arc<MemoryLog>,
}

impl Ground {
    fn at(now: &str) -> Self {
        let clock = Arc::new(ManualClock::at(at(now)));
        Self { log: Arc::new(MemoryLog::new(Arc::clone(&clock) as Arc<_>)), clock }
    }

    async fn server(&self) -> Service {
        let (dir, log) = (tempfile::tempdir().unwrap(), Arc::clone(&self.log) as Arc<_>);
        Service::by_clock(log, dir, None, Arc::clone(&self.clock)).await
    }
}

async fn look(service: &Service) -> usize {
    service.ledger.budgets().observe_levels().await.unwrap()
}

/// Usage that happened at another time than it is recorded.
fn late(id: &str, when: &str, tokens: u64) -> Value {
    let mut event = used(id, "T-1", None, tokens);
    event["occurred_at"] = json!(when);
    event
}

/// Rule, scope, level and state of the alerts that a plain list has, or of all.
async fn alerts(service: &Service, query: &str) -> Vec<String> {
    let (_, list) = service.get(&format!("/v1/alerts?at_least=tail{query}")).await;
    let text = |alert: &Value| {
        let of = [&alert["rule"], &alert["scope"], &alert["level"], &alert["state"]];
        of.map(|part| part.to_string().replace('"', "")).join(" ")
    };
    let mut all: Vec<String> = list["alerts"].as_array().unwrap().iter().map(text).collect();
    all.sort();
    all
}

/// What late usage reached stays in a plain list until a person has seen it, or it is taken away again.
#[tokio::test]
async fn an_alert_of_late_usage_stays_open_until_it_is_acknowledged_or_taken_away() {
    let ground = Ground::at("2026-11-10T10:00:00Z");
    let (one, two) = (ground.server().await, ground.server().await);
    set_policy(&one, "day", json!({"window": "daily", "limit_usd": "5"})).await;
    assert_eq!((look(&one).await, look(&two).await), (0, 0));
    ground.clock.set(at("2026-11-12T09:00:00Z"));
    one.append(json!([
        late("l-1", "2026-11-10T22:00:00Z", 480_000),
        late("l-2", "2026-11-11T01:00:00Z", 420_000)
    ]))
    .await;
    assert_eq!((look(&one).await, look(&two).await, look(&one).await), (3, 0, 0), "80 and 95 %, and 80 %");
    let open = [
        "late_usage policy day from 2026-11-10T00:00:00Z 80 raised",
        "late_usage policy day from 2026-11-10T00:00:00Z 95 raised",
        "late_usage policy day from 2026-11-11T00:00:00Z 80 raised",
    ];
    assert_eq!(alerts(&two, "").await, open);
    assert_eq!(look(&ground.server().await).await, 0, "whoever begins raises and ends nothing");
    // A correction of that day takes some of it away: 4.8 USD become 4.5.
    let corrected = json!({"id": "c-1", "task": "T-1", "occurred_at": "2026-11-10T23:00:00Z", "usage_adjusted":
        {"adjusts": "l-1", "tokens": {"output": -30_000}, "author": "ada", "reason": "counted twice"}});
    let (status, answer) = one.append(json!([corrected])).await;
    assert_eq!(status, 201, "{answer}");
    assert_eq!((look(&two).await, look(&one).await), (1, 0), "95 % is no longer reached");
    assert_eq!(alerts(&one, "").await, [open[0], open[2]]);
    let (_, all) = one.get("/v1/alerts?state=all&at_least=tail").await;
    assert!(all.to_string().contains("usage of that window was taken away"), "{all}");
    let (_, list) = one.get("/v1/alerts?at_least=tail").await;
    let id = list["alerts"][0]["id"].as_str().unwrap();
    let (status, _) = one.post(&format!("/v1/alerts/{id}/acknowledge"), json!({"by": "grace"})).await;
    assert_eq!((status.as_u16(), alerts(&one, "").await.len()), (201, 1));
    one.append(json!([late("l-3", "2026-11-10T22:00:00Z", 1_000)])).await;
    assert_eq!(look(&one).await, 0, "once per policy, window and level");
}

/// Nobody looked for a long time, and usage was recorded late through another door: the next server that starts tells.
#[tokio::test]
async fn a_server_that_starts_finds_what_late_usage_reached_however_long_ago_its_window_was() {
    let ground = Ground::at("2026-11-01T10:00:00Z");
    let writer = ground.server().await;
    set_policy(&writer, "day", json!({"window": "daily", "limit_usd": "5"})).await;
    set_policy(&writer, "hour", json!({"window": "hourly", "limit_usd": "5"})).await;
    writer.append(json!([used("u-1", "T-1", None, 10_000)])).await;
    ground.clock.set(at("2026-11-25T10:00:00Z"));
    // 20 days are 480 hours.
    writer.append(json!([late("l-1", "2026-11-05T22:00:00Z", 420_000)])).await;
    ground.clock.set(at("2026-11-26T10:00:00Z"));
    let begins = ground.server().await;
    assert_eq!(look(&begins).await, 2);
    assert_eq!(
        alerts(&begins, "").await,
        [
            "late_usage policy day from 2026-11-05T00:00:00Z 80 raised",
            "late_usage policy hour from 2026-11-05T22:00:00Z 80 raised"
        ]
    );
    assert_eq!((look(&begins).await, look(&ground.server().await).await), (0, 0));
}

/// Used and recorded in time, and nobody looked before the window ended: it is told, and over at the next look.
#[tokio::test]
async fn what_was_recorded_in_time_and_seen_too_late_is_told_and_over() {
    let ground = Ground::at("2026-11-10T10:00:00Z");
    let writer = ground.server().await;
    set_policy(&writer, "day", json!({"window": "daily", "limit_usd": "5"})).await;
    writer.append(json!([used("u-1", "T-1", None, 420_000)])).await;
    ground.clock.set(at("2026-11-30T10:00:00Z"));
    let begins = ground.server().await;
    assert_eq!((look(&begins).await, look(&begins).await, look(&begins).await), (1, 1, 0));
    assert_eq!(alerts(&begins, "").await, [""; 0]);
    let all = alerts(&begins, "&state=all").await;
    assert_eq!(all, ["budget policy day from 2026-11-10T00:00:00Z 80 resolved"]);
}
