//! The day: nine tasks and four agents, before the reviewer of `budget` begins, scripted and the same in every run.

use serde_json::{Value, json};
use tollgate_domain::time::Timestamp;

/// When the day starts.
pub(super) const START: &str = "2026-03-17T08:00:00Z";

/// One thing that an agent does.
pub(super) struct Step {
    pub(super) at: Timestamp,
    pub(super) agent: &'static str,
    pub(super) task: &'static str,
    pub(super) action: Action,
}

pub(super) enum Action {
    /// An event with this body.
    Event { kind: &'static str, body: Value },
    /// The question whether the task may advance to this phase.
    Gate(&'static str),
}

/// One task of the day, and its course.
struct Script {
    task: &'static str,
    title: &'static str,
    agent: &'static str,
    model: (&'static str, &'static str),
    complexity: &'static str,
    importance: &'static str,
    /// Minutes after the start of the day.
    begins: i64,
    /// The phases it goes through, each with its usage in percent of the planned limit.
    phases: &'static [(&'static str, u64)],
    /// How it ends, if it does not complete.
    ends: Option<(&'static str, &'static str)>,
}

const GPT: (&str, &str) = ("openai", "gpt-5");
const CLAUDE: (&str, &str) = ("anthropic", "claude-sonnet-4-6");

const ALL: &[(&str, u64)] = &[
    ("STRATEGIZE", 62),
    ("SPEC", 71),
    ("PLAN", 66),
    ("THINK", 80),
    ("IMPLEMENT", 92),
    ("VERIFY", 70),
    ("REVIEW", 55),
    ("PR", 60),
    ("MONITOR", 40),
];

const SCRIPTS: &[Script] = &[
    Script {
        task: "T-101",
        title: "retry failed payouts",
        agent: "ci-1",
        model: GPT,
        complexity: "Medium",
        importance: "high",
        begins: 2,
        phases: ALL,
        ends: None,
    },
    Script {
        task: "T-102",
        title: "fix typo in invoice mail",
        agent: "ci-2",
        model: GPT,
        complexity: "Tiny",
        importance: "low",
        begins: 9,
        phases: &[("SPEC", 90), ("IMPLEMENT", 75), ("VERIFY", 88), ("PR", 50)],
        ends: Some(("completed", "merged without the later phases")),
    },
    Script {
        task: "T-103",
        title: "rate limit for the search API",
        agent: "agent-a",
        model: CLAUDE,
        complexity: "Medium",
        importance: "medium",
        begins: 21,
        phases: &[
            ("STRATEGIZE", 70),
            ("SPEC", 85),
            ("PLAN", 110),
            ("THINK", 95),
            ("IMPLEMENT", 105),
            ("PLAN", 60),
            ("IMPLEMENT", 90),
            ("VERIFY", 80),
            ("REVIEW", 70),
            ("PR", 60),
            ("MONITOR", 50),
        ],
        ends: None,
    },
    Script {
        task: "T-104",
        title: "migrate the billing importer",
        agent: "agent-b",
        model: CLAUDE,
        complexity: "Small",
        importance: "medium",
        begins: 34,
        phases: &[
            ("STRATEGIZE", 90),
            ("SPEC", 120),
            ("PLAN", 130),
            ("THINK", 190),
            ("IMPLEMENT", 520),
            ("VERIFY", 100),
            ("REVIEW", 100),
            ("PR", 100),
        ],
        ends: None,
    },
    Script {
        task: "T-105",
        title: "upgrade the TLS library",
        agent: "ci-1",
        model: GPT,
        complexity: "Small",
        importance: "critical",
        begins: 140,
        phases: ALL,
        ends: None,
    },
    Script {
        task: "T-106",
        title: "explore a new ranking",
        agent: "agent-a",
        model: CLAUDE,
        complexity: "Large",
        importance: "low",
        begins: 205,
        phases: &[("STRATEGIZE", 120), ("SPEC", 60), ("PLAN", 45)],
        ends: Some(("cancelled", "superseded by the vendor's ranking")),
    },
    Script {
        task: "T-107",
        title: "flaky test in checkout",
        agent: "ci-2",
        model: GPT,
        complexity: "Small",
        importance: "medium",
        begins: 250,
        phases: &[
            ("THINK", 120),
            ("IMPLEMENT", 80),
            ("VERIFY", 140),
            ("IMPLEMENT", 70),
            ("VERIFY", 90),
            ("PR", 40),
        ],
        ends: Some(("completed", "green three times in a row")),
    },
    Script {
        task: "T-108",
        title: "export to CSV",
        agent: "agent-b",
        model: CLAUDE,
        complexity: "Medium",
        importance: "medium",
        begins: 330,
        phases: ALL,
        ends: None,
    },
    Script {
        task: "T-109",
        title: "dashboard for operators",
        agent: "agent-a",
        model: CLAUDE,
        complexity: "Large",
        importance: "high",
        begins: 395,
        phases: &[("STRATEGIZE", 66), ("SPEC", 58), ("PLAN", 71), ("THINK", 64), ("IMPLEMENT", 35)],
        ends: Some(("", "")),
    },
];

