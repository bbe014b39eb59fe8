//! Prices come into force by decisions, wait for people, and usage is priced again.

use std::sync::Arc;

use serde_json::{Value, json};
use tollgate_clock::ManualClock;
use tollgate_log::memory::MemoryLog;

use crate::support::{Service, at};

const SOURCES: &str = "sources:\n  - {id: a, kind: litellm, file: a.json, trust: 0.9}\n  - {id: b, kind: litellm, file: b.json, trust: 0.5}\n";

/// A list with one model, at so many dollars a million tokens of input and of output.
fn list(model: &str, input: &str, output: &str) -> String {
    format!(
        r#"{{"{model}": {{"litellm_provider": "acme", "mode": "chat", "input_cost_per_token": {input}e-6, "output_cost_per_token": {output}e-6}}}}"#
    )
}

fn usage(id: &str, model: &str, when: &str) -> Value {
    json!({"id": id, "task": "T-1", "occurred_at": when, "usage_recorded": {
        "provider": "acme", "model": model, "tokens": {"input_uncached": 1_000_000}}})
}

/// What a call of a million tokens costs, and by which version.
async fn cost(service: &Service, model: &str, when: &str) -> (Value, String) {
    let quote = service
        .get(&format!("/v1/prices/quote?provider=acme&model={model}&input_uncached=1000000&at={when}"))
        .await
        .1;
    let version = quote["price_version"].as_str().unwrap().split('@').next().unwrap().to_owned();
    (quote["cost_usd"].clone(), version)
}

async fn update(service: &Service, request: Value) -> Value {
    let (status, report) = service.post("/v1/prices/update", request).await;
    assert_eq!(status, 200, "{report}");
    report
}

#[tokio::test]
async fn what_sources_agree_on_comes_into_force_and_a_large_change_waits_for_a_person() {
    let service = Service::new().await;
    service.write("prices.yaml", SOURCES);
    service.write("a.json", &list("acme/m", "1", "2"));
    service.write("b.json", &list("acme/m", "1.01", "2"));
    let dry = update(&service, json!({"dry_run": true})).await;
    assert_eq!((dry["applied"][0]["entry"].as_str(), dry["dry_run"].as_bool()), (Some("acme/m"), Some(true)));
    assert_eq!(cost(&service, "m", "2026-11-20T10:00:00Z").await.0, Value::Null);
    let done = update(&service, json!({})).await;
    assert_eq!(done["applied"][0]["verified"], true, "{done}");
    assert_eq!(cost(&service, "m", "2026-11-20T10:00:00Z").await, (json!("1"), "a".to_owned()));
    assert_eq!(cost(&service, "m", "2026-11-20T09:59:59Z").await.0, Value::Null);

    service.clock.set(at("2026-11-21T10:00:00Z"));
    service.write("a.json", &list("acme/m", "3", "2"));
    service.write("b.json", &list("acme/m", "3", "2"));
    let waits = update(&service, json!({})).await;
    assert_eq!(
        (&waits["waiting"][0]["waits"], waits["applied"].as_array().map(Vec::len)),
        (&json!(["large_change"]), Some(0))
    );
    assert_eq!(waits["waiting"][0]["percent"], 200);
    assert_eq!(cost(&service, "m", "2026-11-21T10:00:00Z").await.0, "1");
    let alerts = service.get("/v1/alerts?rule=price_waiting&at_least=tail").await.1;
    assert!(
        alerts["alerts"][0]["message"]
            .as_str()
            .unwrap()
            .contains("A price of acme/m by a waits for a person: it changes by more than half (by 200 %). "),
        "{alerts}"
    );

    let version = waits["waiting"][0]["price_version"].clone();
    let decision = json!({"price_version": version, "by": "ann", "reason": "as announced"});
    let (status, decided) = service.post("/v1/prices/approve", decision.clone()).await;
    assert_eq!((status.as_u16(), decided["in_force"].as_bool()), (200, Some(true)), "{decided}");
    assert_eq!(cost(&service, "m", "2026-11-21T10:00:00Z").await.0, "3");
    assert_eq!(cost(&service, "m", "2026-11-20T12:00:00Z").await.0, "1");
    let (status, problem) = service.post("/v1/prices/approve", decision).await;
    assert_eq!((status.as_u16(), problem["code"].as_str()), (404, Some("price_not_waiting")));
    let alerts = service.get("/v1/alerts?rule=price_waiting&state=resolved&at_least=tail").await.1;
    assert_eq!(alerts["alerts"].as_array().map(Vec::len), Some(1), "{alerts}");
    let history = service.get("/v1/prices/history?search=ACME").await.1;
    let changes = history["entries"][0]["changes"].as_array().unwrap();
    assert_eq!((changes.len(), changes[1]["approved_by"].as_str()), (2, Some("ann")), "{history}");
    let input = |amounts: &Value| amounts["usd_per_token"]["input_uncached"].clone();
    let shown = changes
        .iter()
        .map(|change| (input(&change["old"]), input(&change["new"]), change["percent"].clone()));
    let expected =
        [(json!(null), json!("0.000001"), json!(null)), (json!("0.000001"), json!("0.000003"), json!(200))];
    assert_eq!(shown.collect::<Vec<_>>(), expected, "{history}");
    assert_eq!((&changes[1]["reason"], &changes[1]["source"]), (&json!("as announced"), &json!("a")));
    assert_eq!(changes[1]["recorded_at"], "2026-11-21T10:00:00Z");
    let earlier = service.get("/v1/prices/history?as_known_on=2026-11-20T12:00:00Z").await.1;
    assert_eq!(earlier["entries"][0]["changes"].as_array().map(Vec::len), Some(1), "{earlier}");
}

