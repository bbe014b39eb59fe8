//! Alerts of allocations of which more was used than was allocated.

use std::sync::Arc;

use serde_json::{Value, json};
use tollgate_clock::{Clock, ManualClock};
use tollgate_log::memory::MemoryLog;

use crate::budgets::used;
use crate::support::{Service, at};

/// Servers on one log.
struct Ground {
    clock: Arc<ManualClock>,
    log: Arc<MemoryLog>,
}

impl Ground {
    fn new() -> Self {
        let clock = Arc::new(ManualClock::at(at("2026-11-20T10:00:00Z")));
        let log = Arc::new(MemoryLog::new(Arc::clone(&clock) as Arc<_>));
        Self { clock, log }
    }

    async fn server(&self) -> Service {
        let (dir, log) = (tempfile::tempdir().unwrap(), Arc::clone(&self.log) as Arc<_>);
        Service::by_clock(log, dir, None, Arc::clone(&self.clock)).await
    }
}

async fn allocate(service: &Service, request: Value) {
    let (status, answer) = service.post("/v1/allocations", request).await;
    assert_eq!(status, 200, "{answer}");
}

async fn uses(service: &Service, id: &str, allocation: &str, output: u64) {
    let (status, answer) =
        service.append(json!([used(id, &format!("T-{id}"), Some(allocation), output)])).await;
    assert_eq!(status, 201, "{answer}");
}

async fn look(service: &Service) -> usize {
    service.ledger.budgets().observe_levels().await.unwrap()
}

/// The alerts about overruns as `state severity allocation`, by allocation.
async fn alerts(service: &Service) -> Vec<String> {
    let (_, list) = service.get("/v1/alerts?rule=allocation_overrun&state=all&at_least=tail").await;
    let of = |alert: &Value| {
        format!("{} {} {}", alert["state"], alert["severity"], alert["scope"]).replace('"', "")
    };
    let mut all: Vec<String> = list["alerts"].as_array().unwrap().iter().map(of).collect();
    all.sort();
    all
}

#[tokio::test]
async fn each_allocation_that_is_exceeded_raises_one_alert_however_many_look() {
    let ground = Ground::new();
    let servers = [ground.server().await, ground.server().await];
    for name in ["within", "open", "released", "late", "expired", "usd"] {
        let amount = if name == "usd" { ("usd", json!("0.5")) } else { ("tokens", json!(1000)) };
        let mut request = json!({"allocation": name, "ttl_s": 60, "component": "indexer", "task": "T-7"});
        request[amount.0] = amount.1;
        allocate(&servers[0], request).await;
    }
    // Tokens that nobody asked for are not exceeded; nor is what is used up.
    uses(&servers[0], "usd", "usd", 50_000).await;
    uses(&servers[0], "within", "within", 1000).await;
    uses(&servers[0], "late-1", "late", 400).await;
    assert_eq!((look(&servers[0]).await, look(&servers[1]).await), (0, 0));
    uses(&servers[0], "open", "open", 1001).await;
    uses(&servers[1], "released", "released", 1500).await;
    for name in ["released", "late"] {
        let (status, answer) = servers[0].post(&format!("/v1/allocations/{name}/release"), json!({})).await;
        assert_eq!(status, 200, "{answer}");
    }
    assert_eq!((look(&servers[0]).await, look(&servers[1]).await), (2, 0));
    assert_eq!(
        alerts(&servers[1]).await,
        ["raised warning allocation open", "raised warning allocation released",]
    );
    // What was released or has expired long ago is still looked at.
    ground.clock.set(ground.clock.now().plus_millis(3_600_000));
    assert_eq!(servers[0].ledger.budgets().record_expired().await.unwrap(), 4);
    uses(&servers[0], "late-2", "late", 601).await;
    uses(&servers[0], "expired", "expired", 1200).await;
    uses(&servers[0], "open-2", "open", 5000).await;
    // This server begins now, and looks at everything.
    let third = ground.server().await;
    assert_eq!((look(&third).await, look(&servers[0]).await, look(&servers[1]).await), (2, 0, 0));
    assert_eq!(alerts(&servers[0]).await.len(), 4);
    let (_, list) = third.get("/v1/alerts?rule=allocation_overrun&at_least=tail").await;
    let message = |name: &str| {
        let all = list["alerts"].as_array().unwrap();
        let of = all.iter().find(|alert| alert["scope"] == format!("allocation {name}")).unwrap();
        of["message"].as_str().unwrap().to_owned()
    };
    assert_eq!(
        message("open"),
        "allocation `open`, asked for by component `indexer` for task T-7: 1,001 tokens used, 1,000 tokens allocated"
    );
    assert!(message("late").contains("1,001 tokens used, 1,000 tokens allocated"), "{}", message("late"));
}

#[tokio::test]
async fn it_stands_until_a_person_acknowledges_it_and_does_not_come_back() {
    let ground = Ground::new();
    let service = ground.server().await;
    // Usage from before it was made is none of it, however much: who appends it is told.
    uses(&service, "u-0", "a", 2000).await;
    allocate(&service, json!({"allocation": "a", "model": "gpt-5", "tokens": 1000})).await;
    assert_eq!(look(&service).await, 0);
    uses(&service, "u-1", "a", 2000).await;
    assert_eq!(look(&service).await, 1);
    let (_, list) = service.get("/v1/alerts?at_least=tail").await;
    let alert = &list["alerts"][0];
    assert!(
        alert["message"]
            .as_str()
            .unwrap()
            .ends_with("2,000 tokens and 0.02 USD used, 1,000 tokens and 0.01 USD allocated"),
        "{alert}"
    );
    let (_, extended) = service.post("/v1/allocations/a/extend", json!({"tokens": 5000})).await;
    assert_eq!(extended["overrun"]["tokens"], 0, "{extended}");
    assert_eq!(alerts(&service).await, ["raised warning allocation a"]);
    let path = format!("/v1/alerts/{}/acknowledge", alert["id"].as_str().unwrap());
    let (status, answer) = service.post(&path, json!({"by": "grace"})).await;
    assert!(status.is_success(), "{answer}");
    uses(&service, "u-2", "a", 9000).await;
    let other = ground.server().await;
    assert_eq!((look(&service).await, look(&other).await), (0, 0));
    assert_eq!(alerts(&other).await, ["resolved warning allocation a"]);
}

/// More allocations than one look takes at a time, over more records than one block of them has.
#[tokio::test]
async fn a_look_at_many_goes_on_until_it_has_seen_all() {
    let ground = Ground::new();
    let service = ground.server().await;
    for many in 0..30 {
        let together = (0..10).map(|nth| {
            allocate(
                &service,
                json!({"allocation": format!("a-{many}-{nth}"), "model": "gpt-5", "tokens": 100}),
            )
        });
        futures_util::future::join_all(together).await;
    }
    for many in 0..45 {
        let together = (0..30).map(|nth| {
            let (id, name) = (format!("{many}-{nth}"), format!("a-{nth}-{}", many % 9));
            let service = &service;
            async move { uses(service, &id, &name, 40).await }
        });
        futures_util::future::join_all(together).await;
    }
    // 270 of 300 were used five times: 200 of 100.
    assert_eq!(look(&service).await, 270);
    let other = ground.server().await;
    assert_eq!((look(&service).await, look(&other).await), (0, 0));
}
