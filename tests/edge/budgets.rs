//! Edge cases of limits, usage and latency.

use serde_json::json;

use crate::ground::{Ground, codes, over_each_log, through, verdict};

over_each_log!(
    ec04_an_override_is_absolute_and_warned_of_when_below,
    ec05_fractional_tokens_are_an_exact_product_and_one_ceil,
    ec06_usage_that_passes_the_limit_in_mid_phase_is_recorded_as_it_is,
    ec07_usage_that_no_model_reported_is_estimated_flagged_and_enforced,
    ec08_an_end_before_its_start_counts_as_no_latency,
    ec08_a_phase_that_runs_counts_up_to_now_whatever_its_age,
    ec09_each_run_of_a_phase_is_an_attempt_and_totals_are_over_all,
    ec11_when_only_pr_and_monitor_remain_the_token_rule_still_blocks,
    a_phase_that_nobody_has_is_warned_of_where_usage_names_it,
    a_task_that_opens_above_its_limits_says_so,
);

fn a_phase_that_nobody_has_is_warned_of_where_usage_names_it(ground: &mut Ground) {
    let warned = "the usage names phase `VERFY`, which the config does not have: counted against no phase's limit; did you mean `VERIFY`?";
    let usage = |id: &str| json!({"id": id, "task": "T-1", "usage_recorded": {"phase": "VERFY", "tokens": {"output": 7}}});
    let answer = ground.append(&[
        usage("u1"),
        json!({"id": "u2", "task": "T-1", "usage_recorded": {"phase": "verify", "tokens": {"output": 1}}}),
    ]);
    assert_eq!(answer["outcomes"][0]["warnings"], json!([warned]), "{answer}");
    assert_eq!(answer["outcomes"][1]["warnings"], json!(null), "{answer}");
    let said = ground.run("usage record T-1 --phase VERFY --output 5");
    assert_eq!(said.code, 0, "it counts all the same: {said:?}");
    assert!(said.err.contains(warned), "{said:?}");
    assert_eq!(ground.json("task show T-1")["tokens_used"], 13);
}

fn a_task_that_opens_above_its_limits_says_so(ground: &mut Ground) {
    // Usage before the opening, or along with it.
    let _ = ground.ok("usage record T-1 --output 23401");
    let said = ground.run("task open T-1");
    assert_eq!(said.code, 0, "{said:?}");
    assert!(
        said.err.contains("the task is above its limits as it opens: tokens 23,401 / 23,400 (100.004%)"),
        "{said:?}"
    );
    let opened = |task: &str, output: u64| {
        ground.append(&[
            json!({"id": "u", "task": task, "usage_recorded": {"tokens": {"output": output}}}),
            json!({"id": "o", "task": task, "task_opened": {}}),
        ])
    };
    let answer = opened("T-2", 23_401);
    assert!(
        answer["outcomes"][1]["warnings"][0]
            .as_str()
            .is_some_and(|warning| warning.contains("23,401 / 23,400")),
        "{answer}"
    );
    let answer = opened("T-3", 23_400);
    assert_eq!(
        answer["outcomes"][1]["warnings"],
        json!(null),
        "exactly at a limit is not above it: {answer}"
    );
}

fn ec04_an_override_is_absolute_and_warned_of_when_below(ground: &mut Ground) {
    // Rule: an override is absolute, no multiplier applies to it; one below the computed limit is kept, with
    // a warning.
    let line = "task open T-1 --complexity Large --importance critical --justification x --multiplier 2 \
                --limit THINK=10000 --limit PLAN=900000/7";
    let said = ground.run(line);
    let warned = "override of THINK to 10000 tokens is below the computed 36000";
    assert_eq!(said.code, 0, "{said:?}");
    assert!(said.err.contains(warned), "the answer warns: {said:?}");
    assert!(said.err.contains("override of PLAN to 7 ms is below the computed 360000"), "{said:?}");
    assert!(!said.err.contains("900000"), "one above is no matter of warning: {said:?}");
    let limit = |phase: &str| {
        let row = ground.execution("T-1", phase, 0);
        (row["tokens_limit"].as_u64().unwrap(), row["latency_limit_ms"].as_u64().unwrap())
    };
    assert_eq!(limit("THINK"), (10_000, 810_000), "tokens are the override's, latency is computed");
    assert_eq!(limit("PLAN"), (900_000, 7));
    assert_eq!(limit("SPEC"), (9_000, 240_000), "1500 × 1.5 × 2 × 1 × 2: the multiplier scales the others");
    let report = ground.ok("report T-1");
    assert!(report.contains("override of THINK to 10,000 tokens is below the computed 36,000"), "{report}");
}

