//! Decisions about money while the view `spending` is away: what was decided is read out of the log, bit by bit if it
//! is long.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use futures_util::future::join_all;
use http::StatusCode;
use serde_json::{Value, json};
use tokio::sync::Semaphore;
use tokio::time::Instant;
use tollgate_clock::ManualClock;
use tollgate_log::contract::{DedupScope, EventLog};
use tollgate_log::memory::MemoryLog;

use crate::budgets::set_policy;
use crate::support::{Held, Service, at};

/// A server that answers from its views, and one on the same log whose view `spending` gets nothing any more. That one
/// knows of the tenant what it was asked before, if it was.
async fn two(dedup: DedupScope, is_asked: bool) -> (Arc<Held>, Service, Service) {
    let memory = Arc::new(MemoryLog::new(Arc::new(ManualClock::at(at("2026-11-20T10:00:00Z")))));
    let held = Held::new(Arc::clone(&memory), dedup);
    let one = Service::on(memory).await;
    let other = Service::on(Arc::clone(&held) as Arc<_>).await;
    if is_asked {
        set_policy(&one, "known", monthly(100)).await;
        let (status, answer) = asks(&other).await;
        assert_eq!((status, said(&answer)), (StatusCode::OK, vec!["known fits".to_owned()]), "{answer}");
    }
    held.hold_spending();
    (held, one, other)
}

fn monthly(tokens: u64) -> Value {
    json!({"window": "monthly", "limit_tokens": tokens, "enforcement": "hard_limit", "on_stale": "allow"})
}

async fn asks(service: &Service) -> (StatusCode, Value) {
    service.post("/v1/check", json!({"tokens": 1})).await
}

/// What each policy says.
fn said(answer: &Value) -> Vec<String> {
    let of = |policy: &Value| format!("{} {}", policy["policy"], policy["ruling"]).replace('"', "");
    answer["policies"].as_array().into_iter().flatten().map(of).collect()
}

/// Decides about the tenant as often as this, in a record each.
async fn decides(service: &Service, times: u64) {
    for nth in 0..times {
        set_policy(service, "long", monthly(100 + nth)).await;
    }
}

#[tokio::test]
async fn a_long_log_is_read_over_several_requests_within_the_time_of_each() {
    let (held, one, other) = two(DedupScope::Life, false).await;
    decides(&one, 5).await;
    let end = held.tail().await.unwrap().highest().0;
    // From now on time passes only where everybody waits for it.
    tokio::time::pause();
    for (more, left) in [(2, 3), (1, 2), (0, 2)] {
        held.records.add_permits(more);
        let began = Instant::now();
        let (status, answer) = asks(&other).await;
        assert_eq!((status, &answer["code"]), (StatusCode::SERVICE_UNAVAILABLE, &json!("stale")), "{answer}");
        let detail = answer["detail"].as_str().unwrap();
        let far = format!("up to record {} of {end} so far: ask again", end - left);
        assert!(detail.contains(&far), "{detail}");
        assert!(began.elapsed() < Duration::from_millis(5500), "{:?}", began.elapsed());
    }
    held.records.add_permits(Semaphore::MAX_PERMITS);
    let (status, answer) = asks(&other).await;
    assert_eq!((status, said(&answer)), (StatusCode::OK, vec!["long stale_allowed".to_owned()]), "{answer}");
    // What is known now is known.
    let (_, answer) = asks(&other).await;
    assert_eq!(said(&answer), ["long stale_allowed"]);
    assert_eq!(held.opened.load(Ordering::SeqCst), 1, "it began once");
}

#[tokio::test]
async fn what_was_read_stays_when_the_asker_goes_away() {
    let (held, one, other) = two(DedupScope::Life, false).await;
    decides(&one, 5).await;
    tokio::time::pause();
    held.records.add_permits(2);
    let (status, _) = asks(&other).await;
    assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
    // The next one waits for the log when it goes away.
    let mut waits = held.waits.subscribe();
    tokio::select! {
        answered = asks(&other) => panic!("{answered:?}"),
        _ = waits.changed() => {}
    }
    held.records.add_permits(Semaphore::MAX_PERMITS);
    let (status, answer) = asks(&other).await;
    assert_eq!((status, said(&answer)), (StatusCode::OK, vec!["long stale_allowed".to_owned()]), "{answer}");
    assert_eq!(held.opened.load(Ordering::SeqCst), 1, "it began once");
}

#[tokio::test]
async fn a_server_decides_from_what_it_knows_when_the_log_cannot_be_read_and_goes_on_when_it_can() {
    let (held, one, other) = two(DedupScope::Window, true).await;
    decides(&one, 5).await;
    tokio::time::pause();
    held.records.add_permits(2);
    let (status, answer) = asks(&other).await;
    // The log is too long: what is known has to do.
    assert_eq!((status, said(&answer)), (StatusCode::OK, vec!["known stale_allowed".to_owned()]), "{answer}");
    held.fails.store(true, Ordering::SeqCst);
    let (status, answer) = asks(&other).await;
    assert_eq!((status, said(&answer)), (StatusCode::OK, vec!["known stale_allowed".to_owned()]), "{answer}");
    held.fails.store(false, Ordering::SeqCst);
    held.records.add_permits(Semaphore::MAX_PERMITS);
    let (_, answer) = asks(&other).await;
    assert_eq!(said(&answer), ["known stale_allowed", "long stale_allowed"], "{answer}");
    assert_eq!(held.opened.load(Ordering::SeqCst), 1, "it began once");
}

