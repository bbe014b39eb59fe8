//! Appending facts and commands: one outcome per event, tasks all or nothing.

use serde_json::json;

use crate::support::{Service, outcomes, usage};

#[tokio::test]
async fn failure_03_new_duplicate_conflict_refused_each_has_its_status() {
    let service = Service::new().await;
    let (status, first) = service.append(json!([usage("T-1", "a", "", 10)])).await;
    assert_eq!((status.as_u16(), outcomes(&first)), (201, vec!["a appended".to_owned()]));
    assert_eq!((first["durability"].as_str(), first["dedup"].as_str()), (Some("page_cache"), Some("life")));
    let (status, again) = service.append(json!([usage("T-1", "a", "", 10)])).await;
    assert_eq!((status.as_u16(), outcomes(&again)), (200, vec!["a duplicate".to_owned()]));
    assert_eq!(again["position"], first["position"]);
    let events = json!([usage("T-1", "a", "", 11), usage("T-1", "b", "", 1), usage("T-2", "c", "", 1)]);
    let (status, problem) = service.append(events).await;
    assert_eq!(status, 409, "{problem}");
    assert_eq!(outcomes(&problem), ["a conflict conflict", "b refused refused_with", "c appended"]);
    assert!(problem["detail"].as_str().unwrap().contains("event id `a` is already used"), "{problem}");
    assert_eq!((problem["code"].as_str(), problem["retryable"].as_bool()), (Some("conflict"), Some(false)));
    // What was appended nonetheless can be waited for.
    let position = problem["position"].as_str().unwrap().replace(':', "%3A").replace(',', "%2C");
    let (_, task) = service.get(&format!("/v1/tasks/T-2?at_least={position}")).await;
    assert_eq!(task["tokens"]["output"], 1);
}

#[tokio::test]
async fn a_bad_event_is_named_and_keeps_its_task_out_but_no_other() {
    let service = Service::new().await;
    service.open("T-1").await;
    for (bad, code, says) in [
        (
            json!({"id": "x", "task": "T-1", "usage_recorded": {"tokens": {"output": -5}}}),
            "invalid",
            "tokens.output",
        ),
        (json!({"id": "x", "task": "T-1", "usage_recordet": {}}), "invalid", "usage_recorded"),
        (json!({"id": "x", "task": "T-1"}), "invalid", "usage_recorded"),
        (
            json!({"id": "x", "task": "T-1", "task_opened": {"budget_overrides": {"think": {"tokens": "many"}}}}),
            "invalid",
            "many",
        ),
        (json!({"id": "x", "task": "T-1", "task_opened": {"complexity": "Huge"}}), "invalid", "Huge"),
        (
            json!({"id": "x", "task": "T-1", "phase_started": {"phase": "THNK"}}),
            "unknown_phase",
            "did you mean `THINK`",
        ),
        (
            json!({"id": "x", "task": "T-1", "phase_ended": {"phase": "THINK"}}),
            "phase_mismatch",
            "no phase is",
        ),
        (json!({"id": "x", "task": "T-1", "task_opened": {}}), "task_already_open", "close it first"),
        (json!({"id": "x", "task": "T-1", "gate_decided": {}}), "invalid", "gate_decided"),
    ] {
        let events = json!([usage("T-1", "u", "", 1), bad, usage("T-9", "other", "", 1)]);
        let (status, problem) = service.append(events).await;
        assert_eq!(status, 422, "{bad}: {problem}");
        let expected = ["u refused refused_with".to_owned(), format!("x refused {code}")];
        assert_eq!(outcomes(&problem)[..2], expected, "{bad}");
        assert!(matches!(outcomes(&problem)[2].as_str(), "other appended" | "other duplicate"));
        let detail = problem["outcomes"][1]["detail"].as_str().unwrap();
        assert!(detail.contains(says), "{bad}: {detail}");
    }
    let (_, task) = service.get("/v1/tasks/T-1?at_least=tail").await;
    assert_eq!(task["tokens"]["total"], 0);
}

