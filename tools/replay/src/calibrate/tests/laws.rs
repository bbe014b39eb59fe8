//! What holds for any samples.

use proptest::prelude::*;
use tollgate_domain::config::BudgetConfig;
use tollgate_domain::decimal::Decimal;
use tollgate_domain::limits::task_limits;
use tollgate_domain::metadata::TaskMetadata;
use tollgate_domain::tier::{Complexity, Importance};

use super::super::testing::{calibrated, sample};
use super::super::{Calibration, Options, Outcome, Sample, WeightRule};
use crate::generate::Spec;

fn bytes(found: &Calibration) -> String {
    serde_json::to_string(found).unwrap()
}

/// Any samples: few tasks, so that they share tiers, phases and times.
fn samples() -> impl Strategy<Value = Vec<Sample>> {
    let phase = prop::sample::select(vec!["PLAN", "IMPLEMENT", "VERIFY", "OWN"]);
    let task = (0_usize..4, 0_usize..4, 0_usize..6, 0_u64..5);
    (prop::collection::vec(task, 40), prop::collection::vec((0_usize..40, phase, 0_u64..5_000), 1..300))
        .prop_map(|(tasks, taken)| {
            let samples = taken.into_iter().map(|(nth, phase, tokens)| {
                let (complexity, importance, outcome, day) = tasks[nth];
                let tiers = (Complexity::ALL[complexity], Importance::ALL[importance]);
                let mut sample = sample(nth as u64, phase, tiers, tokens);
                sample.outcome = Outcome::from_word(Outcome::NAMES[outcome]).unwrap();
                sample.at = sample.at.plus_millis((day * 86_400_000).cast_signed());
                sample.latency_ms = (!tokens.is_multiple_of(7)).then_some(tokens * 3);
                sample.cost = sample.cost.filter(|_| !tokens.is_multiple_of(5));
                sample
            });
            let mut samples: Vec<Sample> = samples.collect();
            // One that is learned from, so that there is a result.
            samples.push(sample(1_000, "PLAN", (Complexity::Medium, Importance::Medium), 100));
            samples
        })
}

