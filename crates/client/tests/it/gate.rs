//! The gate of a tracker: it sees what was reported, and there is always an answer.

use std::time::Duration;

use tollgate_client::{DecidedBy, GateError, OnUnreachable};
use tollgate_domain::gate::Verdict;

use crate::support::ledger::{Ledger, Mood};
use crate::tracker::{builder, report, start};

#[tokio::test(start_paused = true)]
async fn the_gate_sees_what_was_reported_before() {
    let ledger = Ledger::new();
    let tracker = start(&ledger);
    report(&tracker, "a b");
    ledger.next(&[Mood::Up, Mood::Says(503)]);
    let answer = tracker.gate("T", "plan").await.unwrap();
    assert_eq!((answer.verdict, &answer.decided_by), (Verdict::Block, &DecidedBy::Server));
    assert_eq!(answer.response.unwrap().as_of, "00000000000000000000000000000007@0:2");
    let state = ledger.state();
    assert_eq!(
        (state.gates[0]["advance_to"].as_str(), state.gates[0]["producer"].as_str()),
        (Some("PLAN"), Some("p"))
    );
    // The retry is the same request.
    assert_eq!((&state.gates[0], state.gates.len()), (&state.gates[1], 2));
    assert!(state.gates[0]["id"].is_string());
}

#[tokio::test(start_paused = true)]
async fn the_policy_answers_where_the_ledger_cannot() {
    for (policy, mood, expected) in [
        (OnUnreachable::Open, Mood::Down, Verdict::Allow),
        (OnUnreachable::Closed, Mood::Down, Verdict::Block),
        (OnUnreachable::Closed, Mood::Says(503), Verdict::Block),
        // It takes no key of ours: what was reported waits just as well.
        (OnUnreachable::Open, Mood::Says(401), Verdict::Allow),
        (OnUnreachable::Closed, Mood::Says(403), Verdict::Block),
    ] {
        for reported in ["", "a"] {
            let ledger = Ledger::new();
            ledger.becomes(mood);
            let tracker = builder(&ledger).on_unreachable(policy).start().unwrap();
            report(&tracker, reported);
            let answer = tracker.gate("T", "PLAN").await.unwrap();
            assert_eq!((answer.verdict, &answer.response), (expected, &None));
            assert!(matches!(answer.decided_by, DecidedBy::Policy { .. }));
            assert_eq!(tracker.stats().gates_by_policy, 1);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn the_policy_answers_in_time_and_a_refused_question_is_an_error() {
    let ledger = Ledger::new();
    ledger.becomes(Mood::Says(429));
    let patience = Duration::from_secs(4);
    let tracker = builder(&ledger).gate_patience(patience).start().unwrap();
    report(&tracker, "a");
    let before = tokio::time::Instant::now();
    let answer = tracker.gate("T", "PLAN").await.unwrap();
    let reason = "no answer within 4000 ms".to_owned();
    assert_eq!((answer.verdict, answer.decided_by), (Verdict::Allow, DecidedBy::Policy { reason }));
    assert_eq!(before.elapsed(), patience);

    let ledger = Ledger::new();
    ledger.becomes(Mood::Says(404));
    let error = start(&ledger).gate("T", "PLAN").await.unwrap_err();
    assert!(matches!(&error, GateError::Refused(_)), "{error}");
    let error = start(&ledger).gate("T", "1").await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "asking the gate: advance_to: `1`: must be the phase to enter, or `completion`"
    );
}

#[tokio::test(start_paused = true)]
async fn what_was_reported_and_the_question_are_one_request() {
    let ledger = Ledger::new();
    ledger.state().decides_along = true;
    let tracker = start(&ledger);
    report(&tracker, "a b");
    let answer = tracker.gate("T", "plan").await.unwrap();
    assert_eq!((answer.verdict, &answer.decided_by), (Verdict::Block, &DecidedBy::Server));
    assert_eq!(answer.response.unwrap().as_of, "00000000000000000000000000000007@0:2");
    // Nothing is waiting: it is sent alone.
    tracker.gate("T", "SPEC").await.unwrap();
    let state = ledger.state();
    assert_eq!(state.requests, [["a", "b"]]);
    let asked = &state.along[0][0];
    assert_eq!((asked["task"].as_str(), asked["advance_to"].as_str()), (Some("T"), Some("PLAN")));
    assert_eq!((asked["tenant"].as_str(), asked["producer"].as_str()), (Some("default"), Some("p")));
    assert_eq!((state.along[0].len(), state.gates.len()), (1, 1));
    assert_eq!(state.gates[0]["advance_to"], "SPEC");
}

#[tokio::test(start_paused = true)]
async fn a_question_that_was_not_decided_with_the_events_is_asked_alone() {
    for (task, decides_along, moods) in [
        // The view was late; a ledger without this feature; an answer that was lost; an event that is
        // refused.
        ("LATE", true, vec![]),
        ("T", false, vec![]),
        ("T", true, vec![Mood::LosesAnswer]),
        ("T", true, vec![Mood::Says(422)]),
        // A ledger that refuses requests with unknown fields.
        ("T", true, vec![Mood::Says(400)]),
    ] {
        let ledger = Ledger::new();
        ledger.state().decides_along = decides_along;
        let tracker = start(&ledger);
        report(&tracker, "a");
        ledger.next(&moods);
        let answer = tracker.gate(task, "PLAN").await;
        let state = ledger.state();
        assert_eq!(state.gates.len(), 1, "{task} {moods:?}");
        assert_eq!(
            state.gates[0]["id"], state.along[0][0]["id"],
            "{task} {moods:?}: it is the same question"
        );
        assert_eq!(answer.unwrap().verdict, Verdict::Block, "{task} {moods:?}");
        let refused = usize::from(moods == [Mood::Says(422)]);
        assert_eq!(state.log.len(), 1 - refused, "{task} {moods:?}: the event is there");
    }
}

#[tokio::test(start_paused = true)]
async fn questions_of_the_same_time_go_with_the_events_before_them() {
    let ledger = Ledger::new();
    ledger.state().decides_along = true;
    let tracker = start(&ledger);
    report(&tracker, "a");
    let (first, second) = tokio::join!(tracker.gate("T", "SPEC"), tracker.gate("T", "PLAN"));
    let answered = [first, second].map(|answer| answer.unwrap().response.unwrap().advance_to);
    assert_eq!(answered, ["SPEC", "PLAN"]);
    let state = ledger.state();
    assert_eq!((state.along[0].len(), state.gates.len()), (2, 0));
}
