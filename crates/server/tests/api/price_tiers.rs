//! Prices of large requests and of service tiers, set by hand.

use serde_json::{Value, json};

use crate::support::Service;

async fn set(service: &Service, mut request: Value) -> (u16, Value) {
    (request["entry"], request["by"]) = (json!("acme/m"), json!("ann"));
    let (status, answer) = service.post("/v1/prices/set", request).await;
    (status.as_u16(), answer)
}

/// What a call costs; `None`: it is unpriced.
async fn cost(service: &Service, call: &str) -> Option<String> {
    let quote = service.get(&format!("/v1/prices/quote?provider=acme&model=m&{call}")).await.1;
    quote["cost_usd"].as_str().map(str::to_owned)
}

async fn costs(service: &Service) -> Vec<Option<String>> {
    let mut costs = Vec::new();
    for call in [
        "input_uncached=100000",
        "input_uncached=300000",
        "input_uncached=300000&output=1000",
        "input_uncached=100000&service_tier=flex",
        "input_uncached=300000&service_tier=flex",
    ] {
        costs.push(cost(service, call).await);
    }
    costs
}

fn usd(costs: [&str; 5]) -> Vec<Option<String>> {
    costs.map(|cost| (cost != "-").then(|| cost.to_owned())).to_vec()
}

#[tokio::test]
async fn prices_of_tiers_are_set_kept_and_taken_away() {
    let service = Service::new().await;
    let first = json!({"usd_per_token": {"input_uncached": "0.000002", "output": "0.00001"}, "tiers": [
        {"above_input": 200_000, "usd_per_token": {"input_uncached": "0.000004", "output": "0.00002"}},
        {"service_tier": "flex", "usd_per_token": {"input_uncached": "0.000001"}},
        {"service_tier": "flex", "above_input": 200_000, "usd_per_token": {"input_uncached": "0.000003"}}]});
    let (status, answer) = set(&service, first).await;
    assert_eq!((status, answer.get("kept_tiers"), answer.get("dropped")), (200, None, None), "{answer}");
    assert_eq!(costs(&service).await, usd(["0.2", "1.2", "1.22", "0.1", "0.9"]));

    let shown = service.get("/v1/prices/quote?provider=acme&model=m").await.1;
    let tier = |nth: usize, kind: &str| shown["tiers"][nth]["usd_per_token"][kind].as_str();
    assert_eq!(shown["tiers"].as_array().map(Vec::len), Some(3), "{shown}");
    assert_eq!((&shown["tiers"][0]["above_input"], tier(0, "output")), (&json!(200_000), Some("0.00002")));
    assert_eq!(
        (&shown["tiers"][1]["service_tier"], tier(1, "input_uncached")),
        (&json!("flex"), Some("0.000001"))
    );
    assert_eq!((tier(2, "input_uncached"), tier(2, "output")), (Some("0.000003"), None), "{shown}");

    // One rate: all others stay.
    let (_, answer) = set(&service, json!({"usd_per_token": {"input_uncached": "0.0000025"}})).await;
    let kept = json!({"kept": answer["kept"], "kept_tiers": answer["kept_tiers"], "percent": answer["percent"],
        "dropped": answer.get("dropped")});
    insta::assert_snapshot!("price_tiers_kept", serde_json::to_string_pretty(&kept).unwrap());
    assert_eq!(costs(&service).await, usd(["0.25", "1.2", "1.22", "0.1", "0.9"]));

    // One rate of a tier.
    let large = json!({"tiers": [{"above_input": 200_000, "usd_per_token": {"input_uncached": "0.000005"}}]});
    let (_, answer) = set(&service, large).await;
    assert_eq!(
        answer["kept_tiers"][1],
        json!({"above_input": 200_000, "usd_per_token": {"output": "0.00002"}}),
        "{answer}"
    );
    assert_eq!(costs(&service).await, usd(["0.25", "1.5", "1.52", "0.1", "0.9"]));

    let (_, answer) = set(&service, json!({"without": ["above_200000"]})).await;
    assert_eq!(answer["dropped"], json!(["prices above 200,000 tokens of input"]), "{answer}");
    assert_eq!(costs(&service).await, usd(["0.25", "0.75", "0.76", "0.1", "0.3"]));
    let (_, answer) = set(&service, json!({"without": ["flex"]})).await;
    assert_eq!(answer["dropped"], json!(["prices of service tier flex"]), "{answer}");
    assert_eq!(costs(&service).await, usd(["0.25", "0.75", "0.76", "-", "-"]));
    assert!(answer.get("kept_tiers").is_none(), "{answer}");

    // A service tier in a spelling that sources use.
    let batch =
        json!({"tiers": [{"service_tier": "Batches", "usd_per_token": {"input_uncached": "0.000001"}}]});
    let (status, answer) = set(&service, batch).await;
    assert_eq!(status, 200, "{answer}");
    for word in ["batch", "batches"] {
        let call = format!("input_uncached=100000&service_tier={word}");
        assert_eq!(cost(&service, &call).await.as_deref(), Some("0.1"), "{word}");
    }
    let (_, answer) = set(&service, json!({"without": ["batch"]})).await;
    assert_eq!(answer["dropped"], json!(["prices of service tier batch"]), "{answer}");
}

