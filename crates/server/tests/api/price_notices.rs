//! What people are told of prices: that they changed, that usage got its price later, and what a model takes.

use serde_json::{Value, json};

use crate::support::Service;

async fn set(service: &Service, output: &str, from: &str) {
    let price = json!({"entry": "house/m", "provider": "house", "from": from, "by": "ada",
        "usd_per_token": {"input_uncached": "0.000001", "output": output}});
    let (status, answer) = service.post("/v1/prices/set", price).await;
    assert_eq!(status, 200, "{answer}");
}

async fn told(service: &Service) -> Vec<Value> {
    let (status, alerts) = service.get("/v1/alerts?rule=price_changed&at_least=tail").await;
    assert_eq!(status, 200, "{alerts}");
    alerts["alerts"].as_array().unwrap().clone()
}

#[tokio::test]
async fn a_notable_change_of_a_price_in_force_is_told_once_with_its_size() {
    let service = Service::new().await;
    set(&service, "0.00001", "2026-11-01T00:00:00Z").await;
    assert!(told(&service).await.is_empty(), "there was nothing to compare");
    set(&service, "0.0000104", "2026-11-02T00:00:00Z").await;
    assert!(told(&service).await.is_empty(), "4 % is not notable");
    set(&service, "0.000012", "2026-11-03T00:00:00Z").await;
    let alerts = told(&service).await;
    assert_eq!(alerts.len(), 1, "{alerts:?}");
    assert_eq!(alerts[0]["severity"], "info");
    let message = alerts[0]["message"].as_str().unwrap();
    let begins = "The price of house/m changes by 1";
    assert!(message.starts_with(begins) && message.contains("decided by ada"), "{message}");
}

#[tokio::test]
async fn a_month_whose_usage_got_its_price_later_is_not_shown_as_free() {
    let service = Service::new().await;
    let usage = json!({"provider": "house", "model": "m", "tokens": {"output": 1000}});
    let event =
        json!([{"id": "u-1", "task": "T-1", "occurred_at": "2026-10-15T10:00:00Z", "usage_recorded": usage}]);
    let (status, answer) = service.append(event).await;
    assert_eq!(status, 201, "{answer}");
    set(&service, "0.00001", "2026-10-01T00:00:00Z").await;
    let again = json!({"model": "m", "from": "2026-10-01T00:00:00Z", "dry_run": false, "by": "ada"});
    let (status, report) = service.post("/v1/prices/reprice", again).await;
    assert_eq!((status.as_u16(), &report["adjustments"]), (200, &json!(1)), "{report}");
    let (_, summary) = service.get("/v1/usage/summary?by=month&at_least=tail").await;
    let rows: Vec<_> = summary["groups"].as_array().unwrap().iter().collect();
    let row =
        |at: usize| (&rows[at]["cost_usd"], &rows[at]["tokens"]["total"], &rows[at]["priced_later_tokens"]);
    assert_eq!(row(0), (&json!("0"), &json!(1000), &json!(1000)), "{summary}");
    assert_eq!((row(1).0, row(1).2), (&json!("0.01"), &Value::Null), "{summary}");
}

#[tokio::test]
async fn a_route_leaves_out_models_that_do_not_take_the_request() {
    let service = Service::new().await;
    let ask = async |input: u64| {
        let request = json!({"tokens": input + 1000, "input_tokens": input, "models": ["gpt-5", "gpt-5-mini"], "model": "gpt-5"});
        let (status, answer) = service.post("/v1/route", request).await;
        assert_eq!(status, 200, "{answer}");
        (answer["chosen"]["model"].clone(), answer["preferred"]["model"].clone())
    };
    assert_eq!(ask(100_000).await, (json!("gpt-5-mini"), json!("gpt-5")));
    assert_eq!(ask(900_000).await, (Value::Null, Value::Null));
}
