//! Budgets, policies and allocations over HTTP. Numbers are those of failures that other systems had
//! (`docs/reference/reliability.md`).

use std::sync::Arc;

use serde_json::{Value, json};
use tollgate_clock::{Clock, ManualClock};
use tollgate_log::memory::MemoryLog;

use crate::support::{Service, at};

/// A hard limit of 5 USD a month on everything.
fn five_dollars() -> Value {
    json!({"window": "monthly", "limit_usd": "5", "enforcement": "hard_limit"})
}

pub(crate) async fn set_policy(service: &Service, name: &str, policy: Value) -> Value {
    let (status, answer) = service.post(&format!("/v1/policies/{name}"), policy).await;
    assert_eq!(status, 200, "{answer}");
    answer
}

async fn allocate(service: &Service, request: Value) -> Value {
    let (status, answer) = service.post("/v1/allocations", request).await;
    assert_eq!(status, 200, "{answer}");
    answer
}

/// Usage of this much output of `gpt-5`, at 0.00001 USD a token.
pub(crate) fn used(id: &str, task: &str, allocation: Option<&str>, output: u64) -> Value {
    let mut usage = json!({"model": "gpt-5", "tokens": {"output": output}});
    if let Some(allocation) = allocation {
        usage["allocation"] = json!(allocation);
    }
    json!({"id": id, "task": task, "usage_recorded": usage})
}

fn rulings(answer: &Value) -> Vec<String> {
    let policies = answer["policies"].as_array().unwrap();
    policies
        .iter()
        .map(|found| format!("{} {}", found["policy"].as_str().unwrap(), found["ruling"].as_str().unwrap()))
        .collect()
}

#[tokio::test]
async fn what_is_reserved_is_used_settled_released_and_adds_up() {
    let service = Service::new().await;
    set_policy(&service, "tenant", five_dollars()).await;
    let made =
        allocate(&service, json!({"allocation": "a", "model": "gpt-5", "tokens": 200_000, "task": "T-1"}))
            .await;
    assert_eq!((&made["state"], &made["amount"]["usd"]), (&json!("open"), &json!("2")), "{made}");
    assert_eq!(rulings(&made), ["tenant fits"]);
    // 3 of 5 USD are free.
    let (_, check) = service.post("/v1/check", json!({"usd": "3.000001"})).await;
    assert_eq!((&check["allowed"], rulings(&check)), (&json!(false), vec!["tenant refused".to_owned()]));
    let (_, check) = service.post("/v1/check", json!({"usd": "3"})).await;
    assert_eq!((&check["allowed"], rulings(&check)), (&json!(true), vec!["tenant warns".to_owned()]));
    // Use moves what was reserved; nothing changes for others.
    service.append(json!([used("u-1", "T-1", Some("a"), 50_000)])).await;
    let (_, check) = service.post("/v1/check", json!({"usd": "3.000001"})).await;
    assert_eq!(check["allowed"], false, "{check}");
    let figures = &check["policies"][0];
    assert_eq!((&figures["booked"]["usd"], &figures["reserved"]["usd"]), (&json!("0.5"), &json!("1.5")));
    let (_, released) = service.post("/v1/allocations/a/release", json!({"author": "ci"})).await;
    let of = |what: &str| released[what]["usd"].as_str().unwrap().to_owned();
    assert_eq!(
        [of("amount"), of("used"), of("remaining"), of("released"), of("expired"), of("overrun")],
        ["2", "0.5", "0", "1.5", "0", "0"]
    );
    let (_, check) = service.post("/v1/check", json!({"usd": "4.5"})).await;
    assert_eq!(check["allowed"], true, "{check}");
    // Late use is recorded in full, beyond what was allocated, too.
    service.append(json!([used("u-2", "T-1", Some("a"), 170_000)])).await;
    let (_, late) = service.get("/v1/allocations/a?at_least=tail").await;
    assert_eq!((&late["used"]["usd"], &late["overrun"]["usd"]), (&json!("2.2"), &json!("0.2")));
    let (status, problem) = service.post("/v1/allocations/a/release", json!({})).await;
    assert_eq!((status.as_u16(), &problem["repeated"]), (200, &json!(true)), "{problem}");
    let (_, list) = service.get("/v1/allocations?at_least=tail").await;
    assert_eq!(list["allocations"].as_array().unwrap().len(), 1, "{list}");
}

