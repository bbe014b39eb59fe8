//! Edge cases of phases: one at a time, and one truth about which.

use std::sync::Barrier;

use serde_json::{Value, json};
use tollgate_tests::request;

use crate::ground::{Ground, over_each_log};

over_each_log!(ec10_two_phases_at_once_are_refused, ec22_the_log_is_the_truth_about_the_phase,);

/// The alerts of a rule, resolved or not, latest first.
#[track_caller]
fn of_rule(ground: &Ground, rule: &str) -> Vec<Value> {
    let (_, list) = ground.get(&format!("/v1/alerts?rule={rule}&state=all&at_least=tail"));
    let list: Value = serde_json::from_str(&list).unwrap();
    list["alerts"].as_array().unwrap().clone()
}

/// Waits until alerts of a rule were raised this many times; returns all of them, latest first.
#[track_caller]
fn raised(ground: &Ground, rule: &str, times: usize) -> Vec<Value> {
    let (mut after, mut seen) = (0, 0);
    while seen < times {
        let (status, text) = ground.get(&format!("/v1/alerts/changes?after={after}&wait_ms=20000"));
        let page: Value = serde_json::from_str(&text).unwrap();
        let changes = page["changes"].as_array().unwrap();
        assert!(status == 200 && !changes.is_empty(), "{seen} alerts `{rule}` in time: {text}");
        let is_one = |change: &&Value| change["alert"]["rule"] == rule && change["change"] == "raised";
        seen += changes.iter().filter(is_one).count();
        after = page["last"].as_u64().unwrap();
    }
    of_rule(ground, rule)
}

fn ec10_two_phases_at_once_are_refused(ground: &mut Ground) {
    // Rule: one phase of a task is active at a time; a second start is refused, the same start again changes nothing.
    let _ = ground.ok("task open T-1");
    let _ = ground.ok("phase start T-1 PLAN --id s1");
    let (status, answer) =
        ground.post("/v1/tasks/T-1/phases", &json!({"phase": "THINK", "id": "s2", "producer": "test"}));
    assert_eq!(
        (status, answer["outcomes"][0]["code"].as_str()),
        (422, Some("phase_already_active")),
        "{answer}"
    );
    assert!(answer.to_string().contains("phase already active: PLAN has not ended"), "{answer}");
    let told = ground.fails(3, "phase start T-1 plan --id s3");
    assert!(told.contains("phase already active"), "not even the same phase: {told}");
    let again = ground.ok("phase start T-1 PLAN --id s1");
    assert_eq!(again, "T-1: PLAN started, attempt 1 (it was there already, nothing changed)\n");
    assert_eq!(ground.recorded("phase_started").len(), 1);
    let metrics = ground.get("/metrics").1;
    assert!(metrics.contains("tollgate_refusals_total{code=\"phase_already_active\"} 2"), "{metrics}");
    // Someone has to know: one alert, however often it is tried.
    let alerts = raised(ground, "phase_already_active", 1);
    assert_eq!(
        (&alerts[0]["severity"], &alerts[0]["state"]),
        (&json!("critical"), &json!("raised")),
        "{alerts:?}"
    );
    assert_eq!(alerts[0]["scope"], "PLAN");
    let message = alerts[0]["message"].as_str().unwrap();
    assert!(message.contains("Task T-1: two phases at once: the start of THINK was refused"), "{message}");
    for number in 0..50 {
        let again = json!({"phase": "THINK", "id": format!("storm-{number}"), "producer": "test"});
        assert_eq!(ground.post("/v1/tasks/T-1/phases", &again).0, 422);
    }
    assert_eq!(of_rule(ground, "phase_already_active").len(), 1);
    // Ten orchestrators at the same moment: exactly one wins, whichever it is.
    let _ = ground.ok("phase end T-1 PLAN");
    assert_eq!(of_rule(ground, "phase_already_active")[0]["state"], json!("resolved"));
    let (url, together) = (ground.url().to_owned(), Barrier::new(10));
    let statuses: Vec<u16> = std::thread::scope(|scope| {
        let start = |number: usize| {
            let (url, together) = (&url, &together);
            scope.spawn(move || {
                let phase = ["THINK", "IMPLEMENT"][number % 2];
                let body = json!({"phase": phase, "id": format!("race-{number}"), "producer": "race"});
                together.wait();
                request(url, "POST", "/v1/tasks/T-1/phases", &body.to_string()).unwrap().0
            })
        };
        let all: Vec<_> = (0..10).map(start).collect();
        all.into_iter().map(|one| one.join().unwrap()).collect()
    });
    let won = statuses.iter().filter(|status| **status == 201).count();
    let refused = statuses.iter().filter(|status| **status == 422).count();
    assert_eq!((won, refused), (1, 9), "{statuses:?}");
    assert_eq!(ground.recorded("phase_started").len(), 2);
    // Armed again: the race raises the second alert. A storm is one event per requested phase.
    let alerts = raised(ground, "phase_already_active", 2);
    assert_eq!(alerts.iter().filter(|alert| alert["state"] == json!("raised")).count(), 1, "{alerts:?}");
    let observed = ground.recorded("condition_observed").len();
    assert!((3..=4).contains(&observed), "{observed}");
}

