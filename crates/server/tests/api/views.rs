//! Queries: totals, limits, lists, the log, health, and what a view that is behind says.

use serde_json::json;

use crate::support::{Service, usage};

#[tokio::test]
async fn limits_follow_from_the_tiers() {
    let service = Service::new().await;
    let (_, limits) = service.get("/v1/limits?complexity=Large&importance=critical").await;
    let think =
        limits["phases"].as_array().unwrap().iter().find(|phase| phase["phase"] == "THINK").unwrap().clone();
    assert_eq!((think["tokens"].as_u64(), think["latency_ms"].as_u64()), (Some(18_000), Some(405_000)));
    assert_eq!(
        (limits["total_tokens"].as_u64(), limits["total_latency_ms"].as_u64()),
        (Some(70_200), Some(1_719_000))
    );
    let (status, problem) = service.get("/v1/limits?complexity=Largge").await;
    assert_eq!((status.as_u16(), problem["field"].as_str()), (400, Some("complexity")), "{problem}");
    let (status, problem) = service.get("/v1/limits?complexty=Large").await;
    assert_eq!(status, 400);
    assert!(problem["detail"].as_str().unwrap().contains("complexty"), "{problem}");
}

#[tokio::test]
async fn totals_are_grouped_and_tenants_kept_apart() {
    let service = Service::new().await;
    service.append(json!([usage("T-1", "a", "PLAN", 10), usage("T-2", "b", "", 5)])).await;
    let other = json!({"tenant": "acme", "producer": "bot", "events": [usage("T-1", "c", "", 100)]});
    service.post("/v1/events", other).await;
    let (_, all) = service.get("/v1/report?at_least=tail").await;
    assert_eq!((all["tasks"].as_u64(), all["tokens"]["total"].as_i64()), (Some(3), Some(115)));
    let phases: Vec<_> =
        all["by_phase"].as_array().unwrap().iter().map(|group| group["key"].as_str().unwrap()).collect();
    assert_eq!(phases, ["unphased", "PLAN"]);
    let (_, acme) = service.get("/v1/report?at_least=tail&tenant=acme").await;
    assert_eq!((acme["tasks"].as_u64(), acme["tokens"]["total"].as_i64()), (Some(1), Some(100)));
}