#[tokio::test]
async fn a_retry_gets_the_first_answer_and_another_request_under_its_name_is_a_conflict() {
    let service = Service::new().await;
    set_policy(&service, "tenant", five_dollars()).await;
    let request = json!({"allocation": "a", "model": "gpt-5", "tokens": 400_000});
    let first = allocate(&service, request.clone()).await;
    assert_eq!((&first["state"], &first["repeated"]), (&json!("open"), &json!(false)));
    for _ in 0..2 {
        let again = allocate(&service, request.clone()).await;
        assert_eq!((&again["state"], &again["repeated"]), (&json!("open"), &json!(true)), "{again}");
        assert_eq!(again["decided_at"], first["decided_at"]);
    }
    let (status, problem) =
        service.post("/v1/allocations", json!({"allocation": "a", "model": "gpt-5", "tokens": 1})).await;
    assert_eq!((status.as_u16(), &problem["code"]), (409, &json!("conflict")), "{problem}");
    // Money that the sender names is part of the request; what follows from a price is not.
    let (status, problem) = service
        .post("/v1/allocations", json!({"allocation": "a", "model": "gpt-5", "tokens": 400_000, "usd": "1"}))
        .await;
    assert_eq!((status.as_u16(), &problem["code"]), (409, &json!("conflict")), "{problem}");
    // A refusal is an answer, too: it stays, with its figures, and the name is taken.
    let refused = allocate(&service, json!({"allocation": "b", "model": "gpt-5", "tokens": 200_000})).await;
    assert_eq!(refused["state"], "refused");
    let sentence = refused["policies"][0]["sentence"].as_str().unwrap();
    assert_eq!(
        sentence,
        "policy `tenant` (version 1) would be exceeded: 0 of 5 USD spent, 4 reserved, 2 asked for until 2026-12-01T00:00:00Z"
    );
    service.post("/v1/allocations/a/release", json!({})).await;
    let again = allocate(&service, json!({"allocation": "b", "model": "gpt-5", "tokens": 200_000})).await;
    assert_eq!((&again["state"], &again["repeated"]), (&json!("refused"), &json!(true)));
}

/// 1: a thousand concurrent reservations on a budget of 5 USD, through two servers.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn failure_01_of_a_thousand_at_once_exactly_those_that_fit_are_given_by_any_number_of_servers() {
    let clock = Arc::new(ManualClock::at(at("2026-11-20T10:00:00Z")));
    let log = Arc::new(MemoryLog::new(Arc::clone(&clock) as Arc<_>));
    let mut servers = Vec::new();
    for _ in 0..2 {
        let dir = tempfile::tempdir().unwrap();
        let log = Arc::clone(&log) as Arc<_>;
        servers.push(Arc::new(Service::by_clock(log, dir, None, Arc::clone(&clock)).await));
    }
    set_policy(&servers[0], "tenant", five_dollars()).await;
    let asked = (0..1000).map(|nth| {
        let server = Arc::clone(&servers[nth % 2]);
        tokio::spawn(async move {
            let request = json!({"allocation": format!("a-{nth}"), "usd": "0.011"});
            loop {
                let (status, answer) = server.post("/v1/allocations", request.clone()).await;
                match status.as_u16() {
                    200 => return answer["state"] == "open",
                    503 => tokio::task::yield_now().await,
                    _ => panic!("{answer}"),
                }
            }
        })
    });
    let mut given = 0;
    for asked in asked.collect::<Vec<_>>() {
        given += u64::from(asked.await.unwrap());
    }
    // 454 × 0.011 = 4.994; one more would be 5.005.
    assert_eq!(given, 454);
    for server in &servers {
        let (_, policy) = server.get("/v1/policies/tenant?at_least=tail").await;
        assert_eq!(policy["status"]["reserved"]["usd"], "4.994", "{policy}");
    }
}

/// More decisions at once than one record has room for: all are made, each with the state after those before it.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn decisions_that_fill_several_records_are_all_made() {
    let service = Arc::new(Service::new().await);
    for nth in 0..30 {
        let scope = json!({"label.a-rather-long-name-of-a-label": format!("{nth}")});
        let long = json!({"window": "monthly", "limit_tokens": 1_000_000, "scope": scope});
        set_policy(&service, &format!("{nth}-{}", "x".repeat(100)), long).await;
        set_policy(
            &service,
            &format!("all-{nth}-{}", "x".repeat(90)),
            json!({"window": "monthly", "limit_tokens": 1000, "enforcement": "hard_limit"}),
        )
        .await;
    }
    let asked = (0..200).map(|nth| {
        let service = Arc::clone(&service);
        let request = json!({"allocation": format!("a-{nth}"), "tokens": 10});
        tokio::spawn(async move { allocate(&service, request).await["state"] == "open" })
    });
    let mut given = 0;
    for asked in asked.collect::<Vec<_>>() {
        given += u64::from(asked.await.unwrap());
    }
    assert_eq!(given, 100);
}

