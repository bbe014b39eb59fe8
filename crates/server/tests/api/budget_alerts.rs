//! Alerts of policies: once per policy, window and level.

use std::sync::Arc;

use serde_json::{Value, json};
use tollgate_clock::ManualClock;
use tollgate_log::memory::MemoryLog;

use crate::budgets::{set_policy, used};
use crate::support::{Service, at};

/// 9: a threshold that fifty events cross at once, watched by three servers: one alert, and none after a restart.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn failure_09_a_threshold_is_alerted_once_however_many_cross_it_and_look() {
    let clock = Arc::new(ManualClock::at(at("2026-11-20T10:00:00Z")));
    let log = Arc::new(MemoryLog::new(Arc::clone(&clock) as Arc<_>));
    let server = async || {
        let (dir, log) = (tempfile::tempdir().unwrap(), Arc::clone(&log) as Arc<_>);
        Arc::new(Service::by_clock(log, dir, None, Arc::clone(&clock)).await)
    };
    let servers = [server().await, server().await, server().await];
    let warns = json!({"window": "daily", "limit_usd": "5"});
    set_policy(&servers[0], "tenant", warns).await;
    let asked = (0..50).map(|nth| {
        let server = Arc::clone(&servers[nth % 3]);
        tokio::spawn(async move {
            server.append(json!([used(&format!("u-{nth}"), &format!("T-{nth}"), None, 9000)])).await;
            server.ledger.budgets().observe_levels().await.unwrap()
        })
    });
    for asked in asked.collect::<Vec<_>>() {
        asked.await.unwrap();
    }
    for server in &servers {
        server.ledger.budgets().observe_levels().await.unwrap();
    }
    let alerts = async |server: &Service| {
        let (_, list) = server.get("/v1/alerts?at_least=tail").await;
        let all = list["alerts"].as_array().unwrap().clone();
        let of = |alert: &Value| {
            format!("{} {} {}", alert["rule"], alert["severity"], alert["level"]).replace('"', "")
        };
        all.iter().filter(|alert| alert["rule"] == "budget").map(of).collect::<Vec<_>>()
    };
    // 50 × 0.09 = 4.5 of 5 USD.
    assert_eq!(alerts(&servers[0]).await, ["budget warning 80"]);
    let restarted = server().await;
    assert_eq!(restarted.ledger.budgets().observe_levels().await.unwrap(), 0, "nothing new after a restart");
    restarted.append(json!([used("u-50", "T-50", None, 60_000)])).await;
    assert_eq!(restarted.ledger.budgets().observe_levels().await.unwrap(), 2, "95 and 100 %");
    let mut all = alerts(&restarted).await;
    all.sort();
    assert_eq!(all, ["budget error 100", "budget warning 80", "budget warning 95"]);
    // The next day is another window: what was reached is over, and nothing of it is raised again.
    clock.set(at("2026-11-21T00:00:00Z"));
    assert_eq!(restarted.ledger.budgets().observe_levels().await.unwrap(), 3);
    assert_eq!(servers[1].ledger.budgets().observe_levels().await.unwrap(), 0);
    let (_, list) = restarted.get("/v1/alerts?state=all&at_least=tail").await;
    let resolved =
        list["alerts"].as_array().unwrap().iter().filter(|alert| alert["state"] == "resolved").count();
    assert_eq!(resolved, 3, "{list}");
}
