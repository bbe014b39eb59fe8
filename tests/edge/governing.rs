//! Failure scenarios that show over many tasks: false positives, gamed importance, shifted token counts.

use serde_json::{Value, json};

use crate::ground::{Ground, over_each_log, verdict};

over_each_log!(pm2_false_positives_are_marked_counted_and_lead_to_a_proposal);

/// Shares say something from four tasks on.
const FEW: &str = "rollout: enforce\nalerts: { min_tasks: 4 }\n";

/// The events of a task that used so many tokens in PLAN on a day, from its opening to the end of the phase; closed where a word says so.
fn task(name: &str, day: &str, importance: &str, tokens: u64, close: Option<&str>) -> Vec<Value> {
    let at = |clock: &str| format!("{day}T{clock}Z");
    let event = |id: &str, clock: &str, kind: &str, body: Value| {
        let mut event = json!({"task": name, "id": id, "occurred_at": at(clock)});
        event[kind] = body;
        event
    };
    let opened = json!({"importance": importance, "justification": "known", "author": "ada"});
    let used = json!({"phase": "PLAN", "tokens": {"output": tokens}});
    let mut events = vec![
        event("open", "08:00:00", "task_opened", opened),
        event("start", "08:00:00", "phase_started", json!({"phase": "PLAN"})),
        event("use", "08:00:10", "usage_recorded", used),
        event("end", "08:00:30", "phase_ended", json!({"phase": "PLAN"})),
    ];
    events
        .extend(close.map(|outcome| event("close", "08:01:00", "task_closed", json!({"outcome": outcome}))));
    events
}

fn pm2_false_positives_are_marked_counted_and_lead_to_a_proposal(ground: &mut Ground) {
    // Rule: whether a block was right is asked of people; the rate per tier is a view, and too many lead to a proposal with its numbers.
    ground.serve(FEW);
    for nth in 0..5 {
        let _ = ground.append(&task(&format!("T-{nth}"), "2026-11-17", "medium", 16_000, Some("completed")));
    }
    // A Medium/medium task has 23,400 tokens.
    for (name, tokens) in [("B-1", 36_000), ("B-2", 90_000), ("B-3", 40_000)] {
        let _ = ground.append(&task(name, "2026-11-18", "medium", tokens, None));
        assert_eq!(verdict(&ground.gate(name, "VERIFY")), "block");
    }
    let refused = ground.fails(3, "task mark T-1 legitimate --author grace --reason looked");
    assert!(refused.contains("neither warned of the task nor blocked it"), "{refused}");
    let marked = ground.ok("task mark B-1 legitimate --author grace --reason schema --id m1");
    assert_eq!(marked, "B-1: legitimate, says grace\n");
    let again = ground.ok("task mark B-1 legitimate --author grace --reason schema --id m1");
    assert!(again.contains("it was there already"), "{again}");
    let (status, answer) = ground.post(
        "/v1/tasks/B-2/mark",
        &json!({"producer": "c", "id": "m", "mark": "runaway", "author": "a", "reason": "loop"}),
    );
    assert_eq!(status, 201, "{answer}");
    // Closed tasks are no longer shown as blocked; the mark stays.
    for name in ["B-1", "B-2", "B-3"] {
        let _ = ground.ok(&format!("task close {name} --outcome cancelled --at 2026-11-18T09:00:00Z"));
    }
    let text = ground.ok("health budgets");
    insta::assert_snapshot!("health_budgets", text);
    let health = ground.json("--format json health budgets");
    assert_eq!(health["weeks"], json!(["2026-11-16"]));
    assert_eq!(health["by_tier"][0]["unmarked"], 1, "{health}");
    // The same without a server: in this process, or over NATS from its projectors.
    ground.stop();
    let flags = ground.log_flags().join(" ");
    assert_eq!(ground.place().ok(&format!("{flags} --config config.yaml health budgets")), text);
}
