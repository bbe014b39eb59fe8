//! Pools of unused budget in the gate. A medium task has 23,400 tokens and is blocked above 150 % of them; a step is
//! 5,850.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::{Value, json};
use tollgate_clock::ManualClock;
use tollgate_domain::ids::{TaskId, TenantId};
use tollgate_log::contract::{AppendError, DedupScope};
use tollgate_log::memory::MemoryLog;

use crate::support::{Held, LogWith, Service, at, usage};

const POOLED: &str = "rollout: enforce\npool: {}\n";

/// A pool that leaves nothing to others.
const FIRST_COME: &str = "rollout: enforce\npool: { leave: { low: 0, medium: 0, high: 0 } }\n";

/// Opens a task, uses so much and completes it. What it left is given.
async fn completed(service: &Service, task: &str, used: u64) {
    closed(service, task, used, "completed").await;
    assert!(give(service, task).await, "{task}");
}

async fn closed(service: &Service, task: &str, used: u64, outcome: &str) {
    service.open(task).await;
    close(service, task, used, outcome).await;
}

async fn close(service: &Service, task: &str, used: u64, outcome: &str) {
    let closed = json!({"outcome": outcome});
    let events = json!([usage(task, &format!("last-{task}"), "", used), {"id": format!("close-{task}"), "task": task, "task_closed": closed}]);
    let (status, answer) = service.append(events).await;
    assert_eq!(status, 201, "{answer}");
}

async fn give(service: &Service, task: &str) -> bool {
    let task = TaskId::new(task).unwrap();
    service.ledger.budgets().give(&TenantId::default_tenant(), &task).await.unwrap()
}

async fn ask(service: &Service, task: &str) -> Value {
    let (status, answer) =
        service.post(&format!("/v1/tasks/{task}/gate"), json!({"advance_to": "PLAN"})).await;
    assert_eq!(status, 200, "{answer}");
    answer
}

/// What was said, by which rules, and what the task has drawn.
fn said(answer: &Value) -> (String, u64) {
    let reasons = answer["reasons"].as_array().unwrap().iter();
    let codes: Vec<&str> = reasons.map(|reason| reason["code"].as_str().unwrap()).collect();
    let said = format!("{}: {}", answer["verdict"].as_str().unwrap(), codes.join(" "));
    (said, answer["drawn_tokens"].as_u64().unwrap_or_default())
}

fn because<'a>(answer: &'a Value, code: &str) -> &'a str {
    let mut reasons = answer["reasons"].as_array().unwrap().iter();
    reasons.find(|reason| reason["code"] == code).unwrap()["message"].as_str().unwrap()
}

/// Given, drawn, returned, expired and what is left.
async fn sums(service: &Service) -> [u64; 5] {
    let (status, pool) = service.get("/v1/pool?at_least=tail").await;
    assert_eq!(status, 200, "{pool}");
    let of = |what: &str| pool["total"][what].as_u64().unwrap();
    let sums = [of("given"), of("drawn"), of("returned"), of("expired"), pool["in_pool"].as_u64().unwrap()];
    assert!(sums[0] + sums[2] >= sums[1] + sums[3] + sums[4], "{pool}");
    sums
}

