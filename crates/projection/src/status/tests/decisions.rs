//! given | then for what the gate sees and which of its decisions are kept.

use super::*;

#[test]
fn the_gate_sees_the_row_and_its_decisions_are_kept() {
    check(
        "
        open, gate SPEC                                                    | verdicts=allow last_decision=1
        open, use - out=23401, gate PLAN                                   | verdicts=warn
        open, use - out=29250, gate PR                                     | verdicts=block
        open, use - out=29250, gate PR, pass PR, gate PR                   | verdicts=block,warn passes=PR
        open, use - out=29250, gate PR, raise THINK 12000, gate PR         | verdicts=block,allow
        open tracked, use - out=90000, gate completion                     | verdicts=warn
        config rollout: observe, open, use - out=90000, gate completion    | verdicts=warn
        open, start THINK, use THINK out=9001, end THINK, gate IMPLEMENT   | verdicts=warn leaving=THINK:9001:0
        ",
    );
    let story = story("open, start THINK, use THINK out=29250, +7s, gate PR");
    let decision = &story.row().unwrap().decisions[0];
    assert_eq!((decision.sequence.0, decision.at), (4, story.now));
    assert_eq!(decision.tokens, Some(Utilization::new(29_250_u64, 23_400_u64)));
    assert_eq!(decision.latency, Some(Utilization::new(7000_u64, 573_000_u64)));
    assert_eq!(decision.as_of, "9f3c@3:3");
    let messages: Vec<&str> = decision.reasons.iter().map(|(_, _, message)| message.as_str()).collect();
    assert_eq!(messages[0], "Task T-1 exceeded token budget: 29,250 / 23,400 (125%)");
}

#[test]
fn only_the_latest_decisions_are_kept_and_the_others_counted() {
    for asked in [0, 1, KEPT_DECISIONS, KEPT_DECISIONS + 1, KEPT_DECISIONS + 7] {
        let story = story(&format!("open, {}", "+1s, gate SPEC, ".repeat(asked)));
        let row = story.row().unwrap();
        assert_eq!(row.decisions.len(), asked.min(KEPT_DECISIONS), "{asked} decisions");
        assert_eq!(row.earlier_decisions as usize, asked.saturating_sub(KEPT_DECISIONS), "{asked} decisions");
        // Oldest first: the opening is event 1, so the n-th decision is event n + 1.
        let kept: Vec<usize> = row.decisions.iter().map(|decision| decision.sequence.0 as usize).collect();
        let expected = asked.saturating_sub(KEPT_DECISIONS) + 2..asked + 2;
        assert_eq!(kept, expected.collect::<Vec<_>>(), "{asked} decisions");
    }
}
