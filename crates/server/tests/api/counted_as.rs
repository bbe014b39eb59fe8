//! Usage of an allocation counts where the allocation was reserved, whatever its producer leaves out.

use serde_json::{Value, json};

use crate::budgets::set_policy;
use crate::support::Service;

async fn with_a_policy_of_a_team() -> Service {
    let service = Service::new().await;
    let policy = json!({"scope": {"team": "search", "phase": "PLAN"}, "window": "monthly",
        "limit_tokens": 1_000, "enforcement": "hard_limit"});
    set_policy(&service, "search", policy).await;
    let request = json!({"allocation": "a-1", "context": "run-7", "tokens": 600, "phase": "PLAN",
        "component": "planner", "labels": {"team": "search"}});
    let (_, made) = service.post("/v1/allocations", request).await;
    assert_eq!(made["state"], "open", "{made}");
    service
}

/// What the policy says to one token more: what was spent, what is reserved.
async fn figures(service: &Service) -> (i64, i64) {
    let request = json!({"tokens": 1, "phase": "PLAN", "labels": {"team": "search"}});
    let (status, check) = service.post("/v1/check", request).await;
    assert_eq!(status, 200, "{check}");
    let of = |what: &str| check["policies"][0][what]["tokens"].as_i64().unwrap();
    (of("booked"), of("reserved"))
}

async fn append(service: &Service, id: &str, usage: Value) -> Vec<Value> {
    let event = json!([{"id": id, "task": "T-1", "usage_recorded": usage}]);
    let (status, answer) = service.append(event).await;
    assert_eq!(status, 201, "{answer}");
    answer["outcomes"][0]["warnings"].as_array().cloned().unwrap_or_default()
}

#[tokio::test]
async fn what_usage_does_not_say_of_its_allocation_counts_all_the_same() {
    let service = with_a_policy_of_a_team().await;
    let output = |tokens: u64| json!({"output": tokens});
    // Only the name: it counts for the team and the phase that the allocation names.
    let named = json!({"model": "gpt-5", "allocation": "a-1", "tokens": output(400)});
    assert!(append(&service, "u-1", named).await.is_empty());
    assert_eq!(figures(&service).await, (400, 200));
    // What it says itself is a fact: another team used it.
    let others =
        json!({"model": "gpt-5", "allocation": "a-1", "labels": {"team": "ads"}, "tokens": output(50)});
    assert!(append(&service, "u-2", others).await.is_empty());
    assert_eq!(figures(&service).await, (400, 150));
    // A correction counts where its usage did, in one request with it, too.
    let (_, answer) = service
        .append(json!([
            {"id": "c-1", "task": "T-1", "usage_adjusted":
                {"adjusts": "u-1", "tokens": {"output": -100}, "reason": "counted twice"}},
            {"id": "u-3", "task": "T-1", "usage_recorded":
                {"model": "gpt-5", "allocation": "a-1", "tokens": {"output": 30}}},
            {"id": "c-3", "task": "T-1", "usage_adjusted":
                {"adjusts": "u-3", "tokens": {"output": -10}, "reason": "counted twice"}},
        ]))
        .await;
    assert_eq!(answer["outcomes"][2]["outcome"], "appended", "{answer}");
    assert_eq!(figures(&service).await, (320, 230));
    // Usage is listed as it counts.
    let (_, listed) = service.get("/v1/usage?team=search&phase=PLAN").await;
    assert_eq!(listed["records"].as_array().map(Vec::len), Some(4), "{listed}");
    assert_eq!(listed["records"][0]["component"], "planner");
    // Reports group it in the same way.
    let (_, report) = service.get("/v1/report?by=team&at_least=tail").await;
    let groups = report["chosen"]["groups"].as_array().cloned().unwrap_or_default();
    let of = |group: &Value| (group["key"].as_str().map(str::to_owned), group["tokens"]["total"].as_i64());
    let groups: Vec<_> = groups.iter().map(of).collect();
    let expected = [("search", 320), ("ads", 50)].map(|(team, tokens)| (Some(team.to_owned()), Some(tokens)));
    assert_eq!(groups, expected, "{report}");
    let (_, rebuilt) = service.post("/v1/views/spending/rebuild", json!({})).await;
    assert_eq!(rebuilt["identical"], true, "{rebuilt}");
}