fn ec05_fractional_tokens_are_an_exact_product_and_one_ceil(ground: &mut Ground) {
    // Rule: exact decimal product, one ceil. In binary floating point 1000 × 0.5 × 0.7 × 1.1 would become
    // 386.
    ground.serve(
        "phases: [WHOLE, PART]\nbase_budgets:\n  WHOLE: { tokens: 1000, latency_ms: 2000 }\n  PART: { tokens: 1001, latency_ms: 1 }\n\
         phase_weights: { WHOLE: 1.1, PART: 1.1 }\n",
    );
    let limits = ground.json("limits --complexity Tiny --importance low");
    let numbers: Vec<_> =
        limits["phases"].as_array().unwrap().iter().map(|row| (&row["tokens"], &row["latency_ms"])).collect();
    assert_eq!(numbers, [(&json!(385), &json!(770)), (&json!(386), &json!(1))], "{limits}");
    let _ = ground.ok("task open T-1 --complexity Tiny --importance low");
    assert_eq!(ground.execution("T-1", "WHOLE", 0)["tokens_limit"], 385, "the gate's limit is the same");
}

fn ec06_usage_that_passes_the_limit_in_mid_phase_is_recorded_as_it_is(ground: &mut Ground) {
    // Rule: real usage is recorded, never capped; the breach is marked, the phase may finish, the gate
    // decides.
    let _ = ground.ok("task open T-1");
    let _ = ground.ok("phase start T-1 THINK");
    for (tokens, used, breach) in
        [(6_000, 6_000, "within"), (1, 6_001, "warning"), (3_000, 9_001, "exceeded")]
    {
        let _ = ground.ok(&format!("usage record T-1 --phase THINK --output {tokens}"));
        let row = ground.execution("T-1", "THINK", 1);
        assert_eq!((&row["tokens_used"], &row["breach_status"]), (&json!(used), &json!(breach)), "{row}");
        assert_eq!(row["state"], "running", "nothing stops a phase in its middle");
    }
    let _ = ground.ok("phase end T-1 THINK");
    let answer = ground.gate("T-1", "IMPLEMENT");
    assert_eq!((verdict(&answer), codes(&answer)), ("warn", vec!["phase_budget_exceeded"]), "{answer}");
    let message = "Phase THINK of task T-1 exceeded its token budget: 9,001 / 6,000 (150.01%)";
    assert_eq!(answer["reasons"][0]["message"], message);
    let _ = ground.ok("usage record T-1 --output 30000");
    let answer = ground.gate("T-1", "IMPLEMENT");
    assert_eq!((verdict(&answer), answer["tokens"]["used"].as_u64()), ("block", Some(39_001)), "{answer}");
}

fn ec07_usage_that_no_model_reported_is_estimated_flagged_and_enforced(ground: &mut Ground) {
    // Rule: ceil((prompt chars + completion chars) / 4), flagged, warned about once per phase, enforced like
    // any other.
    let _ = ground.ok("task open T-1");
    let _ = ground.ok("phase start T-1 SPEC");
    let usage = |id: &str, prompt: u64, completion: u64| {
        let usage = json!({"phase": "SPEC", "prompt_chars": prompt, "completion_chars": completion});
        json!({"id": id, "task": "T-1", "usage_recorded": usage})
    };
    ground.append(&[usage("e1", 4001, 400), usage("e2", 1, 0)]);
    let row = ground.execution("T-1", "SPEC", 1);
    assert_eq!((&row["tokens_used"], &row["tokens_estimated"]), (&json!(1102), &json!(true)), "{row}");
    let shown = ground.json("task show T-1");
    assert_eq!(shown["estimated_tokens"], 1102);
    let warnings = shown["warnings"].to_string();
    assert_eq!(warnings.matches("estimated").count(), 1, "once per task and phase: {warnings}");
    assert!(warnings.contains("SPEC: 1,102 tokens are estimated from text lengths"), "{warnings}");
    assert!(ground.ok("report T-1").contains("1,102 (est)"));
    assert_eq!(ground.json("report")["estimated_tokens"], 1102);
    ground.append(&[usage("e3", 4 * 40_000, 0)]);
    let answer = ground.gate("T-1", "PLAN");
    assert_eq!((verdict(&answer), answer["tokens"]["used"].as_u64()), ("block", Some(41_102)), "{answer}");
}

