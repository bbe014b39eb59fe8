//! What happens in a task, step by step. A task depends on its number only, not on others.
#![expect(
    clippy::float_arithmetic,
    reason = "log-normal amounts are rounded to whole tokens and milliseconds"
)]

use tollgate_domain::money::Usd;
use tollgate_domain::phase::Phase;
use tollgate_domain::tier::{Complexity, Importance};
use tollgate_domain::time::{DAY_MS, Timestamp};

use super::random::Random;
use super::spec::{Quantity, Spec, Z75};

/// What a token costs, in 10⁻¹⁸ USD: 3 USD a million of whatever kind, so that percentiles of cost are those of
/// tokens.
pub const USD_UNITS_PER_TOKEN: i128 = 3_000_000_000_000;

/// The longest pause between two phases, in milliseconds.
const LONGEST_PAUSE_MS: u64 = 5_000;

tollgate_domain::words!(
    /// What kind of task it is.
    TaskKind {
        /// Nothing special.
        Ordinary = "ordinary",
        /// One of its phases uses far too many tokens; it is marked as runaway.
        Runaway = "runaway",
        /// It uses much, for a reason; it is marked as legitimate.
        Large = "large",
        /// It is abandoned after one of its phases.
        Failed = "failed"
    }
);

/// What happens in a task.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TaskPlan {
    /// Its number, from 0.
    pub number: u64,
    /// What kind of task it is.
    pub kind: TaskKind,
    /// Its complexity.
    pub complexity: Complexity,
    /// Its importance.
    pub importance: Importance,
    /// When it opens.
    pub begins: Timestamp,
    /// Its phases, in order.
    pub phases: Vec<PlannedPhase>,
    /// The place of the phase that runs away.
    pub runaway_phase: Option<usize>,
}

/// What a phase takes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlannedPhase {
    /// Which phase.
    pub phase: Phase,
    /// Tokens, those of running away included.
    pub tokens: u64,
    /// The part of them that is running away.
    pub wasted_tokens: u64,
    /// Milliseconds without waits.
    pub latency_ms: u64,
    /// Milliseconds of waits.
    pub wait_ms: u64,
    /// How many attempts.
    pub attempts: u32,
    /// The pause before it, in milliseconds.
    pub pause_ms: u64,
}

/// A task that was made to be found, or not to be stopped.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Planted {
    /// Its name.
    pub task: String,
    /// Runaway or large.
    pub kind: TaskKind,
    /// The phase that runs away.
    pub phase: Option<Phase>,
    /// The tokens of running away; of a large task all of its tokens.
    pub tokens: u64,
    /// What they cost.
    pub cost: Usd,
}

/// The name of a task.
#[must_use]
pub fn task_name(number: u64) -> String {
    format!("GEN-{number:06}")
}

/// What some tokens cost.
#[must_use]
pub fn cost_of(tokens: u64) -> Usd {
    Usd::from_units(i128::from(tokens) * USD_UNITS_PER_TOKEN)
}

