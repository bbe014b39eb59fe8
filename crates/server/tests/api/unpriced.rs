//! What has no price, where prices changed between a call, its corrections and its repricing: never less than nothing,
//! so that it hides nothing else, and the same in every view.

use std::sync::Arc;

use serde_json::{Value, json};
use tollgate_clock::ManualClock;
use tollgate_log::memory::MemoryLog;

use crate::support::{Service, at};

/// What is done to a call of three images.
enum Step {
    /// An image costs so much now.
    Price(&'static str),
    /// Corrections in one request, each of so many images.
    Correct(&'static [i64]),
    /// It is priced again.
    Reprice,
}

/// Images, those without a price, and the cost.
type Sums = (i64, i64, &'static str);

use Step::{Correct, Price, Reprice};

async fn take(service: &Service, nth: usize, step: &Step) -> Value {
    let (status, answer) = match step {
        Price(usd) => {
            let request = json!({"entry": "studio/painter", "provider": "studio", "by": "ann",
                "usd_per_unit": {"output_images": usd}, "from": "2020-01-01T00:00:00Z"});
            service.post("/v1/prices/set", request).await
        }
        Correct(images) => {
            let event = |(number, images): (usize, &i64)| {
                json!({"id": format!("a-{nth}-{number}"), "task": "T-1", "usage_adjusted": {
                    "adjusts": "u-1", "units": {"output_images": images}, "reason": "miscounted"}})
            };
            service.append(images.iter().enumerate().map(event).collect()).await
        }
        Reprice => {
            let request = json!({"model": "painter", "from": "2020-01-01T00:00:00Z", "by": "ann"});
            service.post("/v1/prices/reprice", request).await
        }
    };
    assert!(status.is_success(), "{answer}");
    answer
}

/// The same, as one view has them.
async fn shown_by(service: &Service, path: &str) -> (i64, i64, String) {
    let (_, answer) = service.get(&format!("{path}?at_least=tail")).await;
    let sums = answer.get("totals").unwrap_or(&answer);
    let images = |field: &str| sums[field]["output_images"].as_i64().unwrap_or_default();
    (images("units"), images("unpriced_units"), sums["cost_usd"].as_str().unwrap().to_owned())
}

/// Images, those without a price, and the cost, as all views have them.
async fn shown(service: &Service, name: &str) -> (i64, i64, String) {
    let mut found = Vec::new();
    for path in ["/v1/tasks/T-1", "/v1/report", "/v1/usage/summary"] {
        found.push(shown_by(service, path).await);
    }
    assert!(found.iter().all(|each| *each == found[0]), "{name}: {found:?}");
    found.remove(0)
}

#[tokio::test]
async fn what_has_no_price_is_what_was_never_charged() {
    let rows: [(&str, bool, &[Step], Sums); 13] = [
        ("charged, some taken away", true, &[Price("5"), Correct(&[-1])], (2, 0, "6")),
        ("and priced again", true, &[Price("5"), Correct(&[-1]), Reprice], (2, 0, "10")),
        ("charged, and some added", true, &[Price("5"), Correct(&[2])], (5, 2, "6")),
        ("of which some went", true, &[Price("5"), Correct(&[2]), Correct(&[-1])], (4, 1, "6")),
        ("in one request", true, &[Price("5"), Correct(&[2, -1])], (4, 1, "6")),
        ("and more than was added", true, &[Price("5"), Correct(&[2]), Correct(&[-3])], (2, 0, "6")),
        ("or priced again", true, &[Price("5"), Correct(&[2]), Reprice], (5, 0, "25")),
        (
            "the old price comes back",
            true,
            &[Price("5"), Correct(&[2]), Price("2"), Correct(&[-4])],
            (1, 0, "6"),
        ),
        ("never charged", false, &[Correct(&[2, -1])], (4, 4, "0")),
        // Its price is that of the usage by now.
        ("given a price, some taken away", false, &[Price("2"), Reprice, Correct(&[-1])], (2, 0, "4")),
        ("and another price since", false, &[Price("2"), Reprice, Price("5"), Correct(&[-1])], (2, 0, "6")),
        ("and some added", false, &[Price("2"), Reprice, Correct(&[-1]), Correct(&[1])], (3, 0, "6")),
        // The sum stays the same, and is known now.
        (
            "and priced again to the same sum",
            false,
            &[Price("2"), Reprice, Correct(&[-1]), Correct(&[1]), Reprice],
            (3, 0, "6"),
        ),
    ];
    for (name, is_priced, steps, (images, unpriced, usd)) in rows {
        let service = Service::new().await;
        if is_priced {
            let _ = take(&service, 0, &Price("2")).await;
        }
        let call = json!({"id": "u-1", "task": "T-1", "usage_recorded": {"provider": "studio",
            "model": "painter", "units": {"output_images": 3}}});
        assert_eq!(service.append(json!([call])).await.0, 201, "{name}");
        let mut last = Value::Null;
        for (nth, step) in steps.iter().enumerate() {
            last = take(&service, nth, step).await;
        }
        assert_eq!(shown(&service, name).await, (images, unpriced, usd.to_owned()), "{name}");
        // Who takes away what was charged is told that it is not given back.
        if matches!(steps.last(), Some(Correct([-1]))) {
            assert_eq!(last.to_string().contains("its cost does not"), usd != "4", "{name}: {last}");
        }
        let _ = take(&service, 99, &Reprice).await;
        let again = take(&service, 99, &Reprice).await;
        assert_eq!(again["adjustments"], 0, "{name}: {again}");
    }
}

#[tokio::test]
async fn a_price_for_usage_of_last_month_hides_nothing_of_this_one() {
    let clock = Arc::new(ManualClock::at(at("2026-11-20T10:00:00Z")));
    let log = Arc::new(MemoryLog::new(Arc::clone(&clock) as Arc<_>));
    let service = Service::by_clock(log, tempfile::tempdir().unwrap(), None, clock).await;
    let call = |id: &str, at: &str| {
        json!({"id": id, "task": "T-1", "occurred_at": at, "usage_recorded": {"provider": "studio",
            "model": "painter", "units": {"output_images": 3}}})
    };
    let calls = json!([call("u-1", "2026-10-10T00:00:00Z"), call("u-2", "2026-11-10T00:00:00Z")]);
    assert_eq!(service.append(calls).await.0, 201);
    let _ = take(&service, 0, &Price("0.5")).await;
    let request = json!({"model": "painter", "from": "2026-10-01T00:00:00Z", "to": "2026-11-01T00:00:00Z", "by": "ann"});
    let (status, answer) = service.post("/v1/prices/reprice", request).await;
    assert!(status.is_success() && answer["adjustments"] == 1, "{answer}");
    // The cost counts when it was found; that the usage of November has no price is still true.
    for (month, unpriced, usd) in
        [("since=2026-11-01", json!(3), "1.5"), ("until=2026-11-01", Value::Null, "0")]
    {
        let (_, summary) = service.get(&format!("/v1/usage/summary?{month}&at_least=tail")).await;
        let totals = &summary["totals"];
        let found = (&totals["unpriced_units"]["output_images"], totals["cost_usd"].as_str().unwrap());
        assert_eq!(found, (&unpriced, usd), "{month}: {summary}");
    }
}

#[tokio::test]
async fn nothing_is_taken_from_a_call_that_nobody_knows() {
    let service = Service::new().await;
    let call = json!({"id": "u-1", "task": "T-1", "usage_recorded": {"provider": "studio", "model": "painter",
        "units": {"output_images": 3}}});
    assert_eq!(service.append(json!([call])).await.0, 201);
    let adjust = json!({"id": "a-1", "task": "T-1", "usage_adjusted": {
        "adjusts": "nobody", "units": {"output_images": -3}, "reason": "miscounted"}});
    assert_eq!(service.append(json!([adjust])).await.0, 201);
    for path in ["/v1/tasks/T-1", "/v1/report", "/v1/usage/summary"] {
        assert_eq!(shown_by(&service, path).await, (3, 3, "0".to_owned()), "{path}");
    }
}

#[tokio::test]
async fn a_correction_is_about_the_time_of_a_call_that_did_not_say_when_it_was() {
    let clock = Arc::new(ManualClock::at(at("2026-10-20T10:00:00Z")));
    let log = Arc::new(MemoryLog::new(Arc::clone(&clock) as Arc<_>));
    let service = Service::by_clock(log, tempfile::tempdir().unwrap(), None, Arc::clone(&clock)).await;
    let call = json!({"id": "u-1", "task": "T-1", "usage_recorded": {"provider": "studio", "model": "painter",
        "units": {"output_images": 3}}});
    assert_eq!(service.append(json!([call])).await.0, 201);
    clock.set(at("2026-11-20T10:00:00Z"));
    let _ = take(&service, 0, &Correct(&[-1])).await;
    for (month, unpriced) in [("until=2026-11-01", json!(2)), ("since=2026-11-01", Value::Null)] {
        let (_, summary) = service.get(&format!("/v1/usage/summary?{month}&at_least=tail")).await;
        assert_eq!(summary["totals"]["unpriced_units"]["output_images"], unpriced, "{month}: {summary}");
    }
}

/// Whatever a policy measures: who decides by its figures is told what they leave out.
#[tokio::test]
async fn every_decision_about_money_says_what_has_no_price() {
    let service = Service::new().await;
    for (model, used) in [
        ("gpt-unheard-of", json!({"tokens": {"output": 1_200}})),
        ("painter", json!({"units": {"output_pixels": 7}})),
    ] {
        let mut call = used;
        call["model"] = json!(model);
        let event = json!([{"id": model, "task": "T-1", "usage_recorded": call}]);
        assert_eq!(service.append(event).await.0, 201);
    }
    for measure in ["booked", "reserved", "worst"] {
        let policy =
            json!({"window": "monthly", "limit_usd": "500", "enforcement": "warn", "measure": measure});
        crate::budgets::set_policy(&service, measure, policy).await;
    }
    let of_tokens = json!({"window": "monthly", "limit_tokens": 1_000_000});
    crate::budgets::set_policy(&service, "tokens", of_tokens).await;
    let request = json!({"model": "gpt-5", "tokens": 10, "labels": {"team": "search"}});
    let (_, check) = service.post("/v1/check", request.clone()).await;
    let (_, route) = service.post("/v1/route", json!({"model": "gpt-5", "tokens": 10})).await;
    let mut made = request;
    made["allocation"] = json!("a-1");
    let (_, allocation) = service.post("/v1/allocations", made).await;
    assert_eq!(allocation["priced"], true, "{allocation}");
    let says = |sentence: &str| {
        sentence.contains("1,200 tokens and 7 output pixels without a price")
            && sentence.contains("it counts against the limit with `measure: worst`, and otherwise not")
    };
    for answer in [&check, &allocation] {
        let policies = answer["policies"].as_array().unwrap_or_else(|| panic!("{answer}"));
        assert_eq!(policies.len(), 4, "{answer}");
        for policy in policies {
            let sentence = policy["sentence"].as_str().unwrap();
            assert_eq!(says(sentence), policy["policy"] != "tokens", "{sentence}");
        }
    }
    let of_route = route["unpriced"].as_array().unwrap_or_else(|| panic!("{route}"));
    assert_eq!(of_route.len(), 3, "{route}");
    assert!(of_route.iter().all(|line| says(line.as_str().unwrap())), "{route}");
    let unknown = json!({"allocation": "a-2", "model": "gpt-unheard-of", "tokens": 10});
    let (_, allocation) = service.post("/v1/allocations", unknown).await;
    assert_eq!(
        (&allocation["state"], &allocation["priced"]),
        (&json!("open"), &json!(false)),
        "{allocation}"
    );
}
