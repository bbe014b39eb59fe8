//! The gate as its rules describe it: profiles, switches, overrides, a missing view.

use serde_json::{Value, json};

use crate::ground::{EVIDENCE, Ground, codes, over_each_log, verdict};

over_each_log!(
    each_profile_has_its_steps_in_the_answer_the_story_and_the_report,
    actions_decide_whether_latency_and_single_phases_warn_or_block,
    nearly_done_softens_latency_and_single_phases_and_never_tokens,
    a_person_sets_a_block_aside_with_name_and_reason,
    the_kill_switch_is_in_every_answer_and_leaves_tracking_on,
    the_second_switch_turns_tracking_off_and_stops_no_work,
);

/// 12,000 tokens for a medium task.
pub(crate) const PHASES: &str = "rollout: enforce
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
    the_report_recommends_what_the_gate_asked_for(ground);
    let story = ground.ok("task explain graduated-4");
    assert!(story.contains("; asked for: a remediation, an investigation (record"), "{story}");
}

fn the_report_recommends_what_the_gate_asked_for(ground: &Ground) {
    for (task, does) in [
        ("graduated-1", "- review it: the gate let it go to VERIFY above its budget"),
        ("graduated-2", "- write a post-mortem: the gate let it go to REVIEW far above its budget"),
        (
            "graduated-4",
            "- investigate how it came to more than twice its budget, before it goes on to REVIEW",
        ),
    ] {
        let report = ground.ok(&format!("report {task}"));
        assert!(report.contains(does), "{report}");
    }
}

/// 36,000 tokens and 100 seconds for a medium task.
const LATE_PHASES: &str = "rollout: enforce
phases: [WORK, VERIFY, PR, MONITOR]
base_budgets:
  WORK: { tokens: 10000, latency_ms: 90000 }
  VERIFY: { tokens: 20000, latency_ms: 4000 }
  PR: { tokens: 3000, latency_ms: 3000 }
  MONITOR: { tokens: 3000, latency_ms: 3000 }
phase_weights: { WORK: 1, VERIFY: 1, PR: 1, MONITOR: 1 }
";

/// An execution of a phase that took this many seconds and used this many tokens.
fn ran(ground: &Ground, task: &str, phase: &str, seconds: u32, tokens: u64) {
    let _ = ground.ok(&format!("phase start {task} {phase} --at 2026-11-21T08:00:00Z"));
    let _ = ground.ok(&format!("usage record {task} --phase {phase} --output {tokens}"));
    let end = format!("2026-11-21T08:{:02}:{:02}Z", seconds / 60, seconds % 60);
    let _ = ground.ok(&format!("phase end {task} {phase} --at {end}"));
}

fn actions_decide_whether_latency_and_single_phases_warn_or_block(ground: &mut Ground) {
    // Rules 2 and 3: above 1.2 times the task's latency, above 1.5 times the limit of a phase: `warn` unless
    // the config says `block`. No remediation: that is for tokens.
    let (latency, phase) = ("latency_budget_exceeded", "phase_budget_exceeded");
    ground.serve(LATE_PHASES);
    for (nth, (action, seconds, tokens, says, because, asked)) in [
        ("latency_action: block", 120, 9_000, "allow", vec![], vec![]),
        ("profile: strict", 121, 9_000, "warn", vec![latency], vec![]),
        ("latency_action: warn", 121, 9_000, "warn", vec![latency], vec![]),
        ("latency_action: block", 121, 9_000, "block", vec![latency], vec![]),
        ("per_phase_action: block", 121, 9_000, "warn", vec![latency], vec![]),
        ("per_phase_action: block", 60, 15_000, "allow", vec![], vec![]),
        ("profile: strict", 60, 15_001, "warn", vec![phase], vec!["explanation"]),
        ("per_phase_action: warn", 60, 15_001, "warn", vec![phase], vec!["explanation"]),
        ("per_phase_action: block", 60, 15_001, "block", vec![phase], vec!["explanation"]),
        ("latency_action: block", 60, 15_001, "warn", vec![phase], vec!["explanation"]),
        // Too slow as a task and as a phase.
        ("latency_action: block", 136, 9_000, "block", vec![latency, phase], vec!["explanation"]),
    ]
    .into_iter()
    .enumerate()
    {
        let task = format!("T-{nth}");
        let _ = ground.ok(&format!("task open {task}"));
        ran(ground, &task, "WORK", seconds, tokens);
        // A task opened earlier follows a changed action at once.
        ground.write_config(&format!("{LATE_PHASES}stop_loss: {{ {action} }}\n"));
        let _ = ground.ok("config reload");
        let answer = ground.gate(&task, "VERIFY");
        assert_eq!((verdict(&answer), codes(&answer)), (says, because), "{action}: {answer}");
        assert_eq!(words(&answer["requirements"]), asked, "{action}: {answer}");
    }
    let story = ground.ok("task explain T-3");
    assert!(story.contains("exceeded latency budget: 121,000 / 100,000 ms (121%)"), "{story}");
    let story = ground.ok("task explain T-8");
    assert!(
        story.contains("Phase WORK of task T-8 exceeded its token budget: 15,001 / 10,000 (150.01%)"),
        "{story}"
    );
    let list = ground.ok("task list");
    assert!(!list.contains("FIX-BUDGET-BREACH"), "{list}");
}

