//! Corrections: limited to what is left of the usage, priced against it, and never silent when they take too
//! much.

use serde_json::{Value, json};

use crate::support::{Service, usage};

fn adjust(task: &str, id: &str, usage: &str, output: i64) -> Value {
    json!({"id": id, "task": task, "usage_adjusted": {
        "adjusts": usage, "tokens": {"output": output}, "reason": "counted twice", "author": "mallory"}})
}

async fn task(service: &Service, task: &str, answer: &Value) -> Value {
    let position = answer["position"].as_str().unwrap();
    service.get(&format!("/v1/tasks/{task}?at_least={position}")).await.1
}

async fn alerts(service: &Service, rule: &str, answer: &Value) -> Vec<String> {
    let position = answer["position"].as_str().unwrap();
    let found = service.get(&format!("/v1/alerts?rule={rule}&at_least={position}")).await.1;
    let list = found["alerts"].as_array().unwrap_or_else(|| panic!("{found}"));
    let line = |alert: &Value| {
        let text = |name: &str| alert[name].as_str().unwrap().to_owned();
        format!("{}: {}", text("severity"), text("message"))
    };
    list.iter().map(line).collect()
}

#[tokio::test]
async fn a_correction_takes_no_more_than_is_left_and_says_so() {
    let service = Service::new().await;
    service.open("T-1").await;
    // Each step: a correction of output, the warning, the tokens and the cost (10 USD a million) after it.
    let _ = service.append(json!([usage("T-1", "u", "PLAN", 1_000_000), usage("T-1", "v", "PLAN", 7)])).await;
    let steps = [
        (-400_000, None, 600_007, "6.00007"),
        (-600_001, Some("removes 1 more tokens of output than the 600,000 left"), 7, "0.00007"),
        (-1_000_000_000_000, Some("more tokens of output than the 0 left"), 7, "0.00007"),
        (50, None, 57, "0.00057"),
        (-50, None, 7, "0.00007"),
    ];
    let mut last = Value::Null;
    for (number, (output, warning, tokens, cost)) in steps.into_iter().enumerate() {
        let correction = adjust("T-1", &format!("a{number}"), "u", output);
        let (status, answer) = service.append(json!([correction])).await;
        assert_eq!(status, 201, "{answer}");
        let warnings = answer["outcomes"][0]["warnings"].to_string();
        assert_eq!(warnings.contains("more tokens of"), warning.is_some(), "{output}: {warnings}");
        assert!(warnings.contains(warning.unwrap_or_default()), "{output}: {warnings}");
        // A retry is the same event, not a second correction.
        let (_, again) = service.append(json!([correction])).await;
        assert_eq!(again["outcomes"][0]["outcome"], "duplicate", "{again}");
        assert!(!again["outcomes"][0]["warnings"].to_string().contains("more tokens of"), "{again}");
        let shown = task(&service, "T-1", &answer).await;
        assert_eq!(
            (&shown["tokens"]["total"], &shown["cost_usd"]),
            (&json!(tokens), &json!(cost)),
            "{output}"
        );
        last = answer;
    }
    let found = alerts(&service, "over_correction", &last).await;
    assert_eq!(
        found,
        [
            "critical: Task T-1: mallory corrected usage u of producer ci by -1,000,000,000,000 tokens, 1,000,000,000,000 more than \
          were left of it; no more than that was taken away; the reason given: counted twice",
            "critical: Task T-1: mallory corrected usage u of producer ci by -600,001 tokens, 1 more than were left of it; no more \
          than that was taken away; the reason given: counted twice"
        ]
    );
    let report = service.get("/v1/report?at_least=tail").await.1;
    assert_eq!((&report["tokens"]["total"], &report["cost_usd"]), (&json!(7), &json!("0.00007")));
}

#[tokio::test]
async fn each_correction_that_takes_too_much_is_an_alert_of_its_own_until_ten_stand() {
    let service = Service::new().await;
    service.open("T-1").await;
    let _ = service.append(json!([usage("T-1", "u", "", 10)])).await;
    let mut answer = Value::Null;
    for number in 0..12 {
        let mut correction = adjust("T-1", &format!("a{number}"), "u", -100);
        correction["usage_adjusted"]["author"] = json!(format!("author {number}"));
        answer = service.append(json!([correction])).await.1;
        assert_eq!(answer["outcomes"][0]["outcome"], "appended", "{answer}");
    }
    let found = alerts(&service, "over_correction", &answer).await;
    assert_eq!(found.len(), 10, "{found:?}");
    for number in 0..10 {
        let author = format!("Task T-1: author {number} corrected");
        assert_eq!(found.iter().filter(|line| line.contains(&author)).count(), 1, "{found:?}");
    }
}

