//! The gate and the inbox when something they need is unavailable or switched off, over NATS.

use serde_json::{Value, json};

use crate::gate::PHASES;
use crate::ground::{Ground, codes, verdict};

// On a data directory the views are the server's: they cannot be missing.
#[test]
fn where_no_view_answers_the_policy_does() {
    let Some(mut ground) = Ground::nats() else { return };
    ground.serve(PHASES);
    let _ = ground.ok("task open T-1");
    ground.kill_projectors();
    for (config, says, because) in [
        ("", "allow", vec!["stale"]),
        ("stop_loss: { on_stale: open }\n", "allow", vec!["stale"]),
        ("stop_loss: { on_stale: closed }\n", "block", vec!["stale"]),
        ("stop_loss: { on_stale: closed, enabled: false }\n", "allow", vec!["stale", "stop_loss_disabled"]),
    ] {
        ground.write_config(&format!("{PHASES}{config}"));
        let _ = ground.ok("config reload");
        let (_, answer) = ground.post("/v1/tasks/T-1/gate", &json!({"advance_to": "REVIEW", "wait_ms": 200}));
        assert_eq!((verdict(&answer), codes(&answer)), (says, because), "{config}: {answer}");
        assert_eq!(answer["stale"], true, "{answer}");
        assert!(answer["position"].is_string(), "recorded all the same: {answer}");
        assert_eq!(answer["requirements"], json!([]), "nobody has to work on that");
    }
}

#[test]
fn a_check_that_fails_itself_lets_the_task_go_on_and_is_an_event() {
    // Rule: fail open, whatever the policy for a view that is behind, with a reason in the answer and in the
    // log.
    let Some(mut ground) = Ground::nats() else { return };
    ground.serve(&format!("{PHASES}stop_loss: {{ on_stale: closed }}\n"));
    let _ = ground.ok("task open T-1");
    let _ = ground.ok("usage record T-1 --output 90000");
    assert_eq!(verdict(&ground.gate("T-1", "REVIEW")), "block");
    ground.answer_nonsense("status", 1000);
    let body = json!({"advance_to": "REVIEW", "wait_ms": 2000});
    let (status, answer) = ground.post("/v1/tasks/T-1/gate", &body);
    assert_eq!((status, verdict(&answer), codes(&answer)), (200, "allow", vec!["degraded"]), "{answer}");
    let says = "Could not read task T-1's usage; allowing it to continue: ";
    assert!(answer["reasons"][0]["message"].as_str().unwrap().starts_with(says), "{answer}");
    let recorded = ground.recorded("gate_decided");
    assert_eq!(recorded.len(), 2, "{recorded:?}");
    assert_eq!(
        (&recorded[1]["verdict"], &recorded[1]["reasons"][0]["code"]),
        (&json!("allow"), &json!("degraded"))
    );
}

#[test]
fn a_log_that_is_away_keeps_nobody_from_working() {
    // Rule: fail open. nats-server is dead: the gate answers soon, health and readiness are red, and it all
    // recovers by itself.
    let Some(mut ground) = Ground::nats() else { return };
    ground.serve(&format!("{PHASES}stop_loss: {{ on_stale: open }}\n"));
    let _ = ground.ok("task open T-1");
    let _ = ground.ok("usage record T-1 --output 90000");
    assert_eq!(verdict(&ground.gate("T-1", "REVIEW")), "block");
    ground.cluster().nats.kill();
    for id in ["first", "again"] {
        let body = json!({"advance_to": "REVIEW", "id": id, "wait_ms": 200});
        let (status, answer) = ground.post("/v1/tasks/T-1/gate", &body);
        assert_eq!((status, verdict(&answer)), (200, "allow"), "{answer}");
        assert!(answer["position"].is_null(), "nothing was recorded: {answer}");
    }
    let (status, answer) =
        ground.post("/v1/tasks/T-1/gate", &json!({"advance_to": "completion", "wait_ms": 200}));
    assert_eq!((status, verdict(&answer)), (200, "allow"), "{answer}");
    let (status, ready) = ground.get("/v1/ready");
    let ready: Value = serde_json::from_str(&ready).unwrap();
    assert_eq!(
        (status, &ready["checks"][0]["name"], &ready["checks"][0]["ok"]),
        (503, &json!("log"), &json!(false))
    );
    let (status, problem) = ground.get("/v1/position");
    assert!(status == 503 && problem.contains("log_unreadable"), "{problem}");
    ground.cluster().nats.restart();
    let enforced = (0..200).any(|_| {
        let (_, answer) =
            ground.post("/v1/tasks/T-1/gate", &json!({"advance_to": "REVIEW", "wait_ms": 5000}));
        verdict(&answer) == "block" && ground.get("/v1/ready").0 == 200
    });
    assert!(enforced, "it enforces again by itself: {}", ground.get("/v1/ready").1);
}

#[test]
fn while_tracking_is_off_the_inbox_is_emptied_and_counted() {
    // Rule: the second switch turns tracking off completely. Nothing waits for it, and what was dropped is
    // not overlooked.
    let Some(mut ground) = Ground::nats() else { return };
    ground.serve(&format!("{PHASES}tracking: false\n"));
    let drained = |ground: &Ground, outcome: &str| {
        let counted = format!("tollgate_inbox_messages_total{{outcome=\"{outcome}\"}} ");
        let metrics = ground.get("/metrics").1;
        let count = metrics.lines().find_map(|line| line.strip_prefix(&counted));
        count.map_or(0, |count| count.parse::<u64>().unwrap())
    };
    let publish = |ground: &mut Ground, message: &str| {
        let subject = "tollgate.v1.in.default.T-1";
        let _ = ground.cluster().nats.connect().request(subject, &[], message.as_bytes());
    };
    let usage = |id: &str| json!({"id": id, "producer": "ci", "usage_recorded": {"tokens": {"output": 7}}});
    for message in [usage("u-1").to_string(), usage("u-2").to_string(), "not even JSON".to_owned()] {
        publish(&mut ground, &message);
    }
    assert!((0..2_000).any(|_| drained(&ground, "ignored") == 3), "{}", ground.get("/metrics").1);
    ground.write_config(PHASES);
    let _ = ground.ok("config reload");
    publish(&mut ground, &usage("u-3").to_string());
    let _ = ground.wait_for("T-1", "usage_recorded");
    let recorded = ground.recorded("usage_recorded");
    assert_eq!(recorded.len(), 1, "what was dropped does not come later: {recorded:?}");
    assert!(ground.recorded("inbox_rejected").is_empty(), "nothing is recorded while it is off");
}