/// 2: nobody settles; what is held returns by its deadline, and what was booked stays.
#[tokio::test]
async fn failure_02_what_nobody_settles_is_free_at_its_expiry() {
    let service = Service::new().await;
    set_policy(&service, "tenant", five_dollars()).await;
    allocate(&service, json!({"allocation": "a", "usd": "5", "ttl_s": 60})).await;
    service.append(json!([used("u-1", "T-1", Some("a"), 100_000)])).await;
    let (_, check) = service.post("/v1/check", json!({"usd": "0.000001"})).await;
    assert_eq!(check["allowed"], false, "{check}");
    service.clock.set(service.clock.now().plus_millis(60_000));
    let (_, check) = service.post("/v1/check", json!({"usd": "4"})).await;
    assert_eq!(check["allowed"], true, "{check}");
    let (_, expired) = service.get("/v1/allocations/a?at_least=tail").await;
    assert_eq!(
        (&expired["state"], &expired["used"]["usd"], &expired["expired"]["usd"]),
        (&json!("expired"), &json!("1"), &json!("4"))
    );
    let (status, problem) = service.post("/v1/allocations/a/extend", json!({"ttl_s": 60})).await;
    assert_eq!((status.as_u16(), &problem["code"]), (422, &json!("allocation_expired")), "{problem}");
    // Lists select by the state that they show.
    for (state, count) in [("open", 0), ("expired", 1)] {
        let (_, list) = service.get(&format!("/v1/allocations?state={state}&at_least=tail")).await;
        assert_eq!(list["allocations"].as_array().map(Vec::len), Some(count), "{list}");
    }
    // The log says so, once.
    assert_eq!(service.ledger.budgets().record_expired().await.unwrap(), 1);
    assert_eq!(service.ledger.budgets().record_expired().await.unwrap(), 0);
    let (_, recorded) = service.get("/v1/allocations/a?at_least=tail").await;
    assert_eq!((&recorded["state"], &recorded["expired"]["usd"]), (&json!("expired"), &json!("4")));
}

#[tokio::test]
async fn an_extension_that_is_refused_says_what_it_would_have_cost() {
    let service = Service::new().await;
    set_policy(&service, "tenant", five_dollars()).await;
    allocate(&service, json!({"allocation": "a", "model": "gpt-5", "tokens": 1})).await;
    let (status, problem) = service.post("/v1/allocations/a/extend", json!({"tokens": 1_000_000})).await;
    assert_eq!(status, 409, "{problem}");
    let detail = problem["detail"].as_str().unwrap();
    assert!(detail.contains("0.00001 reserved, 10 asked for"), "{detail}");
}

/// 6: a budget that is made after the usage shows all of it.
#[tokio::test]
async fn failure_06_a_policy_made_today_shows_what_was_spent_before() {
    let service = Service::new().await;
    service.append(json!([used("u-1", "T-1", None, 100_000), used("u-2", "T-2", None, 25_000)])).await;
    let policy = set_policy(&service, "late", five_dollars()).await;
    assert_eq!(policy["status"]["booked"]["usd"], "1.25", "{policy}");
    let of_task = json!({"window": "monthly", "limit_usd": "5", "scope": {"task": "T-2"}});
    let policy = set_policy(&service, "of-task", of_task).await;
    assert_eq!(policy["status"]["booked"]["usd"], "0.25", "{policy}");
}

/// 7: a change of window or limit keeps the history.
#[tokio::test]
async fn failure_07_a_change_is_a_new_version_and_the_answer_says_which_one_ruled() {
    let service = Service::new().await;
    set_policy(&service, "tenant", five_dollars()).await;
    service.append(json!([used("u-1", "T-1", None, 450_000)])).await;
    let refused = allocate(&service, json!({"allocation": "a", "usd": "1"})).await;
    assert_eq!((&refused["state"], &refused["policies"][0]["version"]), (&json!("refused"), &json!(1)));
    let daily = json!({"window": "daily", "limit_usd": "10", "enforcement": "hard_limit", "if_version": 1,
        "author": "ada", "reason": "release"});
    let policy = set_policy(&service, "tenant", daily).await;
    assert_eq!(
        (&policy["version"], policy["versions"].as_array().unwrap().len()),
        (&json!(2), 2),
        "{policy}"
    );
    assert_eq!(policy["status"]["booked"]["usd"], "4.5", "what was spent today");
    let made = allocate(&service, json!({"allocation": "b", "usd": "1"})).await;
    assert_eq!((&made["state"], &made["policies"][0]["version"]), (&json!("open"), &json!(2)));
    let (_, first) = service.get("/v1/allocations/a?at_least=tail").await;
    assert_eq!(first["policies"][0]["limit"]["usd"], "5", "it was decided under the first version");
    let (status, problem) = service
        .post("/v1/policies/tenant", json!({"window": "daily", "limit_usd": "1", "if_version": 1}))
        .await;
    assert_eq!((status.as_u16(), &problem["code"]), (422, &json!("version_mismatch")), "{problem}");
}