fn ec22_the_log_is_the_truth_about_the_phase(ground: &mut Ground) {
    // Rule: after a crash the ledger's phase holds; a command that contradicts it is refused with the phase
    // it has.
    let _ = ground.ok("task open T-1");
    let _ = ground.ok("phase start T-1 PLAN --id s1");
    ground.kill();
    ground.start(crate::ground::EVIDENCE);
    let (status, answer) =
        ground.post("/v1/tasks/T-1/phases/THINK/end", &json!({"id": "x1", "producer": "test"}));
    assert_eq!((status, answer["outcomes"][0]["code"].as_str()), (422, Some("phase_mismatch")), "{answer}");
    let says = "phase mismatch: THINK is not active, the ledger's active phase is PLAN";
    assert!(answer.to_string().contains(says), "{answer}");
    assert!(answer.to_string().contains("`tollgate task recover T-1` shows it"), "{answer}");
    let metrics = ground.get("/metrics").1;
    assert!(
        metrics.contains("tollgate_refusals_total{code=\"phase_mismatch\"} 1"),
        "to be alerted of: {metrics}"
    );
    let alerts = raised(ground, "phase_mismatch", 1);
    assert_eq!(
        (&alerts[0]["severity"], &alerts[0]["state"]),
        (&json!("critical"), &json!("raised")),
        "{alerts:?}"
    );
    let message = alerts[0]["message"].as_str().unwrap();
    assert!(message.contains("the end of THINK was refused, the ledger's active phase is PLAN"), "{message}");
    assert!(message.contains("`tollgate task recover T-1`"), "{message}");
    // It is shown; nothing is appended.
    let before = ground.log().len();
    let shown = ground.ok("task recover T-1");
    assert!(
        shown.starts_with("T-1 is open; the ledger's active phase is PLAN, attempt 1, since "),
        "{shown}"
    );
    assert_eq!(ground.ok("task recover T-1 --to plan").lines().next(), Some("T-1: nothing to repair"));
    assert_eq!(ground.log().len(), before);
    // Repaired by appending, under one id: a retry does not repair anything twice.
    for _ in 0..2 {
        let repaired = ground.ok("task recover T-1 --to THINK --id r");
        assert!(repaired.contains("the ledger's active phase is THINK, attempt 1"), "{repaired}");
    }
    let appended: Vec<_> = ground.log()[before..].iter().map(|event| event["id"].clone()).collect();
    assert_eq!(appended, ["r/ended", "r/started", "r/recovered"]);
    let records: Vec<_> = ground.log()[before..].iter().map(|event| event["sequence"].clone()).collect();
    assert!(records.windows(2).all(|two| two[0] == two[1]), "one record: {records:?}");
    let ended = &of_rule(ground, "phase_mismatch")[0];
    assert_eq!(
        (&ended["state"], &ended["resolution"]),
        (&json!("resolved"), &json!("the task went on")),
        "{ended}"
    );
    let repaired = ground.ok("task recover T-1 --to none");
    assert!(
        repaired.contains("no phase is active") && repaired.contains("PLAN attempt 1, THINK attempt 1"),
        "{repaired}"
    );
    let told = ground.fails(3, "phase end T-1 THINK");
    assert!(told.contains("THINK is not active, no phase is"), "{told}");
    assert_eq!(raised(ground, "phase_mismatch", 2).len(), 2, "armed again");
    let _ = ground.ok("task close T-1");
    assert!(of_rule(ground, "phase_mismatch").iter().all(|alert| alert["state"] == json!("resolved")));
    assert!(ground.fails(3, "task recover T-1 --to PLAN").contains("the task is closed"));
}
