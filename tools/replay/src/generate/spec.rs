//! What is true of a generated history: what it is made of, and the percentiles and limits that follow.
#![expect(
    clippy::float_arithmetic,
    reason = "quantiles of log-normal distributions; counts of tokens are rounded from them"
)]

use tollgate_domain::config::{BudgetConfig, Rollout};
use tollgate_domain::decimal::Decimal;
use tollgate_domain::phase::{DEFAULT_PHASES, Phase};
use tollgate_domain::tier::{Complexity, Importance};
use tollgate_domain::time::Timestamp;

/// The third quartile of the standard normal distribution.
pub(super) const Z75: f64 = 0.674_489_750_196_081_7;

/// What a history is made of.
///
/// The tokens of a phase of an ordinary task are log-normal. Their 75th percentile is the phase's, times the
/// multipliers of the task's tiers; the same for milliseconds. A part of the spread is common to all phases of
/// a task.
#[derive(Clone, Debug)]
pub struct Spec {
    /// The same seed gives the same history.
    pub seed: u64,
    /// How many tasks.
    pub tasks: u64,
    /// Model calls of a phase.
    pub calls_per_phase: u32,
    /// When the first task begins.
    pub start: Timestamp,
    /// Over how many milliseconds the beginnings of tasks are spread.
    pub span_ms: u64,
    /// The config that tasks are opened with. It says nothing about what they use.
    pub config: BudgetConfig,
    /// The phases every task passes, in order.
    pub phases: Vec<PhaseTruth>,
    /// True multipliers of complexity in thousandths, lowest tier first.
    pub complexity: [u32; 4],
    /// True multipliers of importance in thousandths, lowest tier first.
    pub importance: [u32; 4],
    /// How frequent each complexity is, as weights.
    pub complexity_mix: [u32; 4],
    /// How frequent each importance is, as weights.
    pub importance_mix: [u32; 4],
    /// The standard deviation of the logarithm of tokens, in thousandths.
    pub token_spread: u32,
    /// The standard deviation of the logarithm of milliseconds, in thousandths.
    pub latency_spread: u32,
    /// How much of the variance is common to the phases of a task, in thousandths.
    pub common_permille: u32,
    /// Of 1,000 tasks, how many run away in a phase.
    pub runaways_permille: u32,
    /// How much more tokens such a phase uses, as a multiple of the 75th percentiles of all phases of its task.
    pub runaway_times: u32,
    /// Of 1,000 tasks, how many are legitimate but large.
    pub large_permille: u32,
    /// How much more such a task uses, in thousandths.
    pub large_times: u32,
    /// Of 1,000 tasks, how many are abandoned after some phase.
    pub failed_permille: u32,
    /// Of 1,000 phases, how many have a second attempt.
    pub second_attempts_permille: u32,
    /// Of 1,000 phases, how many wait for a person.
    pub waits_permille: u32,
    /// Whether progress is reported: one unit of a phase's signal per 500 tokens of a call, at least one each. What
    /// runs away goes in circles: calls of the same size, each about the same and without progress.
    pub signals: bool,
}

/// What is true of a phase at complexity Medium and importance medium, if their multipliers are 1.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PhaseTruth {
    /// Its name.
    pub phase: Phase,
    /// The 75th percentile of its tokens.
    pub tokens: u64,
    /// The 75th percentile of its active milliseconds.
    pub latency_ms: u64,
}

/// What is measured of a phase.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Quantity {
    /// Tokens.
    Tokens,
    /// Milliseconds without waits.
    LatencyMs,
}

/// Tiers to look at; `None`: all, as frequent as they are.
pub type Tiers = (Option<Complexity>, Option<Importance>);

impl Spec {
    /// A history of some tasks over 60 days: the shipped config's phases, with multipliers that differ from the
    /// config's.
    #[must_use]
    pub fn new(seed: u64, tasks: u64) -> Self {
        // Tokens and milliseconds at Medium and medium, in the order of the phases.
        let truths = [
            (4_200, 80_000),
            (1_600, 45_000),
            (2_900, 66_000),
            (5_500, 120_000),
            (4_100, 150_000),
            (2_300, 55_000),
            (1_900, 52_000),
            (1_100, 21_000),
            (700, 14_000),
        ];
        let phases = DEFAULT_PHASES.iter().zip(truths).filter_map(|(name, (tokens, latency_ms))| {
            Some(PhaseTruth { phase: name.parse().ok()?, tokens, latency_ms })
        });
        Self {
            seed,
            tasks,
            calls_per_phase: 3,
            start: Timestamp::from_micros(1_773_734_400_000_000).unwrap_or_default(),
            span_ms: 60 * 24 * 60 * 60 * 1000,
            config: BudgetConfig::built_in(),
            phases: phases.collect(),
            complexity: [400, 750, 1000, 1800],
            importance: [800, 1000, 1250, 1700],
            complexity_mix: [200, 350, 300, 150],
            importance_mix: [150, 600, 200, 50],
            token_spread: 450,
            latency_spread: 600,
            common_permille: 250,
            runaways_permille: 8,
            runaway_times: 4,
            large_permille: 10,
            large_times: 1_600,
            failed_permille: 20,
            second_attempts_permille: 40,
            waits_permille: 60,
            signals: false,
        }
    }