fn options() -> impl Strategy<Value = Options> {
    (0_u8..=80, 0_u32..=500, any::<bool>()).prop_map(|(holdout_percent, false_positives_permille, keep)| {
        Options {
            holdout_percent,
            false_positives_permille,
            weights: if keep { WeightRule::Keep } else { WeightRule::Fit },
            ..Options::default()
        }
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// In any order, the same bytes.
    #[test]
    fn the_order_of_samples_changes_nothing(
        (samples, shuffled) in samples().prop_flat_map(|samples| (Just(samples.clone()), Just(samples).prop_shuffle())),
        options in options(),
    ) {
        prop_assume!(learned(&samples, &options));
        prop_assert_eq!(bytes(&calibrated(samples, &options)), bytes(&calibrated(shuffled, &options)));
    }

    /// The file is a config, the proposed one, whatever the samples.
    #[test]
    fn the_config_file_reads_back(samples in samples(), options in options()) {
        prop_assume!(learned(&samples, &options));
        let found = calibrated(samples, &options);
        let config = BudgetConfig::from_yaml(&found.config).unwrap();
        prop_assert_eq!(config.hash(), found.config_hash.clone());
        for (base, proposed) in config.phases.iter().zip(&found.phases) {
            let read = (&base.phase, base.tokens, base.latency_ms, base.weight);
            let made = (&proposed.phase, proposed.tokens.value, proposed.latency_ms.value, proposed.weight.value);
            prop_assert_eq!(read, made);
        }
    }

    /// Whoever accepts more false positives gets no higher threshold, and no more good tasks are above it than
    /// allowed. What too few tasks say nothing about stays as it is.
    #[test]
    fn thresholds_fall_as_more_false_positives_are_accepted(samples in samples()) {
        let at = |permille: u32| {
            let options =
                Options { false_positives_permille: permille, holdout_percent: 0, ..Options::default() };
            calibrated(samples.clone(), &options).thresholds
        };
        let mut before: Vec<(&str, Decimal)> = Vec::new();
        for permille in [0, 10, 50, 100, 250, 500] {
            let found = at(permille);
            for threshold in found.iter().filter(|threshold| !threshold.learned) {
                prop_assert_eq!(threshold.value, threshold.current);
            }
            let found: Vec<_> = found.into_iter().filter(|threshold| threshold.learned).collect();
            for threshold in &found {
                prop_assert!(threshold.above * 1000 <= threshold.tasks * u64::from(permille), "{:?}", threshold);
                prop_assert!(threshold.value >= Decimal::ONE);
            }
            // What was learned from so few is learned where more is accepted.
            for (key, higher) in before {
                let lower = found.iter().find(|threshold| threshold.key == key).map(|threshold| threshold.value);
                let is_lower = lower.is_some_and(|lower| lower <= higher);
                prop_assert!(is_lower, "{} permille: {} is {:?} after {}", permille, key, lower, higher);
            }
            before = found.iter().map(|threshold| (threshold.key, threshold.value)).collect();
        }
    }

    /// Weights and multipliers of 16 tasks of each of two tiers are fitted to tokens; their latency is not known. Its
    /// limits stay as they were, up to the rounding of the base, but for the tier whose multiplier was fitted.
    #[test]
    fn latency_that_was_not_learned_keeps_its_limits(tokens in prop::collection::vec((1_u64..5_000, 1_u64..5_000), 32)) {
        let samples = (0..).zip(tokens).flat_map(|(nth, (plan, verify))| {
            let complexity = if nth % 2 == 0 { Complexity::Medium } else { Complexity::Small };
            [("PLAN", plan), ("VERIFY", verify)]
                .map(|(phase, tokens)| sample(nth, phase, (complexity, Importance::Medium), tokens))
        });
        let found = calibrated(samples, &Options { holdout_percent: 0, ..Options::default() });
        let plan = &found.phases[2];
        prop_assert!(plan.tokens.learned && !plan.latency_ms.learned);
        let (current, proposed) = (BudgetConfig::built_in(), BudgetConfig::from_yaml(&found.config).unwrap());
        // Once in many thousand cases the weight that fits is the one that is there.
        prop_assume!(plan.weight.value != plan.weight.current);
        for complexity in [Complexity::Tiny, Complexity::Medium, Complexity::Large] {
            for importance in Importance::ALL {
                let metadata = TaskMetadata {
                    complexity: Some(complexity),
                    importance: Some(*importance),
                    ..TaskMetadata::default()
                };
                let limits = |config| task_limits(config, &metadata).unwrap().phases;
                for (before, after) in limits(&current).into_iter().zip(limits(&proposed)) {
                    // One millisecond of a base, times 1.5, 2 and the weight, and one of the limit.
                    let most = before.latency_ms + after.weight.times_rounded_up(3) + 1;
                    let stays = before.latency_ms <= after.latency_ms && after.latency_ms <= most;
                    prop_assert!(stays, "{:?} {}: {} {}", complexity, after.phase, before.latency_ms, after.latency_ms);
                }
            }
        }
    }

    /// Percentiles grow with their percentage, and lie inside their intervals.
    #[test]
    fn percentiles_are_in_order(samples in samples()) {
        let options = Options { holdout_percent: 0, ..Options::default() };
        for group in calibrated(samples, &options).groups {
            let mut before = 0;
            for found in &group.tokens.percentiles {
                prop_assert!(found.value >= before);
                prop_assert!(found.low.is_none_or(|low| low <= found.value), "{:?}", found);
                prop_assert!(found.high.is_none_or(|high| high >= found.value), "{:?}", found);
                before = found.value;
            }
        }
    }
}

/// Whether something is left to learn from once the latest tasks are kept to judge by.
fn learned(samples: &[Sample], options: &Options) -> bool {
    super::super::calibrate(
        &mut super::super::testing::history(samples.iter().cloned()),
        &BudgetConfig::built_in(),
        options,
    )
    .is_ok()
}

/// Nor where factors are fitted, and their errors.
#[test]
fn the_order_of_a_large_history_changes_nothing() {
    let spec = Spec::new(6, 300);
    let mut samples: Vec<Sample> = spec.samples().collect();
    let found = calibrated(samples.clone(), &Options::default());
    assert!(found.complexity[0].factor.low.is_some(), "there is an error to compare");
    samples.reverse();
    assert_eq!(bytes(&found), bytes(&calibrated(samples, &Options::default())));
}

/// A phase that is reported in parts is one sample, and what one part does not know is not known.
#[test]
fn parts_of_a_phase_are_added_up() {
    let tiers = (Complexity::Small, Importance::High);
    let whole = sample(1, "PLAN", tiers, 900);
    let parts: Vec<Sample> = [100, 300, 500].map(|tokens| sample(1, "PLAN", tiers, tokens)).to_vec();
    let options = Options { holdout_percent: 0, ..Options::default() };
    assert_eq!(bytes(&calibrated([whole], &options)), bytes(&calibrated(parts.clone(), &options)));
    let mut unknown = parts;
    unknown[1].latency_ms = None;
    let found = calibrated(unknown, &options);
    assert_eq!((found.groups[0].tokens.samples, found.groups[0].latency_ms.samples), (1, 0));
}
