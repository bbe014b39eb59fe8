//! given | then: what other limits would have done to tasks.

use tollgate_replay::what_if::Unopened;
use tollgate_replay::what_if::result::CandidateResult;

use crate::story::{about, candidate, generated, replay, replayed, runtime, story};

/// A Medium task of medium importance has 23,400 tokens: before VERIFY it is warned of above that and blocked above
/// 35,100, from then on blocked above 28,080.
const BUILT_IN: &str = "rollout: enforce";

/// Judged, never asked, within, warned, over without a decision that saw it, blocked.
fn counts(result: &CandidateResult) -> [u64; 6] {
    [result.judged, result.unasked, result.within, result.warned, result.over.tasks, result.blocked]
}

#[test]
fn tasks_are_within_warned_or_blocked_by_what_was_known_when_the_gate_would_have_been_asked() {
    for (script, expected) in [
        ("open", [1, 1, 0, 0, 0, 0]),
        ("open, start PLAN, use 23400", [1, 0, 1, 0, 0, 0]),
        ("open, start PLAN, use 23401", [1, 0, 0, 0, 1, 0]),
        ("open, use 23401", [1, 0, 0, 0, 1, 0]),
        ("open, start PLAN, use 3600, end PLAN, start THINK", [1, 0, 1, 0, 0, 0]),
        // 4,000 of PLAN's 2,400 tokens: rule 3 warns.
        ("open, start PLAN, use 4000, end PLAN, start THINK", [1, 0, 0, 1, 0, 0]),
        ("open, start PLAN, use 24000, end PLAN, start THINK", [1, 0, 0, 1, 0, 0]),
        ("open, start PLAN, use 35101, end PLAN, start THINK", [1, 0, 0, 0, 0, 1]),
        ("open, start PLAN, use 28081, end PLAN, close completed", [1, 0, 0, 0, 0, 1]),
        ("open, start PLAN, use 28081, end PLAN, close cancelled", [1, 0, 0, 0, 1, 0]),
        // The gate was asked and the task went no further.
        ("open, start PLAN, use 35101, end PLAN, gate VERIFY", [1, 0, 0, 0, 0, 1]),
        // Asked for one phase, and another one was begun: after VERIFY the threshold is lower.
        ("open, start PLAN, use 28081, end PLAN, gate THINK", [1, 0, 0, 1, 0, 0]),
        ("open, start PLAN, use 28081, end PLAN, gate THINK, start REVIEW", [1, 0, 0, 0, 0, 1]),
        // No decision saw what came after the last question.
        ("open, start PLAN, gate THINK, use 35101, end PLAN", [1, 0, 0, 0, 1, 0]),
        ("open, start PLAN, use 24000, end PLAN, start THINK, use 1, close abandoned", [1, 0, 0, 1, 0, 0]),
        (
            "open, start PLAN, use 24000, end PLAN, start THINK, use 11101, close abandoned",
            [1, 0, 0, 0, 1, 0],
        ),
        ("open, start PLAN, use 23401, adjust -1, close abandoned", [1, 0, 1, 0, 0, 0]),
        ("open, start PLAN, use 23400, close abandoned, use 1", [1, 0, 0, 0, 1, 0]),
        // Whoever completes it is asked.
        ("open, start PLAN, use 28080, end PLAN, close completed", [1, 0, 0, 1, 0, 0]),
        ("use 99999", [0, 0, 0, 0, 0, 0]),
    ] {
        let replayed = replayed(script, &[BUILT_IN]);
        assert_eq!(counts(&replayed.result.candidates[0]), expected, "{script}");
    }
}

#[test]
fn blocks_say_where_by_how_much_and_what_they_would_have_saved() {
    let runaway =
        "open, start PLAN, use 40000, end PLAN, gate THINK, start THINK, +60, use 7000, end THINK, ";
    for (rest, saved, interrupted, sure) in [
        ("close abandoned", 7000, 0, 0),
        ("close completed", 0, 7000, 0),
        ("close completed, mark runaway", 7000, 0, 7000),
        ("close abandoned, mark legitimate", 0, 7000, 0),
        ("mark runaway", 7000, 0, 7000),
        // A person let it pass.
        ("pass THINK, close abandoned", 0, 7000, 0),
        // Reported late, and from before the block: nothing that the block would have saved.
        ("close abandoned, use 500 ago=61", 7000, 0, 0),
        ("close abandoned, use 500 ago=1", 7500, 0, 0),
        ("close abandoned, use 500, adjust -200", 7300, 0, 0),
    ] {
        let replayed = replayed(&format!("{runaway}{rest}"), &[BUILT_IN]);
        let result = &replayed.result.candidates[0];
        assert_eq!(result.blocked, 1, "{rest}");
        let found = (result.saved.tokens, result.interrupted.tokens, result.saved_of_runaways.tokens);
        assert_eq!(found, (saved, interrupted, sure), "{rest}");
        let point = &result.blocks[0];
        assert_eq!((point.advance.as_str(), point.rule), ("THINK", "token_budget_exceeded"), "{rest}");
        assert_eq!((point.tasks, point.most_percent), (1, Some(171)), "40,000 of 23,400: {rest}");
    }
}

