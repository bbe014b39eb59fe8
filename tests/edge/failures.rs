//! Failure scenarios: what prevents each of them.

use crate::ground::{Ground, codes, over_each_log, verdict};

over_each_log!(pm1_rollout_and_switches_keep_wrong_budgets_from_starving_tasks);

/// A task far above its budget.
fn runaway(ground: &Ground, task: &str, importance: &str) {
    let _ = ground.ok(&format!("task open {task} --importance {importance} --justification x"));
    let _ = ground.ok(&format!("usage record {task} --output 200000"));
}

fn pm1_rollout_and_switches_keep_wrong_budgets_from_starving_tasks(ground: &mut Ground) {
    // Rule: budgets that are wrong must not stop work: observe first, enforce in steps, scale at once, switch off at once.
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
    // The fast escape hatch: one factor for all limits of a task.
    let _ = ground.ok("task open T-scaled --importance high --justification x --multiplier 10");
    let _ = ground.ok("usage record T-scaled --output 200000");
    assert_eq!(verdict(&ground.gate("T-scaled", "IMPLEMENT")), "allow");
    // The kill switch from outside, for a command that is its own ledger: no config is needed.
    let place = ground.place();
    let _ = place.ok("--data own --config config.yaml task open T-1");
    let _ = place.ok("--data own --config config.yaml usage record T-1 --output 200000");
    let gate = ["--data", "own", "--config", "config.yaml", "--format", "json", "gate", "T-1", "IMPLEMENT"];
    let mut command = place.command(&gate);
    assert_eq!(command.output().unwrap().status.code(), Some(5));
    let output = command.env("DISABLE_BUDGET_ENFORCEMENT", "1").output().unwrap();
    assert_eq!(output.status.code(), Some(0));
    assert!(String::from_utf8(output.stdout).unwrap().contains("stop_loss_disabled"));
}
