//! Money where the phases are: policies of a phase, and what the gate says about policies.

use serde_json::{Value, json};

use crate::budgets::{set_policy, used};
use crate::support::Service;

/// Usage of this much output of `gpt-5`, at 0.00001 USD a token, in a phase and for a team.
fn spent(id: &str, task: &str, phase: &str, team: Option<&str>, output: u64) -> Value {
    let mut event = used(id, task, None, output);
    event["usage_recorded"]["phase"] = json!(phase);
    if let Some(team) = team {
        event["usage_recorded"]["labels"] = json!({"team": team});
    }
    event
}

async fn gate(service: &Service, task: &str, advance_to: &str, id: &str) -> Value {
    let request = json!({"advance_to": advance_to, "id": id, "wait_ms": 60_000});
    let (status, answer) = service.post(&format!("/v1/tasks/{task}/gate"), request).await;
    assert_eq!(status, 200, "{answer}");
    answer
}

#[tokio::test]
async fn a_policy_of_a_phase_counts_what_is_spent_in_it_by_each_task() {
    let service = Service::new().await;
    let policy = json!({"scope": {"phase": "implement"}, "window": "per_task", "limit_usd": "1", "enforcement": "hard_limit"});
    let made = set_policy(&service, "implementing", policy).await;
    assert_eq!(made["versions"][0]["scope"], json!({"phase": "IMPLEMENT"}), "{made}");
    service
        .append(json!([
            spent("u-1", "T-1", "IMPLEMENT", None, 90_000),
            spent("u-2", "T-1", "VERIFY", None, 500_000),
            spent("u-3", "T-2", "IMPLEMENT", None, 10_000),
        ]))
        .await;
    for (task, phase, allowed, policies) in [
        ("T-1", json!("implement"), false, 1),
        ("T-1", json!("VERIFY"), true, 0),
        ("T-1", Value::Null, true, 0),
        ("T-2", json!("IMPLEMENT"), true, 1),
    ] {
        let asked = json!({"task": task, "phase": phase, "usd": "0.2"});
        let (_, check) = service.post("/v1/check", asked).await;
        let found = check["policies"].as_array().unwrap().len();
        assert_eq!((check["allowed"].as_bool(), found), (Some(allowed), policies), "{task} {phase}: {check}");
    }
    let (_, made) = service
        .post(
            "/v1/allocations",
            json!({"allocation": "a", "task": "T-2", "phase": "implement", "usd": "0.5"}),
        )
        .await;
    assert_eq!((&made["phase"], &made["state"]), (&json!("IMPLEMENT"), &json!("open")), "{made}");
    let (status, problem) = service.post("/v1/check", json!({"phase": "2nd", "usd": "1"})).await;
    let detail = "phase: `2nd`: must be 1 to 32 of A-Z 0-9 _ - and begin with a letter";
    assert_eq!((status.as_u16(), &problem["detail"]), (400, &json!(detail)), "{problem}");
    let (_, of_phase) = service.get("/v1/usage?phase=verify").await;
    assert_eq!(of_phase["records"][0]["id"], "u-2", "{of_phase}");
    assert_eq!(of_phase["records"].as_array().unwrap().len(), 1, "{of_phase}");
    let (_, sums) = service.get("/v1/usage/summary?group_by=phase&at_least=tail").await;
    let sums = sums["groups"].as_array().unwrap();
    let sums: Vec<[&Value; 2]> = sums.iter().map(|sum| [&sum["values"]["phase"], &sum["cost_usd"]]).collect();
    assert_eq!(sums, [[&json!("IMPLEMENT"), &json!("1")], [&json!("VERIFY"), &json!("5")]]);
}

