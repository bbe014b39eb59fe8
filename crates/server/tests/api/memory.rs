//! Servers that remember what they last decided: no decision by another server is overlooked, nothing is
//! refused from memory.

use std::sync::Arc;

use serde_json::{Value, json};
use tollgate_clock::ManualClock;
use tollgate_log::memory::MemoryLog;

use crate::support::{Service, outcomes, usage};

/// Two servers of one log, each with its own views.
async fn two() -> [Service; 2] {
    let log = Arc::new(MemoryLog::new(Arc::new(ManualClock::default())));
    let server = || Service::on(Arc::clone(&log) as Arc<_>);
    [server().await, server().await]
}

/// The event of a step like `start PLAN` or `end PLAN 2`.
fn event(task: &str, id: &str, step: &str) -> Value {
    let mut words = step.split(' ');
    let (what, phase) = (words.next().unwrap(), words.next());
    let attempt: Option<u32> = words.next().map(|word| word.parse().unwrap());
    let (kind, body) = match what {
        "open" => ("task_opened", json!({})),
        "start" => ("phase_started", json!({"phase": phase})),
        "end" => ("phase_ended", json!({"phase": phase, "attempt": attempt})),
        "close" => ("task_closed", json!({"outcome": "abandoned"})),
        "mark" => {
            ("task_marked", json!({"mark": "legitimate", "author": "ada", "reason": "it was a migration"}))
        }
        _ => panic!("{step}"),
    };
    let mut event = json!({"id": id, "task": task});
    event[kind] = body;
    event
}

#[tokio::test]
async fn what_another_server_decided_meanwhile_counts() {
    // given (who does what, one after the other) | when | then
    let table = "
        A open                                         | A start PLAN  | appended
        A open, B start PLAN                           | A start SPEC  | refused phase_already_active
        A open, A start PLAN, B end PLAN               | A start SPEC  | appended
        A open, A start PLAN, B end PLAN               | A end PLAN    | refused phase_mismatch
        A open, A start PLAN, B end PLAN, B start PLAN | A end PLAN 1  | refused attempt_mismatch
        A open, A start PLAN, B end PLAN, B start PLAN | A end PLAN    | appended
        A open, A start PLAN, B close                  | A end PLAN    | refused task_closed
        A open, B start PLAN, A end PLAN, B start SPEC | A start THINK | refused phase_already_active
        A open, B start PLAN, A end PLAN, B start SPEC | A end SPEC    | appended
        A open, B start PLAN, A end PLAN               | B start PLAN  | appended
    ";
    let servers = two().await;
    let server = |name: &str| &servers[usize::from(name == "B")];
    for (number, line) in table.lines().map(str::trim).filter(|line| !line.is_empty()).enumerate() {
        let [given, when, then]: [&str; 3] =
            line.split('|').map(str::trim).collect::<Vec<_>>().try_into().unwrap();
        let task = format!("T-{number}");
        for (nth, step) in given.split(',').map(str::trim).enumerate() {
            let (who, step) = step.split_once(' ').unwrap();
            let (status, answer) = server(who).append(json!([event(&task, &format!("g{nth}"), step)])).await;
            assert_eq!(status, 201, "{line}: {step}: {answer}");
        }
        let (who, step) = when.split_once(' ').unwrap();
        let (_, answer) = server(who).append(json!([event(&task, "w", step)])).await;
        assert_eq!(outcomes(&answer), [format!("w {then}")], "{line}: {answer}");
        for server in &servers {
            let (_, shown) = server.get(&format!("/v1/tasks/{task}?at_least=tail")).await;
            assert_eq!(shown["task"], json!(task), "{line}: {shown}");
        }
    }
}

#[tokio::test]
async fn an_attempt_counts_from_what_another_server_started() {
    let [first, second] = two().await;
    first.open("T-1").await;
    for (server, id, step, attempt) in [
        (&first, "s1", "start PLAN", Some(1)),
        (&second, "e1", "end PLAN", None),
        (&second, "s2", "start PLAN", Some(2)),
        (&second, "e2", "end PLAN", None),
        (&first, "s3", "start PLAN", Some(3)),
        // Sent again, by either server: the same answer as then.
        (&second, "s1", "start PLAN", Some(1)),
        (&first, "s2", "start PLAN", Some(2)),
        (&first, "e3", "end PLAN", None),
    ] {
        let (status, answer) = server.append(json!([event("T-1", id, step)])).await;
        assert!(status.is_success(), "{id}: {answer}");
        assert_eq!(answer["outcomes"][0]["attempt"].as_u64(), attempt, "{id}: {answer}");
    }
}

#[tokio::test]
async fn a_task_that_is_remembered_is_decided_without_its_view() {
    let service = Service::new().await;
    service.open("T-1").await;
    // Nothing is folding any more.
    service.ledger.stop().await;
    for (id, step) in [("s", "start PLAN"), ("e", "end PLAN"), ("s2", "start PLAN")] {
        let (status, answer) = service.append(json!([event("T-1", id, step)])).await;
        assert_eq!(status, 201, "{answer}");
    }
    let (status, answer) = service.append(json!([event("T-1", "s", "start PLAN")])).await;
    assert_eq!(outcomes(&answer), ["s duplicate"], "{status}");
}

#[tokio::test]
async fn a_mark_is_of_any_task_that_the_ledger_knows() {
    let [first, second] = two().await;
    let (_, answer) = first.append(json!([event("T-1", "m", "mark")])).await;
    assert_eq!(outcomes(&answer), ["m refused task_unknown"], "{answer}");
    // Another server learns of it: usage alone, no opening, and no gate is asked.
    let (status, _) = second.append(json!([usage("T-1", "u", "", 100)])).await;
    assert_eq!(status, 201);
    let (_, answer) = first.append(json!([event("T-1", "m", "mark")])).await;
    assert_eq!(outcomes(&answer), ["m appended"], "{answer}");
    // Usage of the same request makes a task known.
    let (_, answer) = second.append(json!([usage("T-2", "u2", "", 1), event("T-2", "m2", "mark")])).await;
    assert_eq!(outcomes(&answer), ["u2 appended", "m2 appended"], "{answer}");
}

#[tokio::test]
async fn several_commands_of_a_request_follow_each_other_from_memory() {
    let [first, second] = two().await;
    first.open("T-1").await;
    let life = |from: &str| {
        json!([
            event("T-1", &format!("{from}-s"), "start PLAN"),
            usage("T-1", &format!("{from}-u"), "PLAN", 7),
            event("T-1", &format!("{from}-e"), "end PLAN"),
        ])
    };
    for (server, from) in [(&first, "a"), (&second, "b"), (&first, "c"), (&first, "d"), (&second, "e")] {
        let (status, answer) = server.append(life(from)).await;
        assert_eq!(status, 201, "{from}: {answer}");
        let (status, answer) = server.append(life(from)).await;
        assert_eq!(status, 200, "{from}, again: {answer}");
    }
    let (_, shown) = second.get("/v1/tasks/T-1?at_least=tail").await;
    let runs = shown["executions"].as_array().unwrap().iter().filter(|run| run["phase"] == "PLAN");
    let runs: Vec<_> = runs.map(|run| &run["attempt"]).collect();
    assert_eq!((json!(runs), &shown["tokens_used"]), (json!([1, 2, 3, 4, 5]), &json!(35)), "{shown}");
}