#[tokio::test]
async fn usage_may_name_the_context_of_an_allocation() {
    let service = with_a_policy_of_a_team().await;
    let by_context = |tokens: u64| json!({"context": "run-7", "tokens": {"output": tokens}});
    assert!(append(&service, "u-1", by_context(100)).await.is_empty());
    assert_eq!(figures(&service).await, (100, 500));
    // The one that was made last, of those that are open.
    let request = json!({"allocation": "a-2", "context": "run-7", "tokens": 50, "phase": "PLAN",
        "labels": {"team": "search"}});
    service.post("/v1/allocations", request).await;
    assert!(append(&service, "u-2", by_context(20)).await.is_empty());
    let (_, second) = service.get("/v1/allocations/a-2").await;
    assert_eq!(second["used"]["tokens"], 20, "{second}");
    let (_, released) = service.post("/v1/allocations/a-2/release", json!({})).await;
    assert_eq!(released["state"], "released", "{released}");
    assert!(append(&service, "u-3", by_context(3)).await.is_empty());
    let (_, first) = service.get("/v1/allocations/a-1").await;
    assert_eq!(first["used"]["tokens"], 103, "{first}");
    assert_eq!(figures(&service).await, (123, 497));
}

#[tokio::test]
async fn what_is_not_found_is_told_and_counted_by_what_the_usage_says() {
    let service = with_a_policy_of_a_team().await;
    for (id, usage, told) in [
        (
            "u-1",
            json!({"allocation": "a-9", "tokens": {"output": 5}}),
            "names allocation `a-9`, which tenant `default` has not made",
        ),
        (
            "u-2",
            json!({"context": "run-9", "tokens": {"output": 5}}),
            "context `run-9`, for which tenant `default` has no open allocation",
        ),
    ] {
        let warnings = append(&service, id, usage).await;
        let warning = warnings.first().and_then(Value::as_str).unwrap_or_default();
        assert!(warning.contains(told), "{warnings:?}");
        assert_eq!(figures(&service).await, (0, 600));
    }
}

#[tokio::test]
async fn the_model_of_an_allocation_says_what_its_usage_costs() {
    let service = Service::new().await;
    let policy = json!({"scope": {"team": "search"}, "window": "monthly", "limit_usd": "1",
        "enforcement": "hard_limit"});
    set_policy(&service, "search", policy).await;
    let request = json!({"allocation": "a-1", "tokens": 100_000, "usd": "1", "model": "gpt-5",
        "provider": "openai", "labels": {"team": "search"}});
    let (_, made) = service.post("/v1/allocations", request).await;
    assert_eq!(made["state"], "open", "{made}");
    assert!(
        append(&service, "u-1", json!({"allocation": "a-1", "tokens": {"output": 100_000}})).await.is_empty()
    );
    service.post("/v1/allocations/a-1/release", json!({})).await;
    let spent = async || {
        let asked = json!({"usd": "0.1", "labels": {"team": "search"}});
        let (_, check) = service.post("/v1/check", asked).await;
        (check["allowed"].clone(), check["policies"][0]["booked"]["usd"].clone())
    };
    assert_eq!(spent().await, (json!(false), json!("1")));
    // Reports have it under that model, and a repricing finds it.
    let (_, report) = service.get("/v1/report?at_least=tail").await;
    assert_eq!(report["by_model"][0]["key"], "gpt-5", "{report}");
    let reprice = json!({"model": "gpt-5", "from": "2020-01-01T00:00:00Z", "dry_run": true, "by": "ann"});
    let (_, found) = service.post("/v1/prices/reprice", reprice).await;
    assert_eq!((&found["adjustments"], &found["usage_events"]), (&json!(0), &json!(1)), "{found}");
    // A mistyped id makes no room.
    let (_, answer) = service
        .append(json!([{"id": "c-1", "task": "T-1", "usage_adjusted":
            {"adjusts": "typo", "tokens": {"output": -90_000}, "reason": "counted twice"}}]))
        .await;
    assert!(answer.to_string().contains("which this task does not have"), "{answer}");
    assert_eq!(spent().await, (json!(false), json!("1")));
    set_policy(&service, "tokens", json!({"window": "monthly", "limit_tokens": 100_000})).await;
    let (_, policy) = service.get("/v1/policies/tokens?at_least=tail").await;
    assert_eq!(policy["status"]["booked"]["tokens"], 100_000, "{policy}");
}