#[tokio::test]
async fn a_task_draws_what_others_left_and_everybody_says_so() {
    let service = Service::with_config(Some(POOLED)).await;
    completed(&service, "A", 3_400).await;
    completed(&service, "B", 3_400).await;
    assert_eq!(sums(&service).await, [40_000, 0, 0, 0, 40_000]);
    service.open("T").await;
    service.append(json!([usage("T", "u1", "", 35_101)])).await;
    let answer = ask(&service, "T").await;
    assert_eq!(said(&answer), ("warn: pool_drawn".to_owned(), 17_550));
    assert_eq!(answer["tokens"], json!({"used": 35_101, "limit": 40_950, "percent": 86}));
    assert_eq!(
        because(&answer, "pool_drawn"),
        "Task T has 17,550 tokens from its owner's pool: 35,101 / 40,950 (86%)"
    );
    // The limit that holds is everywhere, and is not drawn again.
    let (_, status) = service.get("/v1/tasks/T?at_least=tail").await;
    assert_eq!(status["tokens_budget"]["limit"], 40_950, "{status}");
    assert_eq!(said(&ask(&service, "T").await), ("warn: pool_drawn".to_owned(), 17_550));
    assert_eq!(sums(&service).await, [40_000, 17_550, 0, 0, 22_450]);
    // More than that is another step; all of it, not as far as a threshold lets it.
    service.append(json!([usage("T", "u2", "", 5_850)])).await;
    assert_eq!(said(&ask(&service, "T").await), ("warn: pool_drawn".to_owned(), 23_400));
    let (_, story) = service.get("/v1/tasks/T/explain?at_least=tail").await;
    let story = story.as_str().unwrap();
    for line in [
        "Beside these it has drawn 23,400 tokens from the pool of its owner.",
        "has 17,550 tokens from its owner's pool",
    ] {
        assert!(story.contains(line), "{line}: {story}");
    }
    let (_, pool) = service.get("/v1/pool?at_least=tail").await;
    assert_eq!(pool["drawers"], json!([{"task": "T", "tokens": 23_400}]));
    assert_eq!(pool["window"]["to"], "2026-11-23T00:00:00Z", "{pool}");
    // What it did not use comes back, once, and it gives nothing.
    close(&service, "T", 49, "completed").await;
    assert!(give(&service, "T").await);
    assert!(!give(&service, "T").await);
    assert_eq!(sums(&service).await, [40_000, 23_400, 5_800, 0, 22_400]);
    service.append(json!([usage("T", "late", "", 1)])).await;
    assert_eq!(said(&ask(&service, "T").await).1, 23_400, "a closed task draws no more");
}

#[tokio::test]
async fn a_refused_draw_says_why_and_moves_nothing() {
    for (config, left, importance, used, then) in [
        (
            POOLED,
            3_400,
            "medium",
            35_101,
            "The pool of default has 20,000 tokens, 17,550 are needed, and 5,000 must be left to more important tasks",
        ),
        (POOLED, 20_000, "medium", 35_101, "The pool of default has 3,400 tokens, 17,550 are needed"),
        (
            POOLED,
            3_400,
            "medium",
            46_801,
            "The pool of default lets no task pass that is beyond 2 × its limit",
        ),
        (FIRST_COME, 3_400, "medium", 35_101, ""),
        // Its limit is 46,800.
        (POOLED, 3_400, "critical", 70_201, "The pool of default has 20,000 tokens, 35,100 are needed"),
    ] {
        let service = Service::with_config(Some(config)).await;
        completed(&service, "A", left).await;
        let opened = json!({"importance": importance, "justification": "a test"});
        let (status, answer) = service.append(json!([{"id": "o", "task": "T", "task_opened": opened}])).await;
        assert_eq!(status, 201, "{answer}");
        service.append(json!([usage("T", "u", "", used)])).await;
        let answer = ask(&service, "T").await;
        if then.is_empty() {
            assert_eq!(said(&answer), ("warn: pool_drawn".to_owned(), 17_550));
            continue;
        }
        assert_eq!(said(&answer), ("block: token_budget_exceeded pool_refused".to_owned(), 0), "{then}");
        assert_eq!(because(&answer, "pool_refused"), then);
        assert_eq!(sums(&service).await[1], 0);
        let (_, story) = service.get("/v1/tasks/T/explain?at_least=tail").await;
        assert!(story.as_str().unwrap().contains(then), "{story}");
    }
}

