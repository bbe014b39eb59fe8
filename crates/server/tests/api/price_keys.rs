//! Prices and bills under idempotency keys: a retry gets the first answer, and changes nothing.

use std::sync::Arc;

use axum::body::Body;
use http::Request;
use serde_json::{Value, json};
use tollgate_clock::ManualClock;

use crate::support::{Nats, Service, at};

const SOURCES: &str = "sources: [{id: a, kind: litellm, file: a.json, trust: 0.9}]\n";

fn list(input: &str) -> String {
    format!(
        r#"{{"acme/m": {{"litellm_provider": "acme", "mode": "chat", "input_cost_per_token": {input}e-6}}}}"#
    )
}

async fn post(service: &Service, path: &str, request: &Value) -> (u16, Value) {
    let (status, answer) = service.post(path, request.clone()).await;
    (status.as_u16(), answer)
}

/// What an answer says besides that it was given before.
fn first_of(mut again: Value) -> Value {
    assert_eq!(again["repeated"], true, "{again}");
    again.as_object_mut().unwrap().remove("repeated");
    again
}

/// How many events there are in a tenant's own task.
async fn events(service: &Service, tenant: &str) -> usize {
    let (_, page) = service.get("/v1/log?limit=1000").await;
    let events = page["events"].as_array().unwrap().iter();
    events.filter(|event| event["tenant"] == tenant && event["task"] == "_ledger").count()
}

async fn cost(service: &Service) -> Value {
    service.get("/v1/prices/quote?provider=acme&model=m&input_uncached=1000000").await.1["cost_usd"].clone()
}

/// The same request again, at another time and after other decisions; then another one under its key.
async fn prices(service: &Service, clock: &ManualClock) {
    service.write("prices.yaml", SOURCES);
    let set = |input: &str, output: Option<&str>| {
        let mut request = json!({"id": "set-1", "entry": "acme/m", "by": "ann", "usd_per_token": {"input_uncached": input}});
        if let Some(output) = output {
            request["usd_per_token"]["output"] = json!(output);
        }
        request
    };
    let all = json!({"entry": "acme/m", "by": "ann", "usd_per_token": {"input_uncached": "0.000001", "output": "0.000004"},
        "tiers": [{"service_tier": "flex", "usd_per_token": {"input_uncached": "0.0000005"}}]});
    assert_eq!(post(service, "/v1/prices/set", &all).await.0, 200);
    let (status, first) = post(service, "/v1/prices/set", &set("0.000002", None)).await;
    assert!(
        status == 200 && first["kept"]["output"] == "0.000004" && first.get("repeated").is_none(),
        "{first}"
    );
    let count = events(service, "_ledger").await;
    clock.set(at("2026-11-20T11:00:00Z"));
    assert_eq!(first_of(post(service, "/v1/prices/set", &set("0.000002", None)).await.1), first);
    // What was decided since stays.
    let other = json!({"entry": "acme/m", "by": "ann", "usd_per_token": {"input_uncached": "0.000003"}});
    assert_eq!(post(service, "/v1/prices/set", &other).await.0, 200);
    let again = post(service, "/v1/prices/set", &set("0.000002", None)).await.1;
    assert_eq!(
        (&again["price_version"], &again["in_force"]),
        (&first["price_version"], &json!(false)),
        "{again}"
    );
    assert_eq!(cost(service).await, "3");
    for request in [set("0.000009", None), set("0.000002", Some("0.000004"))] {
        let (status, problem) = post(service, "/v1/prices/set", &request).await;
        assert_eq!((status, problem["code"].as_str()), (409, Some("conflict")), "{problem}");
    }
    assert_eq!(events(service, "_ledger").await, count + 1, "only the price that was set meanwhile");

    // A price that waits, approved and then rejected, each twice.
    let mut input = 4;
    for (path, decided) in [("/v1/prices/approve", "8"), ("/v1/prices/reject", "8")] {
        service.write("a.json", &list(&(2 * input).to_string()));
        let (_, update) = post(service, "/v1/prices/update", &json!({"refresh": true})).await;
        let version = update["waiting"][0]["price_version"].clone();
        let request = json!({"id": path, "price_version": version, "by": "ann", "reason": "as announced"});
        let (status, first) = post(service, path, &request).await;
        assert_eq!(status, 200, "{first}");
        // What is put in force says what is lost by it.
        let dropped = if path.ends_with("approve") {
            json!(["prices of service tier flex", "output"])
        } else {
            json!(null)
        };
        assert_eq!(first["dropped"], dropped, "{first}");
        let count = events(service, "_ledger").await;
        clock.set(at(&format!("2026-11-20T12:0{input}:00Z")));
        assert_eq!(first_of(post(service, path, &request).await.1), first, "{path}");
        let (status, problem) =
            post(service, path, &json!({"id": path, "price_version": version, "by": "bob"})).await;
        assert_eq!((status, problem["code"].as_str()), (409, Some("conflict")), "{problem}");
        assert_eq!(
            (events(service, "_ledger").await, cost(service).await),
            (count, json!(decided)),
            "{path}"
        );
        input += 5;
    }
    // Each kind of request has keys of its own, and a key is one that can be kept.
    let request = json!({"id": "/v1/prices/reject", "entry": "acme/m", "by": "ann", "usd_per_token": {"output": "0.000001"}});
    assert_eq!(post(service, "/v1/prices/set", &request).await.0, 200);
    let request =
        json!({"id": "two words", "entry": "acme/m", "by": "ann", "usd_per_token": {"output": "0.000001"}});
    let (status, problem) = post(service, "/v1/prices/set", &request).await;
    assert_eq!((status, problem["field"].as_str()), (400, Some("id")), "{problem}");
}

