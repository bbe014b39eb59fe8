//! Cases: expected sequences of decision subjects.

use std::sync::Arc;

use tollgate_domain::position::Sequence;

use super::Backend;
use super::support::{append, appended, batch, conflict, contents, decision, duplicate, event, read_all};
use crate::contract::{AppendError, AppendOutcome};

pub(super) async fn a_decision_needs_the_subjects_last_decision(backend: &dyn Backend) {
    let log = backend.fresh().await;
    append(&log, decision(0, vec![event("T-1", "open", "x")])).await;
    for wrong in [0, 2] {
        let error =
            log.append(decision(wrong, vec![event("T-1", "start", "x")])).await.expect_err("must be refused");
        let (expected, actual) = (Sequence(wrong), Sequence(1));
        assert_eq!(error, AppendError::WrongExpected { subject: "T-1".to_owned(), expected, actual });
    }
    let receipt =
        append(&log, decision(1, vec![event("T-1", "start", "x"), event("T-1", "fact", "y")])).await;
    assert_eq!(receipt.outcomes, [appended(2), appended(2)]);
    assert_eq!(read_all(&log).await[1].record.decision_subject(), Some("T-1"));
    // Another subject is independent.
    append(&log, decision(0, vec![event("T-2", "open", "x")])).await;
    assert_eq!(contents(&log).await, ["T-1/open=x", "T-1/start=x", "T-1/fact=y", "T-2/open=x"]);
}

pub(super) async fn facts_do_not_advance_a_subject(backend: &dyn Backend) {
    let log = backend.fresh().await;
    append(&log, decision(0, vec![event("T-1", "open", "x")])).await;
    for number in 0..10 {
        append(&log, batch(vec![event("T-1", &format!("usage{number}"), "u")])).await;
    }
    let receipt = append(&log, decision(1, vec![event("T-1", "start", "x")])).await;
    assert_eq!(receipt.outcomes, [appended(12)]);
}

pub(super) async fn a_retried_decision_is_a_duplicate_whatever_came_after(backend: &dyn Backend) {
    let log = backend.fresh().await;
    let open = decision(0, vec![event("T-1", "open", "x")]);
    append(&log, open.clone()).await;
    append(&log, decision(1, vec![event("T-1", "start", "x")])).await;
    assert_eq!(append(&log, open).await.outcomes, [duplicate(1)]);
}

pub(super) async fn a_conflict_refuses_a_decision_whole(backend: &dyn Backend) {
    let log = backend.fresh().await;
    append(&log, decision(0, vec![event("T-1", "open", "x")])).await;
    let receipt =
        append(&log, decision(1, vec![event("T-1", "start", "x"), event("T-1", "open", "other")])).await;
    assert_eq!(receipt.outcomes, [AppendOutcome::Refused { because: 1 }, conflict(1)]);
    assert_eq!(contents(&log).await, ["T-1/open=x"]);
    // The refused decision did not advance the subject.
    assert_eq!(append(&log, decision(1, vec![event("T-1", "start", "x")])).await.outcomes, [appended(2)]);
}

pub(super) async fn racing_decisions_have_one_winner(backend: &dyn Backend) {
    let log = backend.fresh().await;
    let mut last = 0;
    for round in 0..20 {
        let racers = (0..6).map(|racer| {
            let log = Arc::clone(&log);
            tokio::spawn(async move {
                log.append(decision(last, vec![event("T-1", &format!("r{round}-{racer}"), "x")])).await
            })
        });
        let mut winners = Vec::new();
        for racer in racers.collect::<Vec<_>>() {
            match racer.await.expect("no panic") {
                Ok(receipt) => winners.push(receipt),
                Err(error) => assert!(matches!(error, AppendError::WrongExpected { .. }), "{error}"),
            }
        }
        assert_eq!(winners.len(), 1, "round {round}");
        last = winners[0].position.highest().0;
    }
    assert_eq!(contents(&log).await.len(), 20);
}
