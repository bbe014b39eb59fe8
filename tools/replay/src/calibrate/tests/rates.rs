//! What is stated about errors, over 200 seeds.
#![expect(clippy::float_arithmetic, reason = "estimates are compared with what is true")]

use tollgate_domain::config::BudgetConfig;
use tollgate_domain::decimal::Decimal;
use tollgate_domain::tier::{Complexity, Importance};

use super::super::testing::{calibrated, plain};
use super::super::{Calibration, Confidence, Distribution, Group, Options, WeightRule};
use crate::generate::{Quantity, Spec, TaskKind};

const SEEDS: u64 = 200;

fn number(decimal: Decimal) -> f64 {
    decimal.to_string().parse().unwrap()
}

/// `P(from ≤ B ≤ to)` for `B` binomial, from the definition.
fn binomial(trials: u64, probability: f64, from: u64, to: u64) -> f64 {
    let choose =
        |count: u64| (0..count).fold(1.0, |product, k| product * (trials - k) as f64 / (k + 1) as f64);
    (from..=to)
        .map(|count| {
            choose(count) * probability.powi(count as i32) * (1.0 - probability).powi((trials - count) as i32)
        })
        .sum()
}

fn hits(group: &Distribution<u64>, percent: u64, truth: f64) -> bool {
    let found = group.percentiles.iter().find(|found| found.percent == percent).unwrap();
    let (low, high) = (found.low.unwrap() as f64, found.high.unwrap() as f64);
    // Half a token: amounts are rounded.
    low - 0.5 <= truth && truth <= high + 0.5
}

/// True percentiles lie inside their intervals exactly as often as the binomial distribution says, which is at
/// least as often as stated: 40 tasks in 4 independent phases, two measures, 200 seeds, 1,600 intervals each.
#[test]
fn true_percentiles_are_inside_their_intervals_at_the_stated_rate() {
    // Ranks of 40 samples: exact integers say so in the tests of the binomial distribution.
    let ranks = [(50, (14, 27)), (75, (24, 36)), (90, (32, 40))];
    let (mut inside, mut all) = ([0_u64; 3], 0_u64);
    for seed in 0..SEEDS {
        let spec = Spec { common_permille: 0, ..plain(seed, 40, 4) };
        let options = Options { holdout_percent: 0, ..Options::default() };
        let found = calibrated(spec.samples(), &options);
        for group in found.groups.iter().filter(|group| group.complexity.is_none()) {
            assert_eq!(group.tokens.samples, 40);
            for (quantity, distribution) in
                [(Quantity::Tokens, &group.tokens), (Quantity::LatencyMs, &group.latency_ms)]
            {
                for ((percent, _), inside) in ranks.iter().zip(&mut inside) {
                    let truth = spec.true_percentile(&group.phase, quantity, (None, None), *percent).unwrap();
                    *inside += u64::from(hits(distribution, *percent, truth));
                }
                all += 1;
            }
        }
    }
    for ((percent, (low, high)), inside) in ranks.into_iter().zip(inside) {
        let expected = binomial(40, percent as f64 / 100.0, low, high - 1);
        assert!(expected >= 0.95, "p{percent}: {expected}");
        let share = inside as f64 / all as f64;
        let deviation = (expected * (1.0 - expected) / all as f64).sqrt();
        println!("p{percent}: {inside} of {all} inside, expected {expected:.4}");
        assert!(
            (share - expected).abs() < 3.0 * deviation,
            "p{percent}: {share} of {all}, expected {expected}"
        );
    }
}

/// Of high percentiles, too, where there are samples enough for an interval with an upper end: 400 tasks, 200 seeds.
#[test]
fn true_high_percentiles_are_inside_their_intervals_at_least_as_often_as_stated() {
    let (mut inside, mut all) = ([0_u64; 2], 0_u64);
    for seed in 0..SEEDS {
        let spec = Spec { common_permille: 0, ..plain(20_000 + seed, 400, 1) };
        let found = calibrated(spec.samples(), &Options { holdout_percent: 0, ..Options::default() });
        for group in found.groups.iter().filter(|group| group.complexity.is_none()) {
            for (quantity, distribution) in
                [(Quantity::Tokens, &group.tokens), (Quantity::LatencyMs, &group.latency_ms)]
            {
                assert_eq!(distribution.samples, 400);
                for (percent, inside) in [95, 99].into_iter().zip(&mut inside) {
                    let truth = spec.true_percentile(&group.phase, quantity, (None, None), percent).unwrap();
                    *inside += u64::from(hits(distribution, percent, truth));
                }
                all += 1;
            }
        }
    }
    let least = 0.95 - 3.0 * (0.95 * 0.05 / all as f64).sqrt();
    for (percent, inside) in [95, 99].into_iter().zip(inside) {
        let share = inside as f64 / all as f64;
        println!("p{percent}: {inside} of {all} inside");
        assert!(all >= 400 && share >= least, "p{percent}: {share} of {all}, at least {least}");
    }
}

