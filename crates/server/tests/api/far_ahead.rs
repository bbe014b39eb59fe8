//! What is about a time that nobody knows yet, or a model that nobody knows: refused where it makes no sense, else
//! taken with a warning.

use serde_json::json;

use crate::budgets::{set_policy, used};
use crate::support::{Service, at};

#[tokio::test]
async fn what_was_known_in_the_future_is_refused() {
    let service = Service::new().await;
    service.clock.set(at("2026-11-20T10:00:00Z"));
    for (path, field) in [
        ("report?known_on=", "known_on"),
        ("report/export?known_on=", "known_on"),
        ("report/focus?known_on=", "known_on"),
        ("bills/compare?provider=p&from=2026-11-01&to=2026-11-02&known_on=", "known_on"),
        ("prices/history?as_known_on=", "as_known_on"),
    ] {
        let (today, answer) = service.get(&format!("/v1/{path}2026-11-20")).await;
        assert_eq!(today, 200, "{path}: {answer}");
        let (status, refused) = service.get(&format!("/v1/{path}2026-11-21")).await;
        assert_eq!((status.as_u16(), refused["field"].as_str()), (400, Some(field)), "{path}: {refused}");
        let detail = refused["detail"].as_str().unwrap();
        assert!(detail.contains("must not be after today, 2026-11-20 in UTC"), "{path}: {detail}");
    }
    let (status, refused) = service.get("/v1/prices/history?as_known_on=2026-11-20T10:00:01Z").await;
    assert!(
        status == 400 && refused["detail"].as_str().unwrap().contains("must not be after now"),
        "{refused}"
    );
}

#[tokio::test]
async fn usage_of_a_time_far_ahead_is_taken_with_a_warning() {
    let service = Service::new().await;
    service.clock.set(at("2026-11-20T10:00:00Z"));
    for (id, when, is_warned) in [
        ("u-1", "2026-11-20T09:00:00Z", false),
        // A producer's clock may be ahead.
        ("u-2", "2026-11-21T10:00:00Z", false),
        ("u-3", "2027-11-20T10:00:00Z", true),
    ] {
        let mut event = used(id, "T-1", None, 1000);
        event["occurred_at"] = json!(when);
        let (status, answer) = service.append(json!([event])).await;
        assert_eq!(status, 201, "{answer}");
        let warnings = answer["outcomes"][0]["warnings"].to_string();
        assert_eq!(
            warnings.contains("is more than a day after the ledger's time"),
            is_warned,
            "{id}: {answer}"
        );
    }
}

#[tokio::test]
async fn a_model_that_is_to_take_over_and_that_nobody_knows_is_warned_of() {
    let service = Service::new().await;
    let mut own = used("u-1", "T-1", None, 1000);
    own["usage_recorded"]["model"] = json!("our-own");
    service.append(json!([own])).await;
    let degrades = json!({"window": "daily", "limit_usd": "5", "enforcement": "degrade",
        "degrade_to": ["gpt-5-mini", "our-own", "gpt-5-mni"]});
    let set = set_policy(&service, "p", degrades).await;
    let warnings = set["warnings"].as_array().unwrap();
    assert_eq!(warnings.len(), 1, "{set}");
    assert!(
        warnings[0].as_str().unwrap().starts_with("degrade_to `gpt-5-mni`: the price book does not"),
        "{set}"
    );
    let (_, shown) = service.get("/v1/policies/p").await;
    assert!(shown["warnings"].is_null(), "a warning is for who sets it: {shown}");
}
