//! Policies as readers ask for them: of windows that were over before they were made, by days, of budgets that are not
//! there.

use serde_json::{Value, json};

use crate::budgets::{set_policy, used};
use crate::support::{Service, at};

/// A policy that is made today shows what was spent before it was made, also in windows that were over; it ruled
/// nothing there, and raises no alert about them.
#[tokio::test]
async fn windows_before_a_policy_show_what_had_been_spent() {
    let service = Service::new().await;
    service.clock.set(at("2026-11-20T10:00:00Z"));
    let late = |id: &str, when: &str, tokens: u64| {
        let mut event = used(id, "T-1", None, tokens);
        event["occurred_at"] = json!(when);
        event
    };
    service
        .append(json!([
            late("u-1", "2026-10-05T12:00:00Z", 150_000),
            late("u-2", "2026-10-09T12:00:00Z", 900_000)
        ]))
        .await;
    let (from, to) = ("2026-10-01T00:00:00Z", "2026-10-08T00:00:00Z");
    let fixed = json!({"window": "fixed", "window_from": from, "window_to": to, "limit_usd": "1"});
    set_policy(&service, "sprint", fixed).await;
    set_policy(&service, "day", json!({"window": "daily", "limit_usd": "1"})).await;
    for (asked, expected) in [
        ("sprint?at=2026-10-05T00:00:00Z", json!([1, true, true, "1.5", "0", "2026-10-01T00:00:00Z"])),
        ("sprint?", json!([1, true, true, "1.5", "0", "2026-10-01T00:00:00Z"])),
        ("day?at=2026-10-09T23:00:00Z", json!([1, true, true, "9", "0", "2026-10-09T00:00:00Z"])),
        ("day?at=2026-10-08T23:00:00Z", json!([1, true, true, "0", "0", "2026-10-08T00:00:00Z"])),
        ("day?at=2026-11-20T01:00:00Z", json!([1, null, null, "0", "0", "2026-11-20T00:00:00Z"])),
        // No window of this policy contains it.
        ("sprint?at=2026-10-09T00:00:00Z", json!([1, null, null, null, null, null])),
    ] {
        let (_, found) = service.get(&format!("/v1/policies/{asked}&at_least=tail")).await;
        let status = &found["status"];
        let values = [&found["version"], &status["is_over"], &status["made_later"]];
        let figures = [&status["booked"]["usd"], &status["reserved"]["usd"], &status["window_from"]];
        assert_eq!(
            Value::from_iter(values.into_iter().chain(figures).cloned()),
            expected,
            "{asked}: {found}"
        );
    }
    assert_eq!(service.ledger.budgets().observe_levels().await.unwrap(), 0, "nothing was limited then");
}

/// A day is its beginning in the zone of the policy, wherever a time is taken.
#[tokio::test]
async fn a_day_is_its_beginning_in_the_zone_of_the_policy() {
    let service = Service::new().await;
    service.clock.set(at("2026-11-20T10:00:00Z"));
    let fixed = json!({"window": "fixed", "zone": "Europe/Berlin", "from": "2026-11-01", "to": "2026-12-01",
        "window_from": "2026-11-02", "window_to": "2026-11-30", "limit_usd": "1"});
    let made = set_policy(&service, "sprint", fixed).await;
    let rule = &made["versions"][0];
    let times = ["window_from", "window_to", "from", "to"].map(|name| rule[name].as_str().unwrap());
    let expected =
        ["2026-11-01T23:00:00Z", "2026-11-29T23:00:00Z", "2026-10-31T23:00:00Z", "2026-11-30T23:00:00Z"];
    assert_eq!(times, expected, "{made}");
    set_policy(&service, "day", json!({"window": "daily", "zone": "Europe/Berlin", "limit_usd": "1"})).await;
    let (_, found) = service.get("/v1/policies/day?at=2026-11-18").await;
    assert_eq!(found["status"]["window_from"], "2026-11-17T23:00:00Z", "{found}");
    for (asked, because) in [("2026-11-21", "in the future"), ("2026-11-31", "must be a time such as")] {
        let (status, refused) = service.get(&format!("/v1/policies?at={asked}")).await;
        assert!(status == 400 && refused["detail"].as_str().unwrap().contains(because), "{refused}");
    }
    // A raise is of a time to come: what was decided under the limit of then stays.
    let raise =
        |from: Value| json!({"usd": "1", "from": from, "until": "2026-11-25", "author": "a", "reason": "r"});
    for (from, expected) in [
        (json!("2026-11-20"), Err("must not begin in the past")),
        (json!("2026-11-21"), Ok("2026-11-20T23:00:00Z")),
        (Value::Null, Ok("2026-11-20T10:00:00Z")),
    ] {
        let (status, answer) = service.post("/v1/policies/day/raise", raise(from.clone())).await;
        match expected {
            Err(because) => {
                assert_eq!(
                    (status.as_u16(), answer["code"].as_str()),
                    (422, Some("invalid_raise")),
                    "{answer}"
                );
                assert!(answer["detail"].as_str().unwrap().contains(because), "{answer}");
            }
            Ok(from) => {
                let raised = answer["raises"].as_array().unwrap().last().unwrap();
                assert_eq!(
                    (&raised["from"], &raised["until"]),
                    (&json!(from), &json!("2026-11-24T23:00:00Z"))
                );
            }
        }
    }
}