#[tokio::test]
async fn what_was_rejected_is_not_proposed_again_and_a_failing_source_keeps_nobody_waiting() {
    let service = Service::new().await;
    service.write("prices.yaml", SOURCES);
    service.write("b.json", &list("acme/m", "1", "2"));
    let report = update(&service, json!({})).await;
    assert!(report["sources"][0]["problem"].as_str().unwrap().contains("a.json: "), "{report}");
    assert_eq!(report["waiting"][0]["waits"], json!(["unverified"]), "{report}");
    let version = report["waiting"][0]["price_version"].clone();
    let (status, decided) = service
        .post("/v1/prices/reject", json!({"price_version": version, "by": "ann", "reason": "too cheap"}))
        .await;
    assert_eq!((status.as_u16(), decided["in_force"].as_bool()), (200, Some(false)), "{decided}");
    let again = update(&service, json!({})).await;
    assert_eq!((&again["waiting"], &again["applied"]), (&json!([]), &json!([])), "{again}");
    assert_eq!(service.get("/v1/prices/history?waiting=true").await.1["entries"], json!([]));
    let history = service.get("/v1/prices/history").await.1;
    let rejected = &history["entries"][0]["rejected"][0];
    assert_eq!((&rejected["price_version"], &rejected["by"]), (&version, &json!("ann")), "{history}");
    assert_eq!((&rejected["at"], &rejected["reason"]), (&json!("2026-11-20T10:00:00Z"), &json!("too cheap")));
    let proposed = &rejected["proposed"];
    assert_eq!((&proposed["waits"], &proposed["source"]), (&json!(["unverified"]), &json!("b")), "{history}");
    assert_eq!(proposed["new"]["usd_per_token"]["input_uncached"], "0.000001");
    // By hand, with what the book had before.
    let set = json!({"entry": "gpt-5", "usd_per_token": {"input_uncached": "0.0000025"}, "by": "bob", "reason": "a deal"});
    assert_eq!(service.post("/v1/prices/set", set).await.0, 200);
    let set = service.get("/v1/prices/history?search=gpt-5").await.1["entries"][0]["changes"][0].clone();
    let of = |when: &str| set[when]["usd_per_token"]["input_uncached"].clone();
    assert_eq!(
        (of("old"), of("new"), &set["percent"]),
        (json!("0.00000125"), json!("0.0000025"), &json!(100)),
        "{set}"
    );
    let sources = service.get("/v1/prices/sources").await.1;
    let told: Vec<(&str, bool)> = sources["sources"]
        .as_array()
        .unwrap()
        .iter()
        .map(|source| (source["source"].as_str().unwrap(), source["problem"].is_string()))
        .collect();
    assert_eq!(told, [("a", true), ("b", false)]);
}

