//! Failure scenarios, each with what prevents it.

use serde_json::{Value, json};

use crate::ground::{Ground, codes, over_each_log, verdict};

over_each_log!(
    ec12_a_remediation_that_cannot_be_opened_is_alerted_and_tried_again,
    pm1_rollout_and_switches_keep_wrong_budgets_from_starving_tasks,
    pm6_importance_that_is_gamed_is_flagged_recorded_and_alerted,
);

/// A channel that notes what it receives. One write per line: programs of several servers run at the same
/// time.
const PROGRAM: &str =
    r#"- {name: program, command: [/bin/sh, -c, 'line=$(cat); printf "%s\n" "$line" >> told']}"#;

/// A task far over its budget.
fn runaway(ground: &Ground, task: &str, importance: &str) {
    let _ = ground.ok(&format!("task open {task} --importance {importance} --justification x"));
    let _ = ground.ok(&format!("usage record {task} --output 200000"));
}

/// All alerts of a rule, resolved or not, latest first.
fn alerts(ground: &Ground, rule: &str) -> Value {
    let (_, list) = ground.get(&format!("/v1/alerts?rule={rule}&state=all&at_least=tail"));
    serde_json::from_str(&list).unwrap()
}

fn ec12_a_remediation_that_cannot_be_opened_is_alerted_and_tried_again(ground: &mut Ground) {
    // Rule: still blocked, critical alert, retried; once it is open the alert is resolved, and nobody is
    // notified twice.
    ground.place().write("taken", "a file where the directory of the remediations is to be");
    ground.place().write("remediation.yaml", &format!("ways:\n- {{name: files, dir: taken}}\n{PROGRAM}\n"));
    let again = |ground: &mut Ground| {
        ground.start_with(crate::ground::EVIDENCE, &["--remediation", "remediation.yaml"]);
    };
    ground.stop();
    again(ground);
    runaway(ground, "T-1", "medium");
    assert_eq!(verdict(&ground.gate("T-1", "REVIEW")), "block");
    let observed = |active: bool| move |event: &Value| event["condition_observed"]["active"] == active;
    let raised = ground.wait_until("T-1", observed(true));
    assert_eq!(raised["condition_observed"]["rule"], "remediation", "{raised}");
    let list = alerts(ground, "remediation");
    let alert = &list["alerts"][0];
    assert_eq!((&alert["task"], &alert["severity"]), (&json!("T-1"), &json!("critical")), "{list}");
    assert_eq!(verdict(&ground.gate("T-1", "REVIEW")), "block", "the block holds");
    std::fs::remove_file(ground.place().path("taken")).unwrap();
    let _ = ground.wait_until("T-1", observed(false));
    let list = alerts(ground, "remediation");
    assert_eq!(list["alerts"][0]["state"], "resolved", "{list}");
    let file = ground.place().path("taken/default/FIX-BUDGET-BREACH-T-1.json");
    let file: Value = serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap();
    assert_eq!(file["data"]["message"], "Task T-1 exceeded token budget: 200,000 / 23,400 (855%)");
    // A server that was killed, and one that knows nothing about it, notify nobody again.
    ground.kill();
    again(ground);
    assert_eq!(verdict(&ground.gate("T-1", "REVIEW")), "block");
    runaway(ground, "T-2", "medium");
    assert_eq!(verdict(&ground.gate("T-2", "REVIEW")), "block");
    let told = |event: &Value| event["signal_recorded"]["name"] == "remediation.program.told";
    let _ = ground.wait_until("FIX-BUDGET-BREACH-T-2", told);
    ground.stop();
    let told = std::fs::read_to_string(ground.place().path("told")).unwrap();
    let told: Vec<Value> = told.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let tasks: Vec<&str> = told.iter().map(|body| body["data"]["task"].as_str().unwrap()).collect();
    assert_eq!(tasks, ["T-1", "T-2"]);
}

fn pm1_rollout_and_switches_keep_wrong_budgets_from_starving_tasks(ground: &mut Ground) {
    // Rule: wrong budgets must not stop work: observe first, enforce in steps, scale at once, switch off at
    // once.
    runaway(ground, "T-low", "low");
    runaway(ground, "T-high", "high");
    for (config, low, high) in [
        ("rollout: observe\n", ("warn", "observe_only"), ("warn", "observe_only")),
        ("", ("warn", "observe_only"), ("warn", "observe_only")),
        ("rollout: enforce_low_medium\n", ("block", "token_budget_exceeded"), ("warn", "rollout_exempt")),
        ("rollout: enforce\n", ("block", "token_budget_exceeded"), ("block", "token_budget_exceeded")),
        (
            "rollout: enforce\nstop_loss: { enabled: false }\n",
            ("warn", "stop_loss_disabled"),
            ("warn", "stop_loss_disabled"),
        ),
    ] {
        ground.serve(if config.is_empty() { "pressure_levels: [50, 80, 90, 100, 150]\n" } else { config });
        for (task, (says, because)) in [("T-low", low), ("T-high", high)] {
            let answer = ground.gate(task, "IMPLEMENT");
            assert_eq!(verdict(&answer), says, "{config}: {answer}");
            assert_eq!(codes(&answer).last(), Some(&because), "{config}: {answer}");
            assert_eq!(answer["ruled"], "block", "what the rules say is recorded in every mode");
        }
    }
    ground.serve("rollout: enforce\n");
    // The quick escape hatch: one factor for all limits of a task.
    let _ = ground.ok("task open T-scaled --importance high --justification x --multiplier 10");
    let _ = ground.ok("usage record T-scaled --output 200000");
    assert_eq!(verdict(&ground.gate("T-scaled", "IMPLEMENT")), "allow");
    // The external kill switch, for a command that is its own ledger: no config is needed.
    let place = ground.place();
    let _ = place.ok("--data own --config config.yaml task open T-1");
    let _ = place.ok("--data own --config config.yaml usage record T-1 --output 200000");
    let gate = ["--data", "own", "--config", "config.yaml", "--format", "json", "gate", "T-1", "IMPLEMENT"];
    let mut command = place.command(&gate);
    assert_eq!(command.output().status.code(), Some(5));
    let output = command.env("DISABLE_BUDGET_ENFORCEMENT", "1").output();
    assert_eq!(output.status.code(), Some(0));
    assert!(String::from_utf8(output.stdout).unwrap().contains("stop_loss_disabled"));
}

