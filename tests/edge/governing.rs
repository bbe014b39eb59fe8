//! Failure scenarios that show over many tasks: false positives, gamed importance, shifted token counts.

use serde_json::{Value, json};
use tollgate_domain::config::Rollout;
use tollgate_domain::event::{EventBody, LedgerEvent, TransitionsMeasured};
use tollgate_domain::time::Timestamp;

use crate::ground::{ENFORCE, Ground, codes, over_each_log, verdict};

over_each_log!(
    ec23_a_shift_of_token_counts_raises_an_alert_that_leads_to_the_guide,
    pm1_more_than_a_tenth_of_tasks_stopped_is_told,
    pm2_false_positives_are_marked_counted_and_lead_to_a_proposal,
    pm3_transitions_that_are_slow_for_long_switch_enforcement_off_until_a_person_resets,
    pm5_savings_are_measured_against_a_baseline_and_not_claimed_without,
    pm5_the_report_of_savings_says_what_is_known_and_what_is_assumed,
    pm6_importance_that_is_gamed_shows,
);

/// Shares are meaningful from four tasks on.
const FEW: &str = "rollout: enforce\nalerts: { min_tasks: 4 }\n";

/// The events of a task that used this many tokens in PLAN on a given day, from its opening to the end of the
/// phase; closed if a word says so.
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
    // Rule: people are asked whether a block was right; the rate per tier is a view, and too many false ones
    // lead to a proposal with its numbers.
    ground.serve(FEW);
    for nth in 0..5 {
        let _ = ground.append(&task(&format!("T-{nth}"), "2026-11-17", "medium", 16_000, Some("completed")));
    }
    // A Medium/medium task has 23,400 tokens.
    for (name, tokens) in [("B-1", 36_000), ("B-2", 90_000), ("B-3", 40_000)] {
        let _ = ground.append(&task(name, "2026-11-18", "medium", tokens, None));
        assert_eq!(verdict(&ground.gate(name, "VERIFY")), "block");
    }
    let refused = ground.fails(3, "task mark T-99 legitimate --author grace --reason looked");
    assert!(refused.contains("the ledger has no event of this task"), "{refused}");
    // One that no gate stopped is no part of the rate.
    let _ = ground.ok("task mark T-1 legitimate --author grace --reason looked");
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

/// Waits until an alert of a rule is raised; returns its message.
#[track_caller]
fn raised(ground: &Ground, rule: &str) -> Value {
    let mut after = 0;
    loop {
        let (status, text) = ground.get(&format!("/v1/alerts/changes?after={after}&wait_ms=10000"));
        let page: Value = serde_json::from_str(&text).unwrap();
        let changes = page["changes"].as_array().unwrap();
        assert!(status == 200 && !changes.is_empty(), "no alert `{rule}` in time: {text}");
        let found =
            changes.iter().find(|change| change["alert"]["rule"] == rule && change["change"] == "raised");
        if let Some(found) = found {
            return found["alert"].clone();
        }
        after = page["last"].as_u64().unwrap();
    }
}

/// The row of a figure.
fn figure(ground: &Ground, name: &str) -> Value {
    let health = ground.json("--format json health budgets");
    let rows = health["figures"].as_array().unwrap();
    rows.iter().find(|row| row["figure"] == name).unwrap_or_else(|| panic!("no {name} in {health}")).clone()
}

/// This many completed tasks on a given day.
fn completed(ground: &Ground, prefix: &str, count: usize, day: &str, tokens: u64) {
    for nth in 0..count {
        let _ = ground.append(&task(&format!("{prefix}-{nth}"), day, "medium", tokens, Some("completed")));
    }
}

fn ec23_a_shift_of_token_counts_raises_an_alert_that_leads_to_the_guide(ground: &mut Ground) {
    // Rule: if the p50 of a week moves by more than 20 % against the week before, tokens may be counted
    // differently.
    completed(ground, "A", 4, "2026-11-10", 10_000);
    completed(ground, "B", 4, "2026-11-17", 12_000);
    ground.serve(FEW);
    assert_eq!(figure(ground, "token_trend")["verdict"], "ok", "20 % is not more than 20 %");
    completed(ground, "C", 5, "2026-11-17", 14_000);
    // A server checks at startup, and every minute.
    ground.serve(FEW);
    let alert = raised(ground, "token_trend");
    assert_eq!(
        alert["message"],
        "Token counts shifted: the p50 of completed tasks rose by 40 % in the week of 2026-11-16, from 10,000 to 14,000. A provider may \
         count in another way: see docs/guides/recalibrate.md"
    );
    assert_eq!(figure(ground, "token_trend")["verdict"], "bad");
}