#[test]
fn a_runaway_in_its_last_phase_is_over_its_limit_and_perhaps_a_runaway() {
    for (rest, runaways) in [
        ("close abandoned", (0, 1)),
        ("+60", (0, 1)),
        ("close abandoned, mark runaway", (1, 1)),
        ("close abandoned, mark legitimate", (0, 0)),
    ] {
        let script = format!("open, start PLAN, use 9000000, end PLAN, {rest}");
        let result =
            replayed(&script, &[BUILT_IN, "rollout: enforce\nstop_loss:\n  profile: loose\n"]).result;
        assert_eq!(result.differing, [], "{rest}: it is the same under both");
        for candidate in &result.candidates {
            assert_eq!(counts(candidate), [1, 0, 0, 0, 1, 0], "{rest}");
            let over = &candidate.over;
            assert_eq!(
                (over.tokens, over.cost_usd.as_str(), candidate.over_tokens),
                (9_000_000, "9", 8_976_600)
            );
            assert_eq!(candidate.saved.tokens, 0, "{rest}: no block would have come");
            let found = &candidate.return_on_investment.runaways;
            assert_eq!((found.tasks_from, found.tasks_up_to), runaways, "{rest}");
            let said = "1 of 1 tasks went over the limit after the gate was asked last, by 8976600 tokens";
            assert!(
                candidate.findings.iter().any(|finding| finding.starts_with(said)),
                "{:?}",
                candidate.findings
            );
        }
    }
}

#[test]
fn money_is_that_of_the_usage_and_what_is_unpriced_is_said() {
    let script = "open, start PLAN, use 40000, end PLAN, start THINK, use 7000, use 3000 unpriced, end THINK, close abandoned";
    let result = replayed(script, &[BUILT_IN]).result;
    let after = &result.candidates[0].after_block;
    assert_eq!((after.tokens, after.cost_usd.as_str(), after.unpriced_tokens), (10_000, "0.007", 3000));
    let returned = &result.candidates[0].return_on_investment;
    assert_eq!(returned.lacks.as_deref(), Some("not enough data: 3000 tokens after blocks have no price"));
}

#[test]
fn late_usage_counts_and_is_said_to_be_late() {
    let result =
        replayed("open, start PLAN, use 10, close completed, use 5, adjust -1, mark legitimate", &[BUILT_IN])
            .result;
    assert_eq!((result.history.late_events, result.history.used.tokens), (2, 14));
    assert_eq!((result.history.legitimate, result.history.completed), (1, 1));
}

#[test]
fn candidates_are_compared_task_by_task() {
    let script = "in A, open, start PLAN, use 20000, end PLAN, start THINK, end THINK, close completed,
                  in B, open, start PLAN, use 100, end PLAN, start THINK, end THINK, close completed,
                  in C, open, start PLAN, use 40000, end PLAN, gate THINK, close abandoned";
    let tight = "rollout: enforce\nstop_loss:\n  cumulative_token_threshold: 0.5\n";
    let result = replayed(script, &[BUILT_IN, tight]).result;
    let listed: Vec<_> = result.differing.iter().map(|task| task.task.as_str()).collect();
    assert_eq!(listed, ["A"], "C is blocked by both, before the same");
    let [first, second] = &result.differing[0].outcomes[..] else { panic!("one outcome for each candidate") };
    assert_eq!((first.outcome, second.outcome), ("warned", "blocked"));
    let crossing = second.first.as_ref().unwrap();
    assert_eq!((crossing.advance.as_str(), crossing.rule), ("completion", "token_budget_exceeded"));
    assert_eq!((crossing.used, crossing.limit, crossing.unit), (20_000, 23_400, "tokens"));
}