fn pm6_importance_that_is_gamed_is_flagged_recorded_and_alerted(ground: &mut Ground) {
    // Rule: critical needs a justification, each change has a name and a reason, two tiers up raise an alert,
    // and limits stay.
    for (task, given, missing) in [
        ("T-bare", "", "a justification and an author"),
        ("T-mute", "--author eve", "a justification"),
        ("T-nobody", "--justification outage", "an author"),
        ("T-said", "--justification outage --author eve", ""),
    ] {
        let said = ground.run(&format!("task open {task} --importance critical {given}"));
        let flagged = format!("! critical importance without {missing} is flagged for review\n");
        let told = if missing.is_empty() { "" } else { &flagged };
        assert_eq!((said.code, said.err.as_str()), (0, told), "{said:?}");
    }
    for task in ["T-jump", "T-steps", "T-step"] {
        let _ = ground.ok(&format!("task open {task} --importance low"));
    }
    let told = ground.fails(2, "task importance T-jump critical --author eve");
    assert!(told.contains("--reason"), "{told}");
    let change = |task: &str, to: &str| {
        let _ = ground.ok(&format!("task importance {task} {to} --author eve --reason \"needs more room\""));
    };
    change("T-jump", "critical");
    change("T-steps", "medium");
    change("T-steps", "high");
    change("T-step", "medium");
    let list = alerts(ground, "drift");
    let mut raised: Vec<_> = list["alerts"].as_array().unwrap().iter().collect();
    raised.sort_by_key(|alert| alert["task"].as_str());
    let found: Vec<_> = raised.iter().map(|alert| (&alert["task"], &alert["severity"])).collect();
    assert_eq!(
        found,
        [(&json!("T-jump"), &json!("error")), (&json!("T-steps"), &json!("warning"))],
        "{list}"
    );
    let message = raised[1]["message"].as_str().unwrap();
    assert!(
        message.contains("from low to high")
            && message.contains("eve")
            && message.contains("needs more room")
    );
    let changes = ground.recorded("importance_changed");
    let who: Vec<_> = changes.iter().map(|change| (&change["author"], &change["reason"])).collect();
    assert_eq!(who, vec![(&json!("eve"), &json!("needs more room")); 4]);
    // It gains nothing: the limits are those of the opening.
    for (task, limit) in [("T-jump", 16_380), ("T-said", 46_800)] {
        let answer = ground.gate(task, "PLAN");
        assert_eq!(answer["tokens"]["limit"], limit, "{answer}");
    }
}

#[test]
fn of_several_servers_over_nats_one_tells_of_each_remediation() {
    // Rule: every server may run the reactor; each remediation is opened once and notified once, whichever
    // server blocked the task.
    let Some(mut ground) = Ground::nats() else { return };
    ground.place().write("remediation.yaml", &format!("ways:\n{PROGRAM}\n"));
    ground.stop();
    let flags = ["--remediation", "remediation.yaml"];
    ground.start_with(crate::ground::EVIDENCE, &flags);
    let more: Vec<_> = (0..2).map(|_| ground.another(&flags)).collect();
    let tasks: Vec<String> = (0..12).map(|nth| format!("T-{nth:02}")).collect();
    for task in &tasks {
        runaway(&ground, task, "medium");
    }
    let ask = |url: &str| {
        for task in &tasks {
            let body = json!({"advance_to": "REVIEW"}).to_string();
            let (_, answer) =
                tollgate_tests::request(url, "POST", &format!("/v1/tasks/{task}/gate"), &body).unwrap();
            assert!(answer.contains("\"verdict\":\"block\""), "{answer}");
        }
    };
    // All of them block all tasks, at the same time, and one that starts now finds them blocked.
    std::thread::scope(|scope| {
        for url in [ground.url(), &more[0].url, &more[1].url] {
            scope.spawn(move || ask(url));
        }
    });
    let late = ground.another(&flags);
    for task in &tasks {
        let told = |event: &Value| event["signal_recorded"]["name"] == "remediation.program.told";
        let _ = ground.wait_until(&format!("FIX-BUDGET-BREACH-{task}"), told);
    }
    for server in more.into_iter().chain([late]) {
        assert!(server.terminate().success());
    }
    let opened = ground.recorded("task_opened");
    assert_eq!(opened.len(), 24, "12 tasks, each with one remediation");
    let attempts = ground
        .recorded("signal_recorded")
        .into_iter()
        .filter(|signal| signal["name"] == "remediation.program.attempt")
        .count();
    ground.stop();
    let told = std::fs::read_to_string(ground.place().path("told")).unwrap();
    let mut told: Vec<String> = told
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap()["data"]["task"].as_str().unwrap().to_owned())
        .collect();
    told.sort();
    assert_eq!(told, tasks, "each is told once; the log has {attempts} attempts");
}