fn nearly_done_softens_latency_and_single_phases_and_never_tokens(ground: &mut Ground) {
    // Rule 4: token utilization strictly below 1.1 and only PR and MONITOR left.
    let (latency, phase, nearly) = ("latency_budget_exceeded", "phase_budget_exceeded", "nearly_done");
    let (above, far_above) = ("token_budget_warning", "token_budget_exceeded");
    ground.serve(&format!("{LATE_PHASES}stop_loss: {{ latency_action: block, per_phase_action: block }}\n"));
    for (task, seconds, work, verify, cases) in [
        (
            "slow",
            121,
            9_000,
            100,
            vec![
                ("VERIFY", "block", vec![latency]),
                ("PR", "warn", vec![latency, nearly]),
                ("MONITOR", "warn", vec![latency, nearly]),
                ("completion", "warn", vec![latency, nearly]),
            ],
        ),
        (
            "wide",
            60,
            5_000,
            31_000,
            vec![("WORK", "block", vec![phase]), ("PR", "warn", vec![phase, nearly])],
        ),
        ("just-below", 60, 8_599, 31_000, vec![("PR", "warn", vec![above, phase, nearly])]),
        ("not-below", 60, 8_600, 31_000, vec![("PR", "block", vec![above, phase])]),
        ("above", 60, 12_201, 31_000, vec![("MONITOR", "block", vec![far_above, phase])]),
    ] {
        let _ = ground.ok(&format!("task open {task}"));
        ran(ground, task, "WORK", seconds, work);
        ran(ground, task, "VERIFY", 1, verify);
        for (advance, says, because) in cases {
            let answer = ground.gate(task, advance);
            assert_eq!((verdict(&answer), codes(&answer)), (says, because), "{task} {advance}: {answer}");
        }
    }
    let story = ground.ok("task explain slow");
    assert!(story.contains("nearly done: tokens are below 1.1 × the limit"), "{story}");
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
    // In the environment: no file has to be valid for it.
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
    // The last thing the ledger has to do for the block: none of its own events comes later and is counted
    // below.
    let told = |event: &Value| event["id"].as_str().is_some_and(|id| id.ends_with("/told"));
    let _ = ground.wait_until("FIX-BUDGET-BREACH-T-1", told);
    // What the ledger observes about itself at any time, more of it on a busy machine, was not sent by
    // anyone.
    let of_itself = |event: &&Value| {
        ["transitions_measured", "condition_observed"].iter().any(|kind| !event[*kind].is_null())
    };
    let recorded = |ground: &Ground| ground.log().iter().filter(|event| !of_itself(event)).count();
    let untracked = |ground: &Ground| {
        let before = recorded(ground);
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
        assert_eq!(recorded(ground), before, "nothing was recorded");
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
