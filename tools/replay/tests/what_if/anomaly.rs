//! given | then: which phases are far from those of their class, as it was known when they closed.

use std::sync::Arc;

use tollgate_clock::ManualClock;
use tollgate_log::memory::MemoryLog;
use tollgate_replay::generate::{Spec, append};
use tollgate_replay::source::LogHistory;
use tollgate_replay::what_if::anomaly::AnomalyResult;

use crate::story::{about, candidate, replay, replayed, runtime};

const FIXED: &str = "rollout: enforce";
const PROGRESS: &str = "rollout: enforce\nprogress: {}";

/// So many completed tasks whose PLAN took 1,000 tokens and more, 10 from one to the next.
fn class(tasks: usize, said: &str, end: &str) -> String {
    (0..tasks)
        .map(|nth| {
            let (tokens, said) = (1_000 + 10 * nth, said.replace("signal", "signal planner_iterations"));
            format!("in C-{nth}, open, start PLAN, {said}use {tokens}, end PLAN, close {end}, ")
        })
        .collect()
}

fn task(tokens: u64) -> String {
    format!("in T, open, start PLAN, use {tokens}, end PLAN, close completed")
}

fn anomalies(script: &str, config: &str) -> AnomalyResult {
    replayed(script, &[config]).result.anomalies
}

#[test]
fn a_phase_is_far_from_those_of_earlier_days() {
    let twenty = class(20, "", "completed");
    for (script, config, expected) in [
        // p25, p50 and p75 are 1,040, 1,090 and 1,140; far is twice the last one, or half of the first one.
        (format!("{twenty}+86400, {}", task(2_280)), FIXED, "T above tokens 2280 (1040 1090 1140 of 20)"),
        (format!("{twenty}+86400, {}", task(2_279)), FIXED, ""),
        (format!("{twenty}+86400, {}", task(520)), FIXED, "T below tokens 520 (1040 1090 1140 of 20)"),
        (format!("{twenty}+86400, {}", task(521)), FIXED, ""),
        // Of the same day, one too few, not completed, another class, another phase, another owner.
        (format!("{twenty}+900, {}", task(9_000)), FIXED, ""),
        (format!("{}+86400, {}", class(19, "", "completed"), task(9_000)), FIXED, ""),
        (format!("{}+86400, {}", class(20, "", "abandoned"), task(9_000)), FIXED, ""),
        (format!("{twenty}+86400, {}", task(9_000).replace("open", "open complexity=Tiny")), FIXED, ""),
        (format!("{twenty}+86400, {}", task(9_000).replace("PLAN", "SPEC")), FIXED, ""),
        (format!("{twenty}+86400, of other, {}", task(9_000)), FIXED, ""),
        // One that is not closed is judged by all of them.
        (
            format!("{twenty}{}", task(9_000).replace(", close completed", "")),
            FIXED,
            "T above tokens 9000 (1040 1090 1140 of 20)",
        ),
        // 1,000 tokens and more for 2 × 3 points; 3,000 for 20 × 3 are 50 each.
        (
            format!(
                "{}+86400, {}",
                class(20, "signal 2, ", "completed"),
                task(3_000).replace("use", "signal planner_iterations 20, use")
            ),
            PROGRESS,
            "T below tokens_per_point 50 (174 182 190 of 20)",
        ),
        // Without a point it is compared in tokens.
        (
            format!("{}+86400, {}", class(20, "signal 2, ", "completed"), task(3_000)),
            PROGRESS,
            "T above tokens 3000 (1040 1090 1140 of 20)",
        ),
        // Points count only where they are followed.
        (
            format!(
                "{}+86400, {}",
                class(20, "signal 2, ", "completed"),
                task(3_000).replace("use", "signal planner_iterations 20, use")
            ),
            FIXED,
            "T above tokens 3000 (1040 1090 1140 of 20)",
        ),
    ] {
        let found = anomalies(&script, config);
        let words = found.phases.iter().map(|it| {
            assert_eq!(
                (&*it.tenant, &*it.phase, it.complexity, it.importance),
                ("default", "PLAN", "Medium", "medium")
            );
            format!(
                "{} {} {} {} ({} {} {} of {})",
                it.task, it.side, it.of, it.value, it.p25, it.p50, it.p75, it.others
            )
        });
        assert_eq!(words.collect::<Vec<_>>().join("; "), expected, "{script}");
    }
}

#[test]
fn those_that_are_farthest_away_come_first_and_are_counted_by_what_they_were() {
    let far = |name: &str, tokens: u64, mark: &str| {
        task(tokens).replace("in T", &format!("in {name}")) + mark + ", "
    };
    let script = class(20, "", "completed")
        + "+86400, "
        + &far("T-1", 5_000, ", mark runaway")
        + &far("T-2", 8_000, "")
        + &far("T-3", 1_000, "");
    let found = anomalies(&script, FIXED);
    let names: Vec<&str> = found.phases.iter().map(|it| &*it.task).collect();
    assert_eq!(names, ["T-2", "T-1"]);
    let shares = [&found.far_above, &found.far_above_of_runaways, &found.far_above_of_good];
    assert_eq!(shares.map(|share| (share.part, share.of)), [(2, 3), (1, 1), (1, 2)]);
    assert_eq!((found.judged_phases, found.unjudged_phases), (3, 20));
}

#[test]
fn on_a_known_history_runaways_are_far_above_and_few_others() {
    let spec = Spec {
        signals: true,
        calls_per_phase: 8,
        runaways_permille: 120,
        large_permille: 120,
        large_times: 1_800,
        ..Spec::new(64, 1_500)
    };
    let runtime = runtime();
    let log = Arc::new(MemoryLog::new(Arc::new(ManualClock::default())));
    runtime.block_on(append(spec.events().unwrap(), &*log)).unwrap();
    let history = runtime.block_on(LogHistory::open("memory".to_owned(), log)).unwrap();
    let lines = [("tokens", FIXED), ("tokens per point", PROGRESS)].map(|(name, config)| {
        let candidates = [candidate("c", config)];
        let mut hashes = Vec::new();
        let mut found = AnomalyResult::default();
        for threads in [1, 16] {
            let mut question = about(&candidates);
            question.threads = threads;
            let replayed = replay(&runtime, &history, &question).unwrap();
            hashes.push(replayed.hash);
            found = replayed.result.anomalies;
        }
        assert_eq!(hashes[0], hashes[1], "days are added up in any order");
        let (runaways, good) = (&found.far_above_of_runaways, &found.far_above_of_good);
        format!(
            "{name}: {} phases judged, {} not; far above {} of {} runaways, {} of {} good tasks",
            found.judged_phases, found.unjudged_phases, runaways.part, runaways.of, good.part, good.of
        )
    });
    // Exact for the seed: docs/guides/progress.md.
    insta::assert_snapshot!("anomalies", lines.join("\n"));
}
