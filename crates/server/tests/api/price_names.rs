//! One model that prices know under several names has one price in force.

use serde_json::{Value, json};

use crate::support::Service;

const SOURCES: &str = "sources: [{id: a, kind: litellm, file: a.json, trust: 0.9}]\n";
const AT: &str = "2026-11-20T10:00:00Z";

fn list(model: &str, input: &str) -> String {
    format!(
        r#"{{"{model}": {{"litellm_provider": "acme", "mode": "chat", "input_cost_per_token": {input}e-6}}}}"#
    )
}

/// What a million tokens cost by each way to name the model, and by which version.
async fn costs(service: &Service) -> Vec<(String, String)> {
    let mut costs = Vec::new();
    for call in ["provider=acme&model=m", "model=m", "model=acme/m"] {
        let quote = service.get(&format!("/v1/prices/quote?{call}&input_uncached=1000000&at={AT}")).await.1;
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        costs.push((text(&quote["cost_usd"]), text(&quote["price_version"])));
    }
    costs.dedup();
    costs
}

async fn post(service: &Service, path: &str, request: Value) -> Value {
    let (status, answer) = service.post(&format!("/v1/prices/{path}"), request).await;
    assert_eq!(status, 200, "{answer}");
    answer
}

#[tokio::test]
async fn a_model_has_one_price_under_all_its_names() {
    let service = Service::new().await;
    service.write("prices.yaml", SOURCES);
    service.write("a.json", &list("m", "1"));
    let first = post(&service, "update", json!({})).await;
    assert_eq!((&first["applied"][0]["entry"], first["applied"][0].get("names")), (&json!("m"), None));

    // By hand, under the other name: what it does not name stays, and it counts for both.
    let set = json!({"entry": "acme/m", "usd_per_token": {"output": "0.000004"}, "by": "ann"});
    let set = post(&service, "set", set).await;
    let found = (&set["names"], &set["kept"]["input_uncached"], set.get("similar"));
    assert_eq!(found, (&json!(["m"]), &json!("0.000001"), None), "{set}");
    let by_hand = set["price_version"].as_str().unwrap().to_owned();
    assert_eq!(costs(&service).await, [("1".to_owned(), by_hand.clone())]);
    let listed = service.get("/v1/prices?search=m&provider=acme").await.1;
    let rows: Vec<(&str, Option<&str>)> = listed["prices"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| (row["entry"].as_str().unwrap(), row["decided_as"].as_str()))
        .collect();
    assert_eq!(rows, [("acme/m", None), ("m", Some("acme/m"))]);
    let history = service.get("/v1/prices/history?search=acme/m").await.1;
    let old = &history["entries"][0]["changes"][0]["old"]["usd_per_token"]["input_uncached"];
    assert_eq!(old, "0.000001", "{history}");

    // The source goes on under its own name: a person decides.
    service.write("a.json", &list("m", "1.2"));
    let update = post(&service, "update", json!({"refresh": true})).await;
    let [waits] = update["waiting"].as_array().unwrap().as_slice() else { panic!("one waits: {update}") };
    assert_eq!(
        (&waits["entry"], &waits["names"], &waits["waits"]),
        (&json!("acme/m"), &json!(["m"]), &json!(["rate_missing", "set_by_hand"])),
        "{update}"
    );
    assert_eq!(update["applied"], json!([]), "{update}");
    assert_eq!(costs(&service).await, [("1".to_owned(), by_hand)]);
    let approve = json!({"price_version": waits["price_version"], "by": "ann"});
    let approved = post(&service, "approve", approve).await;
    assert_eq!(approved["names"], json!(["m"]), "{approved}");
    let version = waits["price_version"].as_str().unwrap().to_owned();
    assert_eq!(costs(&service).await, [("1.2".to_owned(), version)]);
    let again = post(&service, "update", json!({"refresh": true})).await;
    assert_eq!((&again["applied"], &again["waiting"]), (&json!([]), &json!([])), "{again}");

    // A price that rules from a later time on, under whichever name, is told.
    let later = json!({"entry": "m", "usd_per_token": {"input_uncached": "0.000003"}, "by": "ann",
        "from": "2026-12-01T00:00:00Z"});
    let later = post(&service, "set", later).await;
    let now = json!({"entry": "acme/m", "usd_per_token": {"input_uncached": "0.000002"}, "by": "ann"});
    let now = post(&service, "set", now).await;
    assert_eq!(
        (&now["until"], &now["then"]),
        (&json!("2026-12-01T00:00:00Z"), &later["price_version"]),
        "{now}"
    );
}

#[tokio::test]
async fn a_model_that_is_set_without_its_provider_is_asked_about() {
    let service = Service::new().await;
    let set = async |entry: &str| {
        let request = json!({"entry": entry, "usd_per_token": {"output": "0.00001"}, "by": "ann"});
        post(&service, "set", request).await
    };
    assert!(set("acme/large").await.get("similar").is_none());
    assert_eq!(set("large").await["similar"], "acme/large");
    assert!(set("larger-than-that").await.get("similar").is_none());
}

#[tokio::test]
async fn a_price_of_another_provider_leaves_the_entry_of_the_name() {
    let service = Service::new().await;
    let set = async |provider: Option<&str>, input: &str| {
        let request = json!({"entry": "m", "provider": provider, "usd_per_token": {"input_uncached": input}, "by": "ann"});
        post(&service, "set", request).await
    };
    assert_eq!(set(Some("acme"), "0.000001").await["entry"], "m");
    let other = set(Some("other"), "0.000002").await;
    assert_eq!(
        (&other["entry"], other.get("kept"), &other["in_force"]),
        (&json!("other/m"), None, &json!(true))
    );
    assert_eq!(set(None, "0.000003").await["entry"], "m");
    for (call, entry, usd) in [
        ("provider=acme&model=m", "m", "3"),
        ("provider=other&model=m", "other/m", "2"),
        ("model=m", "m", "3"),
    ] {
        let quote = format!("/v1/prices/quote?{call}&input_uncached=1000000");
        let quote = service.get(&quote).await.1;
        assert_eq!(
            (&quote["entry"]["entry"], &quote["cost_usd"]),
            (&json!(entry), &json!(usd)),
            "{call}: {quote}"
        );
    }
    // `other/n` of a third one: nothing says which entry is meant.
    for (entry, provider) in [("n", "acme"), ("other/n", "third")] {
        let request = json!({"entry": entry, "provider": provider, "usd_per_token": {"input_uncached": "0.000001"}, "by": "ann"});
        post(&service, "set", request).await;
    }
    let request = json!({"entry": "n", "provider": "other", "usd_per_token": {"input_uncached": "0.000001"}, "by": "ann"});
    let (status, refused) = service.post("/v1/prices/set", request).await;
    assert_eq!(status, 400, "{refused}");
    let detail = refused["detail"].as_str().unwrap();
    assert!(detail.contains("`n` is of acme and `other/n` of third"), "{detail}");
}
