//! The gate as its rules describe it: profiles, switches, overrides, a view that is not there.

use serde_json::{Value, json};

use crate::ground::{EVIDENCE, Ground, codes, over_each_log, verdict};

over_each_log!(
    each_profile_has_its_steps_in_the_answer_the_story_and_the_report,
    a_person_sets_a_block_aside_with_name_and_reason,
    the_kill_switch_is_in_every_answer_and_leaves_tracking_on,
    the_second_switch_turns_tracking_off_and_stops_no_work,
);

/// 12,000 tokens for a medium task.
const PHASES: &str = "rollout: enforce
phases: [WORK, VERIFY, REVIEW]
base_budgets:
  WORK: { tokens: 6000, latency_ms: 60000 }
  VERIFY: { tokens: 3000, latency_ms: 60000 }
  REVIEW: { tokens: 3000, latency_ms: 60000 }
phase_weights: { WORK: 1, VERIFY: 1, REVIEW: 1 }
";

fn words(list: &Value) -> Vec<&str> {
    list.as_array().unwrap().iter().map(|word| word.as_str().unwrap()).collect()
}

fn each_profile_has_its_steps_in_the_answer_the_story_and_the_report(ground: &mut Ground) {
    for (profile, cases) in [
        (
            "strict",
            [
                (12_000, "REVIEW", "allow", vec![], vec![]),
                (14_400, "REVIEW", "warn", vec!["token_budget_warning"], vec![]),
                (15_234, "REVIEW", "block", vec!["token_budget_exceeded"], vec!["remediation"]),
                (15_234, "VERIFY", "warn", vec!["token_budget_warning"], vec![]),
                (18_001, "VERIFY", "block", vec!["token_budget_exceeded"], vec!["remediation"]),
            ],
        ),
        (
            "loose",
            [
                (12_000, "REVIEW", "allow", vec![], vec![]),
                (15_234, "REVIEW", "warn", vec!["token_budget_warning"], vec![]),
                (18_000, "completion", "warn", vec!["token_budget_warning"], vec![]),
                (18_001, "REVIEW", "block", vec!["token_budget_exceeded"], vec!["remediation"]),
                (18_001, "VERIFY", "block", vec!["token_budget_exceeded"], vec!["remediation"]),
            ],
        ),
        (
            "graduated",
            [
                (14_400, "REVIEW", "allow", vec![], vec![]),
                (18_000, "VERIFY", "warn", vec!["token_budget_warning"], vec!["review"]),
                (18_001, "REVIEW", "warn", vec!["token_budget_warning"], vec!["post_mortem"]),
                (24_000, "completion", "warn", vec!["token_budget_warning"], vec!["post_mortem"]),
                (
                    24_001,
                    "REVIEW",
                    "block",
                    vec!["token_budget_exceeded"],
                    vec!["remediation", "investigation"],
                ),
            ],
        ),
    ] {
        ground.serve(&format!("{PHASES}stop_loss: {{ profile: {profile} }}\n"));
        for (nth, (tokens, advance, says, because, asked)) in cases.into_iter().enumerate() {
            let task = format!("{profile}-{nth}");
            let _ = ground.ok(&format!("task open {task}"));
            let _ = ground.ok(&format!("usage record {task} --output {tokens}"));
            let answer = ground.gate(&task, advance);
            assert_eq!((verdict(&answer), codes(&answer)), (says, because), "{task}: {answer}");
            assert_eq!(words(&answer["requirements"]), asked, "{task}: {answer}");
            let story = ground.ok(&format!("task explain {task}"));
            for word in &asked {
                let words = word.replace('_', "-");
                assert!(story.contains("; asked for: a") && story.contains(&words), "{task}: {story}");
            }
        }
    }
    let answer = ground.gate("strict-2", "REVIEW");
    assert_eq!(
        answer["reasons"][0]["message"],
        "Task strict-2 exceeded token budget: 15,234 / 12,000 (127%)"
    );
    let story = ground.ok("task explain graduated-4");
    assert!(story.contains("; asked for: a remediation, an investigation (record"), "{story}");
}

fn a_person_sets_a_block_aside_with_name_and_reason(ground: &mut Ground) {
    ground.serve(PHASES);
    let _ = ground.ok("task open T-1");
    let _ = ground.ok("usage record T-1 --output 20000");
    assert_eq!(verdict(&ground.gate("T-1", "REVIEW")), "block");
    let told = ground.fails(2, "task override T-1 --advance REVIEW --approver ada");
    assert!(told.contains("--reason"), "{told}");
    let block = json!({"id": "o", "producer": "test", "block": {"advance": "REVIEW"}, "approver": "ada"});
    let (status, answer) = ground.post("/v1/tasks/T-1/overrides", &block);
    assert_eq!((status, &answer["field"]), (400, &json!("reason")), "{answer}");
    let _ = ground.ok("task override T-1 --advance REVIEW --approver ada --reason \"legitimate work\"");
    let answer = ground.gate("T-1", "REVIEW");
    let says = vec!["token_budget_exceeded", "override_granted"];
    assert_eq!((verdict(&answer), codes(&answer)), ("warn", says), "{answer}");
    assert_eq!(verdict(&ground.gate("T-1", "completion")), "block", "of this advance alone");
    let recorded = ground.recorded("override_granted");
    assert_eq!(recorded.len(), 1);
    for shown in [ground.ok("task explain T-1"), ground.ok("report T-1"), recorded[0].to_string()] {
        assert!(shown.contains("ada") && shown.contains("legitimate work"), "{shown}");
    }
}

