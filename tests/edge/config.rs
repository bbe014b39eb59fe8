//! Edge cases of the config, and of a task's own description.

use serde_json::json;
use tollgate_domain::config::DEFAULT_CONFIG;

use crate::ground::{CONFIG, Ground, over_each_log, verdict};

over_each_log!(
    ec01_a_multiplier_that_is_zero_or_negative_is_refused,
    ec02_a_phase_without_base_budget_is_refused,
    ec03_a_multiplier_above_ten_is_refused_and_an_override_may_go_beyond,
    ec13_a_config_that_shrinks_leaves_open_tasks_their_limits,
    ec16_a_config_edited_in_mid_task_does_not_move_its_thresholds,
    ec17_an_override_of_the_wrong_type_refuses_the_task,
);

/// The check names the problem; a server that starts with it uses the defaults, says so, and records it.
fn refused_at_start(ground: &mut Ground, config: &str, says: &str) {
    ground.serve_refused(config);
    let check = ground.place().fails(6, &format!("--config {CONFIG} config check"));
    assert!(check.contains(says), "must say: {says}\nsays: {check}");
    let opened = ground.json("limits --complexity Tiny --importance low");
    assert_eq!(opened["total_tokens"], 8190, "the defaults are in force: {opened}");
    let (_, health) = ground.get("/v1/health");
    assert!(health.contains("is not used, rollout enforce"), "{health}");
    ground.append(&[json!({"id": says, "task": "T-first", "usage_recorded": {"tokens": {"output": 1}}})]);
    let rejected = ground.recorded("config_rejected");
    let named = rejected.iter().any(|event| event["problems"].to_string().contains(says));
    assert!(named, "an event names {says}: {rejected:?}");
}

/// The check names the problem; a server told to reload it keeps its config, says so, and records it.
fn refused_on_reload(ground: &mut Ground, config: &str, says: &str) {
    ground.serve("rollout: enforce\ncomplexity_multipliers: { Tiny: 0.4 }\n");
    ground.write_config(config);
    for _ in 0..2 {
        let told = ground.fails(3, "config reload");
        assert!(told.contains(says) && told.contains("the one in force stays"), "{told}");
    }
    let limits = ground.json("limits --complexity Tiny --importance low");
    assert_eq!(limits["total_tokens"], 6552, "the config in force stays: {limits}");
    let (_, health) = ground.get("/v1/health");
    assert!(health.contains(says), "{health}");
    let rejected = ground.recorded("config_rejected");
    let last = rejected.last().unwrap();
    assert!(last["problems"].to_string().contains(says), "an event names {says}: {last}");
    assert_eq!(last["config_hash"], limits["config_hash"], "and the config that stays");
    // Once fixed, it comes into force, and the warning ends.
    ground.write_config("rollout: enforce\n");
    let _ = ground.ok("config reload");
    assert_eq!(ground.json("limits --complexity Tiny --importance low")["total_tokens"], 8190);
    assert!(!ground.get("/v1/health").1.contains(says));
}

fn ec01_a_multiplier_that_is_zero_or_negative_is_refused(ground: &mut Ground) {
    // Rule: a multiplier ≤ 0 is rejected by name at load; at start the defaults are used, with an event.
    for (config, says) in [
        (
            "complexity_multipliers: { Tiny: 0 }\n",
            "complexity_multipliers.Tiny: `0`: must be above 0 and at most 10",
        ),
        (
            "importance_multipliers: { low: -1 }\n",
            "importance_multipliers.low: `-1`: must be above 0 and at most 10",
        ),
        (
            &DEFAULT_CONFIG.replace("THINK: 1.5", "THINK: -1.5"),
            "phase_weights.THINK: `-1.5`: must be above 0",
        ),
    ] {
        refused_at_start(ground, config, says);
        refused_on_reload(ground, config, says);
    }
}

fn ec02_a_phase_without_base_budget_is_refused(ground: &mut Ground) {
    // Rule: `missing base budget for phase MONITOR`; the defaults are used, with an event.
    let base = "  MONITOR: { tokens: 1000, latency_ms: 20000 }\n";
    assert!(DEFAULT_CONFIG.contains(base));
    let (config, says) = (DEFAULT_CONFIG.replace(base, ""), "missing base budget for phase MONITOR");
    refused_at_start(ground, &config, says);
    refused_on_reload(ground, &config, says);
}

fn ec03_a_multiplier_above_ten_is_refused_and_an_override_may_go_beyond(ground: &mut Ground) {
    // Rule: a multiplier > 10 is rejected; a task's override may exceed what multipliers could give.
    let says = "complexity_multipliers.Large: `10.5`: must be above 0 and at most 10";
    refused_at_start(ground, "complexity_multipliers: { Large: 10.5 }\n", says);
    ground.serve("complexity_multipliers: { Large: 10 }\n");
    assert_eq!(ground.json("limits --complexity Large")["total_tokens"], 234_000, "ten itself is allowed");
    let told = ground.fails(3, "task open T-1 --multiplier 10.5");
    assert!(told.contains("10.5") && told.contains("at most 10"), "{told}");
    // 4000 × 10 × 10 × 10 × 10 is the most that multipliers could ever give to THINK.
    let _ = ground.ok("task open T-1 --limit THINK=40000001");
    assert_eq!(ground.execution("T-1", "THINK", 0)["tokens_limit"], 40_000_001);
}

