//! Looking events up by their ids.

use serde_json::json;

use crate::support::{Service, usage};

#[tokio::test]
async fn ids_of_a_task_are_found_or_null_in_their_order() {
    let service = Service::new().await;
    let _ = service
        .append(json!([usage("T-1", "a", "", 10), usage("T-1", "b", "", 20), usage("T-2", "c", "", 30)]))
        .await;
    let found = json!({"task": "T-1", "producer": "ci", "ids": ["b", "c", "a", "b"]});
    let (status, answer) = service.post("/v1/events/find", found).await;
    assert_eq!(status, 200, "{answer}");
    let events = answer["events"].as_array().unwrap();
    let shown: Vec<String> = events
        .iter()
        .map(|event| format!("{} {}", event["id"], event["usage_recorded"]["tokens"]["output"]))
        .collect();
    assert_eq!(shown, ["\"b\" 20", "null null", "\"a\" 10", "\"b\" 20"]);
    // Another producer's ids are different ids.
    let (_, answer) =
        service.post("/v1/events/find", json!({"task": "T-1", "producer": "x", "ids": ["a"]})).await;
    assert_eq!(answer, json!({"events": [null]}));
}

#[tokio::test]
async fn what_breaks_a_rule_is_named() {
    let service = Service::new().await;
    let many: Vec<String> = (0..501).map(|nth| nth.to_string()).collect();
    for (asked, says) in [
        (json!({"task": "T-1", "producer": "ci", "ids": many}), "at most 500"),
        (json!({"task": "", "producer": "ci", "ids": []}), "task"),
        (json!({"task": "T-1", "producer": "ci", "ids": [""]}), "ids"),
        (json!({"task": "T-1", "producer": "ci"}), "ids"),
    ] {
        let (status, problem) = service.post("/v1/events/find", asked).await;
        assert_eq!(status, 400, "{problem}");
        assert!(problem["detail"].as_str().unwrap().contains(says), "{problem}");
    }
}
