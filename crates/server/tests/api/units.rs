//! What is billed besides tokens: counted, priced, corrected, priced again, and shown while it has no price.

use axum::body::Body;
use http::Request;
use serde_json::{Value, json};

use crate::support::Service;

fn images(id: &str, model: &str, units: Value) -> Value {
    json!({"id": id, "task": "T-1", "usage_recorded": {"provider": "studio", "model": model, "units": units}})
}

async fn set(service: &Service, entry: &str, per_unit: Value) {
    let request = json!({"entry": entry, "provider": "studio", "usd_per_unit": per_unit, "by": "ann",
        "from": "2020-01-01T00:00:00Z"});
    let (status, answer) = service.post("/v1/prices/set", request).await;
    assert!(status.is_success(), "{answer}");
}

#[tokio::test]
async fn a_call_is_priced_corrected_and_summed_by_its_units() {
    let service = Service::new().await;
    set(&service, "studio/painter", json!({"output_images": "0.04", "input_audio_ms": "0.006"})).await;
    let append = async |event: Value| {
        let (status, answer) = service.append(json!([event])).await;
        assert_eq!(status, 201, "{answer}");
        answer
    };
    append(images("u-1", "painter", json!({"output_images": 3, "input_audio_ms": 1500}))).await;
    let corrected = append(json!({"id": "a-1", "task": "T-1", "usage_adjusted":
        {"adjusts": "u-1", "units": {"output_images": -5}, "reason": "they were black"}}))
    .await;
    assert!(corrected.to_string().contains("removes 2 output images more than there is left"), "{corrected}");

    let (_, list) = service.get("/v1/usage").await;
    let shown: Vec<(&Value, &Value)> = list["records"]
        .as_array()
        .unwrap()
        .iter()
        .map(|record| (&record["units"], &record["cost_usd"]))
        .collect();
    assert_eq!(
        shown,
        [
            (&json!({"output_images": -3}), &json!("-0.12")),
            (&json!({"output_images": 3, "input_audio_ms": 1500}), &json!("0.129")),
        ]
    );
    let (_, summary) = service.get("/v1/usage/summary?at_least=tail").await;
    assert_eq!(summary["totals"]["units"], json!({"input_audio_ms": 1500}), "{summary}");
    assert_eq!(summary["totals"]["cost_usd"], "0.009");
    let (_, report) = service.get("/v1/report?at_least=tail").await;
    assert_eq!((&report["units"], report.get("unpriced_units")), (&json!({"input_audio_ms": 1500}), None));
    let (_, task) = service.get("/v1/tasks/T-1?at_least=tail").await;
    assert_eq!((&task["units"], &task["cost_usd"]), (&json!({"input_audio_ms": 1500}), &json!("0.009")));
}

#[tokio::test]
async fn units_without_a_price_are_shown_everywhere_until_they_have_one() {
    let service = Service::new().await;
    let (status, answer) = service
        .post(
            "/v1/policies/tenant",
            json!({"window": "monthly", "limit_usd": "10", "enforcement": "hard_limit"}),
        )
        .await;
    assert!(status.is_success(), "{answer}");
    let (status, answer) =
        service.append(json!([images("u-1", "sculptor", json!({"output_pixels": 7, "pages": 2}))])).await;
    assert_eq!(status, 201, "{answer}");

    let missing = json!({"output_pixels": 7, "pages": 2});
    for (path, place) in [
        ("/v1/usage/summary?at_least=tail", "/totals"),
        ("/v1/report?at_least=tail", ""),
        ("/v1/tasks/T-1?at_least=tail", ""),
        ("/v1/tasks?summary=true&at_least=tail", "/selection"),
        ("/v1/tasks/T-1/report?at_least=tail", "/totals"),
    ] {
        let (_, answer) = service.get(path).await;
        let found = answer.pointer(place).unwrap();
        assert_eq!(found["unpriced_units"], missing, "{path}: {answer}");
    }
    let request = Request::get("/v1/tasks/T-1/report?format=md").body(Body::empty()).unwrap();
    let (_, text) = service.send(request).await;
    assert!(text.contains("0 USD, and 7 output pixels, 2 pages without a price"), "{text}");
    let (_, policy) = service.get("/v1/policies/tenant?at_least=tail").await;
    assert_eq!(policy["status"]["unpriced_units"], missing, "{policy}");

    set(&service, "studio/sculptor", json!({"output_pixels": "0.0001", "pages": "0.5"})).await;
    let request = json!({"model": "sculptor", "from": "2020-01-01T00:00:00Z", "by": "ann"});
    let (status, repriced) = service.post("/v1/prices/reprice", request).await;
    assert!(status.is_success(), "{repriced}");
    assert_eq!((&repriced["days"][0]["units"], &repriced["difference_usd"]), (&missing, &json!("1.0007")));
    let (_, report) = service.get("/v1/report?at_least=tail").await;
    assert_eq!((report.get("unpriced_units"), &report["cost_usd"]), (None, &json!("1.0007")), "{report}");
}