/// Half of everything.
const SHRUNK: &str = "rollout: enforce\ncomplexity_multipliers: { Medium: 0.5 }\n";

fn ec13_a_config_that_shrinks_leaves_open_tasks_their_limits(ground: &mut Ground) {
    // Rule: a task keeps the limits it was opened with, however the config changes while it runs.
    let _ = ground.ok("task open T-1");
    let before = ground.json("report T-1");
    ground.serve(SHRUNK);
    let _ = ground.ok("task open T-2");
    let _ = ground.ok("usage record T-1 --output 18000");
    let _ = ground.ok("usage record T-2 --output 18000");
    for (task, limit, verdict_is) in [("T-1", 23_400, "allow"), ("T-2", 11_700, "block")] {
        let answer = ground.gate(task, "VERIFY");
        assert_eq!((&answer["tokens"]["limit"], verdict(&answer)), (&json!(limit), verdict_is), "{answer}");
    }
    let after = ground.json("report T-1");
    for part in ["calculation", "config_hash"] {
        assert_eq!(before[part], after[part], "{part} is that of the opening");
    }
    assert_ne!(after["config_hash"], ground.json("report T-2")["config_hash"]);
}

fn ec16_a_config_edited_in_mid_task_does_not_move_its_thresholds(ground: &mut Ground) {
    // Rule: limits, thresholds and levels are a snapshot taken at the opening; switches act at once; a reload
    // is an event.
    let _ = ground.ok("task open T-1");
    let _ = ground.ok("usage record T-1 --output 26000");
    assert_eq!(verdict(&ground.gate("T-1", "REVIEW")), "warn", "111 % is below the 1.2 of the opening");
    let hashes = |ground: &Ground| {
        let loaded = ground.recorded("config_loaded");
        loaded.iter().map(|event| event["config_hash"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    let first = hashes(ground);
    ground.write_config("rollout: enforce\nstop_loss: { cumulative_token_threshold: 1.05 }\n");
    assert_eq!(verdict(&ground.gate("T-1", "REVIEW")), "warn", "a file that nobody read moves nothing");
    let answer = ground.json("config reload");
    assert_eq!((&answer["changed"], &answer["previous_hash"]), (&json!(true), &json!(first.last())));
    assert_eq!(ground.json("config reload")["changed"], false, "read again, it is the same");
    let _ = ground.ok("task open T-2");
    let _ = ground.ok("usage record T-2 --output 26000");
    assert_eq!(verdict(&ground.gate("T-1", "REVIEW")), "warn", "the threshold of the opening holds");
    assert_eq!(verdict(&ground.gate("T-2", "REVIEW")), "block", "a task opened later has the new one");
    let asked = |task: &str| ground.json(&format!("report {task}"))["config_hash"].clone();
    assert_eq!((asked("T-1"), asked("T-2")), (json!(first.last()), answer["config_hash"].clone()));
    ground.write_config("stop_loss: { cumulative_token_threshold: 1.05 }\n");
    let _ = ground.ok("config reload");
    assert_eq!(verdict(&ground.gate("T-2", "REVIEW")), "warn", "rollout acts at once: observe never blocks");
    // Back to the first config: its return into force is a separate event.
    ground.write_config(crate::ground::ENFORCE);
    let _ = ground.ok("config reload");
    let all = hashes(ground);
    assert_eq!(all.len(), first.len() + 3, "{all:?}");
    assert_eq!(all.last(), first.last());
    // SIGHUP goes to the process, and the event is the answer.
    let last = ground.log().last().unwrap()["sequence"].as_u64().unwrap();
    ground.write_config("rollout: enforce_low_medium\n");
    ground.signal("HUP");
    let (_, page) = ground.get(&format!("/v1/log?after={last}&wait_ms=20000"));
    assert!(page.contains("config_loaded") && page.contains("enforce_low_medium"), "{page}");
}

fn ec17_an_override_of_the_wrong_type_refuses_the_task(ground: &mut Ground) {
    // Rule: the task is refused with the field, the value and the expected type, and nothing is recorded.
    let number = "must be a whole number";
    for (given, field, value, says) in [
        (json!("many"), "budget_overrides.think.tokens", "many", number),
        (json!(4000.5), "budget_overrides.think.tokens", "4000.5", number),
        (json!(true), "budget_overrides.think.tokens", "true", number),
        (json!(-5), "budget_overrides.think.tokens", "-5", number),
        (json!([1]), "budget_overrides.think.tokens", "[1]", number),
    ] {
        let body = json!({"task": "T-1", "id": "o", "producer": "test", "budget_overrides": {"think": {"tokens": given}}});
        let (status, answer) = ground.post("/v1/tasks", &body);
        let detail = answer.to_string();
        assert!(matches!(status, 400 | 422), "{status} {detail}");
        for part in [field, value, says] {
            assert!(detail.contains(part), "must say {part}: {detail}");
        }
    }
    let (status, answer) = ground.post(
        "/v1/tasks",
        &json!({"task": "T-1", "id": "o", "producer": "test", "budget_overrides": {"think": 5}}),
    );
    assert!(matches!(status, 400 | 422) && answer.to_string().contains("budget_overrides.think"), "{answer}");
    assert_eq!(ground.get("/v1/tasks/T-1?at_least=tail").0, 404, "nothing was recorded");
    let told = ground.fails(3, "task open T-1 --limit THINK=many");
    assert!(told.contains("PHASE=TOKENS"), "{told}");
}