#[tokio::test]
async fn factors_and_units_of_service_tiers_are_kept_named_and_taken_away() {
    let service = Service::new().await;
    service.write("prices.yaml", "sources: [{id: a, kind: litellm, file: a.json, trust: 0.9}]");
    let text = r#"{"acme/m": {"litellm_provider": "acme", "mode": "chat", "input_cost_per_token": 2e-6,
        "provider_specific_entry": {"us": 1.1, "fast": 2.0}, "input_cost_per_audio_token": 1e-6,
        "input_cost_per_audio_token_priority": 2e-6, "input_cost_per_audio_token_flex": 5e-7}}"#;
    service.write("a.json", text);
    let (status, update) = service.post("/v1/prices/update", json!({})).await;
    assert_eq!((status.as_u16(), update["applied"].as_array().map(Vec::len)), (200, Some(1)), "{update}");
    let fast = "prices of service tier fast: 2.0 times the standard ones";
    let audio = |tier: &str| format!("prices of input_audio_tokens in service tier {tier}");
    let in_fast = "input_uncached=1000000&service_tier=fast";
    assert_eq!(cost(&service, in_fast).await.as_deref(), Some("4"));

    let (_, answer) = set(&service, json!({"usd_per_token": {"input_uncached": "0.000003"}})).await;
    assert_eq!(answer["kept_else"], json!([fast, audio("flex"), audio("priority")]), "{answer}");
    assert_eq!(cost(&service, in_fast).await.as_deref(), Some("6"));
    let (_, answer) = set(&service, json!({"without": ["flex"]})).await;
    let found = (&answer["dropped"], &answer["kept_else"]);
    assert_eq!(
        found,
        (&json!(["prices of service tier flex"]), &json!([fast, audio("priority")])),
        "{answer}"
    );
    // A price of its own takes the place of the factor.
    let own = json!({"tiers": [{"service_tier": "fast", "usd_per_token": {"input_uncached": "0.000005"}}]});
    let (_, answer) = set(&service, own).await;
    let found = (&answer["dropped"], &answer["kept_else"]);
    assert_eq!(found, (&json!([fast]), &json!([audio("priority")])), "{answer}");
    assert_eq!(cost(&service, in_fast).await.as_deref(), Some("5"));
    let (_, answer) = set(&service, json!({"without": ["fast", "priority"]})).await;
    let dropped = json!(["prices of service tier fast", "prices of service tier priority"]);
    assert_eq!((&answer["dropped"], answer.get("kept_else")), (&dropped, None), "{answer}");
    assert_eq!(cost(&service, in_fast).await, None);

    // The factor alone is taken away by the same word.
    service.write("a.json", &text.replace("acme/m", "acme/n"));
    let _ = service.post("/v1/prices/update", json!({"refresh": true})).await;
    let request = json!({"entry": "acme/n", "by": "ann", "without": ["fast"]});
    let (_, answer) = service.post("/v1/prices/set", request).await;
    assert_eq!(answer["dropped"], json!(["prices of service tier fast"]), "{answer}");
    assert_eq!(answer["kept_else"], json!([audio("flex"), audio("priority")]), "{answer}");
}

