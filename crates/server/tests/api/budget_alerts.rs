//! Alerts of policies: once per policy, window and level.

use std::sync::Arc;

use serde_json::{Value, json};
use tollgate_clock::ManualClock;
use tollgate_log::contract::DedupScope;
use tollgate_log::memory::MemoryLog;

use crate::budgets::{set_policy, used};
use crate::support::{Held, Service, at};

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

/// Whatever a policy does beyond its limit, its levels are told; of one that ignores it only the figures are kept.
#[tokio::test]
async fn every_enforcement_but_ignore_raises_alerts() {
    for (enforcement, expected) in [("ignore", 0), ("warn", 3), ("soft_limit", 3), ("hard_limit", 3)] {
        let service = Service::new().await;
        set_policy(&service, "p", json!({"window": "daily", "limit_usd": "1", "enforcement": enforcement}))
            .await;
        service.append(json!([used("u-1", "T-1", None, 200_000)])).await;
        assert_eq!(service.ledger.look_at_policies().await.unwrap(), expected, "{enforcement}");
        let (_, shown) = service.get("/v1/policies/p?at_least=tail").await;
        let policy = &shown["status"];
        assert_eq!(
            (&policy["booked"]["usd"], &policy["level"]),
            (&json!("2"), &json!("exhausted")),
            "{policy}"
        );
    }
}

/// Policies that cannot be looked at may lack alerts: health says so, until they can be.
#[tokio::test]
async fn health_says_that_policies_cannot_be_looked_at() {
    let memory = Arc::new(MemoryLog::new(Arc::new(ManualClock::at(at("2026-11-20T10:00:00Z")))));
    let held = Held::new(Arc::clone(&memory), DedupScope::Life);
    let one = Service::on(memory).await;
    let other = Service::on(Arc::clone(&held) as Arc<_>).await;
    set_policy(&one, "p", json!({"window": "daily", "limit_usd": "1"})).await;
    let check = async || {
        let (_, health) = other.get("/v1/health").await;
        let found =
            health["checks"].as_array().unwrap().iter().find(|it| it["name"] == "policy_alerts").cloned();
        found.map(|check| (check["ok"].clone(), health["status"].clone()))
    };
    other.ledger.look_at_policies().await.unwrap();
    assert_eq!(check().await, None);
    held.hold_spending();
    one.append(json!([used("u-1", "T-1", None, 200_000)])).await;
    other.ledger.look_at_policies().await.unwrap_err();
    assert_eq!(check().await.unwrap().0, json!(false));
}

/// Rule, severity, level and scope of each alert about a task or session, in the order of their scopes.
async fn of_each(service: &Service) -> Vec<String> {
    let (_, list) = service.get("/v1/alerts?rule=task_budget&state=all&at_least=tail").await;
    let text = |alert: &Value| {
        let open = if alert["state"] == "resolved" { "told" } else { "open" };
        format!("{} {} {} {open}", alert["scope"], alert["severity"], alert["level"]).replace('"', "")
    };
    let mut all: Vec<String> = list["alerts"].as_array().unwrap().iter().map(text).collect();
    all.sort();
    all
}

/// Each task has the limit for itself: who nears it is told once, who reaches it stays open, by however many servers.
#[tokio::test]
async fn tasks_and_sessions_that_near_a_limit_of_their_own_are_told_once_each() {
    let clock = Arc::new(ManualClock::at(at("2026-11-20T10:00:00Z")));
    let log = Arc::new(MemoryLog::new(Arc::clone(&clock) as Arc<_>));
    let server = async || {
        let (dir, log) = (tempfile::tempdir().unwrap(), Arc::clone(&log) as Arc<_>);
        Service::by_clock(log, dir, None, Arc::clone(&clock)).await
    };
    let (one, two) = (server().await, server().await);
    // What was spent before there is a policy counts: a first look is at all.
    one.append(json!([used("u-0", "before", None, 95_000)])).await;
    set_policy(&one, "each-task", json!({"window": "per_task", "limit_usd": "1"})).await;
    set_policy(&one, "each-session", json!({"window": "per_session", "limit_usd": "1.5"})).await;
    let look = async |service: &Service| service.ledger.budgets().observe_levels().await.unwrap();
    assert_eq!(look(&one).await, 2, "80 and 95 % of the first");
    assert_eq!(look(&two).await, 0);
    let in_session = |id: &str, task: &str, tokens: u64| {
        let mut event = used(id, task, None, tokens);
        event["usage_recorded"]["labels"] = json!({"session": "S"});
        event
    };
    // 0.85 USD, 0.5 and 0.9 USD; the last two share a session.
    let events = json!([
        used("u-1", "near", None, 85_000),
        in_session("u-2", "a", 50_000),
        in_session("u-3", "b", 90_000)
    ]);
    one.append(events).await;
    assert_eq!(look(&two).await + look(&one).await, 3);
    one.append(json!([used("u-4", "near", None, 20_000)])).await;
    assert_eq!(look(&one).await, 2, "95 and 100 %");
    assert_eq!(look(&two).await, 0);
    // Usage without a session belongs to that of its task's name.
    one.append(json!([used("u-5", "near", None, 20_000)])).await;
    assert_eq!(look(&two).await, 1);
    let expected = [
        "policy each-session of S warning 80 told",
        "policy each-session of near warning 80 told",
        "policy each-task of b warning 80 told",
        "policy each-task of before warning 80 told",
        "policy each-task of before warning 95 told",
        "policy each-task of near error 100 open",
        "policy each-task of near warning 80 told",
        "policy each-task of near warning 95 told",
    ];
    assert_eq!(of_each(&one).await, expected);
    // A server that begins looks at all, and finds nothing new; nor does one under a policy that is not changed by it.
    let three = server().await;
    assert_eq!(look(&three).await, 0);
    set_policy(&one, "each-task", json!({"window": "per_task", "limit_usd": "0.9", "if_version": 1})).await;
    assert_eq!(
        look(&three).await,
        3,
        "all under the new limit: `before` reaches it, and `b` 95 and 100 % of it"
    );
    let (_, list) = one.get("/v1/alerts?rule=task_budget&at_least=tail").await;
    let message = list["alerts"].to_string();
    assert!(message.contains("task `near` has reached 100% of what policy `each-task`"), "{message}");
}