/// Prices take days, too: from their beginning in UTC on, known by their end.
#[tokio::test]
async fn a_day_of_prices_begins_in_utc_and_is_known_by_its_end() {
    let service = Service::new().await;
    service.clock.set(at("2026-11-20T10:00:00Z"));
    let set = json!({"entry": "m", "usd_per_token": {"output": "0.00001"}, "from": "2026-11-10", "by": "a"});
    let (_, answer) = service.post("/v1/prices/set", set).await;
    assert_eq!(answer["from"], "2026-11-10T00:00:00Z", "{answer}");
    let reprice = json!({"model": "m", "from": "2026-11-01", "to": "2026-11-15", "by": "a", "dry_run": true});
    let (status, answer) = service.post("/v1/prices/reprice", reprice).await;
    assert_eq!(status, 200, "{answer}");
    for (known, is_known) in [("2026-11-19", false), ("2026-11-20", true), ("2026-11-20T09:59:59Z", false)] {
        let (_, found) = service.get(&format!("/v1/prices/history?search=m&as_known_on={known}")).await;
        assert_eq!(found.to_string().contains("2026-11-10T00:00:00Z"), is_known, "{known}: {found}");
    }
}

/// A budget that is not there is said, with the one that was probably meant.
#[tokio::test]
async fn policies_of_a_budget_that_is_not_there_are_not_found() {
    let service = Service::new().await;
    let (status, _) = service.post("/v1/budgets/search", json!({})).await;
    assert_eq!(status, 200);
    for (path, expected) in [
        (
            "policies?budget=serach",
            "budget `serach` of tenant `default`: there is none; list them; did you mean `search`?",
        ),
        (
            "policies?budget=nothing-like-it",
            "budget `nothing-like-it` of tenant `default`: there is none; list them",
        ),
        ("budgets/serch", "did you mean `search`?"),
    ] {
        let (status, problem) = service.get(&format!("/v1/{path}")).await;
        assert_eq!((status.as_u16(), problem["code"].as_str()), (404, Some("budget_unknown")), "{problem}");
        assert!(problem["detail"].as_str().unwrap().ends_with(expected), "{problem}");
    }
    let (status, list) = service.get("/v1/policies?budget=search").await;
    assert_eq!((status.as_u16(), list["policies"].as_array().map(Vec::len)), (200, Some(0)), "{list}");
}

/// A further version rules from now on or later: it rewrites nothing. The first one may say since when it holds.
#[tokio::test]
async fn a_further_version_does_not_begin_in_the_past() {
    let service = Service::new().await;
    service.clock.set(at("2026-11-20T10:00:00Z"));
    let daily = |limit: &str, from: Value| json!({"window": "daily", "limit_usd": limit, "from": from});
    let first = set_policy(&service, "day", daily("1", json!("2026-11-02"))).await;
    assert_eq!(first["versions"][0]["from"], "2026-11-02T00:00:00Z");
    for from in ["2026-11-01", "2026-11-20", "2026-11-20T09:59:59.999999Z"] {
        let (status, refused) = service.post("/v1/policies/day", daily("2", json!(from))).await;
        assert_eq!((status.as_u16(), refused["code"].as_str()), (422, Some("invalid_policy")), "{refused}");
        let detail = refused["detail"].as_str().unwrap();
        assert!(
            detail.contains("must not begin in the past") && detail.contains("leave `from` out"),
            "{detail}"
        );
    }
    // What was said before, said again, changes nothing: a file of policies can be applied any number of times.
    let again = set_policy(&service, "day", daily("1", json!("2026-11-02"))).await;
    assert_eq!(again["versions"].as_array().map(Vec::len), Some(1), "{again}");
    let other = service.post("/v1/policies/day", daily("1", json!("2026-11-03"))).await;
    assert_eq!(other.0.as_u16(), 422, "{}", other.1);
    set_policy(&service, "day", daily("2", json!("2026-11-20T10:00:00Z"))).await;
    set_policy(&service, "day", daily("3", Value::Null)).await;
    let last = set_policy(&service, "day", daily("4", json!("2026-12-01"))).await;
    assert_eq!((&last["version"], last["versions"].as_array().map(Vec::len)), (&json!(3), Some(4)), "{last}");
    // Windows that are over are judged by the version of then.
    let (_, shown) = service.get("/v1/policies/day?at=2026-11-19").await;
    assert_eq!((&shown["version"], &shown["status"]["limit"]["usd"]), (&json!(1), &json!("1")), "{shown}");
}
