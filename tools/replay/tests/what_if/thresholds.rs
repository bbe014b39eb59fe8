//! The curve over thresholds, beside runs of the same history under configs that have those thresholds.

use tollgate_replay::what_if::Candidate;
use tollgate_replay::what_if::result::WhatIf;

use crate::story::{about, candidate, generated, replay, replayed, runtime};

/// A config whose only blocks are those of tokens above a threshold, wherever a task is.
fn only(threshold: &str) -> Candidate {
    let rules = format!(
        "rollout: enforce\nstop_loss:\n  profile: strict\n  cumulative_token_threshold: {threshold}\n  \
         early_warn_threshold: {threshold}\n  early_block_threshold: {threshold}\n  latency_action: warn\n  \
         per_phase_action: warn\n"
    );
    candidate(threshold, &rules)
}

#[test]
fn each_point_is_what_a_config_with_that_threshold_would_have_done() {
    let thresholds = ["0.5", "0.75", "1", "1.2", "1.5", "2", "3", "10"];
    let candidates = thresholds.map(only);
    let (runtime, story) = (runtime(), generated(7, 400));
    let log = std::sync::Arc::new(tollgate_log::memory::MemoryLog::new(std::sync::Arc::new(
        tollgate_clock::ManualClock::default(),
    )));
    story.append_to(&runtime, &*log, 100);
    let history =
        runtime.block_on(tollgate_replay::source::LogHistory::open("memory".to_owned(), log)).unwrap();
    let result: WhatIf = replay(&runtime, &history, &about(&candidates)).unwrap().result;
    let mut seen = std::collections::BTreeSet::new();
    for (threshold, run) in thresholds.iter().zip(&result.candidates) {
        assert_eq!(run.thresholds.own, *threshold);
        // The limits are those of all: every candidate has the same curve.
        for candidate in &result.candidates {
            let curve = &candidate.thresholds;
            let point = curve.points.iter().find(|point| point.threshold == *threshold).unwrap();
            let found = (point.blocked, point.saved_tokens, point.interrupted_tokens);
            assert_eq!(found, (run.blocked, run.saved.tokens, run.interrupted.tokens), "{threshold}");
            assert_eq!((point.good, point.runaways), (run.false_positives.part, run.found_runaways.part));
            seen.insert(found);
        }
    }
    assert!(
        seen.len() > 4 && seen.iter().any(|(_, saved, interrupted)| *saved > 0 && *interrupted > 0),
        "{seen:?}"
    );
}

#[test]
fn what_came_late_or_was_let_through_is_in_the_curve_as_in_the_blocks() {
    let runaway =
        "open, start PLAN, use 40000, end PLAN, gate THINK, start THINK, +60, use 7000, end THINK, ";
    for (rest, saved, interrupted) in [
        ("close abandoned", 7000, 0),
        ("close completed", 0, 7000),
        ("close completed, mark runaway", 7000, 0),
        ("pass THINK, close abandoned", 0, 7000),
        ("close abandoned, use 500 ago=61", 7000, 0),
        ("close abandoned, use 500, adjust -200", 7300, 0),
    ] {
        let result = replayed(&format!("{runaway}{rest}"), &["rollout: enforce"]).result;
        let curve = &result.candidates[0].thresholds;
        let at = |threshold: &str| {
            let point = curve.points.iter().find(|point| point.threshold == threshold).unwrap();
            (point.saved_tokens, point.interrupted_tokens, point.blocked)
        };
        // 40,000 of 23,400 tokens before THINK, 47,000 of them at completion.
        assert_eq!(at("1.7"), (saved, interrupted, 1), "{rest}");
        assert_eq!(at("2.25"), (0, 0, 0), "{rest}");
        assert_eq!(curve.own, "1.2", "{rest}");
        let reason = if saved > 0 { "no task is known to be good" } else { "no threshold saves anything" };
        assert!(
            curve.knee.is_none() && curve.no_knee.unwrap().starts_with(reason),
            "{rest}: {:?}",
            curve.no_knee
        );
    }
}
