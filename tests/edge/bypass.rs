//! A block that is bypassed is reported, or the bypass is refused.

use serde_json::{Value, json};

use crate::ground::{ENFORCE, Ground, over_each_log, verdict};

over_each_log!(
    a_blocked_task_that_goes_on_is_seen_until_somebody_has_looked,
    who_obeys_a_block_or_has_it_set_aside_bypasses_nothing,
    a_config_may_have_such_commands_refused,
);

/// A task that the gate has blocked before VERIFY.
fn blocked(ground: &Ground, task: &str) {
    let _ = ground.ok(&format!("task open {task}"));
    let _ = ground.ok(&format!("usage record {task} --output 90000"));
    assert_eq!(verdict(&ground.gate(task, "VERIFY")), "block");
}

/// State and severity of the alerts of a rule and a task, latest first, with the id of the latest.
fn alerts(ground: &Ground, task: &str, rule: &str) -> (Vec<(String, String)>, String) {
    let (_, text) = ground.get(&format!("/v1/alerts?rule={rule}&task={task}&state=all&at_least=tail"));
    let list: Value = serde_json::from_str(&text).unwrap();
    let text = |alert: &Value, field: &str| alert[field].as_str().unwrap().to_owned();
    let found = list["alerts"].as_array().unwrap();
    let states = found.iter().map(|alert| (text(alert, "state"), text(alert, "severity"))).collect();
    (states, found.first().map(|alert| text(alert, "id")).unwrap_or_default())
}

fn states(ground: &Ground, task: &str, rule: &str) -> Vec<String> {
    alerts(ground, task, rule).0.into_iter().map(|(state, _)| state).collect()
}

fn a_blocked_task_that_goes_on_is_seen_until_somebody_has_looked(ground: &mut Ground) {
    blocked(ground, "T-1");
    let said = ground.run("phase start T-1 VERIFY");
    let started = format!("{}{}", said.out, said.err);
    let warning = "! the gate blocks task `T-1` before VERIFY: it continued anyway, which raises a critical alert; `tollgate ";
    assert!(started.contains(warning), "{started}");
    let (found, id) = alerts(ground, "T-1", "bypass");
    assert_eq!(found, [("raised".to_owned(), "critical".to_owned())]);
    let _ = ground.ok("phase end T-1 VERIFY");
    let _ = ground.ok("task close T-1 --outcome completed");
    assert_eq!(states(ground, "T-1", "bypass"), ["raised"], "one alert, however often");
    assert_eq!(states(ground, "T-1", "stop_loss"), ["raised"], "to go on does not end the block's alert");
    let story = ground.ok("task explain T-1");
    for says in [
        "BYPASS: VERIFY was started in spite of the block before VERIFY",
        "BYPASS: it was completed in spite of the block before VERIFY",
    ] {
        assert!(story.contains(says), "must say: {says}\nsays: {story}");
    }
    let report = ground.ok("report T-1");
    assert!(report.contains("Bypass: VERIFY was started in spite of the block"), "{report}");
    let figures = ground.ok("health budgets");
    assert!(figures.contains("1 of 1 blocked tasks continued anyway"), "{figures}");
    let _ = ground.ok(&format!("alerts ack {id} --by ann"));
    assert_eq!(states(ground, "T-1", "bypass"), ["resolved"]);
    assert_eq!(states(ground, "T-1", "stop_loss"), ["resolved"]);
}

fn who_obeys_a_block_or_has_it_set_aside_bypasses_nothing(ground: &mut Ground) {
    // Cancelled.
    blocked(ground, "T-1");
    let _ = ground.ok("task close T-1 --outcome cancelled");
    // Overridden.
    blocked(ground, "T-2");
    let _ = ground.ok("task override T-2 --advance VERIFY --approver ann --reason agreed");
    let said = ground.run("phase start T-2 VERIFY");
    let started = format!("{}{}", said.out, said.err);
    assert!(!started.contains("the gate blocks"), "{started}");
    // Only observed.
    ground.serve("rollout: observe\n");
    let _ = ground.ok("task open T-3");
    let _ = ground.ok("usage record T-3 --output 90000");
    assert_eq!(verdict(&ground.gate("T-3", "VERIFY")), "warn");
    let _ = ground.ok("phase start T-3 VERIFY");
    for task in ["T-1", "T-2", "T-3"] {
        assert_eq!(states(ground, task, "bypass"), [""; 0], "{task}");
        assert!(!ground.ok(&format!("task explain {task}")).contains("BYPASS"), "{task}");
    }
    assert!(!ground.ok("health budgets").contains("continued anyway"));
}

fn a_config_may_have_such_commands_refused(ground: &mut Ground) {
    ground.serve(&format!("{ENFORCE}stop_loss: {{ on_bypass: refuse }}\n"));
    for task in ["T-1", "T-2"] {
        blocked(ground, task);
    }
    let said = ground.run("--format json phase start T-1 VERIFY");
    assert_eq!(said.code, 3, "{}", said.err);
    let refused: Value = serde_json::from_str(&said.out).unwrap();
    assert!(refused.to_string().contains("\"blocked\""), "a stable code: {refused}");
    assert!(said.err.contains("the gate blocks the task before VERIFY"), "{}", said.err);
    let told = ground.fails(3, "task close T-1 --outcome completed");
    let why = "the gate blocks the task before VERIFY, and `stop_loss.on_bypass` is `refuse`: ask it again";
    assert!(told.contains(why), "{told}");
    // Facts are accepted, and so is cancelling the task.
    let _ = ground.ok("usage record T-1 --output 1");
    let _ = ground.ok("task close T-2 --outcome abandoned");
    // Once a person has set the block aside the task goes on; the same holds under the other setting.
    let _ = ground.ok("task override T-1 --advance VERIFY --approver ann --reason agreed");
    let _ = ground.ok("phase start T-1 VERIFY");
    blocked(ground, "T-4");
    let _ = ground.fails(3, "phase start T-4 VERIFY");
    ground.serve(ENFORCE);
    let _ = ground.ok("phase start T-4 VERIFY");
    let bypassed: Vec<usize> =
        ["T-1", "T-2", "T-4"].iter().map(|task| states(ground, task, "bypass").len()).collect();
    assert_eq!(json!(bypassed), json!([0, 0, 1]));
}