#[tokio::test]
async fn a_blocked_task_is_not_opened_by_taking_its_usage_below_zero() {
    let config = "rollout:\n  mode: enforce\n";
    let service = Service::with_config(Some(config)).await;
    service.open("T-1").await;
    let events = json!([usage("T-1", "u", "PLAN", 10), usage("T-1", "v", "PLAN", 1_000_000)]);
    let (_, answer) = service.append(events).await;
    assert_eq!(answer["outcomes"][1]["outcome"], "appended", "{answer}");
    let ask = json!({"advance_to": "IMPLEMENT"});
    let verdict = async || service.post("/v1/tasks/T-1/gate", ask.clone()).await.1["verdict"].clone();
    let before = verdict().await;
    let (_, answer) = service.append(json!([adjust("T-1", "a", "u", -1_000_000_000_000)])).await;
    assert_eq!(task(&service, "T-1", &answer).await["tokens"]["total"], 1_000_000);
    assert_eq!(verdict().await, before);
}

#[tokio::test]
async fn usage_and_its_corrections_may_come_in_one_request() {
    let service = Service::new().await;
    service.open("T-1").await;
    // A correction before its usage, one after it, and two that together take too much.
    let (_, answer) = service
        .append(json!([
            adjust("T-1", "a", "u", -400),
            usage("T-1", "u", "", 1000),
            adjust("T-1", "b", "u", -500),
            adjust("T-1", "c", "u", -200),
        ]))
        .await;
    let warned = |nth: usize| answer["outcomes"][nth]["warnings"].to_string();
    assert!(!warned(0).contains("does not have") && !warned(2).contains("more tokens of"), "{answer}");
    assert!(warned(3).contains("removes 100 more tokens of output than the 100"), "{answer}");
    let shown = task(&service, "T-1", &answer).await;
    assert_eq!((&shown["tokens"]["total"], &shown["cost_usd"]), (&json!(0), &json!("0")), "{shown}");
    // The one before its usage took nothing that was not there.
    let found = alerts(&service, "over_correction", &answer).await;
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(found[0].contains("by -200 tokens, 100 more than were left of it"), "{found:?}");
}

/// A mistyped correction takes nothing from the task's totals, the gate's limits and reports.
#[tokio::test]
async fn a_correction_of_unknown_usage_takes_nothing_away_and_says_so() {
    let service = Service::with_config(Some("rollout:\n  mode: enforce\n")).await;
    service.open("T-1").await;
    let _ = service.append(json!([usage("T-1", "u", "PLAN", 1_000_000)])).await;
    let verdict = async || {
        service.post("/v1/tasks/T-1/gate", json!({"advance_to": "IMPLEMENT"})).await.1["verdict"].clone()
    };
    let before = verdict().await;
    assert_eq!(before, "warn", "it is above its limit");
    let mut shift = adjust("T-1", "b", "nobody", -300);
    shift["usage_adjusted"]["tokens"] = json!({"output": -300, "cached_input": 20});
    let (status, answer) = service.append(json!([adjust("T-1", "a", "nobody", -999_999), shift])).await;
    assert_eq!(status, 201, "{answer}");
    let warned = |nth: usize| answer["outcomes"][nth]["warnings"].to_string();
    assert!(warned(0).contains("does not have: nothing is taken away until that is recorded"), "{answer}");
    assert!(warned(1).contains("what it adds counts in the task's totals only"), "{answer}");
    // What it adds may well have been used.
    let shown = task(&service, "T-1", &answer).await;
    assert_eq!((&shown["tokens"]["total"], &shown["cost_usd"]), (&json!(1_000_020), &json!("10")), "{shown}");
    assert_eq!(verdict().await, before);
    let report = service.get("/v1/report?at_least=tail").await.1;
    assert_eq!(
        (&report["tokens"]["total"], &report["cost_usd"]),
        (&json!(1_000_020), &json!("10")),
        "{report}"
    );
    let found = alerts(&service, "over_correction", &answer).await;
    assert_eq!(found.len(), 2, "{found:?}");
    let expected = "mallory corrected usage nobody of producer ci by -999,999 tokens, which the task does not have; nothing is taken \
                    away until it is recorded; the reason given: counted twice";
    assert!(found.iter().any(|line| line.contains(expected)), "{found:?}");
}