/// One estimate of 200, and whether the truth is in its interval.
#[derive(Default)]
struct Hits {
    inside: u64,
    all: u64,
    /// Of the logarithms of estimate / truth.
    sum: f64,
    squares: f64,
    /// Of half the widths of the intervals, as logarithms.
    widths: f64,
}

impl Hits {
    fn add(&mut self, value: Decimal, low: Option<Decimal>, high: Option<Decimal>, truth: f64) {
        let (low, high) = (number(low.unwrap()), number(high.unwrap()));
        self.inside += u64::from(low <= truth && truth <= high);
        self.all += 1;
        let error = (number(value) / truth).ln();
        self.sum += error;
        self.squares += error * error;
        self.widths += (high / low).ln() / 2.0;
    }

    /// The share inside must be what is stated, up to 3 standard deviations of 200 trials and 2 points for the
    /// approximation; intervals must not be wide to get there; and the mean must not be off by more than a quarter of
    /// the usual error.
    fn check(&self, what: &str, stated: f64) {
        let all = self.all as f64;
        let share = self.inside as f64 / all;
        let least = stated - 0.02 - 3.0 * (stated * (1.0 - stated) / all).sqrt();
        let (mean, usual, width) = (self.sum / all, (self.squares / all).sqrt(), self.widths / all);
        println!(
            "{what}: {} of {} inside, mean {mean:.4}, usual {usual:.4}, width {width:.4}",
            self.inside, self.all
        );
        assert!(share >= least, "{what}: {} of {} inside, at least {least}", self.inside, self.all);
        // A normal deviate stays within 1.96 of its standard deviation in 95 of 100 cases, within 1.64 in 90.
        assert!(width < 2.6 * usual, "{what}: intervals of ±{width}, usual error {usual}");
        assert!(mean.abs() < 0.25 * usual + 0.005, "{what}: off by {mean}, usual error {usual}");
    }
}

fn of_tiers(found: &Calibration, spec: &Spec, hits: &mut [Hits]) {
    let fitted = found
        .complexity
        .iter()
        .map(|tier| (tier.factor, spec.complexity[tier.tier as usize]))
        .chain(found.importance.iter().map(|tier| (tier.factor, spec.importance[tier.tier as usize])));
    for (hits, (factor, truth)) in hits.iter_mut().zip(fitted) {
        if factor.low.is_some() {
            hits.add(factor.value, factor.low, factor.high, f64::from(truth) / 1000.0);
        }
    }
}

/// Multipliers and weights are within their stated errors of the true ones at the stated rate.
#[test]
fn fitted_factors_are_within_their_stated_errors_at_the_stated_rate() {
    let mut tiers: [Hits; 8] = Default::default();
    let mut weights: [Hits; 2] = Default::default();
    for seed in 0..SEEDS {
        let spec = Spec { importance_mix: [200, 400, 200, 200], ..plain(1_000 + seed, 500, 2) };
        let options = Options { holdout_percent: 0, ..Options::default() };
        let found = calibrated(spec.samples(), &options);
        of_tiers(&found, &spec, &mut tiers);
        for (phase, hits) in found.phases.iter().zip(&mut weights) {
            let medium = (Some(Complexity::Medium), Some(Importance::Medium));
            let at = |tiers| spec.true_percentile(&phase.phase, Quantity::Tokens, tiers, 75).unwrap();
            hits.add(phase.weight.value, phase.weight.low, phase.weight.high, at(medium) / at((None, None)));
        }
    }
    let names = ["Tiny", "Small", "Medium", "Large", "low", "medium", "high", "critical"];
    for (hits, name) in tiers.iter().zip(names) {
        if ["Medium", "medium"].contains(&name) {
            assert_eq!(hits.all, 0, "{name} is what others are compared with");
        } else {
            assert!(hits.all > SEEDS * 9 / 10, "{name} was fitted {} times", hits.all);
            hits.check(name, 0.95);
        }
    }
    for (hits, phase) in weights.iter().zip(["STRATEGIZE", "SPEC"]) {
        hits.check(&format!("weight of {phase}"), 0.95);
    }
}