fn pm1_more_than_a_tenth_of_tasks_stopped_is_told(ground: &mut Ground) {
    // Rule: budgets that stop more than a tenth of the tasks starve the work, and that is reported.
    completed(ground, "A", 9, "2026-11-17", 10_000);
    for (nth, told) in [(1, "ok"), (2, "bad")] {
        let name = format!("B-{nth}");
        let _ = ground.append(&task(&name, "2026-11-18", "medium", 90_000, None));
        ground.serve(FEW);
        assert_eq!(verdict(&ground.gate(&name, "VERIFY")), "block");
        assert_eq!(figure(ground, "tasks_stopped")["verdict"], told);
    }
    ground.serve(FEW);
    let alert = raised(ground, "stopped_share");
    let message = alert["message"].as_str().unwrap();
    assert!(message.contains("2 of 11 (18.18 %)") && message.contains("rollout: observe"), "{message}");
    // Recovery is reported too.
    completed(ground, "C", 9, "2026-11-18", 10_000);
    ground.serve(FEW);
    let id = alert["id"].as_str().unwrap();
    let mut after = 0;
    loop {
        let (_, text) = ground.get(&format!("/v1/alerts/changes?after={after}&wait_ms=10000"));
        let page: Value = serde_json::from_str(&text).unwrap();
        let changes = page["changes"].as_array().unwrap();
        assert!(!changes.is_empty(), "it did not end in time: {text}");
        if changes.iter().any(|change| change["alert"]["id"] == id && change["change"] == "resolved") {
            break;
        }
        after = page["last"].as_u64().unwrap();
    }
}

/// What a server measured every minute from a given time on.
fn minutes(from: &str, count: i64, p95_us: u64, rollout: Rollout) -> Vec<(Timestamp, EventBody)> {
    let from: Timestamp = from.parse().unwrap();
    let measured = TransitionsMeasured {
        span_ms: 60_000,
        transitions: 50,
        p50_us: p95_us / 2,
        p95_us,
        longest_us: p95_us,
        rollout,
    };
    (1..=count)
        .map(|nth| {
            (from.plus_millis(nth * 60_000), EventBody::Ledger(LedgerEvent::TransitionsMeasured(measured)))
        })
        .collect()
}

fn pm3_transitions_that_are_slow_for_long_switch_enforcement_off_until_a_person_resets(ground: &mut Ground) {
    // Rule: transitions slower than 200 % of the baseline for 10 minutes switch enforcement off, with a
    // critical alert and an event; a person switches it back on.
    let _ = ground.ok("task open T-1");
    let _ = ground.ok("usage record T-1 --output 200000");
    assert_eq!(verdict(&ground.gate("T-1", "IMPLEMENT")), "block");
    assert!(ground.fails(3, "breaker reset --by ada --reason x").contains("it is closed"));
    ground.stop();
    ground.append_own(minutes("2026-11-20T08:00:00Z", 3, 10_000, Rollout::Observe));
    ground.append_own(minutes("2026-11-20T09:00:00Z", 10, 20_001, Rollout::Enforce));
    ground.serve(ENFORCE);
    let alert = raised(ground, "breaker");
    assert_eq!((&alert["severity"], &alert["task"]), (&json!("critical"), &json!("_ledger")));
    let answer = ground.gate("T-1", "IMPLEMENT");
    assert_eq!((verdict(&answer), codes(&answer).last()), ("warn", Some(&"breaker_open")), "{answer}");
    assert_eq!(answer["ruled"], "block");
    let health = figure(ground, "transitions_p95");
    assert_eq!((&health["verdict"], &health["value"]), (&json!("bad"), &json!("200.01 % of the baseline")));
    assert!(ground.ok("breaker show").starts_with("open: nothing is blocked"));
    // It stays open across a restart, until a person resets it, with a name and a reason, which are in the
    // log.
    ground.serve(ENFORCE);
    assert_eq!(codes(&ground.gate("T-1", "IMPLEMENT")).last(), Some(&"breaker_open"));
    let _ = ground.ok("breaker reset --by ada --reason disk");
    assert_eq!(verdict(&ground.gate("T-1", "IMPLEMENT")), "block", "at once");
    let reset = ground.recorded("alert_acknowledged");
    assert_eq!((&reset[0]["by"], &reset[0]["note"]), (&json!("ada"), &json!("disk")));
    ground.serve(ENFORCE);
    assert_eq!(
        verdict(&ground.gate("T-1", "IMPLEMENT")),
        "block",
        "what was slow before the reset counts no more"
    );
}