    /// The true percentile of a phase over all tasks that end well, among them legitimate large ones. `None`
    /// for a phase that is not in it.
    #[must_use]
    pub fn true_percentile(
        &self,
        phase: &Phase,
        quantity: Quantity,
        tiers: Tiers,
        percent: u64,
    ) -> Option<f64> {
        let truth = self.phases.iter().find(|truth| truth.phase == *phase)?;
        let spread = self.spread(quantity);
        let good = 1000_u32.checked_sub(self.runaways_permille)?.checked_sub(self.failed_permille)?;
        let mut parts: Vec<(f64, f64)> = Vec::new();
        for (complexity, importance, share) in self.classes(tiers) {
            let middle = self.log_p75(truth, quantity, complexity, importance) - spread * Z75;
            let large = f64::from(self.large_permille) / f64::from(good);
            parts.push((share * (1.0 - large), middle));
            parts.push((share * large, middle + libm::log(f64::from(self.large_times) / 1000.0)));
        }
        let all: f64 = parts.iter().map(|(share, _)| share).sum();
        // The share of the mixture up to a logarithm only grows: halve until nothing is left to halve.
        let up_to = |log: f64| -> f64 {
            let shares = parts.iter().map(|(share, middle)| share * normal_share((log - middle) / spread));
            shares.sum::<f64>() / all
        };
        let (mut low, mut high) = (-50.0, 50.0);
        for _ in 0..100 {
            let middle = f64::midpoint(low, high);
            if up_to(middle) < percent as f64 / 100.0 { low = middle } else { high = middle }
        }
        Some(libm::exp(high))
    }

    /// The classes with their shares.
    fn classes(&self, (complexity, importance): Tiers) -> impl Iterator<Item = (usize, usize, f64)> {
        let of_complexity = (0..4).filter(move |nth| complexity.is_none_or(|tier| tier as usize == *nth));
        of_complexity.flat_map(move |c| {
            let of_importance = (0..4).filter(move |nth| importance.is_none_or(|tier| tier as usize == *nth));
            of_importance.map(move |i| {
                let weight = u64::from(self.complexity_mix[c]) * u64::from(self.importance_mix[i]);
                (c, i, weight as f64)
            })
        })
    }

    /// The logarithm of the 75th percentile of an ordinary phase.
    pub(super) fn log_p75(
        &self,
        truth: &PhaseTruth,
        quantity: Quantity,
        complexity: usize,
        importance: usize,
    ) -> f64 {
        let base = match quantity {
            Quantity::Tokens => truth.tokens,
            Quantity::LatencyMs => truth.latency_ms,
        };
        let of = |thousandths: u32| libm::log(f64::from(thousandths) / 1000.0);
        libm::log(base as f64) + of(self.complexity[complexity % 4]) + of(self.importance[importance % 4])
    }

    /// The standard deviation of the logarithm.
    pub(super) fn spread(&self, quantity: Quantity) -> f64 {
        let thousandths = match quantity {
            Quantity::Tokens => self.token_spread,
            Quantity::LatencyMs => self.latency_spread,
        };
        f64::from(thousandths) / 1000.0
    }

    /// Limits that are what tasks of each class truly take at the 75th percentile, and thresholds of so many times
    /// that: between what runs away and all else, they block exactly the planted runaways.
    #[must_use]
    pub fn truthful(&self, times: u64) -> BudgetConfig {
        let mut config = BudgetConfig { rollout: Rollout::Enforce, ..BudgetConfig::built_in() };
        for (base, truth) in config.phases.iter_mut().zip(&self.phases) {
            (base.tokens, base.weight) = (truth.tokens, Decimal::ONE);
        }
        config.complexity = self.complexity.map(|thousandths| Decimal::new(thousandths.into(), 3));
        config.importance = self.importance.map(|thousandths| Decimal::new(thousandths.into(), 3));
        let thresholds = &mut config.stop_loss.thresholds;
        (thresholds.cumulative_token, thresholds.early_block) =
            (Decimal::new(times, 0), Decimal::new(times, 0));
        config
    }
}

/// The share of a standard normal distribution up to a value.
fn normal_share(value: f64) -> f64 {
    0.5 * libm::erfc(-value / core::f64::consts::SQRT_2)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn quantile(spec: &Spec, tiers: Tiers, percent: u64) -> f64 {
        spec.true_percentile(&spec.phases[0].phase, Quantity::Tokens, tiers, percent).unwrap()
    }

    #[test]
    fn percentiles_of_a_class_are_those_of_a_log_normal_distribution() {
        let spec = Spec { large_permille: 0, ..Spec::new(1, 1) };
        let medium = (Some(Complexity::Medium), Some(Importance::Medium));
        assert!((quantile(&spec, medium, 75) - 4200.0).abs() < 0.01);
        // 4200 · e^(0.45 · (1.6448536 − 0.6744898)) = 6499.9.
        assert!((quantile(&spec, medium, 95) - 6499.9).abs() < 1.0, "{}", quantile(&spec, medium, 95));
        let large = (Some(Complexity::Large), Some(Importance::Critical));
        assert!((quantile(&spec, large, 75) - 4200.0 * 1.8 * 1.7).abs() < 0.1);
    }

    #[test]
    fn legitimate_large_tasks_raise_percentiles() {
        let (without, with) =
            (Spec { large_permille: 0, ..Spec::new(1, 1) }, Spec { large_permille: 100, ..Spec::new(1, 1) });
        let medium = (Some(Complexity::Medium), Some(Importance::Medium));
        let (low, high) = (quantile(&without, medium, 90), quantile(&with, medium, 90));
        assert!(high > low * 1.02 && high < low * 1.6, "{low}, {high}");
    }
}