#[tokio::test]
async fn without_sources_or_with_a_broken_file_of_them_nothing_is_updated() {
    let service = Service::new().await;
    for (text, part) in
        [(None, "prices.yaml: No such file"), (Some("sources: [{id: a}]"), "sources[0].kind: must be given")]
    {
        if let Some(text) = text {
            service.write("prices.yaml", text);
        }
        let (status, problem) = service.post("/v1/prices/update", json!({})).await;
        assert_eq!((status.as_u16(), problem["code"].as_str()), (422, Some("price_sources")));
        assert!(problem["detail"].as_str().unwrap().contains(part), "{problem}");
    }
}

#[tokio::test]
async fn a_price_set_by_hand_is_in_force_on_every_server() {
    let clock = Arc::new(ManualClock::at(at("2026-11-20T10:00:00Z")));
    let log = Arc::new(MemoryLog::new(Arc::clone(&clock) as Arc<_>));
    let (one, other) = (Service::on(Arc::clone(&log) as Arc<_>).await, Service::on(log).await);
    let set = json!({"entry": "acme/m", "usd_per_token": {"input_uncached": "0.000005"}, "by": "ann",
        "from": "2026-11-01T00:00:00Z"});
    let (status, answer) = one.post("/v1/prices/set", set).await;
    assert_eq!(status, 200, "{answer}");
    assert_eq!(cost(&one, "m", "2026-11-20T10:00:00Z").await, (json!("5"), "manual".to_owned()));
    // It looks every few seconds; a question about decisions looks at once.
    other.get("/v1/prices/history").await;
    assert_eq!(cost(&other, "m", "2026-11-01T00:00:00Z").await, (json!("5"), "manual".to_owned()));
    assert_eq!(cost(&other, "m", "2026-10-31T23:59:59Z").await.0, Value::Null);
    for (request, field) in [
        (json!({"entry": "acme/m", "usd_per_token": {}, "by": "ann"}), "usd_per_token"),
        (json!({"entry": "acme/m", "usd_per_token": {"inputs": "1"}, "by": "ann"}), "usd_per_token"),
        (json!({"entry": "acme/m", "usd_per_token": {"output": "1.5"}, "by": "ann"}), "usd_per_token"),
        (json!({"entry": "acme/m", "usd_per_token": {"output": "0.1e"}, "by": "ann"}), "output"),
        (json!({"entry": "acme/m", "usd_per_token": {"output": "0.000001"}, "by": " "}), "by"),
        (
            json!({"entry": "acme/m", "usd_per_token": {"output": "0.000001"}, "by": "ann", "from": "now"}),
            "from",
        ),
    ] {
        let (status, problem) = one.post("/v1/prices/set", request).await;
        assert_eq!((status.as_u16(), problem["field"].as_str()), (400, Some(field)), "{problem}");
    }
}