fn pm5_savings_are_measured_against_a_baseline_and_not_claimed_without(ground: &mut Ground) {
    // Rule: savings are measured against the first two weeks, and four weeks later at the earliest; no saving
    // is reported too.
    ground.serve(FEW);
    completed(ground, "A", 4, "2026-10-06", 10_000);
    let early = figure(ground, "tokens_p50");
    assert_eq!(early["verdict"], "not enough data", "{early}");
    completed(ground, "B", 4, "2026-11-17", 10_400);
    let none = figure(ground, "tokens_p50");
    assert_eq!(
        (&none["verdict"], &none["value"]),
        (&json!("bad"), &json!("104 % of the baseline")),
        "{none}"
    );
    completed(ground, "C", 5, "2026-11-17", 9_300);
    let saved = figure(ground, "tokens_p50");
    assert_eq!(
        (&saved["verdict"], &saved["value"]),
        (&json!("ok"), &json!("93 % of the baseline")),
        "{saved}"
    );
    assert_eq!(saved["counted"], "p50 9,300 tokens; baseline 10,000 tokens");
}

/// Six tasks of the class that the gate could block, of which it blocked three, and one that it was never
/// asked about.
fn under_enforcement(ground: &mut Ground) {
    ground.serve("rollout: enforce\nalerts: { min_tasks: 3 }\n");
    for nth in 0..3 {
        let name = format!("E-{nth}");
        let _ = ground.append(&task(&name, "2026-11-17", "medium", 9_000 + nth, None));
        assert_ne!(verdict(&ground.gate(&name, "VERIFY")), "block");
        let _ = ground.ok(&format!("task close {name}"));
    }
    completed(ground, "unasked", 1, "2026-11-17", 8_000);
    for (name, mark) in [("R-1", "runaway"), ("L-1", "legitimate"), ("U-1", "")] {
        let _ = ground.append(&task(name, "2026-11-18", "medium", 40_000, None));
        assert_eq!(verdict(&ground.gate(name, "VERIFY")), "block");
        if !mark.is_empty() {
            let _ = ground.ok(&format!("task mark {name} {mark} --author grace --reason looked"));
        }
    }
}

