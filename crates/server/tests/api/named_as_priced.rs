//! Policies count usage by the names by which it is priced, and in the window in which it was spent.

use serde_json::{Value, json};

use crate::budgets::set_policy;
use crate::support::Service;

/// Usage that cost a dollar or more.
fn dollar(provider: Option<&str>, model: &str) -> Value {
    json!({"provider": provider, "model": model, "tokens": {"output": 100_000}})
}

async fn append(service: &Service, id: &str, at: Option<&str>, usage: Value) {
    let mut event = json!({"id": id, "task": "T-1", "usage_recorded": usage});
    if let Some(at) = at {
        event["occurred_at"] = json!(at);
    }
    let (status, answer) = service.append(json!([event])).await;
    assert_eq!(status, 201, "{answer}");
}

/// One dollar a month of what is in this scope.
async fn limited(scope: Value) -> Service {
    let service = Service::new().await;
    let policy = json!({"scope": scope, "window": "monthly", "limit_usd": "1", "enforcement": "hard_limit"});
    set_policy(&service, "one", policy).await;
    service
}

#[tokio::test]
async fn a_limit_counts_usage_by_the_names_by_which_it_is_priced() {
    for (scope, provider, model) in [
        (json!({"provider": "openai"}), None, "gpt-5"),
        (json!({"provider": "openai"}), Some("OpenAI"), "gpt-5"),
        (json!({"provider": "openai"}), Some("OpenAI"), "not-in-any-book"),
        (json!({"provider": "OpenAI"}), Some("openai"), "gpt-5"),
        (json!({"provider": "openai", "model": "gpt-5"}), None, "openai/gpt-5-2026-01-31"),
        (json!({"model": "claude-sonnet-4-6"}), Some("anthropic"), "claude-sonnet-4-6-20260205"),
        // Its own name counts, too.
        (json!({"model": "claude-sonnet-4-6-20260205"}), Some("anthropic"), "claude-sonnet-4-6-20260205"),
    ] {
        let service = limited(scope.clone()).await;
        let asked = |usd: &str| json!({"provider": provider, "model": model, "usd": usd, "tokens": 10});
        let (_, check) = service.post("/v1/check", asked("1")).await;
        assert_eq!(check["policies"][0]["policy"], "one", "{scope} {provider:?} {model}: {check}");
        // What is reserved counts, and what is used.
        let mut request = asked("0.75");
        request["allocation"] = json!("a");
        let (_, made) = service.post("/v1/allocations", request).await;
        assert_eq!(made["state"], "open", "{made}");
        let (_, check) = service.post("/v1/check", asked("0.5")).await;
        assert_eq!(check["policies"][0]["ruling"], "refused", "{check}");
        append(&service, "u-1", None, dollar(provider, model)).await;
        let (_, check) = service.post("/v1/check", asked("0.000001")).await;
        let booked = &check["policies"][0]["booked"]["tokens"];
        assert_eq!(booked, &json!(100_000), "{scope} {provider:?} {model}: {check}");
        // The same from the rows, by a question that nobody asked before.
        let scope: Vec<String> = scope
            .as_object()
            .unwrap()
            .iter()
            .map(|(name, value)| format!("{name}={}", value.as_str().unwrap()))
            .collect();
        let of = scope.join("&").replace("provider=OpenAI", "provider=openai").replace('/', "%2F");
        let (status, sums) = service.get(&format!("/v1/usage/summary?{of}&at_least=tail")).await;
        assert_eq!((status.as_u16(), &sums["totals"]["usage_events"]), (200, &json!(1)), "{of}: {sums}");
    }
}

#[tokio::test]
async fn other_providers_and_models_are_not_counted() {
    for (scope, provider, model) in [
        (json!({"provider": "openai"}), Some("anthropic"), "claude-sonnet-4-6"),
        (json!({"provider": "openai"}), Some("azure"), "gpt-5"),
        (json!({"model": "gpt-5"}), None, "gpt-5-mini"),
        (json!({"model": "claude-sonnet-4-6-20260205"}), Some("anthropic"), "claude-sonnet-4-6"),
    ] {
        let service = limited(scope.clone()).await;
        append(&service, "u-1", None, dollar(provider, model)).await;
        let (_, shown) = service.get("/v1/policies/one?at_least=tail").await;
        assert_eq!(shown["status"]["booked"]["tokens"], 0, "{scope} {provider:?} {model}: {shown}");
    }
}