#[tokio::test]
async fn a_task_lives_from_open_to_close_and_a_second_active_phase_is_refused() {
    let service = Service::new().await;
    let post = |path: &'static str, body| service.post(path, body);
    let (status, opened) = post(
        "/v1/tasks?producer=ci",
        json!({"id": "1", "task": "T-1", "complexity": "Large", "importance": "critical"}),
    )
    .await;
    assert_eq!(status, 201, "{opened}");
    assert!(opened["outcomes"][0]["warnings"][0].as_str().unwrap().contains("without a justification"));
    let (status, started) =
        post("/v1/tasks/T-1/phases", json!({"id": "2", "producer": "ci", "phase": "think"})).await;
    assert_eq!((status.as_u16(), started["outcomes"][0]["attempt"].as_u64()), (201, Some(1)));
    let (status, again) =
        post("/v1/tasks/T-1/phases", json!({"id": "2", "producer": "ci", "phase": "think"})).await;
    assert_eq!((status.as_u16(), again["outcomes"][0]["attempt"].as_u64()), (200, Some(1)), "{again}");
    let (status, second) =
        post("/v1/tasks/T-1/phases", json!({"id": "3", "producer": "ci", "phase": "PLAN"})).await;
    assert_eq!(
        (status.as_u16(), outcomes(&second)),
        (422, vec!["3 refused phase_already_active".to_owned()])
    );
    assert!(second["detail"].as_str().unwrap().contains("THINK has not ended; end it before another starts"));
    let (status, _) = post("/v1/tasks/T-1/phases/THINK/end", json!({"id": "4", "producer": "ci"})).await;
    assert_eq!(status, 201);
    let (status, started) =
        post("/v1/tasks/T-1/phases", json!({"id": "5", "producer": "ci", "phase": "THINK"})).await;
    assert_eq!((status.as_u16(), started["outcomes"][0]["attempt"].as_u64()), (201, Some(2)));
    let (status, _) =
        post("/v1/tasks/T-1/close", json!({"id": "6", "producer": "ci", "outcome": "cancelled"})).await;
    assert_eq!(status, 201);
    let (_, task) = service.get("/v1/tasks/T-1?at_least=tail").await;
    assert_eq!((task["stage"].as_str(), task["active"].as_object()), (Some("cancelled"), None));
    assert_eq!(
        task["executions"].as_array().unwrap().iter().filter(|run| run["state"] == "ended").count(),
        2
    );
}

#[tokio::test]
async fn commands_and_facts_of_one_request_go_in_together() {
    let service = Service::new().await;
    let events = json!([
        {"id": "1", "task": "T-1", "task_opened": {}},
        {"id": "2", "task": "T-1", "phase_started": {"phase": "PLAN"}},
        usage("T-1", "3", "PLAN", 500),
        {"id": "4", "task": "T-1", "phase_ended": {"phase": "PLAN"}},
    ]);
    let (status, answer) = service.append(events.clone()).await;
    assert_eq!(status, 201, "{answer}");
    let sequences: Vec<_> =
        answer["outcomes"].as_array().unwrap().iter().map(|it| it["sequence"].clone()).collect();
    assert!(sequences.windows(2).all(|pair| pair[0] == pair[1]), "one record: {sequences:?}");
    let (status, _) = service.append(events).await;
    assert_eq!(status, 200);
    let (_, task) = service.get("/v1/tasks/T-1?at_least=tail").await;
    let plan =
        task["executions"].as_array().unwrap().iter().find(|run| run["phase"] == "PLAN").unwrap().clone();
    assert_eq!((plan["tokens_used"].as_i64(), plan["state"].as_str()), (Some(500), Some("ended")));
}

#[tokio::test]
async fn decisions_that_race_are_made_one_after_the_other() {
    let service = Service::new().await;
    service.open("T-1").await;
    let start = |n: u32| {
        let event = json!([{"id": format!("s{n}"), "task": "T-1", "phase_started": {"phase": "PLAN"}}]);
        service.append(event)
    };
    let answers = tokio::join!(start(1), start(2), start(3), start(4), start(5));
    let statuses =
        [answers.0.0, answers.1.0, answers.2.0, answers.3.0, answers.4.0].map(|status| status.as_u16());
    assert_eq!(statuses.iter().filter(|status| **status == 201).count(), 1, "{statuses:?}");
    assert_eq!(statuses.iter().filter(|status| **status == 422).count(), 4, "{statuses:?}");
}

#[tokio::test]
async fn usage_is_costed_once_and_an_adjustment_finds_its_usage() {
    let service = Service::new().await;
    let usage = json!({"id": "u", "task": "T-1", "usage_recorded": {
        "model": "gpt-5", "provider": "openai", "tokens": {"input_uncached": 1000, "output": 100}}});
    let unpriced =
        json!({"id": "v", "task": "T-1", "usage_recorded": {"model": "made-up", "tokens": {"output": 7}}});
    service.append(json!([usage, unpriced])).await;
    let adjust = |id: &str, of: &str| {
        json!([{"id": id, "task": "T-1", "usage_adjusted":
            {"adjusts": of, "tokens": {"output": -50}, "reason": "counted twice"}}])
    };
    let (status, answer) = service.append(adjust("a", "u")).await;
    assert_eq!((status.as_u16(), answer["outcomes"][0]["warnings"].as_array()), (201, None), "{answer}");
    let (status, answer) = service.append(adjust("b", "nowhere")).await;
    assert_eq!(status, 201);
    assert!(answer["outcomes"][0]["warnings"][0].as_str().unwrap().contains("`nowhere`"), "{answer}");
    let (_, report) = service.get("/v1/report?at_least=tail").await;
    // gpt-5: 1000 × 0.00000125 + 50 × 0.00001.
    assert_eq!(report["cost_usd"], "0.00175");
    assert_eq!(
        (report["tokens"]["output"].as_i64(), report["unpriced_tokens"].as_i64()),
        (Some(57), Some(7))
    );
}