/// What is not named stays, what is taken away is named, and the change that is told is the largest.
#[tokio::test]
async fn a_price_set_by_hand_keeps_what_it_does_not_name() {
    let service = Service::new().await;
    let set = async |mut request: Value| {
        request["by"] = json!("ann");
        service.post("/v1/prices/set", request).await
    };
    let all = json!({"entry": "acme/m", "usd_per_token": {"input_uncached": "0.00001", "cached_input": "0.000001",
        "output": "0.00002"}, "usd_per_unit": {"output_images": "0.04"}});
    let (_, first) = set(all).await;
    assert_eq!(
        (first.get("percent"), first.get("kept"), first.get("dropped")),
        (None, None, None),
        "{first}"
    );
    let rates = async || {
        let (_, list) = service.get("/v1/prices?search=acme/m").await;
        list["prices"][0]["usd_per_token"].clone()
    };
    // One rate, 4 times as much: of calls with much cached input that is far less.
    let (_, second) = set(json!({"entry": "acme/m", "usd_per_token": {"cached_input": "0.000004"}})).await;
    let kept = json!({"input_uncached": "0.00001", "output": "0.00002", "output_images": "0.04"});
    assert_eq!(
        (&second["kept"], &second["percent"], second.get("dropped")),
        (&kept, &json!(300), None),
        "{second}"
    );
    let found = rates().await;
    let of = |kind: &str| found[kind].clone();
    assert_eq!(
        (of("input_uncached"), of("cached_input"), of("output")),
        (json!("0.00001"), json!("0.000004"), json!("0.00002")),
        "{found}"
    );
    // Reasoning was billed as output: a price of its own changes what it costs.
    let (_, third) = set(json!({"entry": "acme/m", "usd_per_token": {"reasoning": "0.0001"}})).await;
    assert_eq!(third["percent"], 400, "{third}");
    let (_, fourth) = set(json!({"entry": "acme/m", "without": ["cached_input", "output_images"]})).await;
    assert_eq!(fourth["dropped"], json!(["cached_input", "output_images"]), "{fourth}");
    assert!(
        fourth["kept"].get("cached_input").is_none() && fourth["kept"]["reasoning"] == "0.0001",
        "{fourth}"
    );
    for (request, rule) in [
        (json!({"entry": "acme/m", "without": ["cache_write"]}), "is nothing that the price in force has"),
        (json!({"entry": "acme/m", "without": ["outputs"]}), "did you mean `output`?"),
        (
            json!({"entry": "acme/m", "without": ["output"], "usd_per_token": {"output": "0.00001"}}),
            "is given a price as well",
        ),
        (json!({"entry": "acme/m", "without": ["input_uncached", "output", "reasoning"]}), "no price"),
    ] {
        let (status, problem) = set(request).await;
        let detail = problem["detail"].as_str().unwrap();
        assert!(status == 400 && detail.contains(rule), "{rule}: {problem}");
    }
    let (_, tiers) = set(json!({"entry": "gpt-5", "usd_per_token": {"input_uncached": "0.000001"}})).await;
    assert!(tiers.get("dropped").is_none(), "{tiers}");
    assert!(tiers.get("similar").is_none() && tiers["kept"]["output"] == "0.00001", "{tiers}");
}

#[tokio::test]
async fn a_mistyped_model_is_asked_about() {
    let service = Service::new().await;
    let set = async |entry: &str| {
        let request = json!({"entry": entry, "usd_per_token": {"output": "0.00001"}, "by": "ann"});
        service.post("/v1/prices/set", request).await.1
    };
    let (_, shown) = service.get("/v1/prices/quote?model=gtp-5&output=5").await;
    assert!(shown["unpriced_because"].as_str().unwrap().ends_with("did you mean `gpt-5`?"), "{shown}");
    let (_, check) = service.post("/v1/check", json!({"model": "gpt5", "tokens": 5})).await;
    assert_eq!(check["similar_model"], "gpt-5", "{check}");
    // What was found once is given again, until the prices are others.
    let (_, check) = service.post("/v1/check", json!({"model": "gpt5", "tokens": 5})).await;
    assert_eq!(check["similar_model"], "gpt-5", "{check}");
    set("gpt55").await;
    let (_, check) = service.post("/v1/check", json!({"model": "gpt5", "tokens": 5})).await;
    assert_eq!(check["similar_model"], "gpt-5", "the first of two that are as near: {check}");
    set("agpt5").await;
    let (_, check) = service.post("/v1/check", json!({"model": "gpt5", "tokens": 5})).await;
    assert_eq!(check["similar_model"], "agpt5", "{check}");
    let (_, check) = service.post("/v1/check", json!({"model": "gpt-5", "tokens": 5})).await;
    assert!(check.get("similar_model").is_none(), "{check}");
    assert_eq!(set("gtp-5").await["similar"], "gpt-5");
    assert!(set("gtp-5").await.get("similar").is_none(), "it is an entry by now");
    assert!(set("house-model").await.get("similar").is_none());
}