/// Of several producers the correction may arrive first: it applies once its usage comes, and at the price of that.
#[tokio::test]
async fn a_correction_before_its_usage_applies_once_that_comes() {
    let service = Service::new().await;
    service.open("T-1").await;
    let apply =
        async |service: &Service| service.ledger.write().apply_early_corrections(&mut None).await.unwrap();
    // The last takes what the two before it left.
    let early = [("a", -400), ("b", 30), ("c", -9_000)].map(|(id, output)| adjust("T-1", id, "u", output));
    let (_, answer) = service.append(json!(early)).await;
    assert_eq!(task(&service, "T-1", &answer).await["tokens"]["total"], 30);
    assert_eq!(apply(&service).await, 0, "its usage is not there");
    let (_, answer) = service.append(json!([usage("T-1", "v", "PLAN", 7)])).await;
    assert_eq!((apply(&service).await, answer["outcomes"][0]["outcome"].as_str()), (0, Some("appended")));
    let _ = service.append(json!([usage("T-1", "u", "PLAN", 1_000)])).await;
    assert_eq!(apply(&service).await, 2);
    assert_eq!(apply(&service).await, 0, "each is applied once");
    let answer = json!({"position": "tail"});
    let shown = task(&service, "T-1", &answer).await;
    assert_eq!((&shown["tokens"]["total"], &shown["cost_usd"]), (&json!(37), &json!("0.00007")), "{shown}");
    let listed = service.get("/v1/usage?task=T-1").await.1;
    let rows = listed["records"].as_array().unwrap_or_else(|| panic!("{listed}"));
    let of = |row: &Value| (row["adjusts"].clone(), row["tokens"]["total"].clone(), row["producer"].clone());
    let rows: Vec<_> = rows.iter().map(of).filter(|(adjusts, ..)| adjusts == "u").collect();
    assert!(rows.contains(&(json!("u"), json!(-400), json!("tollgate"))), "{rows:?}");
    assert!(rows.contains(&(json!("u"), json!(-600), json!("tollgate"))), "{rows:?}");
    // Sent again, it is what it was: known.
    let (_, again) = service.append(json!([early[0]])).await;
    assert_eq!(again["outcomes"][0]["outcome"], "duplicate", "{again}");
}

/// A client that leaves in the middle of an answer knows only about how much it used; the provider says it exactly.
#[tokio::test]
async fn failure_14_a_provisional_record_is_superseded_by_what_was_really_used() {
    let service = Service::new().await;
    service.open("T-1").await;
    let made = json!({"allocation": "call", "task": "T-1", "model": "gpt-5", "tokens": 50_000});
    assert_eq!(service.post("/v1/allocations", made).await.1["state"], "open");
    let mut provisional = usage("T-1", "u", "PLAN", 1000);
    provisional["usage_recorded"]["estimated"] = json!(true);
    provisional["usage_recorded"]["allocation"] = json!("call");
    service.append(json!([provisional])).await;
    // It was sent again when the client came back, and then the provider said what it was.
    let (_, answer) = service.append(json!([provisional, adjust("T-1", "settled", "u", 430)])).await;
    let shown = task(&service, "T-1", &answer).await;
    assert_eq!((&shown["tokens"]["total"], &shown["cost_usd"]), (&json!(1430), &json!("0.0143")), "{shown}");
    let (_, call) = service.get("/v1/allocations/call?at_least=tail").await;
    assert_eq!(
        (&call["used"]["tokens"], &call["remaining"]["tokens"]),
        (&json!(1430), &json!(48_570)),
        "{call}"
    );
    let (_, released) = service.post("/v1/allocations/call/release", json!({})).await;
    assert_eq!(released["released"]["tokens"], 48_570, "{released}");
}
