//! Long histories from a seed.

use crate::story::{Story, story};

/// A long history of many tasks from a seed: they open, work, are asked, close, are marked, report late.
pub(crate) fn generated(seed: u64, tasks: u64) -> Story {
    let mut random = Random(seed * 2 + 1);
    let mut script = String::from("live rollout: enforce");
    for task in 0..tasks {
        let complexity = ["Tiny", "Small", "Medium", "Large"][random.below(4)];
        script += &format!(", in T-{task}, +{}, open complexity={complexity}", random.below(900));
        let phases =
            ["STRATEGIZE", "SPEC", "PLAN", "THINK", "IMPLEMENT", "VERIFY", "REVIEW", "PR", "MONITOR"];
        let last = random.below(10);
        for phase in phases.into_iter().take(last) {
            script += &format!(", gate {phase}, start {phase}");
            for _ in 0..random.below(4) {
                script += &format!(", +{}, use {}", random.below(60), random.below(9_000));
            }
            script += match task % 4 {
                0 => ", signal files_changed 3, signal planner_iterations 1",
                1 => ", signal tool 5 a, signal tool 4 a, signal criteria_verified 0",
                _ => "",
            };
            script += &format!(", +1, end {phase}");
        }
        if last < 9 && random.below(3) > 0 {
            let outcome = ["completed", "cancelled", "abandoned"][random.below(3)];
            script += &format!(", gate completion, close {outcome}");
        }
        match random.below(8) {
            0 => script += ", mark legitimate",
            1 => script += ", mark runaway",
            2 => script += ", use 700 ago=30, adjust -100",
            _ => {}
        }
    }
    story(&script)
}

/// Xorshift: the same numbers everywhere.
struct Random(u64);

impl Random {
    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % end as u64) as usize
    }
}