impl Spec {
    /// What happens in the task with this number.
    #[must_use]
    pub fn plan(&self, number: u64) -> TaskPlan {
        let mut random = Random::new(self.seed, number);
        let complexity = random.choose(&self.complexity_mix);
        let importance = random.choose(&self.importance_mix);
        let kind = self.kind(&mut random);
        let common = [random.normal(), random.normal()];
        let passed = match kind {
            TaskKind::Failed => 1 + random.below(self.phases.len() as u64) as usize,
            TaskKind::Ordinary | TaskKind::Runaway | TaskKind::Large => self.phases.len(),
        };
        let mut phases = Vec::with_capacity(passed);
        for truth in self.phases.iter().take(passed) {
            let mut amount = |quantity, common: f64| {
                let shared = f64::from(self.common_permille) / 1000.0;
                let deviate = libm::sqrt(shared) * common + libm::sqrt(1.0 - shared) * random.normal();
                let log = self.log_p75(truth, quantity, complexity, importance)
                    + self.spread(quantity) * (deviate - Z75);
                let times = if kind == TaskKind::Large { f64::from(self.large_times) / 1000.0 } else { 1.0 };
                (libm::exp(log) * times + 0.5) as u64
            };
            let tokens = amount(Quantity::Tokens, common[0]).max(1);
            let latency_ms = amount(Quantity::LatencyMs, common[1]).clamp(1, DAY_MS / 2);
            let wait_ms = if random.happens(self.waits_permille) { 1 + random.below(DAY_MS / 24) } else { 0 };
            let attempts = if random.happens(self.second_attempts_permille) { 2 } else { 1 };
            let pause_ms = random.below(LONGEST_PAUSE_MS);
            let phase = truth.phase.clone();
            phases.push(PlannedPhase {
                phase,
                tokens,
                wasted_tokens: 0,
                latency_ms,
                wait_ms,
                attempts,
                pause_ms,
            });
        }
        let runaway_phase = (kind == TaskKind::Runaway).then(|| random.below(phases.len() as u64) as usize);
        if let Some(phase) = runaway_phase.and_then(|place| phases.get_mut(place)) {
            phase.wasted_tokens = self.waste(complexity, importance);
            phase.tokens = phase.tokens.saturating_add(phase.wasted_tokens);
        }
        // One beginning in each of equal parts of the span, so that later numbers never begin earlier.
        let gap_us = u128::from(self.span_ms) * 1000 / u128::from(self.tasks.max(1));
        let after = gap_us * u128::from(number) + u128::from(random.below(gap_us as u64));
        let begins = self.start.plus_millis(i64::try_from(after / 1000).unwrap_or(i64::MAX));
        TaskPlan {
            number,
            kind,
            // Choices are places of the four tiers.
            complexity: Complexity::ALL[complexity],
            importance: Importance::ALL[importance],
            begins,
            phases,
            runaway_phase,
        }
    }

    /// The plans of all tasks, in order of their beginnings.
    pub fn plans(&self) -> impl Iterator<Item = TaskPlan> + '_ {
        (0..self.tasks).map(|number| self.plan(number))
    }

    /// The tasks that were made to be found, or not to be stopped.
    pub fn planted(&self) -> impl Iterator<Item = Planted> + '_ {
        self.plans().filter_map(|plan| plan.planted())
    }

    fn kind(&self, random: &mut Random) -> TaskKind {
        let drawn = random.below(1000) as u32;
        let runaways = self.runaways_permille;
        let large = runaways + self.large_permille;
        if drawn < runaways {
            TaskKind::Runaway
        } else if drawn < large {
            TaskKind::Large
        } else if drawn < large + self.failed_permille {
            TaskKind::Failed
        } else {
            TaskKind::Ordinary
        }
    }

    /// What running away uses: a multiple of the 75th percentiles of all phases.
    fn waste(&self, complexity: usize, importance: usize) -> u64 {
        let p75 = |truth| libm::exp(self.log_p75(truth, Quantity::Tokens, complexity, importance));
        let all: f64 = self.phases.iter().map(p75).sum();
        (all * f64::from(self.runaway_times)) as u64
    }
}

impl TaskPlan {
    /// All its tokens.
    #[must_use]
    pub fn tokens(&self) -> u64 {
        self.phases.iter().fold(0, |sum: u64, phase| sum.saturating_add(phase.tokens))
    }

    /// What it was planted for, if it was.
    #[must_use]
    pub fn planted(&self) -> Option<Planted> {
        let (phase, tokens) = match self.kind {
            TaskKind::Ordinary | TaskKind::Failed => return None,
            TaskKind::Large => (None, self.tokens()),
            TaskKind::Runaway => {
                let phase = self.phases.get(self.runaway_phase?)?;
                (Some(phase.phase.clone()), phase.wasted_tokens)
            }
        };
        Some(Planted { task: task_name(self.number), kind: self.kind, phase, tokens, cost: cost_of(tokens) })
    }
}