#[tokio::test]
async fn nobody_draws_who_is_not_blocked_for_tokens_alone_and_nothing_is_moved_without_a_pool() {
    let late = json!({"id": "p", "task": "T", "phase_started": {"phase": "SPEC"}, "occurred_at": "2026-11-20T08:00:00Z"});
    for (config, then) in [
        ("rollout: enforce\n", "block: token_budget_exceeded"),
        ("rollout: observe\npool: {}\n", "warn: token_budget_exceeded observe_only"),
        (
            "rollout: enforce\npool: {}\nstop_loss: { enabled: false }\n",
            "warn: token_budget_exceeded stop_loss_disabled",
        ),
        (
            "rollout: enforce\npool: {}\nstop_loss: { latency_action: block }\n",
            "block: token_budget_exceeded latency_budget_exceeded phase_budget_exceeded",
        ),
    ] {
        let service = Service::with_config(Some(config)).await;
        for task in ["A", "B"] {
            closed(&service, task, 400, "completed").await;
            assert_eq!(give(&service, task).await, config.contains("pool"), "{config}");
        }
        service.open("T").await;
        service.append(json!([usage("T", "u", "", 36_000)])).await;
        if config.contains("latency") {
            service.append(json!([late])).await;
        }
        let answer = ask(&service, "T").await;
        assert_eq!(said(&answer), (then.to_owned(), 0), "{config}");
        let given = if config.contains("pool") { 46_000 } else { 0 };
        assert_eq!(sums(&service).await, [given, 0, 0, 0, given], "{config}");
    }
}

#[tokio::test]
async fn only_completed_tasks_give_once_whoever_looks_and_after_a_restart() {
    let clock = Arc::new(ManualClock::at(at("2026-11-20T10:00:00Z")));
    let log = Arc::new(MemoryLog::new(Arc::clone(&clock) as Arc<_>));
    let start = async || {
        let dir = tempfile::tempdir().unwrap();
        Service::by_clock(Arc::clone(&log) as Arc<_>, dir, Some(POOLED), Arc::clone(&clock)).await
    };
    let first = start().await;
    for (task, outcome) in [("A", "completed"), ("B", "cancelled"), ("C", "abandoned"), ("D", "completed")] {
        closed(&first, task, 3_400, outcome).await;
    }
    assert!(give(&first, "A").await);
    assert!(!give(&first, "B").await);
    // It was killed before D gave: the next one finds that, and what gave gives no more.
    let second = start().await;
    let since = at("2026-11-16T00:00:00Z");
    assert_eq!(second.ledger.budgets().give_all(since).await.unwrap(), 1);
    for service in [&first, &second] {
        assert_eq!(service.ledger.budgets().give_all(since).await.unwrap(), 0);
        assert!(!give(service, "A").await);
        assert_eq!(sums(service).await, [40_000, 0, 0, 0, 40_000]);
    }
    // The week ends: what is left expires, and what closed before it gives nothing.
    closed(&first, "E", 3_400, "completed").await;
    clock.set(at("2026-11-23T00:00:00Z"));
    assert!(!give(&first, "E").await);
    assert_eq!(sums(&second).await, [40_000, 0, 0, 40_000, 0]);
}

/// The gate is killed between the draw and its answer: the log refuses the record of the decision.
#[tokio::test]
async fn what_was_drawn_and_not_answered_is_found_by_the_next_question() {
    let clock = Arc::new(ManualClock::at(at("2026-11-20T10:00:00Z")));
    let log = MemoryLog::new(Arc::clone(&clock) as Arc<_>);
    let log = Arc::new(LogWith {
        log,
        state: AtomicBool::new(false),
        append: |log, fails, batch| {
            let is_decision = batch.events.iter().any(|event| event.id.as_str().starts_with("gate-"));
            if is_decision && fails.load(Ordering::SeqCst) {
                return Box::pin(async { Err(AppendError::Malformed("a test".to_owned())) });
            }
            tollgate_log::contract::EventLog::append(log, batch)
        },
    });
    let dir = tempfile::tempdir().unwrap();
    let service =
        Service::by_clock(Arc::clone(&log) as Arc<_>, dir, Some(FIRST_COME), Arc::clone(&clock)).await;
    completed(&service, "A", 3_400).await;
    service.open("T").await;
    service.append(json!([usage("T", "u", "", 35_101)])).await;
    log.state.store(true, Ordering::SeqCst);
    assert_eq!(said(&ask(&service, "T").await), ("warn: pool_drawn".to_owned(), 17_550));
    let (_, status) = service.get("/v1/tasks/T?at_least=tail").await;
    assert_eq!(status["tokens_budget"]["limit"], 23_400, "nothing says so: {status}");
    log.state.store(false, Ordering::SeqCst);
    assert_eq!(said(&ask(&service, "T").await), ("warn: pool_drawn".to_owned(), 17_550));
    assert_eq!(sums(&service).await, [20_000, 17_550, 0, 0, 2_450]);
    let (_, status) = service.get("/v1/tasks/T?at_least=tail").await;
    assert_eq!(status["tokens_budget"]["limit"], 40_950, "{status}");
}