#[tokio::test]
async fn a_quote_names_each_unit_and_what_is_wrong_with_what_was_asked() {
    let service = Service::new().await;
    set(&service, "studio/painter", json!({"output_images": "0.04"})).await;
    let quote = async |units: &str| {
        service.get(&format!("/v1/prices/quote?model=painter&provider=studio&{units}")).await
    };
    let (_, answer) = quote("units=output_images=3").await;
    let line = json!([{"unit": "output_images", "count": 3, "usd_per_unit": "0.04", "cost_usd": "0.12"}]);
    assert_eq!((&answer["units"], &answer["cost_usd"]), (&line, &json!("0.12")), "{answer}");
    assert_eq!(answer["entry"]["usd_per_unit"], json!({"output_images": "0.04"}));
    for (units, because) in [
        ("units=pages=1", "has no price for pages"),
        ("input_uncached=5", "has no price for input_uncached"),
        ("units=", "has no price per token: name what the call is billed for"),
    ] {
        let (_, answer) = quote(units).await;
        assert!(answer["unpriced_because"].as_str().unwrap().contains(because), "{units}: {answer}");
    }
    let (status, problem) = quote("units=output_image=3").await;
    assert!(status == 400 && problem.to_string().contains("output_images"), "{problem}");
}

#[tokio::test]
async fn what_cannot_be_is_refused_by_field() {
    let service = Service::new().await;
    for (usage, field) in [
        (json!({"units": {"output_image": 1}}), "output_image"),
        (json!({"units": {"output_images": -1}}), "units.output_images"),
        (json!({"units": {}}), "tokens"),
        (
            json!({"tokens": {"input_uncached": 5}, "units": {"input_audio_tokens": 6}}),
            "units.input_audio_tokens",
        ),
        (json!({"units": {"output_audio_tokens": 6}}), "units.output_audio_tokens"),
    ] {
        let (status, answer) =
            service.append(json!([{"id": "u", "task": "T-1", "usage_recorded": usage}])).await;
        assert!(status == 422 && answer.to_string().contains(field), "{usage}: {answer}");
    }
    for (per_unit, because) in [
        (json!({"output_images": "0"}), "must be above 0"),
        (json!({"output_images": "5000"}), "must be at most 10 USD"),
        (json!({"images": "1"}), "must be one of"),
    ] {
        let request =
            json!({"entry": "studio/painter", "provider": "studio", "usd_per_unit": per_unit, "by": "ann"});
        let (status, problem) = service.post("/v1/prices/set", request).await;
        assert!(status == 400 && problem.to_string().contains(because), "{problem}");
    }
}