/// What an allocation was made for is not known before it is made: earlier usage keeps what it says itself, and frees
/// nothing of what is reserved later where it does not count. Else a hard limit would be sold twice.
#[tokio::test]
async fn usage_before_its_allocation_uses_none_and_is_told() {
    let service = with_a_policy_of_a_team().await;
    let early = json!({"model": "gpt-5", "allocation": "a-2", "tokens": {"output": 40}});
    let warnings = append(&service, "u-1", early).await;
    let warning = warnings.first().and_then(Value::as_str).unwrap_or_default();
    assert!(warning.contains("also if that is made later; make it before its usage"), "{warnings:?}");
    let request = json!({"allocation": "a-2", "tokens": 100, "phase": "PLAN", "labels": {"team": "search"}});
    let (_, made) = service.post("/v1/allocations", request).await;
    assert_eq!(made["state"], "open", "{made}");
    let used = async || {
        let (_, shown) = service.get("/v1/allocations/a-2?at_least=tail").await;
        let usd = shown["used"]["usd"].as_str().unwrap_or_default().to_owned();
        (shown["used"]["tokens"].as_i64(), shown["remaining"]["tokens"].as_i64(), usd)
    };
    let unused = || (Some(0), Some(100), "0".to_owned());
    // It counts under the policies of what the usage says itself, here under none, and all stays reserved.
    assert_eq!((used().await, figures(&service).await), (unused(), (0, 700)));
    // Nor do a correction and another price of it use the allocation.
    let correction = json!([{"id": "c-1", "task": "T-1", "usage_adjusted":
        {"adjusts": "u-1", "tokens": {"output": 10}, "reason": "counted too few"}}]);
    let (_, answer) = service.append(correction).await;
    assert_eq!(answer["outcomes"][0]["outcome"], "appended", "{answer}");
    let price = json!({"entry": "gpt-5", "usd_per_token": {"output": "0.00002"}, "by": "ann",
        "from": "2020-01-01T00:00:00Z", "reason": "the contract"});
    let (status, set) = service.post("/v1/prices/set", price).await;
    assert_eq!(status, 200, "{set}");
    let reprice = json!({"model": "gpt-5", "from": "2020-01-01T00:00:00Z", "by": "ann"});
    let (_, found) = service.post("/v1/prices/reprice", reprice).await;
    assert_eq!(found["adjustments"], 1, "{found}");
    assert_eq!((used().await, figures(&service).await), (unused(), (0, 700)));
    let late = json!({"model": "gpt-5", "allocation": "a-2", "tokens": {"output": 30}});
    assert!(append(&service, "u-2", late).await.is_empty());
    assert_eq!(
        (used().await, figures(&service).await),
        ((Some(30), Some(70), "0.0006".to_owned()), (30, 670))
    );
    let (_, released) = service.post("/v1/allocations/a-2/release", json!({})).await;
    assert_eq!((released["used"]["tokens"].as_i64(), figures(&service).await), (Some(30), (30, 600)));
    // A retry of the early usage is the same usage.
    assert_eq!(append_again(&service).await, "duplicate");
    let (_, rebuilt) = service.post("/v1/views/spending/rebuild", json!({})).await;
    assert_eq!(rebuilt["identical"], true, "{rebuilt}");
}

async fn append_again(service: &Service) -> String {
    let usage = json!({"model": "gpt-5", "allocation": "a-2", "tokens": {"output": 40}});
    let (_, answer) = service.append(json!([{"id": "u-1", "task": "T-1", "usage_recorded": usage}])).await;
    answer["outcomes"][0]["outcome"].as_str().unwrap_or_default().to_owned()
}

#[tokio::test]
async fn what_is_priced_again_is_named_as_it_counts() {
    let service = Service::new().await;
    let request = json!({"allocation": "a-1", "model": "acme/m", "tokens": 600});
    let (_, made) = service.post("/v1/allocations", request).await;
    assert_eq!(made["state"], "open", "{made}");
    append(&service, "u-1", json!({"allocation": "a-1", "tokens": {"input_uncached": 500}})).await;
    let set = json!({"entry": "acme/m", "usd_per_token": {"input_uncached": "0.00001"}, "by": "ann",
        "from": "2026-11-01T00:00:00Z"});
    assert_eq!(service.post("/v1/prices/set", set).await.0, 200);
    let request = json!({"model": "acme/m", "from": "2026-11-01T00:00:00Z", "by": "ann"});
    let (_, report) = service.post("/v1/prices/reprice", request).await;
    let day = &report["days"][0];
    assert_eq!((&day["model"], &day["difference_usd"]), (&json!("acme/m"), &json!("0.005")), "{report}");
}