#[tokio::test]
async fn a_price_that_a_later_one_ends_says_until_when_it_rules() {
    let service = Service::new().await;
    let set = async |usd: &str, from: &str| {
        let request = json!({"entry": "acme/m", "usd_per_token": {"output": usd}, "by": "ann", "from": from});
        let (status, answer) = service.post("/v1/prices/set", request).await;
        assert_eq!(status, 200, "{answer}");
        answer
    };
    let now = set("0.00001", "2020-06-01T00:00:00Z").await;
    assert_eq!((&now["in_force"], now.get("until")), (&json!(true), None), "{now}");
    let earlier = set("0.00002", "2020-01-01T00:00:00Z").await;
    let found = (&earlier["in_force"], &earlier["until"], &earlier["then"]);
    assert_eq!(found, (&json!(false), &json!("2020-06-01T00:00:00Z"), &now["price_version"]), "{earlier}");
    let future = set("0.00003", "2999-01-01T00:00:00Z").await;
    assert_eq!(future["in_force"], false, "{future}");
}

#[tokio::test]
async fn failure_11_usage_is_priced_again_once_and_a_closed_month_does_not_move() {
    let service = Service::new().await;
    let events = json!([
        usage("old", "m", "2026-10-30T10:00:00Z"),
        usage("new", "m", "2026-11-19T10:00:00Z"),
        usage("other", "n", "2026-11-19T10:00:00Z")
    ]);
    assert_eq!(service.append(events).await.0, 201);
    let month = async |month: &str, next: &str| {
        let span = format!("since={month}-01T00:00:00Z&until={next}-01T00:00:00Z");
        let report = service.get(&format!("/v1/report?{span}&at_least=tail")).await.1;
        (report["cost_usd"].clone(), report["unpriced_tokens"].clone())
    };
    assert_eq!(month("2026-10", "2026-11").await, (json!("0"), json!(1_000_000)));
    let set = |usd: &str, from: &str| json!({"entry": "acme/m", "usd_per_token": {"input_uncached": usd}, "by": "ann", "from": from});
    service.post("/v1/prices/set", set("0.000002", "2026-10-01T00:00:00Z")).await;
    let reprice = async |dry_run: bool| {
        let request = json!({"model": "m", "from": "2026-10-01T00:00:00Z", "dry_run": dry_run, "by": "ann"});
        let (status, report) = service.post("/v1/prices/reprice", request).await;
        assert_eq!(status, 200, "{report}");
        report
    };
    let dry = reprice(true).await;
    assert_eq!((dry["adjustments"].as_u64(), dry["difference_usd"].as_str()), (Some(2), Some("4")), "{dry}");
    let days: Vec<&str> =
        dry["days"].as_array().unwrap().iter().map(|day| day["day"].as_str().unwrap()).collect();
    assert_eq!(days, ["2026-10-30", "2026-11-19"]);
    assert_eq!(month("2026-11", "2026-12").await, (json!("0"), json!(2_000_000)));
    service.clock.set(at("2026-11-21T10:00:00Z"));
    assert_eq!(reprice(false).await["difference_usd"], "4");
    // October costs what was reported, and has a price by now; November has the difference, and what another model has
    // no price for. As known the day before, October is as it was reported.
    assert_eq!(month("2026-10", "2026-11").await, (json!("0"), json!(0)));
    let then = "/v1/report?since=2026-10-01&until=2026-11-01&known_on=2026-11-20";
    let then = service.get(then).await.1;
    assert_eq!((&then["cost_usd"], &then["unpriced_tokens"]), (&json!("0"), &json!(1_000_000)));
    assert_eq!(month("2026-11", "2026-12").await, (json!("4"), json!(1_000_000)));
    assert_eq!(reprice(false).await["adjustments"], 0);
    let task = service.get("/v1/tasks/T-1?at_least=tail").await.1;
    assert_eq!(
        (task["cost_usd"].as_str(), task["unpriced_tokens"].as_u64()),
        (Some("4"), Some(1_000_000)),
        "{task}"
    );

    // The price is corrected for November, and one usage was corrected meanwhile.
    service.post("/v1/prices/set", set("0.000003", "2026-11-01T00:00:00Z")).await;
    let half = json!([{"id": "half", "task": "T-1", "usage_adjusted": {
        "adjusts": "new", "tokens": {"input_uncached": -500_000}, "reason": "counted twice"}}]);
    assert_eq!(service.append(half).await.0, 201);
    let again = reprice(false).await;
    assert_eq!(
        (again["adjustments"].as_u64(), again["difference_usd"].as_str()),
        (Some(1), Some("-0.5")),
        "{again}"
    );
    assert_eq!(
        (again["days"][0]["old_usd"].as_str(), again["days"][0]["new_usd"].as_str()),
        (Some("2"), Some("1.5"))
    );
    assert_eq!(reprice(true).await["adjustments"], 0);
}

