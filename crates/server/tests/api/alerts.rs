//! Alerts that need a clock, importance that drifts, who has seen what; filters.

use serde_json::{Value, json};

use crate::support::{Service, at, outcomes, usage};

/// Opens a task, starts THINK, and looks ten minutes later.
async fn silent() -> Service {
    let service = Service::new().await;
    service.open("T-1").await;
    let started = json!([{"id": "s1", "task": "T-1", "phase_started": {"phase": "THINK"}}]);
    assert_eq!(service.append(started).await.0, 201);
    service.clock.set(at("2026-11-20T10:10:00Z"));
    assert_eq!(service.ledger.watch().look().await.unwrap().written, 1);
    service
}

async fn listed(service: &Service, query: &str) -> Vec<Value> {
    let (status, list) = service.get(&format!("/v1/alerts?at_least=tail&{query}")).await;
    assert_eq!(status, 200, "{list}");
    list["alerts"].as_array().unwrap().clone()
}

#[tokio::test]
async fn an_execution_without_usage_is_alerted_until_usage_comes() {
    let service = silent().await;
    let [alert] = &listed(&service, "").await[..] else { panic!("one alert") };
    assert_eq!(
        (alert["rule"].as_str(), alert["severity"].as_str(), alert["scope"].as_str()),
        (Some("silence"), Some("warning"), Some("THINK"))
    );
    assert_eq!(alert["raised_at"], "2026-11-20T10:10:00Z");
    assert_eq!(alert["message"], "THINK of task T-1 has been running without reported usage for 10 min");
    assert_eq!(service.ledger.watch().look().await.unwrap().written, 1, "another server sees the same");
    assert_eq!(listed(&service, "state=all").await.len(), 1);
    service.append(json!([usage("T-1", "u1", "THINK", 10)])).await;
    assert!(listed(&service, "").await.is_empty());
    let resolved = &listed(&service, "state=resolved").await[0];
    assert_eq!(resolved["resolution"], "usage was reported");
}

#[tokio::test]
async fn what_the_ledger_notes_about_alerts_is_no_event_of_the_task() {
    let service = silent().await;
    let (_, before) = service.get("/v1/tasks/T-1?at_least=tail").await;
    service.clock.set(at("2026-11-20T10:40:00Z"));
    let mut watch = service.ledger.watch();
    assert_eq!(watch.look().await.unwrap().written, 2, "silence as before, and stuck");
    service.clock.set(at("2026-11-20T10:10:00Z"));
    let (_, after) = service.get("/v1/tasks/T-1?at_least=tail").await;
    let without = |mut status: Value| {
        status.as_object_mut().unwrap().remove("as_of");
        status
    };
    assert_eq!(without(before), without(after));
}

#[tokio::test]
async fn an_acknowledgement_is_recorded_once_and_the_alert_stays_raised() {
    let service = silent().await;
    let id = listed(&service, "").await[0]["id"].as_str().unwrap().to_owned();
    let path = format!("/v1/alerts/{id}/acknowledge");
    let seen = json!({"by": "grace", "note": "asking the team"});
    let (status, answer) = service.post(&path, seen.clone()).await;
    assert_eq!(status, 201, "{answer}");
    assert_eq!(service.post(&path, seen).await.0, 200, "the same again is a duplicate");
    assert_eq!(
        service.post(&path, json!({"by": "ada"})).await.0,
        201,
        "another person's is an event of its own"
    );
    let (_, alert) = service.get(&format!("/v1/alerts/{id}?at_least=tail")).await;
    assert_eq!(
        (alert["state"].as_str(), alert["acknowledged_by"].as_str(), alert["note"].as_str()),
        (Some("raised"), Some("grace"), Some("asking the team"))
    );
    assert_eq!(listed(&service, "state=acknowledged").await.len(), 1);
    assert!(listed(&service, "state=unacknowledged").await.is_empty());
    let (_, changes) = service.get("/v1/alerts/changes").await;
    let words: Vec<_> = changes["changes"]
        .as_array()
        .unwrap()
        .iter()
        .map(|change| change["change"].as_str().unwrap())
        .collect();
    assert_eq!(words, ["raised", "acknowledged"]);
}

