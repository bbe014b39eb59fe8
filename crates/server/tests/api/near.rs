//! Tasks and sessions near the limit that each of them has for itself.

use serde_json::{Value, json};
use tollgate_server::nats::BudgetService;

use crate::budgets::set_policy;
use crate::support::Service;

async fn uses(service: &Service, task: &str, session: Option<&str>, output: u64) {
    let labels = session.map_or_else(|| json!({}), |session| json!({"session": session}));
    let usage = json!({"model": "gpt-5", "labels": labels, "tokens": {"output": output}});
    let id = format!("u-{task}-{output}");
    let (status, answer) = service.append(json!([{"id": id, "task": task, "usage_recorded": usage}])).await;
    assert_eq!(status, 201, "{answer}");
}

/// Those that the policy names, with what they spent, what is reserved, and the level.
fn near(policy: &Value) -> Vec<String> {
    let of = |near: &Value| {
        let [booked, reserved] = ["booked", "reserved"].map(|what| near[what]["tokens"].clone());
        format!("{} {booked}+{reserved} {}", near["of"], near["level"]).replace('"', "")
    };
    policy["near"].as_array().into_iter().flatten().map(of).collect()
}

#[tokio::test]
async fn a_policy_of_each_task_names_those_that_reached_a_threshold() {
    let service = Service::new().await;
    let each = json!({"window": "per_task", "limit_tokens": 100, "enforcement": "hard_limit"});
    let set = set_policy(&service, "each", each).await;
    assert_eq!(near(&set), [""; 0]);
    for (task, output) in [("T-1", 10), ("T-2", 85), ("T-3", 120), ("T-4", 96), ("T-5", 99), ("T-8", 150)] {
        uses(&service, task, None, output).await;
    }
    // One that has only reserved, and one that has used a part of what it reserved.
    for (task, tokens) in [("T-6", 97), ("T-7", 80)] {
        let request = json!({"allocation": task, "task": task, "tokens": tokens});
        let (_, made) = service.post("/v1/allocations", request).await;
        assert_eq!(made["state"], "open", "{made}");
    }
    let usage = json!({"allocation": "T-7", "tokens": {"output": 30}});
    service.append(json!([{"id": "u-7", "task": "T-7", "usage_recorded": usage}])).await;
    let (_, shown) = service.get("/v1/policies/each?at_least=tail").await;
    let expected = [
        "T-8 150+0 exhausted",
        "T-3 120+0 exhausted",
        "T-5 99+0 action",
        "T-6 0+97 action",
        "T-4 96+0 action",
        "T-2 85+0 warning",
        "T-7 30+50 warning",
    ];
    assert_eq!((near(&shown), shown.get("near_is_partial")), (expected.map(str::to_owned).to_vec(), None));
    assert_eq!(shown["near"][0]["limit"], json!({"tokens": 100}), "{shown}");
    let asked = br#"{"name": "each", "at_least": "tail"}"#;
    let answer = BudgetService::answer(&service.ledger, "policy", asked).await.unwrap();
    assert_eq!(serde_json::from_slice::<Value>(&answer).unwrap()["near"], shown["near"]);
    // A raise counts, a moment of the past has none, and one that does not rule names nobody.
    let raise = json!({"tokens": 100, "until": "2026-12-24", "author": "ada", "reason": "a hard week"});
    let (status, raised) = service.post("/v1/policies/each/raise", raise).await;
    assert_eq!(status, 200, "{raised}");
    let (_, shown) = service.get("/v1/policies/each?at_least=tail").await;
    assert_eq!(near(&shown), [""; 0], "{shown}");
    let off = json!({"window": "per_task", "limit_tokens": 1, "enabled": false});
    set_policy(&service, "each", off).await;
    let (_, shown) = service.get("/v1/policies/each?at_least=tail").await;
    assert_eq!(near(&shown), [""; 0], "{shown}");
}

#[tokio::test]
async fn sessions_are_added_up_over_their_tasks() {
    let service = Service::new().await;
    set_policy(&service, "each", json!({"window": "per_session", "limit_tokens": 100})).await;
    for (task, session, output) in
        [("T-1", Some("s"), 60), ("T-2", Some("s"), 35), ("T-3", Some("r"), 60), ("T-4", None, 90)]
    {
        uses(&service, task, session, output).await;
    }
    let (_, shown) = service.get("/v1/policies/each?at_least=tail").await;
    // Usage that names no session is one of its task's name.
    assert_eq!(near(&shown), ["s 95+0 action", "T-4 90+0 warning"], "{shown}");
}

#[tokio::test]
async fn of_many_the_nearest_are_named_and_it_says_whether_others_may_be_nearer() {
    let service = Service::new().await;
    set_policy(&service, "each", json!({"window": "per_task", "limit_tokens": 1000})).await;
    let event = |nth: u64, output: u64| {
        let usage = json!({"model": "gpt-5", "tokens": {"output": output}});
        json!({"id": format!("u-{nth}"), "task": format!("T-{nth}"), "usage_recorded": usage})
    };
    // More than are looked at, of which a few are near: that no other one is nearer is known.
    let mut events: Vec<Value> = (0..300).map(|nth| event(nth, 1 + nth)).collect();
    events.extend((300..330).map(|nth| event(nth, 500 + nth)));
    service.append(json!(events)).await;
    let (_, shown) = service.get("/v1/policies/each?at_least=tail").await;
    let expected: Vec<String> =
        (310..330).rev().map(|nth| format!("T-{nth} {}+0 warning", 500 + nth)).collect();
    assert_eq!((near(&shown), shown.get("near_is_partial")), (expected, None));
    // All of those are near: there may be others.
    let events: Vec<Value> = (400..700).map(|nth| event(nth, 1000)).collect();
    service.append(json!(events)).await;
    let (_, shown) = service.get("/v1/policies/each?at_least=tail").await;
    assert_eq!((near(&shown).len(), &shown["near_is_partial"]), (20, &json!(true)), "{shown}");
}

#[tokio::test]
async fn those_near_a_raised_limit_are_the_nearest_by_that() {
    let service = Service::new().await;
    let each = json!({"window": "per_task", "limit_tokens": 1000, "limit_usd": "0.001"});
    set_policy(&service, "each", each).await;
    let raise = json!({"tokens": 1_000_000, "until": "2026-12-24", "author": "ada", "reason": "a hard week"});
    let (status, raised) = service.post("/v1/policies/each/raise", raise).await;
    assert_eq!(status, 200, "{raised}");
    // Many tasks spent much of the limit of tokens as it was; a few spent much of that of money.
    let event = |task: String, model: &str, output: u64| {
        let usage = json!({"model": model, "tokens": {"output": output}});
        json!({"id": "u", "task": task, "usage_recorded": usage})
    };
    let mut events: Vec<Value> = (0..300).map(|nth| event(format!("M-{nth}"), "gpt-5-nano", 980)).collect();
    events.extend((0..3).map(|nth| event(format!("T-{nth}"), "gpt-5", 90 + nth)));
    let (status, answer) = service.append(json!(events)).await;
    assert_eq!(status, 201, "{answer}");
    let (_, shown) = service.get("/v1/policies/each?at_least=tail").await;
    let expected = ["T-2 92+0 warning", "T-1 91+0 warning", "T-0 90+0 warning"];
    let found = (near(&shown), shown.get("near_is_partial"));
    assert_eq!(found, (expected.map(str::to_owned).to_vec(), None), "{shown}");
}