async fn bills(service: &Service) {
    let bill = |id: Option<&str>, amount: &str| {
        let mut bill = json!({"provider": "openai", "source": "november.csv", "lines": [
            {"day": "2026-11-01", "model": "gpt-5", "tokens": 10, "amount_usd": amount},
            {"day": "2026-11-03", "model": "gpt-5", "amount_usd": "2"}]});
        if let Some(id) = id {
            bill["id"] = json!(id);
        }
        bill
    };
    let billed = async || {
        let path = "/v1/bills/compare?provider=openai&from=2026-11-01&to=2026-11-04&at_least=tail";
        service.get(path).await.1["total"]["billed_usd"].clone()
    };
    let (status, first) = post(service, "/v1/bills", &bill(Some("b-1"), "1")).await;
    assert_eq!(
        (status, &first["recorded_days"], &first["known_days"]),
        (201, &json!(3), &json!(0)),
        "{first}"
    );
    assert_eq!(billed().await, "3");
    // The bill was wrong, and another one takes its place: a late retry of the first does not come back.
    assert_eq!(post(service, "/v1/bills", &bill(Some("b-2"), "5")).await.1["recorded_days"], 1);
    assert_eq!(billed().await, "7");
    let count = events(service, "default").await;
    let (status, again) = post(service, "/v1/bills", &bill(Some("b-1"), "1")).await;
    let found =
        (status, &again["repeated"], &again["recorded_days"], &again["amount_usd"], &again["position"]);
    assert_eq!(found, (200, &json!(true), &json!(0), &json!("3"), &first["position"]), "{again}");
    assert_eq!(again["known_days"], 3, "{again}");
    assert_eq!((billed().await, events(service, "default").await), (json!("7"), count));
    let (status, problem) = post(service, "/v1/bills", &bill(Some("b-1"), "2")).await;
    assert_eq!((status, problem["code"].as_str()), (409, Some("conflict")), "{problem}");
    assert_eq!((billed().await, events(service, "default").await), (json!("7"), count));
    // A bill that says nothing new has its key as well.
    assert_eq!(post(service, "/v1/bills", &bill(Some("b-3"), "5")).await.1["recorded_days"], 0);
    assert_eq!(post(service, "/v1/bills", &bill(None, "6")).await.1["recorded_days"], 1);
    assert_eq!(post(service, "/v1/bills", &bill(Some("b-3"), "5")).await.1["repeated"], true);
    assert_eq!(billed().await, "8");
}