#[tokio::test]
async fn a_bill_is_compared_with_usage_that_names_no_provider() {
    let service = Service::new().await;
    let lines = json!([{"day": "2026-11-20", "model": "gpt-5", "tokens": 100_000, "amount_usd": "1"}]);
    let (status, answer) =
        service.post("/v1/bills", json!({"provider": "openai", "source": "b", "lines": lines})).await;
    assert_eq!(status, 201, "{answer}");
    append(&service, "u-1", Some("2026-11-20T10:00:00Z"), dollar(None, "gpt-5")).await;
    append(&service, "u-2", Some("2026-11-20T10:00:00Z"), dollar(Some("anthropic"), "claude-sonnet-4-6"))
        .await;
    let path = "/v1/bills/compare?provider=openai&from=2026-11-20&to=2026-11-21&at_least=tail";
    let (_, compared) = service.get(path).await;
    assert_eq!(compared["total"]["ledger_usd"], "1", "{compared}");
    assert_eq!(compared["total"]["difference_usd"], "0", "{compared}");
}

/// 17: a clock that is months ahead does not move what was spent out of the window in which it was.
#[tokio::test]
async fn usage_dated_ahead_counts_when_it_was_recorded_and_frees_nothing() {
    let service = limited(json!({})).await;
    let request = json!({"allocation": "a", "usd": "1", "tokens": 100_000});
    let (_, made) = service.post("/v1/allocations", request).await;
    assert_eq!(made["state"], "open", "{made}");
    let mut usage = dollar(Some("openai"), "gpt-5");
    usage["allocation"] = json!("a");
    append(&service, "u-1", Some("2027-02-01T00:00:00Z"), usage).await;
    let (_, check) = service.post("/v1/check", json!({"usd": "0.01"})).await;
    let policy = &check["policies"][0];
    assert_eq!((&check["allowed"], &policy["booked"]["usd"]), (&json!(false), &json!("1")), "{check}");
    // The window of the time that it states has nothing of it: it is counted once.
    let period = "since=2027-01-01T00:00:00Z&until=2027-03-01T00:00:00Z";
    let (_, sums) = service.get(&format!("/v1/usage/summary?{period}&at_least=tail")).await;
    assert_eq!(sums["totals"]["usage_events"], 0, "{sums}");
}

async fn repriced(service: &Service, model: &str, provider: Option<&str>, dry_run: bool) -> Value {
    let request = json!({"model": model, "provider": provider, "from": "2026-11-01T00:00:00Z", "by": "ann",
        "dry_run": dry_run});
    let (status, report) = service.post("/v1/prices/reprice", request).await;
    assert_eq!(status, 200, "{report}");
    report
}

#[tokio::test]
async fn usage_is_priced_again_by_each_of_its_names() {
    let service = Service::new().await;
    for (nth, (provider, model)) in [
        (None, "gpt-5"),
        (None, "openai/gpt-5"),
        (Some("openai"), "gpt-5"),
        (Some("OpenAI"), "gpt-5-2026-01-31"),
        (Some("azure"), "gpt-5"),
        (None, "gpt-5-mini"),
    ]
    .into_iter()
    .enumerate()
    {
        append(&service, &format!("u-{nth}"), None, dollar(provider, model)).await;
    }
    for (model, provider, count) in [
        ("gpt-5", None, 5),
        ("gpt-5", Some("openai"), 4),
        ("gpt-5", Some("OpenAI"), 4),
        ("gpt-5", Some("azure"), 1),
        ("openai/gpt-5", None, 1),
        ("gpt-5-2026-01-31", None, 1),
        ("gpt-5-nano", None, 0),
    ] {
        let report = repriced(&service, model, provider, true).await;
        assert_eq!(report["usage_events"], count, "{model} {provider:?}: {report}");
    }
}

#[tokio::test]
async fn usage_that_no_entry_was_known_for_is_priced_again_as_it_is_priced_by_now() {
    let service = Service::new().await;
    append(&service, "u-1", None, dollar(None, "acme/large")).await;
    append(&service, "u-2", None, dollar(Some("acme"), "large")).await;
    let half = json!([{"id": "c-1", "task": "T-1", "usage_adjusted":
        {"adjusts": "u-1", "tokens": {"output": -50_000}, "reason": "counted twice"}}]);
    assert_eq!(service.append(half).await.0, 201);
    let set = json!({"entry": "acme/large", "usd_per_token": {"output": "0.00001"}, "by": "ann",
        "from": "2026-11-01T00:00:00Z"});
    assert_eq!(service.post("/v1/prices/set", set).await.0, 200);
    // What was taken away is not priced, and what was priced is not priced once more.
    for (adjustments, difference) in [(2, "1.5"), (0, "0")] {
        let report = repriced(&service, "large", Some("acme"), false).await;
        let found = (&report["adjustments"], &report["difference_usd"]);
        assert_eq!(found, (&json!(adjustments), &json!(difference)), "{report}");
        if adjustments > 0 {
            let models: Vec<_> = report["days"].as_array().unwrap().iter().map(|day| &day["model"]).collect();
            assert_eq!(models, ["acme/large", "large"], "{report}");
        }
    }
}
