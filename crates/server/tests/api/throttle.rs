//! A policy with `throttle` over HTTP: so many a minute beyond its limit, and from when on the next one.

use serde_json::{Value, json};
use tollgate_clock::Clock;

use crate::budgets::{set_policy, used};
use crate::support::Service;

async fn asks(service: &Service, name: &str) -> Value {
    let request = json!({"allocation": name, "model": "gpt-5", "tokens": 1000});
    let (status, answer) = service.post("/v1/allocations", request).await;
    assert_eq!(status, 200, "{answer}");
    answer
}

#[tokio::test]
async fn two_a_minute_pass_at_any_time_within_it_and_a_refusal_says_when_the_next_one_does() {
    let service = Service::new().await;
    let throttle =
        json!({"window": "monthly", "limit_usd": "1", "enforcement": "throttle", "throttle_per_minute": 2});
    set_policy(&service, "p", throttle).await;
    service.append(json!([used("u-1", "T-1", None, 100_000)])).await;
    let begin = service.clock.now();
    let after = |seconds: i64| begin.plus_millis(seconds * 1000);
    let next = after(60).to_string();
    for (seconds, name, state, retry_at) in [
        (0, "a", "open", None),
        (1, "b", "open", None),
        (2, "c", "refused", Some(&next)),
        (59, "d", "refused", Some(&next)),
        (60, "e", "open", None),
    ] {
        service.clock.set(after(seconds));
        let answer = asks(&service, name).await;
        assert_eq!(answer["state"], state, "{name}: {answer}");
        assert_eq!(answer["policies"][0]["retry_at"].as_str(), retry_at.map(String::as_str), "{answer}");
        if let Some(next) = retry_at {
            let sentence = answer["policies"][0]["sentence"].as_str().unwrap();
            let says = format!("would be exceeded, and its rate lets the next one pass at {next}: ");
            assert!(sentence.contains(&says), "{sentence}");
        }
    }
    // A check uses none of the rate, and the refusal stays in the log as it was.
    for _ in 0..3 {
        let (_, check) = service.post("/v1/check", json!({"usd": "1"})).await;
        let retry_at = check["policies"][0]["retry_at"].as_str();
        assert_eq!((&check["allowed"], retry_at), (&json!(false), Some(after(61).to_string().as_str())));
    }
    let (_, refused) = service.get("/v1/allocations/c?at_least=tail").await;
    assert_eq!(refused["policies"][0]["retry_at"], next, "{refused}");
    service.clock.set(after(61));
    let (status, extended) = service.post("/v1/allocations/a/extend", json!({"usd": "1"})).await;
    assert_eq!(status, 200, "an extension is one, too: {extended}");
    let (status, problem) = service.post("/v1/allocations/b/extend", json!({"usd": "1"})).await;
    let detail = problem["detail"].as_str().unwrap();
    assert!(status == 409 && detail.contains(&format!("pass at {}", after(120))), "{problem}");
}