fn pm5_the_report_of_savings_says_what_is_known_and_what_is_assumed(ground: &mut Ground) {
    // Rule: what could not be blocked next to what could, by class; stops by what people say about them;
    // avoided is a range with its assumption, and no number is based on too few tasks.
    let savings = |ground: &Ground| ground.json("--format json report savings");
    ground.serve("rollout: observe\nalerts: { min_tasks: 3 }\n");
    assert_eq!(savings(ground)["classes"], json!([]));
    completed(ground, "B", 2, "2026-10-06", 10_000);
    let few = savings(ground);
    let row = &few["classes"][0];
    assert_eq!(row["baseline"]["lacks"], "not enough data: 2 of at least 3 tasks", "{few}");
    assert_eq!(
        (&row["baseline"]["median_tokens"], &few["avoided"]["tokens_up_to"]),
        (&Value::Null, &Value::Null)
    );
    let told = ground.ok("report savings");
    assert!(told.contains("not enough data: 2 of at least 3 closed tasks of the baseline"), "{told}");
    // One that ran away when nothing could stop it. A Medium/medium task has 23,400 tokens.
    let _ = ground.append(&task("B-runaway", "2026-10-06", "medium", 90_000, None));
    assert_eq!(verdict(&ground.gate("B-runaway", "VERIFY")), "warn");
    let _ = ground.ok("task close B-runaway");
    under_enforcement(ground);
    let found = savings(ground);
    let row = &found["classes"][0];
    assert_eq!((&row["complexity"], &row["importance"]), (&json!("Medium"), &json!("medium")), "{found}");
    let side = |name: &str| {
        let side = &row[name];
        [
            &side["tasks"],
            &side["completed"],
            &side["median_tokens"],
            &side["mean_tokens"],
            &side["unpriced_tasks"],
        ]
        .map(Clone::clone)
    };
    assert_eq!(side("baseline"), [json!(3), json!(3), json!(10_000), json!("36666.66"), json!(3)]);
    assert_eq!(side("enforced"), [json!(6), json!(3), json!(9_010), json!("9001"), json!(3)]);
    assert_eq!(row["median_percent"], "90.1");
    // No price is known: the answer says so, and nothing else suffers.
    assert_eq!(row["baseline"]["lacks"], "not enough data: 0 of at least 3 priced tasks");
    let stopped = &found["stopped"];
    let counts = [
        "tasks",
        "of",
        "legitimate",
        "runaway",
        "unmarked",
        "sunk_tasks",
        "sunk_tokens",
        "sunk_unpriced_tokens",
    ];
    assert_eq!(counts.map(|name| stopped[name].as_u64().unwrap()), [3, 6, 1, 1, 1, 3, 120_000, 120_000]);
    assert_eq!((&stopped["percent"], &stopped["sunk_cost_usd"]), (&json!("50"), &json!("0")));
    let avoided = &found["avoided"];
    assert_eq!(
        [&avoided["tasks"], &avoided["tokens_from"], &avoided["tokens_up_to"]],
        [&json!(1), &json!(0), &json!(50_000)]
    );
    assert_eq!((&avoided["cost_usd_up_to"], &found["left_out_tasks"]), (&Value::Null, &json!(1)));
    assert!(found["assumptions"][0].as_str().unwrap().contains("9 of 10 closed tasks"), "{found}");
    let told = ground.ok("report savings");
    for line in [
        "the enforced median is 90.1 % of the baseline",
        "stopped   3 of 6 (50 %): 1 legitimate, 1 runaway, 1 not marked; 0 completed anyway",
        "avoided   0 to 50,000 tokens, costs are not known, over 1 task marked runaway (an assumption, not a measure)",
    ] {
        assert!(told.contains(line), "{line}: {told}");
    }
    // The same over HTTP, and for a tenant that has nothing: nothing.
    let (status, over_http) = ground.get("/v1/report/savings?at_least=tail");
    let over_http: Value = serde_json::from_str(&over_http).unwrap();
    assert_eq!((status, &over_http["classes"]), (200, &found["classes"]));
    let (_, other) = ground.get("/v1/report/savings?tenant=other&at_least=tail");
    assert_eq!(serde_json::from_str::<Value>(&other).unwrap()["classes"], json!([]));
}

fn pm6_importance_that_is_gamed_shows(ground: &mut Ground) {
    // Rule: critical needs a justification and names its author; raising it later and too many critical tasks
    // raise alerts.
    let said = ground.run("task open T-1 --importance critical");
    assert!(said.code == 0 && said.err.contains("flagged for review"), "{said:?}");
    let alert = raised(ground, "unjustified");
    assert_eq!(
        alert["message"],
        "Task T-1 needs review: opened as critical by producer cli without a justification and without an author"
    );
    let health = ground.json("--format json health budgets");
    assert_eq!(health["unjustified"]["tasks"][0]["task"], "T-1");
    // From low to critical, with who and why.
    let _ = ground.ok("task open T-2 --importance low");
    let _ = ground.ok("task importance T-2 critical --author bob --reason budget");
    let alert = raised(ground, "drift");
    assert_eq!((&alert["level"], &alert["severity"]), (&json!(3), &json!("error")), "{alert}");
    assert!(alert["message"].as_str().unwrap().contains("from low to critical"), "{alert}");
    // And the share of critical tasks.
    let _ = ground.ok("task open T-3");
    let _ = ground.ok("task open T-4");
    ground.serve(FEW);
    let alert = raised(ground, "critical_share");
    assert!(alert["message"].as_str().unwrap().contains("2 of 4 (50 %)"), "{alert}");
    assert_eq!(figure(ground, "critical_share")["verdict"], "bad");
}
