//! The runaways that a generated history has, against those that a replay finds.

use std::collections::BTreeSet;
use std::sync::Arc;

use tollgate_clock::ManualClock;
use tollgate_log::memory::MemoryLog;
use tollgate_replay::generate::{Planted, Spec, TaskKind, append};
use tollgate_replay::source::LogHistory;
use tollgate_replay::what_if::{Candidate, WhatIf};

use crate::story::{about, candidate, replay, runtime};

fn replayed(spec: &Spec, candidates: &[Candidate]) -> WhatIf {
    let runtime = runtime();
    let log = Arc::new(MemoryLog::new(Arc::new(ManualClock::default())));
    runtime.block_on(append(spec.events().unwrap(), &*log)).unwrap();
    let history = runtime.block_on(LogHistory::open("memory".to_owned(), log)).unwrap();
    replay(&runtime, &history, &about(candidates)).unwrap().result
}

fn truthful(spec: &Spec, name: &str, times: u64) -> Candidate {
    Candidate { name: name.to_owned(), config: spec.truthful(times) }
}

#[test]
fn exactly_the_planted_runaways_are_blocked_by_limits_between_them_and_all_others() {
    for seed in [1, 2] {
        let spec =
            Spec { calls_per_phase: 1, runaways_permille: 30, large_permille: 30, ..Spec::new(seed, 400) };
        let planted: Vec<Planted> =
            spec.planted().filter(|planted| planted.kind == TaskKind::Runaway).collect();
        assert!(planted.len() > 5, "seed {seed}");
        let candidates = [truthful(&spec, "between", 4), truthful(&spec, "above all", 900)];
        let result = replayed(&spec, &candidates);
        let blocked = result.differing.iter().filter(|task| task.outcomes[0].outcome == "blocked");
        let blocked: BTreeSet<&str> = blocked.map(|task| task.task.as_str()).collect();
        let expected: BTreeSet<&str> = planted.iter().map(|planted| planted.task.as_str()).collect();
        assert_eq!(blocked, expected, "seed {seed}");
        let found = &result.candidates[0];
        assert_eq!((found.found_runaways.part, found.false_positives.part), (planted.len() as u64, 0));
        assert_eq!(found.blocked, planted.len() as u64, "seed {seed}");
        for planted in planted {
            let task = result.differing.iter().find(|task| task.task == planted.task).unwrap();
            let used = task.outcomes[0].first.as_ref().unwrap().used;
            assert!(used >= planted.tokens, "all that was planted was used when it was blocked: {planted:?}");
        }
    }
}

/// What the benchmark's configs do, as the reference has it: they find the runaways, and stop good tasks too.
#[test]
fn the_shipped_profiles_find_the_planted_runaways_and_stop_good_tasks() {
    let spec = Spec::new(1, 1_000);
    let candidates = ["strict", "loose", "graduated"]
        .map(|name| candidate(name, &format!("rollout: enforce\nstop_loss:\n  profile: {name}\n")));
    let result = replayed(&spec, &candidates);
    let found = result.candidates.iter().map(|it| {
        let [runaways, good] = [&it.found_runaways, &it.false_positives].map(|it| (it.part, it.of));
        (it.name.as_str(), runaways, good)
    });
    insta::assert_debug_snapshot!(found.collect::<Vec<_>>());
}