#[test]
fn one_candidate_is_compared_with_the_live_gate() {
    let live = "live rollout: observe, open, start PLAN, use 40000, end PLAN, gate THINK, close abandoned";
    let result = replayed(live, &[BUILT_IN]).result;
    assert_eq!(result.differing[0].live, Some("warn"), "under observe it only warned");
    assert_eq!((result.live.asked, result.live.blocked, result.live.ruled_blocked), (1, 0, 1));
    let pairs = &result.candidates[0].decisions;
    assert_eq!((pairs[0].live, pairs[0].live_ruled, pairs[0].candidate_ruled), ("warn", "block", "block"));
}

#[test]
fn blocks_count_as_enforced_and_what_the_rollout_would_enforce_is_said() {
    for (rollout, importance, expected) in [
        ("enforce", "high", (1, 1)),
        ("enforce_low_medium", "high", (1, 0)),
        ("enforce_low_medium", "low", (1, 1)),
        ("observe", "low", (1, 0)),
        ("observe\nstop_loss:\n  enabled: false", "low", (1, 0)),
    ] {
        let script = format!(
            "open importance={importance}, start PLAN, use 90000, end PLAN, gate THINK, close abandoned"
        );
        let result = replayed(&script, &[&format!("rollout: {rollout}")]).result;
        let result = &result.candidates[0];
        assert_eq!((result.blocked, result.blocked_by_own_rollout), expected, "{rollout}, {importance}");
    }
}

#[test]
fn the_config_that_was_in_force_decides_as_the_live_gate_did() {
    for seed in 1..=20 {
        let runtime = runtime();
        let history = generated(seed, 40).history(&runtime);
        let candidates = [candidate("live", "rollout: enforce")];
        let result = replay(&runtime, &history, &about(&candidates)).unwrap().result;
        let pairs = &result.candidates[0].decisions;
        assert!(pairs.iter().map(|pair| pair.times).sum::<u64>() > 20, "seed {seed}");
        for pair in pairs {
            assert_eq!(pair.live_ruled, pair.candidate_ruled, "seed {seed}: {pair:?}");
        }
    }
}

#[test]
fn overrides_of_people_hold_under_every_candidate() {
    let result =
        replayed("open PLAN=50000, start PLAN, use 40000, end PLAN, start THINK", &[BUILT_IN]).result;
    assert_eq!(counts(&result.candidates[0]), [1, 0, 1, 0, 0, 0]);
    let less =
        "phases: [THINK]\nbase_budgets:\n  THINK: {tokens: 9, latency_ms: 9}\nphase_weights:\n  THINK: 1\n";
    let result = replayed("open PLAN=50000, start PLAN, use 1, end PLAN, start THINK", &[less]).result;
    assert_eq!(result.candidates[0].unknown_phase, 1, "the candidate has no PLAN");
}

#[test]
fn what_is_left_of_limits_is_that_of_completed_tasks() {
    let script = "in A, open, start PLAN, use 2340, end PLAN, close completed, in B, open, start PLAN, use 1, close cancelled";
    let result = replayed(script, &[BUILT_IN]).result;
    let room = &result.candidates[0].headroom;
    assert_eq!((room.tasks, room.limit_tokens, room.unused_tokens), (1, 23_400, 21_060));
    assert_eq!((room.unused_percent.as_deref(), room.median_used_percent), (Some("90"), Some(10)));
}

#[test]
fn what_progress_added_to_a_limit_is_left_of_it_too() {
    // PLAN has 2,400 of the 23,400 tokens: 3,000 are used, so that 600 are added to it twice.
    let script = "open, start PLAN, signal planner_iterations 20, use 1000, signal planner_iterations 20, use 2000, end PLAN, close completed";
    let follows = "rollout: enforce\nprogress: { extension_raises_total: true }";
    let alone = follows.replace("true", "false");
    let result = replayed(script, &[follows, &alone]).result;
    let [raised, same] = &result.candidates[..] else { panic!("two candidates") };
    let added = |it: &CandidateResult| it.progress.as_ref().map(|progress| progress.extended_tokens);
    assert_eq!((added(raised), added(same)), (Some(1200), Some(1200)));
    assert_eq!((same.headroom.limit_tokens, same.headroom.unused_tokens), (23_400, 20_400));
    assert_eq!((raised.headroom.limit_tokens, raised.headroom.unused_tokens), (23_400 + 1200, 20_400 + 1200));
}