#[tokio::test]
async fn requests_that_are_none_say_what_is_wrong() {
    let service = Service::new().await;
    let (status, problem) = service.post("/v1/events", json!({"events": []})).await;
    assert_eq!((status.as_u16(), problem["field"].as_str()), (400, Some("events")));
    let (status, problem) = service.post("/v1/events", json!({"event": []})).await;
    assert_eq!(status, 400, "{problem}");
    assert!(problem["detail"].as_str().unwrap().contains("unknown field `event`"), "{problem}");
    let (status, problem) = service.post("/v1/nothing", json!({})).await;
    assert_eq!((status.as_u16(), problem["code"].as_str()), (404, Some("not_found")));
    let (status, problem) = service.get("/v1/tasks/%FF").await;
    assert_eq!((status.as_u16(), problem["code"].as_str()), (400, Some("invalid")), "{problem}");
    let (_, problem) = service.append(json!([null])).await;
    assert!(problem["detail"].as_str().unwrap().starts_with("event 1 of the request: "), "{problem}");
    let (status, problem) = service.get("/v1/events").await;
    assert_eq!((status.as_u16(), problem["code"].as_str()), (405, Some("method_not_allowed")));
    let large = json!({"events": [{"id": "x".repeat(2 << 20)}]});
    let (status, problem) = service.post("/v1/events", large).await;
    assert_eq!((status.as_u16(), problem["code"].as_str()), (413, Some("too_large")), "{problem}");
    let form = http::Request::post("/v1/events")
        .header("content-type", "application/x-www-form-urlencoded")
        .body(axum::body::Body::from("events=1"));
    let (status, _) = service.send(form.unwrap()).await;
    assert_eq!(status, 415);
    let foreign = http::Request::post("/v1/events")
        .header("host", "localhost:7070")
        .header("origin", "https://evil.example")
        .header("content-type", "application/json")
        .body(axum::body::Body::from("{}"));
    let (status, _) = service.send(foreign.unwrap()).await;
    assert_eq!(status, 403);
}

#[tokio::test]
async fn more_events_of_one_task_than_a_record_holds_are_refused_and_say_so() {
    let service = Service::new().await;
    let text = "x".repeat(1900);
    let events: Vec<_> = (0..200)
        .map(|n| {
            let mut event = usage("T-1", &format!("e{n}"), "", 1);
            event["usage_recorded"]["component"] = json!(text);
            event
        })
        .collect();
    let (status, problem) = service.append(json!(events)).await;
    assert_eq!(status, 422, "{problem}");
    assert!(
        problem["detail"].as_str().unwrap().contains("send them in several requests"),
        "{}",
        problem["detail"]
    );
}

/// A disk that fills up: appends are refused cleanly with what to do, and work again once there is room,
/// without a restart.
#[tokio::test]
async fn a_full_disk_refuses_says_so_and_recovers() {
    let (service, disk) = Service::on_a_disk().await;
    service.open("T-1").await;
    disk.set_room(Some(0));
    // What was preallocated is used up first; a segment that was being preallocated may still arrive.
    let mut filled = 0;
    let problem = loop {
        let (status, answer) = service.append(json!([usage("T-1", &format!("f{filled}"), "", 1)])).await;
        if status != 201 {
            assert_eq!(status, 507, "{answer}");
            break answer;
        }
        filled += 1;
    };
    let refused = format!("f{filled}");
    assert_eq!(
        (problem["code"].as_str(), problem["retryable"].as_bool()),
        (Some("disk_full"), Some(true)),
        "{problem}"
    );
    assert!(
        problem["detail"].as_str().unwrap().contains("free some space, appends then go on without a restart"),
        "{problem}"
    );
    assert_eq!(outcomes(&problem), [format!("{refused} refused disk_full")]);
    // Meanwhile queries are answered, and so is the gate: it fails open when it cannot record.
    let (status, task) = service.get("/v1/tasks/T-1?at_least=tail").await;
    assert_eq!((status.as_u16(), task["tokens"]["total"].as_i64()), (200, Some(filled)));
    while {
        let (status, answer) = service.post("/v1/tasks/T-1/gate", json!({"advance_to": "PLAN"})).await;
        assert_eq!((status.as_u16(), answer["verdict"].as_str()), (200, Some("allow")), "{answer}");
        answer.get("position").is_some()
    } {}
    disk.set_room(None);
    let (status, _) = service.append(json!([usage("T-1", &refused, "", 1)])).await;
    assert_eq!(status, 201);
}