#[tokio::test]
async fn a_refusal_takes_no_longer_than_its_request_waits() {
    let (held, one, other) = two(DedupScope::Window, true).await;
    let mut policy = monthly(100);
    policy["on_stale"] = json!("refuse");
    set_policy(&one, "refuses", policy).await;
    held.records.add_permits(Semaphore::MAX_PERMITS);
    asks(&other).await;
    tokio::time::pause();
    let began = Instant::now();
    // By what it knows it refuses: before it says so, it looks for what others decided.
    let (status, answer) = other.post("/v1/allocations", json!({"allocation": "a", "tokens": 1})).await;
    assert_eq!((status, &answer["code"]), (StatusCode::SERVICE_UNAVAILABLE, &json!("stale")), "{answer}");
    let detail = answer["detail"].as_str().unwrap();
    assert!(detail.contains("policy `refuses` says to wait"), "{detail}");
    assert!(began.elapsed() <= Duration::from_millis(2500), "{:?}", began.elapsed());
}

/// The limit of a policy, as a check says it.
fn limit_of(answer: &Value, policy: &str) -> Value {
    let found = answer["policies"].as_array().into_iter().flatten().find(|found| found["policy"] == policy);
    found.map_or(Value::Null, |found| found["limit"]["tokens"].clone())
}

#[tokio::test]
async fn a_decision_that_is_in_the_log_twice_counts_once() {
    // Of a server that has to read all decisions, and of one that knows the first ones.
    for is_asked in [false, true] {
        let memory = Arc::new(MemoryLog::new(Arc::new(ManualClock::at(at("2026-11-20T10:00:00Z")))));
        let held = Held::new(Arc::clone(&memory), DedupScope::Window);
        let (one, other) = (Service::on(memory).await, Service::on(Arc::clone(&held) as Arc<_>).await);
        set_policy(&one, "raised", monthly(100)).await;
        let raise = json!({"tokens": 50, "until": "2026-12-24", "author": "ada", "reason": "a hard week"});
        let (status, answer) = one.post("/v1/policies/raised/raise", raise).await;
        assert_eq!(status, 200, "{answer}");
        let first = held.tail().await.unwrap().highest();
        if is_asked {
            let (_, answer) = asks(&other).await;
            assert_eq!(limit_of(&answer, "raised"), 150, "{answer}");
        }
        held.hold_spending();
        set_policy(&one, "instead", monthly(1)).await;
        let instead = held.tail().await.unwrap().highest();
        held.repeats.lock().unwrap().insert(instead, first);
        set_policy(&one, "last", monthly(100)).await;
        tokio::time::pause();
        held.records.add_permits(Semaphore::MAX_PERMITS);
        let (_, answer) = asks(&other).await;
        assert_eq!(said(&answer), ["last stale_allowed", "raised stale_allowed"], "{answer}");
        assert_eq!(limit_of(&answer, "raised"), 150, "{answer}");
        tokio::time::resume();
    }
}

#[tokio::test]
async fn the_log_is_read_for_a_few_tenants_at_once() {
    let (held, one, other) = two(DedupScope::Life, false).await;
    let tenants = ["t1", "t2", "t3", "t4", "t5"];
    for tenant in tenants {
        let mut policy = monthly(100);
        policy["tenant"] = json!(tenant);
        set_policy(&one, "one", policy).await;
    }
    tokio::time::pause();
    let asks = async |tenant: &str| {
        let (status, answer) = other.post("/v1/check", json!({"tenant": tenant, "tokens": 1})).await;
        (status.as_u16(), answer)
    };
    // They are being read for once, without a record so far, and then look for the view only briefly.
    for tenant in &tenants[1..] {
        assert_eq!(asks(tenant).await.1["code"], "stale");
    }
    let ((status, answer), others) = tokio::join!(asks(tenants[0]), async {
        // In steps: others begin at the first one.
        for _ in 0..10 {
            tokio::time::advance(Duration::from_millis(100)).await;
        }
        join_all(tenants[1..].iter().map(|tenant| asks(tenant))).await
    });
    assert_eq!((status, &answer["code"]), (503, &json!("busy")), "{answer}");
    assert!(answer["detail"].as_str().unwrap().contains("4 other tenants"), "{answer}");
    assert!(others.iter().all(|(_, answer)| answer["code"] == "stale"), "{others:?}");
    held.records.add_permits(Semaphore::MAX_PERMITS);
    for tenant in tenants {
        let (status, answer) = asks(tenant).await;
        assert_eq!((status, said(&answer)), (200, vec!["one stale_allowed".to_owned()]), "{answer}");
    }
}