/// Late usage counts in the window in which it happened: that window can still be seen, and its levels are told once.
#[tokio::test]
async fn a_window_that_is_over_can_be_seen_and_tells_what_late_usage_reaches() {
    let clock = Arc::new(ManualClock::at(at("2026-11-10T10:00:00Z")));
    let log = Arc::new(MemoryLog::new(Arc::clone(&clock) as Arc<_>));
    let server = async || {
        let (dir, log) = (tempfile::tempdir().unwrap(), Arc::clone(&log) as Arc<_>);
        Service::by_clock(log, dir, None, Arc::clone(&clock)).await
    };
    let (one, two) = (server().await, server().await);
    set_policy(&one, "day", json!({"window": "daily", "limit_usd": "5"})).await;
    one.append(json!([used("u-1", "T-1", None, 290_000)])).await;
    let (_, made) = one.post("/v1/allocations", json!({"allocation": "a", "usd": "1"})).await;
    assert_eq!(made["state"], "open", "{made}");
    let look = async |service: &Service| service.ledger.budgets().observe_levels().await.unwrap();
    assert_eq!((look(&one).await, look(&two).await), (0, 0));
    clock.set(at("2026-11-12T09:00:00Z"));
    assert_eq!(look(&one).await, 0);
    let late = |id: &str, when: &str, tokens: u64| {
        let mut event = used(id, "T-2", None, tokens);
        event["occurred_at"] = json!(when);
        event
    };
    // 2.9 USD were spent on the 10th; 1.5 more are 88 %, and the day before there was no policy.
    one.append(json!([
        late("l-1", "2026-11-10T22:00:00Z", 150_000),
        late("l-2", "2026-11-09T22:00:00Z", 900_000)
    ]))
    .await;
    assert_eq!(look(&one).await, 1);
    assert_eq!(look(&two).await, 0, "it stays open");
    one.append(json!([late("l-3", "2026-11-10T23:00:00Z", 60_000)])).await;
    assert_eq!(look(&two).await, 2, "95 and 100 %");
    assert_eq!((look(&one).await, look(&two).await), (0, 0));
    // A server that begins looks at the last window that is over.
    assert_eq!(look(&server().await).await, 0);
    let (_, list) = one.get("/v1/alerts?at_least=tail").await;
    let text = list.to_string();
    assert!(
        text.contains("until 2026-11-11T00:00:00Z: seen after that, by usage that was recorded late"),
        "{text}"
    );
    let (_, day) = one.get("/v1/policies/day?at=2026-11-10T12:00:00Z&at_least=tail").await;
    let status = &day["status"];
    let found = (&status["is_over"], &status["booked"]["usd"], &status["reserved"]["usd"], &status["level"]);
    assert_eq!(found, (&json!(true), &json!("5"), &json!("0"), &json!("exhausted")), "{day}");
    assert_eq!((&status["window_from"], &status["burn"]), (&json!("2026-11-10T00:00:00Z"), &Value::Null));
    // Of the future nothing is known.
    for (asked, because) in [("2026-11-13T00:00:00Z", "in the future"), ("yesterday", "must be a time")] {
        let (status, refused) = one.get(&format!("/v1/policies/day?at={asked}")).await;
        assert!(status == 400 && refused["detail"].as_str().unwrap().contains(because), "{refused}");
    }
    let (_, today) = one.get("/v1/policies/day?at=2026-11-12T00:00:00Z").await;
    assert_eq!((&today["status"]["is_over"], &today["status"]["booked"]["usd"]), (&Value::Null, &json!("0")));
}