fn the_kill_switch_is_in_every_answer_and_leaves_tracking_on(ground: &mut Ground) {
    ground.serve(PHASES);
    ground.stop();
    // In the environment: no file has to be right for it.
    ground.start_within(EVIDENCE, &[], &[("DISABLE_BUDGET_ENFORCEMENT", "1")]);
    let _ = ground.ok("task open T-1");
    let _ = ground.ok("usage record T-1 --output 20000");
    let _ = ground.ok("usage record T-implicit --output 20000");
    let _ = ground.ok("task open T-small");
    let _ = ground.ok("config reload");
    let every_answer = |ground: &Ground| {
        for (task, says) in [("T-1", "warn"), ("T-implicit", "allow"), ("T-small", "allow")] {
            let answer = ground.gate(task, "REVIEW");
            assert_eq!(verdict(&answer), says, "{answer}");
            assert_eq!(codes(&answer).last(), Some(&"stop_loss_disabled"), "{answer}");
        }
        assert!(ground.get("/v1/health").1.contains("the stop-loss is switched off: nothing blocks"));
    };
    every_answer(ground);
    let shown = ground.json("task show T-1");
    assert_eq!(shown["tokens_used"], 20_000, "tracking goes on: {shown}");
    assert!(ground.ok("report T-1").contains("20,000 / 12,000 (167%)"), "and reports do");
    // In the config, at once.
    ground.serve(PHASES);
    assert_eq!(verdict(&ground.gate("T-1", "REVIEW")), "block");
    ground.write_config(&format!("{PHASES}stop_loss: {{ enabled: false }}\n"));
    let _ = ground.ok("config reload");
    every_answer(ground);
}

fn the_second_switch_turns_tracking_off_and_stops_no_work(ground: &mut Ground) {
    ground.serve(PHASES);
    let _ = ground.ok("task open T-1");
    let _ = ground.ok("usage record T-1 --output 20000");
    assert_eq!(verdict(&ground.gate("T-1", "REVIEW")), "block");
    let _ = ground.wait_for("FIX-BUDGET-BREACH-T-1", "task_opened");
    let untracked = |ground: &Ground| {
        let before = ground.log().len();
        let nothing = "tracking is switched off: nothing was recorded\n";
        for line in [
            "task open T-2",
            "phase start T-1 WORK",
            "phase end T-1 WORK",
            "usage record T-9 --output 1",
            "task close T-1",
        ] {
            assert_eq!(ground.ok(line), nothing, "{line}: no work stops for it");
        }
        let usage = json!({"id": "u", "task": "T-1", "usage_recorded": {"tokens": {"output": 1}}});
        let (status, answer) =
            ground.post("/v1/events", &json!({"producer": "test", "events": [usage, {"id": 7}]}));
        let outcomes: Vec<_> = answer["outcomes"]
            .as_array()
            .unwrap()
            .iter()
            .map(|one| one["outcome"].as_str().unwrap())
            .collect();
        assert_eq!((status, outcomes), (200, vec!["ignored", "ignored"]), "{answer}");
        for task in ["T-1", "T-unknown"] {
            let answer = ground.gate(task, "REVIEW");
            assert_eq!((verdict(&answer), codes(&answer)), ("allow", vec!["tracking_off"]), "{answer}");
            assert!(answer["position"].is_null(), "not even the decision is recorded: {answer}");
        }
        assert_eq!(ground.log().len(), before, "nothing was recorded");
        assert!(ground.get("/v1/health").1.contains("tracking is switched off: nothing is recorded"));
    };
    ground.write_config(&format!("{PHASES}tracking: false\n"));
    let _ = ground.ok("config reload");
    untracked(ground);
    ground.write_config(PHASES);
    let _ = ground.ok("config reload");
    assert_eq!(verdict(&ground.gate("T-1", "REVIEW")), "block", "on again, at once");
    ground.stop();
    ground.start_within(EVIDENCE, &[], &[("DISABLE_BUDGET_TRACKING", "1")]);
    untracked(ground);
}

// On a data directory the views are the server's: there is none without them.
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
    // Rule: fail open, whatever the policy for a view that is behind; with a reason in the answer and in the log.
    let Some(mut ground) = Ground::nats() else { return };
    ground.serve(&format!("{PHASES}stop_loss: {{ on_stale: closed }}\n"));
    let _ = ground.ok("task open T-1");
    let _ = ground.ok("usage record T-1 --output 90000");
    assert_eq!(verdict(&ground.gate("T-1", "REVIEW")), "block");
    ground.answer_nonsense("status", 1000);
    let body = json!({"advance_to": "REVIEW", "wait_ms": 2000});
    let (status, answer) = ground.post("/v1/tasks/T-1/gate", &body);
    assert_eq!((status, verdict(&answer), codes(&answer)), (200, "allow", vec!["degraded"]), "{answer}");
    let says = "The numbers of task T-1 could not be had, so it goes on: ";
    assert!(answer["reasons"][0]["message"].as_str().unwrap().starts_with(says), "{answer}");
    let recorded = ground.recorded("gate_decided");
    assert_eq!(recorded.len(), 2, "{recorded:?}");
    assert_eq!(
        (&recorded[1]["verdict"], &recorded[1]["reasons"][0]["code"]),
        (&json!("allow"), &json!("degraded"))
    );
}