#[tokio::test]
async fn a_correction_after_a_repricing_is_priced_as_its_usage_is_by_now() {
    let service = Service::new().await;
    let set = async |usd: &str| {
        let request = json!({"entry": "acme/m", "usd_per_token": {"input_uncached": usd}, "by": "ann",
            "from": "2026-10-01T00:00:00Z"});
        assert_eq!(service.post("/v1/prices/set", request).await.0, 200);
    };
    let reprice = async || {
        let request = json!({"model": "m", "from": "2026-10-01T00:00:00Z", "by": "ann"});
        assert_eq!(service.post("/v1/prices/reprice", request).await.0, 200);
    };
    let cost = async || {
        let task = service.get("/v1/tasks/T-1?at_least=tail").await.1;
        (task["cost_usd"].as_str().unwrap().to_owned(), task["unpriced_tokens"].as_i64())
    };
    let correct = async |id: &str, tokens: i64| {
        let event = json!([{"id": id, "task": "T-1", "usage_adjusted": {
            "adjusts": "u", "tokens": {"input_uncached": tokens}, "reason": "counted twice"}}]);
        let (_, answer) = service.append(event).await;
        answer["outcomes"][0]["warnings"].as_array().map(Vec::len).unwrap_or_default()
    };
    service.append(json!([usage("u", "m", "2026-11-19T10:00:00Z")])).await;
    assert_eq!(cost().await, ("0".to_owned(), Some(1_000_000)));
    set("0.000002").await;
    reprice().await;
    assert_eq!((correct("c-1", -200_000).await, cost().await), (0, ("1.6".to_owned(), Some(0))));
    // Another price, and usage that still has the one before: what the correction takes away costs nobody knows what.
    set("0.000003").await;
    assert_eq!((correct("c-2", -200_000).await, cost().await), (1, ("1.6".to_owned(), Some(0))));
    reprice().await;
    assert_eq!(cost().await, ("1.8".to_owned(), Some(0)));
    assert_eq!((correct("c-3", -100_000).await, cost().await), (0, ("1.5".to_owned(), Some(0))));
    // All of it gives back what it has cost, whatever the price is by now.
    set("0.000009").await;
    assert_eq!((correct("c-4", -500_000).await, cost().await), (0, ("0".to_owned(), Some(0))));
}