#[tokio::test]
async fn a_retry_about_prices_gets_the_first_answer() {
    let service = Service::new().await;
    prices(&service, &service.clock).await;
}

#[tokio::test]
async fn a_retry_of_a_bill_gets_the_first_answer() {
    bills(&Service::new().await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn retries_on_jetstream_get_the_first_answer_too() {
    let Some(nats) = Nats::start().await else { return };
    let clock = Arc::new(ManualClock::at(at("2026-11-20T10:00:00Z")));
    let log = Arc::new(nats.log(&clock).await);
    let service = Service::by_clock(log, tempfile::tempdir().unwrap(), None, Arc::clone(&clock)).await;
    prices(&service, &clock).await;
    bills(&service).await;
}

/// A retry about an entry that is another model's by now, because only then somebody said whose it is.
#[tokio::test]
async fn a_retry_names_the_entries_of_its_own_model() {
    let service = Service::new().await;
    let set = |id: &str, entry: &str, provider: Option<&str>, from: &str| {
        json!({"id": id, "entry": entry, "provider": provider, "by": "ann", "from": format!("2026-11-{from}T00:00:00Z"),
            "usd_per_token": {"input_uncached": "0.000001"}})
    };
    assert_eq!(post(&service, "/v1/prices/set", &set("k-1", "acme/m", None, "01")).await.0, 200);
    let nobodys = set("k-2", "m", None, "02");
    let (status, first) = post(&service, "/v1/prices/set", &nobodys).await;
    assert_eq!((status, first.get("names"), first.get("until")), (200, None, None), "{first}");
    let (_, named) = post(&service, "/v1/prices/set", &set("k-3", "m", Some("acme"), "02")).await;
    assert_eq!(named["names"], json!(["acme/m"]), "{named}");
    let (_, again) = post(&service, "/v1/prices/set", &nobodys).await;
    assert_eq!((&again["repeated"], again.get("names")), (&json!(true), None), "{again}");
}

/// Two servers are sent the same at the same time: one of them decides.
#[tokio::test]
async fn two_servers_that_are_sent_the_same_request_decide_it_once() {
    let clock = Arc::new(ManualClock::at(at("2026-11-20T10:00:00Z")));
    let log = Arc::new(tollgate_log::memory::MemoryLog::new(Arc::clone(&clock) as Arc<_>));
    let (one, other) = (Service::on(Arc::clone(&log) as Arc<_>).await, Service::on(log).await);
    for nth in 0..8 {
        let set = json!({"id": format!("k-{nth}"), "entry": "acme/m", "by": "ann",
            "usd_per_token": {"input_uncached": format!("0.00000{}", nth + 1)}});
        let ((status, first), (other_status, second)) =
            tokio::join!(post(&one, "/v1/prices/set", &set), post(&other, "/v1/prices/set", &set));
        assert_eq!((status, other_status), (200, 200), "{first} {second}");
        assert_eq!(first["position"], second["position"]);
        assert_eq!(first["price_version"], second["price_version"]);
        let history = one.get("/v1/prices/history?search=acme/m").await.1;
        let changes = history["entries"][0]["changes"].as_array().map(Vec::len);
        assert_eq!(changes, Some(nth + 1), "{history}");
    }
}

#[tokio::test]
async fn the_key_may_stand_in_the_header() {
    let service = Service::new().await;
    let set = json!({"entry": "acme/m", "by": "ann", "usd_per_token": {"input_uncached": "0.000002"}});
    let bill =
        json!({"provider": "openai", "lines": [{"day": "2026-11-01", "model": "gpt-5", "amount_usd": "1"}]});
    for (path, request) in [("/v1/prices/set", set), ("/v1/bills", bill)] {
        let mut said = Vec::new();
        for _ in 0..2 {
            let request = Request::post(path)
                .header("content-type", "application/json")
                .header("idempotency-key", "k-1")
                .body(Body::from(request.to_string()))
                .unwrap();
            let answer: Value = serde_json::from_str(&service.send(request).await.1).unwrap();
            said.push(answer["repeated"].clone());
        }
        assert_eq!(said, [json!(null), json!(true)], "{path}");
    }
}
