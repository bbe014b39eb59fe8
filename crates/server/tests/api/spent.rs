//! What was spent in scopes and windows: exact as of the position of the answer, whoever asks when.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use tollgate_domain::budget::Scope;
use tollgate_domain::position::Position;
use tollgate_projector::queries::{SpentAsk, SpentOf};

use crate::support::{Service, at};

const LONG: Duration = Duration::from_secs(30);

fn ask(scope: &[(&str, &str)], from: Option<&str>, to: Option<&str>) -> SpentAsk {
    SpentAsk { scope: Scope::new(scope.iter().copied()).unwrap(), from: from.map(at), to: to.map(at) }
}

fn used(id: &str, task: &str, when: &str, team: &str, output: u64) -> Value {
    json!({"id": id, "task": task, "occurred_at": when, "usage_recorded": {
        "model": "gpt-5", "component": "planner", "allocation": format!("al-{team}"),
        "labels": {"team": team}, "tokens": {"output": output},
    }})
}

/// Usage of team `search` uses it.
async fn with_an_allocation() -> Service {
    let service = Service::new().await;
    let (_, made) = service.post("/v1/allocations", json!({"allocation": "al-search", "tokens": 1000})).await;
    assert_eq!(made["state"], "open", "{made}");
    service
}

fn position(answer: &Value) -> Position {
    answer["position"].as_str().unwrap().parse().unwrap()
}

#[tokio::test]
async fn a_scope_asked_for_today_has_what_was_spent_before_and_a_correction_counts_where_its_usage_did() {
    let service = with_an_allocation().await;
    let (_, answer) = service
        .append(json!([
            used("u-1", "T-1", "2026-10-31T22:50:00Z", "search", 100),
            used("u-2", "T-2", "2026-10-31T23:10:00Z", "search", 20),
            used("u-3", "T-2", "2026-11-19T10:00:00Z", "ads", 3),
        ]))
        .await;
    // November in Berlin begins at 23:00 in UTC.
    let november = (Some("2026-10-31T23:00:00Z"), Some("2026-11-30T23:00:00Z"));
    let query = SpentOf {
        tenant: "default".to_owned(),
        asks: vec![
            ask(&[], None, None),
            ask(&[("team", "search")], None, Some("2026-10-31T23:00:00Z")),
            ask(&[("team", "search"), ("component", "planner")], november.0, november.1),
            ask(&[("task", "T-2")], november.0, november.1),
        ],
        allocations: vec!["al-search".to_owned(), "al-none".to_owned()],
    };
    let tokens = async |at_least: Position| {
        let (spent, as_of) = service.ledger.ask().spent(query.clone(), Some(&at_least), LONG).await.unwrap();
        assert!(as_of.covers(&at_least));
        let of = |sums: &[tollgate_domain::budget::Spent]| -> Vec<i128> {
            sums.iter().map(|sum| sum.tokens).collect()
        };
        let price: tollgate_domain::money::Usd = "0.00001".parse().unwrap();
        for sum in spent.spent.iter().chain(&spent.used) {
            assert_eq!((sum.usd, sum.unpriced_tokens()), (price.checked_times(sum.tokens).unwrap(), 0));
        }
        (of(&spent.spent), of(&spent.used))
    };
    assert_eq!(tokens(position(&answer)).await, (vec![123, 100, 20, 23], vec![120, 0]));
    // The clock stands at the 20th of November: the correction counts then, and October stays as it was.
    let (_, answer) = service
        .append(json!([{"id": "a-1", "task": "T-1", "usage_adjusted": {"adjusts": "u-1",
            "tokens": {"output": -40}, "reason": "counted twice"}}]))
        .await;
    assert_eq!(tokens(position(&answer)).await, (vec![83, 100, -20, 23], vec![80, 0]));
    let (_, rebuilt) = service.post("/v1/views/spending/rebuild", json!({})).await;
    assert_eq!(rebuilt["identical"], true, "{rebuilt}");
}

/// Asks come while usage is folded: each for a scope and window that nobody asked for before, and again for one
/// that is kept. The log says what each position has.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn whatever_is_folded_meanwhile_an_answer_is_what_its_position_has() {
    const EVENTS: u64 = 300;
    let service = Arc::new(with_an_allocation().await);
    let appended = {
        let service = Arc::clone(&service);
        tokio::spawn(async move {
            // By sequence: every event is of another record, and uses one token.
            let mut sequences = Vec::new();
            for nth in 0..EVENTS {
                let event = used(&format!("u-{nth}"), "T-1", "2026-11-20T09:00:00Z", "search", 1);
                let (_, answer) = service.append(json!([event])).await;
                sequences.push(answer["outcomes"][0]["sequence"].as_u64().unwrap());
            }
            sequences
        })
    };
    let mut askers = Vec::new();
    for asker in 0..4_u32 {
        let service = Arc::clone(&service);
        askers.push(tokio::spawn(async move {
            let mut answers = Vec::new();
            for round in 0..60_u32 {
                // Windows of which each contains the quarter of an hour of the usage.
                let day = 1 + (round * 4 + asker) % 19;
                let from = format!("2026-11-{day:02}T00:00:00Z");
                let asks = vec![
                    ask(&[("team", "search")], Some(&from), None),
                    ask(&[("model", "gpt-5")], None, None),
                    ask(&[("task", "T-1")], Some(&from), None),
                ];
                let allocations = vec!["al-search".to_owned()];
                let query = SpentOf { tenant: "default".to_owned(), asks, allocations };
                let (spent, as_of) = service.ledger.ask().spent(query, None, LONG).await.unwrap();
                answers.push((spent, as_of));
                tokio::task::yield_now().await;
            }
            answers
        }));
    }
    let sequences = appended.await.unwrap();
    for asker in askers {
        for (spent, as_of) in asker.await.unwrap() {
            let highest = as_of.highest().0;
            let expected = sequences.iter().filter(|sequence| **sequence <= highest).count() as u64;
            for sum in spent.spent.iter().chain(&spent.used) {
                assert_eq!((sum.events, sum.tokens), (expected, i128::from(expected)), "as of {as_of}");
            }
        }
    }
}