fn ec08_an_end_before_its_start_counts_as_no_latency(ground: &mut Ground) {
    // Rule: an end before its start, or more than a day after: latency 0, an anomaly event, no latency limit for it.
    let _ = ground.ok("task open T-1 --at 2026-11-20T09:00:00Z");
    for (phase, end, tells, anomalous) in [
        ("SPEC", "2026-11-20T09:59:58Z", "SPEC ended 2.0 s before it started", true),
        ("PLAN", "2026-11-21T10:00:00.001Z", "PLAN took 86,400.0 s, more than a day", true),
        ("PR", "2026-11-21T10:00:00Z", "", false),
    ] {
        let _ = ground.ok(&format!("phase start T-1 {phase} --at 2026-11-20T10:00:00Z"));
        let _ = ground.ok(&format!("phase end T-1 {phase} --at {end}"));
        let row = ground.execution("T-1", phase, 1);
        if anomalous {
            assert_eq!((&row["latency_ms"], &row["latency_limit_ms"]), (&json!(0), &json!(null)), "{row}");
            // Its usage was not reported either.
            assert_eq!(row["breach_status"], "unknown");
            let report = ground.ok("report T-1");
            assert!(report.contains(tells), "{tells}: {report}");
            let status = ground.ok("task show T-1");
            assert!(status.contains(&format!("! {tells}: its latency counts as 0")), "{tells}: {status}");
            let (_, of_it) = tells.split_once(' ').unwrap();
            let story = ground.ok("task explain T-1");
            assert!(story.contains(&format!("; it {of_it}: its latency counts as 0")), "{tells}: {story}");
        } else {
            assert_eq!((&row["latency_ms"], &row["breach_status"]), (&json!(86_400_000), &json!("exceeded")));
        }
    }
    // Closing a task in the middle of a phase also ends the phase.
    let _ = ground.ok("phase start T-1 REVIEW --at 2026-11-20T10:00:00Z");
    let _ = ground.ok("task close T-1 --at 2026-11-20T09:59:59Z --id c");
    let anomalies: Vec<_> =
        ground.log().into_iter().filter(|event| event["signal_recorded"].is_object()).collect();
    let said: Vec<_> = anomalies.iter().map(|event| &event["signal_recorded"]).collect();
    let signal = |phase: &str, ms: i64| json!({"phase": phase, "attempt": 1, "name": "latency_anomaly_ms", "value": ms});
    let signals = [signal("SPEC", -2000), signal("PLAN", 86_400_001), signal("REVIEW", -1000)];
    assert_eq!(said, signals.iter().collect::<Vec<_>>(), "each is an event, and only they");
    assert_eq!(anomalies[2]["id"], "c/latency-anomaly");
}

fn ec08_a_phase_that_runs_counts_up_to_now_whatever_its_age(ground: &mut Ground) {
    // Rule: only what has ended can have impossible times; a running phase has taken the time from its start
    // to the query.
    let year_ms = 365 * 86_400_000;
    let _ = ground.ok("task open T-1 --at 2020-01-01T00:00:00Z");
    let _ = ground.ok("phase start T-1 IMPLEMENT --at 2020-01-01T00:00:00Z");
    let row = ground.execution("T-1", "IMPLEMENT", 1);
    assert!(row["latency_ms"].as_u64().unwrap() > year_ms, "{row}");
    assert!(row["latency_limit_ms"].is_u64(), "its limit is enforced: {row}");
    assert_eq!((&row["state"], &row["breach_status"]), (&json!("running"), &json!("exceeded")), "{row}");
    assert_eq!(ground.json("task show T-1")["budget_status"], "exceeded");
    let answer = ground.gate("T-1", "REVIEW");
    assert_eq!(
        (verdict(&answer), codes(&answer)),
        ("warn", vec!["latency_budget_exceeded", "phase_budget_exceeded"]),
        "{answer}"
    );
    assert!(answer["latency_ms"]["used"].as_u64().unwrap() > year_ms, "{answer}");
    for shown in ["task show T-1", "report T-1", "task explain T-1"] {
        let text = ground.ok(shown);
        assert!(!text.contains("its latency counts as 0"), "{shown}: {text}");
    }
    // It ends, and its duration is no longer believed: that is shown wherever the duration is.
    let _ = ground.ok("phase end T-1 IMPLEMENT");
    let row = ground.execution("T-1", "IMPLEMENT", 1);
    assert_eq!((&row["latency_ms"], &row["breach_status"]), (&json!(0), &json!("unknown")), "{row}");
    for shown in ["task show T-1", "report T-1", "task explain T-1"] {
        let text = ground.ok(shown);
        assert!(text.contains("s, more than a day: its latency counts as 0"), "{shown}: {text}");
    }
}