#[test]
fn a_task_with_an_event_that_cannot_be_read_is_not_judged() {
    let script = "in A, open, start PLAN, torn, use 99999, end PLAN, start THINK, in B, open, start PLAN";
    let result = replayed(script, &[BUILT_IN]).result;
    assert_eq!((result.history.unreadable_tasks, result.history.unreadable_events), (1, 1));
    assert_eq!(counts(&result.candidates[0]), [1, 0, 1, 0, 0, 0]);
}

#[test]
fn tasks_that_are_only_tracked_are_counted_and_not_judged() {
    let work = "start PLAN, use 40000, end PLAN, gate THINK, start THINK, end THINK, close completed";
    let script = format!(
        "in A, open enforcement=off, {work}, in B, open enforcement=off, use 99999, mark runaway, in C, open, {work}"
    );
    let result = replayed(&script, &[BUILT_IN]).result;
    let found = &result.candidates[0];
    assert_eq!((result.history.opened, result.history.tracked_only), (3, 2));
    assert_eq!(counts(found), [1, 0, 0, 0, 0, 1]);
    assert_eq!((found.false_positives.part, found.false_positives.of), (1, 1), "a gate could block C only");
    assert_eq!((found.found_runaways.of, found.return_on_investment.runaways.of), (0, 1));
    let differing: Vec<_> = result.differing.iter().map(|task| task.task.as_str()).collect();
    assert_eq!(differing, ["C"]);
    let none = replayed(&format!("open enforcement=off, {work}"), &[BUILT_IN]).result;
    let said = &none.candidates[0].findings[1];
    assert!(said.starts_with("no task has limits that a gate enforces"), "{said}");
}

#[test]
fn tasks_that_were_not_opened_are_judged_before_each_call_if_asked_for() {
    let runtime = runtime();
    let history = story("use 20000, +1, use 20000, +1, use 5000, +1, use 6000").history(&runtime);
    let candidates = [candidate("c", BUILT_IN)];
    let mut question = about(&candidates);
    question.unopened = Unopened::Judge;
    let result = replay(&runtime, &history, &question).unwrap().result;
    assert_eq!(counts(&result.candidates[0]), [1, 0, 0, 0, 0, 1]);
    assert_eq!(result.candidates[0].saved.tokens, 11_000, "the third call would not have been made");
    let [blocked] = &result.differing[..] else { panic!("one task: {:?}", result.differing) };
    assert_eq!((blocked.live, blocked.outcomes[0].outcome), (None, "blocked"), "no gate was asked about it");
    let first = blocked.outcomes[0].first.as_ref().unwrap();
    assert_eq!((first.used, first.limit), (40_000, 23_400));
}

#[test]
fn false_positives_are_counted_against_tasks_that_are_known_to_be_good() {
    let script = "in A, open, start PLAN, use 40000, end PLAN, start THINK, end THINK, mark legitimate,
                  in B, open, start PLAN, use 10, end PLAN, close completed,
                  in C, open, start PLAN, use 40000, end PLAN, start THINK, end THINK, mark runaway,
                  in D, open, start PLAN, use 40000, end PLAN, start THINK, end THINK";
    let result = replayed(script, &[BUILT_IN]).result;
    let result = &result.candidates[0];
    let parts = |share: &tollgate_replay::what_if::result::ShareView| (share.part, share.of);
    assert_eq!(parts(&result.false_positives), (1, 2));
    assert_eq!(parts(&result.false_positives_of_legitimate), (1, 1));
    assert_eq!(parts(&result.found_runaways), (1, 1));
    assert_eq!(parts(&result.wrong_blocks), (1, 2), "what D was, nobody knows");
    assert_eq!(result.false_positives.interval, Some(["9.45".to_owned(), "90.55".to_owned()]));
}

#[test]
fn names_that_are_given_twice_and_no_config_are_refused() {
    let runtime = runtime();
    let history = story("open").history(&runtime);
    let twice = [candidate("c", BUILT_IN), candidate("c", BUILT_IN)];
    let error = replay(&runtime, &history, &about(&twice)).unwrap_err().to_string();
    assert_eq!(error, "replay: config `c` is named twice: name each once");
    let error = replay(&runtime, &history, &about(&[])).unwrap_err().to_string();
    assert!(error.contains("name one with --config"), "{error}");
}
