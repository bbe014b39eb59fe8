//! Many tasks, what transitions take, and the circuit breaker.

use serde_json::{Value, json};

use crate::support::{Service, at};

async fn recorded(service: &Service, kind: &str) -> Vec<Value> {
    let (status, page) = service.get("/v1/log?limit=1000").await;
    assert_eq!(status, 200, "{page}");
    let events = page["events"].as_array().unwrap().iter();
    events.filter_map(|event| event.get(kind).cloned()).collect()
}

#[tokio::test]
async fn a_span_with_transitions_is_written_down_once() {
    let service = Service::new().await;
    service.ledger.operate().record_measured().await.unwrap();
    service.open("T-1").await;
    let started = json!([{"id": "s1", "task": "T-1", "phase_started": {"phase": "THINK"}}]);
    assert_eq!(service.append(started).await.0, 201);
    let (status, _) = service.post("/v1/tasks/T-1/gate", json!({"advance_to": "IMPLEMENT"})).await;
    assert_eq!(status, 200);
    service.clock.set(at("2026-11-20T10:01:00Z"));
    service.ledger.operate().record_measured().await.unwrap();
    service.clock.set(at("2026-11-20T10:02:00Z"));
    service.ledger.operate().record_measured().await.unwrap();
    let [span] = &recorded(&service, "transitions_measured").await[..] else { panic!("one span") };
    assert_eq!(
        (&span["transitions"], &span["span_ms"], &span["rollout"]),
        (&json!(2), &json!(60_000), &json!("observe")),
        "opening a task is no transition: {span}"
    );
    assert!(span["p50_us"].as_u64() <= span["p95_us"].as_u64() && span["longest_us"].as_u64() > Some(0));
    let (_, breaker) = service.get("/v1/breaker").await;
    assert_eq!((&breaker["open"], &breaker["baseline_transitions"]), (&json!(false), &json!(2)));
    assert_eq!(breaker.get("baseline_p95_us"), None, "two transitions are no baseline");
}

#[tokio::test]
async fn what_is_true_of_many_tasks_is_written_once_and_its_end_too() {
    let service = Service::with_config(Some("rollout: enforce\nalerts: { min_tasks: 1 }\n")).await;
    let opened = json!([{"id": "o", "task": "T-1", "occurred_at": "2026-11-20T09:50:00Z",
        "task_opened": {"importance": "critical", "justification": "x", "author": "ada"}}]);
    assert_eq!(service.append(opened).await.0, 201);
    let importance = async |id: &str, to: &str, at: &str| {
        let change = json!([{"id": id, "task": "T-1", "occurred_at": at,
            "importance_changed": {"to": to, "author": "ada", "reason": "r"}}]);
        assert_eq!(service.append(change).await.0, 201);
    };
    let look = async || service.ledger.operate().look_at_figures().await.unwrap();
    assert_eq!((look().await, look().await), (1, 0));
    importance("i1", "low", "2026-11-20T09:51:00Z").await;
    assert_eq!((look().await, look().await), (1, 0));
    importance("i2", "critical", "2026-11-20T09:52:00Z").await;
    assert_eq!((look().await, look().await), (1, 0), "true again is another alert");
    let (_, list) =
        service.get("/v1/alerts?rule=critical_share&state=all&at_least=tail&tenant=_ledger").await;
    let generations: Vec<_> =
        list["alerts"].as_array().unwrap().iter().map(|alert| &alert["generation"]).collect();
    assert_eq!(generations, [2, 1], "{list}");
}
