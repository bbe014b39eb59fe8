//! Readers: whatever they query, they hold up neither appends nor the gate, and their cost is not mistaken
//! for the ledger's slowness.

use std::sync::mpsc;

use axum::body::Body;
use http::Request;
use serde_json::json;
use tollgate_projector::Asker;

use crate::support::{Service, usage};

const ENFORCE: &str = "rollout: enforce\n";

/// Answers that are made from many rows.
const OVER_MANY: [&str; 9] = [
    "/v1/tasks?",
    "/v1/tasks?stage=open&",
    "/v1/report?",
    "/v1/report/savings?",
    "/v1/report/accesses?",
    "/v1/health/budgets?",
    "/v1/usage/summary?",
    "/v1/alerts?",
    "/v1/alerts/deliveries?",
];

/// On a runtime of one thread.
#[tokio::test]
async fn readers_in_the_middle_of_their_answers_hold_up_nobody_and_one_more_comes_again() {
    let service = Service::with_config(Some(ENFORCE)).await;
    service.open("T-1").await;
    for path in OVER_MANY {
        let (status, answer) = service.get(&format!("{path}wait_ms=0")).await;
        assert_eq!(status, 200, "{path}: {answer}");
    }
    let mut readers = Vec::new();
    let mut until = Vec::new();
    // As many as are answered at once on the largest machine, and more.
    for _ in 0..8 {
        let (go_on, held) = mpsc::channel::<()>();
        let pool = service.ledger.ask().readers().clone();
        readers.push(tokio::spawn(async move { pool.run(Asker::Ledger, move || held.recv()).await }));
        until.push(go_on);
        tokio::task::yield_now().await;
    }
    for path in OVER_MANY {
        let path = format!("{path}wait_ms=0");
        let (status, problem) = service.get(&path).await;
        assert_eq!((status.as_u16(), problem["code"].as_str()), (503, Some("busy")), "{path}: {problem}");
        let request = Request::get(&path).header("host", "localhost:7070").body(Body::empty()).unwrap();
        assert_eq!(service.headers(request).await["retry-after"], "1", "{path}");
    }
    let (status, answer) = service.append(json!([usage("T-1", "u", "", 40_000)])).await;
    assert_eq!(status, 201, "{answer}");
    let (_, answer) = service.post("/v1/tasks/T-1/gate", json!({"advance_to": "PLAN"})).await;
    assert_eq!((&answer["verdict"], &answer["stale"]), (&json!("block"), &json!(false)), "{answer}");
    let (status, task) = service.get("/v1/tasks/T-1?at_least=tail").await;
    assert_eq!((status.as_u16(), &task["tokens_used"]), (200, &json!(40_000)), "{task}");
    drop(until);
    for reader in readers {
        reader.await.unwrap().unwrap().unwrap_err();
    }
    let (status, _) = service.get("/v1/tasks").await;
    assert_eq!(status, 200);
}

#[tokio::test]
async fn a_transition_beside_readers_is_not_measured() {
    let service = Service::with_config(Some(ENFORCE)).await;
    service.open("T-1").await;
    // From here on spans have a start.
    service.ledger.operate().record_measured().await.unwrap();
    let ask = async |times: usize| {
        for _ in 0..times {
            let (status, answer) = service.post("/v1/tasks/T-1/gate", json!({"advance_to": "PLAN"})).await;
            assert_eq!(status, 200, "{answer}");
        }
        service.ledger.operate().record_measured().await.unwrap();
        let (_, log) = service.get("/v1/log?limit=1000").await;
        let measured = |event: &&serde_json::Value| event.get("transitions_measured").is_some();
        let spans = log["events"].as_array().unwrap().iter().filter(measured);
        spans.map(|span| span["transitions_measured"]["transitions"].clone()).collect::<Vec<_>>()
    };
    let reader = service.ledger.ask().readers().serve();
    assert_eq!(ask(5).await, [json!(null); 0], "a reader was served all the time");
    drop(reader);
    assert_eq!(ask(3).await.len(), 1);
}