fn ec09_each_run_of_a_phase_is_an_attempt_and_totals_are_over_all(ground: &mut Ground) {
    // Rule: backtracking opens a new attempt; totals are over all attempts; another attempt adds usage, never
    // budget.
    let _ = ground.ok("task open T-1");
    through(ground, "T-1", "PLAN", 2_000);
    through(ground, "T-1", "IMPLEMENT", 300);
    assert_eq!(ground.ok("phase start T-1 plan"), "T-1: PLAN started, attempt 2\n");
    let _ = ground.ok("usage record T-1 --phase PLAN --output 1000");
    let _ = ground.ok("usage record T-1 --phase PLAN --attempt 1 --output 7");
    for (attempt, used) in [(1, 2_007), (2, 1_000)] {
        assert_eq!(ground.execution("T-1", "PLAN", attempt)["tokens_used"], used);
    }
    let shown = ground.json("task show T-1");
    assert_eq!((&shown["tokens_used"], &shown["tokens_budget"]["limit"]), (&json!(3_307), &json!(23_400)));
    let _ = ground.ok("usage record T-1 --phase PLAN --output 600");
    let answer = ground.gate("T-1", "IMPLEMENT");
    // 3,607 of 2,400 over both attempts; neither alone is above 1.5.
    assert_eq!(
        codes(&answer),
        ["phase_budget_exceeded"],
        "a phase's limit is for all its attempts: {answer}"
    );
}

fn ec11_when_only_pr_and_monitor_remain_the_token_rule_still_blocks(ground: &mut Ground) {
    // Rule: 125 % is blocked even when only PR and MONITOR remain; below 1.1 they turn blocks of other rules
    // into warnings.
    ground.serve("rollout: enforce\nstop_loss: { per_phase_action: block }\n");
    // The task's tokens, and what the gate says before PR and before completion; REVIEW is far above its own
    // limit.
    for (task, tokens, says, because) in [
        ("T-125", 29_250, "block", "token_budget_exceeded"),
        ("T-110", 25_740, "block", "phase_budget_exceeded"),
        ("T-109", 25_739, "warn", "nearly_done"),
    ] {
        let _ = ground.ok(&format!("task open {task}"));
        through(ground, task, "REVIEW", 10_000);
        let _ = ground.ok(&format!("usage record {task} --output {}", tokens - 10_000));
        for advance in ["PR", "MONITOR", "completion"] {
            let answer = ground.gate(task, advance);
            assert_eq!(verdict(&answer), says, "{task} to {advance}: {answer}");
            assert!(codes(&answer).contains(&because), "{task} to {advance}: {answer}");
        }
        let answer = ground.gate(task, "REVIEW");
        assert_eq!(verdict(&answer), "block", "before REVIEW it is not nearly done: {answer}");
    }
    // Three blocks by the token rule, one remediation, for people: it is itself never blocked. No other block
    // opens one.
    let opened = ground.wait_for("FIX-BUDGET-BREACH-T-125", "task_opened");
    assert_eq!(opened["task_opened"]["labels"]["remediates"], "T-125", "{opened}");
    assert_eq!(opened["producer"], "tollgate");
    let _ = ground.ok("usage record FIX-BUDGET-BREACH-T-125 --output 900000");
    let answer = ground.gate("FIX-BUDGET-BREACH-T-125", "MONITOR");
    assert_eq!((verdict(&answer), codes(&answer).last()), ("warn", Some(&"tracking_only")), "{answer}");
    ground.stop();
    ground.start(crate::ground::EVIDENCE);
    let list = ground.json("task list");
    let tasks: Vec<_> =
        list["tasks"].as_array().unwrap().iter().map(|task| task["task"].as_str().unwrap()).collect();
    assert_eq!(tasks, ["FIX-BUDGET-BREACH-T-125", "T-109", "T-110", "T-125"]);
}