#[tokio::test]
async fn an_acknowledgement_names_who_and_an_alert_that_there_is() {
    let service = silent().await;
    let unknown = "0".repeat(32);
    let (status, problem) =
        service.post(&format!("/v1/alerts/{unknown}/acknowledge"), json!({"by": "ada"})).await;
    assert_eq!((status.as_u16(), problem["code"].as_str()), (404, Some("alert_unknown")));
    assert_eq!(service.get(&format!("/v1/alerts/{unknown}")).await.0, 404);
    let id = listed(&service, "").await[0]["id"].as_str().unwrap().to_owned();
    for (body, field) in [(json!({}), "by"), (json!({"by": ""}), "by"), (json!({"by": "a", "who": 1}), "who")]
    {
        let (status, problem) = service.post(&format!("/v1/alerts/{id}/acknowledge"), body).await;
        assert_eq!(status, 400, "{problem}");
        assert!(problem["detail"].as_str().unwrap().contains(field), "{problem}");
    }
}

#[tokio::test]
async fn alerts_are_filtered_by_rule_severity_and_state() {
    let service = silent().await;
    service.append(json!([usage("T-2", "u1", "", 1)])).await;
    let opened = json!([{"id": "o2", "task": "T-3", "task_opened": {"importance": "low"}}]);
    service.append(opened).await;
    let raised =
        json!({"id": "i1", "producer": "ci", "to": "critical", "author": "ada", "reason": "the board asked"});
    let (status, answer) = service.post("/v1/tasks/T-3/importance", raised).await;
    assert_eq!(status, 201, "{answer}");
    for (query, rules) in [
        ("", vec!["drift", "silence"]),
        ("rule=drift", vec!["drift"]),
        ("severity=error", vec!["drift"]),
        ("severity=warning", vec!["drift", "silence"]),
        ("severity=critical", vec![]),
        ("state=resolved", vec![]),
        ("task=T-1", vec!["silence"]),
        ("tenant=acme", vec![]),
    ] {
        let alerts = listed(&service, query).await;
        let found: Vec<_> = alerts.iter().map(|alert| alert["rule"].as_str().unwrap()).collect();
        assert_eq!(found, rules, "{query}");
    }
    for query in ["rule=drfit", "severity=high", "state=open"] {
        let (status, problem) = service.get(&format!("/v1/alerts?{query}")).await;
        assert_eq!(status, 400, "{problem}");
    }
    let (_, problem) = service.get("/v1/alerts?rule=drfit").await;
    assert!(problem["detail"].as_str().unwrap().ends_with("did you mean `drift`?"), "{problem}");
}

#[tokio::test]
async fn importance_is_changed_from_what_it_is_and_limits_stay() {
    let service = Service::new().await;
    service.open("T-1").await;
    let (_, before) = service.get("/v1/tasks/T-1/report?at_least=tail").await;
    let change = |id: &str, from: &str, to: &str| json!({"id": id, "producer": "ci", "from": from, "to": to, "author": "ada", "reason": "r"});
    let (status, answer) = service.post("/v1/tasks/T-1/importance", change("i1", "low", "high")).await;
    assert_eq!(
        (status.as_u16(), outcomes(&answer)),
        (422, vec!["i1 refused importance_mismatch".to_owned()])
    );
    let (status, answer) = service.post("/v1/tasks/T-1/importance", change("i2", "medium", "medium")).await;
    assert_eq!(
        (status.as_u16(), outcomes(&answer)),
        (422, vec!["i2 refused importance_unchanged".to_owned()])
    );
    assert_eq!(service.post("/v1/tasks/T-1/importance", change("i3", "medium", "high")).await.0, 201);
    assert_eq!(service.post("/v1/tasks/T-1/importance", change("i3", "medium", "high")).await.0, 200);
    let (_, after) = service.get("/v1/tasks/T-1/report?at_least=tail").await;
    assert_eq!(before["totals"]["tokens_budget"], after["totals"]["tokens_budget"]);
    let (_, log) = service.get("/v1/log?task=T-1").await;
    let events = log["events"].as_array().unwrap();
    assert_eq!(events.last().unwrap()["importance_changed"]["from"], "medium");
}