#[tokio::test]
async fn the_gate_names_policies_by_which_nothing_more_may_be_spent() {
    let service = Service::new().await;
    for task in ["T-1", "T-2"] {
        service.open(task).await;
    }
    // Nobody has policies: there is nothing to say.
    assert_eq!(gate(&service, "T-1", "SPEC", "g-0").await["policies"], Value::Null);
    let hard = |scope: Value, window: &str| json!({"scope": scope, "window": window, "limit_usd": "5", "enforcement": "hard_limit"});
    set_policy(&service, "search", hard(json!({"team": "search"}), "monthly")).await;
    set_policy(&service, "planning", hard(json!({"phase": "PLAN"}), "per_task")).await;
    service
        .append(json!([
            spent("u-1", "T-1", "SPEC", Some("search"), 500_000),
            spent("u-2", "T-2", "PLAN", None, 500_000),
        ]))
        .await;
    let answer = gate(&service, "T-1", "PLAN", "g-1").await;
    assert_eq!((&answer["policies"], &answer["verdict"]), (&json!(["search"]), &json!("warn")), "{answer}");
    let reason = &answer["reasons"].as_array().unwrap().last().unwrap();
    let message = reason["message"].as_str().unwrap();
    assert_eq!(reason["code"], "policy_exhausted", "{answer}");
    assert!(
        message.starts_with("Policy `search` (version 1) is used up: 5 of 5 USD spent, 0 reserved until 20"),
        "{message}"
    );
    // A retry and the story have it too: it is in the log.
    assert_eq!(gate(&service, "T-1", "PLAN", "g-1").await["policies"], json!(["search"]));
    let (_, story) = service.get("/v1/tasks/T-1/explain?at_least=tail").await;
    assert!(story.as_str().unwrap().contains(message), "{story}");
    let of_phase = gate(&service, "T-2", "PLAN", "g-2").await;
    assert_eq!(of_phase["policies"], json!(["planning"]), "{of_phase}");
    assert_eq!(gate(&service, "T-2", "THINK", "g-3").await["policies"], Value::Null);
    // For the end of a task no policy is asked.
    assert_eq!(gate(&service, "T-1", "completion", "g-4").await["policies"], Value::Null);
    // Whoever does not wait keeps nobody else from knowing.
    let request = json!({"advance_to": "PLAN", "id": "g-5", "wait_ms": 0});
    assert_eq!(service.post("/v1/tasks/T-1/gate", request).await.0, 200);
    let answer = gate(&service, "T-1", "PLAN", "g-6").await;
    assert_eq!((&answer["policies"], &answer["policies_unknown"]), (&json!(["search"]), &Value::Null));
}

/// One line per case: what the policy `p` says, whether the task holds an allocation of what is left, and whether the
/// gate names the policy.
#[tokio::test]
async fn a_policy_that_lets_a_task_go_on_is_not_named() {
    let all = json!({});
    let of_model = json!({"model": "gpt-5"});
    for (enforcement, scope, spent_usd, holds, named) in [
        ("hard_limit", &all, 5, false, true),
        ("hard_limit", &all, 4, false, false),
        // What the task has reserved for itself uses it up for others.
        ("hard_limit", &all, 4, true, false),
        ("soft_limit", &all, 5, false, false),
        ("throttle", &all, 5, false, false),
        // Of the cheaper model as much was spent as of any other: nothing more.
        ("degrade", &all, 5, false, true),
        ("degrade", &of_model, 5, false, false),
    ] {
        let service = Service::new().await;
        service.open("T-1").await;
        let mut policy =
            json!({"scope": scope, "window": "monthly", "limit_usd": "5", "enforcement": enforcement});
        match enforcement {
            "degrade" => policy["degrade_to"] = json!(["gpt-5-mini"]),
            "throttle" => policy["throttle_per_minute"] = json!(1),
            _ => {}
        }
        set_policy(&service, "p", policy).await;
        service.append(json!([spent("u-1", "T-1", "SPEC", None, spent_usd * 100_000)])).await;
        if holds {
            let made = json!({"allocation": "a", "task": "T-1", "model": "gpt-5", "usd": "1"});
            assert_eq!(service.post("/v1/allocations", made).await.1["state"], "open");
        }
        let answer = gate(&service, "T-1", "PLAN", "g").await;
        let expected = if named { json!(["p"]) } else { Value::Null };
        assert_eq!(answer["policies"], expected, "{enforcement} {scope} {spent_usd} {holds}: {answer}");
    }
}