/// Twelve tasks need 5,850 each of 40,000, through two servers, each question at both of them.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_many_who_draw_at_once_exactly_those_that_fit_do_by_any_number_of_servers() {
    let clock = Arc::new(ManualClock::at(at("2026-11-20T10:00:00Z")));
    let config = "rollout: enforce\npool: { leave: { low: 0, medium: 0, high: 0 } }\nstop_loss: { early_block_threshold: 1.01 }\n";
    let log = Arc::new(MemoryLog::new(Arc::clone(&clock) as Arc<_>));
    let mut servers = Vec::new();
    for _ in 0..2 {
        let dir = tempfile::tempdir().unwrap();
        let log = Arc::clone(&log) as Arc<_>;
        servers.push(Arc::new(Service::by_clock(log, dir, Some(config), Arc::clone(&clock)).await));
    }
    completed(&servers[0], "A", 3_400).await;
    completed(&servers[1], "B", 3_400).await;
    for nth in 0..12 {
        let task = format!("T-{nth}");
        servers[nth % 2].open(&task).await;
        servers[nth % 2].append(json!([usage(&task, "u", "", 29_000)])).await;
    }
    let asked = (0..24).map(|nth| {
        let server = Arc::clone(&servers[nth % 2]);
        tokio::spawn(async move { said(&ask(&server, &format!("T-{}", nth / 2)).await) })
    });
    let mut passed = std::collections::BTreeSet::new();
    for (nth, asked) in asked.collect::<Vec<_>>().into_iter().enumerate() {
        let (_, drawn) = asked.await.unwrap();
        assert!(drawn == 0 || drawn == 5_850);
        passed.extend((drawn > 0).then_some(nth / 2));
    }
    assert_eq!(passed.len(), 6, "6 × 5,850 are 35,100");
    for server in &servers {
        assert_eq!(sums(server).await, [40_000, 35_100, 0, 0, 4_900]);
    }
}

#[tokio::test]
async fn a_gate_that_cannot_reach_the_pool_blocks_as_without_one_and_says_so() {
    let clock = Arc::new(ManualClock::at(at("2026-11-20T10:00:00Z")));
    let log = Arc::new(MemoryLog::new(Arc::clone(&clock) as Arc<_>));
    let held = Held::new(log, DedupScope::Life);
    let dir = tempfile::tempdir().unwrap();
    let service = Service::by_clock(Arc::clone(&held) as Arc<_>, dir, Some(FIRST_COME), clock).await;
    held.hold_spending();
    service.open("T").await;
    service.append(json!([usage("T", "u", "", 35_101)])).await;
    let (_, answer) = service.post("/v1/tasks/T/gate", json!({"advance_to": "PLAN", "wait_ms": 300})).await;
    assert_eq!(said(&answer), ("block: token_budget_exceeded pool_refused".to_owned(), 0));
    let why = because(&answer, "pool_refused");
    assert!(why.starts_with("The pool of default") && why.contains("judged without it"), "{why}");
}