/// 10: a model without a price is exposure, and stops where the policy says so.
#[tokio::test]
async fn failure_10_usage_without_a_price_is_exposure_not_zero() {
    let service = Service::new().await;
    let worst =
        json!({"window": "monthly", "limit_usd": "5", "enforcement": "hard_limit", "measure": "worst"});
    set_policy(&service, "worst", worst).await;
    let unknown = json!({"model": "gpt-unheard-of", "tokens": {"output": 10_000_000}});
    service.append(json!([{"id": "u-1", "task": "T-1", "usage_recorded": unknown}])).await;
    let refused = allocate(&service, json!({"allocation": "a", "usd": "0.01"})).await;
    assert_eq!(refused["state"], "refused", "{refused}");
    let unpriced = &refused["policies"][0]["unpriced"];
    assert_eq!(unpriced["tokens"], 10_000_000, "{unpriced}");
    assert!(unpriced["usd"].as_str().unwrap().parse::<f64>().unwrap() > 5.0, "{unpriced}");
    // What a request will cost has to be known, too.
    let (_, check) = service.post("/v1/check", json!({"model": "gpt-unheard-of", "tokens": 1})).await;
    assert_eq!(rulings(&check), ["worst unpriced"]);
    assert!(check.to_string().contains("0 reserved, an unknown amount asked for"), "{check}");
}

#[tokio::test]
async fn what_would_exceed_a_limit_is_given_a_cheaper_model_where_the_policy_says_so() {
    let service = Service::new().await;
    let degrades = json!({"window": "monthly", "limit_usd": "1", "enforcement": "degrade",
        "degrade_to": ["gpt-5-mini"]});
    set_policy(&service, "big", degrades).await;
    let made = allocate(&service, json!({"allocation": "a", "model": "gpt-5", "tokens": 150_000})).await;
    assert_eq!(
        (&made["state"], &made["model"], &made["instead_of"]),
        (&json!("open"), &json!("gpt-5-mini"), &json!("gpt-5")),
        "{made}"
    );
    let refused = allocate(&service, json!({"allocation": "b", "model": "gpt-5", "usd": "5"})).await;
    assert_eq!(refused["state"], "refused", "money is the same whatever the model: {refused}");
    let (_, route) = service
        .post("/v1/route", json!({"model": "gpt-5", "tokens": 150_000, "providers": ["openai"]}))
        .await;
    assert_eq!(route["preferred"]["fits"], true, "1.05 USD at the split that routes assume: {route}");
    let chosen = &route["chosen"];
    let cost = |view: &Value| view["cost_usd"].as_str().unwrap().parse::<f64>().unwrap();
    assert!(chosen["fits"] == true && cost(chosen) <= cost(&route["preferred"]), "{route}");
    assert!(chosen["arithmetic"].as_str().unwrap().contains(" input_uncached × "), "{route}");
}

#[tokio::test]
async fn the_policies_that_ship_are_made_once_and_only_warn() {
    let service = Service::new().await;
    let (status, budget) = service.post("/v1/budgets/default-policies", json!({"author": "ada"})).await;
    assert_eq!((status.as_u16(), budget["policies"].as_array().unwrap().len()), (200, 19), "{budget}");
    let (_, before) = service.get("/v1/position").await;
    let (_, again) = service.post("/v1/budgets/default-policies", json!({})).await;
    let (_, after) = service.get("/v1/position").await;
    assert_eq!(budget["policies"], again["policies"]);
    assert_eq!(before["position"], after["position"], "nothing new was decided");
    let request = json!({"model": "gpt-5", "tokens": 200_000, "labels": {"task_type": "coding"}});
    let (_, check) = service.post("/v1/check", request).await;
    assert_eq!(check["allowed"], true, "{check}");
    assert!(rulings(&check).contains(&"default-remote_heavyweight-hourly over".to_owned()), "{check}");
    let (_, list) = service.get("/v1/policies?limit=5&at_least=tail").await;
    assert_eq!(
        (list["policies"].as_array().unwrap().len(), &list["next"]),
        (5, &list["policies"][4]["policy"])
    );
    // Without a number the default of the type and the priority is asked for.
    let (_, check) =
        service.post("/v1/check", json!({"model": "gpt-5", "labels": {"task_type": "chat"}})).await;
    assert_eq!(check["amount"]["tokens"], 4000, "{check}");
}

