//! Budgets that follow progress: what the gate answers, records and tells, and that an open task keeps its rules.

use serde_json::{Value, json};

use crate::support::{Service, usage};

const BLOCKS: &str = "rollout: enforce\nprogress: { spinning_action: block, extension: 0.5 }\n";

fn signal(id: &str, name: &str, value: i64, key: Option<&str>) -> Value {
    let mut signal = json!({"phase": "PLAN", "name": name, "value": value});
    if let Some(key) = key {
        signal["key"] = json!(key);
    }
    json!({"id": id, "task": "T-1", "signal_recorded": signal})
}

async fn started(config: &str) -> Service {
    let service = Service::with_config(Some(config)).await;
    service.open("T-1").await;
    service.append(json!([{"id": "s", "task": "T-1", "phase_started": {"phase": "PLAN"}}])).await;
    service
}

async fn ask(service: &Service, to: &str) -> Value {
    let (status, answer) = service.post("/v1/tasks/T-1/gate", json!({"advance_to": to})).await;
    assert_eq!(status, 200, "{answer}");
    answer
}

fn codes(answer: &Value) -> Vec<&str> {
    answer["reasons"].as_array().unwrap().iter().map(|reason| reason["code"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn a_phase_that_goes_in_circles_is_stopped_with_its_numbers_and_the_story_says_why() {
    let service = started(BLOCKS).await;
    service
        .append(json!([usage("T-1", "u1", "PLAN", 500), signal("c1", "tool_call", 7, Some("9f86"))]))
        .await;
    assert_eq!(ask(&service, "PLAN").await["verdict"], "allow");
    service.append(json!([signal("c2", "tool_call", 1, Some("9f86"))])).await;
    let answer = ask(&service, "PLAN").await;
    assert_eq!((&answer["verdict"], codes(&answer)), (&json!("block"), vec!["spinning"]), "{answer}");
    let expected = json!({
        "phase": "PLAN", "is_running": true, "pace": "spinning", "tokens": 500, "points": 0, "since_progress_tokens": 500,
        "repeated": {"signal": "tool_call", "key": "9f86", "times": 8}, "effective_limit_tokens": 2400, "limit_tokens": 2400,
        "extended_tokens": 0, "carried_in_tokens": 0, "carried_out_tokens": 0, "wait_ms": 0, "checked_percent": 0,
        "next_check_tokens": 100,
    });
    assert_eq!(answer["progress"], expected);
    let (_, log) = service.get("/v1/log?task=T-1").await;
    let events = log["events"].as_array().unwrap();
    let decided = &events.last().unwrap()["gate_decided"];
    assert_eq!(decided["progress"]["repeated"]["times"], 8, "{decided}");
    let opened = events.iter().find_map(|event| event.get("task_opened")).unwrap();
    assert_eq!(opened["limits"]["progress"]["spinning_repeats"], 8, "{opened}");
    let (_, story) = service.get("/v1/tasks/T-1/explain?at_least=tail").await;
    let message = "the same call or file 8 times in a row, 8 are too many";
    assert!(story.as_str().unwrap().contains(message), "{story}");
}

#[tokio::test]
async fn a_productive_phase_gets_more_and_observing_stops_nobody() {
    let service = started(BLOCKS).await;
    service
        .append(json!([signal("p", "planner_iterations", 3, None), usage("T-1", "u1", "PLAN", 2400)]))
        .await;
    let answer = ask(&service, "SPEC").await;
    assert_eq!((&answer["verdict"], codes(&answer)), (&json!("allow"), vec!["extended"]), "{answer}");
    assert_eq!(
        (&answer["progress"]["effective_limit_tokens"], &answer["remaining_tokens"]),
        (&json!(3600), &json!(1200))
    );

    let service = started(&BLOCKS.replace("enforce", "observe")).await;
    service.append(json!([signal("c1", "tool_call", 9, Some("9f86"))])).await;
    let answer = ask(&service, "PLAN").await;
    assert_eq!((&answer["verdict"], &answer["ruled"]), (&json!("warn"), &json!("block")), "{answer}");
    assert_eq!(codes(&answer), ["spinning", "observe_only"]);
}

#[tokio::test]
async fn a_task_keeps_the_rules_it_was_opened_with() {
    for (first, then, verdict) in [
        (BLOCKS, "rollout: enforce\n", "block"),
        ("rollout: enforce\n", BLOCKS, "allow"),
        (BLOCKS, "rollout: enforce\nprogress: { spinning_repeats: 90 }\n", "block"),
    ] {
        let service = started(first).await;
        service.write("budgets.yaml", then);
        let (status, answer) = service.post("/v1/config/reload", json!({})).await;
        assert_eq!(status, 200, "{answer}");
        service.append(json!([signal("c1", "tool_call", 9, Some("9f86"))])).await;
        let answer = ask(&service, "PLAN").await;
        assert_eq!(answer["verdict"], verdict, "{first} then {then}: {answer}");
        assert_eq!(answer.get("progress").is_some(), verdict == "block", "{answer}");
    }
}