/// With the weights kept, base budgets are what is fitted; 90 % is stated, and 90 % is what they get.
#[test]
fn fitted_bases_are_within_their_stated_errors_at_the_stated_rate() {
    let mut bases = Hits::default();
    for seed in 0..SEEDS / 2 {
        let spec = plain(5_000 + seed, 400, 2);
        let options = Options {
            holdout_percent: 0,
            weights: WeightRule::Keep,
            confidence: Confidence::Ninety,
            ..Options::default()
        };
        let found = calibrated(spec.samples(), &options);
        for (proposed, truth) in found.phases.iter().zip(&spec.phases) {
            let config = BudgetConfig::built_in();
            let weight = number(config.find_phase(&truth.phase).unwrap().weight);
            assert_eq!(number(proposed.weight.value), weight);
            let decimal = |base: u64| Decimal::new(base, 0);
            let (low, high) = (proposed.tokens.low.map(decimal), proposed.tokens.high.map(decimal));
            bases.add(decimal(proposed.tokens.value), low, high, truth.tokens as f64 / weight);
        }
    }
    bases.check("bases", 0.9);
}

/// Limits made of the proposal cover the percentile they are made for, in every class with enough tasks.
#[test]
fn proposed_limits_are_the_true_percentiles_of_every_class() {
    // Most tasks are large, so that what is not divided by multipliers shows.
    let mix = ([100, 200, 200, 500], [100, 400, 250, 250]);
    let spec = Spec { complexity_mix: mix.0, importance_mix: mix.1, ..plain(77, 4_000, 3) };
    let options = Options { latency_margin_percent: 0, holdout_percent: 0, ..Options::default() };
    let found = calibrated(spec.samples(), &options);
    let config = BudgetConfig::from_yaml(&found.config).unwrap();
    let many = |group: &&Group| group.importance.is_some() && group.tokens.samples > 100;
    let mut seen = 0;
    for group in found.groups.iter().filter(many) {
        let metadata = tollgate_domain::metadata::TaskMetadata {
            complexity: group.complexity,
            importance: group.importance,
            ..Default::default()
        };
        let limits = tollgate_domain::limits::task_limits(&config, &metadata).unwrap();
        let limit = limits.phase(&group.phase).unwrap();
        let tiers = (group.complexity, group.importance);
        let truth = |quantity, percent| spec.true_percentile(&group.phase, quantity, tiers, percent).unwrap();
        for (what, limit, truth, percent) in [
            ("tokens", limit.tokens, truth(Quantity::Tokens, 75), 8.0),
            ("latency", limit.latency_ms, truth(Quantity::LatencyMs, 95), 15.0),
        ] {
            let off = (limit as f64 / truth - 1.0).abs() * 100.0;
            assert!(off < percent, "{what} of {} {:?}: {limit} for {truth}, {off} % off", group.phase, tiers);
        }
        seen += 1;
    }
    assert!(seen >= 24, "{seen} groups have enough tasks");
    assert!(found.complexity.iter().any(|tier| tier.tier == Complexity::Large && tier.factor.low.is_some()));
    assert!(
        found.importance.iter().any(|tier| tier.tier == Importance::Critical && tier.factor.low.is_some())
    );
}

/// A threshold that stops no good task stops every planted runaway, and those alone.
#[test]
fn planted_runaways_are_told_from_large_tasks() {
    let spec = Spec { large_permille: 30, ..Spec::new(12, 4_000) };
    let options = Options { false_positives_permille: 0, holdout_percent: 0, ..Options::default() };
    let found = calibrated(spec.samples(), &options);
    let planted = spec.planted().filter(|planted| planted.kind == TaskKind::Runaway).count() as u64;
    let token = &found.thresholds[0];
    assert!(planted > 5 && token.value > Decimal::new(15, 1), "{planted} runaways, {token:?}");
    assert_eq!((token.above, token.runaways_above), (0, (planted, planted)));
}