/// Base tokens and seconds of a phase, as in the shipped config, before tiers and weights.
fn plan_of(phase: &str) -> (u64, i64) {
    match phase {
        "STRATEGIZE" => (4_500, 75),
        "SPEC" => (1_500, 35),
        "PLAN" => (2_400, 48),
        "THINK" => (6_000, 110),
        "IMPLEMENT" => (3_500, 96),
        "VERIFY" => (2_000, 40),
        "REVIEW" => (2_000, 40),
        "PR" => (900, 15),
        _ => (600, 10),
    }
}

/// All steps of the day, in chronological order.
pub(super) fn steps() -> Vec<Step> {
    let start: Timestamp = START.parse().unwrap_or_default();
    let mut steps: Vec<Step> = SCRIPTS.iter().flat_map(|script| Telling::new(script, start).tell()).collect();
    steps.sort_by_key(|step| (step.at, step.task));
    steps
}

/// A script being turned into steps.
struct Telling<'a> {
    script: &'a Script,
    at: Timestamp,
    steps: Vec<Step>,
    chance: u64,
}

impl<'a> Telling<'a> {
    fn new(script: &'a Script, start: Timestamp) -> Self {
        let at = start.plus_millis(script.begins * 60_000);
        Self { script, at, steps: Vec::new(), chance: script.begins.unsigned_abs() }
    }

    fn tell(mut self) -> Vec<Step> {
        let script = self.script;
        let opened = json!({"title": script.title, "complexity": script.complexity, "importance": script.importance,
            "justification": if script.importance == "critical" { "a CVE with a public exploit" } else { "" },
            "author": script.agent});
        self.event("task_opened", opened);
        let stays_open = script.ends == Some(("", ""));
        for (nth, (phase, percent)) in script.phases.iter().enumerate() {
            self.pass(4, 20);
            self.act(Action::Gate(phase));
            self.event("phase_started", json!({"phase": phase}));
            self.calls(phase, *percent);
            let runs_still = stays_open && nth + 1 == script.phases.len();
            if !runs_still {
                self.event("phase_ended", json!({"phase": phase}));
            }
        }
        if let Some((outcome, reason)) = script.ends
            && !outcome.is_empty()
        {
            self.pass(20, 60);
            self.event("task_closed", json!({"outcome": outcome, "reason": reason, "author": script.agent}));
        }
        self.steps
    }

    /// The model calls of a phase: they use `percent` of its plan, scaled by the task's tiers.
    fn calls(&mut self, phase: &str, percent: u64) {
        let (tokens, seconds) = plan_of(phase);
        let scale = match (self.script.complexity, self.script.importance) {
            ("Tiny", _) => 35,
            ("Small", "critical") => 160,
            ("Small", _) => 80,
            ("Large", "low") => 105,
            ("Large", _) => 225,
            (_, "high") => 150,
            _ => 100,
        };
        let used = tokens * percent * scale / 10_000;
        let calls = 3 + self.draw(4);
        let seconds = (seconds * i64::try_from(scale.min(100)).unwrap_or(100) / 100).max(8);
        for call in 0..calls {
            self.pass(seconds / 10, 1 + seconds / 5);
            let share = used * (80 + self.draw(41)) / 100 / calls;
            let (cached, output) = (share * 45 / 100, share * 25 / 100);
            let mut tokens = json!({"input_uncached": share - cached - output, "cached_input": cached, "output": output,
                "reasoning": output / 3});
            if call == 0 {
                tokens["cached_input"] = json!(0);
                tokens["input_uncached"] = json!(share - output);
            }
            let (provider, model) = self.script.model;
            self.event(
                "usage_recorded",
                json!({"phase": phase, "provider": provider, "model": model, "tokens": tokens}),
            );
        }
    }

    fn event(&mut self, kind: &'static str, body: Value) {
        self.act(Action::Event { kind, body });
    }

    fn act(&mut self, action: Action) {
        self.at = self.at.plus_millis(40);
        let (agent, task) = (self.script.agent, self.script.task);
        self.steps.push(Step { at: self.at, agent, task, action });
    }

    /// Lets time pass: at least this many seconds, plus a number of extra ones up to a limit.
    fn pass(&mut self, at_least: i64, spread: i64) {
        let more = self.draw(spread.unsigned_abs().max(1) * 1_000);
        self.at = self.at.plus_millis(at_least * 1_000 + i64::try_from(more).unwrap_or(0));
    }

    /// A number below `below` that looks random and is the same in every run (SplitMix64).
    fn draw(&mut self, below: u64) -> u64 {
        self.chance = self.chance.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut word = self.chance;
        word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (word ^ (word >> 31)) % below
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_day_is_in_order_and_the_same_in_every_run() {
        let (first, second) = (steps(), steps());
        assert!(first.windows(2).all(|pair| pair[0].at <= pair[1].at));
        let times = |steps: &[Step]| steps.iter().map(|step| (step.at, step.task)).collect::<Vec<_>>();
        assert_eq!(times(&first), times(&second));
        assert!(first.len() > 300, "{}", first.len());
    }
}