#[tokio::test]
async fn tasks_are_listed_in_pages() {
    let service = Service::new().await;
    for n in 0..5 {
        service.open(&format!("T-{n}")).await;
    }
    let (_, first) = service.get("/v1/tasks?at_least=tail&limit=2").await;
    let names = |page: &serde_json::Value| {
        let tasks = page["tasks"].as_array().unwrap().iter();
        tasks.map(|task| task["task"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!((names(&first), first["next"].as_str()), (vec!["T-0".into(), "T-1".into()], Some("T-1")));
    let (_, rest) = service.get("/v1/tasks?limit=10&after=T-1").await;
    assert_eq!((names(&rest).len(), rest.get("next")), (3, None));
    let (_, none) = service.get("/v1/tasks?stage=completed").await;
    assert!(names(&none).is_empty());
}

#[tokio::test]
async fn an_unknown_task_is_404_and_a_position_that_does_not_come_is_stale() {
    let service = Service::new().await;
    let (status, problem) = service.get("/v1/tasks/T-404?at_least=tail").await;
    assert_eq!((status.as_u16(), problem["code"].as_str()), (404, Some("task_unknown")));
    assert!(problem["as_of"].is_string());
    let position = service.ledger.operate().position().await.unwrap();
    let at_least = format!("{}@0:999", position.epoch);
    let (status, problem) = service.get(&format!("/v1/report?at_least={at_least}&wait_ms=20")).await;
    assert_eq!(
        (status.as_u16(), problem["code"].as_str(), problem["retryable"].as_bool()),
        (503, Some("stale"), Some(true))
    );
    let (status, problem) = service.get(&format!("/v1/report?at_least={}@0:1", "0".repeat(32))).await;
    assert_eq!((status.as_u16(), problem["field"].as_str()), (400, Some("at_least")));
    let (status, _) = service.get("/v1/report?at_least=yesterday").await;
    assert_eq!(status, 400);
}

#[tokio::test]
async fn the_log_holds_config_and_prices_and_is_read_in_pages() {
    let service = Service::new().await;
    service.append(json!([usage("T-1", "a", "", 10)])).await;
    let (_, page) = service.get("/v1/log").await;
    let kinds: Vec<_> = page["events"]
        .as_array()
        .unwrap()
        .iter()
        .map(|event| {
            let kinds = ["config_loaded", "price_book_loaded", "usage_recorded"];
            kinds.into_iter().find(|kind| event.get(kind).is_some()).unwrap()
        })
        .collect();
    assert_eq!(kinds, ["config_loaded", "price_book_loaded", "usage_recorded"]);
    let (_, first) = service.get("/v1/log?limit=1").await;
    assert_eq!(
        (first["events"].as_array().unwrap().len(), first["last"].as_u64(), first["tail"].as_u64()),
        (1, Some(1), Some(3))
    );
    let (_, rest) = service.get("/v1/log?after=1").await;
    assert_eq!(rest["events"].as_array().unwrap().len(), 2);
    let (_, end) = service.get("/v1/log?after=3&wait_ms=10").await;
    assert_eq!((end["events"].as_array().unwrap().len(), end["last"].as_u64()), (0, Some(3)));
}

#[tokio::test]
async fn health_metrics_openapi_and_rebuild_answer() {
    let service = Service::new().await;
    service.append(json!([usage("T-1", "a", "", 10)])).await;
    service.get("/v1/report?at_least=tail").await;
    let (status, health) = service.get("/v1/health").await;
    assert_eq!((status.as_u16(), health["status"].as_str()), (200, Some("ok")), "{health}");
    let (_, rebuilt) = service.post("/v1/views/status/rebuild", json!({})).await;
    assert_eq!(
        (rebuilt["identical"].as_bool(), rebuilt["rows"].as_u64()),
        // One of the task, two that list it, and six of sums.
        (Some(true), Some(9)),
        "{rebuilt}"
    );
    let (status, problem) = service.post("/v1/views/stats/rebuild", json!({})).await;
    assert_eq!(status, 404, "{problem}");
    let (_, metrics) = service.get("/metrics").await;
    let metrics = metrics.as_str().unwrap();
    for line in ["tollgate_events_total{outcome=\"appended\"} 1", "tollgate_view_running{view=\"status\"} 1"]
    {
        assert!(metrics.contains(line), "{line} is not in\n{metrics}");
    }
    assert!(!metrics.contains("T-1"), "no task is a label");
    let (_, document) = service.get("/v1/openapi.json").await;
    let paths = document["paths"].as_object().unwrap();
    assert!(paths.contains_key("/v1/tasks/{task}/gate") && paths.len() >= 16, "{:?}", paths.keys());
}

#[tokio::test]
async fn an_invalid_config_is_recorded_and_the_built_in_one_is_in_force() {
    let service =
        Service::with_config(Some("stop_loss:\n  enabeld: true\n  per_phase_threshold: -1\n")).await;
    // The first append triggers it: a client that only queries writes nothing.
    service.open("T-1").await;
    let (_, page) = service.get("/v1/log").await;
    let rejected =
        page["events"].as_array().unwrap().iter().find(|event| event.get("config_rejected").is_some());
    let problems = rejected.unwrap()["config_rejected"]["problems"].as_array().unwrap().clone();
    assert_eq!(problems.len(), 2, "{problems:?}");
    let (_, health) = service.get("/v1/health").await;
    let config =
        health["checks"].as_array().unwrap().iter().find(|check| check["name"] == "config").unwrap().clone();
    assert!(config["detail"].as_str().unwrap().contains("did you mean `enabled`"), "{config}");
    let (_, limits) = service.get("/v1/limits").await;
    assert_eq!(limits["config_source"], "built-in");
}
