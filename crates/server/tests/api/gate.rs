//! The gate: what it answers, that the answer is recorded first, that a retry gets the first answer.

use serde_json::json;

use crate::support::{Service, at, usage};

const ENFORCE: &str = "rollout: enforce\n";

#[tokio::test]
async fn a_runaway_is_blocked_with_the_numbers_and_the_story_is_told() {
    let service = Service::with_config(Some(ENFORCE)).await;
    service.open("T-1").await;
    // The limit of a medium task is 23,400 tokens.
    service.append(json!([usage("T-1", "u", "", 40_000)])).await;
    let (status, answer) =
        service.post("/v1/tasks/T-1/gate", json!({"advance_to": "plan", "id": "g1"})).await;
    assert_eq!((status.as_u16(), answer["verdict"].as_str()), (200, Some("block")), "{answer}");
    let message = answer["reasons"][0]["message"].as_str().unwrap();
    assert_eq!(message, "Task T-1 exceeded token budget: 40,000 / 23,400 (171%)");
    assert_eq!(answer["tokens"], json!({"used": 40000, "limit": 23400, "percent": 171}));
    assert_eq!(answer["report"], "/v1/tasks/T-1/report?tenant=default");
    let (_, log) = service.get("/v1/log?task=T-1").await;
    let recorded = log["events"].as_array().unwrap().last().unwrap();
    assert_eq!(
        (recorded["id"].as_str(), recorded["gate_decided"]["verdict"].as_str()),
        (Some("g1"), Some("block"))
    );
    let (_, story) = service.get("/v1/tasks/T-1/explain?at_least=tail").await;
    let story = story.as_str().unwrap();
    assert!(story.contains("was blocked before PLAN") && story.contains(message), "{story}");
}

#[tokio::test]
async fn a_retry_gets_the_first_answer_and_another_question_needs_another_id() {
    let service = Service::with_config(Some(ENFORCE)).await;
    service.open("T-1").await;
    let ask = |to: &'static str| service.post("/v1/tasks/T-1/gate", json!({"advance_to": to, "id": "g1"}));
    let (_, first) = ask("PLAN").await;
    assert_eq!(first["verdict"], "allow");
    service.append(json!([usage("T-1", "u", "", 90_000)])).await;
    let (_, again) = ask("PLAN").await;
    assert_eq!((&again["verdict"], &again["as_of"]), (&first["verdict"], &first["as_of"]));
    let (status, problem) = ask("THINK").await;
    assert_eq!((status.as_u16(), problem["code"].as_str()), (409, Some("conflict")), "{problem}");
}

#[tokio::test]
async fn an_override_lets_a_blocked_task_pass_with_a_warning() {
    let service = Service::with_config(Some(ENFORCE)).await;
    service.open("T-1").await;
    service.append(json!([usage("T-1", "u", "", 40_000)])).await;
    let override_of = json!({"id": "o", "producer": "ada", "block": {"advance": "PLAN"}, "approver": "ada", "reason": "demo on Monday"});
    let (status, answer) = service.post("/v1/tasks/T-1/overrides", override_of).await;
    assert_eq!(status, 201, "{answer}");
    let (_, answer) = service.post("/v1/tasks/T-1/gate", json!({"advance_to": "PLAN"})).await;
    assert_eq!((answer["verdict"].as_str(), answer["ruled"].as_str()), (Some("warn"), Some("block")));
    let (_, answer) = service.post("/v1/tasks/T-1/gate", json!({"advance_to": "THINK"})).await;
    assert_eq!(answer["verdict"], "block");
}

#[tokio::test]
async fn a_gate_whose_view_cannot_get_there_follows_the_policy_and_says_stale() {
    for (policy, verdict) in [("open", "allow"), ("closed", "block")] {
        let config = format!("rollout: enforce\nstop_loss:\n  on_stale: {policy}\n");
        let service = Service::with_config(Some(&config)).await;
        service.open("T-1").await;
        let position = service.ledger.operate().position().await.unwrap().position;
        let (epoch, _) = position.split_once('@').unwrap();
        // Nothing was ever appended there.
        let all: Vec<String> = (0..16).map(|partition| format!("{partition}:999")).collect();
        let at_least = format!("{epoch}@{}", all.join(","));
        let request = json!({"advance_to": "PLAN", "at_least": at_least, "wait_ms": 20});
        let (status, answer) = service.post("/v1/tasks/T-1/gate", request).await;
        assert_eq!((status.as_u16(), answer["verdict"].as_str()), (200, Some(verdict)), "{answer}");
        assert_eq!(
            (answer["stale"].as_bool(), answer["reasons"][0]["code"].as_str()),
            (Some(true), Some("stale"))
        );
    }
}

#[tokio::test]
async fn unknown_tasks_and_phases_are_named() {
    let service = Service::new().await;
    let (status, problem) = service.post("/v1/tasks/T-404/gate", json!({"advance_to": "PLAN"})).await;
    assert_eq!((status.as_u16(), problem["code"].as_str()), (404, Some("task_unknown")));
    service.open("T-1").await;
    let (status, problem) = service.post("/v1/tasks/T-1/gate", json!({"advance_to": "PLNA"})).await;
    assert_eq!(status, 400);
    let phases = "STRATEGIZE, SPEC, PLAN, THINK, IMPLEMENT, VERIFY, REVIEW, PR, MONITOR";
    assert_eq!(
        problem["detail"],
        format!("advance_to: `PLNA`: must be one of {phases}, completion; did you mean `PLAN`?")
    );
    let (_, problem) = service.post("/v1/tasks/T-1/gate", json!({"advance_to": "complete"})).await;
    assert!(problem["detail"].as_str().unwrap().ends_with("did you mean `completion`?"), "{problem}");
    let (status, problem) = service.post("/v1/tasks/T-1/gate", json!({"advance_to": "9 lives"})).await;
    assert_eq!((status.as_u16(), problem["field"].as_str()), (400, Some("advance_to")));
}

#[tokio::test]
async fn a_running_phase_counts_up_to_now_and_an_implicit_task_is_never_blocked() {
    let service = Service::with_config(Some("rollout: enforce\nstop_loss:\n  latency_action: block\n")).await;
    service.open("T-1").await;
    let start = json!([{"id": "s", "task": "T-1", "occurred_at": "2026-11-20T10:00:00Z", "phase_started": {"phase": "PLAN"}}]);
    service.append(start).await;
    let (_, answer) = service.post("/v1/tasks/T-1/gate", json!({"advance_to": "THINK"})).await;
    assert_eq!(answer["verdict"], "allow", "{answer}");
    service.clock.set(at("2026-11-20T10:20:00Z"));
    let (_, answer) = service.post("/v1/tasks/T-1/gate", json!({"advance_to": "THINK"})).await;
    assert_eq!(answer["reasons"][0]["code"], "latency_budget_exceeded", "{answer}");
    service.append(json!([usage("T-2", "u", "", 9_000_000)])).await;
    let (_, answer) = service.post("/v1/tasks/T-2/gate", json!({"advance_to": "PLAN"})).await;
    assert_eq!(
        (answer["verdict"].as_str(), answer["reasons"][0]["code"].as_str()),
        (Some("allow"), Some("no_limits"))
    );
}