#[tokio::test]
async fn what_is_recorded_is_answered_although_its_figures_are_not_known() {
    let memory = Arc::new(MemoryLog::new(Arc::new(ManualClock::at(at("2026-11-20T10:00:00Z")))));
    let held = Held::new(memory, DedupScope::Life);
    let service = Service::on(Arc::clone(&held) as Arc<_>).await;
    set_policy(&service, "p", monthly(100)).await;
    for name in ["a", "refused"] {
        let tokens = if name == "a" { 5 } else { 500 };
        let asked = json!({"allocation": name, "tokens": tokens});
        let (status, made) = service.post("/v1/allocations", asked).await;
        assert_eq!(status, StatusCode::OK, "{made}");
    }
    held.hold_spending();
    held.records.add_permits(Semaphore::MAX_PERMITS);
    tokio::time::pause();
    let does = async |path: &str, body: Value| {
        let (status, answer) = service.post(path, body).await;
        assert_eq!(status, StatusCode::OK, "{path}: {answer}");
        answer
    };

    let budget = does("/v1/budgets/b", json!({"title": "B"})).await;
    assert_eq!((&budget["title"], &budget["policies"]), (&json!("B"), &json!([])), "{budget}");
    let mut second = monthly(200);
    second["if_version"] = json!(1);
    second["budget"] = json!("b");
    let raise = json!({"id": "r", "tokens": 50, "until": "2026-12-24", "author": "ada", "reason": "late"});
    let withdraw = json!({"raise": "r", "author": "ada", "reason": "no more"});
    for (path, body, versions, raised) in [
        ("/v1/policies/p", second, 2, json!(null)),
        // The latest version says that already.
        (
            "/v1/policies/p",
            json!({"budget": "b", "window": "monthly", "limit_tokens": 200,
            "enforcement": "hard_limit", "on_stale": "allow"}),
            2,
            json!(null),
        ),
        ("/v1/policies/p/raise", raise.clone(), 2, json!("in_force")),
        // A retry.
        ("/v1/policies/p/raise", raise, 2, json!("in_force")),
        ("/v1/policies/p/withdraw", withdraw, 2, json!("withdrawn")),
        // A name that nothing has.
        (
            "/v1/policies/q",
            json!({"window": "daily", "limit_usd": "1", "scope": {"model": "nope"}}),
            1,
            json!(null),
        ),
    ] {
        let answer = does(path, body).await;
        assert_eq!(answer["versions"].as_array().map(Vec::len), Some(versions), "{answer}");
        assert_eq!(
            (&answer["version"], &answer["raises"][0]["state"]),
            (&json!(versions), &raised),
            "{answer}"
        );
        assert_eq!(answer["status"], json!(null), "{answer}");
        let figures = answer["figures"].as_str().unwrap_or_default();
        assert!(figures.starts_with("what was spent is not known yet: view spending: "), "{answer}");
    }
    let budget = does("/v1/budgets/default-policies", json!({})).await;
    assert_eq!(budget["policies"].as_array().map(Vec::len), Some(19), "{budget}");
}

#[tokio::test]
async fn an_allocation_is_answered_although_what_was_used_of_it_is_not_known() {
    let memory = Arc::new(MemoryLog::new(Arc::new(ManualClock::at(at("2026-11-20T10:00:00Z")))));
    let held = Held::new(memory, DedupScope::Life);
    let service = Service::on(Arc::clone(&held) as Arc<_>).await;
    held.hold_spending();
    held.records.add_permits(Semaphore::MAX_PERMITS);
    tokio::time::pause();
    set_policy(&service, "p", monthly(100)).await;
    let (status, made) = service.post("/v1/allocations", json!({"allocation": "a", "tokens": 5})).await;
    assert_eq!((status, &made["state"]), (StatusCode::OK, &json!("open")), "{made}");
    // What is done, and then: the state, the tokens of `amount`, whether it was done before.
    for (path, asked, state, amount, repeated) in [
        ("", json!({"allocation": "a", "tokens": 5}), "open", 5, true),
        ("/a/extend", json!({"id": "e", "tokens": 7}), "open", 12, false),
        ("/a/extend", json!({"id": "e", "tokens": 7}), "open", 12, true),
        ("/a/release", json!({}), "released", 12, false),
        // By how much it was extended is not known to this one.
        ("/a/release", json!({}), "released", 5, true),
        ("", json!({"allocation": "a", "tokens": 5}), "released", 5, true),
    ] {
        let (status, answer) = service.post(&format!("/v1/allocations{path}"), asked).await;
        assert_eq!((status, &answer["state"]), (StatusCode::OK, &json!(state)), "{path}: {answer}");
        assert_eq!(
            (&answer["amount"]["tokens"], &answer["repeated"]),
            (&json!(amount), &json!(repeated)),
            "{answer}"
        );
        assert_eq!(answer["used"], json!(null), "{answer}");
        let figures = answer["figures"].as_str().unwrap_or_default();
        assert!(figures.starts_with("what was used is not known yet: view spending: "), "{answer}");
    }
}