#[tokio::test]
async fn what_the_book_has_of_tiers_and_hours_is_kept() {
    let service = Service::new().await;
    let (status, answer) = service
        .post(
            "/v1/prices/set",
            json!({"entry": "gpt-5", "usd_per_token": {"output": "0.000011"}, "by": "ann"}),
        )
        .await;
    assert_eq!(status, 200, "{answer}");
    let tiers: Vec<&str> = answer["kept_tiers"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|tier| tier["service_tier"].as_str())
        .collect();
    assert_eq!(tiers, ["batch", "flex", "priority"], "{answer}");
    let listed = service.get("/v1/prices?search=gpt-5&provider=openai&limit=1").await.1;
    assert_eq!(listed["prices"][0]["service_tiers"], json!(["batch", "flex", "priority"]), "{listed}");
    let hours = r#"{"acme/m": {"litellm_provider": "acme", "mode": "chat", "input_cost_per_token": 2e-6,
        "off_peak_pricing": {"input_cost_per_token": 1e-06, "hours_utc": "16:30-00:30"}}, "acme/l": {"litellm_provider":
        "acme", "mode": "chat", "tiered_pricing": [{"range": [0, 1000], "input_cost_per_token": 1e-6, "output_cost_per_token":
        2e-6}, {"range": [1000, 9000], "input_cost_per_token": 3e-6, "output_cost_per_token": 4e-6}]}}"#;
    service.write("prices.yaml", "sources: [{id: a, kind: litellm, file: a.json, trust: 0.9}]");
    service.write("a.json", hours);
    let _ = service.post("/v1/prices/update", json!({})).await;
    let (_, answer) = set(&service, json!({"usd_per_token": {"input_uncached": "0.0000025"}})).await;
    assert_eq!(answer["kept_else"], json!(["prices of certain hours"]), "{answer}");
    let at = |hour: &str| format!("input_uncached=1000000&at=2026-11-20T{hour}:00:00Z");
    let both = (cost(&service, &at("12")).await, cost(&service, &at("18")).await);
    assert_eq!(both, (Some("2.5".to_owned()), Some("1".to_owned())));
    let (_, answer) = set(&service, json!({"without": ["hours"]})).await;
    assert_eq!(answer["dropped"], json!(["prices of certain hours"]), "{answer}");
    assert_eq!(cost(&service, &at("18")).await, Some("2.5".to_owned()));
    // A list of ranges has a price for every size: another rate would have no effect beside it.
    let list = json!({"entry": "acme/l", "usd_per_token": {"input_uncached": "0.000005", "output": "0.000005"}, "by": "ann"});
    let (_, answer) = service.post("/v1/prices/set", list).await;
    assert_eq!(answer["dropped"], json!(["prices by ranges of input"]), "{answer}");
    let quote = service.get("/v1/prices/quote?provider=acme&model=l&input_uncached=2000").await.1;
    assert_eq!(quote["cost_usd"], "0.01", "{quote}");
}

#[tokio::test]
async fn tiers_that_cannot_be_set_are_refused_with_the_reason() {
    let service = Service::new().await;
    let first = json!({"usd_per_token": {"input_uncached": "0.000002"}, "tiers": [
        {"service_tier": "flex", "usd_per_token": {"input_uncached": "0.000001"}}]});
    assert_eq!(set(&service, first).await.0, 200);
    let one = json!({"input_uncached": "0.000001"});
    for (request, field, rule) in [
        (json!({"tiers": [{"usd_per_token": one}]}), "tiers[0].above_input", "or service_tier must be given"),
        (json!({"tiers": [{"above_input": 0, "usd_per_token": one}]}), "tiers[0].above_input", "from 1 on"),
        (
            json!({"tiers": [{"service_tier": "flexx", "usd_per_token": one}]}),
            "tiers[0].service_tier",
            "did you mean `flex`?",
        ),
        (
            json!({"tiers": [{"service_tier": "flex", "usd_per_token": {}}]}),
            "tiers[0].usd_per_token",
            "at least one",
        ),
        (
            json!({"tiers": [{"service_tier": "batch", "usd_per_token": one}, {"service_tier": "batches", "usd_per_token": one}]}),
            "tiers[1].usd_per_token",
            "given twice",
        ),
        (
            json!({"tiers": [{"service_tier": "flex", "usd_per_token": {"outputs": "0.000001"}}]}),
            "tiers[0].usd_per_token",
            "did you mean `output`?",
        ),
        (
            json!({"tiers": [{"above_input": 9, "usd_per_token": one}, {"above_input": 7, "usd_per_token": {"output": "much"}}]}),
            "tiers[1].usd_per_token.output",
            "much",
        ),
        (json!({"without": ["above_5"]}), "without", "it has flex, input_uncached"),
        (json!({"without": ["hours"]}), "without", "is nothing that the price in force has"),
        (
            json!({"without": ["flex"], "tiers": [{"service_tier": "flex", "usd_per_token": one}]}),
            "without",
            "is given a price as well",
        ),
    ] {
        let (status, problem) = set(&service, request.clone()).await;
        let detail = problem["detail"].as_str().unwrap();
        assert!(status == 400 && problem["field"] == field && detail.contains(rule), "{request}: {problem}");
    }
}