/// Corrections and repricings of one call in several orders: what is counted, what it costs and what has no price
/// agree, and a second repricing finds nothing.
#[tokio::test]
async fn corrections_and_repricings_leave_what_is_left_and_its_cost() {
    let images = |count: i64| json!({"output_images": count});
    let steps = |steps: &[Value]| steps.to_vec();
    for (name, first, steps, units, usd) in [
        ("gives back after repricing", images(3), steps(&[json!("price"), images(-3)]), json!(null), "0"),
        ("revives", images(3), steps(&[json!("price"), images(-3), images(2)]), images(2), "4"),
        ("revives what was priced at once", json!("priced"), steps(&[images(-3), images(2)]), images(2), "4"),
        ("never priced and gone", images(3), steps(&[images(-3), json!("price")]), json!(null), "0"),
    ] {
        let service = Service::new().await;
        let priced = first == json!("priced");
        if priced {
            set(&service, "studio/painter", json!({"output_images": "2"})).await;
        }
        let first = if priced {
            self::images("u-1", "painter", images(3))
        } else {
            self::images("u-1", "painter", first)
        };
        assert_eq!(service.append(json!([first])).await.0, 201, "{name}");
        for (nth, step) in steps.iter().enumerate() {
            if *step == json!("price") {
                set(&service, "studio/painter", json!({"output_images": "2"})).await;
            } else {
                let adjust = json!({"adjusts": "u-1", "units": step, "reason": "miscounted"});
                let event = json!({"id": format!("a-{nth}"), "task": "T-1", "usage_adjusted": adjust});
                let (status, answer) = service.append(json!([event])).await;
                assert_eq!(status, 201, "{name}: {answer}");
            }
            let request = json!({"model": "painter", "from": "2020-01-01T00:00:00Z", "by": "ann"});
            let (status, answer) = service.post("/v1/prices/reprice", request.clone()).await;
            assert!(status.is_success(), "{name}: {answer}");
            let (_, again) = service.post("/v1/prices/reprice", request).await;
            assert_eq!(again["adjustments"], 0, "{name}: {again}");
        }
        let (_, report) = service.get("/v1/report?at_least=tail").await;
        assert_eq!(
            (report.get("units").unwrap_or(&json!(null)), &report["cost_usd"]),
            (&units, &json!(usd)),
            "{name}"
        );
    }
}

#[tokio::test]
async fn parts_go_with_their_tokens_and_are_counted_as_what_is_left() {
    let service = Service::new().await;
    let rates = json!({"entry": "studio/talker", "provider": "studio", "by": "ann", "from": "2020-01-01T00:00:00Z",
        "usd_per_token": {"input_uncached": "0.000001", "output": "0.000001"}, "usd_per_unit": {"input_audio_tokens": "0.0001"}});
    let (status, answer) = service.post("/v1/prices/set", rates).await;
    assert!(status.is_success(), "{answer}");
    let usage = json!({"provider": "studio", "model": "talker", "tokens": {"input_uncached": 100},
        "units": {"input_audio_tokens": 50}});
    let (status, answer) =
        service.append(json!([{"id": "u-1", "task": "T-1", "usage_recorded": usage}])).await;
    assert_eq!(status, 201, "{answer}");
    let adjust = async |id: &str, body: Value| {
        let event = json!({"id": id, "task": "T-1", "usage_adjusted": with(body, "reason", "miscounted")});
        let (status, answer) = service.append(json!([event])).await;
        assert_eq!(status, 201, "{answer}");
        answer.to_string()
    };
    let told = adjust("a-1", json!({"adjusts": "u-1", "tokens": {"input_uncached": -80}})).await;
    assert!(!told.contains("capped"), "{told}");
    let (_, report) = service.get("/v1/report?at_least=tail").await;
    assert_eq!(
        (&report["units"], &report["cost_usd"]),
        (&json!({"input_audio_tokens": 20}), &json!("0.002"))
    );
    let told = adjust("a-2", json!({"adjusts": "u-1", "units": {"input_audio_tokens": 100}})).await;
    assert!(told.contains("adds 100 input audio tokens more than"), "{told}");
    let (_, report) = service.get("/v1/report?at_least=tail").await;
    assert_eq!(report["units"], json!({"input_audio_tokens": 20}));
    let request = json!({"model": "talker", "from": "2020-01-01T00:00:00Z", "by": "ann", "dry_run": true});
    let (_, nothing) = service.post("/v1/prices/reprice", request).await;
    assert_eq!(nothing["adjustments"], 0, "{nothing}");
}

fn with(mut value: Value, name: &str, text: &str) -> Value {
    value[name] = text.into();
    value
}