#[tokio::test]
async fn how_fast_a_limit_is_used_up_is_said_with_its_error() {
    let service = Service::new().await;
    let spent = [(1, 10_000_u64), (2, 30_000), (3, 20_000)];
    for (day, output) in spent {
        let mut usage = used(&format!("u-{day}"), "T-1", None, output);
        usage["occurred_at"] = json!(format!("2026-11-{day:02}T12:00:00Z"));
        service.append(json!([usage])).await;
    }
    service.clock.set(at("2026-11-04T00:00:00Z"));
    let monthly = json!({"window": "monthly", "limit_usd": "2", "from": "2026-11-01T00:00:00Z"});
    let policy = set_policy(&service, "tenant", monthly).await;
    let burn = &policy["status"]["burn"];
    assert_eq!((&burn["per_period"]["usd"], &burn["periods"]), (&json!("0.2"), &json!(3)), "{burn}");
    assert_eq!(
        burn["sentence"],
        "at 0.2 USD a day the limit is reached on 2026-11-11 (2026-11-08 to 2026-11-18)"
    );
}

#[tokio::test]
async fn bad_requests_are_refused_with_what_is_wrong_and_change_nothing() {
    let service = Service::new().await;
    for (path, body, because) in [
        ("/v1/policies/p", json!({"window": "monthly"}), "must limit tokens, money or both"),
        (
            "/v1/policies/p",
            json!({"window": "yearly", "limit_usd": "1"}),
            "window: `yearly`: must be one of hourly",
        ),
        ("/v1/policies/p", json!({"window": "daily", "limit_usd": "x"}), "limit_usd: `x`: must be a decimal"),
        ("/v1/policies/p", json!({"window": "daily", "limit_usd": "1", "zone": "Europe/Berln"}), "time zone"),
        (
            "/v1/policies/p",
            json!({"window": "daily", "limit_usd": "1", "scope": {"modell": "x"}}),
            "`modell`: must be",
        ),
        (
            "/v1/policies/p",
            json!({"window": "daily", "limit_usd": "1", "budget": "none"}),
            "no budget `none`",
        ),
        ("/v1/policies/p", json!({"window": "daily", "limit_usd": "1", "limt": 1}), "unknown field `limt`"),
        (
            "/v1/policies/p/raise",
            json!({"until": "2026-12-01T00:00:00Z", "usd": "1", "author": "a", "reason": "r"}),
            "no policy `p`",
        ),
        ("/v1/allocations", json!({"tokens": 0}), "allocating: must be of something"),
        ("/v1/allocations", json!({"tokens": 1, "priority": 11}), "priority must be from 1"),
        ("/v1/allocations", json!({"tokens": 1, "ttl_s": 0}), "ttl_s: `0`"),
        ("/v1/allocations", json!({"tokens": 1, "allocation": "x\ny"}), "allocation: `x"),
        ("/v1/allocations", json!({"tokens": 1, "input_tokens": 2}), "input_tokens: `2`"),
        ("/v1/check", json!({"tenant": "no/tenant", "tokens": 1}), "tenant"),
        ("/v1/route", json!({"tokens": 10, "tier": "heavy"}), "tier: `heavy`: must be one of"),
        ("/v1/allocations/none/release", json!({}), "`none` is not open"),
    ] {
        let (status, problem) = service.post(path, body.clone()).await;
        assert!(matches!(status.as_u16(), 400 | 422), "{path} {body}: {status} {problem}");
        let detail = problem["detail"].as_str().unwrap();
        assert!(detail.contains(because), "{path} {body}: {detail}");
    }
    let (status, _) = service.get("/v1/allocations/none").await;
    assert_eq!(status, 404);
    assert_eq!(service.get("/v1/policies/none").await.0, 404);
    // The name of the ledger's own decisions is no task.
    let (_, answer) = service.append(json!([used("u", "_budget", None, 1)])).await;
    assert!(answer.to_string().contains("own decisions about money"), "{answer}");
}
