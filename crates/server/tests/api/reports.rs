//! Reports of a task: what they say beside the numbers.

use serde_json::json;

use crate::support::{Service, usage};

#[tokio::test]
async fn an_explanation_is_recorded_and_shown() {
    let service = Service::new().await;
    service.open("T-1").await;
    service.post("/v1/tasks/T-1/phases", json!({"id": "s", "producer": "bot", "phase": "PLAN"})).await;
    service.append(json!([usage("T-1", "u", "PLAN", 9000)])).await;
    let (_, report) = service.get("/v1/tasks/T-1/report?at_least=tail").await;
    assert_eq!((&report["unexplained"], &report["explanations"]), (&json!(["PLAN"]), &json!([])), "{report}");
    let path = "/v1/tasks/T-1/phases/plan/explanation";
    let (status, problem) = service.post(path, json!({"producer": "bot", "author": "grace"})).await;
    assert_eq!((status.as_u16(), problem["field"].as_str()), (400, Some("id")), "{problem}");
    let said = json!({"id": "x", "producer": "bot", "author": "grace", "explanation": "three formats"});
    for status in [201, 200] {
        let (found, answer) = service.post(path, said.clone()).await;
        assert_eq!(found, status, "{answer}");
    }
    let (_, report) = service.get("/v1/tasks/T-1/report?at_least=tail").await;
    let given = &report["explanations"][0];
    assert_eq!(
        (&given["author"], &given["explanation"]),
        (&json!("grace"), &json!("three formats")),
        "{report}"
    );
    assert_eq!((&report["unexplained"], report["explanations"].as_array().unwrap().len()), (&json!([]), 1));
}

#[tokio::test]
async fn a_task_is_compared_with_the_completed_ones_of_its_class() {
    let service = Service::new().await;
    for (task, tokens) in [("T-1", 100), ("T-2", 301), ("T-3", 900)] {
        service.open(task).await;
        service
            .post(&format!("/v1/tasks/{task}/phases"), json!({"id": "s", "producer": "bot", "phase": "PLAN"}))
            .await;
        service.append(json!([usage(task, "u", "PLAN", tokens)])).await;
        service
            .post(&format!("/v1/tasks/{task}/phases/PLAN/end"), json!({"id": "e", "producer": "bot"}))
            .await;
        let close = json!({"id": "c", "producer": "bot", "outcome": "completed"});
        service.post(&format!("/v1/tasks/{task}/close"), close).await;
    }
    // The view `reports` is another one than the report waits for.
    service.get("/v1/report?at_least=tail").await;
    let (_, report) = service.get("/v1/tasks/T-3/report?at_least=tail").await;
    let whole = json!({"tokens_used": 900, "tasks": 2, "average_tokens": 200, "percent": 449});
    assert_eq!(report["class"]["whole"], whole, "{report}");
    assert_eq!(report["class"]["phases"][0]["average_tokens"], 200, "{report}");
}
